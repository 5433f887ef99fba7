"""The official program's outputs (tests/golden/aasist_formula.npz), with weights and waves made by formula here."""

import os
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.aasist import (
    CONFIGS,
    TILE,
    AASISTConfig,
    BatchNormalisation,
    build,
    channel_statistics,
    pooled_bands,
    sinc_bank,
    whole_bands,
)

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
    network = build(config)
    network.load_state_dict(formula_state(network), strict=True)
    for module in network.modules():
        if isinstance(module, nn.Dropout) and not dropout:
            module.p = 0.0
    return network.eval()


def logits(network: nn.Module, waves: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return network(waves)[1]


# The official program differs from itself in float64 by up to 7e-7 in these logits and 7e-6 in the embeddings.
@pytest.mark.parametrize("config", ["aasist", "aasist_l"])
@pytest.mark.parametrize("samples", [16_000, 64_600])
def test_outputs_are_those_of_the_official_program(config, samples):
    with torch.inference_mode():
        embedding, scores = formula_network(config)(formula_waves(samples))
    np.testing.assert_allclose(scores, GOLDEN[f"{config}/logits_{samples}"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(embedding, GOLDEN[f"{config}/embedding_{samples}"], rtol=0, atol=5e-5)


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
    network = build("aasist")
    network.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True), strict=True)
    scores = logits(network.eval(), formula_waves(samples))
    # float32 leaves 9e-6 of the chirp's logits, which lie at 20, far from those of speech.
    np.testing.assert_allclose(scores, GOLDEN[f"released/logits_{samples}"], rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize(("config", "parameters"), [("aasist", 297_866), ("aasist_l", 85_306)])
def test_the_state_dict_is_the_official_one(config, parameters):
    network = build(config)
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


def test_every_number_of_frames_left_over_by_a_tile_gives_the_convolution_itself():
    # The block's plain form, without tiles, patches or folding, in float64: only rounding may differ.
    block = build("aasist_s").encoder[0][0].double().eval()
    block.bn2.running_mean.fill_(0.3)
    for frames in (3, 4, 5, TILE - 1, TILE, TILE + 1, TILE + 2, TILE + 3, 2 * TILE, 2 * TILE + 4):
        x = torch.randn(2, 23, frames, dtype=torch.float64, generator=torch.Generator().manual_seed(frames))
        torch.testing.assert_close(block(x), block.whole(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 4])
def test_the_front_end_by_stretches_is_the_convolution_itself(stride):
    bank = sinc_bank(70).double()
    for samples in (131 + 5 * stride, 1000, 7001):
        wave = torch.randn(2, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(samples))
        expected = whole_bands(wave, bank, stride)
        torch.testing.assert_close(pooled_bands(wave, bank, stride), expected, rtol=0, atol=1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_scores_of_the_cpu():
    network, waves = formula_network("aasist"), formula_waves(64_600)
    # convolutions in another order of sums: the official program moves by as much between the two
    torch.testing.assert_close(
        logits(network.cuda(), waves.cuda()).cpu(), logits(network.cpu(), waves), rtol=0, atol=1e-3
    )


def test_training_statistics_across_tiles_are_those_of_batch_normalisation():
    block = build("aasist_s").encoder[0][0].double().train()
    x = torch.randn(2, 23, 2500, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    reference = nn.BatchNorm2d(16).double()
    reference(F.conv2d(x.unsqueeze(1), block.conv1.weight, block.conv1.bias, padding=(1, 1)))
    block(x)
    torch.testing.assert_close(block.bn2.running_mean, reference.running_mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(block.bn2.running_var, reference.running_var, rtol=0, atol=1e-12)
    block.bn2.momentum = None  # the cumulative average, as swa_utils.update_bn asks for
    block.bn2.reset_running_stats()
    block(x)
    torch.testing.assert_close(block.bn2.running_mean, 10 * reference.running_mean, rtol=0, atol=1e-12)


def test_batch_normalisation_has_the_right_gradients():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    weight = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    bias = torch.tensor([0.1, 0.0, -1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *inputs: BatchNormalisation.apply(*inputs, 1e-5)[0], (x, weight, bias))


def test_the_variance_of_many_values_far_from_zero_keeps_its_digits():
    x = 3 + torch.randn(2, 4, 24, 21_490, generator=torch.Generator().manual_seed(2))
    x = x.contiguous(memory_format=torch.channels_last)
    mean, variance = channel_statistics(x)
    torch.testing.assert_close(mean.double(), x.double().mean((0, 2, 3)), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance.double(), x.double().var((0, 2, 3), correction=0), rtol=1e-5, atol=0)


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
        build("aasist_s")(wave)


def test_an_unknown_configuration_is_refused_with_the_valid_ones():
    with pytest.raises(ValueError, match=r"'aasist_xl'.*aasist, aasist_l, aasist_s"):
        build("aasist_xl")


def test_weights_of_another_size_are_refused():
    with pytest.raises(RuntimeError, match="size mismatch for pos_S"):
        build("aasist").load_state_dict(build("aasist_l").state_dict())
