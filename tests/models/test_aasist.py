"""The official program's outputs (tests/golden/aasist_formula.npz), with weights and waves made by formula here."""

import os
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models import cpu_convolution
from models.aasist import AASIST, CONFIGS, AASISTConfig, build, sinc_bank
from voxdag.core import runtime

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "aasist_formula.npz")
CLASS_WEIGHTS = torch.tensor([0.1, 0.9])
WEIGHTS = os.environ.get("VOXDAG_AASIST_WEIGHTS")


def formula_state(network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights that depend on each tensor's name and shape alone; the front end's statistics are those of the waves."""
    state = {name: formula_tensor(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()}
    return state | {"first_bn.running_mean": torch.tensor([0.02]), "first_bn.running_var": torch.tensor([4e-4])}


def formula_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    rng = np.random.Generator(np.random.Philox(zlib.crc32(name.encode())))
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    if name.endswith(("running_var", "bn.weight", "bn1.weight", "bn2.weight")):
        return torch.from_numpy(rng.uniform(0.5, 1.5, shape).astype(np.float32))
    fan_in = max(int(np.prod(shape[1:])), 1)
    return torch.from_numpy((0.7 * rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32))


def formula_waves(samples: int) -> torch.Tensor:
    rng = np.random.Generator(np.random.Philox(1))
    t = np.arange(samples) / 16_000
    noise = 0.1 * rng.standard_normal(samples)
    chirp = 0.5 * np.sin(2 * np.pi * (50 * t + 900 * t**2))
    pulses = 0.8 * (np.arange(samples) % 133 == 0)
    voiced = sum(0.3 / k * np.sin(2 * np.pi * 120 * k * t) for k in range(1, 20))
    tremolo = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * t)
    return torch.from_numpy(np.stack([noise, chirp, pulses, voiced * tremolo]).astype(np.float32))


def formula_network(config: str, dropout: bool = True) -> nn.Module:
    network = AASIST(CONFIGS[config])
    network.load_state_dict(formula_state(network), strict=True)
    for module in network.modules():
        if isinstance(module, nn.Dropout) and not dropout:
            module.p = 0.0
    return network.eval()


def logits(network: nn.Module, waves: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return network(waves)[1]


@pytest.fixture(params=["cpu", "gpu"])
def forms(request, monkeypatch):
    """The fast forms that a CPU gets; and here, too, those of models/aasist.py itself, which a GPU gets."""
    if request.param == "gpu":
        monkeypatch.setattr(cpu_convolution, "on_cpu", lambda tensor: False)


# The official program differs from itself in float64 by up to 7e-7 in these logits and 7e-6 in the embeddings.
@pytest.mark.usefixtures("forms")
@pytest.mark.parametrize("config", ["aasist", "aasist_l"])
@pytest.mark.parametrize("samples", [16_000, 64_600])
def test_outputs_are_those_of_the_official_program(config, samples):
    with torch.inference_mode():
        embedding, scores = formula_network(config)(formula_waves(samples))
    np.testing.assert_allclose(scores, GOLDEN[f"{config}/logits_{samples}"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(embedding, GOLDEN[f"{config}/embedding_{samples}"], rtol=0, atol=5e-5)


@pytest.mark.usefixtures("forms")
@pytest.mark.parametrize("config", ["aasist", "aasist_l"])
def test_a_training_step_is_that_of_the_official_program(config):
    network = formula_network(config, dropout=False).train()
    _, scores = network(formula_waves(16_000))
    loss = F.cross_entropy(scores, torch.tensor([0, 1, 0, 1]), weight=CLASS_WEIGHTS)
    loss.backward()
    np.testing.assert_allclose(scores.detach(), GOLDEN[f"{config}/train_logits"], rtol=0, atol=1e-4)
    assert loss.item() == pytest.approx(float(GOLDEN[f"{config}/train_loss"]), abs=1e-5)
    parameters = dict(network.named_parameters())
    norms = [parameters[name].grad.norm().item() for name in GOLDEN[f"{config}/gradient_names"]]
    np.testing.assert_allclose(norms, GOLDEN[f"{config}/gradient_norms"], rtol=1e-3)
    unused = {name for name, parameter in parameters.items() if parameter.grad is None}
    assert unused == {f"encoder.{i}.0.bn1.{kind}" for i in range(1, 6) for kind in ("weight", "bias")}


@pytest.mark.usefixtures("forms")
@pytest.mark.parametrize("config", ["aasist", "aasist_l"])
def test_training_moves_all_running_statistics_as_the_official_program_does_bn1_too(config):
    network = formula_network(config, dropout=False).train()
    network(formula_waves(16_000))
    after = network.state_dict()
    golden = {key.removeprefix(f"{config}/after/"): GOLDEN[key] for key in GOLDEN if key.startswith(f"{config}/after/")}
    assert "encoder.1.0.bn1.running_var" in golden
    for name, expected in golden.items():
        np.testing.assert_allclose(after[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)
    counts = {name: after[name].item() for name in after if name.endswith("num_batches_tracked")}
    assert set(counts.values()) == {8}  # one more than the formula's 7


@pytest.mark.skipif(WEIGHTS is None, reason="VOXDAG_AASIST_WEIGHTS does not point at the official AASIST.pth")
@pytest.mark.parametrize("samples", [16_000, 64_600])
def test_the_released_weights_score_as_in_the_official_program(samples):
    network = AASIST(CONFIGS["aasist"])
    network.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True), strict=True)
    scores = logits(network.eval(), formula_waves(samples))
    # float32 leaves 9e-6 of the chirp's logits, which lie at 20, far from those of speech.
    np.testing.assert_allclose(scores, GOLDEN[f"released/logits_{samples}"], rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize(("config", "parameters"), [("aasist", 297_866), ("aasist_l", 85_306)])
def test_the_state_dict_is_the_official_one(config, parameters):
    network = AASIST(CONFIGS[config])
    assert sum(p.numel() for p in network.parameters()) == parameters
    state = network.state_dict()
    assert len(state) == 229
    assert list(state)[:5] == ["pos_S", "master1", "master2", "first_bn.weight", "first_bn.bias"]
    assert state["encoder.2.0.conv_downsample.weight"].shape == (CONFIGS[config].encoder_channels[2], 32, 1, 3)
    assert state["pool_hT2.proj.weight"].shape == (1, 32)
    assert "encoder.0.0.bn1.weight" not in state


def test_a_filter_of_the_bank_passes_its_own_mel_band_and_stops_the_others():
    # A 129-tap Hamming window has a main lobe of 4 / 129 cycles per sample (496 Hz), so bands 1 kHz away are stopped.
    gain = np.abs(np.fft.rfft(sinc_bank(70).numpy(), 16_000))[:, ::10]  # every 10 Hz
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 71)
    edges = 700 * (10 ** (mel / 2595) - 1)
    for band in (40, 55, 69):
        frequency = 10 * np.arange(gain.shape[1])
        inside = (frequency > edges[band]) & (frequency < edges[band + 1])
        far = (frequency < edges[band] - 1000) | (frequency > edges[band + 1] + 1000)
        assert gain[band, far].max() < 0.01 * gain[band, inside].max()


def test_utterances_do_not_see_each_other():
    network, waves = formula_network("aasist_s"), formula_waves(24_000)
    together = logits(network, waves)
    one_by_one = torch.cat([logits(network, wave[None]) for wave in waves])
    np.testing.assert_allclose(one_by_one, together, rtol=0, atol=1e-5)
    order = [2, 0, 3, 1]
    np.testing.assert_allclose(logits(network, waves[order]), together[order], rtol=0, atol=1e-5)


def test_evaluation_changes_no_buffer_and_does_not_depend_on_gradients_being_recorded():
    network, waves = formula_network("aasist_s"), formula_waves(16_000)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with_gradients = network(waves)[1]
    torch.testing.assert_close(with_gradients.detach(), logits(network, waves), rtol=0, atol=1e-6)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_scores_of_the_cpu():
    network, waves = formula_network("aasist"), formula_waves(64_600)
    with runtime.tf32(False):  # as scores are made
        on_gpu = logits(network.cuda(), waves.cuda()).cpu()
    torch.testing.assert_close(on_gpu, logits(network.cpu(), waves), rtol=0, atol=5e-5)


def test_bfloat16_autocast_keeps_the_scores_and_trains():
    network, waves = formula_network("aasist_s", dropout=False), formula_waves(16_000)
    exact = logits(network, waves)
    with torch.autocast("cpu", torch.bfloat16):
        rough = logits(network, waves).float()
        scores = network.train()(waves)[1]
    assert 0 < (rough - exact).abs().max() < 0.1  # 8 bits of mantissa on logits of about 2
    scores.float().square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_the_shortest_wave_has_a_score_and_one_sample_less_is_refused():
    for config in CONFIGS:
        network, shortest = formula_network(config), CONFIGS[config].minimum_samples
        assert logits(network, formula_waves(shortest)).isfinite().all()
        with pytest.raises(ValueError, match=rf"at least {shortest} samples, .* \(4, {shortest - 1}\)"):
            network(formula_waves(shortest - 1))
    assert AASISTConfig().minimum_samples == 2315  # 129 taps + 3^7 - 1


@pytest.mark.parametrize("wave", [torch.zeros(16_000), torch.zeros(2, 1, 16_000), torch.zeros(2, 16_000).long()])
def test_a_wave_of_another_shape_or_type_is_refused(wave):
    expected = f"expected a float wave of shape (B, T), got {wave.dtype} of shape {tuple(wave.shape)}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        AASIST(CONFIGS["aasist_s"])(wave)


def test_weights_of_another_size_are_refused():
    with pytest.raises(RuntimeError, match="size mismatch for pos_S"):
        AASIST(CONFIGS["aasist"]).load_state_dict(AASIST(CONFIGS["aasist_l"]).state_dict())


def test_outputs_widen_the_last_layer_and_nothing_else():
    torch.manual_seed(0)
    wide = build(CONFIGS["aasist_s"], 5).eval()
    torch.manual_seed(0)
    two = AASIST(CONFIGS["aasist_s"]).eval()
    with torch.inference_mode():
        (embedding, scores), (same, _) = wide(formula_waves(16_000)), two(formula_waves(16_000))
    assert scores.shape == (4, 5) and torch.equal(embedding, same)


def test_every_size_can_be_changed():
    changed = replace(
        CONFIGS["aasist_s"],
        encoder_channels=(8, 12),
        graph_channels=(10, 6),
        pool_ratios=(1.0, 0.2, 0.5),
        temperatures=(1.0, 3.0, 50.0),
        sinc_filters=30,
        sinc_stride=4,
        log_floor=None,
        dropout=0.2,
    )
    network = build(changed, 2)
    assert network.encoder[0][0].conv1.weight.shape == (8, 1, 2, 3)
    assert network.encoder[1][0].conv2.weight.shape == (12, 12, 2, 3)
    assert network.GAT_layer_S.proj_with_att.weight.shape == (10, 12)
    assert network.HtrgGAT_layer_ST11.proj_with_att.weight.shape == (6, 10)
    assert (network.pool_S.ratio, network.pool_T.ratio, network.pool_hT2.ratio) == (1.0, 0.2, 0.5)
    temperatures = (network.GAT_layer_S.temperature, network.GAT_layer_T.temperature)
    assert (*temperatures, network.HtrgGAT_layer_ST22.temperature) == (1.0, 3.0, 50.0)
    assert network.pos_S.shape == (1, 10, 12)  # 30 filters, pooled by three
    assert network.drop.p == pytest.approx(0.1) and network.pool_S.drop.p == pytest.approx(0.06)  # 0.2 of 0.5, 0.3
    embedding, scores = network(formula_waves(8_000))
    assert embedding.shape == (4, 30) and scores.shape == (4, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder_channels": ()}, "encoder_channels (), graph_channels (24, 32): expected at least one block"),
        ({"graph_channels": (0, 32)}, "graph_channels (0, 32): expected at least one block, and every size"),
        ({"pool_ratios": (0.5, 1.5, 0.5)}, "pool_ratios (0.5, 1.5, 0.5): expected shares above 0, up to 1"),
        ({"temperatures": (2.0, 0.0, 100.0)}, "temperatures (2.0, 0.0, 100.0): expected numbers above 0"),
        ({"sinc_filters": 2}, "sinc_filters 2, sinc_stride 8: expected at least 3 filters"),
        ({"sinc_stride": 0}, "sinc_filters 70, sinc_stride 0: expected at least 3 filters, and a stride of 1"),
        ({"log_floor": 0.0}, "log_floor 0.0: expected a magnitude above 0, or none"),
        ({"dropout": 2.0}, "dropout 2.0: expected a factor from 0 to below 2"),
    ],
)
def test_a_size_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(CONFIGS["aasist_s"], **changes)
