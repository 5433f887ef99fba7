import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from voxdag.core import artifacts
from voxdag.figures import style
from voxdag.figures.groups import MOST_GROUPS
from voxdag.figures.png import png_bytes
from voxdag.scoring.calibration import ece
from voxdag.scoring.protocol import PREFIXES
from voxdag.tasks import results
from voxdag.tasks.emotion import metrics
from voxdag.tasks.emotion.criteria import criteria
from voxdag.tasks.emotion.figures import CRITERIA, comparison, figures

pytestmark = pytest.mark.filterwarnings("error")

TEMPLATES = Path(__file__).parents[3] / ".dvc" / "plots"
NINE = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised", "bored")
SCORING = metrics.Scoring(replicates=19, confidence=0.9, by=("class", "fold", "speaker"))
INDEPENDENT = "speaker_independent"


def predictions(n=300, speakers=10, folds=5, classes=NINE[:8], protocol=INDEPENDENT, gap=2.0):
    rng = np.random.default_rng(0)
    speaker, actual = np.arange(n) % speakers, rng.integers(len(classes), size=n)
    logits = 2 * (rng.normal(size=(n, len(classes))) + gap * np.eye(len(classes))[actual])
    names = np.array(classes)
    table = pd.DataFrame(
        {
            "id": [f"u{row:04d}" for row in range(n)],
            "fold": [str(number % folds + 1) if folds else "" for number in speaker],
            "protocol": protocol,
            "speaker": [f"{number:02d}" for number in speaker],
            "label": names[actual],
            "predicted": names[logits.argmax(axis=1)],
        }
    )
    table = table.join(pd.DataFrame(softmax(logits / 2, axis=1), columns=[f"p_{name}" for name in classes]))
    return table.join(pd.DataFrame(logits, columns=[f"logit_{name}" for name in classes]))


def history(epochs=3, folds=5):
    """Fold k has as many epochs more, and a dev UAR of k/100 more."""
    rows = [
        {"fold": str(fold), "epoch": epoch, "lr": 1e-3 / epoch, "train_loss": 1 / epoch}
        | {"dev_uar": 0.5 + 0.1 * epoch + fold / 100, "dev_cost_x": 1.0}
        for fold in range(max(folds, 1))
        for epoch in range(1, epochs + fold + 1)
    ]
    return pd.DataFrame(rows) if folds else pd.DataFrame(rows).drop(columns="fold")


def draw(table, rows=None):
    groups = metrics.breakdown(table, SCORING.by, SCORING, 0)
    return figures(table, table, groups, history() if rows is None else rows)


def lay_out(canvas) -> None:
    """Do all that rendering does short of the pixels: fonts, ticks, legends, margins."""
    with style.paper():
        canvas.draw_without_rendering()


def words(canvas) -> str:
    """All that is written in a figure but the ticks."""
    legends = [*canvas.legends, *(axes.get_legend() for axes in canvas.axes if axes.get_legend())]
    written = [legend.get_title().get_text() for legend in legends]
    for axes in canvas.axes:
        written += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left"), axes.get_title(loc="right")]
    return "\n".join(written + [text.get_text() for legend in legends for text in legend.get_texts()])


@pytest.fixture(scope="module")
def plots():
    return draw(predictions())


def test_every_figure_has_its_name_and_at_most_about_a_thousand_rows(plots):
    names = {"confusion", "reliability", "class_bars", "folds", "speakers", "history"}
    assert set(plots) == names
    assert max(len(plot.table) for plot in plots.values()) <= 1000


@pytest.mark.parametrize("protocol", PREFIXES)
def test_every_figure_and_table_says_under_which_protocol_it_was_measured(protocol):
    plots = draw(predictions(protocol=protocol))
    for name, plot in plots.items():
        assert ("leaky" in words(plot.figure), "transductive" in words(plot.figure)) == (
            "leaky" in protocol,
            "transductive" in protocol,
        ), name
        assert set(plot.table["protocol"]) == {protocol}


def test_confusions_hold_counts_and_shares_by_hand():
    table = predictions(classes=NINE[:3]).assign(label="calm", predicted="happy")
    table.loc[:74, "predicted"] = "calm"
    plots = draw(table)
    row = plots["confusion"].table.query("actual == 'calm'")
    assert row[["count", "share"]].to_numpy().tolist() == [[0, 0], [75, 0.25], [225, 0.75]]
    axes = plots["confusion"].figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["neutral\n(0)", "calm\n(300)", "happy\n(0)"]
    assert [text.get_text() for text in axes.texts] == ["–", "–", "–", "0", "25", "75", "–", "–", "–"]


def test_reliability_compares_before_with_after(plots):
    table, rows = predictions(), plots["reliability"].table
    labels = table["label"].map(NINE.index).to_numpy()
    scaled = table[[f"p_{name}" for name in NINE[:8]]].to_numpy()
    errors = rows.groupby("curve", sort=False)["ece"].first()
    assert errors.index.tolist() == ["uncalibrated", "temperature-scaled"]
    assert errors["temperature-scaled"] == ece(scaled, labels)
    assert rows.groupby("curve")["n"].sum().tolist() == [300, 300]
    for error in errors:
        assert f"ECE {style.percent(error)}" in words(plots["reliability"].figure)


def test_class_bars_hold_the_breakdown_of_every_class(plots):
    table = plots["class_bars"].table
    assert list(dict.fromkeys(table["class"])) == list(NINE[:8])
    recall = table[table["measure"] == "recall"].set_index("class")["value"]
    rows = predictions()
    of_folds = rows.assign(right=rows["label"] == rows["predicted"]).groupby(["label", "fold"])["right"].mean()
    assert recall.to_dict() == pytest.approx(of_folds.groupby("label").mean().to_dict())


def test_bars_are_sorted_lowest_first_beside_the_mean_over_folds(plots):
    mean = metrics.headline(predictions())["uar"]
    for name, count in (("folds", 5), ("speakers", 10)):
        table = plots[name].table
        assert len(table) == count
        assert table["rate"].is_monotonic_increasing
        assert table["overall"].tolist() == pytest.approx([mean] * count)
        assert f"mean over 5 members {style.percent(mean)}" in words(plots[name].figure)


def test_of_many_speakers_the_ends_are_drawn_and_their_number_is_written():
    table = predictions(n=900, speakers=91)
    plot = draw(table)["speakers"]
    uars = metrics.breakdown(table, ["speaker"], SCORING, 0)["uar"].sort_values()
    half = MOST_GROUPS // 2
    assert plot.table["rate"].tolist() == [*uars.head(half), *uars.tail(half)]
    assert "15 lowest and 15 highest of 91 speakers" in words(plot.figure)
    lay_out(plot.figure)


def test_an_utterance_counts_once_whatever_the_seeds():
    one = predictions().assign(seed=1)
    # In seed 2 nobody is ever called but neutral: a count is the mean of the two, and 300 utterances stay 300.
    two = one.assign(seed=2, predicted="neutral")
    plots, alone = draw(pd.concat([one, two], ignore_index=True)), draw(one)
    counts, first = (drawn["confusion"].table for drawn in (plots, alone))
    assert counts["count"].sum() == first["count"].sum() == 300
    calm = (one["label"] == "calm").sum()
    called_neutral = ((one["label"] == "calm") & (one["predicted"] == "neutral")).sum()
    found = counts.query("actual == 'calm' and predicted == 'neutral'")[["count", "share"]].to_numpy().tolist()
    assert found == [[(called_neutral + calm) / 2, (called_neutral + calm) / 2 / calm]]
    bins, first = (drawn["reliability"].table for drawn in (plots, alone))
    pd.testing.assert_frame_equal(bins, first, check_dtype=False)  # both seeds have the same probabilities
    for name in ("confusion", "reliability"):
        assert "mean over 2 seeds" in words(plots[name].figure).replace("\n", " ")  # long titles break
        assert "seeds" not in words(alone[name].figure)
    uars = [metrics.headline(table)["uar"] for table in (one, two)]
    assert plots["speakers"].table["overall"].tolist() == pytest.approx([np.mean(uars)] * 10)
    assert "mean over 10 members" in words(plots["speakers"].figure)


def test_a_fold_that_lacks_a_seed_is_refused():
    table = predictions(folds=2).assign(seed=1)
    table = pd.concat([table, table[table["fold"] == "1"].assign(seed=2)], ignore_index=True)
    with pytest.raises(ValueError, match="fold 1, seed 2; fold 2, seed 1: expected every fold with every seed"):
        figures(table, table, metrics.breakdown(table, [], SCORING, 0), history())


def test_the_criteria_known_are_those_that_there_are():
    assert set(CRITERIA) == {f"dev_{name}" for name in criteria(predictions())}


def test_history_of_folds_is_their_mean_and_range_by_hand(plots):
    # Folds 0 to 4 have 3 to 7 epochs; dev UAR in epoch e of fold k is 50 + 10 e + k per cent.
    table = plots["history"].table
    uar = table[table["quantity"] == "Dev UAR (%)"]
    np.testing.assert_allclose(uar["value"], [62, 72, 82, 92.5, 103, 113.5, 124])
    np.testing.assert_allclose(uar["low"], [60, 70, 80, 91, 102, 113, 124])
    np.testing.assert_allclose(uar["high"], [64, 74, 84, 94, 104, 114, 124])
    assert uar["members"].tolist() == [5, 5, 5, 4, 3, 2, 1]
    assert list(dict.fromkeys(table["quantity"])) == [
        "Training loss",
        "Dev UAR (%)",
        "Dev cost x",
        "Learning rate (×10⁻⁴)",
    ]
    assert table["best"].sum() == 0
    assert "mean and range of 5 members" in words(plots["history"].figure)


def test_history_of_one_fold_marks_the_highest_uar():
    for rows in (history(folds=0), history(folds=1)):
        table = draw(predictions(folds=0), rows)["history"].table
        assert table[table["best"] == 1][["quantity", "epoch"]].to_numpy().tolist() == [["Dev UAR (%)", 3]]


@pytest.mark.parametrize(
    ("odd", "rows"),
    [
        ({"classes": NINE, "n": 9000, "protocol": "leaky_transductive"}, history()),
        ({"gap": 100.0, "folds": 0}, history(1, folds=0)),
        ({"gap": -100.0, "classes": NINE[:2]}, history(1)),
        ({"n": 2, "speakers": 1, "folds": 0}, history(1, folds=1)),
        ({"classes": (*NINE, "a long name, with spaces")}, history().assign(dev_loss=np.nan)),
    ],
    ids=["nine classes", "perfect, one epoch", "all wrong", "two utterances", "long names, no loss"],
)
def test_odd_inputs_draw_without_a_warning(odd, rows):
    for plot in draw(predictions(**odd), rows).values():
        lay_out(plot.figure)


def test_weights_taken_as_they_are_have_no_history_and_a_fixed_split_no_folds():
    assert {"history", "folds"}.isdisjoint(draw(predictions(folds=0), history().head(0)))


def test_a_breakdown_without_groups_leaves_their_figures_out():
    table = predictions()
    plots = figures(table, table, metrics.breakdown(table, [], SCORING, 0), history())
    assert set(plots) == {"confusion", "reliability", "history"}


def test_files_give_the_same_figures_as_tables(plots, tmp_path):
    table = predictions().round(artifacts.DECIMALS)
    for name, content in (("eval", table), ("breakdown", metrics.breakdown(table, SCORING.by, SCORING, 0))):
        artifacts.write_table(tmp_path / f"{name}.csv", content)
    read = artifacts.read_table(tmp_path / "eval.csv", results.prediction_types("emotion"))
    groups = artifacts.read_table(tmp_path / "breakdown.csv", metrics.BREAKDOWN)
    again = figures(read, read, groups, history())
    for name, plot in plots.items():
        # numbers are written with six decimals; confidences may be summed over 300 utterances
        pd.testing.assert_frame_equal(plot.table, again[name].table, atol=2e-6, rtol=0, check_dtype=False)


def test_the_order_of_rows_does_not_matter(plots):
    shuffled = predictions().sample(frac=1, random_state=1)
    again = figures(shuffled, shuffled, metrics.breakdown(predictions(), SCORING.by, SCORING, 0)[::-1], history())
    for name in set(plots) - {"class_bars"}:
        pd.testing.assert_frame_equal(plots[name].table, again[name].table)


def test_the_same_tables_give_the_same_bytes(plots):
    again = draw(predictions())
    for name in plots:
        assert plots[name].table.to_csv() == again[name].table.to_csv()
    for name in ("confusion", "class_bars", "reliability"):
        assert png_bytes(plots[name].figure) == png_bytes(again[name].figure)


def test_faulty_tables_are_refused_by_name():
    table = predictions()
    groups = metrics.breakdown(table, [], SCORING, 0)
    with pytest.raises(ValueError, match=r"breakdown lacks columns \['value'\]: expected \['column', 'value', 'n'\]"):
        figures(table, table, groups.drop(columns="value"), history())
    with pytest.raises(ValueError, match=r"unknown classes \['bored'\]: expected \['neutral'"):
        figures(table, table.replace({"label": {"sad": "bored"}}), groups, history())
    with pytest.raises(ValueError, match="protocol is honest: expected one of"):
        figures(table, table.assign(protocol="honest"), groups, history())


TEMPLATE_OF = {
    "confusion": "confusion_shares",
    "reliability": "reliability",
    "class_bars": "class_bars",
    "folds": "groups",
    "speakers": "groups",
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
    read = {node["field"] for node in nodes(content) if isinstance(node.get("field"), str)}
    assert {field for field in read if not field.startswith("<DVC")} <= set(written.columns) | made | {"rev", "system"}


def nodes(tree):
    """Yield every object of a JSON tree."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(child)


def test_the_comparison_draws_systems_and_baselines_and_says_what_was_easier():
    systems = {"one": draw(predictions()), "two": draw(predictions(gap=3.0, protocol="leaky"))}
    bars = pd.concat([plots["class_bars"].table.assign(system=system) for system, plots in systems.items()])
    intervals = pd.DataFrame(
        [("one", "uar", 0.6), ("one", "war", 0.7), ("two", "leaky_uar", 0.8), ("chance", "uar", 0.125)],
        columns=["system", "metric", "value"],
    ).assign(low=0.1, high=0.9)
    plots = comparison({"class_bars": bars}, intervals)
    assert plots["uar"].table[["system", "value"]].to_numpy().tolist() == [
        ["one", 0.6],
        ["two (leaky)", 0.8],
        ["chance", 0.125],
    ]
    recalls = bars[bars["measure"] == "recall"]
    assert plots["recall"].table["rate"].tolist() == recalls["value"].tolist()
    assert [text.get_text() for text in plots["recall"].figure.legends[0].get_texts()] == ["one", "two (leaky)"]
    assert [text.get_text() for text in plots["recall"].figure.axes[0].get_yticklabels()] == list(NINE[:8])
    for plot in plots.values():
        lay_out(plot.figure)
    assert set(comparison({}, intervals)) == {"uar"}


def test_a_comparison_without_uar_or_system_is_refused():
    intervals = pd.DataFrame({"system": ["one"], "metric": ["war"], "value": 0.5, "low": 0.4, "high": 0.6})
    with pytest.raises(ValueError, match="intervals of metric 'uar' has no rows"):
        comparison({}, intervals)
    with pytest.raises(ValueError, match=r"intervals lacks columns \['system'\]"):
        comparison({}, intervals.drop(columns="system"))


def test_one_fold_needs_no_bars_of_folds():
    plots = draw(predictions(folds=1))
    assert "folds" not in plots and "speakers" in plots
