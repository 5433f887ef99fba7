"""Training on a GPU, stage by stage as `dvc repro` runs them: the same bytes each time."""

import pytest
import torch
import yaml

from tests.test_end_to_end import tiny

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]
FITTED = ("train@aasist", "train@dann", "train@tier1", "train@bsrnn", "synthesize@affect_gan", "train@ast_gan")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("clone"), device="cuda")


@pytest.mark.parametrize("stage", FITTED)
def test_fitting_twice_gives_the_same_bytes(clone, stage):
    clone(f"dvc repro {stage}")
    first = yaml.safe_load(clone.lock())["stages"][stage]["outs"]
    clone(f"dvc repro --single-item --force {stage}")
    assert yaml.safe_load(clone.lock())["stages"][stage]["outs"] == first
