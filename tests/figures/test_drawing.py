"""What each figure shows, read back from its artists; and that odd inputs draw without a warning."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from voxdag.figures import class_bars, confusion, det, groups, history, reliability, roc, scores, style, waveform
from voxdag.figures.curves import error_curve
from voxdag.figures.history import Quantity
from voxdag.scoring import calibration

pytestmark = pytest.mark.filterwarnings("error")

PERFECT = error_curve([0, 0, 0, 0.5, 1], [1, 0.5, 0, 0, 0], [-1, 0, 1, 2, 3], counts=(2, 2))
INVERTED = error_curve([0, 0.5, 1, 1, 1], [1, 1, 1, 0.5, 0], [-1, 0, 1, 2, 3], counts=(200, 200))
LONG_NAME = "voice_conversion_with_a_diffusion_codec_and_noise"


def lay_out(canvas) -> None:
    """Do all that rendering does short of the pixels: fonts, ticks, legends, margins."""
    with style.paper():
        canvas.draw_without_rendering()


def legend_texts(legend) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


def test_det_ticks_stand_at_the_normal_deviates_of_their_percentages():
    many = error_curve([0, 0.1, 1], [1, 0.1, 0], [0, 1, 2], counts=(50, 50))
    axes = det.figure({"EER": many}).axes[0]
    names = [float(label.get_text()) for label in axes.get_xticklabels()]
    np.testing.assert_allclose(100 * ndtr(axes.get_xticks()), names, rtol=1e-9)
    assert {5, 10, 20, 40} <= set(names)


@pytest.mark.parametrize("curve", [PERFECT, INVERTED], ids=["perfect", "inverted"])
def test_det_frame_holds_the_equal_error_point_however_extreme(curve):
    axes = det.figure({"EER": curve}).axes[0]
    low, high = axes.get_xlim()
    x, y = (float(data[0]) for data in axes.lines[1].get_data())
    assert low < x < high and low < y < high


def test_det_writes_the_equal_error_rate_of_every_curve():
    canvas = det.figure({"A01": PERFECT, LONG_NAME: INVERTED})
    assert legend_texts(canvas.legends[0]) == ["A01 0.00 %", f"{LONG_NAME} 100.0 %"]
    lay_out(canvas)


def test_det_without_curves_is_refused():
    with pytest.raises(ValueError, match="at least one table"):
        det.figure({})


def test_lines_of_up_to_28_curves_all_look_different():
    looks = {tuple(look.values()) for look in style.line_looks(28)}
    assert len(looks) == 28


def test_roc_shows_a_close_up_of_good_systems_only():
    good = roc.table([0, 0, 0.02, 1], [0, 0.97, 1, 1])
    poor = roc.table([0, 0.3, 1], [0, 0.6, 1])
    assert good["at_eer"].tolist() == [0, 0, 1, 0]  # |0 - 0.02| is less than |0.03 - 0|
    assert len(roc.figure(good, 0.99).axes[0].child_axes) == 1
    assert len(roc.figure(poor, 0.65).axes[0].child_axes) == 0


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
    canvas = groups.bars(rates, "EER (%)", pooled=0.1)
    assert [text.get_text() for text in canvas.axes[0].texts] == ["12.34", "undefined"]
    lay_out(canvas)


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
    with pytest.raises(ValueError, match=r"classes lack columns \['f1'\]: expected \['class', 'support', 'precision'"):
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


HISTORY = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "eer": [0.2, np.nan, 0.3], "uar": [0.1, 0.5, 0.5]})
QUANTITIES = {"loss": Quantity("Loss"), "eer": Quantity("EER (%)", 100, "min"), "uar": Quantity("UAR", best="max")}


def test_history_marks_the_first_best_epoch_and_skips_epochs_without_a_value():
    table = history.table(HISTORY, QUANTITIES)
    eer = table[table["quantity"] == "EER (%)"]
    assert eer[["epoch", "value", "best"]].to_numpy().tolist() == [[1, 20, 1], [3, 30, 0]]
    assert table[table["quantity"] == "Loss"]["best"].sum() == 0
    assert table[(table["quantity"] == "UAR") & (table["best"] == 1)]["epoch"].tolist() == [2]


@pytest.mark.parametrize("epochs", [1, 3])
def test_history_draws_a_panel_per_quantity(epochs):
    canvas = history.figure(history.table(HISTORY.head(epochs), QUANTITIES))
    assert [panel.get_title(loc="left") for panel in canvas.axes] == ["Loss", "EER (%)", "UAR"]
    lay_out(canvas)


def test_history_names_what_is_missing():
    with pytest.raises(ValueError, match=r"3 rows and lacks columns \['eer', 'uar'\].*'loss', 'eer', 'uar'"):
        history.table(HISTORY[["epoch", "loss"]], QUANTITIES)
    with pytest.raises(ValueError, match="0 rows"):
        history.table(HISTORY.head(0), QUANTITIES)


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
    lay_out(waveform.figure(wave, 16000, times, np.cos(times), threshold=0.0))
    assert waveform.spectrogram(wave, 16000)[0].shape[1] <= waveform.FRAMES


def test_silence_is_drawn_silent():
    levels, _ = waveform.spectrogram(np.zeros(1600), 16000)
    assert (levels == waveform.FLOOR_DB).all()
    lay_out(waveform.figure(np.zeros(1600), 16000, np.array([0.05]), np.array([-1.2])))


def test_a_recording_without_samples_or_with_odd_scores_is_refused():
    with pytest.raises(ValueError, match=r"got \(0,\), 1 and 1"):
        waveform.figure(np.zeros(0), 16000, np.zeros(1), np.zeros(1))
    with pytest.raises(ValueError, match=r"got \(9,\), 2 and 1"):
        waveform.figure(np.zeros(9), 16000, np.zeros(2), np.zeros(1))
