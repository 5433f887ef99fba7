"""What a recogniser says of recordings, the same way for dev during training, for eval, and for any file."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax
from torch import Tensor, nn
from tqdm import tqdm

from voxdag.audio.acoustic import Acoustic, Extractor, normalise, statistics
from voxdag.audio.decode import INT16_SCALE
from voxdag.core.errors import Refused
from voxdag.data import folds
from voxdag.data.shards import Shards
from voxdag.tasks.emotion.data import LABELS

RATE = 16000  # Hz, of the packed recordings
OUTPUT_SIZE = len(LABELS)  # of the network
BUFFERS: Mapping[str, Tensor] = {  # of the network, beside its own, as they are before training
    "temperature": torch.ones(()),  # divides the logits for calibrated probabilities; fitted on dev after training
    "trained": torch.ones(OUTPUT_SIZE, dtype=torch.bool),  # the classes that were in train
}
OUTPUTS = ("predicted", "confidence", *(f"p_{label}" for label in LABELS))
DRAWN = OUTPUTS[2:]  # along a recording, by `voxdag.predict --plot`
ABOUT = ("id", "speaker", "sex", "intensity", "sentence", "label")


@dataclass(frozen=True)
class Settings:
    """How recordings become features, and how many are scored at once.

    window_seconds: of the output along a recording (`voxdag.predict --plot`).
    """

    acoustic: Acoustic
    batch_size: int
    window_seconds: float

    @property
    def samples(self) -> int:
        """The window in samples."""
        return round(self.window_seconds * RATE)


def outputs(
    network: nn.Module, recordings: Sequence[np.ndarray], settings: Settings, device: torch.device
) -> pd.DataFrame:
    """What the network says of int16 recordings: one row each, with the columns OUTPUTS.

    A class that was not in train has no probability. Raises Refused for `cmvn: speaker`, which needs to know who
    speaks in which recording.
    """
    if settings.acoustic.cmvn == "speaker":
        raise Refused("cmvn is speaker: this system can only score a corpus whose speakers are listed")
    logits = pd.DataFrame(score(network, recordings, settings, device), columns=list(LABELS))[trained(network)]
    return probabilities(logits, network.temperature.item()).reindex(columns=list(OUTPUTS))


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row per recording, in the index's order, as `tabulate` makes them."""
    transductive = settings.acoustic.cmvn == "speaker"
    speakers = SpeakerStatistics(shards, settings, device) if transductive else None
    logits = pd.DataFrame(score(network, shards, settings, device, speakers), columns=list(LABELS))[trained(network)]
    return tabulate(shards.index, logits, network.temperature.item(), tables, transductive)


def tabulate(
    index: pd.DataFrame, logits: pd.DataFrame, temperature: float, tables: dict[str, pd.DataFrame], transductive: bool
) -> pd.DataFrame:
    """Columns ABOUT, protocol, predicted, confidence, p_<class>, logit_<class>.

    logits: a column for each class of train. The choice is among those that the split's corpus defines, too
    (`tables["classes"]`). transductive: features were normalised with all of a speaker's recordings.
    """
    defined = set(tables["classes"]["label"]) if "classes" in tables else set(LABELS)
    logits = logits[[label for label in logits if label in defined]]
    about = index.reindex(columns=list(ABOUT)).assign(protocol=protocol(index, transductive))
    return pd.concat([about, probabilities(logits, temperature), logits.add_prefix("logit_")], axis=1)


def protocol(index: pd.DataFrame, transductive: bool) -> str:
    """speaker_independent, or what makes a figure easier than that: leaky (speakers of eval are in train),
    transductive."""
    leaky = any(name.startswith(folds.LEAKY) for name in folds.names(index))
    return "_".join(["leaky"] * leaky + ["transductive"] * transductive) or "speaker_independent"


def trained(network: nn.Module) -> list[str]:
    """The classes that were in train."""
    return [label for label, seen in zip(LABELS, network.trained.tolist(), strict=True) if seen]


def probabilities(logits: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """Columns predicted, confidence (its probability), and p_<class>, calibrated, of logits with a column per class."""
    posterior = softmax(logits.to_numpy() / temperature, axis=1)
    best = {"predicted": np.array(list(logits))[posterior.argmax(1)], "confidence": posterior.max(1)}
    return pd.DataFrame(best | {f"p_{label}": posterior[:, i] for i, label in enumerate(logits)})


@torch.inference_mode()
def score(
    network: nn.Module,
    recordings: Sequence[np.ndarray],
    settings: Settings,
    device: torch.device,
    speakers: SpeakerStatistics | None = None,
) -> np.ndarray:
    """(n, len(LABELS)) logits of int16 recordings. Raises Refused where one is not finite, naming the first."""
    network.eval()
    extractor = Extractor(settings.acoustic, RATE).to(device)
    logits = np.empty((len(recordings), len(LABELS)))
    for rows in tqdm(_batches(recordings, settings.batch_size), **_bar(recordings, settings)):
        waves, lengths = padded([recordings[i] for i in rows])
        features, frames = extractor(waves.to(device, torch.float32) / INT16_SCALE, lengths.to(device))
        if speakers is not None:
            features = speakers.normalise(features, frames, rows)
        logits[rows] = network(features, frames).float().cpu().numpy()
    if not np.isfinite(logits).all():
        i = int(np.flatnonzero(~np.isfinite(logits).all(1))[0])
        raise Refused(f"the logits of recording {i} are not finite: {logits[i]}")
    return logits


class SpeakerStatistics:
    """Mean and standard deviation of each feature row over all of a speaker's recordings, for `cmvn: speaker`.

    It needs no label, but it does need all the recordings of a speaker at once: a transductive protocol.
    """

    @torch.inference_mode()
    def __init__(self, shards: Shards, settings: Settings, device: torch.device):
        speakers = torch.from_numpy(np.unique(shards.index["speaker"], return_inverse=True)[1]).to(device)
        count = int(speakers.max()) + 1
        extractor = Extractor(settings.acoustic, RATE).to(device)
        sums = []
        for rows in _batches(shards, settings.batch_size):
            waves, lengths = padded([shards[i] for i in rows])
            features, frames = extractor(waves.to(device, torch.float32) / INT16_SCALE, lengths.to(device))
            sums.append(statistics(features, frames).by_group(speakers[rows], count))
        means, deviations = functools.reduce(operator.add, sums).mean_std()
        self._means, self._deviations = means[speakers], deviations[speakers]  # (recordings, F)

    def normalise(self, features: Tensor, frames: Tensor, rows: np.ndarray) -> Tensor:
        """Features (B, F, T) of the recordings `rows`, standardised; padded frames stay zero."""
        return normalise(features, frames, "speaker", (self._means[rows], self._deviations[rows]))


def padded(recordings: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """(waves (B, N), lengths (B,)): recordings of the type of the first, zeros behind the shorter ones."""
    lengths = np.array([len(recording) for recording in recordings])
    waves = np.zeros((len(recordings), lengths.max()), recordings[0].dtype)
    for row, recording in zip(waves, recordings, strict=True):
        row[: len(recording)] = recording
    return torch.from_numpy(waves), torch.from_numpy(lengths)


def _batches(recordings: Sequence[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Rows of recordings of like lengths, for little padding."""
    order = np.argsort([len(recordings[i]) for i in range(len(recordings))], kind="stable")
    return (order[first : first + size] for first in range(0, len(order), size))


def _bar(recordings: Sequence[np.ndarray], settings: Settings) -> dict:
    total = -(-len(recordings) // settings.batch_size)
    return {"total": total, "unit": "batch", "leave": False, "disable": not sys.stderr.isatty()}
