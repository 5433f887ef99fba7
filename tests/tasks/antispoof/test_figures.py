import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri

from voxdag.figures import det, style
from voxdag.figures.png import png_bytes
from voxdag.scoring.eer import auc, eer
from voxdag.tasks.antispoof.criteria import criteria
from voxdag.tasks.antispoof.figures import CRITERIA, comparison, figures

pytestmark = pytest.mark.filterwarnings("error")

TEMPLATES = Path(__file__).parents[3] / ".dvc" / "plots"
SIX = [f"A{i:02d}" for i in range(1, 7)]
THIRTEEN = [f"A{i:02d}" for i in range(7, 20)]
LONG = ["neural-vocoder-hifigan-with-noise", "voice_conversion_diffusion_codec_v2", "unit selection, many spaces", "x"]


def utterances(attacks: list[str], gap: float = 2.0, n: int = 30, seed: int = 0) -> pd.DataFrame:
    """n bona fide utterances around `gap` and n of each attack around 0, all of unit variance."""
    rng = np.random.default_rng(seed)
    labels = ["bonafide"] * n + ["spoof"] * n * len(attacks)
    names = [np.nan] * n + [attack for attack in attacks for _ in range(n)]
    scores = rng.normal(size=len(labels)) + gap * (np.array(labels) == "bonafide")
    ids = [f"u{i}" for i in range(len(labels))]
    return pd.DataFrame({"id": ids, "speaker": "s", "label": labels, "attack": names, "score": scores})


def breakdown(attacks: list[str]) -> pd.DataFrame:
    rates = np.linspace(0.01, 0.3, len(attacks))
    rows = pd.DataFrame({"column": "attack", "value": attacks, "n_bonafide": 30, "n_spoof": 30, "eer": rates})
    speaker = pd.DataFrame({"column": ["speaker"], "value": ["s"], "eer": [0.9], "eer_low": [0.8], "eer_high": [1.0]})
    return pd.concat([rows.assign(eer_low=rates / 2, eer_high=rates * 2), speaker], ignore_index=True)


def history(epochs: int) -> pd.DataFrame:
    epoch = np.arange(epochs)
    losses = {"lr": 1e-4 / (epoch + 1), "train_loss": 1 / (epoch + 1), "dev_eer": 0.3 / (epoch + 1), "dev_cost_x": 1.0}
    return pd.DataFrame({"epoch": epoch, "step": 10 * (epoch + 1), **losses})


def of_members(members: list[dict], **corpus) -> pd.DataFrame:
    """The same corpus scored by each member, whose scores are `shift` higher."""
    parts = []
    for member in members:
        about = {axis: member[axis] for axis in ("fold", "seed") if axis in member}
        table = utterances(SIX, **corpus)
        parts.append(table.assign(score=table["score"] + member.get("shift", 0.0), **about))
    return pd.concat(parts, ignore_index=True)


def draw(attacks: list[str], epochs: int = 3, **corpus):
    return figures(utterances(attacks, **corpus), utterances(attacks, **corpus), breakdown(attacks), history(epochs))


def lay_out(canvas) -> None:
    """Do all that rendering does short of the pixels: fonts, ticks, legends, margins."""
    with style.paper():
        canvas.draw_without_rendering()


@pytest.fixture(scope="module")
def plots():
    return draw(SIX, n=400)


def test_every_figure_has_its_name_and_at_most_about_a_thousand_rows(plots):
    names = {"det", "det_by_attack", "roc", "scores", "attacks", "attack_scores", "confusion", "calibration", "history"}
    assert set(plots) == names
    assert max(len(plot.table) for plot in plots.values()) <= 1000


def test_det_table_holds_the_exact_equal_error_rate(plots):
    rows = utterances(SIX, n=400)
    bonafide, spoof = (rows[rows["label"] == label]["score"] for label in ("bonafide", "spoof"))
    equal = plots["det"].table.query("at_eer == 1")
    assert equal[["miss", "false_alarm"]].mean(axis=1).tolist() == [eer(bonafide, spoof).eer]
    assert equal["threshold"].tolist() == [eer(bonafide, spoof).threshold]
    area = plots["roc"].figure.axes[0].get_legend().get_texts()[0].get_text()
    assert area == f"AUC {100 * auc(bonafide, spoof):.2f} %"


def test_each_attack_is_drawn_against_all_bona_fide_speech(plots):
    rows = utterances(SIX, n=400)
    bonafide = rows[rows["label"] == "bonafide"]["score"]
    equal = plots["det_by_attack"].table.query("at_eer == 1").set_index("attack")[["miss", "false_alarm"]].mean(axis=1)
    assert equal.to_dict() == {attack: eer(bonafide, rows[rows["attack"] == attack]["score"]).eer for attack in SIX}
    assert equal.is_monotonic_decreasing


def test_decisions_are_taken_at_the_threshold_of_dev_by_hand():
    # dev: bona fide 1, 3 and spoof 0, 2: rates are first equal (1/2) when 0 and 1 are rejected, threshold 1.
    dev = pd.DataFrame(
        {"label": ["bonafide"] * 2 + ["spoof"] * 2, "attack": [None, None, "A", "A"], "score": [1, 3, 0, 2.0]}
    )
    test = pd.DataFrame(
        {"label": ["bonafide"] * 3 + ["spoof"] * 2, "attack": [None] * 3 + ["A"] * 2, "score": [1, 1.5, 2, 0.5, 5.0]}
    )
    plots = figures(dev, test, breakdown(["A"]), history(1))
    assert plots["confusion"].table.to_numpy().tolist() == [
        ["bona fide", "bona fide", 2, 2 / 3],
        ["bona fide", "spoof", 1, 1 / 3],  # the score 1 is rejected: bona fide is accepted above the threshold
        ["spoof", "bona fide", 1, 1 / 2],
        ["spoof", "spoof", 1, 1 / 2],
    ]
    assert set(plots["scores"].table["threshold"]) == {1.0}


TWO_FOLDS = [{"fold": "1", "seed": 1}, {"fold": "2", "seed": 1, "shift": 1000.0}]


def test_two_perfect_folds_with_shifted_scores_have_no_error_anywhere():
    # Pooled, fold 2's spoofs would stand above fold 1's bona fide speech, and the EER would be 0.5.
    rows = of_members(TWO_FOLDS, gap=100.0)
    plots = figures(rows, rows, breakdown(SIX), history(1))
    for name in ("det", "det_by_attack"):
        equal = plots[name].table.query("at_eer == 1")
        assert equal[["miss", "false_alarm"]].to_numpy().max() == 0
        assert set(equal["member"]) == {"fold 1, seed 1", "fold 2, seed 1"}
    assert plots["roc"].figure.axes[0].get_legend().get_texts()[0].get_text() == "AUC 100.00 % (sd 0.00)"
    assert (
        plots["det"].figure.axes[0].get_legend().get_texts()[0].get_text() == "EER 0 % (to 11.6 %)"
    )  # none of 30: 1 - .025^(1/30)
    assert set(plots["attacks"].table["overall"]) == {0}
    assert plots["attacks"].figure.legends[0].get_texts()[0].get_text() == "mean over 2 members 0.00 %"
    assert plots["confusion"].table["count"].tolist() == [60, 0, 0, 360]


def test_a_shift_of_one_members_scores_changes_no_rate():
    rows, shifted = (of_members([{"seed": 1}, {"seed": 2, "shift": shift}], n=50) for shift in (0.0, 1024.0))
    one, other = (figures(table, table, breakdown(SIX), history(1)) for table in (rows, shifted))
    rates = ["member", "miss", "false_alarm", "at_eer"]
    for name in ("det", "det_by_attack"):
        pd.testing.assert_frame_equal(one[name].table[rates], other[name].table[rates])
    for name in ("roc", "confusion", "attacks", "scores", "attack_scores"):
        pd.testing.assert_frame_equal(one[name].table, other[name].table)


def test_each_member_has_its_curve_with_its_own_equal_error_rate():
    parts = [utterances(SIX, n=40, seed=seed).assign(seed=seed) for seed in (1, 2, 3)]
    rows = pd.concat(parts, ignore_index=True)
    plots = figures(rows, rows, breakdown(SIX), history(1))
    expected = {f"seed {seed}": eer(*classes(part)).eer for seed, part in zip((1, 2, 3), parts, strict=True)}
    equal = plots["det"].table.query("at_eer == 1").set_index("member")[["miss", "false_alarm"]].mean(axis=1)
    assert equal.to_dict() == expected and len(set(expected.values())) == 3
    assert set(plots["roc"].table["member"]) == set(expected)
    assert set(plots["attacks"].table["overall"]) == {np.mean(list(expected.values()))}
    hardest = plots["det_by_attack"].table["attack"].iloc[0]
    means = {attack: np.mean([eer(*classes(part, attack)).eer for part in parts]) for attack in SIX}
    assert hardest == max(means, key=means.get)
    assert plots["det_by_attack"].figure.axes[0].get_title() == f"{hardest} {style.percent(means[hardest])}"


def classes(rows: pd.DataFrame, attack: str | None = None) -> tuple[pd.Series, pd.Series]:
    spoof = rows[rows["label"] == "spoof"] if attack is None else rows[rows["attack"] == attack]
    return rows[rows["label"] == "bonafide"]["score"], spoof["score"]


def test_each_member_decides_at_its_own_threshold_and_an_utterance_counts_once():
    # Both seeds' thresholds on dev are as above, 1 and 11; of the eval scores 0.5 to 5 and 11.5 of a bona fide
    # utterance and 12 of a spoof, seed 1 accepts all but 0.5, seed 2 the last two.
    dev = pd.DataFrame({"label": ["bonafide"] * 2 + ["spoof"] * 2, "attack": [None] * 2 + ["A"] * 2})
    dev = pd.concat([dev.assign(seed=1, score=[1, 3, 0, 2.0]), dev.assign(seed=2, score=[11, 13, 10, 12.0])])
    test = pd.DataFrame({"label": ["bonafide"] * 3 + ["spoof"] * 2, "attack": [None] * 3 + ["A"] * 2})
    scores = [0.5, 5, 11.5, 5, 12]
    test = pd.concat([test.assign(seed=seed, score=scores) for seed in (1, 2)])
    plots = figures(dev, test, breakdown(["A"]), history(1))
    # bona fide: seed 1 accepts 2 of 3, seed 2 accepts 1; spoof: 2 of 2 and 1.
    assert plots["confusion"].table["count"].tolist() == [1.5, 1.5, 1.5, 0.5]
    assert plots["confusion"].table["share"].tolist() == [0.5, 0.5, 0.75, 0.25]
    assert plots["confusion"].figure.axes[0].get_title(loc="left") == "mean over 2 seeds"
    for name in ("scores", "attack_scores"):
        assert set(plots[name].table["threshold"]) == {1.0}
        assert set(plots[name].table["member"]) == {"seed 1"}
        assert "Score of one member (seed 1)" in plots[name].figure.axes[0].get_xlabel()
    assert plots["scores"].table["count"].sum() == 5


def test_one_member_needs_no_word_about_members(plots):
    assert set(plots["det"].table["member"]) == {"only"}
    assert plots["det"].figure.axes[0].get_legend().get_title().get_text() == ""
    assert plots["scores"].figure.axes[0].get_xlabel() == "Score"
    assert plots["confusion"].figure.axes[0].get_title(loc="left") == ""
    assert plots["attacks"].figure.legends[0].get_texts()[0].get_text().startswith("all attacks ")


def test_a_member_without_dev_is_refused():
    rows = of_members(TWO_FOLDS)
    dev = rows[rows["fold"] == "2"]
    with pytest.raises(ValueError, match=r"dev lacks the members \['fold 1, seed 1'\].*it has \['fold 2, seed 1'\]"):
        figures(dev, rows, breakdown(SIX), history(1))


def test_an_attack_that_one_fold_lacks_is_drawn_of_the_others():
    rows = of_members(TWO_FOLDS)
    rows = rows[~((rows["fold"] == "2") & (rows["attack"] == "A03"))]
    table = figures(rows, rows, breakdown(SIX), history(1))["det_by_attack"].table
    assert table.groupby("attack")["member"].nunique().to_dict() == {name: 2 - (name == "A03") for name in SIX}


def test_bars_are_sorted_hardest_first_and_hold_attacks_alone(plots):
    assert plots["attacks"].table["group"].tolist() == SIX[::-1]
    assert plots["attacks"].table["rate"].tolist() == pytest.approx(np.linspace(0.3, 0.01, 6))


def test_boxes_begin_with_bona_fide_speech(plots):
    table = plots["attack_scores"].table
    assert table["label"].tolist() == ["bona fide"] + ["spoof"] * 6
    assert table["median"].iloc[1:].is_monotonic_decreasing


def test_history_shows_a_criterion_it_does_not_know_without_a_best(plots):
    table = plots["history"].table
    assert list(dict.fromkeys(table["quantity"])) == [
        "Training loss",
        "Dev EER (%)",
        "Dev cost x",
        "Learning rate (×10⁻⁴)",
    ]
    assert table[table["best"] == 1][["quantity", "epoch"]].to_numpy().tolist() == [["Dev EER (%)", 2]]


def test_the_criteria_known_are_those_that_there_are():
    assert set(CRITERIA) == {f"dev_{name}" for name in criteria(utterances(SIX), None)}


def test_a_criterion_that_was_never_measured_has_no_panel():
    plot = figures(utterances(SIX), utterances(SIX), breakdown(SIX), history(3).assign(dev_min_tdcf=None))["history"]
    titles = [panel.get_title(loc="left") for panel in plot.figure.axes]
    assert titles == ["Training loss", "Dev EER (%)", "Dev cost x", "Learning rate (×10⁻⁴)"]


@pytest.mark.parametrize(
    ("attacks", "odd"),
    [
        (SIX, {"gap": 100.0, "epochs": 1}),
        (THIRTEEN, {}),
        (LONG, {"gap": -9.0}),
        (["A01"], {"n": 1}),
    ],
    ids=["perfect, one epoch", "thirteen attacks", "inverted, long names", "two utterances"],
)
def test_odd_inputs_draw_without_a_warning(attacks, odd):
    for plot in draw(attacks, **odd).values():
        lay_out(plot.figure)


def test_undefined_groups_come_last():
    groups = breakdown(SIX)
    groups.loc[groups["value"] == "A06", ["eer", "eer_low", "eer_high"]] = np.nan
    plot = figures(utterances(SIX), utterances(SIX), groups, history(1))["attacks"]
    assert plot.table["group"].tolist() == ["A05", "A04", "A03", "A02", "A01", "A06"]
    lay_out(plot.figure)


def test_a_corpus_that_names_no_attacks_has_the_other_figures():
    rows = utterances(SIX).assign(attack=np.nan)
    assert set(figures(rows, rows, breakdown([]), history(1))) == {
        "det",
        "roc",
        "scores",
        "confusion",
        "calibration",
        "history",
    }


def test_the_order_of_rows_does_not_matter():
    rows, shuffled = utterances(SIX), utterances(SIX).sample(frac=1, random_state=1)
    one = figures(rows, rows, breakdown(SIX), history(2))
    other = figures(shuffled, shuffled, breakdown(SIX).iloc[::-1], history(2))
    for name in one:
        pd.testing.assert_frame_equal(one[name].table, other[name].table)


def test_the_same_tables_give_the_same_bytes(plots):
    again = draw(SIX, n=400)
    for name in plots:
        assert plots[name].table.to_csv() == again[name].table.to_csv()
    for name in ("det_by_attack", "attacks", "history"):
        assert png_bytes(plots[name].figure) == png_bytes(again[name].figure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.head(0), r"predictions has no rows: expected .*\['label', 'attack', 'score'\]"),
        (
            lambda rows: rows.assign(seed=[None] + [1] * (len(rows) - 1)),
            "some predictions have no seed, others have 1: expected all or none",
        ),
        (lambda rows: rows.drop(columns="score"), r"predictions lacks columns \['score'\]"),
        (
            lambda rows: rows.replace("spoof", "fake"),
            r"predictions has labels \['fake'\]: expected \['bonafide', 'spoof'\]",
        ),
        (lambda rows: rows[rows["label"] == "spoof"], "0 bona fide and 180 spoof"),
        (lambda rows: rows.assign(score=np.nan), "not finite"),
    ],
)
def test_faulty_predictions_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        figures(utterances(SIX), change(utterances(SIX)), breakdown(SIX), history(1))


def test_attacks_without_a_breakdown_are_refused():
    with pytest.raises(ValueError, match=r"breakdown of column 'attack' has no rows.*'eer_low'"):
        figures(utterances(SIX), utterances(SIX), breakdown([]), history(1))


TEMPLATE_OF = {
    "det": "det",
    "det_by_attack": "det_by_attack",
    "roc": "roc",
    "scores": "score_histogram",
    "attacks": "groups",
    "attack_scores": "score_boxes",
    "confusion": "confusion_counts",
    "calibration": "bayes_error",
    "history": "history",
}


@pytest.mark.parametrize(("name", "template"), TEMPLATE_OF.items())
def test_a_dvc_template_reads_only_columns_that_its_table_has(plots, name, template):
    content = json.loads((TEMPLATES / f"{template}.json").read_text(encoding="utf-8"))
    written = pd.read_csv(StringIO(plots[name].table.to_csv(index=False)))
    assert content["data"]["values"] == "<DVC_METRIC_DATA>"
    numbers = set(content["data"]["format"]["parse"])
    assert numbers <= set(written.select_dtypes("number").columns)
    made = {step["as"] for step in nodes(content) if "calculate" in step}
    made |= {name for step in nodes(content) if "fold" in step for name in step["as"]}
    read = {node["field"] for node in nodes(content) if isinstance(node.get("field"), str)}
    assert {field for field in read if not field.startswith("<DVC")} <= set(written.columns) | made | {"rev", "system"}


@pytest.mark.parametrize("template", ["det", "det_by_attack"])
def test_det_templates_tick_where_the_figure_does(template):
    content = json.loads((TEMPLATES / f"{template}.json").read_text(encoding="utf-8"))
    ticks = [node["values"] for node in nodes(content) if "labelExpr" in node]
    assert len(ticks) == 2
    for values in ticks:
        np.testing.assert_allclose(values, ndtri(det.TICKS), atol=5e-5)  # written with four decimals


def nodes(tree):
    """Yield every object of a JSON tree."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(child)


def test_weights_taken_as_they_are_have_no_history_to_draw():
    rows = utterances(SIX)
    assert "history" not in figures(rows, rows, breakdown(SIX), history(0))


def test_the_comparison_draws_all_systems():
    systems = {"one": draw(SIX, n=40), "two": draw(SIX, n=40, seed=1, gap=4.0)}
    tables = {
        name: pd.concat([plots[name].table.assign(system=system) for system, plots in systems.items()])
        for name in ("det", "attacks")
    }
    intervals = pd.DataFrame(
        [("one", "eer", 0.2, 0.1, 0.3), ("two", "eer", 0.1, 0.0, 0.2), ("two", "auc", 0.9, 0.8, 1.0)],
        columns=["system", "metric", "value", "low", "high"],
    )
    plots = comparison(tables, intervals)
    assert set(plots) == {"eer", "det", "attacks"}
    assert plots["eer"].table["value"].tolist() == [0.2, 0.1]
    rates = [eer(*classes(utterances(SIX, n=40, **corpus))).eer for corpus in ({}, {"seed": 1, "gap": 4.0})]
    texts = [text.get_text() for text in plots["det"].figure.legends[0].get_texts()]
    assert texts == [f"{system} {style.percent(rate)}" for system, rate in zip(systems, rates, strict=True)]
    assert [text.get_text() for text in plots["attacks"].figure.axes[0].get_yticklabels()] == SIX[::-1]
    for plot in plots.values():
        lay_out(plot.figure)
    assert set(comparison({}, intervals)) == {"eer"}


def test_det_has_the_band_of_the_miss_rate_by_speaker_where_speakers_are_known():
    rows = utterances(["A01"], n=200)
    rows = rows.assign(speaker=[f"s{number % 8}" for number in range(len(rows))])
    plot = figures(rows, rows, breakdown(["A01"]), history(1))["det"]
    texts = [text.get_text() for text in plot.figure.axes[0].get_legend().get_texts()]
    assert texts[1] == "95 % band, by speaker"
    known = plot.table.dropna(subset=["low_probit", "high_probit"])
    assert len(known) > 50
    inside = known["miss_probit"].between(known["low_probit"] - 0.1, known["high_probit"] + 0.1)
    assert inside.mean() > 0.95  # steps of the curve lie between grid points of the band
    # at the threshold of equal errors, Phi(-1), the sd of a miss rate of 200 trials is .026: the band is about 4 of it
    equal = known[known["at_eer"] == 1].iloc[0]
    width = ndtr(equal["high_probit"]) - ndtr(equal["low_probit"])
    assert 0.05 < width < 0.3
    one = figures(rows.assign(speaker="s"), rows.assign(speaker="s"), breakdown(["A01"]), history(1))["det"]
    assert [text.get_text() for text in one.figure.axes[0].get_legend().get_texts()][1] == "95 % band, by utterance"


def test_a_table_without_ids_has_a_curve_and_no_band():
    rows = utterances(["A01"]).drop(columns=["id", "speaker"])
    plot = figures(rows, rows, breakdown(["A01"]), history(1))["det"]
    assert plot.table[["low_probit", "high_probit"]].isna().all(axis=None)
    assert len(plot.figure.axes[0].get_legend().get_texts()) == 1
