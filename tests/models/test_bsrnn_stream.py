"""A causal BSRNN hop by hop against the same network on the whole wave."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from models.bsrnn import CONFIGS, build
from models.bsrnn_stream import BSRNNStream


def streamed(stream, waves):
    """(B, n) -> (B, n): hop by hop, the delay cut off."""
    samples, state, hops = waves.shape[1], stream.start(len(waves)), []
    padded = F.pad(waves, (0, stream.delay + -samples % stream.hop))
    for hop in padded.split(stream.hop, dim=1):
        made, *state = stream(hop, *state)
        hops.append(made)
    return torch.cat(hops, dim=1)[:, stream.delay :][:, :samples]


def trained(name):
    """Weights and statistics of norms that are not the first ones."""
    torch.manual_seed(1)
    network = build(CONFIGS[name], 1).train()
    network(0.1 * torch.randn(2, 4000), torch.tensor([4000, 4000]))
    return network.eval()


@torch.inference_mode()
@pytest.mark.parametrize("samples", [1, 127, 128, 129, 12_345])
@pytest.mark.parametrize("name", ["tiny_causal", "small_causal"])
def test_hop_by_hop_is_the_whole_pass(name, samples):
    network, waves = trained(name), 0.2 * torch.randn(2, samples)
    whole = network(waves, torch.full((2,), samples))
    assert whole.abs().max() > 0.05
    np.testing.assert_allclose(streamed(BSRNNStream(network), waves), whole, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_hop_comes_out_three_hops_after_it_went_in():
    # A window of 512 is four hops: the last frame that holds a hop ends three hops after it.
    stream = BSRNNStream(trained("tiny_causal"))
    assert (stream.hop, stream.delay) == (128, 384)
    wave = torch.zeros(1, 128 * 8)
    wave[:, 128 * 2 : 128 * 3] = torch.randn(128)
    state, heard = stream.start(), []
    quiet = stream.start()
    for hop, silence in zip(wave.split(128, 1), torch.zeros_like(wave).split(128, 1), strict=True):
        made, *state = stream(hop, *state)
        other, *quiet = stream(silence, *quiet)
        heard.append(float((made - other).abs().max()))
    assert max(heard[:2]) == 0 and heard[5] == max(heard) > 0.1  # it is loudest three hops after it went in
    assert all(level > 0 for level in heard[2:5])  # frames that hold it are pieces of the hops before, too


def test_a_network_that_hears_the_future_is_refused():
    with pytest.raises(ValueError, match="causal False, outputs 1: expected a causal network"):
        BSRNNStream(build(CONFIGS["tiny"], 1))
    with pytest.raises(ValueError, match="causal True, outputs 2"):
        BSRNNStream(build(CONFIGS["tiny_causal"], 2))
