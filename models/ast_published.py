"""Published weights in the names of models/ast.py: of AST on AudioSet, and of DeiT on ImageNet, which AST starts from.

    AST    github.com/YuanGongND/ast: names begin with "v.", one channel; positions are of 128 bands and 1,024 frames in
           patches of 16 x 16, at the stride that the file was trained with
    DeiT   github.com/facebookresearch/deit, distilled: the same names without "v.", three channels, square images

Their heads are left out: a network's own stays as it was drawn.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from models.ast import AST

OURS = ("patches.", "blocks.", "norm.")  # names that begin so have one of theirs each
PATCHES, POSITIONS, TOKENS = "patch_embed.proj", "pos_embed", ("cls_token", "dist_token")
HIDDEN = "blocks.0.mlp.fc1.weight"
DIMENSIONS = {f"{PATCHES}.weight": 4, POSITIONS: 3, HIDDEN: 2}  # of the tensors that sizes are read from
PATCH, BANDS, FRAMES, STRIDES = 16, 128, 1024, (10, 12, 14, 16)  # that AST was published with
HEAD_WIDTH = 64  # of DeiT's attention in every size; no shape in a file tells


def converted(tensors: Mapping[str, Tensor], network: AST) -> dict[str, Tensor] | None:
    """All tensors of an AST (`network`) but its head's; None where the names are neither AST's nor DeiT's.

    Positions are cut from the middle or interpolated to the network's patches, and the channels of DeiT's convolution
    summed, both as the program of AST does.

    Raises ValueError for a file of other sizes, naming both, and for what it lacks or does not hold as floats.
    """
    prefix = next((prefix for prefix in ("v.", "") if f"{prefix}{PATCHES}.weight" in tensors), None)
    if prefix is None:
        return None
    given = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items() if name.startswith(OURS)}
    names = {ours: ours.replace("patches", PATCHES) for ours in expected}
    tokens = TOKENS[: network.token_count]
    if network.config.stem:
        raise ValueError(f"it has patches of the features themselves; expected those of a stem {network.config.stem}")
    _check_there(given, [POSITIONS, HIDDEN])
    _check_sizes(given, network.config)
    _check_there(given, [*names.values(), *tokens])
    found = {ours: given[name].float() for ours, name in names.items()}
    found["patches.weight"] = found["patches.weight"].sum(1, keepdim=True)  # (D, 1, patch, patch)
    other = [name for name, shape in expected.items() if tuple(found[name].shape) != shape]
    if other:
        name = other[0]
        raise ValueError(f"{prefix}{names[name]} is {tuple(found[name].shape)}, expected {expected[name]}")
    width = network.config.width
    for name in tokens:
        if tuple(given[name].shape) != (1, 1, width):
            raise ValueError(f"{prefix}{name} is {tuple(given[name].shape)}, expected {(1, 1, width)}")
    if tokens:
        found["tokens"] = torch.cat([given[name].float().flatten(0, 1) for name in tokens])  # (P, D)
    return found | {"positions": _positions(given, network, images=prefix == "")}


def resized(positions: Tensor, size: int, dim: int) -> Tensor:
    """Positions (D, F', T') with `size` along `dim`: cut from the middle, or interpolated where there are too few."""
    held = positions.shape[dim]
    if size <= held:
        return positions.narrow(dim, held // 2 - size // 2, size)
    grid = [size if i == dim else positions.shape[i] for i in (1, 2)]
    return nn.functional.interpolate(positions[None], grid, mode="bilinear", align_corners=False)[0]


def _positions(given: Mapping[str, Tensor], network: AST, images: bool) -> Tensor:
    """(P + F' T', D): those of the tokens, then of the network's patches."""
    held = given[POSITIONS][0].float()  # (P + patches, D)
    first = sum(name in given for name in TOKENS)
    grid = held[first:].T.unflatten(1, _grid(len(held) - first, images))  # (D, F', T')
    for dim in (2, 1):  # time before frequency, as the program of AST
        grid = resized(grid, network.config.grid[dim - 1], dim)
    return torch.cat([held[: network.token_count], grid.flatten(1).T])


def _grid(count: int, images: bool) -> tuple[int, int]:
    """F', T' of so many patches. Raises ValueError for a number that no published file has."""
    if images:
        side = math.isqrt(max(count, 0))
        if not side or side**2 != count:
            raise ValueError(f"positions of {count} patches, expected those of a square image")
        return side, side
    grids = [((BANDS - PATCH) // stride + 1, (FRAMES - PATCH) // stride + 1) for stride in STRIDES]
    for rows, columns in grids:
        if rows * columns == count:
            return rows, columns
    counts = ", ".join(str(rows * columns) for rows, columns in grids)
    raise ValueError(f"positions of {count} patches, expected {counts} (of {BANDS} bands and {FRAMES} frames)")


def _check_there(given: Mapping[str, Tensor], names: Collection[str]) -> None:
    """Raises ValueError for names that are not given, or no floats."""
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(f"{len(missing)} tensors are missing, such as {missing[0]}")
    whole = [name for name in names if not given[name].is_floating_point()]
    if whole:
        raise ValueError(f"{whole[0]} is {given[whole[0]].dtype}, expected float")


def _check_sizes(given: Mapping[str, Tensor], config: object) -> None:
    """Raises ValueError unless the file is of the config's sizes (an ASTConfig), naming those that differ."""
    for name, count in DIMENSIONS.items():
        shape = tuple(given[name].shape)
        if len(shape) != count or 0 in shape:
            raise ValueError(f"{name} is {shape}, expected {count} dimensions and none of them 0")
    convolution, width = given[f"{PATCHES}.weight"], given[POSITIONS].shape[2]
    held = {
        "width": width,
        "depth": len({name.split(".")[1] for name in given if name.startswith("blocks.")}),
        "heads": width // HEAD_WIDTH,
        "patch": tuple(convolution.shape[2:]),
        "mlp_ratio": given[HIDDEN].shape[0] / width,
    }
    expected = {name: getattr(config, name) for name in held}
    other = [name for name in held if held[name] != expected[name]]
    if other:
        said, asked = (", ".join(f"{name} {sizes[name]}" for name in other) for sizes in (held, expected))
        raise ValueError(f"it has {said}; expected {asked}")
