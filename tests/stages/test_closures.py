"""What the stages behind evaluate depend on: tables, metrics and figures, and nothing that makes predictions."""

import shutil

import pytest

from tests.toys.installed import NAMES, PLACES, TOYS
from voxdag.core import code
from voxdag.training.tracking import PACKAGES

TASKS = ("affect", "antispoof", "emotion", "enhance")
HEAVY = {"torch", "torchaudio", "silero-vad", "soundfile"}
ROOMS = ("models/", "voxdag/networks/", "voxdag/audio/", "voxdag/training/")
SAYS_TYPES = {"voxdag/training/history.py"}  # of the columns of a table


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The product with the toys in it."""
    root = tmp_path_factory.mktemp("tree")
    for name in code.OURS:
        shutil.copytree(code.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for toy in NAMES:
        for place in PLACES:
            shutil.copytree(TOYS / toy / place, root / place, dirs_exist_ok=True)
    return root


def depends(root, stage, task):
    """(files with code, packages) of a stage for a task."""
    lines = code.describe([f"stages.{stage}"], {"task": [task], "network": ["aasist"]}, root).splitlines()
    packages = {line.split()[1] for line in lines if line.startswith("package ")}
    return {line.split()[0] for line in lines if not line.startswith("package ")}, packages


@pytest.mark.parametrize("stage", ["breakdown", "plot", "compare", "results", "external"])
@pytest.mark.parametrize("task", [*TASKS, *NAMES])
def test_who_reads_predictions_depends_on_no_network(root, stage, task):
    files, packages = depends(root, stage, task)
    assert packages & HEAVY == set()
    assert {file for file in files if file.startswith(ROOMS)} <= SAYS_TYPES


def test_who_makes_predictions_does(root):
    # the test above is only as good as what it reads
    for task in TASKS:
        files, packages = depends(root, "evaluate", task)
        assert "torch" in packages and "models/aasist.py" in files and "voxdag/networks/by_name.py" in files


MEASURES = {"report", "figures", "measures", "metrics", "baseline", "score_file", "decision"}  # of a task


@pytest.mark.parametrize("task", [*TASKS, *NAMES])
def test_what_only_measures_trains_nothing_anew(root, task):
    files, packages = depends(root, "train", task)
    assert {f"voxdag/tasks/{task}/{name}.py" for name in MEASURES} & files == set()
    judges = {"voxdag/scoring/judges.py", "voxdag/scoring/paired.py", "voxdag/scoring/intervals.py"}
    assert judges & files == set() and packages & {"speechmos", "distillmos", "Resemblyzer", "matplotlib"} == set()


def test_who_evaluates_waves_measures_them(root):
    files, _ = depends(root, "evaluate", "enhance")
    assert {"voxdag/tasks/enhance/measures.py", "voxdag/scoring/judges.py"} <= files


@pytest.mark.parametrize("stage", ["train", "synthesize"])
def test_no_training_depends_on_a_tracker_or_its_package(root, stage):
    files, packages = depends(root, stage, "affect")
    assert "voxdag/training/tracking.py" in files
    assert [file for file in files if file.startswith("voxdag/training/trackers/")] == []
    assert packages & {*PACKAGES, *PACKAGES.values(), "mlflow"} == set()
