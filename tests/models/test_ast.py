"""AST: sizes against published counts, the reference's outputs, padding without effect, the grid of patches."""

import math
import re
from dataclasses import replace

import pytest
import torch

from models import ast
from models.ast import CONFIGS, DropPath, build

SMALL = replace(CONFIGS["tiny"], bands=32, frames=100, width=24, heads=3, depth=2)
STEM = {"stem": (3, 5), "patch": (16, 8), "stride": (16, 8)}


def made(**changes):
    torch.manual_seed(1)
    network = build(replace(SMALL, **changes), 2).eval()
    torch.nn.init.normal_(network.positions)  # so that a wrong place shows
    for layer in network.stem:  # as after training: what a batch norm does to zeros is not 0
        _, norm, _ = layer
        for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
            torch.nn.init.normal_(tensor)
    return network


@pytest.mark.parametrize(
    ("name", "outputs", "expected"),
    [
        # printed by ast/ast_with_gans.ipynb of winzerprince/sentio
        ("reference", 2, 11_091_842),
        # 12 blocks of 7,087,872, patches 16 * 16 * 768 + 768, 2 tokens and 1,214 positions of 768, a norm of 1,536, and
        # the head, a norm of 1,536 and 768 * 527 + 527: 86.6 M for the 527 classes of AudioSet
        ("base", 527, 12 * 7_087_872 + 197_376 + 1_216 * 768 + 1_536 + 1_536 + 405_263),
        # 12 blocks of 1,774,464, patches 256 * 384 + 384, 1,216 vectors of 384, norms of 768, head 384 * 527 + 527
        ("small", 527, 12 * 1_774_464 + 98_688 + 1_216 * 384 + 768 + 768 + 202_895),
        # 4 blocks of 111,840, patches 256 * 96 + 96, 512 positions of 96, norms of 192, head 96 * 2 + 2
        ("tiny", 2, 4 * 111_840 + 24_672 + 512 * 96 + 192 + 192 + 194),
        # a block: norms of 128 each, 64 * 192 + 192, 64 * 64 + 64, 64 * 256 + 256, 256 * 64 + 64; convolutions of
        # 9 * 16, 9 * 16 * 32, 9 * 32 * 64 and 9 * 64 * 64, with batch norms of twice their channels; patches of 1 * 1
        # of what they give, 64 * 64 + 64, 4 * 8 positions of 64, norms of 128, head 64 * 2 + 2
        (
            "quick",
            2,
            (2 * 128 + 12_480 + 4_160 + 16_640 + 16_448)
            + (144 + 4_608 + 18_432 + 36_864 + 2 * (16 + 32 + 64 + 64))
            + (4_160 + 32 * 64 + 128 + 128 + 130),
        ),
    ],
)
def test_sizes_have_the_published_parameters(monkeypatch, name, outputs, expected):
    monkeypatch.setattr(ast, "_draw", lambda network: None)  # without values there is nothing to draw
    with torch.device("meta"):
        network = build(CONFIGS[name], outputs)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_weights_are_drawn_as_in_deit():
    network = build(SMALL, 2)
    assert all(block.attn.qkv.bias.count_nonzero() == 0 for block in network.blocks)
    # 24 * 72 * 2 draws: the deviation is right to 0.02 / sqrt(2 * 3456) = 2e-4, four times
    drawn = torch.cat([block.attn.qkv.weight.flatten() for block in network.blocks])
    assert drawn.std().item() == pytest.approx(0.02, abs=1e-3) and network.positions.std().item() > 0.015


def test_the_grids_are_the_published_ones():
    # 1,212 patches of 10.24 s at stride 10 (section 2.1 of the paper), 640 tokens of the reference
    assert CONFIGS["base"].grid == CONFIGS["small"].grid == (12, 101)
    assert CONFIGS["reference"].grid == (8, 80)


def test_a_stem_leaves_the_grid_as_it_is():
    assert replace(SMALL, **STEM).grid == replace(SMALL, **STEM | {"stem": ()}).grid == (2, 12)
    assert made(**STEM).patches.weight.shape == (24, 5, 4, 2)  # two layers halve twice: a patch of 16 x 8 is 4 x 2


def test_the_outputs_are_the_references():
    # SpectrogramTransformer((32, 100), 16, 1, 24, 3, 2) of ast/ast_with_gans.ipynb of winzerprince/sentio at commit
    # 5839958, its weights set by the same formula in the order of our sorted names
    network = build(replace(CONFIGS["reference"], bands=32, frames=100, width=24, heads=3, depth=2), 2).eval()
    for i, (_, parameter) in enumerate(sorted(network.named_parameters())):
        place = torch.arange(parameter.numel(), dtype=torch.float64)
        values = torch.sin(0.7 * place + i) / math.sqrt(parameter.shape[-1])
        parameter.data.copy_(values.reshape(parameter.shape))
    time, row = torch.arange(100, dtype=torch.float64), torch.arange(1, 33)[:, None]
    features = torch.sin(0.05 * time * row).float()[None]
    with torch.inference_mode():
        embedding, outputs = network(features, torch.tensor([100]))
    # measured difference 0; 1e-5 leaves room for another order of float32 sums
    torch.testing.assert_close(outputs, torch.tensor([[0.2964997, 0.9536056]]), atol=1e-5, rtol=0)
    assert embedding.shape == (1, 24)


@pytest.mark.parametrize("pooling", ["cls", "cls_distilled", "mean"])
@pytest.mark.parametrize("stride", [(16, 16), (10, 10), (16, 4)])
def test_padding_and_its_content_change_nothing(pooling, stride):
    check_padding(made(pooling=pooling, stride=stride, mean=-4.0, deviation=3.0))


@pytest.mark.parametrize("changes", [STEM, STEM | {"stride": (8, 4)}, STEM | {"stem": (4,), "stride": (10, 2)}])
def test_padding_and_its_content_change_nothing_behind_a_stem(changes):
    check_padding(made(**changes, mean=-4.0, deviation=3.0))


def check_padding(network):
    lengths = torch.tensor([37, 90, 1, 64, 80])
    features = torch.randn(5, 32, 90)
    together = torch.cat(network(features, lengths), 1)
    for row, (frames, expected) in enumerate(zip(lengths, together, strict=True)):
        alone = torch.cat(network(features[row : row + 1, :, :frames], lengths[row : row + 1]), 1)[0]
        torch.testing.assert_close(alone, expected, atol=1e-5, rtol=1e-5)  # sums of other lengths: a few float32 ulps
    features[0, :, 37:] = float("nan")
    assert torch.equal(torch.cat(network(features, lengths), 1), together)


@pytest.mark.parametrize(("stride", "lengths", "most"), [(16, (33, 48, 49), 6), (10, (47, 56, 57), 9)])
def test_there_are_as_many_patches_as_cover_a_recording(stride, lengths, most):
    # The third patch of 16 ends at 48 at stride 16; at stride 10 the fourth ends at 46 and the fifth at 56.
    network = made(stride=(16, stride))
    counts = [network.embedded(torch.zeros(1, 32, 100), torch.tensor([n]))[1][0].sum().item() for n in lengths]
    covering, rows = (3 if stride == 16 else 5), network.config.grid[0]
    assert counts == [rows * covering, rows * covering, rows * (covering + 1)]
    assert network.config.grid[1] == most


def test_every_frame_of_the_patches_is_heard_and_none_behind_the_last_patch():
    network = made()
    features, frames = torch.randn(1, 32, 100, requires_grad=True), torch.tensor([100])
    network(features, frames)[1].sum().backward()
    heard = features.grad[0].abs().amax(0) > 0
    assert heard[:96].all() and not heard[96:].any()  # 6 patches of 16 frames of 100, as in AST


def test_a_stem_is_a_convolution_a_norm_and_gelu_and_zeros_behind_the_end():
    # in plain sums, of 3 x 3 places around every second one
    network = made(stem=(3,), patch=(16, 8), stride=(16, 8))
    features = torch.randn(1, 32, 96)
    convolution, norm, _ = network.stem[0]
    beside = torch.nn.functional.pad(features[0, :, :93], (1, 4, 1, 1))
    expected = torch.zeros(3, 16, 48)
    for row in range(16):
        for column in range(48):
            window = beside[2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            expected[:, row, column] = torch.einsum("ft,cft->c", window, convolution.weight[:, 0])
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    expected = (expected - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
    expected = expected * (1 + torch.erf(expected / math.sqrt(2))) / 2
    expected[:, :, 47:] = 0  # places 94 and on; 92 is there
    maps = torch.nn.functional.conv2d(expected[None], network.patches.weight, network.patches.bias, stride=(8, 4))
    patches, _ = network.embedded(features, torch.tensor([93]))
    torch.testing.assert_close(patches, maps.flatten(2).transpose(1, 2) + network.positions, atol=1e-5, rtol=1e-5)


def test_a_stem_learns_and_is_scored_with_what_it_learnt_of_its_batches():
    network = made(**STEM).train()
    before = {name: tensor.clone() for name, tensor in network.stem.state_dict().items()}
    network(torch.randn(4, 32, 96), torch.tensor([96, 40, 96, 96]))[1].square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in network.stem.parameters())
    after = network.stem.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before if "running" in name)


def test_a_shorter_recording_has_the_first_positions():
    network = made()
    short = torch.randn(1, 32, 48)
    patches, _ = network.embedded(short, torch.tensor([48]))
    maps = network.patches(short[:, None])  # (1, D, 2, 3)
    positions = network.positions.unflatten(0, (2, 6))
    torch.testing.assert_close(patches[0].unflatten(0, (2, 3)), maps[0].permute(1, 2, 0) + positions[:, :3])


def test_the_mean_is_of_the_patches_and_cls_distilled_of_two_tokens():
    hidden, mask = torch.randn(1, 6, 24), torch.tensor([[True, True, True, True, False, False]])
    torch.testing.assert_close(made().pooled(hidden, mask), hidden[:, :4].mean(1))
    torch.testing.assert_close(made(pooling="cls_distilled").pooled(hidden, mask), hidden[:, :2].mean(1))
    torch.testing.assert_close(made(pooling="cls").pooled(hidden, mask), hidden[:, 0])


def test_features_become_their_distance_from_the_mean_in_two_deviations():
    plain, scaled = made(), made(mean=-4.27, deviation=4.57)
    features, frames = torch.randn(2, 32, 50), torch.tensor([50, 41])
    torch.testing.assert_close(scaled(features * 9.14 - 4.27, frames), plain(features, frames), atol=1e-5, rtol=1e-5)


def test_drop_path_drops_whole_branches_and_keeps_their_expectation():
    torch.manual_seed(3)
    drop, branch = DropPath(0.25), torch.ones(4000, 2, 3)
    kept = drop(branch)[:, 0, 0]
    assert sorted(set(kept.tolist())) == pytest.approx([0, 4 / 3])
    assert kept.mean() == pytest.approx(1, abs=0.04)  # sd of the mean: sqrt(0.25 / 0.75 / 4000) = 0.009
    assert torch.equal(drop.eval()(branch), branch)
    shares = [block.drop_path.share for block in build(replace(SMALL, depth=3, drop_path=0.2), 2).blocks]
    assert shares == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize("rate", ["dropout", "attention_dropout", "drop_path"])
def test_each_rate_is_of_training_alone(rate):
    network = made(**{rate: 0.5})
    features, frames = torch.randn(4, 32, 50), torch.tensor([50, 41, 50, 50])
    expected = made()(features, frames)[1]
    assert torch.equal(network(features, frames)[1], expected)
    assert not torch.allclose(network.train()(features, frames)[1], expected, atol=1e-3)


def test_gradients_are_the_same_each_time():
    network, features = made(pooling="cls", attention_dropout=0.1).train(), torch.randn(4, 32, 90)

    def gradients():
        torch.manual_seed(2)
        loss = network(features, torch.tensor([90, 3, 50, 90]))[1].square().sum()
        return torch.autograd.grad(loss, list(network.parameters()))

    assert all(map(torch.equal, gradients(), gradients()))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 31, 10), "31 rows and 10 frames, this size of the network takes 32 and up to 100"),
        ((1, 32, 101), "32 rows and 101 frames, this size of the network takes 32 and up to 100"),
    ],
)
def test_wrong_input_is_named(shape, message):
    with pytest.raises(ValueError, match=message):
        made()(torch.zeros(shape), torch.tensor([shape[2]]))


def test_every_size_can_be_changed():
    changed = replace(
        SMALL,
        bands=20,
        frames=50,
        patch=(8, 4),
        stride=(6, 2),
        width=12,
        heads=2,
        depth=3,
        mlp_ratio=3,
        head=7,
        pooling="cls_distilled",
        dropout=0.5,
        attention_dropout=0.25,
    )
    network = build(changed, 4).eval()
    assert changed.grid == (3, 24) and network.positions.shape == (2 + 72, 12) and network.tokens.shape == (2, 12)
    assert network.patches.weight.shape == (12, 1, 8, 4)
    assert len(network.blocks) == 3 and network.blocks[0].mlp["fc1"].weight.shape == (36, 12)
    assert network.blocks[0].attn.heads == 2 and network.blocks[0].attn.dropout == 0.25
    assert (network.drop.p, network.blocks[0].drop.p, network.head[2].p) == (0.5, 0.5, 0.5)
    assert network.head[0].weight.shape == (7, 12)
    assert network(torch.zeros(2, 20, 50), torch.tensor([50, 12]))[1].shape == (2, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 0}, "depth=0, heads=3"),
        ({"head": -1}, "expected every size to be 1 or more, head 0 or more"),
        ({"stride": (0, 16)}, "stride=(0, 16)"),
        ({"patch": (64, 16)}, "patch (64, 16): expected at most bands 32, frames 100"),
        ({"patch": (16, 128)}, "patch (16, 128): expected at most bands 32, frames 100"),
        ({"stride": (16, 20)}, "stride (16, 20): expected at most patch (16, 16), so that nothing is left out"),
        ({"stem": (0,)}, "stem (0,), patch (16, 16), stride (16, 16): expected channels of 1 or more"),
        ({"stem": (4, 8), "patch": (16, 6), "stride": (16, 4)}, "patch (16, 6), stride (16, 4): expected channels of"),
        ({"stem": (4, 8), "stride": (10, 16)}, "stride (10, 16): expected channels of 1 or more, and multiples of 4"),
        (
            {"stem": (4,) * 5},
            "stem (4, 4, 4, 4, 4), patch (16, 16), stride (16, 16): expected channels of 1 or more, and "
            "multiples of 32",
        ),
        ({"heads": 5}, "width 24, heads 5: expected as many heads as divide the width"),
        ({"pooling": "max"}, "pooling 'max': expected one of cls, cls_distilled, mean"),
        (
            {"dropout": 1.0},
            "dropout 1.0, attention_dropout 0.0, drop_path 0.0: expected probabilities from 0 to below 1",
        ),
        ({"attention_dropout": -0.1}, "attention_dropout -0.1, drop_path 0.0: expected probabilities"),
        ({"drop_path": 1.5}, "drop_path 1.5: expected probabilities"),
        ({"deviation": 0.0}, "deviation 0.0: expected more than 0"),
    ],
)
def test_a_size_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(SMALL, **changes)
