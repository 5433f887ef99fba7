"""The official program's outputs, with weights and a wave made by formula here."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from models.demucs import CONFIGS, Demucs, DemucsConfig, Resampler, build, padded_length

# facebookresearch/denoiser at 8afd7c16, Demucs(hidden=4, depth=2), in float64 with the state and the wave below.
PLACES = [0, 1, 100, 250, 333, 598, 599]
OFFICIAL = [
    -0.006734332159708598,
    -0.005000987002937305,
    0.007431549818050195,
    0.004997625602348598,
    -0.005515152258216099,
    0.008240197470916123,
    -0.0013793074144521562,
]


def formula_state(network: nn.Module) -> dict[str, torch.Tensor]:
    state = {}
    for name, tensor in network.state_dict().items():
        angles = len(name) + 1.7 * np.arange(tensor.numel()) ** 1.1
        scale = 0.1 if "bias" in name else 2.5 / np.sqrt(np.prod(tensor.shape[1:]))
        state[name] = torch.from_numpy(scale * np.sin(angles).reshape(tensor.shape)).float()
    return state


def formula_wave(samples: int = 600) -> torch.Tensor:
    n = np.arange(samples)
    return torch.from_numpy(0.3 * np.sin(0.05 * n + 2e-4 * n**2) + 0.1 * np.cos(1.1 * n))[None].float()


def formula_network() -> Demucs:
    network = Demucs(DemucsConfig(hidden=4, depth=2))
    network.load_state_dict(formula_state(network), strict=True)
    return network.eval()


@torch.inference_mode()
def test_outputs_are_those_of_the_official_program():
    # The official program's float32 lies within 1.5e-8 of its float64 here; 10 % off in any one tensor moves the
    # outputs by 1e-5 or more.
    np.testing.assert_allclose(formula_network()(formula_wave())[0, PLACES], OFFICIAL, rtol=0, atol=1e-7)


def test_the_state_dict_is_that_of_the_official_program():
    # Names by hand from the official modules; the numbers of weights of its dns64 and dns48 were counted there.
    levels = [f"{side}.{level}.{layer}" for side in ("encoder", "decoder") for level in range(5) for layer in (0, 2)]
    lstm = [
        f"lstm.lstm.{kind}_{side}_l{layer}" for kind in ("weight", "bias") for side in ("ih", "hh") for layer in (0, 1)
    ]
    expected = [f"{layer}.{kind}" for layer in levels for kind in ("weight", "bias")] + lstm
    state = build(CONFIGS["dns64"], 1).state_dict()
    assert sorted(state) == sorted(expected)
    assert state["encoder.4.0.weight"].shape == (1024, 512, 8)
    assert state["decoder.0.2.weight"].shape == (1024, 512, 8)
    assert sum(tensor.numel() for tensor in state.values()) == 33_533_569
    assert sum(tensor.numel() for tensor in build(CONFIGS["dns48"], 1).state_dict().values()) == 18_867_937


@torch.inference_mode()
def test_doubling_then_halving_returns_a_band_limited_wave():
    wave = torch.sin(2 * torch.pi * 0.05 * torch.arange(2000))[None, None]
    resampler = Resampler()
    doubled = resampler.double(wave)
    # A tone far below half the rate: the windowed sinc's ripple is below 1e-3 away from the ends.
    there = torch.sin(2 * torch.pi * 0.025 * torch.arange(4000))
    np.testing.assert_allclose(doubled[0, 0, 200:-200], there[200:-200], atol=1e-3)
    np.testing.assert_allclose(resampler.halve(doubled)[0, 0, 100:-100], wave[0, 0, 100:-100], atol=1e-3)


@pytest.mark.parametrize(
    ("samples", "depth", "length"),
    # By hand, at four times the rate. k frames take 4 k + 4 samples: with one level any multiple of 4 from 8 on, so any
    # n from 2 on. With two levels k is 8, 12, 16, ..: 36, 52, 68, .. samples, so 9, 13, 17, ..
    [(1, 1, 2), (7, 1, 7), (8, 2, 9), (9, 2, 9), (10, 2, 13), (100, 2, 101)],
)
def test_a_wave_is_padded_to_what_the_levels_divide(samples, depth, length):
    assert padded_length(samples, depth) == length


@torch.inference_mode()
@pytest.mark.parametrize("samples", [2, 37, 600, 603])
def test_a_batch_is_its_waves_one_by_one_and_keeps_their_length(samples):
    network = formula_network()
    waves = torch.cat([formula_wave(samples), 0.2 * formula_wave(samples).flip(1)])
    one_by_one = torch.cat([network(wave[None]) for wave in waves])
    assert one_by_one.shape == waves.shape
    np.testing.assert_allclose(network(waves), one_by_one, rtol=0, atol=1e-7)


@torch.inference_mode()
def test_gain_matters_only_next_to_the_floor_of_the_deviation():
    wave = 100 * formula_wave()  # a deviation of about 22, to which the floor of 1e-3 adds 5e-5 of it
    expected = 3 * formula_network()(wave)
    np.testing.assert_allclose(formula_network()(3 * wave), expected, atol=1e-3 * float(expected.std()))


@torch.inference_mode()
def test_the_future_is_heard_only_through_the_deviation_and_the_resampling():
    # A change from 500 on that leaves the deviation as it is reaches back by the interpolations, up and down (56
    # samples, and 28 at the doubled rate), and by one frame of two levels, in and out (9 samples each): to 314.
    wave = formula_wave()
    later = torch.cat([wave[:, :500], wave[:, 500:].flip(1)], dim=1)
    before, after = formula_network()(wave), formula_network()(later)
    np.testing.assert_allclose(before[:, :310], after[:, :310], rtol=0, atol=1e-7)
    assert float((before - after)[:, 500:].abs().max()) > 1e-3


@torch.inference_mode()
def test_of_several_outputs_each_is_the_network_of_its_own_last_kernel():
    one, two = formula_network(), build(DemucsConfig(hidden=4, depth=2), 2).eval()
    state = formula_state(one)
    last = {name: state[name] for name in ("decoder.1.2.weight", "decoder.1.2.bias")}  # (4, 1, 8) and (1,)
    wide = {name: torch.cat([tensor, -tensor], dim=int(tensor.ndim > 1)) for name, tensor in last.items()}
    two.load_state_dict(state | wide, strict=True)
    waves = torch.cat([formula_wave(), formula_wave().flip(1)])
    both = two(waves)
    assert both.shape == (2, 2, 600)
    np.testing.assert_allclose(both[:, 0], one(waves), rtol=0, atol=1e-7)
    np.testing.assert_allclose(both[:, 1], -one(waves), rtol=0, atol=1e-7)


@pytest.mark.parametrize("size", [{"hidden": 0}, {"hidden": 4, "depth": 0}])
def test_a_size_that_cannot_be_is_refused(size):
    with pytest.raises(ValueError, match=f"hidden {size['hidden']}, depth {size.get('depth', 5)}: expected at least 1"):
        DemucsConfig(**size)


@pytest.mark.parametrize("wave", [torch.zeros(2, 1), torch.zeros(1, 1, 100), torch.zeros(1, 100, dtype=torch.int16)])
def test_a_wave_of_another_shape_or_kind_is_refused(wave):
    with pytest.raises(ValueError, match=re.escape(f"got {wave.dtype} of shape {tuple(wave.shape)}")):
        formula_network()(wave)
