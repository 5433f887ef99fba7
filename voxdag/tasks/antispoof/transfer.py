"""A countermeasure on recordings of another corpus or condition, with what its own dev froze: the threshold of its EER
there, and an affine map to log-likelihood ratios.

miss_rate, false_alarm_rate   of bona fide speech below, and of spoofs above that threshold; hter is their mean
act_dcf, cllr                 of the scores themselves; affine_act_dcf, affine_cllr of the mapped ones
eer                           what a threshold chosen on these very recordings would reach

Recordings of one class alone have the metrics that one class defines. Where there is no dev (a score file of others)
eer, act_dcf and cllr are defined alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data.members import Member
from voxdag.scoring import dcf, eer, llr, members, protocol, tables
from voxdag.scoring.members import Members
from voxdag.scoring.tables import Scoring
from voxdag.tasks.antispoof.criteria import operating_point
from voxdag.tasks.antispoof.metrics import CLASSES, ERROR_RATES, check, ranked, surprises, warn_if_inverted

METRICS = ("eer", *ERROR_RATES, "hter", "act_dcf", "cllr", "affine_act_dcf", "affine_cllr")
MEASURES = tables.Measures(METRICS, {f"n_{label}": label for label in CLASSES}, ("transfer",))
COLUMNS = tables.interval_types(MEASURES)
SHOWN = {  # what the picture of the matrix has: metric -> its words, and whether it is written in per cent
    "eer": ("EER", True),
    "hter": ("HTER at dev's threshold", True),
    "miss_rate": ("Bona fide rejected at dev's threshold", True),
    "false_alarm_rate": ("Spoofs accepted at dev's threshold", True),
    "affine_act_dcf": ("actDCF, calibrated on dev", False),
    "affine_cllr": ("Cllr (bits), calibrated on dev", False),
}


class Freeze(NamedTuple):
    """What a member's dev gives: the threshold of its EER there, and the map to log-likelihood ratios."""

    threshold: float
    affine: llr.Affine


class Frozen:
    """The metrics of one member's predictions under any resampling; trials: bona fide rows before spoof ones."""

    def __init__(self, trials: pd.DataFrame, freeze: Freeze | None) -> None:
        bonafide, spoof = (trials.loc[trials["label"] == label, "score"].to_numpy(float) for label in CLASSES)
        self.halves = slice(bonafide.size), slice(bonafide.size, None)
        self.size, self.freeze = len(trials), freeze
        self.bits = {"cllr": surprises(bonafide, spoof)}
        self.ranked = eer.RankedTrials(bonafide, spoof) if bonafide.size and spoof.size else None
        if freeze:
            self.wrong = np.concatenate([bonafide <= freeze.threshold, spoof > freeze.threshold])
            self.bits["affine_cllr"] = surprises(freeze.affine(bonafide), freeze.affine(spoof))

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """Every metric that is defined, of the set in which row i of the trials stands counts[i] times."""
        counts = np.ones(self.size, np.int64) if counts is None else counts
        there = [bool(counts[half].any()) for half in self.halves]
        rates = {
            name: float(np.average(self.wrong[half], weights=counts[half]))
            for name, half, some in zip(ERROR_RATES, self.halves, there, strict=True)
            if some and self.freeze
        }
        if self.ranked is None or not all(there):
            return rates
        curve = self.ranked.curve(counts)
        values = rates | {"eer": eer.equal_error(curve).eer, "act_dcf": dcf.cost_at(curve, dcf.ASVSPOOF5)}
        if self.freeze:
            bayes = self.freeze.affine.threshold(dcf.ASVSPOOF5.threshold)
            values |= {"hter": sum(rates.values()) / 2, "affine_act_dcf": dcf.cost_at(curve, dcf.ASVSPOOF5, bayes)}
        for name, bits in self.bits.items():
            values[name] = float(sum(np.average(bits[half], weights=counts[half]) for half in self.halves) / 2)
        return values


def frozen(dev: pd.DataFrame) -> dict[Member, Freeze]:
    """What each member's predictions on dev give. Raises Refused where they lack a class."""
    prior, found = llr.effective_prior(dcf.ASVSPOOF5), {}
    for member, rows in members.split(dev).items():
        bonafide, spoof = (rows.loc[rows["label"] == label, "score"].to_numpy(float) for label in CLASSES)
        found[member] = Freeze(operating_point(rows), llr.fit_affine(bonafide, spoof, prior))
    return found


def statistic(dev: pd.DataFrame | None, predictions: pd.DataFrame) -> Members:
    """What scores the members on predictions of other recordings under any resampling; dev: None, where there is none.

    Raises Refused for predictions that cannot be scored, and for a member that dev does not have.
    """
    check(predictions)
    rows = members.split(ranked(predictions))
    of_dev = dict.fromkeys(rows) if dev is None else frozen(dev)
    lacking = [member.title or "the one member" for member in rows if member not in of_dev]
    if lacking:
        raise Refused(f"dev has no predictions of {', '.join(lacking)}: there is nothing to freeze")
    return tables.scored(rows, lambda member, trials: Frozen(trials, of_dev[member]), "label")


def intervals(dev: pd.DataFrame | None, predictions: pd.DataFrame, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The metrics with their intervals, by utterance and by speaker, as `tables.intervals` makes them: COLUMNS."""
    scores = statistic(dev, predictions)
    warn_if_inverted(scores.rows)
    return tables.intervals(scores, MEASURES, protocol.prefix(predictions), scoring, seed)
