"""Which code of ours each stage depends on, in the tree that these tests stand in."""

import shutil

import pytest
import yaml

from stages.code import items, picked
from voxdag.core import code


@pytest.fixture(scope="module")
def real():
    """The lines of (stage, item) as paths and package names, of the tree that this test stands in."""
    stages = yaml.safe_load((code.ROOT / "dvc.yaml").read_text())["stages"]
    tree = yaml.safe_load((code.ROOT / "params.yaml").read_text())
    every = {
        (stage, name): code.describe([f"stages.{stage}"], picked(name, item))
        for stage, name, item in items(stages, tree)
    }
    lines = {of: text.replace(" not installed\n", " -\n").splitlines() for of, text in every.items()}
    return {of: {line.rpartition(" ")[0] for line in each} for of, each in lines.items()}


def below(folder, lines):
    return {line.removeprefix(f"{folder}/") for line in lines if line.startswith(f"{folder}/")}


def test_training_depends_on_its_network_and_task_alone(real):
    aasist, tier1 = real["train", "aasist"], real["train", "tier1"]
    shared = {"shared_batch_norm.py"}  # which training in several processes makes of any network's
    assert below("models", aasist) == {"aasist.py", "cpu_convolution.py"} | shared
    assert below("models", tier1) == {"tier1.py"} | shared
    assert below("voxdag/tasks/antispoof", aasist) and not below("voxdag/tasks/emotion", aasist)
    for room in ("figures", "corpora", "simulation"):
        assert not below(f"voxdag/{room}", aasist | tier1)
    assert "voxdag/audio/augment.py" in tier1 - aasist


def test_decoding_depends_on_no_reader_and_no_synthesiser(real):
    for room in ("corpora", "simulation"):
        assert not below(f"voxdag/{room}", real["features", "antispoof"] | real["features", "emotion"])


def test_preparing_depends_on_the_reader_of_its_corpus(real):
    # simulated_la is read as the official layout that it is written in
    assert below("voxdag/corpora/readers", real["prepare", "antispoof"]) == {"simulated_la.py", "asvspoof2019_la.py"}
    emotion = below("voxdag/corpora/readers", real["prepare", "emotion"])
    assert "simulated_emotional.py" in emotion and not emotion & {"simulated_la.py", "asvspoof2019_la.py", "savee.py"}


def test_the_tasks_do_not_touch_one_another(real):
    assert not below("voxdag/tasks/antispoof", real["evaluate", "tier1"] | real["plot", "tier1"])
    assert not below("voxdag/tasks/emotion", real["evaluate", "aasist"] | real["plot", "aasist"])


def test_packages_stand_where_they_are_imported(real):
    assert "package torch" in real["train", "aasist"] and "package scikit-learn" in real["baseline", "svm"]
    assert "package silero-vad" in real["features", "emotion"]
    assert "package matplotlib" in real["plot", "aasist"] and "package matplotlib" not in real["train", "aasist"]


def test_every_package_is_one_of_the_pinned_requirements(real):
    lists = [code.ROOT / name for name in ("requirements.txt", "requirements-judges.txt")]
    pinned = {line.split("==")[0] for file in lists for line in file.read_text().splitlines()}
    packages = {
        line.removeprefix("package ") for lines in real.values() for line in lines if line.startswith("package")
    }
    assert len(packages) > 8 and packages <= pinned


def test_our_packages_hold_nothing_but_code():
    # what code reads from a file beside it would be in no closure; no stage's code makes reports
    files = {file for name in code.OURS for file in (code.ROOT / name).rglob("*") if file.is_file()}
    files -= set((code.ROOT / "voxdag/reporting/templates").iterdir())
    assert {file for file in files if file.suffix != ".py" and "__pycache__" not in file.parts} == set()


def test_a_new_reader_reruns_nothing(tmp_path):
    for folder in code.OURS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(code.ROOT / folder, tmp_path / "before" / folder, ignore=ignored)
        shutil.copytree(code.ROOT / folder, tmp_path / "after" / folder, ignore=ignored)
    (tmp_path / "after/voxdag/corpora/readers/x.py").write_text("RATE = 8000\n")
    stages = yaml.safe_load((code.ROOT / "dvc.yaml").read_text())["stages"]
    tree = yaml.safe_load((code.ROOT / "params.yaml").read_text())
    for stage, name, item in items(stages, tree):
        texts = [
            code.describe([f"stages.{stage}"], picked(name, item), tmp_path / root) for root in ("before", "after")
        ]
        assert texts[0] == texts[1]
