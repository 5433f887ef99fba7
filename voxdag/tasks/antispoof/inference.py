"""Scores of a countermeasure, the same way for dev during training, for eval, and for any file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from voxdag.audio.decode import INT16_SCALE
from voxdag.audio.segments import fit_length
from voxdag.core.errors import Refused
from voxdag.data.shards import Shards

OUTPUT_SIZE = 2  # of the network: spoof, bona fide
BUFFERS: Mapping[str, Tensor] = {}  # of the network, beside its own: nothing is fitted after training
OUTPUTS = ("score",)
DRAWN = ("score",)  # along a recording, by `voxdag.predict --plot`
SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "bonafide_logit": lambda logits: logits[:, 1],  # what the AASIST program writes
    "logit_difference": lambda logits: logits[:, 1] - logits[:, 0],  # log odds: what Cllr and actDCF are about
}


@dataclass(frozen=True)
class Settings:
    """How a recording is scored.

    samples  how many are scored, from the recording's start, repeated where it is shorter
    score    a key of SCORES
    """

    samples: int
    batch_size: int
    score: str

    def __post_init__(self) -> None:
        if self.score not in SCORES:
            raise Refused(f"score is {self.score!r}, expected one of {', '.join(SCORES)}")


def outputs(
    network: nn.Module, recordings: Sequence[np.ndarray], settings: Settings, device: torch.device
) -> pd.DataFrame:
    """What the network says of int16 recordings: one row each, with the columns OUTPUTS."""
    return pd.DataFrame({"score": score(network, recordings, settings, device)})


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row per recording, in the index's order: id, speaker, label, attack, and score (higher is more bona fide).

    The split's other `tables` (ASV scores) have no say in it.
    """
    about = shards.index[["id", "speaker", "label", "attack"]]
    return pd.concat([about, outputs(network, shards, settings, device)], axis=1)


@torch.inference_mode()
def score(network: nn.Module, recordings: Sequence[np.ndarray], settings: Settings, device: torch.device) -> np.ndarray:
    """(n,) scores of int16 recordings at 16 kHz. Raises Refused, naming the first, where a score is not finite."""
    network.eval()
    batches = [
        SCORES[settings.score](network(batch.to(device, torch.float32) / INT16_SCALE)[1]).float().cpu().numpy()
        for batch in tqdm(_batches(recordings, settings), **_bar(recordings, settings))
    ]
    scores = np.concatenate(batches).astype(np.float64)
    if not np.isfinite(scores).all():
        i = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise Refused(f"{np.count_nonzero(~np.isfinite(scores))} scores are not finite, the first of recording {i}")
    return scores


def _batches(recordings: Sequence[np.ndarray], settings: Settings) -> Iterator[Tensor]:
    for first in range(0, len(recordings), settings.batch_size):
        rows = range(first, min(first + settings.batch_size, len(recordings)))
        yield torch.from_numpy(np.stack([fit_length(recordings[i], 0, settings.samples) for i in rows]))


def _bar(recordings: Sequence[np.ndarray], settings: Settings) -> dict:
    total = -(-len(recordings) // settings.batch_size)
    return {"total": total, "unit": "batch", "leave": False, "disable": not sys.stderr.isatty()}
