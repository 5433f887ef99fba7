"""The figures of an anti-spoofing system: error trade-offs, scores, attacks, decisions and training.

A miss is a bona fide utterance that is rejected, a false alarm a spoof that is accepted. Bona fide is accepted above
the threshold, which is the equal-error threshold of the dev split: eval only shows what it costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voxdag.core.errors import Refused
from voxdag.figures import confusion, det, groups, history, roc, scores, style
from voxdag.figures.curves import error_curve
from voxdag.figures.history import Quantity
from voxdag.scoring.eer import area, det_curve, eer, roc_points

NAMES = {"bonafide": "bona fide", "spoof": "spoof"}  # label in files: name in figures
PREDICTION_COLUMNS = ("label", "attack", "score")
BREAKDOWN_COLUMNS = ("column", "value", "eer", "eer_low", "eer_high")
THRESHOLD_NAME = "EER threshold of dev"
ATTACK_TABLE_ROWS = 900  # shared by the curves of all attacks
FEWEST_POINTS = 20  # per attack

LEARNING_RATE = Quantity("Learning rate (×10⁻⁴)", scale=1e4)
KNOWN_QUANTITIES = {
    "train_loss": Quantity("Training loss"),
    "dev_eer": Quantity("Dev EER (%)", scale=100, best="min"),
    "dev_loss": Quantity("Dev loss", best="min"),
    "dev_min_tdcf": Quantity("Dev min t-DCF", best="min"),
    "dev_min_dcf": Quantity("Dev minDCF", best="min"),
    "dev_auc": Quantity("Dev AUC (%)", scale=100, best="max"),
}


@dataclass(frozen=True)
class Plot:
    """One figure and the table, of about 1,000 rows at most, from which DVC draws the same."""

    table: pd.DataFrame
    figure: Figure


def figures(
    dev: pd.DataFrame, predictions: pd.DataFrame, breakdown: pd.DataFrame, history: pd.DataFrame
) -> dict[str, Plot]:
    """Draw every figure of one system, by name: det, roc, scores, confusion, history (after training), and where the
    corpus names its attacks also det_by_attack, attacks, attack_scores.

    `dev` and `predictions` (the eval split) hold one utterance a row: label, attack (missing for bona fide), score
    (higher = more bona fide). `breakdown` holds one group a row: column, value, eer, eer_low, eer_high (fractions).
    `history` holds one epoch a row: epoch, lr, train_loss and any dev_* criteria.

    Raises Refused if a table is empty or lacks a column, a label is unknown, a class has no score, a score is not
    finite, or the attacks of `predictions` have no row in `breakdown`.
    """
    for name, table in (("dev", dev), ("predictions", predictions)):
        _require(name, table, PREDICTION_COLUMNS)
        _require_labels(name, table)
    bonafide, spoof = _classes(predictions)
    threshold = eer(*_classes(dev)).threshold
    plots = {
        "det": _det(bonafide, spoof),
        "roc": _roc(bonafide, spoof),
        "scores": _scores(bonafide, spoof, threshold),
        "confusion": _confusion(predictions, threshold),
    }
    if len(history):  # weights that were taken as they are have none
        plots["history"] = _history(history)
    attacks = _by_attack(predictions)
    if attacks:
        plots["det_by_attack"] = _det_by_attack(bonafide, attacks)
        plots["attacks"] = _attacks(breakdown, eer(bonafide, spoof).eer)
        plots["attack_scores"] = _attack_scores(bonafide, attacks, threshold)
    return plots


def _require(name: str, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise Refused(f"{name} lacks columns {missing}: expected {list(columns)}, found {list(table.columns)}")
    if table.empty:
        raise Refused(f"{name} has no rows: expected one per utterance or group with {list(columns)}")


def _require_labels(name: str, table: pd.DataFrame) -> None:
    unknown = sorted(set(table["label"].astype(str)) - set(NAMES))
    if unknown:
        raise Refused(f"{name} has labels {unknown}: expected {list(NAMES)}")


def _classes(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    bonafide, spoof = (predictions.loc[predictions["label"] == label, "score"].to_numpy() for label in NAMES)
    return bonafide, spoof


def _by_attack(predictions: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the scores of each named attack, in the order of their names."""
    spoof = predictions[predictions["label"] == "spoof"]
    return {str(attack): rows.to_numpy() for attack, rows in spoof.groupby("attack")["score"]}


def _curve(bonafide: np.ndarray, spoof: np.ndarray, **thinning: int) -> pd.DataFrame:
    return error_curve(*det_curve(bonafide, spoof), counts=(bonafide.size, spoof.size), **thinning)


def _det(bonafide: np.ndarray, spoof: np.ndarray) -> Plot:
    curve = _curve(bonafide, spoof)
    return Plot(curve, det.figure({"EER": curve}))


def _det_by_attack(bonafide: np.ndarray, attacks: Mapping[str, np.ndarray]) -> Plot:
    """Draw one curve per attack against all bona fide speech, the hardest attack first."""
    points = max(FEWEST_POINTS, ATTACK_TABLE_ROWS // len(attacks))
    hardest_first = sorted(attacks, key=lambda attack: -eer(bonafide, attacks[attack]).eer)
    tables = [_curve(bonafide, attacks[attack], points=points).assign(attack=attack) for attack in hardest_first]
    curves = {attack: _curve(bonafide, attacks[attack]) for attack in hardest_first}
    return Plot(pd.concat(tables, ignore_index=True), det.figure(curves))


def _roc(bonafide: np.ndarray, spoof: np.ndarray) -> Plot:
    curve = det_curve(bonafide, spoof)
    table = roc.table(*roc_points(curve))
    return Plot(table, roc.figure(table, area(curve)))


def _scores(bonafide: np.ndarray, spoof: np.ndarray, threshold: float) -> Plot:
    table = scores.table({"bona fide": bonafide, "spoof": spoof}).assign(threshold=threshold)
    return Plot(table, scores.figure(table, threshold, THRESHOLD_NAME))


def _attacks(breakdown: pd.DataFrame, pooled: float) -> Plot:
    """Draw the EER of each attack with its interval, the hardest first and undefined ones last."""
    _require("breakdown", breakdown, BREAKDOWN_COLUMNS)
    rows = breakdown[breakdown["column"] == "attack"].sort_values(["eer", "value"], ascending=[False, True])
    _require("breakdown of column 'attack'", rows, BREAKDOWN_COLUMNS)
    names = {"value": "group", "eer": "rate", "eer_low": "low", "eer_high": "high"}
    table = rows[list(names)].rename(columns=names).reset_index(drop=True).assign(pooled=pooled)
    return Plot(table, groups.bars(table, "EER (%)", pooled))


def _attack_scores(bonafide: np.ndarray, attacks: Mapping[str, np.ndarray], threshold: float) -> Plot:
    """Draw the scores of each attack below those of bona fide speech, the attack nearest to it first."""
    nearest_first = sorted(attacks, key=lambda attack: -np.median(attacks[attack]))
    spread = groups.spread({"bona fide": bonafide} | {attack: attacks[attack] for attack in nearest_first})
    table = spread.assign(label=["bona fide"] + ["spoof"] * len(attacks), threshold=threshold)
    colours = [style.BLUE] + [style.VERMILLION] * len(attacks)
    return Plot(table, groups.boxes(spread, colours, threshold, THRESHOLD_NAME))


def _confusion(predictions: pd.DataFrame, threshold: float) -> Plot:
    actual = predictions["label"].map(NAMES)
    predicted = np.where(predictions["score"] > threshold, *NAMES.values())
    table = confusion.table(actual, predicted, list(NAMES.values()))
    return Plot(table, confusion.figure(table))


def _history(rows: pd.DataFrame) -> Plot:
    """Draw the training loss, every dev_* criterion and the learning rate; a criterion not known here has no best."""
    criteria = [name for name in rows.columns if name.startswith("dev_")]
    quantities = {name: KNOWN_QUANTITIES.get(name, Quantity(_words(name))) for name in ["train_loss", *criteria]}
    table = history.table(rows, quantities | {"lr": LEARNING_RATE})
    return Plot(table, history.figure(table))


def _words(column: str) -> str:
    return column.replace("_", " ").capitalize()
