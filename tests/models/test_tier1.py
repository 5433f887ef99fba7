"""Tier-1: sizes against the reference's counts, padding has no effect, the BiLSTM is torch's."""

import math
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from models.tier1 import CONFIGS, AttentivePooling, BiLSTM, ChannelGate, Residual, build


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_reference_size_has_the_reference_parameters():
    # ser/tier1_model.py of the source, counted with 8 classes: 927,314, of which one is its learned temperature
    network = build(CONFIGS["tier1"], 8)
    assert count(network.gate) == 7_680
    assert count(network.blocks) == 78_152
    assert count(network.lstm) == 790_528
    assert count(network.pool) == 16_513
    assert count(network) + 1 == 927_314
    assert count(build(CONFIGS["tier1"], 9)) == 927_313 + 129  # one class more


def test_the_logits_are_the_references():
    # SER_Tier1(n_mfcc=40, num_classes=9) of the source at commit a767a45, its weights set by the same formula
    network = build(CONFIGS["tier1"], 9).eval()
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
    assert count(build(CONFIGS[name], 9)) < 1_000_000


@pytest.mark.parametrize("name", CONFIGS)
def test_padding_and_its_content_change_nothing(name):
    torch.manual_seed(1)
    network = build(CONFIGS[name], 9).eval()
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
        build(CONFIGS["tier1"], 9)(torch.zeros(1, 39, 10), torch.tensor([10]))


def test_every_size_can_be_changed():
    changed = replace(
        CONFIGS["tier1_s"],
        rows=20,
        channels=(8, 12, 16),
        strides=(1, 2, 1),
        stem=(4,),
        stem_strides=(2,),
        hidden=10,
        layers=2,
        deviations=False,
        kernel=3,
        heads=2,
        dropout=0.5,
        conv_dropout=0.25,
    )
    network = build(changed, 4).eval()
    assert network.stem.layers[0][0].weight.shape == (4, 1, 3, 3)
    shapes = [tuple(block.separable[0].weight.shape) for block in network.blocks]
    assert shapes == [(40, 1, 3), (8, 1, 3), (12, 1, 3)]  # 4 channels of 10 rows, then the blocks'
    assert len(network.lstm.ahead) == 2 and network.lstm.ahead[1].weight_hh_l0.shape == (40, 10)
    assert len(network.gate.heads) == 2 and network.gate.heads[0][0].in_features == 20
    assert (network.head[1].p, network.blocks[0].separable[4].p) == (0.5, 0.25)
    assert network.head[0].normalized_shape == (20,)  # means of both directions, no deviations
    assert network(torch.zeros(2, 20, 30), torch.tensor([30, 12])).shape == (2, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": (64,)}, "channels (64,), strides (2, 2): expected a stride for each block"),
        ({"channels": (), "strides": ()}, "channels (), strides (): expected a stride for each block, and at least"),
        ({"stem": (8, 8)}, "stem (8, 8), stem_strides (): expected a stride for each convolution"),
        ({"hidden": 0}, "hidden=0, layers=1"),
        ({"kernel": 4}, "kernel=4, heads=4, dropout=0.3, conv_dropout=0.1): expected every size to be 1 or more, and"),
        ({"dropout": 1.0}, "dropout 1.0, conv_dropout 0.1: expected probabilities from 0 to below 1"),
        ({"conv_dropout": -0.1}, "dropout 0.3, conv_dropout -0.1: expected probabilities"),
    ],
)
def test_a_size_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(CONFIGS["tier1_s"], **changes)
