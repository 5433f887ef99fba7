"""The page of `dvc plots show`: it draws without internet, with the packages that DVC asks for."""

import hashlib
import re
from pathlib import Path

import pytest
import yaml
from dvc.config import Config
from dvc_render import VegaRenderer
from dvc_render.html import render_html

ROOT = Path(__file__).parents[2]
PAGE = ROOT / ".dvc" / "page.html"
# sha256 of package/build/<name>.min.js in the archives on npm
PUBLISHED = {
    "vega@5.20.2": "4794d0169cb1f3ebad8117fe98ba5bd652dd725905ec0384e832391dbccb03be",
    "vega-lite@5.2.0": "d73157451b3978015ab31dacd55ff90d986ab8663fc0abed50f97b3cd90002cb",
    "vega-embed@6.18.2": "1ba9826431ddc9805e815ad92acc811c819f2bfd32bda2a128b8c4b5070fab5e",
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    rows = [{"x": 1, "y": 2, "rev": "workspace"}]
    figures = [VegaRenderer(rows, name, x="x", y="y") for name in ("one: First, with a comma", "two: Second")]
    path = tmp_path_factory.mktemp("page") / "index.html"
    render_html(figures, path, html_template=PAGE)
    return path.read_text(encoding="utf-8")


def test_dvc_is_told_to_use_the_page():
    assert ROOT / ".dvc" / Config(ROOT / ".dvc")["plots"]["html_template"] == PAGE


def test_nothing_is_loaded_from_elsewhere(drawn):
    assert not re.search(r"<script[^>]*\bsrc|<link|@import", drawn)
    assert "{scripts}" not in PAGE.read_text(encoding="utf-8")  # where DVC writes its own


def test_the_scripts_are_those_that_dvc_asks_for_byte_by_byte(drawn):
    blocks = dict(re.findall(r'<script data-package="([^"]+)">(.*?)</script>', drawn, re.DOTALL))
    assert {name: hashlib.sha256(code.encode()).hexdigest() for name, code in blocks.items()} == PUBLISHED
    assert set(re.findall(r"npm/([^\"]+)", VegaRenderer.SCRIPTS)) == set(PUBLISHED)


def test_the_licence_stands_beside_what_it_covers(drawn):
    assert "BSD-3-Clause" in drawn and "University of Washington Interactive Data Lab" in drawn


def test_every_figure_is_on_the_page_before_the_headings_are_made(drawn):
    places = [
        drawn.index(text) for text in ('div id = "one__First__with_a_comma"', 'div id = "two__Second"', "new Set()")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("path", sorted((ROOT / "compare").glob("*/dvc.yaml")), ids=lambda path: path.parent.name)
def test_figures_stand_under_the_name_of_their_task(path):
    plots = yaml.safe_load(path.read_text(encoding="utf-8"))["plots"]
    names = [name for plot in plots for name in plot]
    assert names and all(name.startswith(f"{path.parent.name}: ") for name in names)
    assert len(set(names)) == len(names)
