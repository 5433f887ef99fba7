"""Networks over recordings, batch by batch: what the inference of tasks shares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from voxdag.audio.decode import INT16_SCALE
from voxdag.audio.segments import fit_length
from voxdag.core import ranks
from voxdag.core.errors import Refused
from voxdag.core.progress import track
from voxdag.data.shards import PackedTrack

INPUTS = {"wave": ("wave",), "waves": ("wave", "lengths"), "features": ("features", "frames")}  # TAKES -> of forward

Recordings = Sequence[np.ndarray]  # int16, (n,) each
Collate = Callable[[Recordings], tuple[Tensor, Tensor]]  # of a batch -> waves (B, N), lengths (B,)
Outputs = Callable[[Tensor, Tensor, np.ndarray], Tensor]  # waves (B, N) float, lengths (B,), rows (B,) -> (B, K)


class NotFinite(Refused):
    """An output of a network that is no finite number."""


def check_takes(network: nn.Module, takes: Sequence[str], task: str) -> None:
    """Raises Refused for a network that takes (see models/__init__.py) none of what the task can give, or whose forward
    does not take what its TAKES says."""
    found, name = getattr(network, "TAKES", None), type(network).__name__
    if found not in takes:
        raise Refused(f"{name} takes {found}; {task} can give {', '.join(takes)}")
    try:
        inspect.signature(network.forward).bind(*INPUTS[found])  # type: ignore[index]
    except TypeError as reason:
        given = ", ".join(INPUTS[found])  # type: ignore[index]
        raise Refused(f"TAKES of {name} is {found!r}, so its forward is given ({given}): {reason}") from reason


def logits(network: nn.Module, *inputs: Tensor, outputs: int) -> Tensor:
    """The logits (B, outputs) of what a network gives: they themselves, or a pair (embedding, logits).

    Raises Refused, naming the network, for anything else, and for inputs that it refuses.
    """
    given = _given(network, inputs)
    found = given[1] if isinstance(given, tuple) and len(given) == 2 else given
    if not isinstance(found, Tensor) or found.shape != (len(inputs[0]), outputs):
        raise Refused(
            f"{type(network).__name__} gives {_described(given)} of {len(inputs[0])} recordings; expected logits (B, "
            f"{outputs}), or a pair (embedding (B, D), logits (B, {outputs})), as models/__init__.py says"
        )
    return found


def embedded(network: nn.Module, *inputs: Tensor, outputs: int) -> tuple[Tensor, Tensor]:
    """What a network gives as a pair: embedding (B, D), logits (B, outputs).

    Raises Refused, naming the network, for anything else, and for inputs that it refuses.
    """
    given = _given(network, inputs)
    if isinstance(given, tuple) and len(given) == 2:
        embedding, found = given
        if embedding.ndim == 2 and found.shape == (len(inputs[0]), outputs):
            return embedding, found
    raise Refused(
        f"{type(network).__name__} gives {_described(given)}; expected a pair (embedding (B, D), logits (B, {outputs}))"
    )


def _given(network: nn.Module, inputs: Sequence[Tensor]) -> object:
    try:
        return network(*inputs)
    except ValueError as reason:  # models import nothing of ours, and so cannot raise Refused
        raise Refused(f"{type(network).__name__}: {reason}") from reason


def float_waves(waves: Tensor, device: torch.device) -> Tensor:
    """16-bit samples (B, N) on the device as float32 with full scale at 1; the transfer is of 16-bit samples.

    What is no 16-bit samples (features, embeddings) keeps its values.
    """
    values = waves.to(device, non_blocking=True).float()
    return values / INT16_SCALE if waves.dtype == torch.int16 else values


@torch.inference_mode()
def score(
    network: nn.Module,
    recordings: Recordings,
    batches: Sequence[np.ndarray],
    collate: Collate,
    outputs: Outputs,
    device: torch.device,
) -> np.ndarray:
    """(n, K): what `outputs` says of the recordings, with the network in evaluation mode.

    batches: rows of the recordings, each row in one of them. Processes that train together score every so many of them,
    and have what the others scored. Raises NotFinite where an output is not finite, naming the utterance.
    """
    network.eval()
    parts = []
    for rows in track(batches[ranks.rank() :: ranks.count()], "batches", hidden=not ranks.is_first()):
        waves, lengths = collate([recordings[i] for i in rows])
        values = outputs(float_waves(waves, device), lengths.to(device), rows)
        parts.append(values.float().cpu().numpy())
    shares = ranks.gathered(parts)
    scored = np.concatenate([shares[i % len(shares)][i // len(shares)] for i in range(len(batches))]).astype(np.float64)
    found = np.empty_like(scored)
    found[np.concatenate(batches)] = scored
    _check_finite(found, recordings)
    return found


def in_order(recordings: Recordings, size: int) -> list[np.ndarray]:
    """Batches of `size` rows in the order of the recordings; the last may be smaller."""
    return list(_cut(np.arange(len(recordings)), size))


def by_length(recordings: Recordings, size: int) -> list[np.ndarray]:
    """Batches of rows of recordings of like lengths, for little padding."""
    lengths = recordings.lengths if isinstance(recordings, PackedTrack) else [len(samples) for samples in recordings]
    return list(_cut(np.argsort(lengths, kind="stable"), size))


def crops(recordings: Recordings, length: int) -> tuple[Tensor, Tensor]:
    """(waves (B, length), lengths (B,)): each from its start, repeated where it is shorter."""
    waves = np.stack([fit_length(samples, 0, length) for samples in recordings])
    return torch.from_numpy(waves), torch.full((len(waves),), length)


def padded(recordings: Recordings) -> tuple[Tensor, Tensor]:
    """(waves (B, N, ...), lengths (B,)): recordings of the type of the first, zeros behind the shorter ones."""
    lengths = np.array([len(samples) for samples in recordings])
    waves = np.zeros((len(recordings), lengths.max(), *recordings[0].shape[1:]), recordings[0].dtype)
    for row, samples in zip(waves, recordings, strict=True):
        row[: len(samples)] = samples
    return torch.from_numpy(waves), torch.from_numpy(lengths)


def _described(output: object) -> str:
    if isinstance(output, Tensor):
        return str(tuple(output.shape))
    kind = type(output).__name__
    return f"{kind} of {', '.join(map(_described, output))}" if isinstance(output, (tuple, list)) else kind


def _cut(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (rows[first : first + size] for first in range(0, len(rows), size))


def _check_finite(values: np.ndarray, recordings: Recordings) -> None:
    broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(broken):
        first = broken[0]
        name = f"utterance {recordings.ids[first]}" if isinstance(recordings, PackedTrack) else f"recording {first}"
        raise NotFinite(f"the outputs of {len(broken)} recordings are not finite, the first of {name}: {values[first]}")
