"""What is drawn of an affect regression, and of several beside one another."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.tasks.affect.test_metrics import predictions, system
from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.figures import style
from voxdag.figures.png import png_bytes
from voxdag.scoring.concordance import ccc
from voxdag.scoring.tables import Scoring
from voxdag.tasks import results
from voxdag.tasks.affect import figures, report
from voxdag.tasks.affect.criteria import criteria

pytestmark = pytest.mark.filterwarnings("error")

ROOT = Path(__file__).parents[3]
SCORING = Scoring(replicates=19, confidence=0.9, by=("quadrant", "fold"))
HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "lr": [1e-3, 5e-4], "train_loss": [0.5, 0.4], "train_mse": [0.1, 0.05], "dev_ccc": [0.3, 0.5]}
    | {
        "train_one_minus_ccc": [0.9, 0.75],
        "dev_ccc_valence": [0.2, 0.4],
        "dev_ccc_arousal": 0.6,
        "dev_rmse": [0.3, 0.2],
    }
)


def drawn(given, history=HISTORY):
    return figures.figures(given["dev"], given["eval"], report.breakdown(given, {}, SCORING, 1), history)


def intervals(**systems):
    tables = [report.intervals(given, {}, SCORING, 1).assign(system=name) for name, given in systems.items()]
    rows = pd.concat(tables, ignore_index=True)
    return rows[(rows["resampled_by"] == "speaker") & rows["seed"].isna()]


def lay_out(plots):
    for plot in plots.values():
        with style.paper():
            plot.figure.draw_without_rendering()


@pytest.fixture(scope="module")
def plots():
    return drawn(system())


def test_a_system_has_its_figures(plots):
    assert set(plots) == {"scatter", "plane", "quadrants", "history"}
    assert {name: plot.of for name, plot in plots.items() if plot.of != "eval"} == {"history": "train and dev"}
    assert [name for name, plot in plots.items() if plot.intervals] == ["quadrants"]
    lay_out(plots)


def test_the_scatter_writes_the_mean_ccc_of_each_dimension(plots):
    titles = [panel.get_title(loc="left") for panel in plots["scatter"].figure.axes]
    for title, name in zip(titles, ("valence", "arousal"), strict=True):
        of_seeds = [ccc(rows[name], rows[f"predicted_{name}"]) for rows in (predictions(1), predictions(2))]
        assert title == f"{name.capitalize()}: CCC {np.mean(of_seeds):.2f}"
    assert len(plots["scatter"].table) == 2 * 2 * 80
    assert plots["scatter"].figure.get_suptitle() == "mean over 2 members"


def test_the_plane_holds_every_clip_once_and_its_errors_add_up(plots):
    table, rows = plots["plane"].table, system()["eval"]
    assert table["n"].sum() == 80
    squares = (rows["predicted_valence"] - rows["valence"]) ** 2 + (rows["predicted_arousal"] - rows["arousal"]) ** 2
    assert (table["n"] * table["rmse"] ** 2).sum() / 80 == pytest.approx(squares.mean() / 2)


def test_quadrants_are_sorted_worst_first_beside_the_mean(plots):
    table = plots["quadrants"].table
    assert len(table) == 4 and table["rate"].is_monotonic_decreasing
    assert table["overall"].iloc[0] == pytest.approx(np.mean([criteria(predictions(seed))["rmse"] for seed in (1, 2)]))


def test_the_history_marks_the_best_epoch_of_known_criteria(plots):
    table = plots["history"].table
    assert set(figures.CRITERIA) == {f"dev_{name}" for name in criteria(predictions())}
    best = table[table["best"] == 1].set_index("quantity")["epoch"].to_dict()
    assert best == {"Dev CCC": 2, "Dev CCC, valence": 2, "Dev CCC, arousal": 1, "Dev RMSE (scale −1 to 1)": 2}


def test_folds_have_bars_of_their_ccc():
    folded = {split: rows.assign(fold=np.where(rows["genre"] == "rock", "1", "2")) for split, rows in system().items()}
    plots = drawn(folded)
    assert plots["folds"].table["group"].tolist() in (["1", "2"], ["2", "1"])
    assert plots["folds"].table["rate"].is_monotonic_increasing
    assert "mean over 4 members" in plots["folds"].figure.legends[0].get_texts()[0].get_text()
    lay_out(plots)


def test_an_easier_protocol_is_said_everywhere():
    plots = drawn({split: rows.assign(protocol="leaky") for split, rows in system().items()})
    assert all((plot.table["protocol"] == "leaky").all() for plot in plots.values())
    assert plots["scatter"].figure.get_suptitle() == "leaky, mean over 2 members"
    assert "leaky" in plots["plane"].figure.axes[0].get_title(loc="left")
    assert plots["quadrants"].figure.axes[0].get_xlabel().endswith("leaky")


def test_weights_taken_as_they_are_have_no_history_and_a_breakdown_without_groups_no_bars():
    given = system()
    plots = figures.figures(
        given["dev"], given["eval"], report.breakdown(given, {}, Scoring(19, 0.9, ()), 1), HISTORY[:0]
    )
    assert set(plots) == {"scatter", "plane"}


@pytest.mark.parametrize(
    "odd",
    [{"n": 2}, {"predicted_valence": 0.1, "predicted_arousal": 3.0}, {"valence": 1.0, "quadrant": "one"}],
    ids=["two clips", "constant and far off", "constant labels"],
)
def test_odd_inputs_draw_without_a_warning(odd):
    lay_out(drawn({split: predictions(**odd) for split in ("dev", "eval")}))


def test_files_give_the_same_figures_as_tables(plots, tmp_path):
    given = system()
    artifacts.write_table(tmp_path / "eval.csv", given["eval"])
    artifacts.write_table(tmp_path / "breakdown.csv", report.breakdown(given, {}, SCORING, 1))
    read = artifacts.read_table(tmp_path / "eval.csv", results.prediction_types("affect"))
    groups = artifacts.read_table(tmp_path / "breakdown.csv", report.BREAKDOWN)
    again = figures.figures(read, read, groups, HISTORY)
    for name, plot in plots.items():
        pd.testing.assert_frame_equal(plot.table, again[name].table, atol=2e-6, rtol=0, check_dtype=False)


def test_the_same_tables_give_the_same_bytes(plots):
    again = drawn({split: rows.sample(frac=1, random_state=1) for split, rows in system().items()})
    for name in ("scatter", "plane", "quadrants"):
        one, other = (drawn_of[name].table.round(artifacts.DECIMALS).to_csv() for drawn_of in (plots, again))
        assert one == other
    assert png_bytes(drawn(system())["scatter"].figure) == png_bytes(again["scatter"].figure)


def test_systems_stand_beside_one_another_and_beside_the_ceiling():
    systems = {"ast": system(), "svr": {split: rows.assign(protocol="leaky") for split, rows in system().items()}}
    tables = {
        "quadrants": pd.concat([drawn(given)["quadrants"].table.assign(system=n) for n, given in systems.items()])
    }
    rows = intervals(**systems)
    plots = figures.comparison(tables, rows)
    assert set(plots) == {*figures.KINDS, "quadrants"} and set(figures.OF_BASELINES) <= set(plots)
    assert plots["ccc"].table["system"].tolist() == ["ast", "svr (leaky)"]
    assert plots["rmse"].table["value"].tolist() == pytest.approx([report.headline(system(), {})["rmse"]] * 2, abs=1e-9)
    found = rows.loc[rows["metric"] == "ceiling_ccc_valence", "value"].iloc[0]
    (text,) = plots["ccc_valence"].figure.legends[0].get_texts()
    assert text.get_text() == f"ceiling by annotators {style.digits(found, 4)}"
    assert not plots["ccc"].figure.legends and not plots["r2_arousal"].figure.legends
    drawn_of = [text.get_text() for text in plots["quadrants"].figure.legends[0].get_texts()]
    assert drawn_of == ["ast", "svr (leaky)"]
    lay_out(plots)


def test_a_ceiling_that_is_not_known_is_not_drawn():
    unknown = {split: rows.assign(annotators=np.nan) for split, rows in system().items()}
    plots = figures.comparison({}, intervals(ast=unknown))
    assert not plots["ccc_valence"].figure.legends and "quadrants" not in plots


def test_faulty_tables_are_refused_by_name():
    given = system()
    groups = report.breakdown(given, {}, SCORING, 1)
    with pytest.raises(Refused, match=r"breakdown lacks columns \['value'\]"):
        figures.figures(given["dev"], given["eval"], groups.drop(columns="value"), HISTORY)
    with pytest.raises(Refused, match="protocol is honest: expected one of"):
        figures.figures(given["dev"], given["eval"].assign(protocol="honest"), groups, HISTORY)
    with pytest.raises(Refused, match=r"predictions lacks columns \['predicted_arousal'\]"):
        figures.figures(given["dev"], given["eval"].drop(columns="predicted_arousal"), groups, HISTORY)


def dvc_plots():
    listed = yaml.safe_load((ROOT / "compare/affect/dvc.yaml").read_text(encoding="utf-8"))["plots"]
    return [plot for entry in listed for plot in entry.values()]


@pytest.mark.parametrize("plot", dvc_plots(), ids=lambda plot: plot["template"])
def test_a_dvc_template_reads_only_columns_that_its_table_has(plots, plot):
    ((file, y),) = plot["y"].items()
    content = json.loads((ROOT / f".dvc/plots/{plot['template']}.json").read_text(encoding="utf-8"))
    written = pd.read_csv(StringIO(plots[Path(file).stem].table.to_csv(index=False)))
    assert {plot["x"], y} <= set(written)
    assert set(content["data"]["format"]["parse"]) <= set(written.select_dtypes("number").columns)
    made = {step["as"] for step in nodes(content) if "calculate" in step}
    read = {node["field"] for node in nodes(content) if isinstance(node.get("field"), str)}
    assert {field for field in read if not field.startswith("<DVC")} <= set(written.columns) | made | {"rev", "system"}


def nodes(tree):
    """Yield every object of a JSON tree."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(child)
