"""Every preset is a set of changes that DVC takes and that the stages accept; one may stand beside a system."""

import shutil
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from voxdag import doctor
from voxdag.core import params, presets
from voxdag.core.errors import Refused


def changed(tmp_path, tree):
    """params.yaml as DVC writes it with a preset's flags."""
    shutil.copy("params.yaml", tmp_path)
    apply_overrides(str(tmp_path / "params.yaml"), presets.flags(tree, params.read())[1::2])
    return params.read(tmp_path / "params.yaml")


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_passes_through_dvc_and_is_accepted(name, tmp_path, monkeypatch):
    tree = presets.read(name)
    words = presets.flags(tree, params.read())
    assert words[::2] == ["-S"] * (len(words) // 2) and " ".join(words).split() == words
    assert leaves(tree).items() <= leaves(changed(tmp_path, tree)).items()
    monkeypatch.chdir(tmp_path)
    assert [finding.level for finding in doctor.parameters()] == ["ok"]


@pytest.mark.parametrize("name", [name for name in presets.names() if len(presets.read(name).get("systems", ())) == 1])
def test_a_preset_stands_beside_its_system_as_it_would_have_changed_it(name, tmp_path, monkeypatch):
    tree, base = presets.read(name), params.read()
    (system,) = tree["systems"]
    after = changed(tmp_path, presets.beside(tree, "new"))
    assert leaves(after["systems"]["new"]) == leaves(changed(tmp_path, tree)["systems"][system])
    assert list(after["systems"]) == [*base["systems"], "new"]
    assert {name: after["systems"][name] for name in base["systems"]} == base["systems"]
    changed(tmp_path, presets.beside(tree, "new"))
    monkeypatch.chdir(tmp_path)
    assert [finding.level for finding in doctor.parameters()] == ["ok"]


def test_a_system_like_another_is_that_system_with_the_differences(tmp_path):
    block = {"like": "aasist", "model": {"config": "aasist_l", "changes": {"dropout": 0.2}}, "seeds": [7, 8]}
    after = changed(tmp_path, {"systems": {"light": block}})["systems"]["light"]
    expected = yaml.safe_load(Path("params.yaml").read_text())["systems"]["aasist"]
    expected["model"] |= {"config": "aasist_l", "changes": {"dropout": 0.2}}
    expected["seeds"] = [7, 8]
    assert leaves(after) == leaves(expected) and after["model"] == expected["model"]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"aasist": {"like": "tier1"}}, "systems.aasist is in params.yaml already"),
        ({"new": {"like": "rawnet"}}, "systems.new is like 'rawnet'; params.yaml has systems: aasist, "),
        (
            {"new": {"like": "aasist", "train": {"leaning_rate": 1}}},
            "sets systems.new.train.leaning_rate; known keys: epochs",
        ),
    ],
)
def test_a_new_system_that_cannot_be_is_refused(block, message):
    with pytest.raises(ValueError, match=message):
        presets.flags({"systems": block}, params.read())


@pytest.mark.parametrize("systems", [{}, {"aasist": {}, "tier1": {}}])
def test_only_one_system_can_stand_beside(systems):
    with pytest.raises(ValueError, match=f"changes {len(systems)} systems, expected one that can stand beside: new"):
        presets.beside({"systems": systems}, "new")


def leaves(tree, where=""):
    found = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= leaves(value, f"{where}{key}.")
        else:
            found[f"{where}{key}"] = tuple(map(plain, value)) if isinstance(value, list) else plain(value)
    return found


def plain(value):
    """DVC writes 5e-06, which YAML 1.1 reads as text; `params.bind` takes it as the number that it is."""
    return float(value) if isinstance(value, str) and value[:1].isdigit() else value


def test_a_key_that_params_yaml_lacks_is_named():
    with pytest.raises(ValueError, match="sets a.leaning_rate, which params.yaml does not have"):
        presets.flags({"a": {"leaning_rate": 1}}, {"a": {"lr": 1}, "systems": {}})


def test_what_a_size_changes_is_added(tmp_path):
    changes = {"dropout": 0.2, "pool_ratios": [0.5, 0.5, 0.5]}
    tree = {"systems": {"aasist": {"model": {"changes": changes}}}}
    assert presets.flags(tree, params.read())[1] == "++systems.aasist.model.changes.dropout=0.2"
    assert params.system(changed(tmp_path, tree), "aasist").model.changes == changes


@pytest.mark.parametrize("block", [{}, {"like": "aasist"}])
def test_augmentation_which_params_yaml_need_not_have_is_added_whole(tmp_path, block):
    augmentation = {"noise": {"share": 0.5, "kinds": {"music": {"folder": "m", "snr_db": [5, 15], "files": [1, 1]}}}}
    name = "new" if block else "aasist"
    tree = {"systems": {name: block | {"objective": {"augmentation": augmentation}}}}
    after = changed(tmp_path, tree)["systems"][name]["objective"]
    assert after == params.read()["systems"]["aasist"]["objective"] | {"augmentation": augmentation}
    tree["systems"][name]["objective"] = {"augmentatoin": augmentation}
    with pytest.raises(Refused, match=f"sets systems.{name}.objective.augmentatoin"):
        presets.flags(tree, params.read())


@pytest.mark.parametrize("there", [{}, {"other": {"task": "enhance"}}])
def test_an_entry_between_stages_is_added_key_by_key(there):
    tree = {"cleaned": {"calm": {"task": "enhance", "settings": {"vad": "trim"}}}}
    flags = presets.flags(tree, params.read() | {"cleaned": there})
    assert flags[1::2] == ["++cleaned.calm.task=enhance", "++cleaned.calm.settings.vad=trim"]


@pytest.mark.parametrize("value", ["a b", "it's", "${x}", "a,b", "a*", "a\\b"])
def test_a_value_that_a_shell_would_take_apart_is_refused(value):
    with pytest.raises(ValueError, match="cannot be passed on a command line without quotes"):
        presets.flags({"a": value}, {"a": "", "systems": {}})


@pytest.mark.parametrize("name", ["rawnet", "../params", "../presets/aasist_la2019", "", "."])
def test_an_unknown_preset_lists_those_there_are(name):
    with pytest.raises(ValueError, match=f"no preset '{name}'; the presets are aasist_l_la2019, aasist_la2019"):
        presets.read(name)
    assert all(Path("presets", f"{name}.yaml").is_file() for name in presets.names())


@pytest.mark.parametrize("name", ["a b", "../x", "", "a.b"])
def test_a_system_beside_another_has_a_name(name):
    with pytest.raises(Refused, match="names no system"):
        presets.beside({"systems": {"aasist": {"train": {"lr": 1}}}}, name)
