"""Fitting a GAN to the train split of a fold, and making recordings with it.

    train's waves and conditions -> `Gan`, in the loop, from the run state where there is one
    conditions drawn from train's density -> the averaged generator -> log-mels -> waves, int16

Written beside: <folder>/generator.safetensors (the averaged generator), <folder>/history.csv (losses and accuracies,
one row per epoch), <folder>/events.jsonl (those of steps too).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch

from voxdag.core import artifacts, bounds, runtime, streams
from voxdag.core.errors import Refused
from voxdag.data.shards import PackedTrack, Row
from voxdag.data.synthetic import made_up
from voxdag.networks import by_name
from voxdag.networks.weights import write_weights
from voxdag.synthesis.conditions import Conditions
from voxdag.synthesis.learner import AVERAGE, Gan, Materials
from voxdag.synthesis.learner import Settings as GanSettings
from voxdag.synthesis.mels import Mels, phases
from voxdag.synthesis.place import Place
from voxdag.training import tracking
from voxdag.training.event_log import EVENTS
from voxdag.training.loop import Loop
from voxdag.training.recipe import Recipe
from voxdag.training.tracking import Trackers

RANGES = ("matched", "z_score")
HISTORY = "history.csv"
LEVELS = 32767  # of 16 bits, to either side

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What is made, and how.

    seed        of everything that is drawn
    count       recordings that are made up, in each fold
    mels        what a spectrogram is
    range       matched: values of recordings are brought into the generator's range; z_score: they are not
    rounds      of Griffin-Lim
    batch_size  recordings that are made at once
    gan, train  how the GAN is fitted
    """

    seed: int
    count: int
    mels: Mels
    range: str
    rounds: int
    batch_size: int
    gan: GanSettings
    train: Recipe

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, "count", "rounds", "batch_size")
        bounds.one_of(self, RANGES, "range")
        if self.train.averaging.over != "none":
            raise Refused(
                f"train.averaging.over is {self.train.averaging.over}, expected none: the average of a GAN is its own"
            )
        if self.train.synthetic_share is not None:
            raise Refused(
                f"train.synthetic_share is {self.train.synthetic_share}, expected null: a GAN learns from real "
                "recordings alone"
            )


def make(
    waves: PackedTrack, conditions: Conditions, rate: int, settings: Settings, place: Place
) -> Iterator[tuple[Row, np.ndarray]]:
    """Fit a GAN to recordings of train at `rate` Hz and make `count` others: what they were told to be, and (n,) int16.

    Raises `collapse.Collapsed` for one that has collapsed, and Refused for settings that do not fit together.
    """
    gan = fitted(waves, conditions, rate, settings, place)
    yield from recordings(gan, conditions, settings, place.device)


def fitted(waves: PackedTrack, conditions: Conditions, rate: int, settings: Settings, place: Place) -> Gan:
    """The GAN, trained; its averaged generator, history and events are written."""
    matched = settings.range == "matched"
    materials = Materials(
        waves, conditions, rate, settings.mels, matched, settings.seed, place.device, runtime.workers(place.device)
    )
    gan = Gan(materials, settings.gan, settings.train)
    with place.run_state.alone():
        trackers = Trackers(place.run_state.folder, place.entry, place.folder.name, asdict(settings), tracking.chosen())
        loop = Loop(gan, settings.train, settings.seed, place.device, place.run_state, trackers)
        loop.run()
    artifacts.write_bytes(place.folder / EVENTS, loop.events.content())
    artifacts.write_table(place.folder / HISTORY, pd.DataFrame(loop.progress.history, columns=loop.columns()))
    generator = settings.gan.generator
    about = by_name.about(generator.network, generator.config, generator.changes, conditions.size)
    write_weights(place.folder / "generator.safetensors", gan.networks[AVERAGE], about)
    return gan


def recordings(
    gan: Gan, conditions: Conditions, settings: Settings, device: torch.device
) -> Iterator[tuple[Row, np.ndarray]]:
    """`count` recordings; noise and condition of each are functions of the seed and of which one it is."""
    told = conditions.draw(settings.count, settings.seed)
    generator, lost = gan.networks[AVERAGE].eval(), 0
    for start in range(0, settings.count, settings.batch_size):
        rows = range(start, min(start + settings.batch_size, settings.count))
        with torch.inference_mode():
            made = generator(_noise(settings.seed, rows, generator.config.noise, device), _tensor(told[rows], device))  # type: ignore[arg-type, union-attr]
            first = phases(settings.mels, settings.seed, map(str, rows)).to(device)
            waves = gan.log_mel.waves(gan.scaling.unscale(made), settings.rounds, first).cpu().numpy()
        for about, wave in zip(conditions.values(told[rows]), waves, strict=True):
            lost += int((np.abs(wave) > 1).sum())
            yield about, to_int16(wave)
    if lost:
        share = lost / (settings.count * settings.mels.samples)
        log.warning("%.2g %% of the samples that were made up lie beyond full scale and were cut off", 100 * share)


def to_int16(waves: np.ndarray) -> np.ndarray:
    """Waves with full scale at 1, cut off there, in 16 bits."""
    return np.round(np.clip(waves, -1, 1) * LEVELS).astype(np.int16)


def row(place: Place, number: int, about: Mapping[str, object]) -> Row:
    """What the index says of the made-up recording of that number, beside its condition; its speaker is the entry."""
    return {"id": f"{place.entry}-{number:05d}", "split": "train", "speaker": place.entry} | dict(about)


def of_entry(index: pd.DataFrame, entry: str) -> np.ndarray:
    """Which recordings of an index an entry of `synthetic` made up, (n,) bool: other entries' may be among them."""
    return made_up(index) & (index["speaker"] == entry).to_numpy()


def _noise(seed: int, rows: range, size: int, device: torch.device) -> torch.Tensor:
    drawn = [streams.generator(seed, "noise", i).normal(size=size) for i in rows]
    return _tensor(np.stack(drawn), device)


def _tensor(values: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, np.float32)).to(device)
