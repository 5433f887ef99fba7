"""The comment where it is too long, and where `gh` is not there or not logged in."""

import pytest

from tests.github.repository import PullRequest
from tests.github.scripts import script

comment = script("comment")


@pytest.mark.parametrize("opened", ["", "````text\n", "<details><summary>Pictures</summary>\n\n````text\n"])
def test_a_comment_that_is_too_long_ends_at_a_line_with_a_note_and_nothing_left_open(opened):
    text = "### Experiment\n\n" + opened + "a line of it\n" * 10_000
    made = comment.cut(text, "*note*")
    assert 65_000 < len(made) <= 65_536 and made.endswith("\n\n*note*")
    assert made.count("````") % 2 == 0 and made.count("<details>") == made.count("</details>")
    assert text.startswith(made.split("\n````\n")[0].removesuffix("\n\n*note*")[:60_000])


def test_a_comment_of_the_limit_is_left_as_it_is():
    text = "x" * 65_536
    assert comment.cut(text, "*note*") == text


def test_a_report_without_the_mark_gets_it(tmp_path):
    (tmp_path / "report.md").write_text("something else")
    request = PullRequest(tmp_path)
    assert request.comment(tmp_path / "report.md").returncode == 0
    assert request.held()["comments"][0]["body"] == "<!-- voxdag experiment -->\n\nsomething else"


def test_gh_that_is_not_logged_in_is_one_line(tmp_path):
    done = PullRequest(tmp_path).comment(tmp_path / "report.md", GH_TOKEN="")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.endswith("To get started with GitHub CLI, please run: gh auth login\n")


def test_no_gh_is_one_line(tmp_path):
    done = PullRequest(tmp_path).comment(tmp_path / "report.md", PATH=str(tmp_path / "nothing"))
    assert (done.returncode, done.stderr) == (1, "gh is not here: expected the GitHub CLI on PATH\n")


def test_a_label_that_somebody_took_off_is_no_error(tmp_path):
    request = PullRequest(tmp_path, labels=["bug"])
    assert request.comment(tmp_path / "report.md").returncode == 0 and request.held()["labels"] == ["bug"]
