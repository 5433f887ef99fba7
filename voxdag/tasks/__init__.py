"""The tasks: what is learned and how it is scored.

A task is a folder here, with one module for each thing that stages ask of it. A stage loads only the part that it
needs, so that a changed figure does not retrain a network:

    data.py       admit(splits): the utterances that this task can use, checked
    inference.py  Settings; outputs, predict: one row per recording, with the columns OUTPUTS
    learning.py   Settings; Objective: batches, loss, and the criteria on dev that select a checkpoint
    baseline.py   Settings; predict: what the systems are measured beside (a task may have none)
    report.py     Scoring; headline, intervals, breakdown of predictions
    score_file.py write(path, predictions): predictions as the field exchanges them
    figures.py    figures(...): name -> table and picture
"""

import importlib
from types import ModuleType

TASKS = ("antispoof", "emotion")


def part(task: str, name: str) -> ModuleType:
    """The module `name` of a task. Raises ValueError with the valid tasks."""
    if task not in TASKS:
        raise ValueError(f"no task {task!r}; the tasks are {', '.join(TASKS)}")
    return importlib.import_module(f"voxdag.tasks.{task}.{name}")
