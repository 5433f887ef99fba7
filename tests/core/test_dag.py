"""dvc.yaml is whole: every stage depends on its code, every number of params.yaml is a param of a stage."""

import re

import pytest
import yaml

from voxdag.core.code import ROOT

TEXT = (ROOT / "dvc.yaml").read_text()
STAGES = yaml.safe_load(TEXT)["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
LOOKS = {name for name, body in STAGES.items() if body.get("always_changed")}  # stages that run every time
MAX_LINES = 180


def instances():
    """(stage, key, its body, the item that it goes over) of every stage that can be up to date."""
    for stage, body in STAGES.items():
        if "foreach" in body:
            group = PARAMS[body["foreach"].removeprefix("${").removesuffix("}")] or {}
            yield from ((stage, key, body["do"], item) for key, item in group.items())
        elif stage not in LOOKS:
            yield stage, "all", body, {}


def filled(text, key, item):
    """A line of dvc.yaml with the values of an item."""
    values = {"${key}": key} | {f"${{item.{name}}}": str(value) for name, value in item.items()}
    for variable, value in values.items():
        text = text.replace(variable, value)
    return text


CASES = [pytest.param(*case, id=f"{case[0]}@{case[1]}") for case in instances()]


def test_the_stages_that_run_every_time_are_those_that_look_at_code_and_inputs():
    assert sorted(LOOKS) == ["code", "inputs"]


@pytest.mark.parametrize(("stage", "key", "body", "item"), CASES)
def test_a_stage_depends_on_its_own_code_and_on_no_source_file(stage, key, body, item):
    deps = [filled(dep, key, item) for dep in body["deps"]]
    others = ["data/code/evaluate"] if stage == "transfer" else []  # it scores with the networks of all systems
    assert [dep for dep in deps if dep.startswith("data/code/")] == [f"data/code/{stage}/{key}.txt", *others]
    assert [dep for dep in deps if dep.startswith(("voxdag", "models", "stages"))] == []


@pytest.mark.parametrize(("stage", "key", "body", "item"), CASES)
def test_a_stage_is_a_script_of_its_name(stage, key, body, item):
    commands = body["cmd"] if isinstance(body["cmd"], list) else [body["cmd"]]
    name = "" if key == "all" else f" {key}"
    assert filled(commands[-1], key, item) == f"python -m stages.{stage}{name}"
    assert (ROOT / f"stages/{stage}.py").is_file()


@pytest.mark.parametrize(("stage", "key", "body", "item"), CASES)
def test_every_variable_is_filled(stage, key, body, item):
    assert "${" not in filled(yaml.safe_dump(body), key, item)


def leaves(tree, where=""):
    for name, value in tree.items():
        yield from leaves(value, f"{where}{name}.") if isinstance(value, dict) else [f"{where}{name}"]


def test_every_leaf_of_the_parameters_is_a_dependency_of_a_stage():
    # what dvc.yaml itself reads of an item is a dep in another form, and so is the network, which the stage code reads
    tracked = {filled(name, key, item) for _, key, body, item in instances() for name in body.get("params", ())}
    read = {*re.findall(r"\$\{item\.(\w+)\}", TEXT), "network"}
    tracked |= {f"systems.{name}.{field}" for name in PARAMS["systems"] for field in read}
    untracked = [leaf for leaf in leaves(PARAMS) if not any(f"{leaf}.".startswith(f"{name}.") for name in tracked)]
    assert untracked == []


def test_every_param_of_a_stage_is_in_the_parameters():
    for stage, key, body, item in instances():
        for name in body.get("params", ()):
            branch = PARAMS
            for part in filled(name, key, item).split("."):
                assert part in branch, f"{stage}@{key}: {name} is not in params.yaml"
                branch = branch[part]


def test_no_output_is_written_by_two_stages():
    outs = [
        (filled(next(iter(out)) if isinstance(out, dict) else out, key, item), f"{stage}@{key}")
        for stage, key, body, item in instances()
        for group in ("outs", "metrics", "plots")
        for out in body.get(group, ())
    ]
    assert len(dict(outs)) == len(outs)


def test_dvc_ignores_bytecode():
    # importing writes it beside the code; without this line a folder that is a dep would look changed
    assert "__pycache__" in (ROOT / ".dvcignore").read_text().splitlines()


def test_the_dag_is_short():
    assert len(TEXT.splitlines()) <= MAX_LINES
