import numpy as np
import pandas as pd
import pytest

from voxdag.figures import comparison, style
from voxdag.figures.curves import error_curve
from voxdag.figures.metric import Metric

pytestmark = pytest.mark.filterwarnings("error")

EER = Metric("eer", "EER", "%", worst="highest")
INTERVALS = pd.DataFrame(
    [("a", "eer", 0.1, 0.05, 0.2), ("a", "auc", 0.9, 0.8, 1), ("chance", "eer", 0.5, np.nan, np.nan)],
    columns=["system", "metric", "value", "low", "high"],
)
# System b lacks the hardest group; of group Z nothing is defined.
RATES = pd.DataFrame(
    [("a", "X", 0.1), ("a", "Y", 0.3), ("b", "X", 0.15), ("a", "W", 0.2), ("a", "Z", np.nan), ("b", "Z", np.nan)],
    columns=["system", "group", "rate"],
).assign(low=0.05, high=0.4)


def lay_out(canvas) -> None:
    with style.paper():
        canvas.draw_without_rendering()


def tick_names(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_headline_draws_one_metric_of_systems_and_baselines_in_order():
    plot = comparison.headline(INTERVALS, EER)
    assert plot.table["system"].tolist() == ["a", "chance"]
    axes = plot.figure.axes[0]
    assert tick_names(axes) == ["a", "chance"]
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.5]
    lay_out(plot.figure)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (INTERVALS[INTERVALS["metric"] == "auc"], "intervals of metric 'eer' has no rows"),
        (INTERVALS.drop(columns="low"), r"intervals lacks columns \['low'\]"),
        (pd.concat([INTERVALS, INTERVALS.head(1)]), "eer stands more than once of a: expected one row per system"),
    ],
)
def test_headline_refuses_what_is_not_one_row_per_system(table, message):
    with pytest.raises(ValueError, match=message):
        comparison.headline(table, EER)


def test_headline_says_which_system_had_an_easier_protocol():
    easier = INTERVALS.replace({"metric": {"eer": "leaky_eer"}})[:1].assign(system="b", value=0.02)
    plot = comparison.headline(pd.concat([INTERVALS, easier]), EER)
    assert plot.table[["system", "metric", "value"]].to_numpy().tolist() == [
        ["a", "eer", 0.1], ["chance", "eer", 0.5], ["b (leaky)", "eer", 0.02],
    ]  # fmt: skip
    assert tick_names(plot.figure.axes[0]) == ["a", "chance", "b (leaky)"]
    assert comparison.headline(easier, EER).table["system"].tolist() == ["b (leaky)"]


@pytest.mark.parametrize(
    ("metric", "values", "label", "written"),
    [
        (Metric("pesq", "PESQ (wb)", "", "lowest"), [2.914, 1.83], "PESQ (wb)", ["2.914", "1.830"]),
        (Metric("si_sdr", "SI-SDR", "dB", "lowest"), [-2.5, 12.346], "SI-SDR (dB)", ["-2.500", "12.35"]),
        (Metric("rmse", "RMSE", "", "highest"), [0.0421, 0.25], "RMSE", ["0.04210", "0.2500"]),
    ],
)
def test_what_is_no_rate_has_an_axis_of_its_own(metric, values, label, written):
    rows = pd.DataFrame({"system": ["a", "b"], "metric": metric.column, "value": values, "low": values, "high": values})
    axes = comparison.headline(rows, metric).figure.axes[0]
    assert axes.get_xlabel() == label and [text.get_text() for text in axes.texts] == written
    low, high = axes.get_xlim()
    assert low <= min(0, *values) and max(values) < high
    groups = rows.rename(columns={"value": "rate"}).assign(group="X")
    axes = comparison.by_group(groups, metric).figure.axes[0]
    lay_out(axes.figure)
    assert axes.get_xlabel() == label and axes.get_xlim()[0] <= min(0, *values)
    ticks = [float(text.get_text().replace("−", "-")) for text in axes.get_xticklabels()]
    assert ticks == pytest.approx(axes.get_xticks(), abs=1e-9)  # not in per cent


def test_det_has_a_colour_a_system_and_a_curve_a_member():
    # EERs of the members: a 0 and 1/2, b 1/2 (rates by hand in test_curves).
    half = error_curve([0, 0, 0.5, 0.5, 1], [1, 0.5, 0.5, 0, 0], [-0.001, 0, 1, 2, 3], counts=(2, 2))
    none = error_curve([0, 0, 0, 0.5, 1], [1, 0.5, 0, 0, 0], [-1, 0, 1, 2, 3], counts=(2, 2))
    curves = pd.concat(
        [
            half.assign(member="seed 1", system="b"),
            none.assign(member="seed 1", system="a"),
            half.assign(member="seed 2", system="a"),
        ],
        ignore_index=True,
    )
    canvas = comparison.det_overlay(curves).figure
    assert [text.get_text() for text in canvas.legends[0].get_texts()] == ["b 50.0 %", "a 25.0 % (sd 35.36)"]
    drawn = [line.get_color() for line in canvas.axes[0].lines if len(line.get_xdata()) == 5]
    assert drawn == [style.PALETTE[0], style.PALETTE[1], style.PALETTE[1]]
    lay_out(canvas)
    with pytest.raises(ValueError, match=r"curves lacks columns \['member'\]"):
        comparison.det_overlay(curves.drop(columns="member"))


def test_grouped_bars_stand_in_their_group_and_have_their_systems_colour():
    plot = comparison.by_group(RATES, EER)
    axes = plot.figure.axes[0]
    assert tick_names(axes) == ["Y", "W", "X", "Z"]  # means 0.3, 0.2, 0.125, undefined
    bars = {(round(bar.get_y() + bar.get_height() / 2), bar.get_width()): bar for bar in axes.patches}
    assert set(bars) == {(0, 0.3), (1, 0.2), (2, 0.1), (2, 0.15), (3, 0)}
    first, second = bars[2, 0.1], bars[2, 0.15]
    assert first.get_y() < second.get_y()  # the axis points down: a above b
    assert first.get_y() + first.get_height() == pytest.approx(second.get_y())
    assert first.get_facecolor() == bars[0, 0.3].get_facecolor() != second.get_facecolor()
    assert [text.get_text() for text in axes.texts] == [" undefined"] * 2
    assert [text.get_text() for text in plot.figure.legends[0].get_texts()] == ["a", "b"]
    lay_out(plot.figure)


def test_the_first_system_keeps_its_colour_where_it_lacks_the_worst_group():
    rates = RATES[~((RATES["system"] == "a") & (RATES["group"] == "Y"))]
    texts = comparison.by_group(rates, EER).figure.legends[0].get_texts()
    assert [text.get_text() for text in texts] == ["a", "b"]


def test_rates_without_rows_are_refused():
    with pytest.raises(ValueError, match="rates has no rows"):
        comparison.by_group(RATES.head(0), EER)
