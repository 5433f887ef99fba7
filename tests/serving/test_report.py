"""An answer as HTML: what a reader, or a screen reader, finds of one file and of several."""

import base64
import re
from html.parser import HTMLParser

import pytest

from tests.serving.trained import offers, speech
from voxdag.serving import report
from voxdag.serving.answers import Desk, Upload


class Page(HTMLParser):
    """Elements by tag, with their attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.open, self.within = [], "", [], []
        self.feed(html)
        assert self.open == []  # every element that is begun is ended

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += f"{data} "
        self.within.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def of(self, tag):
        return [data for name, data in self.within if name == tag]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    desk = Desk(offers(folder, "aasist", "tier1", "ast", "bsrnn", threshold=1000.0), folder)
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def one(desk, tmp_path_factory):
    upload = Upload(speech(tmp_path_factory.mktemp("up") / "t/<b>.wav"), "<b>.wav")
    return {
        name: report.of_answers([desk.answer(name, [upload], None)]) for name in ("aasist", "tier1", "ast", "bsrnn")
    }


@pytest.mark.parametrize("name", ["aasist", "tier1", "ast", "bsrnn"])
def test_everything_of_a_file_is_in_the_page_itself_and_is_said_to_who_cannot_see_it(one, name):
    page = Page(one[name])
    images, audio, links = page.all("img"), page.all("audio"), page.all("a")
    assert images and all(len(image["alt"]) > 20 and image["src"].startswith("data:image/png;") for image in images)
    assert audio and all(each["aria-label"] and each["src"].startswith("data:audio/flac;") for each in audio)
    assert links and all(link["href"].startswith("data:") and link["download"] for link in links)
    assert "<b>.wav" in page.text and not page.all("b")  # a name is text


def test_the_csv_that_is_saved_is_the_row(one):
    (link,) = [link for link in Page(one["ast"]).all("a") if link["download"] == "ast.csv"]
    content = base64.b64decode(link["href"].partition(",")[2]).decode()
    assert content.startswith("path,seconds,used,segments,pool,") and content.count("\n") == 2


def test_a_decision_is_said_with_its_threshold_its_errors_and_its_segments(one):
    text = Page(one["aasist"]).text
    assert "Spoof" in text and "1000.250" in text and "a score above it is called bona fide" in text
    assert "not known" in text and "of dev's recordings the first 0.50 s alone were scored" in text
    assert "First segment" in text and "of spoofs bona fide" in text
    assert "Where it is decided: the score is the mean over 3 segments" in text


def test_a_file_of_one_segment_says_that_no_part_of_it_decided_and_what_dev_lets_expect(desk, tmp_path):
    upload = Upload(speech(tmp_path / "t/a.wav", 0.4), "a.wav")
    text = Page(report.of_answers([desk.answer("aasist", [upload], None)])).text
    assert "no part of it can be said to have decided" in text and "of dev's bona fide recordings" in text


def test_an_error_is_an_alert_with_the_files_name(desk, tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/a.wav").write_bytes(b"")
    page = Page(report.of_answers([desk.answer("aasist", [Upload(tmp_path / "t/a.wav", "a.wav")], None)]))
    assert "a.wav has no output: empty file." in page.text and page.all("p")[-1] == {"class": "error", "role": "alert"}


@pytest.mark.parametrize("name", ["aasist", "bsrnn"])
def test_several_files_are_a_table_to_save(desk, tmp_path, name):
    for folder, seconds in (("s", 0.6), ("t", 0.9)):
        speech(tmp_path / folder / "a.wav", seconds)
    (tmp_path / "t/empty.wav").write_bytes(b"")
    files = [
        Upload(tmp_path / "s/a.wav", "a.wav"),
        Upload(tmp_path / "t/a.wav", "a.wav"),
        Upload(tmp_path / "t/empty.wav", "e.wav"),
    ]
    page = Page(report.of_answers([desk.answer(name, files, None)]))
    assert page.text.count("3 files, 1 without output") == 1 and "no output: empty file" in page.text
    first = {"aasist": ["Score", "Threshold", "LLR"], "bsrnn": ["Listen", "Speech", "Background"]}[name]
    heads = [words.strip() for words in page.of("th")]
    assert heads[: 2 + len(first)] == ["File", "Result", *first] and heads[-1] == "Seconds"
    assert not [words for words in page.of("td") if re.fullmatch(r"[-+]?\d+[.]\d{4,}", words)]  # long numbers
    assert len(page.all("tr")) == 4 and page.all("img") == []
    (link,) = [link for link in page.all("a") if link["download"] == f"{name}.csv"]
    assert base64.b64decode(link["href"].partition(",")[2]).decode().count("\n") == 4
    assert len(page.all("audio")) == (2 if name == "bsrnn" else 0)


def test_why_nothing_was_scored_is_an_alert():
    assert re.search(r'<p class="error" role="alert">a &lt; b</p>', report.refused("a < b"))
