"""Is a system of one revision better than that of another, beyond chance? Paired differences, with intervals.

Usage:  python -m voxdag.compare HEAD lr3               a commit, a branch, an experiment; "workspace": what lies here
        python -m voxdag.compare HEAD lr3 --system aasist
Reads:  of both revisions, from DVC's cache: data/predictions/<system>/, data/manifest/<task>/dev, eval, params.yaml
Prints: one table for each system of both revisions: metric, both values, the difference, its interval and p, the
        equivalence margin that the second revision states (params.yaml: tasks.<task>.scoring.margins), and which of the
        two is better; equivalent where the interval lies within the margin, undecided where it tells nothing

`dvc metrics diff` shows the difference; this shows whether another set of speakers, and other seeds where both
revisions have several, would show it too (voxdag.scoring.paired).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from voxdag.core import command, params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.scoring import verdicts
from voxdag.tasks import results, summary
from voxdag.tasks.revisions import Revision, read


def table(before: Revision, after: Revision, system: str) -> str:
    """What a system of both revisions differs in, under a heading; one line where they predict the same.

    Raises Refused where its task is not the same, or as `paired.pairs` and `verdicts.check` do.
    """
    task, other = (revision.tree["systems"][system]["task"] for revision in (before, after))
    if task != other:
        raise Refused(f"{system} is of {task} in {before.name} and of {other} in {after.name}, expected one task")
    if all(before.predictions[system][split].equals(after.predictions[system][split]) for split in results.SPLITS):
        return f"{system}: the same predictions in both\n"
    report, scoring = load_module("voxdag.tasks.{task}.report", task=task), results.scoring(after.tree, task)
    measured = report.member_values(after.predictions[system], after.tables[task])
    verdicts.check(scoring.margins, measured["metric"], task)
    rows = summary.differences(
        before.predictions[system],
        after.predictions[system],
        after.tables[task],
        report,
        scoring,
        params.run(after.tree).seed,
    )
    names = {"before": before.name, "after": after.name}
    rows = rows.replace({"better": names}).rename(columns=names)
    head = f"{system}: {after.name} - {before.name}, {scoring.confidence:.0%} intervals over the speakers of eval"
    return f"{head}\n{summary.text(rows)}\n"


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", metavar="REV_A", help="what is compared with: HEAD, a commit, an experiment")
    parser.add_argument("after", metavar="REV_B", help="what is compared: an experiment, or workspace")
    parser.add_argument("--system", help="one system; without it all that both have")
    arguments = parser.parse_args()
    if arguments.before == arguments.after:
        raise Refused(f"both revisions are {arguments.before}, expected two")
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        before = read(arguments.before, arguments.system, Path(first))
        after = read(arguments.after, arguments.system, Path(second))
    both = [name for name in before.predictions if name in after.predictions]
    if not both:
        raise Refused(f"{before.name} and {after.name} have no system in common")
    for name in both:
        print(table(before, after, name))


if __name__ == "__main__":
    command.guarded(main)
