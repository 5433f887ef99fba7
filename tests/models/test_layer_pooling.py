"""Pooling over layers: the bank and pooling by hand, sizes, and what changes nothing."""

import numpy as np
import pytest
import torch

from models import domain_head, layer_pooling
from models.layer_pooling import CONFIGS, FFT, HOP, WINDOW, LayerPooling, LayerPoolingConfig, linear_bank
from models.pooling import statistics
from voxdag.core.errors import Refused
from voxdag.networks import by_name

RATE = 16000


def network(**changes):
    torch.manual_seed(1)
    return by_name.build("layer_pooling", "quick", changes, 2).eval()


def test_bands_are_triangles_of_equal_width_whose_weights_add_up_to_one():
    bank = linear_bank(4)  # of 257 bins, centres a fifth of 256 apart: 51.2, 102.4, ...
    assert bank.shape == (FFT // 2 + 1, 4) and torch.allclose(bank.sum(0), torch.ones(4))
    assert bank.argmax(0).tolist() == [51, 102, 154, 205]
    # of bin 25.6 half: at 25 (25 / 51.2) of the peak's weight
    assert bank[25, 0] / bank[51, 0] == pytest.approx((25 / 51.2) / (51 / 51.2), rel=1e-5) and bank[103:, 0].sum() == 0


def test_pooling_is_the_mean_and_the_standard_deviation_over_frames():
    frames = torch.tensor([[[1.0, 3.0], [2.0, 2.0]]])  # (1, 2, 2): means 2 and 2, variances 1 and 0
    assert statistics(frames)[0].tolist() == pytest.approx([2, 2, np.sqrt(1 + 1e-5), np.sqrt(1e-5)])


def test_the_weighted_sum_is_that_of_the_layers_by_the_softmax_of_its_weights():
    one = network(channels=[4, 4], width=3, projection=[5], bands=16)
    wave = torch.randn(2, 4000)
    layers = one.front_end(wave)
    with torch.no_grad():
        one.sum.weights.copy_(torch.log(torch.tensor([1.0, 3.0])))
        expected = one.projection(statistics(0.25 * layers[0] + 0.75 * layers[1]))
        embedding, logits = one(wave)
    torch.testing.assert_close(embedding, expected)
    torch.testing.assert_close(logits, one.head(expected))


def test_a_constant_colour_and_level_of_a_channel_change_nothing():
    # a gain moves every log energy alike, and means over the crop are taken out; the floor is far below
    wave = 0.3 * torch.randn(3, 16000)
    with torch.no_grad():
        a, b = (network()(gain * wave)[1] for gain in (1.0, 0.25))
    torch.testing.assert_close(a, b, atol=2e-3, rtol=0)


def test_all_layers_have_the_frames_of_the_last():
    # 1 + (16000 - 512) // 160 = 97 frames; halved by the first two of four layers: 25
    found = network().front_end(torch.randn(2, RATE))
    assert 1 + (RATE - FFT) // HOP == 97 and WINDOW < FFT
    assert [tuple(layer.shape) for layer in found] == [(2, 48, 25)] * 4


def test_batches_are_loops():
    wave = torch.randn(4, 8000)
    with torch.no_grad():
        whole = network()(wave)[1]
        alone = torch.cat([network()(one[None])[1] for one in wave])
    torch.testing.assert_close(whole, alone, atol=1e-5, rtol=0)


def test_the_default_size_is_small_and_says_embedding_and_logits():
    one = LayerPooling(CONFIGS["quick"], 2)
    assert sum(parameter.numel() for parameter in one.parameters()) < 150_000
    embedding, logits = one(torch.randn(2, 24000))
    assert embedding.shape == (2, 64) and logits.shape == (2, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bands": 40}, "bands is 40, expected a multiple of 16: each layer halves them"),
        ({"channels": []}, r"channels \(\), projection \(64,\): expected one at least of both"),
        ({"width": 0}, "expected sizes of 1 or more"),
        ({"dropout": 1.0}, "dropout is 1.0, expected from 0 to below 1"),
    ],
)
def test_sizes_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(Refused, match=message):
        network(**changes)


def test_crops_shorter_than_a_frame_are_refused():
    with pytest.raises(ValueError, match="crops of 511 samples, expected 512 or more"):
        network()(torch.randn(1, FFT - 1))


def test_a_domain_head_is_linear_maps_and_refuses_sizes_of_none():
    head = by_name.build("domain_head", "quick", {"inputs": 6, "hidden": [5, 4]}, 3).eval()
    assert head(torch.randn(2, 6)).shape == (2, 3)
    assert [tuple(p.shape) for p in head.parameters() if p.ndim == 2] == [(5, 6), (4, 5), (3, 4)]
    assert domain_head.CONFIGS["reference"].hidden == (512, 512)
    with pytest.raises(Refused, match="expected sizes of 1 or more"):
        by_name.build("domain_head", "quick", {"inputs": 0}, 3)


def test_the_config_is_what_is_built():
    assert layer_pooling.build(LayerPoolingConfig(width=8), 2).head.in_features == 64
