"""Every network on a GPU: the CPU's values, and the same gradients, bit by bit, whenever they are asked for."""

import os
import warnings

import pytest
import torch

from tests.models.test_interface import HELPERS, MODULES, SMALL, helper_inputs, inputs, logits
from voxdag.core import runtime
from voxdag.core.params import Run

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]
PRECISIONS = (torch.float32, torch.bfloat16)
OUTPUTS = 4


@pytest.fixture(autouse=True)
def deterministic(monkeypatch):
    """As in a run, put back behind the test."""
    before = torch.get_deterministic_debug_mode(), torch.get_num_threads()
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", os.environ.get("CUBLAS_WORKSPACE_CONFIG", ":4096:8"))
    runtime.setup(Run(seed=1, num_threads=1, device="cuda"))
    yield
    torch.set_deterministic_debug_mode(before[0])
    torch.set_num_threads(before[1])


def built(name):
    torch.manual_seed(0)
    return MODULES[name].build(MODULES[name].CONFIGS[SMALL[name]], OUTPUTS)


def given(network, name):
    if name in HELPERS:
        return helper_inputs(name, MODULES[name].CONFIGS[SMALL[name]], OUTPUTS)
    return inputs(network)


def on_gpu(tensors):
    return [tensor.cuda() for tensor in tensors]


@pytest.mark.parametrize("name", SMALL)
def test_values_are_those_of_the_cpu(name):
    network = built(name).eval()
    tensors = given(network, name)
    with torch.inference_mode():
        here = logits(network(*tensors))
        there = logits(network.cuda()(*on_gpu(tensors))).cpu()
    assert float((there - here).norm() / here.norm()) < 1e-5


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", [name for name in SMALL if name != "ssl_moments"])  # which is frozen
def test_gradients_are_the_same_each_time(name, precision):
    def gradients():
        network = built(name).cuda().train()
        tensors = on_gpu(given(network, name))
        torch.manual_seed(2)
        with torch.autocast("cuda", precision, enabled=precision is not torch.float32):
            loss = logits(network(*tensors)).float().square().mean()
        loss.backward()
        return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*deterministic")
        first, second = gradients(), gradients()
    assert first and all(map(torch.equal, first, second))
    assert all(gradient.isfinite().all() for gradient in first)
