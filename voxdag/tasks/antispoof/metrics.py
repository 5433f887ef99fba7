"""Scores of an anti-spoofing system, from its predictions and the ASV scores of the corpus.

predictions: one row per utterance: id, speaker, label (bonafide or spoof), attack (none for bona fide speech), score
    (higher = more bona fide), and whatever else `breakdown` groups by.
asv: one row per trial of the corpus's speaker verifier: attack, key (target, nontarget or spoof), score; of the split
    that the predictions are of. Without a row every t-DCF is None.

All rates are fractions. An undefined metric is None, beside the counts that say why.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.scoring import dcf, eer, tdcf
from voxdag.scoring.intervals import Interval, bootstrap

LABELS = ("bonafide", "spoof")
FORMS = tuple(tdcf.FORMS)
METRICS = ("eer", *(f"min_tdcf_{form}" for form in FORMS), "min_dcf", "act_dcf", "cllr", "auc")
ERROR_RATES = ("miss_rate", "false_alarm_rate")
COUNTS = tuple(f"n_{label}" for label in LABELS)
ENDS = Interval._fields
NO_INTERVAL = (None, None)
NO_ASV = pd.DataFrame(columns=["split", "attack", "key", "score"])  # the ASV scores of a corpus that has none

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scoring:
    """How intervals are made.

    replicates  bootstrap replicates
    confidence  of the intervals, a fraction
    """

    replicates: int
    confidence: float


class Scorer:
    """All metrics of one set of predictions, sorted once and scored under any number of resamplings.

    Raises Refused for a class without a trial or fewer than 3 distinct scores.
    """

    def __init__(self, predictions: pd.DataFrame, weights: Mapping[str, tdcf.TandemWeights]) -> None:
        classes = [predictions[predictions["label"] == label] for label in LABELS]
        self.trials = pd.concat(classes)
        bonafide, spoof = (trials["score"].to_numpy(float) for trials in classes)
        self.n_bonafide = bonafide.size
        self.ranked = eer.RankedTrials(bonafide, spoof)
        self.bits = dcf.surprise(np.concatenate([bonafide, -spoof]))
        self.weights = weights
        tdcf.check_distinct(self.ranked.scores)

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """Every metric that is defined, of the set in which trial i of `self.trials` stands counts[i] times."""
        curve = self.ranked.curve(counts)
        values = {"eer": eer.equal_error(curve).eer, "auc": eer.area(curve), "cllr": self._cllr(counts)}
        values |= {f"min_tdcf_{form}": tdcf.min_cost(curve, weights)[0] for form, weights in self.weights.items()}
        values |= {"min_dcf": float(dcf.ASVSPOOF5.along(curve).min()), "act_dcf": dcf.cost_at(curve, dcf.ASVSPOOF5)}
        return values

    def _cllr(self, counts: np.ndarray | None) -> float:
        counts = np.ones(self.bits.size) if counts is None else counts
        halves = slice(self.n_bonafide), slice(self.n_bonafide, None)
        return float(sum(np.average(self.bits[half], weights=counts[half]) for half in halves) / 2)

    def intervals(
        self, scoring: Scoring, rng: np.random.Generator, clusters: np.ndarray | None = None
    ) -> dict[str, Interval]:
        """Intervals of every metric that is defined, by utterance, or by the clusters of `self.trials`."""
        labels = self.trials["label"].to_numpy(str)
        return bootstrap(self, labels, rng, scoring.replicates, scoring.confidence, clusters)


def headline(predictions: pd.DataFrame, asv: pd.DataFrame) -> dict[str, float | None]:
    """The metrics that stand for the system; minDCF, actDCF and Cllr (bits) at the costs of ASVspoof 5.

    Raises Refused if a column is missing, a label is unknown, a score is not finite, a class has no trial, or there
    are fewer than 3 distinct scores.
    """
    _check(predictions)
    values = Scorer(predictions, _weights(asv))()
    _warn_if_inverted(values["eer"], "all trials")
    return {metric: values.get(metric) for metric in METRICS}


def intervals(predictions: pd.DataFrame, asv: pd.DataFrame, scoring: Scoring, seed: int) -> pd.DataFrame:
    """Bootstrap intervals of the headline, once by utterance and once by speaker.

    Columns: metric, value, low, high, resampled_by, replicates, n_bonafide, n_spoof. By speaker, low and high are
    missing unless every trial has a speaker and there are at least two.

    Raises Refused as `headline` does.
    """
    _check(predictions, ["speaker"])
    scorer = Scorer(predictions, _weights(asv))
    values, speakers = scorer(), scorer.trials["speaker"]
    bounds = {"utterance": scorer.intervals(scoring, streams.generator(seed, "intervals", "utterance")), "speaker": {}}
    if speakers.notna().all() and speakers.nunique() > 1:
        rng = streams.generator(seed, "intervals", "speaker")
        bounds["speaker"] = scorer.intervals(scoring, rng, pd.factorize(speakers, sort=True)[0])
    rows = [
        (metric, values.get(metric), *bounds[by].get(metric, NO_INTERVAL), by) for by in bounds for metric in METRICS
    ]
    table = pd.DataFrame(rows, columns=["metric", "value", *ENDS, "resampled_by"])
    table = table.astype(dict.fromkeys(["value", *ENDS], float))
    return table.assign(replicates=scoring.replicates, **_counts(predictions))


def breakdown(
    predictions: pd.DataFrame,
    asv: pd.DataFrame,
    by: Sequence[str],
    scoring: Scoring,
    seed: int,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Score every group of every column in `by`, with intervals by utterance.

    A row with no value in a column counts in all of that column's groups: bona fide speech has no attack, so each
    attack is scored against all the bona fide speech. In groups by attack the t-DCF is that of an ASV system attacked
    by that attack alone, elsewhere by all of them. A group that cannot be scored (one class only, fewer than 3 distinct
    scores) has its counts and no metrics.

    Columns: column, value, n_bonafide, n_spoof, then each metric with its _low and _high; with `threshold` (chosen on
    dev) also miss_rate and false_alarm_rate of accepting scores above it.

    Raises Refused if a column is missing, a label is unknown, or a score is not finite.
    """
    _check(predictions, by)
    rows = []
    for column in by:
        for value in sorted(predictions[column].dropna().unique()):
            group = predictions[predictions[column].isna() | (predictions[column] == value)]
            weights = _weights(asv, value if column == "attack" else None)
            rng = streams.generator(seed, "breakdown", column, str(value))
            row = {"column": column, "value": value, **_counts(group)}
            row |= _group_metrics(group, weights, scoring, rng, f"{column} {value}")
            rows.append(row if threshold is None else row | _error_rates(group, threshold))
    numbers = [*_with_ends(), *(() if threshold is None else ERROR_RATES)]
    table = pd.DataFrame(rows, columns=["column", "value", *COUNTS, *numbers])
    return table.astype(dict.fromkeys(numbers, float))


def _group_metrics(
    group: pd.DataFrame,
    weights: Mapping[str, tdcf.TandemWeights],
    scoring: Scoring,
    rng: np.random.Generator,
    name: str,
) -> dict[str, float]:
    try:
        scorer = Scorer(group, weights)
    except ValueError as reason:
        logger.warning("%s has no metrics: %s", name, reason)
        values, bounds = {}, {}
    else:
        values, bounds = scorer(), scorer.intervals(scoring, rng)
        _warn_if_inverted(values["eer"], name)
    ends = {f"{metric}_{end}": value for metric in bounds for end, value in bounds[metric]._asdict().items()}
    return values | ends


def _weights(asv: pd.DataFrame, attack: object = None) -> dict[str, tdcf.TandemWeights]:
    """Weights of every form of t-DCF that is defined for the corpus's ASV system, under all attacks or under one."""
    spoof = asv[asv["key"] == "spoof"] if len(asv) else asv
    if attack is not None and len(spoof):
        spoof = spoof[spoof["attack"] == attack]
    if not len(spoof):
        return {}
    target, nontarget = (asv.loc[asv["key"] == key, "score"] for key in ("target", "nontarget"))
    rates = tdcf.asv_rates(target, nontarget, spoof["score"])
    weights = {}
    for form in FORMS:
        try:
            weights[form] = tdcf.tandem_weights(rates, form)
        except ValueError as reason:
            logger.warning("no %s t-DCF under %s: %s", form, "all attacks" if attack is None else attack, reason)
    return weights


def _error_rates(group: pd.DataFrame, threshold: float) -> dict[str, float]:
    accepted = group["score"] > threshold
    bonafide, spoof = (accepted[group["label"] == label] for label in LABELS)
    rates = (1 - bonafide.mean(), spoof.mean())
    return dict(zip(ERROR_RATES, rates, strict=True))


def _with_ends() -> list[str]:
    return [name for metric in METRICS for name in (metric, *(f"{metric}_{end}" for end in ENDS))]


def _counts(predictions: pd.DataFrame) -> dict[str, int]:
    return {name: int((predictions["label"] == label).sum()) for name, label in zip(COUNTS, LABELS, strict=True)}


def _warn_if_inverted(value: float, name: str) -> None:
    if value > 0.5:
        logger.warning("EER of %s is %.4f, above 0.5: the sign of the scores may be inverted", name, value)


def _check(predictions: pd.DataFrame, columns: Sequence[str] = ()) -> None:
    needed = ("id", "label", "score", *columns)
    missing = [column for column in needed if column not in predictions]
    if missing:
        raise Refused(f"predictions have no column {', '.join(missing)}; they have {', '.join(predictions)}")
    unknown = predictions[~predictions["label"].isin(LABELS)]
    if len(unknown):
        first = unknown.iloc[0]
        raise Refused(
            f"{len(unknown)} of {len(predictions)} labels are unknown: utterance {first['id']} has "
            f"{first['label']!r}, expected one of {', '.join(LABELS)}"
        )
    broken = predictions[~np.isfinite(predictions["score"].to_numpy(float))]
    if len(broken):
        first = broken.iloc[0]
        raise Refused(
            f"{len(broken)} of {len(predictions)} scores are not finite: utterance {first['id']} has {first['score']}"
        )
