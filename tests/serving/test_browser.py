"""The page in a real browser whose network is cut to this machine: upload, result, picture, errors, several files, a
recording; and what is left on the disk."""

import base64
import csv
import importlib.util
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.serving.trained import decided, speech, weights

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LACKING = [name for name in ("gradio", "playwright") if importlib.util.find_spec(name) is None]
LACKING += [] if CHROMIUM else ["Chromium"]
pytestmark = pytest.mark.skipif(bool(LACKING), reason=f"not installed: {', '.join(LACKING)} (docs/HOWTO.md)")

ROOT = Path(__file__).parents[2]
PATIENCE = 120_000  # ms: a machine may have much else to do
ALONE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
FOCUSED = """() => {
    const e = document.activeElement;
    return [e.type || e.tagName, (e.ariaLabel || e.labels?.[0]?.innerText || e.innerText || "").trim()];
}"""
MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@contextmanager
def serving(folder, *words):
    """A page in a process of its own: (its address, its folder for uploads)."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "voxdag.serve", "--port", "0", "--device", "cpu", *map(str, words)]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"at (http://127\.0\.0\.1:\d+/)", line):
                break
        else:
            pytest.fail("".join(said))
        try:
            yield found[1], temporary
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=300)
    assert list(temporary.glob("voxdag-serve-*")) == []  # the folder goes with the page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def page_of_countermeasure(folder):
    path = weights(folder, "aasist")
    words = ["--weights", path, "--decisions", decided(folder, path, 0.0), "--seconds", "20", "--megabytes", "2"]
    with serving(folder, *words) as there:
        yield there


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *ALONE, *MICROPHONE])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, page_of_countermeasure):
    """The page, open; no request of it may have gone elsewhere in the end."""
    context = chromium.new_context(permissions=["microphone"])
    context.set_default_timeout(PATIENCE)
    opened, asked = context.new_page(), []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(page_of_countermeasure[0], timeout=PATIENCE)
    opened.get_by_role("button", name="Run").wait_for()
    yield opened
    hosts = {urlsplit(url).hostname for url in asked if urlsplit(url).scheme in ("http", "https", "ws", "wss")}
    assert hosts == {"127.0.0.1"}
    assert {urlsplit(url).scheme for url in asked} <= {"http", "data", "blob"}
    context.close()


def run(page, *files):
    page.set_input_files("input[type=file]", [str(file) for file in files])
    page.get_by_text(files[-1].stem, exact=False).first.wait_for()
    page.get_by_role("button", name="Run").click()
    page.locator("#answer section, #answer .error").first.wait_for()


def left(page_of_countermeasure):
    """Files below the folder for uploads, and folders of uploads."""
    (kept,) = page_of_countermeasure[1].glob("voxdag-serve-*")
    return [path.name for path in kept.rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_file_is_scored_as_predict_scores_it_and_nothing_of_it_is_left(
    page, page_of_countermeasure, folder, tmp_path
):
    path = speech(tmp_path / "a voice.wav")
    run(page, path)
    answer = page.locator("#answer")
    assert answer.locator(".result strong").inner_text() in ("Bona fide", "Spoof")
    image = answer.locator("img")
    assert image.evaluate("image => image.complete && image.naturalWidth > 1000")
    assert "Waveform, spectrogram and score" in image.get_attribute("alt")
    assert answer.locator("audio").evaluate("audio => new Promise(done => { audio.load(); "
        "audio.onloadedmetadata = () => done(audio.duration); audio.onerror = () => done(-1); })"
    ) == pytest.approx(1.3, abs=0.01)  # fmt: skip
    link = answer.locator("a[download='aasist.csv']")
    (shown,) = csv.DictReader(io.StringIO(base64.b64decode(link.get_attribute("href").partition(",")[2]).decode()))
    command = [sys.executable, "-m", "voxdag.predict", "--weights", folder / "aasist.safetensors", "--device", "cpu"]
    command += ["--decisions", folder / "decisions.csv", path]
    printed = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (expected,) = csv.DictReader(io.StringIO(printed))
    assert shown == expected | {"path": "a voice.wav"} and expected["score"]
    assert left(page_of_countermeasure) == []


def test_a_bad_file_has_its_reason_in_the_page(page, page_of_countermeasure, tmp_path):
    (tmp_path / "bad.mp3").write_text("this is no audio")
    run(page, tmp_path / "bad.mp3")
    assert page.get_by_role("alert").first.inner_text().startswith("bad.mp3 has no output: unreadable: no known audio")
    assert left(page_of_countermeasure) == []


def test_what_is_too_long_is_told_in_the_page(page, tmp_path):
    run(page, speech(tmp_path / "long.flac", 21.0))
    assert "too long: the page takes 20 s of audio at once" in page.locator("#answer .error").inner_text()


def test_what_is_too_large_is_told_and_never_uploaded(page, page_of_countermeasure, tmp_path):
    (tmp_path / "large.wav").write_bytes(b"RIFF" + bytes(3 * 2**20))
    page.set_input_files("input[type=file]", str(tmp_path / "large.wav"))
    page.get_by_text(re.compile("MB|size", re.IGNORECASE)).filter(has_text=re.compile("maximum|takes")).first.wait_for()
    assert left(page_of_countermeasure) == []


def test_several_files_are_a_table(page, page_of_countermeasure, tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    run(page, speech(tmp_path / "b.ogg", 0.9), tmp_path / "empty.wav", speech(tmp_path / "c.flac", 0.6))
    rows = page.locator("#answer tbody tr")
    assert rows.count() == 3
    assert [rows.nth(i).locator("td").first.inner_text() for i in range(3)] == ["b.ogg", "empty.wav", "c.flac"]
    assert "empty file" in rows.nth(1).inner_text()
    assert left(page_of_countermeasure) == []


SHOWN = """() => {
    const answer = document.querySelector("#answer .voxdag"), right = answer.getBoundingClientRect().right;
    const all = [...answer.querySelectorAll("*")].filter(e => !e.closest(".wide table"));
    const beyond = all.filter(e => e.getBoundingClientRect().right > right + 0.5).map(e => e.outerHTML.slice(0, 80));
    const narrow = [...answer.querySelectorAll(".note, .caption")]
        .filter(e => e.innerText.length > 40 && e.clientWidth < 0.6 * answer.clientWidth).map(e => e.innerText);
    const page = document.documentElement;
    return [beyond, narrow, page.scrollWidth - page.clientWidth];
}"""


@pytest.mark.parametrize("width", [320, 400, 800])
def test_on_a_narrow_screen_nothing_is_cut_and_no_sentence_is_squeezed(page, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 800})
    run(page, speech(tmp_path / "a voice.wav"))
    assert page.locator("#answer .bar").count() == 2
    beyond, narrow, sideways = page.evaluate(SHOWN)
    assert beyond == [] and sideways == 0
    assert narrow == [] or width > 400  # beside its number, where there is room


def test_the_table_of_several_files_fits_a_desk_and_shows_where_it_scrolls(page, tmp_path):
    page.set_viewport_size({"width": 1280, "height": 800})
    run(page, *(speech(tmp_path / f"a_recording_with_a_rather_long_name_{i}.wav", 0.6) for i in range(2)))
    wide = page.locator("#answer .wide")
    assert wide.evaluate("e => e.scrollWidth <= e.clientWidth")
    page.set_viewport_size({"width": 320, "height": 800})
    assert wide.evaluate("e => e.scrollWidth > e.clientWidth")
    assert wide.evaluate("e => getComputedStyle(e, '::-webkit-scrollbar').height") == "10px"


def test_pressing_run_with_nothing_says_what_is_missing(page):
    page.get_by_role("button", name="Run").click()
    assert page.locator("#answer .error").inner_text() == "There is no file: add one or more, or record."


def test_a_recording_is_scored(page, page_of_countermeasure):
    page.get_by_role("button", name="Record", exact=False).first.click()
    page.get_by_role("button", name="Stop", exact=False).first.wait_for()
    page.wait_for_timeout(2000)
    page.get_by_role("button", name="Stop", exact=False).first.click()
    page.wait_for_function("() => performance.getEntriesByType('resource').some(e => /.upload(.[?]|$)/.test(e.name))")
    page.wait_for_timeout(1000)
    page.get_by_role("button", name="Run").click()
    page.locator("#answer .result").wait_for()
    assert float(re.search(r"([\d.]+) s", page.locator("#answer .file").inner_text())[1]) > 1
    assert left(page_of_countermeasure) == []


def test_all_that_is_needed_can_be_reached_by_keys_and_has_a_name(page):
    names, body = [], page.locator("body")
    body.press("Tab")
    for _ in range(12):
        names.append(page.evaluate(FOCUSED))
        page.keyboard.press("Tab")
    assert ["checkbox", "aasist: anti-spoofing"] in names
    assert any("Run" in name for kind, name in names if kind == "submit" or kind == "button")
    assert any("upload" in name.lower() or "drop" in name.lower() for _, name in names)
    assert all(name for kind, name in names if kind not in ("BODY", "DIV"))
