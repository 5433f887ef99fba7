"""Tier-1: sizes against the reference's counts, padding has no effect, the BiLSTM is torch's."""

import math

import pytest
import torch
from torch import nn

from models.tier1 import CONFIGS, AttentivePooling, BiLSTM, ChannelGate, Config, Residual, Tier1, build


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_reference_size_has_the_reference_parameters():
    # ser/tier1_model.py of the source, counted with 8 classes: 927,314, of which one is its learned temperature
    config = CONFIGS["tier1"]
    network = Tier1(Config(**{**vars(config), "classes": 8}))
    assert count(network.gate) == 7_680
    assert count(network.blocks) == 78_152
    assert count(network.lstm) == 790_528
    assert count(network.pool) == 16_513
    assert count(network) + 1 == 927_314
    assert count(build("tier1")) == 927_313 + 129  # one class more


def test_the_logits_are_the_references():
    # SER_Tier1(n_mfcc=40, num_classes=9) of the source at commit a767a45, its weights set by the same formula
    network = build("tier1").eval()
    for i, (_, parameter) in enumerate(sorted(network.named_parameters())):
        place = torch.arange(parameter.numel(), dtype=torch.float64)
        values = torch.sin(0.7 * place + i) / math.sqrt(parameter.shape[-1])
        parameter.data.copy_(values.reshape(parameter.shape))
    network.input_norm.running_var.fill_(1 - network.input_norm.eps)  # so that it changes nothing
    time, row = torch.arange(90, dtype=torch.float64), torch.arange(1, 41)[:, None]
    features = torch.sin(0.05 * time * row).float()[None]
    expected = [0.0729054, 0.1615911, 0.2066262, -0.2575753, -0.5797749, -0.2199338, 0.1696246, 0.0795621, 0.0774325]
    with torch.inference_mode():
        logits = network(features, torch.tensor([90]))[0]
    # measured difference 6e-8; 1e-5 leaves room for another order of float32 sums
    torch.testing.assert_close(logits, torch.tensor(expected), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_size_stays_below_a_million(name):
    assert count(build(name)) < 1_000_000


@pytest.mark.parametrize("name", CONFIGS)
def test_padding_and_its_content_change_nothing(name):
    torch.manual_seed(1)
    network = build(name).eval()
    lengths = torch.tensor([37, 90, 1, 64])
    features = torch.randn(4, network.config.rows, 90)
    together = network(features, lengths)
    for row, (frames, expected) in enumerate(zip(lengths, together, strict=True)):
        alone = network(features[row : row + 1, :, :frames], lengths[row : row + 1])[0]
        torch.testing.assert_close(alone, expected, atol=1e-5, rtol=1e-5)  # sums of other lengths: a few float32 ulps
    features[0, :, 37:] = 1e3
    assert torch.equal(network(features, lengths)[1:], together[1:])
    torch.testing.assert_close(network(features, lengths)[0], together[0])


def test_the_bilstm_is_torchs_on_packed_sequences():
    torch.manual_seed(2)
    ours, theirs = BiLSTM(5, 4, 2, 0.0), nn.LSTM(5, 4, 2, batch_first=True, bidirectional=True)
    for layer in range(2):
        for module, suffix in ((ours.ahead[layer], ""), (ours.back[layer], "_reverse")):
            for name, parameter in module.named_parameters():
                parameter.data.copy_(getattr(theirs, name.replace("l0", f"l{layer}") + suffix))
    lengths = torch.tensor([7, 2, 5])
    sequence = torch.randn(3, 7, 5)
    mask = torch.arange(7) < lengths[:, None]
    packed = nn.utils.rnn.pack_padded_sequence(sequence, lengths, batch_first=True, enforce_sorted=False)
    expected = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
    torch.testing.assert_close(ours(sequence, mask)[mask], expected[mask], atol=1e-6, rtol=1e-6)


def test_pooling_frames_counts_only_those_there_are():
    block = Residual(1, 1, 1, 2, 0.0).eval()
    for layer in (block.separable[0], block.separable[1], block.shortcut):
        nn.init.ones_(layer.weight)
    features = torch.tensor([[[1.0, 3.0, 5.0, 0.0]]])
    mask = torch.tensor([[True, True, True, False]])
    whole = block(features, mask)[0].detach()
    block.stride = 1
    steps = block(features, mask)[0].detach()
    assert whole[0, 0, 0] == pytest.approx(steps[0, 0, :2].mean().item())
    assert whole[0, 0, 1] == pytest.approx(steps[0, 0, 2].item())  # not halved by the padding


def test_attention_that_scores_all_alike_is_the_mean_and_deviation():
    pool = AttentivePooling(3, 4, deviations=True)
    nn.init.zeros_(pool.score[2].weight)
    sequence, mask = torch.randn(1, 6, 3), torch.arange(6)[None] < 4
    pooled = pool(sequence, mask)[0]
    valid = sequence[0, :4]
    torch.testing.assert_close(pooled[:3], valid.mean(0))
    torch.testing.assert_close(pooled[3:], (valid.var(0, unbiased=False) + 1e-5).sqrt())


def test_the_gate_does_not_see_padding():
    gate = ChannelGate(8, 2)
    features = torch.randn(1, 8, 5)
    mask = torch.tensor([[True, True, True, False, False]])
    torch.testing.assert_close(gate(features, mask)[:, :, :3], gate(features[:, :, :3], mask[:, :3]))


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="39 rows, this size of the network takes 40"):
        build("tier1")(torch.zeros(1, 39, 10), torch.tensor([10]))
    with pytest.raises(ValueError, match="no Tier-1 configuration 'tier2'; there are tier1, tier1_fast"):
        build("tier2")
