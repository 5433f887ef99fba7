"""The steps of an experiment on a runner, as .github/workflows/gpu.yml takes them, in this order.

Usage:  python .github/scripts/experiment.py fetch     brings cache and run cache from DVC's remote
        python .github/scripts/experiment.py run       runs the experiment; ends with its status
        python .github/scripts/experiment.py push      takes both to the remote, and the experiment into a bundle
        python .github/scripts/experiment.py report    writes what the comment says
Reads:  from the environment
        NAME                          of the experiment
        BASE                          the commit, branch or tag to compare with: where HEAD left it; empty: HEAD
        TARGETS, PRESET, OVERRIDES    what runs; empty: the pipeline of the tree. Words are split as a shell does
        DVC_REMOTE                    where the cache is kept; empty: the remote of .dvc/config, if it names one
        VOXDAG_STATE                  what outlives a job: cache, corpora, weights, unfinished training; ~/.cache/voxdag
Writes: RUNNER_TEMP/experiment        what each step leaves to the next, experiment.bundle, report.md

`fetch` and `push` alone are given the remote's credentials, and run no code of the tree but DVC's. A remote that is not
there or refuses costs time, not the experiment: it goes on with what the runner's disk has, and the comment says so.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import report
from report import dvc

KEPT = ("corpora", "weights", "resume", "codecs")  # VOXDAG_CORPORA and so on: folders of the state, unless set
FAILED = re.compile(r"failed to reproduce '([^']+)'")  # as DVC names the stage that ended it
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
BUNDLE, LOG, RUN, NOTES, TEXT = "experiment.bundle", "log.txt", "run.json", "notes.txt", "report.md"


def folder() -> Path:
    """What the steps of this job share."""
    made = Path(os.environ["RUNNER_TEMP"]) / "experiment"
    made.mkdir(parents=True, exist_ok=True)
    return made


def environment() -> dict[str, str]:
    """Of DVC and of the stages: what outlives the job lies in the state folder, DVC's settings beside the steps'."""
    state = Path(os.environ.get("VOXDAG_STATE") or Path.home() / ".cache/voxdag").absolute()
    settings = folder() / "dvc"
    settings.mkdir(exist_ok=True)
    url = os.environ.get("DVC_REMOTE")
    remote = f"[core]\n    remote = runner\n['remote \"runner\"']\n    url = {url}\n" if url else ""
    (settings / "config").write_text(f"[cache]\n    dir = {state / 'cache'}\n{remote}", encoding="utf-8")
    own = {f"VOXDAG_{name.upper()}": str(state / name) for name in KEPT}
    own |= {"DVC_SYSTEM_CONFIG_DIR": str(settings), "DVC_NO_ANALYTICS": "1"}
    for who in ("AUTHOR", "COMMITTER"):  # of the experiment's commit; a runner has no name of its own
        own |= {f"GIT_{who}_NAME": "voxdag", f"GIT_{who}_EMAIL": "voxdag@users.noreply.github.com"}
    return own | {name: value for name, value in os.environ.items() if value}


def call(words: Sequence[str], where: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; what it says is kept."""
    return subprocess.run(words, cwd=where, env=environment(), capture_output=True, text=True, errors="replace")


def git(*words: str) -> str:
    """What git says. Ends the step where git refuses."""
    done = call(["git", *words])
    if done.returncode:
        sys.exit(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


def note(line: str) -> None:
    """Have the comment say it, and the log."""
    print(line, flush=True)
    with (folder() / NOTES).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def reason(done: subprocess.CompletedProcess[str]) -> str:
    """Why a command ended, in a line: what it called an error, or the last that it said."""
    lines = COLOURS.sub("", done.stderr).strip().splitlines() or [f"exit status {done.returncode}"]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines)[0 if errors else -1].removeprefix("ERROR:").strip()


def base() -> str:
    """The commit to compare with: the last one that HEAD and BASE have in common."""
    named = os.environ.get("BASE")
    return git("merge-base", named, "HEAD") if named else git("rev-parse", "HEAD")


def has_remote() -> bool:
    """Whether DVC knows of a remote."""
    return bool(call(dvc("config", "core.remote")).stdout.strip())


def fetch() -> None:
    """Bring what the tree and its base need, as far as the remote has it."""
    if not has_remote():
        note("There is no DVC remote (DVC_REMOTE). What the runner's disk has not is made anew.")
        return
    done = call(dvc("fetch", "--run-cache"))
    if done.returncode:
        note(f"The cache could not be fetched: {reason(done)}. What the runner's disk has not is made anew.")
    if git("rev-parse", "HEAD") != base():
        of_base()


def of_base() -> None:
    """Bring what the base's predictions are read from."""
    place = folder() / "base"
    git("worktree", "add", "--force", "--detach", str(place), base())
    done = call(dvc("fetch"), place)
    git("worktree", "remove", "--force", str(place))
    if done.returncode:
        note(f"The cache of the base could not be fetched: {reason(done)}.")


def command(typed: Mapping[str, str]) -> list[str]:
    """What runs the experiment. Raises ValueError for a quote that is left open."""
    words = shlex.split(f"{typed.get('TARGETS', '')} {typed.get('OVERRIDES', '')}")
    preset = typed.get("PRESET")
    start = [sys.executable, "-m", "voxdag.preset", preset, "--run"] if preset else dvc("exp", "run")
    return [*start, "--name", typed["NAME"], *words]


def run() -> None:
    """Run the experiment, its log on the screen and in a file."""
    for ref in experiments():  # of an earlier try: DVC would refuse the name
        git("update-ref", "-d", ref)
    for name in (RUN, LOG, BUNDLE):
        (folder() / name).unlink(missing_ok=True)
    try:
        status = logged(command(os.environ))
    except ValueError as fault:
        note(f"TARGETS and OVERRIDES cannot be split into words: {fault}")
        status = 1
    said = (folder() / LOG).read_text(encoding="utf-8") if (folder() / LOG).is_file() else ""
    failed = FAILED.findall(said)
    found = {"status": status, "stage": failed[-1] if status and failed else None}
    (folder() / RUN).write_text(json.dumps(found), encoding="utf-8")
    sys.exit(status)


def logged(words: Sequence[str]) -> int:
    """Run a command to its end, what it says on the screen and in LOG; gives its status."""
    print(shlex.join(words), flush=True)
    with (
        (folder() / LOG).open("w", encoding="utf-8") as log,
        subprocess.Popen(
            words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as child,
    ):
        for line in child.stdout or ():
            print(line, end="", flush=True)
            log.write(COLOURS.sub("", line))
            log.flush()
    return child.returncode


def experiments() -> list[str]:
    """The refs of this experiment: one, once it has run."""
    return git("for-each-ref", "--format=%(refname)", report.ref(git("rev-parse", "HEAD"), os.environ["NAME"])).split()


def push() -> None:
    """Take what was made, also by a run that failed, to the remote; the experiment's commit into a bundle."""
    if has_remote():
        done = call(dvc("push", "--run-cache"))
        if done.returncode:
            note(f"The cache could not be pushed: {reason(done)}. It is on the runner's disk alone.")
    for ref in experiments():
        git("bundle", "create", str(folder() / BUNDLE), ref, "^HEAD")


def write_report() -> None:
    """Write the comment, and let the summary of the run show it."""
    found = folder() / RUN
    ran = json.loads(found.read_text(encoding="utf-8")) if found.is_file() else {"status": None, "stage": None}
    log, notes = (
        place.read_text(encoding="utf-8").splitlines() if place.is_file() else []
        for place in (folder() / LOG, folder() / NOTES)
    )
    commit = git("rev-parse", experiments()[0]) if ran["status"] == 0 and experiments() else None
    about = report.About(os.environ["NAME"], base(), git("rev-parse", "HEAD"), commit, **ran)
    text = report.text(about, notes, log, call)
    (folder() / TEXT).write_text(text, encoding="utf-8")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
    print(text)


STEPS = {"fetch": fetch, "run": run, "push": push, "report": write_report}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in STEPS:
        sys.exit(f"expected one of {', '.join(STEPS)}")
    STEPS[sys.argv[1]]()
