"""Systems of a task beside one another; where groups or curves of all are in one figure, one colour a system."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxdag.core.errors import Refused
from voxdag.figures import det, groups, require, style
from voxdag.figures.metric import Metric
from voxdag.figures.plot import Plot
from voxdag.scoring import protocol

INTERVAL_COLUMNS = ("system", "metric", "value", "low", "high")
GROUP_COLUMNS = ("system", "group", "rate", "low", "high")
CURVE_COLUMNS = ("system", "member", "miss", "false_alarm", "false_alarm_probit", "miss_probit", "at_eer")
FILLED = 0.84  # of the height of a group
MARGIN, GAP, BAR = 0.75, 0.08, 0.11  # inches: above and below all groups, between two, of a bar


def headline(intervals: pd.DataFrame, metric: Metric) -> Plot:
    """Draw one metric of every system and baseline with its interval, in the table's order.

    intervals: one metric of a system a row: system, metric (its prefix says the protocol), value, low, high. The name
    of a system under an easier protocol says so.

    Raises Refused if a column is missing, no system has the metric, or one has it twice.
    """
    require.columns("intervals", intervals, INTERVAL_COLUMNS)
    notes = {f"{prefix}{metric.column}": protocol.NOTES[name] for name, prefix in protocol.PREFIXES.items()}
    rows = intervals[intervals["metric"].isin(notes)]
    require.rows(f"intervals of metric '{metric.column}'", rows, INTERVAL_COLUMNS)
    twice = sorted(rows.loc[rows["system"].duplicated(), "system"].astype(str).unique())
    if twice:
        raise Refused(f"{metric.column} stands more than once of {', '.join(twice)}: expected one row per system")
    rows = rows.assign(system=with_notes(rows["system"], rows["metric"].map(notes)), metric=metric.column)
    rows = rows.reset_index(drop=True)
    drawn = groups.bars(rows.rename(columns={"system": "group", "value": "rate"}), metric)
    return Plot(rows, drawn, intervals=True)


def with_notes(systems: pd.Series, notes: pd.Series) -> list[str]:
    """The names of systems, each with its note behind it where it has one."""
    return [f"{system} ({note})" if note else str(system) for system, note in zip(systems, notes, strict=True)]


def det_overlay(curves: pd.DataFrame) -> Plot:
    """Draw the detection error trade-offs of all systems, a curve for each member, the mean EER in the legend.

    curves: `curves.error_curve` tables below one another, told apart by the columns system and member.

    Raises Refused if a column is missing or there is no row.
    """
    require.rows("curves", curves, CURVE_COLUMNS)
    by_system = {
        str(system): [curve for _, curve in rows.groupby("member", sort=False)]
        for system, rows in curves.groupby("system", sort=False)
    }
    return Plot(curves, det.figure(by_system, _bands(curves), "95 % band"))


def _bands(curves: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What the curves of each system say of its band, where they do."""
    if "low_probit" not in curves:
        return {}
    known = curves.dropna(subset=["low_probit", "high_probit"]).sort_values("false_alarm_probit", kind="stable")
    return {str(system): band for system, band in known.groupby("system", sort=False)}


def by_group(rates: pd.DataFrame, metric: Metric) -> Plot:
    """Draw a metric of all systems in every group, as `grouped_bars` says, the group of the worst mean first.

    Raises Refused as `grouped_bars` does.
    """
    require.rows("rates", rates, GROUP_COLUMNS)
    means = rates.groupby(rates["group"].astype(str))["rate"].mean()
    worst_first = means.sort_values(ascending=metric.worst == "lowest", kind="stable")
    return Plot(rates, grouped_bars(rates, list(worst_first.index), metric), intervals=True)


@style.paper()
def grouped_bars(rates: pd.DataFrame, order: Sequence[str], metric: Metric) -> Figure:
    """Draw a metric of every system in every group, the groups in `order`, the systems in the table's.

    rates: one group of a system a row: system, group, rate (the metric), low, high. An undefined value is written
    "undefined" instead of drawn as zero, a group that a system lacks stays free.

    Raises Refused if a column is missing or there is no row.
    """
    require.rows("rates", rates, GROUP_COLUMNS)
    systems = list(dict.fromkeys(rates["system"].astype(str)))
    labels = [style.wrapped(name) for name in order]
    canvas = style.new_figure(height=MARGIN + (GAP + BAR * max(len(systems), 2)) * max(len(order), 3))
    axes = canvas.subplots()
    for place, (system, look) in enumerate(zip(systems, style.line_looks(len(systems)), strict=True)):
        rows = rates[rates["system"].astype(str) == system]
        _draw(axes, rows, _offsets(order, rows, place, len(systems)), FILLED / len(systems), system, look["color"])
    axes.set_yticks(range(len(order)), labels, fontsize=6.5)
    axes.set_ylim(len(order) - 0.4, -0.6)
    if not (rates[["rate", "low"]] < 0).any(axis=None):
        axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    metric.scale(axes)
    canvas.legend(loc="outside upper center", ncols=min(len(systems), 3), frameon=False, columnspacing=1.2)
    return canvas


def _offsets(order: Sequence[str], rows: pd.DataFrame, place: int, systems: int) -> np.ndarray:
    """Where the bars of the system at `place` stand: in each group in the order of the systems, centred."""
    numbers = rows["group"].astype(str).map({name: number for number, name in enumerate(order)})
    return numbers.to_numpy(float) + FILLED * ((place + 0.5) / systems - 0.5)


def _draw(axes: Axes, rows: pd.DataFrame, places: np.ndarray, height: float, label: str, colour: str) -> None:
    axes.barh(places, rows["rate"].fillna(0), height=height, color=colour, alpha=0.8, linewidth=0, label=label)
    axes.hlines(places, rows["low"], rows["high"], color=style.BLACK, linewidth=0.7)
    for place in places[rows["rate"].isna()]:
        axes.text(0, place, " undefined", va="center", fontsize=5)
