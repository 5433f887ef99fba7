"""What a comment says where something is missing; commands are stand-ins."""

from subprocess import CompletedProcess

import pytest

from tests.github.scripts import script

report = script("report")
BASE, HEAD, MADE = "b" * 40, "a" * 40, "c" * 40


def about(**changes):
    """A run that went well, but for the changes."""
    fields = {"name": "pr-7", "base": BASE, "head": HEAD, "commit": MADE, "status": 0, "stage": None}
    return report.About(**fields | changes)


def calls(**said):
    """Stands in for what runs commands: by a word of the command, (status, output, error); else nothing is said."""

    def call(words):
        found = next(
            (answer for word, answer in said.items() if word in words or f"voxdag.{word}" in words), (0, "", "")
        )
        return CompletedProcess(words, *found)

    return call


def test_no_metric_no_parameter_no_picture_changed():
    text = report.text(about(), [], [], calls(compare=(0, "aasist: the same predictions in both\n", "")))
    assert "#### Metrics\n\nNo metric changed.\n" in text and text.endswith("No picture changed.\n")
    assert "aasist: the same predictions in both" in text and "Parameters" not in text


def test_a_base_without_results_has_the_first_ones_shown():
    call = calls(**{"cat-file": (1, "", ""), "show": (0, "| eer | 0.2 |\n", "")})
    assert "The base has no results: these are the first.\n\n| eer | 0.2 |" in report.text(about(), [], [], call)


def test_what_refuses_is_its_last_line():
    call = calls(compare=(1, "", "WARNING\nerror: no system in common\n"), metrics=(251, "", "ERROR: no cache\n"))
    text = report.text(about(), [], [], call)
    assert "````text\nerror: no system in common\n````" in text and "`ERROR: no cache`" in text


def test_pictures_beyond_the_first_few_are_named_and_new_ones_stand_alone(monkeypatch):
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "ours/voxdag")
    names = [f'plots/a "{i}".png' for i in range(report.PICTURES + 2)]

    def call(words):
        if "diff" in words and "-z" in words:
            return CompletedProcess(words, 0, "".join(f"{name}\0" for name in names), "")
        missing = words[:2] == ["git", "cat-file"] and words[-1].startswith(f"{BASE}:")
        return CompletedProcess(words, int(missing), "", "")

    text = report.pictures(about(), call)
    assert text.count("<img") == report.PICTURES and text.count("|  | <img") == report.PICTURES
    assert f"https://github.com/ours/voxdag/raw/{MADE}/plots/a%20%220%22.png" in text and "&quot;0&quot;" in text
    assert f"And 2 more: {names[-2]}, {names[-1]}." in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": 1, "stage": "train@aasist"}, "failed in the stage `train@aasist`"),
        ({"status": 255}, "failed (exit status 255)"),
        ({"status": None}, "was not run to its end"),
    ],
)
def test_a_run_that_did_not_succeed_has_its_end_and_the_end_of_its_log(changes, expected):
    log = [f"line {i} " + "x" * 1000 for i in range(100)]
    text = report.text(about(commit=None, **changes), ["The cache could not be pushed."], log, calls())
    assert f"### Experiment `pr-7` {expected}\n" in text and "> The cache could not be pushed.\n" in text
    shown = [line for line in text.splitlines() if line.startswith("line ")]
    assert len(shown) == report.LINES and shown[-1] == log[-1][: report.WIDTH] and "dvc exp pull" not in text
