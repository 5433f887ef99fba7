"""Packed tones, in one thread."""

import pytest

from tests.synthesis.making import packed_in
from tests.threads import one_thread as one_thread


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Twelve tones."""
    return packed_in(tmp_path_factory.mktemp("packed"), 12)
