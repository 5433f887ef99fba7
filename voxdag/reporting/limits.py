"""What a run does not show, in sentences: read from what it is, so that none has to be remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from voxdag.core import params
from voxdag.reporting.measured import Task, marks

FEW_SPEAKERS = 20  # intervals that draw fewer say little of others
NOTHING_COMPARES = (
    "The corpus was made by the pipeline itself. Its figures say that the pipeline learns and measures, and which of "
    "its systems is ahead there; they say nothing about any published corpus, and nothing that was published compares."
)
MARKED = {
    "leaky": "leaky: speakers of eval were heard in training, which is easier than unseen speakers. Such a figure "
    "shows what a leak is worth and stands beside no other.",
    "transductive": "transductive: features were normalised with all recordings of each eval speaker, without their "
    "labels. That is easier than recordings one at a time, and paired with no other protocol.",
    "optimised": "optimised: the metric had a part in training or in the choice of the checkpoint, so that it is no "
    "judge of this system. The others are.",
}
OF_ALL = (
    "Each pair of systems and each metric is judged on its own; nothing is corrected for how many are compared.",
    "Another class of processor gives other weights from the same bytes of corpus and features, and so other figures: "
    "one training is one draw.",
)


def of_task(task: Task, tree: Mapping[str, Any]) -> list[str]:
    """What the figures of a task do not show."""
    return [*_of_corpus(task), *_of_members(task, tree), *_of_names(task), *_of_baselines(task)]


def explained(tasks: Sequence[Task]) -> list[str]:
    """What stands before the names of metrics of these tasks, as far as it stands there."""
    there = {mark for task in tasks for metric in task.intervals["metric"] for mark in marks(str(metric))}
    return [words for mark, words in MARKED.items() if mark in there]


def _of_corpus(task: Task) -> Iterator[str]:
    if task.simulated:
        yield f"Simulated ({task.corpus}). {NOTHING_COMPARES}"
    if task.trained_on != task.corpus:
        yield f"Trained on {task.trained_on} and measured on {task.corpus}: another corpus, as it is meant here."
    speakers = _speakers(task)
    if speakers and speakers < FEW_SPEAKERS:
        yield f"Eval has {speakers} {task.apart}: intervals draw these again and again, and say little of others."


def _of_members(task: Task, tree: Mapping[str, Any]) -> Iterator[str]:
    for name in task.chosen.systems:
        seeds = params.system(tree, name).seeds
        if name in task.measured and len(seeds) == 1:
            yield f"{name} was trained with one seed: how much another would change is not in its interval."
    folds = task.intervals["fold"].dropna().unique()
    if len(folds) == 1:
        yield f"One fold ({folds[0]}) of a cross-validation: other speakers may be easier or harder."


def _of_names(task: Task) -> Iterator[str]:
    for name in task.chosen.names:
        if name not in task.measured:
            yield f"{name} has not been measured."


def _of_baselines(task: Task) -> Iterator[str]:
    if not task.chosen.baselines:
        yield "No baseline stands beside the systems: params.yaml has none of this task."


def _speakers(task: Task) -> int:
    if task.pairs is None or task.pairs.empty:
        return 0
    found = task.pairs["speakers"].dropna()
    return int(found.max()) if len(found) else 0
