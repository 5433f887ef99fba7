"""The network that spectrograms are measured by."""

import pytest
import torch

from models.mel_probe import CONFIGS, ProbeConfig, build


def test_the_quick_size_has_the_parameters_of_its_drawing():
    # kernels 9 (16 + 16 * 32 + 32 * 64 + 64 * 64), norms of 2 (16 + 32 + 64 + 64), a map of 128 to 3
    network = build(CONFIGS["quick"], 3)
    found = sum(parameter.numel() for parameter in network.parameters())
    assert found == 9 * (16 + 512 + 2048 + 4096) + 2 * 176 + 128 * 3 + 3


@pytest.mark.parametrize("shape", [(16, 16), (64, 128), (20, 33)])
def test_an_embedding_is_the_mean_and_the_maximum_over_all_places(shape):
    torch.manual_seed(0)
    network, shown = build(ProbeConfig(channels=4), 3).eval(), torch.randn(2, *shape)
    embedding, outputs = network(shown)
    maps = network.layers(shown[:, None]).flatten(2)
    assert torch.equal(embedding, torch.cat([maps.mean(2), maps.amax(2)], 1)) or torch.allclose(
        embedding, torch.cat([maps.mean(2), maps.amax(2)], 1), atol=1e-6
    )
    assert torch.allclose(outputs, embedding @ network.head.weight.T + network.head.bias, atol=1e-6)
    assert embedding.shape == (2, 32) and outputs.shape == (2, 3)


@pytest.mark.parametrize("size", [{"channels": 0}, {"channels": 4, "dropout": 1.0}])
def test_a_size_that_cannot_be_is_refused(size):
    with pytest.raises(ValueError, match="expected 1 channel or more, dropout from 0 to below 1"):
        ProbeConfig(**size)
