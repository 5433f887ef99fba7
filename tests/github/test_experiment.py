"""A toy change from its branch to the comment, without GitHub: a remote on this disk, and what stands in for `gh`."""

import json
import re
import subprocess
import sys

import pytest

from tests.github.repository import SCRIPTS, PullRequest, Toy
from tests.github.scripts import script


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A branch that changes the learning rate, and its experiment, step by step as the workflow goes."""
    made = Toy(tmp_path_factory.mktemp("toy"))
    made.write("params.yaml", "lr: 2\nfail: false\n")
    made.head = made.commit("a larger learning rate")
    for name in ("fetch", "run", "push", "report"):
        made.step(name, BASE="origin/main", DVC_REMOTE=str(made.folder / "cache"))
    made.text = made.report()
    return made


def test_the_comment_says_what_changed_whether_beyond_chance_and_shows_it(toy):
    assert toy.text.startswith("<!-- voxdag experiment -->\n\n### Experiment `pr-7` is done\n")
    assert re.search(r"^\| metrics.json \| eer +\| 0.1 +\| 0.05 +\| -0.05 +\|$", toy.text, re.M)  # 0.1 / 1, 0.1 / 2
    base = toy.git("rev-parse", "main")
    assert f"toy: better, by {base[:10]} workspace" in toy.text
    assert re.search(r"^\| params.yaml \| lr +\| 1 +\| 2 +\|$", toy.text, re.M)
    made = toy.git("for-each-ref", "--format=%(objectname)", f"refs/exps/{toy.head[:2]}")
    pictures = re.findall(r'src="https://github.com/ours/voxdag/raw/([0-9a-f]{40})/plots/det.png"', toy.text)
    assert pictures == [base, made]
    assert [toy.git("show", f"{commit}:plots/det.png") for commit in pictures] == ["picture of 1", "picture of 2"]


def test_the_cache_is_on_the_remote_and_in_the_runner_s_state(toy):
    files = [path for path in (toy.folder / "cache/files").rglob("*") if path.is_file()]
    assert "2" in [path.read_text() for path in files if path.stat().st_size < 9]  # the model of lr 2
    assert "lr: 2" in "".join(path.read_text() for path in (toy.folder / "cache/runs").rglob("*") if path.is_file())
    assert (toy.folder / "home/.cache/voxdag/cache/files").is_dir()
    assert (
        f"unfinished training in {toy.folder}/home/.cache/voxdag/resume"
        in (toy.folder / "temp/experiment/log.txt").read_text()
    )


def test_a_published_experiment_is_one_that_dvc_lists_and_pulls(toy, tmp_path):
    bundle = str(toy.folder / "temp/experiment/experiment.bundle")
    toy.git("push", "-q", "origin", "change")
    tree = tmp_path / "tree"
    subprocess.run(["git", "clone", "-q", "-b", "change", str(toy.folder / "origin"), str(tree)], check=True)
    words = [sys.executable, str(SCRIPTS / "publish.py"), bundle]
    done = subprocess.run(words, cwd=tree, capture_output=True, text=True)
    assert done.stdout == f"refs/exps/{toy.head[:2]}/{toy.head[2:]}/pr-7\n", done.stderr
    subprocess.run(["git", "update-ref", "-d", done.stdout.strip()], cwd=tree, check=True)
    listed = [sys.executable, "-m", "dvc", "exp", "list", "origin", "--name-only"]
    assert subprocess.run(listed, cwd=tree, capture_output=True, text=True).stdout.split() == ["pr-7"]
    refs = subprocess.run(["git", "ls-remote", "origin"], cwd=tree, capture_output=True, text=True).stdout
    assert sorted(re.findall(r"refs/\S+", refs)) == [done.stdout.strip(), "refs/heads/change", "refs/heads/main"]


def test_a_bundle_of_anything_but_an_experiment_of_head_is_refused(toy, tmp_path):
    other = str(tmp_path / "other.bundle")
    toy.git("bundle", "create", other, "refs/heads/change")
    done = toy.run(sys.executable, str(SCRIPTS / "publish.py"), other, check=False)
    expected = f"{other} holds refs/heads/change, expected one experiment of {toy.head}\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_one_comment_is_kept_up_to_date_and_the_label_is_taken_off(toy, tmp_path):
    mine = {"id": 1, "login": "somebody", "body": "<!-- voxdag experiment -->\nnot ours"}
    request = PullRequest(tmp_path, comments=[mine])
    report = toy.folder / "temp/experiment/report.md"
    assert request.comment(report).returncode == 0
    assert [each["body"] for each in request.held()["comments"]] == [mine["body"], toy.text]
    assert request.held()["labels"] == ["bug"]
    assert request.comment(tmp_path / "lost.md").returncode == 0
    first, second = request.held()["comments"]
    assert first == mine and "ended without a report (failure)" in second["body"]


def test_a_stage_that_fails_is_named_with_the_end_of_its_log(toy):
    failed = toy.step("run", check=False, OVERRIDES="-S fail=true")
    toy.step("push")
    toy.step("report", BASE="origin/main")
    toy.git("checkout", "-q", ".")
    assert failed.returncode != 0
    assert "### Experiment `pr-7` failed in the stage `train`\n" in toy.report()
    assert "\nout of memory: smaller batches\n" in toy.report() and "#### Metrics" not in toy.report()
    assert toy.git("for-each-ref", f"refs/exps/{toy.head[:2]}") == ""  # the one before is not taken for it


def test_a_remote_that_refuses_costs_the_cache_and_not_the_experiment(toy):
    (toy.folder / "temp/experiment/notes.txt").unlink(missing_ok=True)
    done = toy.step("fetch", DVC_REMOTE="nowhere://cache", BASE="origin/main")
    goes_on = "What the runner's disk has not is made anew."
    assert re.match(rf"The cache could not be fetched: .*Unsupported URL type nowhere://.*\. {goes_on}\n", done.stdout)
    assert goes_on in (toy.folder / "temp/experiment/notes.txt").read_text()
    absent = toy.step("fetch")
    assert absent.stdout == f"There is no DVC remote (DVC_REMOTE). {goes_on}\n"


def test_words_are_split_as_a_shell_does_and_are_no_pattern(monkeypatch, tmp_path):
    command = script("experiment").command
    typed = {"TARGETS": "train@aasist", "OVERRIDES": "-S 'systems.aasist.seeds=[1, 2]' -S lr=*", "NAME": "run-1"}
    words = ["--name", "run-1", "train@aasist", "-S", "systems.aasist.seeds=[1, 2]", "-S", "lr=*"]
    assert command(typed) == [sys.executable, "-m", "dvc", "exp", "run", *words]
    assert command(typed | {"PRESET": "big"}) == [sys.executable, "-m", "voxdag.preset", "big", "--run", *words]


def test_an_open_quote_is_said_and_fails(toy):
    done = toy.step("run", check=False, OVERRIDES="-S 'lr=2")
    assert done.returncode == 1 and "cannot be split into words: No closing quotation" in done.stdout
    assert json.loads((toy.folder / "temp/experiment/run.json").read_text()) == {"status": 1, "stage": None}
