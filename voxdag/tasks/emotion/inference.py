"""What a recogniser says of recordings, the same way for dev during training, for eval, and for any file."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax
from torch import Tensor, nn

from voxdag.audio.acoustic import Acoustic, Extractor, normalise, statistics
from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.data.shards import PackedTrack, Shards
from voxdag.tasks import prediction_tables, scoring_loop
from voxdag.tasks.emotion.data import LABELS, TASK
from voxdag.tasks.scoring_loop import Recordings, float_waves, padded

RATE = 16000  # Hz, of the recordings
TAKES = ("features", "waves")  # what networks may take (see models/__init__.py): of whole recordings
WINDOW = (0.1, 600.0)  # s
OUTPUT_SIZE = len(LABELS)  # of a network
BUFFERS: Mapping[str, Tensor] = {  # of a network, beside its own, as they are before training
    "temperature": torch.ones(()),  # divides the logits for calibrated probabilities; fitted on dev after training
    "trained": torch.ones(OUTPUT_SIZE, dtype=torch.bool),  # the classes that were in train
}
DRAWN = {f"p_{label}": label for label in LABELS}  # along a recording
DRAWN_AXIS = "Probability"
CROPS = False
OUTPUTS = ("predicted", "confidence", *DRAWN)
# Samples (0.32 s): batches are as long as a multiple of it. The library that convolves keeps what it compiles for each
# length that it meets, and of lengths as they come there are hundreds: gigabytes
STEP = 5120


@dataclass(frozen=True)
class Settings:
    """How recordings become features, and how many are scored at once.

    window_seconds: of the output along a recording (`voxdag.predict --plot`).
    """

    acoustic: Acoustic
    batch_size: int
    window_seconds: float

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, "batch_size")
        bounds.within(self, *WINDOW, "window_seconds")

    @property
    def samples(self) -> int:
        """The window in samples."""
        return round(self.window_seconds * RATE)


def waves(shards: Shards) -> PackedTrack:
    """The recordings of a folder. Raises Refused where they are not at RATE."""
    return shards.waves(RATE, TASK)


def outputs(network: nn.Module, recordings: Recordings, settings: Settings, device: torch.device) -> pd.DataFrame:
    """What the network says of int16 recordings: one row each, with the columns OUTPUTS.

    A class that was not in train has no probability. Raises Refused for `cmvn: speaker`, which needs to know who
    speaks in which recording.
    """
    if transductive(network, settings):
        raise Refused("cmvn is speaker: this system can only score a corpus whose speakers are listed")
    logits = pd.DataFrame(score(network, recordings, settings, device), columns=list(LABELS))[trained(network)]
    return probabilities(logits, network.temperature.item()).reindex(columns=list(OUTPUTS))  # type: ignore[operator]


def average(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of what several networks say of the same recordings, with the columns OUTPUTS.

    A class that some of them do not know has probability 0 with those.
    """
    columns = list(DRAWN)
    known = [name for name in columns if any(table[name].notna().any() for table in tables)]
    mean = sum(table[known].fillna(0.0) for table in tables) / len(tables)
    best = {"predicted": mean.idxmax(axis=1).map(DRAWN), "confidence": mean.max(axis=1)}
    return mean.assign(**best).reindex(columns=list(OUTPUTS))


def predict(
    network: nn.Module, shards: Shards, settings: Settings, device: torch.device, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row per recording, in the index's order, as `tabulate` makes them."""
    by_speaker = transductive(network, settings)
    speakers = SpeakerStatistics(shards, settings, device) if by_speaker else None
    values = score(network, waves(shards), settings, device, speakers)
    logits = pd.DataFrame(values, columns=list(LABELS))[trained(network)]
    return tabulate(shards.about, logits, network.temperature.item(), tables, by_speaker)  # type: ignore[operator]


def tabulate(
    about: pd.DataFrame, logits: pd.DataFrame, temperature: float, tables: Mapping[str, pd.DataFrame], by_speaker: bool
) -> pd.DataFrame:
    """What the index says of the recordings, protocol, predicted, confidence, p_<class>, logit_<class>.

    logits: a column for each class of train. The choice is among those that the split's corpus defines, too
    (`tables["classes"]`). by_speaker: features were normalised with all of a speaker's recordings.
    """
    defined = set(tables["classes"]["label"]) if "classes" in tables else set(LABELS)
    logits = logits[[label for label in logits if label in defined]]
    said = pd.concat([probabilities(logits, temperature), logits.add_prefix("logit_")], axis=1)
    return prediction_tables.tabulate(about, said, by_speaker)


def transductive(network: nn.Module, settings: Settings) -> bool:
    """Whether the network is given features that were normalised with all of a speaker's recordings.

    Raises Refused for a network that takes nothing that the task can give.
    """
    scoring_loop.check_takes(network, TAKES, TASK)
    return network.TAKES == "features" and settings.acoustic.cmvn == "speaker"


def trained(network: nn.Module) -> list[str]:
    """The classes that were in train."""
    return [label for label, seen in zip(LABELS, network.trained.tolist(), strict=True) if seen]  # type: ignore[operator]


def probabilities(logits: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """Columns predicted, confidence (its probability), and p_<class>, calibrated, of logits with a column per class."""
    posterior = softmax(logits.to_numpy() / temperature, axis=1)
    best = {"predicted": np.array(list(logits))[posterior.argmax(1)], "confidence": posterior.max(1)}
    return pd.DataFrame(best | {f"p_{label}": posterior[:, i] for i, label in enumerate(logits)})


def score(
    network: nn.Module,
    recordings: Recordings,
    settings: Settings,
    device: torch.device,
    speakers: SpeakerStatistics | None = None,
) -> np.ndarray:
    """(n, len(LABELS)) logits of int16 recordings at RATE. Raises Refused where one is not finite, naming the first."""
    inputs = Inputs(network, settings, device, speakers)
    batches = scoring_loop.by_length(recordings, settings.batch_size)

    def logits(batch: Tensor, lengths: Tensor, rows: np.ndarray) -> Tensor:
        return scoring_loop.logits(network, *inputs(batch, lengths, rows), outputs=OUTPUT_SIZE)

    return scoring_loop.score(network, recordings, batches, padded, logits, device)


class Inputs:
    """What a network is given of a batch, its length rounded up: features, or the waves themselves. Raises Refused as
    `transductive` does.

    speakers: of the recordings that batches are of, for `cmvn: speaker`
    """

    def __init__(
        self, network: nn.Module, settings: Settings, device: torch.device, speakers: SpeakerStatistics | None
    ):
        scoring_loop.check_takes(network, TAKES, TASK)
        self.features = network.TAKES == "features"
        self._extractor = Extractor(settings.acoustic, RATE).to(device) if self.features else None
        self._speakers = speakers

    def __call__(self, batch: Tensor, lengths: Tensor, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Of waves (B, N) in -1..1 and lengths (B,), the recordings `rows`: features (B, F, T) and frames (B,)."""
        batch = nn.functional.pad(batch, (0, -batch.shape[1] % STEP))
        if self._extractor is None:
            return batch, lengths
        features, frames = self._extractor(batch, lengths)
        if self._speakers is not None:
            features = self._speakers.normalise(features, frames, rows)
        return features, frames


class SpeakerStatistics:
    """Mean and standard deviation of each feature row over all of a speaker's recordings, for `cmvn: speaker`.

    It needs no label, but it does need all the recordings of a speaker at once: a transductive protocol.
    """

    @torch.inference_mode()
    def __init__(self, shards: Shards, settings: Settings, device: torch.device):
        speakers = torch.from_numpy(np.unique(shards.index["speaker"], return_inverse=True)[1]).to(device)
        count = int(speakers.max()) + 1
        extractor = Extractor(settings.acoustic, RATE).to(device)
        recordings, sums = waves(shards), []
        for rows in scoring_loop.by_length(recordings, settings.batch_size):
            batch, lengths = padded([recordings[i] for i in rows])
            features, frames = extractor(float_waves(batch, device), lengths.to(device))
            sums.append(statistics(features, frames).by_group(speakers[rows], count))
        means, deviations = functools.reduce(operator.add, sums).mean_std()
        self._means, self._deviations = means[speakers], deviations[speakers]  # (recordings, F)

    def normalise(self, features: Tensor, frames: Tensor, rows: np.ndarray) -> Tensor:
        """Features (B, F, T) of the recordings `rows`, standardised; padded frames stay zero."""
        return normalise(features, frames, "speaker", (self._means[rows], self._deviations[rows]))
