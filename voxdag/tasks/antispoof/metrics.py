"""Metrics of an anti-spoofing system, from its predictions and the ASV scores of the corpus.

predictions: one row per utterance and member: id, fold and seed (see `scoring.members`), protocol (or no such column:
    speaker-independent), speaker, label (bonafide or spoof), attack (none for bona fide speech), score (higher = more
    bona fide), and whatever else `breakdown` groups by.
asv: one row per trial of the corpus's speaker verifier: attack, key (target, nontarget or spoof), score; of the split
    that the predictions are of. Without a row every t-DCF is None.

Metrics of a system are means over its members. All rates are fractions. An undefined metric is None, beside the counts
that say why.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data.members import Member
from voxdag.scoring import dcf, eer, llr, members, protocol, tables, tdcf
from voxdag.scoring.members import Members
from voxdag.scoring.tables import Scoring

SURE = 4.0  # standard deviations of the AUC of chance below 1/2: less happens to small sets and to weak systems
SHARES = ("eer", "auc")  # metrics that are shares of both classes

CLASSES = ("bonafide", "spoof")  # in the order in which trials are ranked
FORMS: tuple[tdcf.Form, ...] = tuple(tdcf.FORMS)
MAPS = ("affine", "isotonic")  # of scores to log-likelihood ratios, fitted on dev
CALIBRATED = tuple(f"{name}_{metric}" for name in MAPS for metric in ("act_dcf", "cllr"))
HEADLINE = ("eer", *(f"min_tdcf_{form}" for form in FORMS), "min_dcf", "act_dcf", "cllr")
OF_GROUPS = (*HEADLINE, "auc")  # what the breakdown has
METRICS = (*OF_GROUPS, "min_cllr", *CALIBRATED)
ERROR_RATES = ("miss_rate", "false_alarm_rate")
MEASURES = tables.Measures(METRICS, {f"n_{label}": label for label in CLASSES})
OF_SCORES = replace(MEASURES, metrics=(*OF_GROUPS, "min_cllr"))  # where there is no dev
PREDICTIONS = {"score": float}
NO_ASV = pd.DataFrame(columns=["split", "attack", "key", "score"])  # the ASV scores of a corpus that has none
INTERVALS = tables.interval_types(MEASURES)
BREAKDOWN = tables.breakdown_types(MEASURES, OF_GROUPS, {}) | dict.fromkeys(ERROR_RATES, float)

MapsOf = Mapping[Member, Mapping[str, llr.Map]]
NO_MAPS: Mapping = MappingProxyType({})

logger = logging.getLogger(__name__)


class Scorer:
    """All metrics of one member's predictions, sorted once and scored under any number of resamplings.

    trials  bona fide rows before spoof ones, see `ranked`
    maps    by the names of MAPS, of which costs are measured beside those of the scores themselves: none, where there
            is no dev to fit them on

    min_cllr is measured of the rows themselves alone: no interval of it is drawn.

    Raises Refused for a class without a trial or fewer than 3 distinct scores.
    """

    def __init__(
        self, trials: pd.DataFrame, weights: Mapping[str, tdcf.TandemWeights], maps: Mapping[str, llr.Map] = NO_MAPS
    ) -> None:
        bonafide, spoof = (trials.loc[trials["label"] == label, "score"].to_numpy(float) for label in CLASSES)
        self.halves = slice(bonafide.size), slice(bonafide.size, None)
        self.ranked = eer.RankedTrials(bonafide, spoof)
        self.bits = surprises(bonafide, spoof)
        self.weights, self.maps = weights, maps
        self.mapped_bits = {name: surprises(one(bonafide), one(spoof)) for name, one in maps.items()}
        self.min_cllr = llr.min_cllr(bonafide, spoof)
        tdcf.check_distinct(self.ranked.scores)

    def __call__(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """Every metric that is defined, of the set in which row i of the trials stands counts[i] times."""
        if counts is not None and not all(counts[half].any() for half in self.halves):
            return {}
        curve = self.ranked.curve(counts)
        values = {"eer": eer.equal_error(curve).eer, "auc": eer.area(curve), "cllr": self._cllr(self.bits, counts)}
        values |= {f"min_tdcf_{form}": tdcf.min_cost(curve, weights)[0] for form, weights in self.weights.items()}
        values |= {"min_dcf": float(dcf.ASVSPOOF5.along(curve).min()), "act_dcf": dcf.cost_at(curve, dcf.ASVSPOOF5)}
        for name, bits in self.mapped_bits.items():
            threshold = self.maps[name].threshold(dcf.ASVSPOOF5.threshold)
            values[f"{name}_act_dcf"] = dcf.cost_at(curve, dcf.ASVSPOOF5, threshold)
            values[f"{name}_cllr"] = self._cllr(bits, counts)
        return values | ({"min_cllr": self.min_cllr} if counts is None else {})

    def _cllr(self, bits: np.ndarray, counts: np.ndarray | None) -> float:
        counts = np.ones(bits.size) if counts is None else counts
        return float(sum(np.average(bits[half], weights=counts[half]) for half in self.halves) / 2)


def surprises(bonafide: np.ndarray, spoof: np.ndarray) -> np.ndarray:
    """(n + m,) the surprise of each log-likelihood ratio of (n,) and (m,) trials, whose mean over classes is Cllr."""
    return dcf.surprise(np.concatenate([bonafide, -spoof]))


def fitted_maps(dev: pd.DataFrame) -> dict[Member, dict[str, llr.Map]]:
    """Of each member the maps of MAPS, fitted to its predictions on dev at the prior of ASVspoof 5."""
    prior = llr.effective_prior(dcf.ASVSPOOF5)
    found: dict[Member, dict[str, llr.Map]] = {}
    for member, rows in members.split(dev).items():
        bonafide, spoof = (rows.loc[rows["label"] == label, "score"].to_numpy(float) for label in CLASSES)
        maps: tuple[llr.Map, ...] = llr.fit_affine(bonafide, spoof, prior), llr.fit_steps(bonafide, spoof)
        found[member] = dict(zip(MAPS, maps, strict=True))
    return found


def ranked(predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows with bona fide speech before spoofed."""
    return pd.concat([predictions[predictions["label"] == label] for label in CLASSES])


def statistic(predictions: pd.DataFrame, asv: pd.DataFrame, maps: MapsOf = NO_MAPS) -> Members:
    """The members, each with what scores it under any resampling; minDCF, actDCF and Cllr (bits) at the costs of
    ASVspoof 5, those of the `maps` too, where a member has some (see `fitted_maps`).

    Raises Refused if a column is missing, a label is unknown, a score is not finite, an utterance stands twice in a
    member, or a member has a class without a trial or fewer than 3 distinct scores.
    """
    check(predictions)
    weights = _weights(asv)
    by_member = members.split(ranked(predictions))

    def prepared(member: Member, rows: pd.DataFrame) -> Scorer:
        return Scorer(rows, weights, maps.get(member, NO_MAPS))

    return tables.scored(by_member, prepared, "label", shares=_shares)


def _shares(metric: str, rows: pd.DataFrame) -> list[np.ndarray]:
    """The rows of each class, of the metrics that are shares of both.

    An EER is the larger of two shares at some threshold. As many pairs of trials as the smaller class has are
    independent, and the AUC is the share of pairs in the right order.
    """
    return [(rows["label"] == label).to_numpy() for label in CLASSES] if metric in SHARES else []


def headline(predictions: pd.DataFrame, asv: pd.DataFrame) -> dict[str, float | None]:
    """The metrics that stand for the system, without prefix, and the standard deviation of the EER over members.

    Raises Refused as `statistic` does.
    """
    scores = statistic(predictions, asv)
    warn_if_inverted(scores.rows)
    return tables.headline(scores, HEADLINE, "eer")


def intervals(
    predictions: pd.DataFrame, asv: pd.DataFrame, scoring: Scoring, seed: int, maps: MapsOf = NO_MAPS
) -> pd.DataFrame:
    """Bootstrap intervals of every metric, once by utterance and once by speaker, as `tables.intervals` makes them.

    Raises Refused as `statistic` does, or without a column `speaker`.
    """
    check(predictions, ["speaker"])
    scores, measures = statistic(predictions, asv, maps), MEASURES if maps else OF_SCORES
    return tables.intervals(scores, measures, protocol.prefix(predictions), scoring, seed)


def member_values(predictions: pd.DataFrame, asv: pd.DataFrame, maps: MapsOf = NO_MAPS) -> pd.DataFrame:
    """Every metric of every member, as `tables.member_values` makes them. Raises Refused as `statistic` does."""
    scores, measures = statistic(predictions, asv, maps), MEASURES if maps else OF_SCORES
    return tables.member_values(scores, measures, protocol.prefix(predictions))


def breakdown(
    predictions: pd.DataFrame,
    asv: pd.DataFrame,
    by: Sequence[str],
    scoring: Scoring,
    seed: int,
    thresholds: Mapping[Member, float] | None = None,
) -> pd.DataFrame:
    """Score every group of every column in `by`, with intervals by utterance.

    A row with no value in a column counts in all of that column's groups: bona fide speech has no attack, so each
    attack is scored against all the bona fide speech. In groups by attack the t-DCF is that of an ASV system attacked
    by that attack alone, elsewhere by all of them. A group that no member can score (one class only, fewer than 3
    distinct scores) has its counts and no metrics.

    Columns: those of BREAKDOWN; with `thresholds` (each member's own, chosen on dev) also miss_rate and
    false_alarm_rate of accepting scores above them.

    Raises Refused if a column is missing, a label is unknown, a score is not finite, or a member has no threshold.
    """
    check(predictions, by)

    def score(column: str, value: str, group: pd.DataFrame, rng: np.random.Generator) -> dict[str, float | None]:
        rows, weights = members.split(group), _weights(asv, value if column == "attack" else None)
        scores = tables.scored(rows, lambda _, trials: Scorer(trials, weights), "label", f"{column} {value}", _shares)
        rates = {} if thresholds is None else error_rates(rows, thresholds)
        return MEASURES.count(group) | tables.group_metrics(scores, OF_GROUPS, scoring, rng) | rates

    rows = tables.breakdown(ranked(predictions), by, score, seed, shared=True)
    left_out = ERROR_RATES if thresholds is None else ()
    types = {name: kind for name, kind in BREAKDOWN.items() if name not in left_out}
    return tables.typed(rows, types).assign(protocol=protocol.of(predictions))


def error_rates(rows: Mapping[Member, pd.DataFrame], thresholds: Mapping[Member, float]) -> dict[str, float]:
    """The mean over members of the shares of bona fide speech that is rejected and of spoofs that are accepted, each
    member at its own threshold; NaN of a class that no member has."""
    lacking = [member.title or "the one member" for member in rows if member not in thresholds]
    if lacking:
        raise Refused(f"no threshold for {', '.join(lacking)}: dev has none of these members")
    rates = [_error_rates(table, thresholds[member]) for member, table in rows.items()]
    return pd.DataFrame(rates, columns=list(ERROR_RATES)).mean().to_dict()


def _error_rates(group: pd.DataFrame, threshold: float) -> tuple[float, float]:
    accepted = group["score"] > threshold
    bonafide, spoof = (accepted[group["label"] == label] for label in CLASSES)
    return 1 - bonafide.mean(), spoof.mean()


def _weights(asv: pd.DataFrame, attack: object = None) -> dict[str, tdcf.TandemWeights]:
    """Weights of every form of t-DCF that is defined for the corpus's ASV system, under all attacks or under one."""
    spoof = asv[asv["key"] == "spoof"] if len(asv) else asv
    if attack is not None and len(spoof):
        spoof = spoof[spoof["attack"] == attack]
    if not len(spoof):
        return {}
    target, nontarget = (asv.loc[asv["key"] == key, "score"] for key in ("target", "nontarget"))
    rates = tdcf.asv_rates(target, nontarget, spoof["score"])
    weights: dict[str, tdcf.TandemWeights] = {}
    for form in FORMS:
        try:
            weights[form] = tdcf.tandem_weights(rates, form)
        except Refused as reason:
            logger.warning("%s: %s", "all attacks" if attack is None else attack, reason)
    return weights


def warn_if_inverted(rows: Mapping[Member, pd.DataFrame]) -> None:
    """Say once which members order the classes the wrong way round more surely than chance ever does.

    The AUC of scores without meaning has the standard deviation sqrt((n + m + 1) / (12 n m)) around 1/2 (Mann and
    Whitney, 1947), with n and m trials of the classes.
    """
    inverted = {}
    for member, trials in rows.items():
        bonafide, spoof = (trials.loc[trials["label"] == label, "score"] for label in CLASSES)
        n, m = len(bonafide), len(spoof)
        if n and m and eer.auc(bonafide, spoof) < 0.5 - SURE * np.sqrt((n + m + 1) / (12 * n * m)):
            inverted[member.title or "all trials"] = eer.eer(bonafide, spoof).eer
    if inverted:
        logger.warning(
            "EER of %s, above 0.5 by more than chance: the sign of the scores may be inverted",
            ", ".join(f"{name} is {rate:.4f}" for name, rate in inverted.items()),
        )


def check(predictions: pd.DataFrame, columns: Sequence[str] = ()) -> None:
    """Raises Refused for predictions that cannot be scored: see `tables.check`."""
    tables.check(predictions, columns, {"label": CLASSES}, ["score"])
