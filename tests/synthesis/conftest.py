"""One thread: the networks of these tests are too small to be shared out, and other processes may be busy."""

import pytest
import torch

from tests.synthesis.making import packed_in


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Twelve tones."""
    return packed_in(tmp_path_factory.mktemp("packed"), 12)
