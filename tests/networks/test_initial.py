"""Weights to start from: ours, AST's and DeiT's checkpoints as they are published, against a plain forward pass."""

import math
import re

import pytest
import torch

from voxdag.core.errors import NotHere, Refused
from voxdag.networks import by_name
from voxdag.networks.initial import load_initial
from voxdag.networks.weights import write_weights

WIDTH, DEPTH, HEADS = 128, 2, 2  # DeiT's heads are 64 wide
AUDIOSET, DEIT_384, DEIT_224 = (12, 101), (24, 24), (14, 14)
SIZE = {"width": WIDTH, "depth": DEPTH, "heads": HEADS, "mean": 0.0, "deviation": 0.5}


def published(grid, channels, prefix="", width=WIDTH, depth=DEPTH, patch=16):
    """A state dict as the program of AST, or of DeiT, saves it, of random weights."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"cls_token": (1, 1, width), "dist_token": (1, 1, width)}
    shapes |= {"pos_embed": (1, 2 + math.prod(grid), width), "patch_embed.proj.bias": (width,)}
    shapes |= {"patch_embed.proj.weight": (width, channels, patch, patch)}
    for block in (f"blocks.{i}." for i in range(depth)):
        shapes |= {f"{block}{norm}.{part}": (width,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
        maps = {"attn.qkv": (3, 1), "attn.proj": (1, 1), "mlp.fc1": (4, 1), "mlp.fc2": (1, 4)}
        for name, (rows, columns) in maps.items():
            shapes |= {f"{block}{name}.weight": (rows * width, columns * width), f"{block}{name}.bias": (rows * width,)}
    shapes |= {"norm.weight": (width,), "norm.bias": (width,)}
    shapes |= {
        f"{head}.{part}": (10, width)[: 2 - (part == "bias")]
        for head in ("head", "head_dist")
        for part in ("weight", "bias")
    }
    scales = {name: 2 / math.sqrt(math.prod(shape[1:])) for name, shape in shapes.items() if name.endswith("weight")}
    state = {name: scales.get(name, 1.0) * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    state = {f"{prefix}{name}": tensor for name, tensor in state.items()}  # so large that attention is far from even
    if prefix:
        state |= {"mlp_head.0.weight": torch.ones(width), "mlp_head.0.bias": torch.zeros(width)}
        state |= {"mlp_head.1.weight": torch.zeros(527, width), "mlp_head.1.bias": torch.zeros(527)}
    return state


def audioset(path, **sizes):
    """As DataParallel saves it: names begin with "module."."""
    state = published(AUDIOSET, 1, "v.", **sizes)
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    return {name.removeprefix("v."): tensor for name, tensor in state.items()}


def deit(path, grid):
    state = published(grid, 3)
    torch.save({"model": state}, path)
    return state


def network(**changes):
    torch.manual_seed(5)
    return by_name.build("ast", "base", SIZE | changes, 3).eval()


def started(path, **changes):
    built = network(**changes)
    load_initial(built, path, path.with_name)
    return built


def embedding(state, features, stride, positions):
    """(B, D): the mean of the class and distillation tokens of a DeiT, from its published names, in plain products and
    sums, of features (B, F, T) whose patches have the positions (2 + N, D)."""
    kernel, patch = state["patch_embed.proj.weight"].sum(1), state["patch_embed.proj.weight"].shape[2]
    windows = features.unfold(1, patch, stride).unfold(2, patch, stride)  # (B, F', T', patch, patch)
    tokens = torch.einsum("bftij,dij->bftd", windows, kernel).flatten(1, 2) + state["patch_embed.proj.bias"]
    first = torch.cat([state["cls_token"], state["dist_token"]], 1).expand(len(features), -1, -1)
    tokens = torch.cat([first, tokens], 1) + positions

    def norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return centred / scale * state[f"{name}.weight"] + state[f"{name}.bias"]

    def linear(x, name):
        return torch.einsum("bnd,ed->bne", x, state[f"{name}.weight"]) + state[f"{name}.bias"]

    for i in range(DEPTH):
        parts = linear(norm(tokens, f"blocks.{i}.norm1"), f"blocks.{i}.attn.qkv").split(WIDTH, dim=2)
        query, key, value = (part.unflatten(2, (HEADS, -1)) for part in parts)  # (B, N, H, D / H)
        weights = (torch.einsum("bnhd,bmhd->bhnm", query, key) / math.sqrt(WIDTH // HEADS)).softmax(3)
        mixed = torch.einsum("bhnm,bmhd->bnhd", weights, value).flatten(2)
        tokens = tokens + linear(mixed, f"blocks.{i}.attn.proj")
        hidden = linear(norm(tokens, f"blocks.{i}.norm2"), f"blocks.{i}.mlp.fc1")
        hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
        tokens = tokens + linear(hidden, f"blocks.{i}.mlp.fc2")
    return norm(tokens, "norm")[:, :2].mean(1)


def interpolated(grid, size):
    """(F, T, D) -> (F, size, D), each new point on the line through its neighbours, as torch places them."""
    held = grid.shape[1]
    place = ((torch.arange(size) + 0.5) * held / size - 0.5).clamp(0, held - 1)
    below = place.floor().long()
    share = (place - below)[None, :, None]
    return grid[:, below] * (1 - share) + grid[:, (below + 1).clamp(max=held - 1)] * share


def test_ast_on_audioset_gives_what_a_plain_forward_pass_does(tmp_path):
    state = audioset(tmp_path / "audioset.pth")
    features = torch.randn(1, 128, 1024)
    with torch.inference_mode():
        given = started(tmp_path / "audioset.pth")(features, torch.tensor([1024]))[0]
    expected = embedding(state, features, 10, state["pos_embed"][0])
    # float32 sums of up to 1,214 terms in another order, layer by layer; measured 5e-6 of values up to 8
    torch.testing.assert_close(given, expected, atol=1e-4, rtol=1e-4)


def test_its_positions_are_cut_from_the_middle_of_time_or_interpolated(tmp_path):
    held = audioset(tmp_path / "a.pth")["pos_embed"][0]
    grid = held[2:].unflatten(0, AUDIOSET)
    shorter = started(tmp_path / "a.pth", frames=200).positions  # 19 of 101 columns, from 50 - 19 // 2 on
    torch.testing.assert_close(shorter, torch.cat([held[:2], grid[:, 41:60].flatten(0, 1)]))
    longer = started(tmp_path / "a.pth", frames=2000).positions  # 199 columns
    # a place among 101 columns is right to 1e-5 in float32, and neighbours differ by up to 8
    torch.testing.assert_close(longer, torch.cat([held[:2], interpolated(grid, 199).flatten(0, 1)]), atol=1e-4, rtol=0)
    coarse = started(tmp_path / "a.pth", stride=[16, 16]).positions  # rows 6 - 4 to 9 of 12, columns 50 - 32 to 81
    torch.testing.assert_close(coarse, torch.cat([held[:2], grid[2:10, 18:82].flatten(0, 1)]))


@pytest.mark.parametrize("grid", [DEIT_384, DEIT_224])
def test_deit_sees_one_channel_and_its_positions_are_fitted(tmp_path, grid):
    state = deit(tmp_path / "deit.pth", grid)
    held = state["pos_embed"][0]
    square = interpolated(held[2:].unflatten(0, grid), 50)  # 512 frames at stride 10
    middle = square[grid[0] // 2 - 6 : grid[0] // 2 + 6]  # 12 rows
    features = torch.randn(1, 128, 506)  # 50 patches fill them
    with torch.inference_mode():
        given = started(tmp_path / "deit.pth", frames=512)(features, torch.tensor([506]))[0]
    expected = embedding(state, features, 10, torch.cat([held[:2], middle.flatten(0, 1)]))
    torch.testing.assert_close(given, expected, atol=1e-4, rtol=1e-4)


def test_the_head_stays_as_it_was_drawn_and_all_else_is_read(tmp_path):
    audioset(tmp_path / "a.pth")
    drawn, read = network(), started(tmp_path / "a.pth")
    same = {name for name, tensor in drawn.state_dict().items() if torch.equal(tensor, read.state_dict()[name])}
    assert same == {"head.0.weight", "head.0.bias", "head.1.weight", "head.1.bias"}


@pytest.mark.parametrize(("pooling", "tokens"), [("cls", 1), ("mean", 0)])
def test_tokens_that_the_pooling_does_not_take_are_left_out(tmp_path, pooling, tokens):
    state = audioset(tmp_path / "a.pth")
    read = started(tmp_path / "a.pth", pooling=pooling)
    torch.testing.assert_close(read.positions, torch.cat([state["pos_embed"][0, :tokens], state["pos_embed"][0, 2:]]))
    if tokens:
        torch.testing.assert_close(read.tokens, state["cls_token"][0])


def test_a_tasks_buffers_stay_as_they_were(tmp_path):
    audioset(tmp_path / "a.pth")
    built = by_name.build("ast", "base", SIZE, 3, {"temperature": torch.tensor(2.0)})
    load_initial(built, tmp_path / "a.pth", tmp_path.joinpath)
    assert built.temperature == 2


@pytest.mark.parametrize("name", ["ours.safetensors", "plain.pth"])
def test_weights_in_our_names_are_loaded_whole(tmp_path, name):
    built = network()
    if name.endswith(".pth"):
        torch.save(built.state_dict(), tmp_path / name)
    else:
        write_weights(tmp_path / name, built, by_name.about("ast", "base", SIZE, 3))
    other = by_name.build("ast", "base", SIZE, 3)
    load_initial(other, tmp_path / name, tmp_path.joinpath)
    assert all(map(torch.equal, other.state_dict().values(), built.state_dict().values()))


def test_a_network_without_published_names_loads_as_ever(tmp_path):
    built, other = (by_name.build("aasist", "aasist_s", {}, 2) for _ in range(2))
    torch.save(built.state_dict(), tmp_path / "a.pth")
    load_initial(other, tmp_path / "a.pth", tmp_path.joinpath)
    assert all(map(torch.equal, other.state_dict().values(), built.state_dict().values()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 192, "heads": 3}, "it has width 128, heads 2; expected width 192, heads 3"),
        ({"depth": 12}, "it has depth 2; expected depth 12"),
        ({"heads": 4}, "it has heads 2; expected heads 4"),
        ({"patch": [16, 8], "stride": [10, 8]}, "it has patch (16, 16); expected patch (16, 8)"),
        ({"mlp_ratio": 2}, "it has mlp_ratio 4.0; expected mlp_ratio 2"),
    ],
)
def test_other_sizes_are_refused_with_both(tmp_path, changes, message):
    audioset(tmp_path / "a.pth")
    with pytest.raises(Refused, match=re.escape(f"{tmp_path}/a.pth: {message}") + "$"):
        started(tmp_path / "a.pth", **changes)


@pytest.mark.parametrize("stem", [[32], [16, 32]])
def test_a_network_with_a_stem_starts_from_no_published_file(tmp_path, stem):
    audioset(tmp_path / "a.pth")
    message = f"a.pth: it has patches of the features themselves; expected those of a stem {tuple(stem)}"
    with pytest.raises(Refused, match=re.escape(message)):
        started(tmp_path / "a.pth", stem=stem, stride=[16, 16])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dist_token": None}, "1 tensors are missing, such as dist_token"),
        ({"pos_embed": None}, "1 tensors are missing, such as pos_embed"),
        ({"blocks.1.norm2.bias": None}, "1 tensors are missing, such as blocks.1.norm2.bias"),
        ({"norm.weight": torch.zeros(WIDTH, dtype=torch.int64)}, "norm.weight is torch.int64, expected float"),
        ({"norm.weight": torch.zeros(WIDTH + 1)}, "v.norm.weight is (129,), expected (128,)"),
        ({"pos_embed": torch.zeros(1214, WIDTH)}, "pos_embed is (1214, 128), expected 3 dimensions and none of them 0"),
        ({"pos_embed": torch.zeros(0, 1214, WIDTH)}, "pos_embed is (0, 1214, 128), expected 3 dimensions and none"),
        ({"pos_embed": torch.zeros(1, 1214, 0)}, "pos_embed is (1, 1214, 0), expected 3 dimensions and none of them 0"),
        ({"pos_embed": torch.zeros(1, 1, WIDTH)}, "positions of -1 patches, expected 1212"),
        ({"patch_embed.proj.weight": torch.zeros(WIDTH, 256)}, "proj.weight is (128, 256), expected 4 dimensions"),
        ({"blocks.0.mlp.fc1.weight": torch.tensor(1.0)}, "fc1.weight is (), expected 2 dimensions"),
        ({"cls_token": torch.zeros(1, 1, WIDTH + 1)}, "v.cls_token is (1, 1, 129), expected (1, 1, 128)"),
        ({"dist_token": torch.zeros(WIDTH)}, "v.dist_token is (128,), expected (1, 1, 128)"),
        ({"norm.bias": torch.full((WIDTH,), math.nan)}, "1 tensors have values that are not finite, such as norm.bias"),
        ({"cls_token": torch.full((1, 1, WIDTH), math.inf)}, "values that are not finite, such as tokens"),
        (
            {"pos_embed": torch.zeros(1, 602, WIDTH)},
            "positions of 600 patches, expected 1212, 850, 657, 512 (of 128 bands and 1024 frames)",
        ),
    ],
)
def test_a_damaged_checkpoint_is_refused_by_what_is_wrong(tmp_path, change, message):
    state = published(AUDIOSET, 1, "v.")
    state |= {f"v.{name}": tensor for name, tensor in change.items() if tensor is not None}
    for name in (name for name, tensor in change.items() if tensor is None):
        del state[f"v.{name}"]
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(Refused, match=re.escape(message)):
        started(tmp_path / "a.pth")


@pytest.mark.parametrize(("grid", "count"), [((24, 23), 552), ((0, 0), 0)])
def test_positions_of_no_square_image_are_refused(tmp_path, grid, count):
    deit(tmp_path / "deit.pth", grid)
    with pytest.raises(Refused, match=f"positions of {count} patches, expected those of a square image"):
        started(tmp_path / "deit.pth")


def test_published_weights_of_half_precision_are_read(tmp_path):
    whole = audioset(tmp_path / "a.pth")
    torch.save({f"v.{name}": tensor.bfloat16() for name, tensor in whole.items()}, tmp_path / "half.pth")
    read = started(tmp_path / "half.pth").state_dict()
    assert torch.equal(read["patches.weight"], whole["patch_embed.proj.weight"].bfloat16().float())
    assert torch.equal(read["tokens"][0], whole["cls_token"][0, 0].bfloat16().float())


def test_weights_of_another_network_and_missing_ones_are_refused(tmp_path):
    torch.save(by_name.build("aasist", "aasist_s", {}, 2).state_dict(), tmp_path / "aasist.pth")
    with pytest.raises(Refused, match="aasist.pth is of another architecture"):
        started(tmp_path / "aasist.pth")
    with pytest.raises(NotHere, match="no weights at .*none.pth"):
        started(tmp_path / "none.pth")
