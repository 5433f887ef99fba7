"""The figures of an anti-spoofing system: error trade-offs, scores, attacks, decisions and training.

A miss is a bona fide utterance that is rejected, a false alarm a spoof that is accepted. Bona fide is accepted above
the threshold, which is the member's equal-error threshold on the dev split: eval only shows what it costs. Scores of
two members are never pooled: there is a curve for each, and rates are means over members.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.data.members import Member
from voxdag.figures import bayes_error, confusion, det, groups, members, require, roc, scores, style
from voxdag.figures import comparison as systems
from voxdag.figures.curves import POINTS, equal_error_rates, error_curve, probit
from voxdag.figures.history import Quantity, draw_history
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot
from voxdag.scoring.dcf import ASVSPOOF5
from voxdag.scoring.eer import RankedTrials, area, det_curve, eer, roc_points
from voxdag.scoring.members import Members

NAMES = {"bonafide": "bona fide", "spoof": "spoof"}  # label in files: name in figures
PREDICTION_COLUMNS = ("label", "attack", "score")
THRESHOLD_NAME = "EER threshold of dev"
TABLE_ROWS = 900  # shared by the curves of a figure
FEWEST_POINTS = 20  # per curve
BAND_POINTS, BAND_REPLICATES = 121, 500
BAND_END = 1.0  # normal deviates of the false alarm rate

EER = Metric("eer", "EER", "%", worst="highest")
CRITERIA = {
    "dev_eer": Quantity("Dev EER (%)", scale=100, best="min"),
    "dev_min_tdcf": Quantity("Dev min t-DCF", best="min"),
}

Classes = tuple[np.ndarray, np.ndarray]  # scores of bona fide speech, of spoofs


def figures(
    dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Plot]:
    """Draw every figure of one system, by name: det, roc, scores, confusion, calibration, history (after training), and
    where the corpus names its attacks also det_by_attack, attacks, attack_scores.

    `dev` and `predictions` (the eval split) hold one utterance of one member a row: fold and seed (see `members`),
    label, attack (missing for bona fide), score (higher = more bona fide). `breakdown` holds one group a row: column,
    value, eer, eer_low, eer_high (fractions). `history` is as `draw_history` says.

    Raises Refused if a table is empty or lacks a column, a label is unknown, a member lacks a class or dev, a score
    is not finite, or the attacks of `predictions` have no row in `breakdown`.
    """
    for name, table in (("dev", dev), ("predictions", predictions)):
        require.rows(name, table, PREDICTION_COLUMNS)
        _require_labels(name, table)
    by_member = members.split(predictions)
    thresholds = _thresholds(dev, list(by_member))
    plots = {
        "det": _det(by_member),
        "roc": _roc(by_member),
        "scores": _scores(by_member, thresholds),
        "confusion": _confusion(predictions, by_member, thresholds),
        "calibration": _calibration(by_member),
    }
    if len(history):  # weights that were taken as they are have none
        plots["history"] = draw_history(history, CRITERIA)
    if _attacks(predictions):
        plots["det_by_attack"] = _det_by_attack(by_member)
        plots["attacks"] = groups.draw_groups(breakdown, "attack", EER, _overall(by_member))
        plots["attack_scores"] = _attack_scores(by_member, thresholds)
    return plots


def comparison(tables: Mapping[str, pd.DataFrame], intervals: pd.DataFrame) -> dict[str, Plot]:
    """Draw the systems of the task beside one another, by name: eer, and where `tables` has them, det and attacks.

    `tables` are those of `figures` by their names, of all systems below one another with a column system. `intervals`
    holds one metric of a system or baseline a row: system, metric (its prefix says the protocol), value, low, high.

    Raises Refused if a table lacks a column, or as `comparison.headline` does.
    """
    plots = {"eer": systems.headline(intervals, EER)}
    if "det" in tables:
        plots["det"] = systems.det_overlay(tables["det"])
    if "attacks" in tables:
        plots["attacks"] = systems.by_group(tables["attacks"], EER)
    return plots


def _require_labels(name: str, table: pd.DataFrame) -> None:
    unknown = sorted(set(table["label"].astype(str)) - set(NAMES))
    if unknown:
        raise Refused(f"{name} has labels {unknown}: expected {list(NAMES)}")


def _thresholds(dev: pd.DataFrame, names: list[str]) -> dict[str, float]:
    """Return the equal-error threshold of each member on its own dev split."""
    by_member = members.split(dev)
    missing = [name for name in names if name not in by_member]
    if missing:
        raise Refused(f"dev lacks the members {missing} of predictions: it has {list(by_member)}")
    return {name: eer(*_classes(by_member[name])).threshold for name in names}


def _classes(rows: pd.DataFrame, attack: str | None = None) -> Classes:
    """Return the scores of bona fide speech and of all spoofs, or those of one attack, of one member."""
    bonafide, spoof = (rows[rows["label"] == label] for label in NAMES)
    if attack is not None:
        spoof = spoof[spoof["attack"].astype(str) == attack]
    return bonafide["score"].to_numpy(), spoof["score"].to_numpy()


def _attacks(rows: pd.DataFrame) -> list[str]:
    """Return the names of the attacks in `rows`, sorted."""
    return sorted(rows.loc[rows["label"] == "spoof", "attack"].dropna().astype(str).unique())


def _overall(by_member: Mapping[str, pd.DataFrame]) -> groups.Overall:
    """Return the EER of all attacks together: that of the only member, or the mean over members."""
    rate = float(np.mean([eer(*_classes(rows)).eer for rows in by_member.values()]))
    return groups.Overall(rate, members.over_members(len(by_member)) or "all attacks")


def _points(curves: int) -> int:
    return min(POINTS, max(FEWEST_POINTS, TABLE_ROWS // curves))


def _curves(by_member: Mapping[str, pd.DataFrame], points: int, attack: str | None = None) -> list[pd.DataFrame]:
    """Return the error curve of each member; of one attack, of the members that have scores of it."""
    classes = {name: _classes(rows, attack) for name, rows in by_member.items()}
    scored = {name: pair for name, pair in classes.items() if attack is None or pair[1].size}
    return [
        error_curve(*det_curve(*pair), counts=(pair[0].size, pair[1].size), points=points).assign(member=name)
        for name, pair in scored.items()
    ]


def _det(by_member: Mapping[str, pd.DataFrame]) -> Plot:
    """Draw the curve of each member, and the band of their mean miss rate at each false alarm rate."""
    band, by = _band(by_member)
    first, *others = _curves(by_member, _points(len(by_member)))
    for end in ("low_probit", "high_probit"):
        known = {"x": first["false_alarm_probit"], "xp": band["false_alarm_probit"], "fp": band[end]}
        first[end] = np.interp(**known, left=np.nan, right=np.nan) if by else np.nan
    table = pd.concat([first, *others], ignore_index=True)
    bands = {"EER": band} if by else {}
    return Plot(table, det.figure({"EER": _curves(by_member, POINTS)}, bands, f"95 % band, by {by}"))


def _band(by_member: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, str]:
    """The bootstrap band of the mean miss rate over members at each false alarm rate, and by what it was drawn.

    Columns: false_alarm_probit, low_probit, high_probit; a rate without an interval has no row. By speaker, or where
    those are not known by utterance; where neither is known there is no row, and nothing was drawn.
    """
    rows = {Member(str(place)): _ranked(table) for place, table in enumerate(by_member.values())}
    counts = [_classes(table) for table in rows.values()]
    bonafide, spoof = (min(classes[place].size for classes in counts) for place in (0, 1))
    deviates = np.linspace(ndtri(1 / (spoof + 1)), BAND_END, BAND_POINTS)
    scores = Members(rows, {member: _misses(table, ndtr(deviates)) for member, table in rows.items()}, "label")
    for by in ("speaker", "utterance"):
        found = scores.intervals(by, streams.generator(0, "figures", "det", by), BAND_REPLICATES, style.CONFIDENCE)
        if found:
            ends = probit(np.array([found[str(rate)] for rate in ndtr(deviates) if str(rate) in found]), bonafide)
            there = [deviate for deviate in deviates if str(ndtr(deviate)) in found]
            return pd.DataFrame({"false_alarm_probit": there, "low_probit": ends[:, 0], "high_probit": ends[:, 1]}), by
    return pd.DataFrame(columns=["false_alarm_probit", "low_probit", "high_probit"], dtype=float), ""


def _ranked(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with bona fide speech before spoofed, sorted, so that draws do not depend on their order."""
    rows = rows.sort_values("id", kind="stable") if "id" in rows else rows
    return pd.concat([rows[rows["label"] == label] for label in NAMES])


def _misses(rows: pd.DataFrame, rates: np.ndarray) -> Callable[[np.ndarray | None], dict[str, float]]:
    """What gives the miss rate at each of the false alarm `rates`, by its name, of any resampling of the rows."""
    trials, halves = RankedTrials(*_classes(rows)), (rows["label"] == "bonafide").to_numpy()

    def statistic(counts: np.ndarray | None) -> dict[str, float]:
        if counts is not None and not (counts[halves].any() and counts[~halves].any()):
            return {}
        curve = trials.curve(counts)
        misses = curve.frr[np.searchsorted(-curve.far, -rates)]  # of the first point with no more false alarms
        return dict(zip(map(str, rates), misses.tolist(), strict=True))

    return statistic


def _det_by_attack(by_member: Mapping[str, pd.DataFrame]) -> Plot:
    """Draw one curve per attack and member against all the member's bona fide speech, the hardest attack first."""
    names = _attacks(pd.concat(by_member.values()))
    curves = {attack: _curves(by_member, POINTS, attack) for attack in names}
    hardest_first = dict(sorted(curves.items(), key=lambda item: -np.mean(equal_error_rates(item[1]))))
    points = _points(len(names) * len(by_member))
    short = [curve.assign(attack=attack) for attack in hardest_first for curve in _curves(by_member, points, attack)]
    return Plot(pd.concat(short, ignore_index=True), det.multiples(hardest_first, "attacks"))


def _roc(by_member: Mapping[str, pd.DataFrame]) -> Plot:
    whole = {name: det_curve(*_classes(rows)) for name, rows in by_member.items()}
    points = _points(len(by_member))
    table = pd.concat(
        [roc.table(*roc_points(curve), points).assign(member=name) for name, curve in whole.items()], ignore_index=True
    )
    drawn = [roc.table(*roc_points(curve)) for curve in whole.values()]
    return Plot(table, roc.figure(drawn, [area(curve) for curve in whole.values()]))


def _scores(by_member: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float]) -> Plot:
    """Draw the scores of the first member."""
    name, rows = next(iter(by_member.items()))
    classes = dict(zip(NAMES.values(), _classes(rows), strict=True))
    table = scores.table(classes).assign(threshold=thresholds[name], member=name)
    return Plot(table, scores.figure(table, thresholds[name], THRESHOLD_NAME, _score_label(name, by_member)))


def _attack_scores(by_member: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float]) -> Plot:
    """Draw the first member's scores of each attack below those of bona fide speech, the attack nearest to it first."""
    name, rows = next(iter(by_member.items()))
    attacks = {attack: _classes(rows, attack)[1] for attack in _attacks(rows)}
    nearest_first = sorted(attacks, key=lambda attack: -np.median(attacks[attack]))
    spread = groups.spread({"bona fide": _classes(rows)[0]} | {attack: attacks[attack] for attack in nearest_first})
    labels = ["bona fide"] + ["spoof"] * len(attacks)
    table = spread.assign(label=labels, threshold=thresholds[name], member=name)
    colours = dict(zip(NAMES.values(), (style.BLUE, style.VERMILLION), strict=True))
    canvas = groups.boxes(table, colours, thresholds[name], THRESHOLD_NAME, _score_label(name, by_member))
    return Plot(table, canvas)


def _score_label(name: str, by_member: Mapping[str, pd.DataFrame]) -> str:
    return "Score" if len(by_member) == 1 else f"Score of one member ({name})"


def _confusion(
    predictions: pd.DataFrame, by_member: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float]
) -> Plot:
    """Draw the decisions of each member at its own threshold, together."""
    decided = pd.concat(
        rows.assign(predicted=np.where(rows["score"] > thresholds[name], *NAMES.values()))
        for name, rows in by_member.items()
    )
    seeds = members.seeds(predictions)
    table = confusion.table(decided["label"].map(NAMES), decided["predicted"], list(NAMES.values()), seeds)
    return Plot(
        table, confusion.figure(table, title=members.over_seeds(seeds), xlabel=f"Decided at the {THRESHOLD_NAME}")
    )


def _calibration(by_member: Mapping[str, pd.DataFrame]) -> Plot:
    """Draw what the scores cost when they are taken as log-likelihood ratios."""
    table = bayes_error.table([det_curve(*_classes(rows)) for rows in by_member.values()])
    costs = "ASVspoof 5 costs"
    return Plot(table, bayes_error.figure(table, -ASVSPOOF5.threshold, costs, members.over_members(len(by_member))))
