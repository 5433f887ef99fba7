"""Every preset is a set of changes that DVC takes and that the stages accept."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from voxdag import doctor, preset
from voxdag.core import params


@pytest.mark.parametrize("name", preset.names())
def test_a_preset_passes_through_dvc_and_is_accepted(name, tmp_path, monkeypatch):
    shutil.copy("params.yaml", tmp_path)
    tree = preset.read(name)
    words = preset.flags(tree, params.read())
    assert words[::2] == ["-S"] * (len(words) // 2) and " ".join(words).split() == words
    apply_overrides(str(tmp_path / "params.yaml"), words[1::2])
    changed = params.read(tmp_path / "params.yaml")
    assert leaves(tree).items() <= leaves(changed).items()
    monkeypatch.chdir(tmp_path)
    assert [finding.level for finding in doctor.parameters()] == ["ok"]


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
        preset.flags({"a": {"leaning_rate": 1}}, {"a": {"lr": 1}})


def test_what_a_size_changes_is_added(tmp_path):
    shutil.copy("params.yaml", tmp_path)
    changes = {"dropout": 0.2, "pool_ratios": [0.5, 0.5, 0.5]}
    words = preset.flags({"systems": {"aasist": {"model": {"changes": changes}}}}, params.read())
    assert words[1] == "++systems.aasist.model.changes.dropout=0.2"
    apply_overrides(str(tmp_path / "params.yaml"), words[1::2])
    assert params.system(params.read(tmp_path / "params.yaml"), "aasist").model.changes == changes


@pytest.mark.parametrize("value", ["a b", "it's", "${x}", "a,b", "a*", "a\\b"])
def test_a_value_that_a_shell_would_take_apart_is_refused(value):
    with pytest.raises(ValueError, match="cannot be passed on a command line without quotes"):
        preset.flags({"a": value}, {"a": ""})


def test_an_unknown_preset_lists_those_there_are():
    with pytest.raises(ValueError, match="no preset 'rawnet'; the presets are aasist_l_la2019, aasist_la2019"):
        preset.read("rawnet")
    assert all(Path("presets", f"{name}.yaml").is_file() for name in preset.names())
