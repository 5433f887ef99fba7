"""What the comment of an experiment says: how it ended, what it changed, whether that is beyond chance, and pictures.

Pictures are those of the experiment's own commit, by its hash: a comment shows what an address gives, and artifacts
have none. So nothing is uploaded, and no branch is kept for pictures.
"""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from subprocess import CompletedProcess
from urllib.parse import quote

MARK = "<!-- voxdag experiment -->"  # begins the comment; by it the next experiment finds it
LOCK = "dvc.lock"
LINES, WIDTH = 40, 300  # of the end of a log, in lines and characters of each
PICTURES = 8  # that are shown; others are named
FENCE = "````"

Call = Callable[[Sequence[str]], CompletedProcess[str]]


@dataclass(frozen=True)
class About:
    """base, head: commits; commit: of the experiment, None where there is none; status: of the run, None where it was
    never started or never ended; stage: that failed, None where none did."""

    name: str
    base: str
    head: str
    commit: str | None
    status: int | None
    stage: str | None


def ref(head: str, name: str) -> str:
    """Where DVC keeps an experiment that was run from the commit `head`."""
    return f"refs/exps/{head[:2]}/{head[2:]}/{name}"


def text(about: About, notes: Sequence[str], log: Sequence[str], call: Call) -> str:
    """The comment, in Markdown. call: runs a command."""
    parts = [MARK, f"### Experiment `{about.name}` {ended(about)}", facts(about), *(f"> {line}" for line in notes)]
    if about.status != 0:
        parts.append(tail(log))
    else:
        parts += [metrics(about, call), verdict(about, call), parameters(about, call), pictures(about, call)]
    return "\n\n".join(part for part in parts if part) + "\n"


def ended(about: About) -> str:
    """How, in a few words."""
    if about.status is None:
        return "was not run to its end"
    if about.status:
        return f"failed in the stage `{about.stage}`" if about.stage else f"failed (exit status {about.status})"
    return "is done"


def facts(about: About) -> str:
    """What it was run from, what it is compared with, and how to have it."""
    said = f"Run from {short(about.head)}"
    said += "" if about.base == about.head else f", compared with {short(about.base)}, where the branch began"
    if about.commit is None:
        return f"{said}."
    return f"{said}. To have it: `dvc exp pull origin {about.name}`, then `dvc exp apply {about.name}`."


def short(commit: str) -> str:
    """A commit's hash as tables show it."""
    return commit[:10]


def tail(log: Sequence[str]) -> str:
    """The end of the log."""
    if not log:
        return "It has no log."
    lines = "\n".join(line[:WIDTH] for line in log[-LINES:])
    return f"The end of its log, {min(LINES, len(log))} of {len(log)} lines:\n\n{FENCE}text\n{lines}\n{FENCE}"


def metrics(about: About, call: Call) -> str:
    """What `dvc metrics diff` says, or, where the base has no results, `dvc metrics show`."""
    if call(["git", "cat-file", "-e", f"{about.base}:{LOCK}"]).returncode:
        shown = call(dvc("metrics", "show", "--md"))
        return f"#### Metrics\n\nThe base has no results: these are the first.\n\n{table(shown)}"
    return f"#### Metrics\n\n{table(call(dvc('metrics', 'diff', '--md', short(about.base)))) or 'No metric changed.'}"


def verdict(about: About, call: Call) -> str:
    """What `python -m voxdag.compare` says of the base and this: whether another set of speakers would show it too."""
    done = call([sys.executable, "-m", "voxdag.compare", short(about.base), "workspace"])
    said = done.stdout.strip() if done.returncode == 0 else last(done)
    return f"#### Beyond chance?\n\n{FENCE}text\n{said}\n{FENCE}"


def parameters(about: About, call: Call) -> str:
    """What `dvc params diff` says; nothing where it says nothing."""
    found = table(call(dvc("params", "diff", "--md", short(about.base))))
    return f"<details><summary>Parameters</summary>\n\n{found}\n\n</details>" if found else ""


def pictures(about: About, call: Call) -> str:
    """The pictures that the experiment changed or added, beside those of the base."""
    changed = call(
        ["git", "diff", "--name-only", "-z", "--diff-filter=AM", about.base, str(about.commit), "--", "*.png"]
    ).stdout
    names = [name for name in changed.split("\0") if name]
    if not names:
        return "No picture changed."
    rows = [f"| {cell(about.base, name, call)} | {cell(str(about.commit), name, call)} |" for name in names[:PICTURES]]
    more = "" if len(names) <= PICTURES else f"\n\nAnd {len(names) - PICTURES} more: {', '.join(names[PICTURES:])}."
    lines = "\n".join(["| before | after |", "| --- | --- |", *rows])
    return f"<details><summary>Pictures ({len(names)} changed)</summary>\n\n{lines}{more}\n\n</details>"


def cell(commit: str, name: str, call: Call) -> str:
    """A picture of a commit; nothing where it has none."""
    if call(["git", "cat-file", "-e", f"{commit}:{name}"]).returncode:
        return ""
    place = f"{os.environ.get('GITHUB_SERVER_URL', '')}/{os.environ.get('GITHUB_REPOSITORY', '')}/raw/{commit}"
    return f'<img src="{place}/{quote(name)}" alt="{html.escape(name)}" width="420">'


def table(done: CompletedProcess[str]) -> str:
    """A table that DVC printed, or the line that says why there is none."""
    return done.stdout.strip() if done.returncode == 0 else f"`{last(done)}`"


def last(done: CompletedProcess[str]) -> str:
    """The last line of what a command called wrong."""
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]


def dvc(*words: str) -> list[str]:
    """A command of DVC."""
    return [sys.executable, "-m", "dvc", *words]
