"""The step of a causal BSRNN in torch and in ONNX: the same numbers on every frame, and in the state."""

import re

import numpy as np
import onnx
import pytest
import torch

from models.bsrnn import BSRNNConfig, build
from voxdag.core.errors import Refused
from voxdag.networks import streaming

SIZE = BSRNNConfig(channels=4, layers=2, hidden=6, decoder=4, norm="batch", causal=True)


def network(**changes):
    """Whose batch norms have seen something."""
    torch.manual_seed(2)
    made = build(BSRNNConfig(**vars(SIZE) | changes), 1).train()
    made(0.1 * torch.randn(2, 4000), torch.tensor([4000, 4000]))
    return made.eval()


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    stream = streaming.stream_of(network())
    path = tmp_path_factory.mktemp("onnx") / "step.onnx"
    streaming.export(stream, path)
    return streaming.in_torch(stream), streaming.in_onnx(path), path


@pytest.fixture(scope="module")
def wave():
    noise = np.random.default_rng(0).normal(size=5000)
    return (0.3 * noise * np.geomspace(1, 1e-3, 5000)).astype(np.float32)


def test_every_step_in_onnx_gives_what_it_gives_in_torch(both, wave):
    differences = streaming.differences(both[0], both[1], wave)
    assert len(differences) == -(-(5000 + 384) // 128)  # samples and delay in hops of 128
    assert differences.max() <= 1e-5


def test_hop_by_hop_in_onnx_is_the_whole_recording_in_torch(both, wave):
    with torch.inference_mode():
        whole = network()(torch.from_numpy(wave)[None], torch.tensor([len(wave)]))[0].numpy()
    assert np.abs(whole).max() > 0.1
    np.testing.assert_allclose(both[1].enhanced(wave), whole, rtol=0, atol=1e-5)


def test_a_difference_is_found_in_its_step_in_outputs_and_in_state(both, wave):
    # another weight of the last layer differs from the first step on; what is carried wrongly, from the second on
    torch_step, onnx_step, _ = both
    other = network()
    with torch.no_grad():
        other.residual.bias[40, 0] += 1e-2
    differs = streaming.differences(streaming.in_torch(streaming.stream_of(other)), onnx_step, wave)
    assert np.median(differs) > 1e-5

    def forgetful(inputs):
        given = torch_step.step(inputs)
        return [*given[:-1], 0 * given[-1]]

    forgets = streaming.Streamed(forgetful, torch_step.start, torch_step.hop, torch_step.delay)
    assert streaming.differences(forgets, onnx_step, wave)[0] > 1e-3


def test_the_file_says_how_it_is_run(both):
    model = onnx.load(both[2])
    onnx.checker.check_model(model)
    said = {one.key: one.value for one in model.metadata_props}
    assert said == {"rate": "16000", "hop": "128", "delay": "384"}
    carried = 2 + 2 * SIZE.layers  # what was heard and is to be added, and two of each LSTM over time
    assert [one.name for one in model.graph.input] == ["samples", *(f"carried_{i}" for i in range(carried))]
    assert [one.name for one in model.graph.output] == ["enhanced", *(f"carries_{i}" for i in range(carried))]


def test_latency_is_a_window(both):
    assert both[0].latency == both[1].latency == pytest.approx(512 / 16_000)


def test_seconds_of_a_processor_are_counted_for_a_second_of_audio(both, monkeypatch):
    # 200 steps of 128 samples are 1.6 s; a clock that goes on by 0.04 s between two looks makes that 0.025
    clock = iter(range(100))
    monkeypatch.setattr(streaming.time, "process_time", lambda: 0.04 * next(clock))
    assert both[0].real_time_factor(rounds=2) == pytest.approx(0.04 / 1.6)


def test_what_cannot_run_hop_by_hop_is_refused():
    with pytest.raises(Refused, match="causal False, outputs 1.*; the causal sizes are tiny_causal, small"):
        streaming.stream_of(network(causal=False))
    with pytest.raises(Refused, match="Linear has no step of a hop"):
        streaming.stream_of(torch.nn.Linear(1, 1))


def test_a_package_that_is_not_installed_is_named(monkeypatch, tmp_path, both):
    found = streaming.importlib.util.find_spec
    monkeypatch.setattr(
        streaming.importlib.util, "find_spec", lambda name: None if name == "onnxscript" else found(name)
    )
    with pytest.raises(Refused, match=re.escape('not installed: onnxscript; pip install "voxdag[export]"')):
        streaming.export(streaming.stream_of(network()), tmp_path / "step.onnx")
    assert not list(tmp_path.iterdir())
