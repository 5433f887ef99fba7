"""What each figure shows, read back from its artists; and that odd inputs draw without a warning."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri

from voxdag.figures import bayes_error, class_bars, confusion, det, groups, reliability, roc, scores, style, waveform
from voxdag.figures.curves import equal_point, error_curve
from voxdag.figures.groups import Overall
from voxdag.figures.metric import Metric
from voxdag.scoring import calibration
from voxdag.scoring.eer import det_curve

pytestmark = pytest.mark.filterwarnings("error")

PERFECT = error_curve([0, 0, 0, 0.5, 1], [1, 0.5, 0, 0, 0], [-1, 0, 1, 2, 3], counts=(2, 2))
INVERTED = error_curve([0, 0.5, 1, 1, 1], [1, 1, 1, 0.5, 0], [-1, 0, 1, 2, 3], counts=(200, 200))
EER = Metric("eer", "EER", "%", worst="highest")
SI_SDR = Metric("si_sdr", "SI-SDR", "dB", worst="lowest")
LONG_NAME = "voice_conversion_with_a_diffusion_codec_and_noise"


def lay_out(canvas) -> None:
    """Do all that rendering does short of the pixels: fonts, ticks, legends, margins."""
    with style.paper():
        canvas.draw_without_rendering()


def legend_texts(legend) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


def test_det_ticks_stand_at_the_normal_deviates_of_their_percentages():
    many = error_curve([0, 0.1, 1], [1, 0.1, 0], [0, 1, 2], counts=(50, 50))
    axes = det.figure({"EER": [many]}).axes[0]
    names = [float(label.get_text()) for label in axes.get_xticklabels()]
    np.testing.assert_allclose(100 * ndtr(axes.get_xticks()), names, rtol=1e-9)
    assert {5, 10, 20, 40} <= set(names)


@pytest.mark.parametrize("curve", [PERFECT, INVERTED], ids=["perfect", "inverted"])
def test_det_frame_holds_the_equal_error_point_however_extreme(curve):
    low, high = det.figure({"EER": [curve]}).axes[0].get_xlim()
    x, y = equal_point(curve)[["false_alarm_probit", "miss_probit"]]
    assert low < x < high and low < y < high


@pytest.mark.parametrize(
    ("rate", "low", "high"),  # the frame, in normal deviates
    [
        (0.02, ndtri(0.0005), 0),  # a good system's
        (0.1, 2 * ndtri(0.1), 0),
        (0.24, ndtri(0.24) - 1, ndtri(0.24) + 1),
        (0.4, ndtri(0.4) - 1, ndtri(0.4) + 1),
    ],
)
def test_a_poor_systems_curve_runs_through_the_middle_of_the_frame(rate, low, high):
    # Two Gaussians of unit variance: probit(miss) + probit(false alarm) = 2 probit(EER).
    deviates = np.linspace(-3.5, 3.5, 701)
    curve = error_curve(ndtr(deviates), ndtr(2 * ndtri(rate) - deviates), deviates, counts=(9999, 9999))
    # steps of 0.01 deviates
    assert det.figure({"EER": [curve]}).axes[0].get_xlim() == pytest.approx((low, high), abs=0.02)


def test_det_writes_the_equal_error_rate_of_every_curve():
    canvas = det.figure({"A01": [PERFECT], LONG_NAME: [INVERTED]})
    assert legend_texts(canvas.legends[0]) == ["A01 0 % (to 84.2 %)", f"{LONG_NAME} 100.0 %"]
    lay_out(canvas)


def test_det_of_members_writes_their_mean_and_sd_and_draws_each_in_one_colour():
    # EERs of 0 and 1: the mean is 1/2, the sd (n - 1) is 1/sqrt(2).
    canvas = det.figure({"EER": [PERFECT, INVERTED]})
    legend = canvas.axes[0].get_legend()
    assert legend_texts(legend) == ["EER 50.0 % (sd 70.71)"]
    assert legend.get_title().get_text() == "mean over 2 members"
    curves = [line for line in canvas.axes[0].lines if len(line.get_xdata()) == 5]
    assert len(curves) == 2 and len({line.get_color() for line in curves}) == 1
    assert curves[0].get_linewidth() < det.figure({"EER": [PERFECT]}).axes[0].lines[0].get_linewidth()
    lay_out(canvas)


def test_det_of_several_names_says_that_rates_are_means():
    canvas = det.figure({"A01": [PERFECT, INVERTED], "A02": [PERFECT, PERFECT]})
    # none of 2 trials: .975 for up to 1 - sqrt(.025)
    assert legend_texts(canvas.legends[0]) == ["A01 50.0 % (sd 70.71)", "A02 0 % (to 84.2 %)"]
    assert canvas.legends[0].get_title().get_text() == "Equal error rate, mean over members"


def dots(axes) -> list[tuple[float, float]]:
    return [tuple(line.get_xydata()[0]) for line in axes.lines if line.get_marker() == "o"]


def test_an_equal_error_rate_of_nought_has_no_dot():
    some = error_curve([0, 0.1, 1], [1, 0.1, 0], [0, 1, 2], counts=(50, 50))
    assert dots(det.figure({"EER": [PERFECT]}).axes[0]) == []
    assert dots(det.figure({"EER": [some]}).axes[0]) == [pytest.approx((ndtri(0.1), ndtri(0.1)))]


def test_det_shades_the_band_of_its_name():
    band = pd.DataFrame({"false_alarm_probit": [-1.0, 0.0], "low_probit": [-1.5, -2.0], "high_probit": [-0.5, -1.0]})
    canvas = det.figure({"EER": [PERFECT]}, {"EER": band}, "95 % band")
    assert legend_texts(canvas.axes[0].get_legend()) == ["EER 0 % (to 84.2 %)", "95 % band"]
    corners = canvas.axes[0].collections[0].get_paths()[0].vertices
    assert {(-1.0, -1.5), (0.0, -2.0), (-1.0, -0.5), (0.0, -1.0)} <= set(map(tuple, corners.tolist()))


def test_small_multiples_have_a_panel_a_name_and_say_what_is_left_out():
    some = error_curve([0, 0.1, 1], [1, 0.1, 0], [0, 1, 2], counts=(50, 50))
    canvas = det.multiples({"A2": [some], "A1": [PERFECT]}, "attacks")
    assert [panel.get_title() for panel in canvas.axes] == ["A2 10.0 %", "A1 0 % (to 84.2 %)"]
    assert [len(panel.lines) for panel in canvas.axes] == [4, 3]  # both in grey, one in colour, its dot
    lay_out(canvas)
    many = det.multiples({f"A{number:02d}": [some] for number in range(30)}, "attacks")
    shown = [panel.get_title() for panel in many.axes if panel.get_visible()]
    assert shown == [f"A{number:02d} 10.0 %" for number in range(det.MOST_PANELS)]
    assert many.get_supxlabel() == "False alarm rate (%) (20 hardest of 30 attacks)"
    lay_out(many)
    with pytest.raises(ValueError, match="no curve to draw"):
        det.multiples({}, "attacks")


@pytest.mark.parametrize("curves", [{}, {"EER": []}])
def test_det_without_curves_is_refused(curves):
    with pytest.raises(ValueError, match="at least one table"):
        det.figure(curves)


def test_lines_of_up_to_28_curves_all_look_different():
    looks = {tuple(look.values()) for look in style.line_looks(28)}
    assert len(looks) == 28


def test_roc_shows_a_close_up_of_good_systems_only():
    good = roc.table([0, 0, 0.02, 1], [0, 0.97, 1, 1])
    poor = roc.table([0, 0.3, 1], [0, 0.6, 1])
    assert good["at_eer"].tolist() == [0, 0, 1, 0]  # |0 - 0.02| is less than |0.03 - 0|
    assert len(roc.figure([good], [0.99]).axes[0].child_axes) == 1
    assert len(roc.figure([poor], [0.65]).axes[0].child_axes) == 0


def test_roc_of_members_writes_the_mean_area_and_its_sd():
    curve = roc.table([0, 0, 0.02, 1], [0, 0.97, 1, 1])
    legend = roc.figure([curve, curve], [0.98, 0.99]).axes[0].get_legend()
    assert legend_texts(legend) == ["AUC 98.50 % (sd 0.71)", "chance"]
    assert legend.get_title().get_text() == "mean over 2 members"
    with pytest.raises(ValueError, match="at least one table with columns false_alarm, hit"):
        roc.figure([], [])


def test_histogram_counts_by_hand():
    table = scores.table({"target": [0.0, 0.0, 10.0], "other": [5.1]})
    assert table["count"].tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert table["share"].iloc[[0, 9, 15]].tolist() == [2 / 3, 1 / 3, 1.0]
    assert table[["low", "score", "high"]].iloc[15].tolist() == [5.0, 5.5, 6.0]
    assert len(legend_texts(scores.figure(table, 4.0, "threshold").legends[0])) == 3


def test_histogram_of_one_repeated_score_draws():
    table = scores.table({"target": np.full(50, 3.0), "other": np.full(50, 3.0)})
    assert table["count"].sum() == 100
    lay_out(scores.figure(table, 3.0, "threshold"))


@pytest.mark.parametrize(("values", "message"), [([], "0 finite scores of 0"), ([1.0, np.nan], "1 finite scores of 2")])
def test_histogram_refuses_what_it_cannot_count(values, message):
    with pytest.raises(ValueError, match=f"'other' has {message}"):
        scores.table({"target": [1.0], "other": values})


def test_bars_write_undefined_instead_of_zero():
    rates = pd.DataFrame(
        {"group": ["A", LONG_NAME], "rate": [0.1234, np.nan], "low": [0.1, np.nan], "high": [0.2, np.nan]}
    )
    canvas = groups.bars(rates, EER, Overall(0.1, "all"))
    assert legend_texts(canvas.legends[0]) == ["all 10.0 %"]
    assert groups.bars(rates, EER).legends == []
    assert [text.get_text() for text in canvas.axes[0].texts] == ["12.3", "undefined"]
    assert canvas.axes[0].get_xlabel() == "EER (%)" and tick_texts(canvas) == ["0", "5", "10", "15", "20"]
    lay_out(canvas)


def tick_texts(canvas) -> list[str]:
    """What is written at the ticks of the horizontal axis."""
    lay_out(canvas)
    low, high = canvas.axes[0].get_xlim()
    ticks = canvas.axes[0].xaxis.get_major_ticks()
    return [tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high]


def test_a_metric_has_an_axis_in_its_unit_on_both_sides_of_nought():
    values = pd.DataFrame({"group": ["0 dB", "10 dB", "20 dB"], "rate": [-4.0, 6.0, 15.26], "low": [-5, 5, 14]})
    canvas = groups.bars(values.assign(high=[-3, 7, 16]), SI_SDR, Overall(5.753, "all"))
    axes = canvas.axes[0]
    assert axes.get_xlabel() == "SI-SDR (dB)" and legend_texts(canvas.legends[0]) == ["all 5.753 dB"]
    assert tick_texts(canvas) == ["−5", "0", "5", "10", "15"]
    assert [bar.get_width() for bar in axes.patches] == [-4.0, 6.0, 15.26]
    assert [text.get_text() for text in axes.texts] == ["-4.000", "6.000", "15.26"]
    assert [text.xy[0] for text in axes.texts] == [0, 7, 16]  # right of bar and interval, or of nought
    low, high = axes.get_xlim()
    # 18 % of the values' range, and of what is left of nought, beyond the values' ends: room for the number
    assert (low, high) == (pytest.approx(-5 * 1.18), pytest.approx(16 + 0.18 * 21))


@pytest.mark.parametrize(
    ("metric", "label", "number", "quantity"),
    [
        (Metric("eer", "EER", "%", "highest"), "EER (%)", "1.2", "1.23 %"),
        (Metric("uar", "UAR", "%", "lowest", "leaky"), "UAR (%), leaky", "1.2", "1.23 %"),
        (Metric("rmse", "RMSE", "", "highest"), "RMSE", "0.01235", "0.01235"),
        (Metric("delay", "Delay", "s", "highest", "leaky"), "Delay (s), leaky", "0.01235", "0.01235 s"),
    ],
)
def test_values_are_written_with_the_unit_of_their_metric(metric, label, number, quantity):
    assert (metric.label, metric.number(0.012346), metric.quantity(0.012346)) == (label, number, quantity)


BREAKDOWN = pd.DataFrame(
    {
        "column": ["attack"] * 4 + ["speaker"],
        "value": ["A1", "A2", "A3", "A4", "s"],
        "eer": [0.1, np.nan, 0.3, 0.1, 0.9],
    }
).assign(eer_low=0.05, eer_high=0.95)


@pytest.mark.parametrize(
    ("worst", "order"), [("highest", ["A3", "A1", "A4", "A2"]), ("lowest", ["A1", "A4", "A3", "A2"])]
)
def test_rates_are_those_of_the_column_worst_first_and_undefined_last(worst, order):
    plot = groups.draw_groups(BREAKDOWN, "attack", replace(EER, worst=worst), Overall(0.2, "all"))
    assert plot.table["group"].tolist() == order
    assert plot.table.loc[plot.table["group"] == "A3"].to_numpy().tolist() == [["A3", 0.3, 0.05, 0.95, 0.2]]
    assert list(plot.table) == ["group", "rate", "low", "high", "overall"]
    assert plot.figure.axes[0].get_ylabel() == "Attack"


def test_of_many_groups_the_worst_and_the_best_defined_ones_are_drawn():
    rates = np.arange(40) / 100
    many = pd.DataFrame({"column": "attack", "value": [f"A{i:02d}" for i in range(40)], "eer": rates})
    many.loc[0, "eer"] = np.nan
    many = many.assign(eer_low=0.0, eer_high=1.0)
    plot = groups.draw_groups(many, "attack", EER, Overall(0.2, "all"))
    assert plot.table["rate"].tolist() == [*rates[:24:-1], *rates[15:0:-1]]
    assert plot.figure.axes[0].get_xlabel() == "EER (%)\n15 highest and 15 lowest of 40 attacks"
    some = groups.draw_groups(many.assign(eer=many["eer"].where(many.index < 21)), "attack", EER, Overall(0.2, "all"))
    assert some.table["rate"].tolist() == [*rates[20:0:-1]]
    assert some.figure.axes[0].get_xlabel() == "EER (%)\nthe 20 defined of 40 attacks"
    none = groups.draw_groups(many.assign(eer=np.nan), "attack", EER, Overall(0.2, "all"))
    assert none.table["group"].tolist() == [f"A{i:02d}" for i in range(30)] and none.table["rate"].isna().all()
    assert none.figure.axes[0].get_xlabel() == "EER (%)\n30 of 40 attacks"
    lay_out(none.figure)


def test_a_breakdown_without_the_column_or_its_groups_is_refused():
    with pytest.raises(ValueError, match=r"breakdown of column 'codec' has no rows: expected .*'eer_low'"):
        groups.draw_groups(BREAKDOWN, "codec", EER, Overall(0.2, "all"))
    with pytest.raises(ValueError, match=r"breakdown lacks columns \['eer_low'\]"):
        groups.draw_groups(BREAKDOWN.drop(columns="eer_low"), "attack", EER, Overall(0.2, "all"))


def test_spread_is_the_percentiles():
    table = groups.spread({"all": np.arange(101.0), "one": [7.0]})
    assert table.to_numpy().tolist() == [["all", 101, 1, 25, 50, 75, 99], ["one", 1, 7, 7, 7, 7, 7]]
    canvas = groups.boxes(table.assign(label=["x", "y"]), {"x": style.BLUE, "y": style.VERMILLION}, 3.0, "threshold")
    assert legend_texts(canvas.legends[0]) == ["threshold", "x", "y"]
    assert len(canvas.axes[0].patches) == 2
    lay_out(canvas)


def test_confusion_counts_by_hand():
    table = confusion.table(["a", "a", "a", "b"], ["a", "b", "b", "b"], ["a", "b", "c"])
    assert table["count"].tolist() == [1, 2, 0, 0, 1, 0, 0, 0, 0]
    assert table["share"].iloc[:6].tolist() == [1 / 3, 2 / 3, 0, 0, 1, 0]
    assert table["share"].iloc[6:].isna().all()  # c never occurs
    lay_out(confusion.figure(table))


def test_confusion_of_two_seeds_counts_an_utterance_once():
    table = confusion.table(["a", "a", "b", "b"], ["a", "b", "b", "b"], ["a", "b"], seeds=2)
    assert table["count"].tolist() == [0.5, 0.5, 0, 1]
    assert table["share"].tolist() == [0.5, 0.5, 0, 1]
    texts = [text.get_text() for text in confusion.figure(table, "count").axes[0].texts]
    assert texts == ["0.5", "0.5", "0", "1"]


def test_confusion_refuses_an_unknown_class():
    with pytest.raises(ValueError, match=r"unknown classes \['z'\]: expected \['a', 'b'\]"):
        confusion.table(["a"], ["z"], ["a", "b"])


@pytest.mark.parametrize(
    ("written", "expected"), [("count", ["1", "2", "0", "1"]), ("share", ["33", "67", "0", "100"])]
)
def test_confusion_of_many_classes_writes_one_number_a_cell_and_whole_names(written, expected):
    names = [f"class {number}" for number in range(9)]
    table = confusion.table(["class 0"] * 3 + ["class 1"], ["class 0"] + ["class 1"] * 3, names)
    canvas = confusion.figure(table, written, "leaky")
    texts = [text.get_text() for text in canvas.axes[0].texts]
    assert [texts[cell] for cell in (0, 1, 9, 10)] == expected
    assert texts[80] == {"count": "0", "share": "–"}[written]  # class 8 never occurs
    assert [label.get_text() for label in canvas.axes[0].get_xticklabels()] == names
    assert canvas.axes[0].get_title(loc="left") == "leaky"
    lay_out(canvas)


CLASSES = pd.DataFrame(
    {"class": ["calm", LONG_NAME], "support": [1200, 0], "precision": [0.5, 0], "recall": [0.25, np.nan]}
    | {"f1": [1 / 3, np.nan], "recall_low": [0.2, np.nan], "recall_high": [0.3, np.nan]}
    | dict.fromkeys(["precision_low", "precision_high", "f1_low", "f1_high"], np.nan)
)


def test_class_bars_write_undefined_instead_of_zero_and_all_intervals():
    table = class_bars.table(CLASSES.assign(precision_low=[0.4, np.nan], precision_high=[0.6, np.nan]))
    assert table["measure"].tolist() == ["precision", "recall", "F1"] * 2
    assert table["value"].fillna(-1).tolist() == [0.5, 0.25, 1 / 3, 0, -1, -1]
    canvas = class_bars.figure(table, "leaky")
    axes = canvas.axes[0]
    assert [text.get_text() for text in axes.texts] == ["undefined", "undefined"]
    ends = [lines.get_segments()[0][:, 0].tolist() for lines in axes.collections[:2]]
    assert ends == [[0.4, 0.6], [0.2, 0.3]] and len(axes.collections) == 3
    assert axes.get_yticklabels()[0].get_text() == "calm\n(n = 1,200)"
    lay_out(canvas)


def test_class_bars_name_what_is_missing():
    with pytest.raises(ValueError, match=r"classes lacks columns \['f1'\]: expected \['class', 'support', 'precision'"):
        class_bars.table(CLASSES.drop(columns="f1"))


def test_reliability_draws_bins_of_ten_utterances_with_their_intervals_and_the_share_of_each():
    # 4 bins: ten of .55 and ten of .7 in (.5, .75], half right; nine of .9 in (.75, 1], right.
    # ECE = (20 |.5 - .625| + 9 |1 - .9|) / 29.
    confidences = np.repeat([0.55, 0.7, 0.9], [10, 10, 9])
    labels = np.repeat([0, 1, 0], [10, 10, 9])
    bins = calibration.reliability(np.stack([confidences, 1 - confidences], axis=1), labels, bins=4)
    table = reliability.table({"before": bins, "after": bins})
    assert table["share"].tolist() == [0, 0, 20 / 29, 9 / 29] * 2
    assert table["ece"].tolist() == pytest.approx([3.4 / 29] * 8)
    assert table.loc[2, ["accuracy_low", "accuracy_high"]].tolist() == pytest.approx([0.2720, 0.7280], abs=1e-4)
    assert table.loc[3, ["accuracy_low", "accuracy_high"]].tolist() == pytest.approx([0.025 ** (1 / 9), 1])
    assert table.loc[:1, ["accuracy_low", "accuracy_high"]].isna().all(axis=None)
    canvas = reliability.figure(table, "leaky")
    x, y = canvas.axes[0].lines[1].get_data()
    assert (x.tolist(), y.tolist()) == (pytest.approx([0.625]), [0.5])  # not the bin of nine
    assert canvas.axes[0].collections[0].get_segments()[0][:, 1].tolist() == pytest.approx([0.2720, 0.7280], abs=1e-4)
    assert legend_texts(canvas.legends[0]) == ["calibrated", "before: ECE 11.7 %", "after: ECE 11.7 %"]
    assert canvas.legends[0].get_title().get_text() == "leaky"
    lay_out(canvas)
    halves = reliability.table({"before": bins}, seeds=2)  # ten utterances, each scored by two members
    assert halves["n"].tolist() == [0, 0, 10, 4.5]
    assert halves["share"].tolist() == [0, 0, 20 / 29, 9 / 29]
    assert halves.loc[2, "accuracy_low"] == pytest.approx(0.1871, abs=1e-4)  # 5 of 10


def test_bars_have_a_second_decimal_where_the_interval_is_narrow():
    assert [EER.number(0.012346, width) for width in (0.02, 0.009, np.nan)] == ["1.2", "1.23", "1.2"]
    rates = pd.DataFrame({"group": ["A"], "rate": [0.0083], "low": [0.008], "high": [0.0086]})
    assert [text.get_text() for text in groups.bars(rates, EER).axes[0].texts] == ["0.83"]


@pytest.mark.parametrize("count", [2, 8])
def test_a_confusion_is_square_names_its_decisions_and_counts_each_class(count):
    names = [f"c{number}" for number in range(count)]
    table = confusion.table(["c0"] * 3 + ["c1"], ["c0"] + ["c1"] * 3, names)
    axes = confusion.figure(table, xlabel="Decided").axes[0]
    assert axes.get_aspect() == 1 and axes.get_xlabel() == "Decided"
    assert [label.get_text().split() for label in axes.get_yticklabels()][:2] == [["c0", "(3)"], ["c1", "(1)"]]
    assert axes.child_axes[0].get_ylabel() == "Share of actual class (%)"


def test_bayes_error_rates_by_hand():
    # Scores 1 and -3 of bona fide speech, -1 and 3 of spoofs. At even odds the threshold is 0: half of both are wrong.
    curve = det_curve([1.0, -3.0], [-1.0, 3.0])
    table = bayes_error.table([curve]).set_index("prior_log_odds")
    assert table.loc[0.0, ["actual_rate", "minimum_rate"]].tolist() == pytest.approx([1, 1])
    # At log-odds 2 the threshold is -2: the spoofs are all accepted, (P/2 + 1 - P) / (1 - P), P / (1 - P) = e^2
    assert table["actual_rate"].iloc[70] == pytest.approx(1 + np.exp(2) / 2)
    # Without the spoof of 3: at log-odds -2 the threshold 2 rejects all, which is the prior's own decision.
    lopsided = bayes_error.table([det_curve([1.0, -3.0], [-1.0])])["actual_rate"]
    assert (lopsided[30], lopsided[70]) == pytest.approx((1, 1 + np.exp(2) / 2))
    assert (table["minimum_rate"] <= table["actual_rate"] + 1e-12).all() and (table["minimum_rate"] <= 1 + 1e-12).all()
    doubled = bayes_error.table([curve, det_curve([9.0], [-9.0])])  # the second makes no error: means are halves
    assert doubled["actual_rate"].tolist() == pytest.approx((table["actual_rate"] / 2).tolist())
    canvas = bayes_error.figure(doubled, 0.64, "costs", "mean over 2 members")
    assert legend_texts(canvas.legends[0]) == ["prior alone", "costs", "scores as they are", "calibrated at best"]
    lay_out(canvas)


@pytest.mark.parametrize("figure", ["legend above", "legend below", "labels of the whole figure"])
def test_a_signed_figure_keeps_what_it_shows_and_has_the_words_below(figure):
    makers = {
        "legend above": lambda: groups.bars(
            pd.DataFrame({"group": ["A"], "rate": [0.1], "low": [0.1], "high": [0.2]}), EER, Overall(0.1, "all")
        ),
        "legend below": lambda: det.figure({"A": [PERFECT], "B": [INVERTED]}),
        "labels of the whole figure": lambda: det.multiples({"A": [PERFECT], "B": [INVERTED]}, "attacks"),
    }
    canvas = makers[figure]()
    for _ in range(8):  # square axes and their margins find their place in rounds, each a quarter of the last
        lay_out(canvas)
    before = [axes.get_window_extent().bounds for axes in canvas.axes]
    style.signed(canvas, "aasist, eval of simulated_la (simulated)")
    lay_out(canvas)
    strip = style.STRIP * canvas.dpi
    for axes, (left, bottom, width, height) in zip(canvas.axes, before, strict=True):
        assert axes.get_window_extent().bounds == pytest.approx((left, bottom + strip, width, height), abs=0.1)
    words = canvas.texts[-1]
    assert words.get_text() == "aasist, eval of simulated_la (simulated)"
    top = words.get_window_extent().y1
    others = [*canvas.legends, *canvas.axes, *canvas.texts[:-1]]
    assert top <= strip + 1 and all(other.get_window_extent().y0 >= top for other in others)


def test_spectrogram_finds_a_tone_where_and_when_it_sounds():
    rate, tone = 16000, 1000
    time = np.arange(rate) / rate
    levels, hop = waveform.spectrogram(np.where(time < 0.5, np.sin(2 * np.pi * tone * time), 0), rate)
    assert levels.shape == (201, 100) and hop == 0.01
    assert levels[:, 20].argmax() == tone / 40  # 25 ms windows: bins of 40 Hz
    assert levels.max() == 0
    assert (levels[:, 60:] == waveform.FLOOR_DB).all()


@pytest.mark.parametrize("seconds", [0.01, 3, 40])
def test_a_recording_of_any_length_draws(seconds):
    wave = np.random.default_rng(0).normal(size=int(16000 * seconds)).astype(np.float32)
    times = np.arange(0, seconds, 0.5)
    lay_out(waveform.figure(wave, 16000, times, {"score": np.cos(times)}, threshold=0.0))
    assert waveform.spectrogram(wave, 16000)[0].shape[1] <= waveform.FRAMES


def test_silence_is_drawn_silent():
    levels, _ = waveform.spectrogram(np.zeros(1600), 16000)
    assert (levels == waveform.FLOOR_DB).all()
    lay_out(waveform.figure(np.zeros(1600), 16000, np.array([0.05]), {"score": np.array([-1.2])}))


def test_tracks_have_the_names_and_the_axis_the_words_that_the_task_gives():
    tracks = {"p_value": np.array([0.25]), "q": np.array([0.75])}
    panel = waveform.figure(np.zeros(1600), 16000, np.array([0.05]), tracks, ylabel="Probability").axes[2]
    assert panel.get_ylabel() == "Probability"
    assert legend_texts(panel.get_legend()) == ["p_value", "q"]
    assert [line.get_ydata().tolist() for line in panel.lines] == [[0.25], [0.75]]
    alone = waveform.figure(np.zeros(1600), 16000, np.array([0.05]), {"score": np.array([1.0])}).axes[2]
    assert alone.get_ylabel() == "Score" and alone.get_legend() is None


@pytest.mark.parametrize(
    ("samples", "times", "tracks", "message"),
    [
        (0, 1, {"score": np.zeros(1)}, r"got \(0,\), 1 times and tracks of 1 values"),
        (9, 2, {"a": np.zeros(2), "b": np.zeros(1)}, r"got \(9,\), 2 times and tracks of 2, 1 values"),
        (9, 0, {}, r"got \(9,\), 0 times and tracks of no values"),
    ],
)
def test_a_recording_without_samples_or_with_odd_tracks_is_refused(samples, times, tracks, message):
    with pytest.raises(ValueError, match=message):
        waveform.figure(np.zeros(samples), 16000, np.zeros(times), tracks)


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.3487, "0.3487"), (0.05, "0.05000"), (-0.0004, "-0.00040"), (0.0, "0.00000"), (12.0, "12.00")],
)
def test_a_number_near_nought_has_no_digits_that_say_nothing(value, written):
    assert style.digits(value, 4) == written
