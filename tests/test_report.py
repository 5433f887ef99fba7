"""The command: a page or a card, written whole."""

import sys
from pathlib import Path

import pytest

from tests.reporting import standing_in
from voxdag import report
from voxdag.core.errors import Refused


@pytest.fixture
def call(tmp_path, monkeypatch):
    tree = standing_in.parameters()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    standing_in.write(tree)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["report", *words])
        report.main()

    return run


def test_it_writes_the_page_where_it_is_told(call):
    call()
    assert Path("report.html").read_text().startswith("<!DOCTYPE html>")
    call("deep/one.html", "--task", "enhance")
    assert "Speech anti-spoofing" not in Path("deep/one.html").read_text()


def test_it_writes_a_card(call):
    call("--card", "aasist", "README.md", "--license", "mit")
    assert Path("README.md").read_text().startswith("---\nlicense: mit\n")


def test_what_it_refuses_leaves_what_was_there(call):
    Path("report.html").write_text("before")
    with pytest.raises(Refused, match="nobody"):
        call("--system", "nobody")
    assert Path("report.html").read_text() == "before"
    with pytest.raises(Refused, match="--card is of one system"):
        call("--card", "aasist", "--task", "antispoof")
    Path("folder").mkdir()
    with pytest.raises(Refused, match="folder is a folder, expected a file"):
        call("folder")
