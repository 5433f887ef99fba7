"""Networks as ONNX files: the same outputs as in torch, for any number and length of recordings, and the same bytes."""

import onnx
import pytest
import torch
from torch import nn

from models import bsrnn, layer_pooling, tier1
from voxdag.core.errors import Refused
from voxdag.networks import onnx_export, onnx_network
from voxdag.networks.onnx_export import Input, exported

BUFFERS = {"temperature": torch.ones(()), "trained": torch.ones(3, dtype=torch.bool)}
CLOSE = 2e-5  # float32 sums in another order; outputs are of size 1
LAYERS = layer_pooling.CONFIGS["quick"].__class__(**vars(layer_pooling.CONFIGS["quick"]) | {
    "channels": (4,), "width": 8, "projection": (16,), "bands": 16,
})  # fmt: skip
NOISE = bsrnn.BSRNNConfig(channels=4, layers=1, hidden=4, decoder=4, norm="batch", causal=False)

SMALL = {"rows": 12, "channels": (6,), "hidden": 5, "layers": 1, "deviations": True}
WITH_STEM = tier1.Tier1Config(**SMALL, strides=(1,), stem=(2, 3, 4), stem_strides=(2, 2, 1))
WITH_STRIDE = tier1.Tier1Config(**SMALL | {"layers": 2}, strides=(3,))


def network(module, config, outputs):
    """As it is after some training would be: batch norms are not 0 and 1."""
    torch.manual_seed(0)
    made = module.build(config, outputs).eval()
    for name, buffer in made.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(0.5 + torch.rand(buffer.shape))
    for name, value in BUFFERS.items():
        made.register_buffer(name, value.clone())
    made.temperature.fill_(1 / 3)
    made.trained[1] = False
    return made


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """name -> (network, the same by ONNX, its file)."""
    made = {
        "wave": (network(layer_pooling, LAYERS, 2), Input(1, 2000)),
        "waves": (network(bsrnn, NOISE, 1), Input(1, 4000)),
        "features": (network(tier1, WITH_STEM, 3), Input(12, 90, bounded=False)),
        "pooled": (network(tier1, WITH_STRIDE, 3), Input(12, 90, bounded=False)),
    }
    found = {}
    for name, (one, taken) in made.items():
        path = tmp_path_factory.mktemp("onnx") / f"{name}.onnx"
        path.write_bytes(exported(one, taken, BUFFERS))
        found[name] = one, onnx_network.read(path, BUFFERS), path
    return found


def inputs(name, lengths):
    generator = torch.Generator().manual_seed(len(lengths))
    rows = (12,) if name in ("features", "pooled") else ()
    values = 0.3 * torch.randn((len(lengths), *rows, max(lengths)), generator=generator)
    return (values,) if name == "wave" else (values, torch.tensor(lengths))


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("wave", [2000]), ("wave", [2000] * 5),
        ("waves", [4000]), ("waves", [3001, 3000, 250]),
        ("features", [90]), ("features", [301, 17, 100, 18]), ("pooled", [90]), ("pooled", [301, 17, 100, 18]),
    ],
)  # fmt: skip
@torch.inference_mode()
def test_what_onnx_gives_is_what_torch_gives(pairs, name, lengths):
    one, other, _ = pairs[name]
    given = inputs(name, lengths)
    expected = one(*given)
    expected = expected[1] if isinstance(expected, tuple) else expected
    found = other(*given)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert float((found - expected).abs().max()) < CLOSE


def test_what_is_not_in_the_graph_comes_with_the_file(pairs):
    for one, other, _ in pairs.values():
        assert other.TAKES == one.TAKES and not other.training
        assert torch.equal(other.temperature, one.temperature)  # to the last bit
        assert torch.equal(other.trained, one.trained) and other.trained.dtype == torch.bool


def test_the_same_network_gives_the_same_bytes_and_none_says_where(pairs):
    one, _, path = pairs["wave"]
    assert exported(one, Input(1, 2000), BUFFERS) == path.read_bytes()
    for _, _, path in pairs.values():
        assert b"site-packages" not in path.read_bytes() and b".py" not in path.read_bytes()
        onnx.checker.check_model(onnx.load(path))


def test_a_network_that_cannot_be_written_says_why():
    class Asks(nn.Module):
        TAKES = "wave"

        def forward(self, wave):
            return wave[:, :2] if bool(wave.sum() > 0) else wave[:, 2:4]

    said = "torch.onnx cannot write Asks: what it does depends on the values of what goes in"
    for _ in range(2):
        with pytest.raises(Refused, match=f"^{said}$"):
            exported(Asks(), Input(1, 100), {})
    with pytest.raises(Refused, match="Linear takes None; expected one of wave, waves, features"):
        exported(nn.Linear(2, 2), Input(1, 100), {})


def test_what_the_exporter_says_is_logged_and_stands_in_no_reason(monkeypatch, caplog):
    # its text may hold a set, whose order is another in each process
    def fails(*_):
        raise RuntimeError("no form") from ValueError(f"wants {set('abcdefgh')}")

    monkeypatch.setattr(onnx_export, "_model", fails)
    caplog.set_level("INFO", logger=onnx_export.__name__)
    with pytest.raises(Refused, match="^torch.onnx cannot write Linear: the exporter fails at it$"):
        linear = nn.Linear(2, 2)
        linear.TAKES = "wave"
        exported(linear, Input(1, 100), {})
    assert "ValueError: wants {" in caplog.text


def test_a_file_of_others_is_refused(tmp_path, pairs):
    (tmp_path / "none.onnx").write_bytes(b"none")
    with pytest.raises(Refused, match=r"none.onnx is no network that `voxdag.bundle` exported"):
        onnx_network.read(tmp_path / "none.onnx", {})
    model = onnx.load(pairs["wave"][2])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(Refused, match=r"bare.onnx is no network that `voxdag.bundle` exported"):
        onnx_network.read(tmp_path / "bare.onnx", {})


def test_a_graph_that_is_too_large_for_a_file_is_refused(monkeypatch):
    monkeypatch.setattr(onnx_export, "LIMIT", 1000)
    with pytest.raises(Refused, match="is too large for one ONNX file"):
        exported(network(layer_pooling, LAYERS, 2), Input(1, 2000), BUFFERS)
