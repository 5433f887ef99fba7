"""What GitHub runs: nothing for strangers, no right to write beside a branch's code, no expression in a script."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.clone import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TRUSTED = "${{ github.event.repository.default_branch }}"


def read(name):
    # YAML 1.1 takes the key `on` for true
    return {("on" if key is True else key): value for key, value in yaml.safe_load(name.read_text()).items()}


def steps(workflow):
    return [step for job in read(workflow)["jobs"].values() for step in job["steps"]]


def tool(name):
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.is_file() else shutil.which(name)


@pytest.fixture
def gpu():
    return read(ROOT / ".github/workflows/gpu.yml")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_keep_no_credentials(workflow):
    used = [step for step in steps(workflow) if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]) for step in used)
    checkouts = [step for step in used if step["uses"].startswith("actions/checkout@")]
    assert checkouts and all(step["with"]["persist-credentials"] is False for step in checkouts)
    assert read(workflow)["permissions"] in ({}, {"contents": "read"})
    assert all(job["timeout-minutes"] for job in read(workflow)["jobs"].values())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_no_script_holds_an_expression(workflow):
    # ${{ ... }} is put into a script before the shell reads it: what a user types would be run
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


def test_a_fork_runs_nothing_but_the_word_that_it_does_not(gpu):
    assert gpu["on"].keys() == {"pull_request", "workflow_dispatch"} and gpu["on"]["pull_request"]["types"] == [
        "labeled"
    ]
    ours = "github.event.label.name == 'gpu' && github.event.pull_request.head.repo.full_name"
    assert f"({ours} == github.repository)" in gpu["jobs"]["experiment"]["if"]
    assert gpu["jobs"]["fork"]["if"] == f"{ours} != github.repository"
    assert gpu["jobs"]["publish"]["needs"] == "experiment" and "if" not in gpu["jobs"]["publish"]
    assert "needs.experiment.result != 'skipped'" in gpu["jobs"]["comment"]["if"]


def test_the_job_that_runs_the_branch_may_only_read_and_those_that_may_write_run_what_was_merged(gpu):
    jobs = {name: job for name, job in gpu["jobs"].items() if name != "fork"}
    assert jobs["experiment"]["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs.items() if "self-hosted" in job["runs-on"]] == ["experiment"]
    for name, script in (("publish", "trusted/.github/scripts"), ("comment", ".github/scripts")):
        checkout = jobs[name]["steps"][0]["with"]
        assert checkout["ref"] == TRUSTED and f"{checkout.get('path', '.')}/.github/scripts".endswith(script)
        (ran,) = [step["run"] for step in jobs[name]["steps"] if "run" in step]
        assert f"{script}/{name}.py " in ran
    assert jobs["publish"]["permissions"] == {"contents": "write"}
    assert jobs["comment"]["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_only_the_steps_that_move_the_cache_have_its_credentials(gpu):
    experiment = gpu["jobs"]["experiment"]
    assert "secrets." not in str(experiment["env"])
    given = [step["run"] for step in experiment["steps"] if "secrets." in str(step.get("env"))]
    assert given == [f"python .github/scripts/experiment.py {step}" for step in ("fetch", "push")]


@pytest.mark.skipif(tool("zizmor") is None, reason="zizmor is not installed: pip install -r requirements-lint.txt")
def test_zizmor_finds_nothing():
    words = [tool("zizmor"), "--offline", "--no-progress", str(ROOT / ".github")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(tool("actionlint") is None, reason="actionlint is not on PATH")
def test_actionlint_finds_nothing():
    words = [tool("actionlint"), "-config-file", str(ROOT / ".github/actionlint.yaml"), *map(str, WORKFLOWS)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
