"""Say what the last run gave: metrics with their intervals, where the pictures are, and what comes next.

Usage:  python -m voxdag.results                 all tasks (`make results`; `make repro` ends with it)
        python -m voxdag.results antispoof       one
        python -m voxdag.results --tables        the metrics alone
Reads:  params.yaml                              systems and baselines of the task
        metrics/<system>/intervals.csv           of each
        compare/<task>/pairs.csv                 where `compare` has written it
Prints: one table a task: system, metric, value, 95 % interval by speaker, and which end of the metric is the better;
        a second one of the differences of systems in the metrics that have a margin, with their verdicts
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from voxdag.core import command, lock, params
from voxdag.data import layout
from voxdag.tasks import results, summary

WRITTEN = ("dvc.lock", "metrics", "plots", "compare")  # what a run leaves in git's sight
NEXT = "dvc exp run --temp -S systems.aasist.train.lr=0.003"


def table(tree: Mapping, task: str) -> str:
    """A task's table under its heading, then one line of the systems that have not been measured, with the command.
    Raises Refused where none has."""
    prepare, confidence = params.task(tree, task).prepare, results.scoring(tree, task).confidence
    corpus = prepare["eval_corpus"] or prepare["corpus"]
    head = f"{task} on {corpus}, eval; means over trainings, {confidence:.0%} intervals by {results.BY}"
    names = params.of_task(tree, task)
    measured = [name for name in names if (layout.metrics(name) / "intervals.csv").is_file()]
    missing = [name for name in names if name not in measured]
    rows = summary.text(summary.metrics(measured or names, task))
    command = f"dvc repro {' '.join(f'evaluate@{name}' for name in missing)}"
    return f"{head}\n{rows}\n" + (f"not measured yet: {', '.join(missing)} (`{command}`)\n" if missing else "")


def differences(tree: Mapping, task: str) -> str:
    """A task's paired differences that have a margin, with a system among the two, under a heading; else nothing."""
    rows, systems = summary.judged(task), params.of_task(tree, task, "systems")
    rows = rows[rows["system_a"].isin(systems) | rows["system_b"].isin(systems)]
    if rows.empty:
        return ""
    head = f"{task}, system_a - system_b; the verdict is on system_a (params.yaml: tasks.{task}.scoring.margins)"
    return f"{head}\n{summary.text(rows)}\n"


def pictures(tree: Mapping, tasks: list[str]) -> Iterator[str]:
    """One line for each folder that holds pictures of these tasks."""
    for task in tasks:
        folders = [layout.plots(name) for name in params.of_task(tree, task, "systems")]
        for folder in (*folders, layout.comparison(task) / "figures"):
            found = sorted(path.stem for path in folder.glob("*.png"))
            if found:
                yield f"  {folder}/*.png: {', '.join(found)}"


def following(uncommitted: list[str]) -> Iterator[str]:
    """What to do now; `uncommitted`: files that are not as committed."""
    if any(Path(name).parts[0] in WRITTEN for name in uncommitted):
        yield "commit the run, or a later checkout loses it:  git add -A && git commit -m 'my run'"
    else:
        yield "the results are those of the commit"
    yield f"then change something:  {NEXT}"


def main() -> None:
    """Print the tables, and what follows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="*", help="a task of params.yaml")
    parser.add_argument("--tables", action="store_true", help="not what comes next")
    arguments, tree = parser.parse_args(), params.read()
    tasks = arguments.task or [task for task in tree["tasks"] if params.of_task(tree, task)]
    for task in tasks:
        print(table(tree, task))
        if not arguments.tables and (judged := differences(tree, task)):
            print(judged)
    if arguments.tables:
        return
    print("pictures (all on one page: dvc plots show)", *pictures(tree, tasks), sep="\n")
    print(*following(lock.uncommitted()), sep="\n")


if __name__ == "__main__":
    command.guarded(main)
