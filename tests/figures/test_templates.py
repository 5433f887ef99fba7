"""The templates from which DVC draws: what it fills, and that all systems and revisions are told apart."""

import json
from pathlib import Path

import pytest
from dvc_render import VegaRenderer

FOLDER = Path(__file__).parents[2] / ".dvc" / "plots"
TEMPLATES = sorted(path.stem for path in FOLDER.glob("*.json"))
BY_COLOUR = {"along", "det", "roc", "history"}  # all systems in one frame


@pytest.fixture(params=TEMPLATES)
def template(request):
    return request.param


def content(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def channels(tree, name: str) -> list[dict]:
    """Every definition of a channel (color, row, ...) in a template."""
    if isinstance(tree, list):
        return [found for child in tree for found in channels(child, name)]
    if not isinstance(tree, dict):
        return []
    here = [tree[name]] if isinstance(tree.get(name), dict) else []
    return here + [found for child in tree.values() for found in channels(child, name)]


def test_there_are_templates():
    assert len(TEMPLATES) == 16


def test_groups_of_rates_and_of_other_values_differ_in_how_numbers_are_written_alone():
    rates, values = ((FOLDER / f"{name}.json").read_text() for name in ("groups", "group_values"))
    written = {
        "format(100 * datum.rate, datum.high - datum.low < 0.01 ? '.2f' : '.1f')": "format(datum.rate, '.4~g')",
        "format(100 * datum.value, '.4~g')": "format(datum.value, '.4~g')",
        '"format": ".2%"': '"format": ".4~g"',
        "max(datum.rate, datum.high)": "max(datum.rate, datum.high, 0)",  # a number stands right of nought
    }
    for of_rates, of_values in written.items():
        assert of_rates in rates
        rates = rates.replace(of_rates, of_values)
    assert rates == values


def test_dvc_fills_every_anchor(template):
    rows = [{"x": 1, "y": 2, "system": "a", "rev": rev} for rev in ("HEAD", "workspace")]
    properties = {"x": "x", "y": "y", "x_label": "X", "y_label": "Y", "title": "T"}
    renderer = VegaRenderer(rows, "plot", template=template, template_dir=str(FOLDER), **properties)
    filled = renderer.get_filled_template()
    assert "<DVC" not in json.dumps(filled)
    assert filled["data"]["values"] == rows
    assert filled["title"]["text"] == "T"


def test_systems_and_revisions_are_told_apart(template):
    tree = content(template)
    named = {
        "system",
        *(step["as"] for step in tree.get("transform", []) if "datum.system" in step.get("calculate", "")),
    }
    if template in BY_COLOUR:
        assert {channel["field"] for channel in channels(tree, "color")} == {"system"}
        assert {channel["field"] for channel in channels(tree, "strokeDash")} == {"rev"}
    else:
        assert tree["facet"]["row"]["field"] in named
        by_revision = [tree["facet"].get("column"), *channels(tree, "yOffset")]
        assert "rev" in {channel["field"] for channel in by_revision if channel}


@pytest.mark.parametrize("name", ["det", "roc", "det_by_attack"])
def test_members_are_separate_lines(name):
    assert channels(content(name), "detail")[0]["field"] == "member"


def test_a_grid_of_systems_and_revisions_is_in_vega_lites_own_order(template):
    # With "sort": [] on both, Vega-Lite fills the grid in the data's order, whatever its heads say.
    facet = content(template).get("facet", {})
    if "column" in facet:
        assert "sort" not in facet["row"] and "sort" not in facet["column"]
    else:
        assert set(facet) <= {"row"}


@pytest.mark.parametrize("name", sorted(BY_COLOUR))
def test_an_equal_second_revision_does_not_hide_the_first(name):
    tree = content(name)
    (width,), (opacity,) = (channels(tree, channel) for channel in ("strokeWidth", "strokeOpacity"))
    assert width["field"] == opacity["field"] == "rev" and width["sort"] is opacity["sort"] is None
    first, *others = width["scale"]["range"]
    assert first > 3 * max(others) and opacity["scale"]["range"][0] < 0.5


def test_attacks_have_their_colours_by_name():
    # Vega-Lite sorts a domain by name unless "sort" says otherwise.
    for channel in ("color", "strokeDash"):
        (found,) = channels(content("det_by_attack"), channel)
        assert found["field"] == "attack" and "sort" not in found


def test_the_number_beside_a_bar_is_no_higher_than_the_bar():
    for name in ("groups", "group_values"):  # with a yOffset, Vega-Lite 5.2 takes the step for that of each revision
        spec = content(name)["spec"]
        (text,) = (
            layer["mark"] for layer in spec["layer"] if layer["mark"] != "rule" and layer["mark"]["type"] == "text"
        )
        assert text["fontSize"] < spec["height"]["step"] < 16
