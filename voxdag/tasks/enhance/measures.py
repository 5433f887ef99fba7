"""Measuring what was made of noisy recordings: every metric of each beside its clean recording, in parallel."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator

import numpy as np
import pandas as pd
from torch import nn

from voxdag.core import command
from voxdag.data.shards import PackedTrack, Shards
from voxdag.scoring import enhancement, judges
from voxdag.scoring.pairs import Measure, Pair
from voxdag.scoring.pairs import table as score_pairs
from voxdag.tasks import prediction_tables
from voxdag.tasks.enhance import marks, names
from voxdag.tasks.enhance.tracks import RATE, track

JUDGED = "eval"  # the split that judges hear: nothing can be chosen by them on dev
AT_ONCE = 16  # seconds of audio for each process: below, starting it takes longer than the work

log = logging.getLogger(__name__)


def predict(network: nn.Module, shards: Shards, made: Shards) -> pd.DataFrame:
    """What is `measured` of the waves that a network made of noisy recordings, with the marks that it carries."""
    waves = made.track("wave")
    carried = marks.of_mask(network.get_buffer(names.OPTIMISED).tolist())
    return measured(shards, (waves[i] for i in range(len(waves))), carried)


def measured(shards: Shards, enhanced: Iterable[np.ndarray], optimised: Collection[str] = ()) -> pd.DataFrame:
    """Predictions: what the index says of each recording, the metrics, and which were optimised.

    enhanced    (n,) int16 of each recording, in the index's order
    optimised   the metrics that had a part in training or in the choice of these weights

    Judges hear the recordings of eval alone, and those whose index names no split. What is undefined is said in one
    line.

    Raises Refused, with the utterance, for one that is not as long as the clean recording, or is lost.
    """
    clean, judged = track(shards, "clean"), heard(shards)
    measures = (enhancement.score, judges.judge) if judged else (enhancement.score,)
    values = score(pairs(clean, enhanced), measures, clean.lengths.sum() / RATE)
    table = values.reindex(columns=list(names.METRICS))
    _say_undefined(table, shards, judged)
    which = {names.OPTIMISED: " ".join(marks.with_parts(optimised))}
    return prediction_tables.tabulate(shards.about, table.assign(**which))


def score(listed: Iterable[Pair], measures: tuple[Measure, ...], seconds: float) -> pd.DataFrame:
    """One row a pair, in as many processes as `seconds` of audio are worth."""
    jobs = min(command.jobs(), max(1, int(seconds / AT_ONCE)))
    return score_pairs(listed, RATE, measures, jobs)


def pairs(clean: PackedTrack, enhanced: Iterable[np.ndarray]) -> Iterator[Pair]:
    """Each recording with what was made of it."""
    for i, (name, wave) in enumerate(zip(clean.ids, enhanced, strict=True)):
        yield Pair(name, np.asarray(clean[i]), np.asarray(wave))


def heard(shards: Shards) -> bool:
    """Whether judges hear these recordings."""
    about = shards.about
    return "split" not in about or (about["split"] == JUDGED).all()


def _say_undefined(table: pd.DataFrame, shards: Shards, judged: bool) -> None:
    absent = set(judges.absent()) if judged else set(names.OF_JUDGES)
    if judged and absent:
        log.info(
            "not judged in %s: the packages of requirements-judges.txt are not installed", ", ".join(sorted(absent))
        )
    counts = table.drop(columns=list(absent)).isna().sum()
    said = [f"{metric} of {count}" for metric, count in counts.items() if count]
    if said:
        log.warning("undefined for some of %d utterances of %s: %s", len(table), shards.folder.name, ", ".join(said))
