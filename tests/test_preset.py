"""The command line of presets: what it prints, writes and hands to DVC."""

import subprocess
import sys

import pytest
import yaml
from dvc.exceptions import InvalidArgumentError
from dvc.utils.hydra import apply_overrides

from voxdag import preset
from voxdag.core import params, presets


def called(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["preset", *arguments])
    preset.main()


def test_without_a_name_it_lists_the_presets(monkeypatch, capsys):
    called(monkeypatch)
    assert capsys.readouterr().out.split() == presets.names()


def test_a_name_prints_its_flags(monkeypatch, capsys):
    called(monkeypatch, "tier1_ravdess")
    flags = presets.flags(presets.read("tier1_ravdess"), params.read())
    assert capsys.readouterr().out == f"{' '.join(flags)}\n"


@pytest.mark.parametrize(
    "arguments", [["tpyo"], ["aasist_la2019", "--beside", "tier1"], ["--no-such-flag"], ["--beside"]]
)
def test_what_is_refused_ends_an_experiment_too(monkeypatch, capsys, tmp_path, arguments):
    # `dvc exp run $(python -m voxdag.preset tpyo)` would run the default for hours if nothing were printed
    with pytest.raises((ValueError, SystemExit)):
        called(monkeypatch, *arguments)
    printed = capsys.readouterr().out.split()
    assert printed[::2] == ["-S"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params.read()))
    with pytest.raises(InvalidArgumentError):  # names this.preset.was.refused
        apply_overrides(str(tmp_path / "params.yaml"), printed[1::2])


def test_help_refuses_nothing(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        called(monkeypatch, "--help")
    assert preset.REFUSED not in capsys.readouterr().out


@pytest.mark.parametrize("status", [0, 3])
def test_run_hands_the_flags_and_what_follows_to_dvc(monkeypatch, capsys, status):
    handed = []
    monkeypatch.setattr(subprocess, "call", lambda command: handed.append(command) or status)
    with pytest.raises(SystemExit) as ended:
        called(monkeypatch, "tier1_ravdess", "--run", "--temp", "-n", "x", "-S", "seed=2")
    flags = presets.flags(presets.read("tier1_ravdess"), params.read())
    assert handed == [
        [sys.executable, "-m", "dvc", "exp", "run", *flags, "--temp", "-n", "x", "-S", "seed=2"],
    ]
    assert ended.value.code == status and capsys.readouterr().out == ""


def test_run_runs_nothing_where_the_preset_is_refused(monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command: pytest.fail(f"ran {command}"))
    with pytest.raises(ValueError, match="no preset 'tpyo'"):
        called(monkeypatch, "tpyo", "--run", "--temp")


def test_write_changes_params_yaml_and_keeps_its_comments(monkeypatch, tmp_path):
    text, preset_text = (params_file.read_text() for params_file in (tmp_path.cwd() / "params.yaml", FILE))
    (tmp_path / "params.yaml").write_text(text)
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / FILE.name).write_text(preset_text)
    monkeypatch.chdir(tmp_path)
    called(monkeypatch, FILE.stem, "--beside", "light", "--write")
    written = (tmp_path / "params.yaml").read_text()
    assert yaml.safe_load(written)["systems"]["light"]["model"]["config"] == "aasist_l"
    kept, lines = set(written.splitlines()), text.splitlines()
    gone = [line for line in lines if line not in kept]
    assert len(gone) == 1 and gone[0].startswith("      corpus: simulated_la")


FILE = presets.FOLDER.resolve() / "aasist_l_la2019.yaml"
