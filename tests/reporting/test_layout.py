"""The page in a browser: what is cut off, and what is larger than what it stands beside."""

import importlib.util
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.reporting.standing_in import intervals, params_text
from voxdag.reporting import page

ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LACKING = CHROMIUM is None or importlib.util.find_spec("playwright") is None
SIZES = "(within) => [...document.querySelectorAll(within)].map((one) => parseFloat(getComputedStyle(one).fontSize))"
CUT = """() => [...document.querySelectorAll('.scroll')]
    .filter((one) => one.clientWidth && one.scrollWidth > one.clientWidth).length"""


@pytest.fixture
def shown(run):
    """The page of a wide table, a baseline, and a wide picture, as a browser shows it."""
    from playwright.sync_api import sync_playwright

    product = yaml.safe_load((ROOT / "params.yaml").read_text())
    run["tasks"]["affect"] = product["tasks"]["affect"]
    run["baselines"] |= {"constant_mean": product["baselines"]["constant_mean"]}
    Path("params.yaml").write_text(params_text(run))
    names = ("ccc", "ccc_valence", "ccc_arousal", "rmse", "r2_valence", "r2_arousal")
    intervals("affect", "constant_mean", {name: (-0.1234, -0.2345, 0.3456) for name in names})
    Image.new("RGB", (1432, 796), (200, 30, 30)).save("compare/antispoof/figures/matrix.png")
    Path("report.html").write_text(page.render(page.Asked(Path("report.html"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(Path("report.html").resolve().as_uri())
        yield tab
        browser.close()


@pytest.mark.skipif(LACKING, reason="needs chromium and playwright")
def test_nothing_is_cut_off_and_no_head_is_larger_than_its_values(shown):
    assert shown.evaluate(CUT) == 0  # at 1200 pixels
    for media in ("screen", "print"):
        shown.emulate_media(media=media)
        values = min(shown.evaluate(SIZES, ".numbers tbody td"))
        assert max(shown.evaluate(SIZES, ".numbers thead th, .numbers .tag, .numbers caption")) <= values
    shown.emulate_media(media="screen")
    width = "(one) => one.getBoundingClientRect().width"
    (wide,) = shown.query_selector_all("figure.wide img")
    assert wide.evaluate(width) == shown.query_selector(".pictures").evaluate(width)
    shown.set_viewport_size({"width": 400, "height": 900})
    assert shown.evaluate(CUT) > 0 and wide.evaluate(width) > 700  # these scroll, with a shadow at the edge
    assert "gradient" in shown.evaluate("getComputedStyle(document.querySelector('.scroll')).backgroundImage")
    assert shown.evaluate("document.documentElement.scrollWidth") == 400
