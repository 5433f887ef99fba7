"""The command that writes a causal enhancer as an ONNX file: what it prints, and what it refuses."""

import json

import numpy as np
import pytest
import soundfile
import torch

from voxdag import export, predict
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.networks import by_name, streaming
from voxdag.networks.weights import digest, write_weights

SIZE = {"channels": 4, "layers": 1, "hidden": 4, "decoder": 4}
SCORING = {
    "task": "enhance",
    "recordings": "features/enhance",
    "inference": {"batch_size": 1, "samples": 64_000, "overlap": 1000},
    "decoding": {"rate": 16_000, "min_seconds": 0.1, "min_peak": 1e-4, "max_clipped": 0.01},
    "front_end": None,
}


def buffers():
    return load_module("voxdag.tasks.{task}.inference", task="enhance").BUFFERS


def weights(folder, config):
    """Those of an enhancer whose batch norms have seen something."""
    torch.manual_seed(0)
    network = by_name.build("bsrnn", config, SIZE, 1, buffers()).train()
    network(0.1 * torch.randn(2, 4000), torch.tensor([4000, 4000]))
    about = by_name.about("bsrnn", config, SIZE, 1) | {"system": "bsrnn", "scoring": SCORING}
    write_weights(folder / f"{config}.safetensors", network, about)
    return folder / f"{config}.safetensors"


def run(*words):
    export.run(export.parse([str(word) for word in words]))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    return folder, weights(folder, "tiny_causal")


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_file_enhances_as_predict_does_and_what_is_printed_is_true(exported, capsys, monkeypatch):
    folder, path = exported
    monkeypatch.setattr(export, "SECONDS", 1.0)
    monkeypatch.chdir(folder)  # no params.yaml here
    run("--weights", path, folder / "step.onnx")
    printed, complained = capsys.readouterr()
    assert complained == ""
    printed = json.loads(printed)
    assert printed["weights"] == f"{path} {digest(path)}" and printed["latency_ms"] == 32
    assert printed["steps"] == -(-(16_000 + 384) // 128) and 0 < printed["difference"] <= 1e-5
    assert printed["parameters"] == sum(p.numel() for p in by_name.restore(path, buffers=buffers()).parameters())
    assert all(printed[f"rtf_{name}"] > 0 for name in ("whole", "torch", "onnx"))
    samples = np.random.default_rng(0).normal(0, 2000, 5000).astype(np.int16)
    soundfile.write(folder / "in.wav", samples, 16_000)
    predict.run(predict.parse(["--weights", str(path), str(folder / "in.wav"), "-o", str(folder / "out.wav")]))
    made = streaming.in_onnx(folder / "step.onnx").enhanced(samples / np.float32(32768))
    assert made == pytest.approx(soundfile.read(folder / "out.wav")[0], abs=1 / 32768)  # rounded to 16 bits


def test_a_file_that_differs_from_torch_is_not_written(exported, monkeypatch):
    folder, path = exported

    def wrong(stream, out):
        with torch.no_grad():
            stream.network.residual.bias += 0.01
        streaming_export(stream, out)
        with torch.no_grad():
            stream.network.residual.bias -= 0.01

    streaming_export = streaming.export
    monkeypatch.setattr(streaming, "export", wrong)
    monkeypatch.setattr(export, "SECONDS", 0.1)
    with pytest.raises(Refused, match=r"wrong.onnx is not written: step \d+ differs from torch by .*, more than 1e-05"):
        run("--weights", path, folder / "wrong.onnx")
    assert not (folder / "wrong.onnx").exists()


def test_a_network_that_hears_the_future_is_refused(tmp_path):
    with pytest.raises(Refused, match="the network cannot run hop by hop: causal False"):
        run("--weights", weights(tmp_path, "tiny"), tmp_path / "step.onnx")


def test_what_enhances_nothing_is_refused(tmp_path):
    of_emotion = SCORING | {"task": "emotion"}
    about = by_name.about("bsrnn", "tiny_causal", SIZE, 1) | {"system": "tier1", "scoring": of_emotion}
    write_weights(tmp_path / "w.safetensors", by_name.build("bsrnn", "tiny_causal", SIZE, 1, buffers()), about)
    with pytest.raises(Refused, match="tier1 enhances nothing, it is of the task emotion: expected an enhancer"):
        run("--weights", tmp_path / "w.safetensors", tmp_path / "step.onnx")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["step.onnx"], "expected --system or --weights, one of them"),
        (["--system", "bsrnn", "--weights", "w.safetensors", "step.onnx"], "expected --system or --weights"),
        (["--system", "bsrnn", "step.pt"], "OUT is step.pt: expected a name that ends in .onnx"),
        (["--weights", "gone.safetensors", "step.onnx"], "no weights at gone.safetensors"),
        (["--weights", "w.safetensors", "--member", "seed-1", "step.ONNX"], "--member seed-1 is of a system, and"),
    ],
)
def test_a_command_line_that_names_no_network_or_no_file_is_refused(words, message):
    with pytest.raises(Refused, match=message):
        run(*words)
