"""What each figure shows, read back from its artists; and that odd inputs draw without a warning."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri

from voxdag.figures import class_bars, confusion, det, groups, reliability, roc, scores, style, waveform
from voxdag.figures.curves import error_curve
from voxdag.figures.groups import Overall
from voxdag.figures.metric import Metric
from voxdag.scoring import calibration

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
    axes = det.figure({"EER": [curve]}).axes[0]
    low, high = axes.get_xlim()
    x, y = (float(data[0]) for data in axes.lines[1].get_data())
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
    assert legend_texts(canvas.legends[0]) == ["A01 0.00 %", f"{LONG_NAME} 100.0 %"]
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


def test_det_of_several_names_says_that_rates_are_means_and_leaves_the_sd_out_where_told():
    canvas = det.figure({"A01": [PERFECT, INVERTED], "A02": [PERFECT, PERFECT]}, sd=False)
    assert legend_texts(canvas.legends[0]) == ["A01 50.0 %", "A02 0.00 %"]
    assert canvas.legends[0].get_title().get_text() == "Equal error rate, mean over members"


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
    assert [text.get_text() for text in canvas.axes[0].texts] == ["12.34", "undefined"]
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
    assert [text.get_text() for text in axes.texts] == ["-4", "6", "15.26"]
    assert [text.xy[0] for text in axes.texts] == [0, 7, 16]  # right of bar and interval, or of nought
    low, high = axes.get_xlim()
    # 18 % of the values' range, and of what is left of nought, beyond the values' ends: room for the number
    assert (low, high) == (pytest.approx(-5 * 1.18), pytest.approx(16 + 0.18 * 21))


@pytest.mark.parametrize(
    ("metric", "label", "number", "quantity"),
    [
        (Metric("eer", "EER", "%", "highest"), "EER (%)", "1.23", "1.23 %"),
        (Metric("uar", "UAR", "%", "lowest", "leaky"), "UAR (%), leaky", "1.23", "1.23 %"),
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
    lay_out(groups.boxes(table, [style.BLUE, style.VERMILLION], 3.0, "threshold"))


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


def test_class_bars_write_undefined_instead_of_zero_and_the_interval_of_recall():
    table = class_bars.table(CLASSES)
    assert table["measure"].tolist() == ["precision", "recall", "F1"] * 2
    assert table["value"].fillna(-1).tolist() == [0.5, 0.25, 1 / 3, 0, -1, -1]
    canvas = class_bars.figure(table, "leaky")
    axes = canvas.axes[0]
    assert [text.get_text() for text in axes.texts] == ["undefined", "undefined"]
    assert axes.collections[0].get_segments()[0][:, 0].tolist() == [0.2, 0.3]
    assert axes.get_yticklabels()[0].get_text() == "calm\n(n = 1,200)"
    lay_out(canvas)


def test_class_bars_name_what_is_missing():
    with pytest.raises(ValueError, match=r"classes lacks columns \['f1'\]: expected \['class', 'support', 'precision'"):
        class_bars.table(CLASSES.drop(columns="f1"))


def test_reliability_draws_bins_that_hold_utterances_and_the_share_of_each():
    # 4 bins: .55 and .7 in (.5, .75], one right; .9 in (.75, 1], right. ECE = (2 x |.5 - .625| + |1 - .9|) / 3.
    confidences = np.array([0.55, 0.7, 0.9])
    bins = calibration.reliability(np.stack([confidences, 1 - confidences], axis=1), [0, 1, 0], bins=4)
    table = reliability.table({"before": bins, "after": bins})
    assert table["share"].tolist() == [0, 0, 2 / 3, 1 / 3] * 2
    assert table["ece"].tolist() == pytest.approx([0.35 / 3] * 8)
    canvas = reliability.figure(table, "leaky")
    x, y = canvas.axes[0].lines[1].get_data()
    assert (x.tolist(), y.tolist()) == (pytest.approx([0.625, 0.9]), [0.5, 1])
    assert legend_texts(canvas.legends[0]) == ["calibrated", "before: ECE 11.7 %", "after: ECE 11.7 %"]
    assert canvas.legends[0].get_title().get_text() == "leaky"
    lay_out(canvas)
    halves = reliability.table({"before": bins}, seeds=2)
    assert halves["n"].tolist() == [0, 0, 1, 0.5]
    assert halves["share"].tolist() == [0, 0, 2 / 3, 1 / 3]
    assert halves["ece"].tolist() == pytest.approx([0.35 / 3] * 4)


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
