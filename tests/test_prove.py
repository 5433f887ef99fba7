"""What `make prove` says of toy locks and metrics: equal, excused by another machine, or not proved."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from voxdag import prove
from voxdag.core import lock, runtime
from voxdag.core.errors import NotHere, Refused
from voxdag.core.lock import Disk, Stage
from voxdag.prove import Proof
from voxdag.scoring.spread import interval

AMD = {"processor": "AuthenticAMD", "isa": "AVX512 VNNI BF16", "gpu": "none", "torch": "2.11.0"}
INTEL = AMD | {"processor": "GenuineIntel", "isa": "AVX512 VNNI BF16 FP16 AMX"}
SPREAD = {"n": 3, "mean": 0.2, "sd": 0.01, "low": 0.19, "high": 0.21}
LOW, HIGH = interval(SPREAD, 3)  # by hand in tests/scoring/test_spread.py
ORDER = ["code", "features@t", "train@a", "baseline@svm", "evaluate@a", "compare@t"]


def stages(**hashes):
    """The stages of a toy pipeline; `hashes` change those of outputs, by stage."""
    seeds = {"systems.a.seeds": [1, 2, 3]}

    def stage(name, out, deps, settings=None):
        return Stage({out: hashes.get(name, "1")}, tuple(deps), settings or {})

    return {
        "compare@t": stage("compare", "compare/t", ["data/predictions", "metrics"]),
        "code": stage("code", "data/code", []),
        "features@t": stage("features", "data/features/t", ["data/code/features/t.txt"]),
        "train@a": stage("train", "data/checkpoints/a", ["data/features/t"], {"num_threads": 2} | seeds),
        "evaluate@a": stage("evaluate", "metrics/a/evaluate.json", ["data/checkpoints/a"]),
        "baseline@svm": stage("baseline", "metrics/svm/evaluate.json", ["data/features/t"], {"num_threads": 2}),
    }


RETRAINED = stages(train="2", evaluate="2", compare="2")


def proof(after, eer=0.2, machine=AMD, **others):
    given = {
        "before": stages(),
        "after": after,
        "disk": Disk(),
        "metrics": {"a": ({"eer": 0.2, "eer_sd": 0.01}, {"eer": eer, "eer_sd": 0.02})},
        "spread": {"a": {"eer": SPREAD}},
        "made_on": AMD,
        "machine": machine,
    }
    return Proof(**(given | others))


def said(given, strict=False):
    """Stage -> (words, whether it holds)."""
    return {line.stage: line[1:] for line in prove.prove(given, strict)}


def holds(given, strict=False):
    return all(line.holds for line in prove.prove(given, strict))


def with_settings(run, stage, **settings):
    return run | {stage: replace(run[stage], settings=run[stage].settings | settings)}


# ---------------------------------------------------------------------------------------------------- stage by stage


def test_an_equal_run_is_proved_on_every_machine_in_the_order_of_the_pipeline():
    for machine in (AMD, INTEL):
        lines = prove.prove(proof(stages(), machine=machine), strict=True)
        assert [line.stage for line in lines] == ORDER
        assert {line.words for line in lines} == {"equal"} and all(line.holds for line in lines)


def test_other_weights_whose_metrics_lie_within_are_proved_on_another_class_alone():
    elsewhere = said(proof(RETRAINED, eer=0.21, machine=INTEL))
    words = "differs: data/checkpoints/a; another class of machine; metrics within the spread"
    assert elsewhere["train@a"] == (words, True)
    assert [name for name, (words, _) in elsewhere.items() if words == "equal"] == [
        "code",
        "features@t",
        "baseline@svm",
    ]
    assert holds(proof(RETRAINED, eer=0.21, machine=INTEL))
    here = said(proof(RETRAINED, eer=0.21))
    words = "differs: data/checkpoints/a; equal bytes are expected here; metrics within the spread"
    assert here["train@a"] == (words, False) and not here["evaluate@a"][1] and not here["compare@t"][1]


def test_strict_excuses_nothing():
    assert not holds(proof(RETRAINED, eer=0.21, machine=INTEL), strict=True)


@pytest.mark.parametrize(
    ("eer", "within"), [(LOW + 1e-4, True), (LOW - 1e-4, False), (HIGH - 1e-4, True), (HIGH + 1e-4, False)]
)
def test_the_ends_of_the_spread_decide(eer, within):
    assert holds(proof(RETRAINED, eer=eer, machine=INTEL)) is within


def test_what_lies_outside_is_named_with_its_value_and_interval():
    given = proof(RETRAINED, eer=0.41, machine=INTEL)
    assert said(given)["evaluate@a"] == (
        "differs: metrics/a/evaluate.json; another class of machine; not within the spread: eer of a",
        False,
    )
    [metric] = prove.changed_metrics(given, "train@a")  # not eer_sd, which is a spread itself
    assert metric[:4] == ("a", "eer", 0.41, 0.2)
    assert metric.words == f"OUTSIDE {round(LOW, 6)} to {round(HIGH, 6)}, the spread over 3 seeds"


def test_without_a_recorded_spread_only_an_equal_metric_holds():
    assert not holds(proof(RETRAINED, eer=0.2001, machine=INTEL, spread={}))
    assert prove.changed_metrics(proof(RETRAINED, eer=0.2001, spread={}), "train@a")[0].words == "no spread recorded"
    assert holds(proof(RETRAINED, eer=0.2, machine=INTEL, spread={}))


@pytest.mark.parametrize("after", [{}, {"auc": 0.9}, {"eer": None}], ids=["no metrics", "another metric", "undefined"])
def test_a_metric_that_is_gone_is_not_within(after):
    assert not holds(proof(RETRAINED, machine=INTEL, metrics={"a": ({"eer": 0.2}, after)}))


def test_an_undefined_metric_that_is_gone_is_another_result():
    assert not holds(proof(RETRAINED, machine=INTEL, metrics={"a": ({"eer": 0.2, "auc": None}, {"eer": 0.2})}))
    assert holds(proof(RETRAINED, machine=INTEL, metrics={"a": ({"eer": 0.2, "auc": None}, {"eer": 0.2, "auc": None})}))


def test_a_system_that_was_never_measured_is_not_within():
    assert not holds(proof(RETRAINED, machine=INTEL, metrics={"a": ({}, {})}))


@pytest.mark.parametrize("name", ["code", "features", "baseline"])
def test_what_does_not_follow_training_must_be_equal_everywhere(name):
    given = proof(stages(**{name: "2"}), machine=INTEL)
    [failed] = [line for line in prove.prove(given) if not line.holds]
    assert failed.stage.startswith(name) and failed.words.startswith("differs: ")
    assert not holds(proof(RETRAINED | {"features@t": stages(features="2")["features@t"]}, eer=0.2, machine=INTEL))


def test_other_threads_excuse_as_another_machine_does_and_are_named():
    other = with_settings(RETRAINED, "train@a", num_threads=4)
    lines = said(proof(other, eer=0.21))
    assert lines["train@a"] == (
        "differs: data/checkpoints/a; num_threads 4, committed 2; metrics within the spread",
        True,
    )
    assert lines["compare@t"][1]  # which has no such setting itself
    assert not holds(proof(other, eer=0.41))
    assert not holds(proof(with_settings(stages(baseline="2"), "baseline@svm", num_threads=4)))


def test_threads_of_one_system_excuse_it_too():
    other = with_settings(RETRAINED, "train@a", **{"systems.a.num_threads": 1})
    words, stands = said(proof(other, eer=0.21))["train@a"]
    assert "systems.a.num_threads 1, committed None; metrics within the spread" in words and stands
    assert not holds(proof(with_settings(RETRAINED, "train@a", **{"systems.a.train.num_threads_of_it": 1})))


def test_other_settings_are_excused_by_nothing():
    other = with_settings(RETRAINED, "train@a", **{"systems.a.train": {"lr": 1}})
    assert said(proof(other, machine=INTEL))["train@a"] == ("differs: other settings, systems.a.train", False)


def test_another_number_of_seeds_is_another_setting():
    other = with_settings(RETRAINED, "train@a", **{"systems.a.seeds": [1, 2]})
    assert said(proof(other, machine=INTEL))["train@a"] == ("differs: other settings, systems.a.seeds", False)


def test_where_no_class_is_recorded_bytes_are_demanded():
    assert not holds(proof(RETRAINED, made_on={}))


# ------------------------------------------------------------------------------------------------------ what is there


def test_an_output_that_is_gone_is_missing():
    gone = proof(stages(), disk=Disk(gone=frozenset({"data/features/t"})), machine=INTEL)
    assert said(gone)["features@t"] == ("missing: data/features/t", False)
    other_outs = stages() | {"train@a": replace(stages()["train@a"], outs={})}
    assert said(proof(other_outs))["train@a"] == ("missing: data/checkpoints/a", False)


def test_a_stage_that_has_not_run_is_missing_and_one_that_was_added_is_not_proved():
    without = {name: stage for name, stage in stages().items() if name != "evaluate@a"}
    assert said(proof(without))["evaluate@a"] == ("missing: the stage has not run", False)
    added = said(proof(stages(), before=without))
    assert added["evaluate@a"] == ("not in the committed lock", False)
    assert list(added) == ORDER


def test_an_output_changed_behind_the_locks_back_differs():
    assert said(proof(stages(), disk=Disk(changed=frozenset({"data/features/t"}))))["features@t"] == (
        "differs: data/features/t",
        False,
    )


@pytest.mark.parametrize("file", ["metrics/svm/evaluate.json", "metrics/svm"])
def test_an_output_that_git_has_otherwise_differs(file):
    given = proof(stages(), disk=Disk(uncommitted=frozenset({file, "README.md"})))
    assert [line.stage for line in prove.prove(given) if not line.holds] == ["baseline@svm"]


@pytest.mark.parametrize(("reasons", "words"), [(["x"], "x changed"), (["x", "y", "z"], "x and 2 more changed")])
def test_a_stage_that_has_not_run_since_a_change_is_behind(reasons, words):
    behind = proof(stages(), disk=Disk(behind={"train@a": reasons}), machine=INTEL)
    assert said(behind)["train@a"] == (f"behind: {words} since it ran; run `dvc repro`", False)


def test_a_lock_older_than_seeds_is_compared_too():
    old = {name: replace(stage, settings={}) for name, stage in RETRAINED.items()}
    before = {name: replace(stage, settings={}) for name, stage in stages().items()}
    assert holds(proof(old, eer=0.21, before=before, machine=INTEL))


# ------------------------------------------------------------------------------------------------- the command line


LOCK = """
stages:
  code:
    outs: [{path: data/code, md5: 1}]
  train@a:
    deps: [{path: data/code/train/a.txt}]
    params: {params.yaml: {systems.a.seeds: [1, 2, 3]}}
    outs: [{path: data/checkpoints/a, md5: HASH}]
"""
RECORD = {"machine": AMD, "systems": {"a": {"eer": SPREAD}}}


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone whose commit holds a lock, a headline and a spread, on a machine as given."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "1", 0.2)
    (tmp_path / "metrics/spread.json").write_text(json.dumps(RECORD))
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], check=True)
    monkeypatch.setattr(lock, "disk", Disk)
    return tmp_path


def write(folder, content, eer):
    (folder / "metrics/a").mkdir(parents=True, exist_ok=True)
    (folder / "dvc.lock").write_text(LOCK.replace("HASH", content))
    (folder / "metrics/a/evaluate.json").write_text(json.dumps({"eer": eer}))


def run(monkeypatch, machine, *arguments):
    """The exit status of the command line."""
    monkeypatch.setattr("sys.argv", ["prove", *arguments])
    monkeypatch.setattr(runtime, "machine_class", lambda: machine)
    try:
        prove.main()
    except SystemExit as end:
        return end.code
    return 0


def test_the_command_line_compares_with_the_commit_and_ends_as_it_says(clone, monkeypatch, capsys):
    assert run(monkeypatch, AMD) == 0
    assert capsys.readouterr().out.splitlines() == [
        "made on this class of machine, AuthenticAMD, AVX512 VNNI BF16, none, 2.11.0: equal bytes are expected",
        "  code     equal",
        "  train@a  equal",
        "2 stages: 2 equal, 0 within the spread, 0 not proved",
    ]
    write(clone, "2", 0.21)
    assert run(monkeypatch, AMD) == 1
    capsys.readouterr()
    assert run(monkeypatch, INTEL) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("made on another class of machine, AuthenticAMD, ")
    assert printed[2] == "  train@a  differs: data/checkpoints/a; another class of machine; metrics within the spread"
    assert (
        printed[3]
        == f"  a eer: 0.21, committed 0.2: within {round(LOW, 6)} to {round(HIGH, 6)}, the spread over 3 seeds"
    )
    assert printed[4] == "2 stages: 1 equal, 1 within the spread, 0 not proved"
    assert run(monkeypatch, INTEL, "--strict") == 1
    assert capsys.readouterr().out.splitlines()[2].startswith("! train@a  differs")


def test_a_spread_that_is_not_committed_excuses_nothing(clone, monkeypatch, capsys):
    subprocess.run(["git", "rm", "-q", "--cached", "metrics/spread.json"], check=True)
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "y"], check=True)
    write(clone, "2", 0.21)
    assert run(monkeypatch, INTEL) == 1
    assert "the commit has no metrics/spread.json" in capsys.readouterr().out


def test_without_a_lock_here_or_in_the_commit_there_is_nothing_to_prove(clone, monkeypatch):
    (clone / "dvc.lock").unlink()
    with pytest.raises(NotHere, match=r"dvc\.lock is not here"):
        run(monkeypatch, AMD)
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "y"], check=True)
    with pytest.raises(NotHere, match=r"dvc\.lock is not in the commit \w{7}"):
        run(monkeypatch, AMD)


# ------------------------------------------------------------------------------------------------------- the record


@pytest.fixture
def measured(clone, monkeypatch):
    """Two systems: a with two seeds of two folds each, b with one seed; the EER is the mean of the scores on eval."""
    scores = {"a": [(1, 0.1), (1, 0.3), (2, 0.5), (2, 0.5)], "b": [(1, 0.9)]}
    tables = {name: pd.DataFrame(rows, columns=["seed", "score"]) for name, rows in scores.items()}

    class Report:
        @staticmethod
        def headline(predictions, tables):
            return {
                "eer": predictions["eval"]["score"].mean(),
                "dev_eer": predictions["dev"]["score"].min(),
                "eer_sd": 0.0,
            }

    monkeypatch.setattr(prove.results, "read", lambda name, task: {"dev": tables[name], "eval": tables[name]})
    monkeypatch.setattr(prove.results, "tables", lambda task: {})
    monkeypatch.setattr(prove, "load_module", lambda template, task: Report)
    monkeypatch.setattr(prove.params, "read", lambda: {"systems": {"a": {"task": "t"}, "b": {"task": "t"}}})
    return clone


def test_the_record_holds_the_class_and_the_spread_of_each_seeds_headline(measured, monkeypatch):
    assert run(monkeypatch, INTEL, "--record") == 0
    written = json.loads((measured / "metrics/spread.json").read_text())
    assert written["machine"] == INTEL and list(written["systems"]) == ["a"]
    # by hand: means of the seeds 0.2 and 0.5: mean 0.35, sd 0.3 / sqrt(2); least scores 0.1 and 0.5
    assert written["systems"]["a"] == {
        "eer": {"n": 2, "mean": 0.35, "sd": 0.212132, "low": 0.2, "high": 0.5},
        "dev_eer": {"n": 2, "mean": 0.3, "sd": 0.282843, "low": 0.1, "high": 0.5},
    }


@pytest.mark.parametrize("state", [{"gone": {"x"}}, {"changed": {"x"}}, {"behind": {"x": ("y",)}}])
def test_outputs_that_are_not_the_locks_are_not_recorded(measured, monkeypatch, state):
    monkeypatch.setattr(lock, "disk", lambda: Disk(**state))
    with pytest.raises(Refused, match=r"the outputs are not those of dvc\.lock: x; run `dvc repro` first"):
        run(monkeypatch, INTEL, "--record")
    assert json.loads((measured / "metrics/spread.json").read_text()) == RECORD


def test_dvc_does_not_take_the_record_for_a_result():
    # the stage results depends on the folder metrics: a record made after a run would make it run again
    assert "metrics/spread.json" in (Path(__file__).parents[1] / ".dvcignore").read_text().splitlines()
