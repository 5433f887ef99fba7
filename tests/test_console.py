"""The console command and the package that brings it: every command, from anywhere."""

import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from setuptools import find_packages

from voxdag import __main__ as console

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OF_STAGES = {"dvc"}  # what a checkout needs besides


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["voxdag", *words])
    console.main()


@pytest.mark.parametrize("words", [(), ("--help",), ("help",)])
def test_without_a_command_those_there_are_are_listed_with_what_they_do(monkeypatch, capsys, words):
    run(monkeypatch, *words)
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[1] for line in lines} >= {"predict", "score", "doctor", "preset", "make_la", "prove"}
    assert any(line.split(maxsplit=2)[1:] == ["score", console.summary("score")] for line in lines)
    assert all(len(line.split()) > 4 for line in lines)


@pytest.mark.parametrize("wrong", ["predct", "core", "__main__", "../score", ""])
def test_an_unknown_command_lists_those_there_are(monkeypatch, caplog, wrong):
    with pytest.raises(SystemExit, match="1"):
        run(monkeypatch, wrong)
    assert (
        f"no command {wrong!r}; the commands are bundle, compare, crossed, demo, doctor, export, fuse, left_out, "
        in caplog.text
    )


def test_a_command_gets_the_rest_of_the_line(monkeypatch, capsys):
    with pytest.raises(SystemExit, match="0"):
        run(monkeypatch, "make-la", "--help")
    assert "clean recordings" in capsys.readouterr().out


def test_what_a_command_refuses_is_one_line(monkeypatch, caplog, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="1"):
        run(monkeypatch, "predict", "--weights", "gone.pth", "gone.wav")
    assert caplog.messages == ["error: gone.wav is not here"]


def test_the_package_holds_what_commands_import_and_no_more():
    packages = find_packages(ROOT, **PROJECT["tool"]["setuptools"]["packages"]["find"])
    assert {name.split(".")[0] for name in packages} == {"voxdag", "models"}
    folders = {".".join(file.parent.relative_to(ROOT).parts) for file in (ROOT / "voxdag").rglob("*.py")}
    assert folders <= set(packages)
    assert PROJECT["project"]["scripts"] == {"voxdag": "voxdag.__main__:main"}


def test_the_package_asks_for_what_is_pinned_but_what_stages_and_tests_need():
    product = (ROOT / "requirements.in").read_text().split("# tests and style")[0]
    pins = dict(line.split("==") for line in product.splitlines() if "==" in line)
    project = PROJECT["project"]
    groups = project["dependencies"], project["optional-dependencies"]["export"]
    asked = {one.name: one.specifier for group in groups for one in map(Requirement, group)}
    assert set(asked) == set(pins) - OF_STAGES
    assert all(specifier.contains(pins[name]) for name, specifier in asked.items())


@pytest.mark.parametrize("group", ["judges", "trackers", "cluster", "serve"])
def test_what_the_package_offers_besides_is_what_is_pinned(group):
    lines = (ROOT / f"requirements-{group}.in").read_text().splitlines()
    lines = [line.partition("#")[::2] for line in lines if "==" in line]
    pins = dict(pin.strip().split("==") for pin, _ in lines)
    of_others = {pin.split("==")[0] for pin, why in lines if why.startswith(" of ")}  # what one of them asks for
    asked = {one.name: one.specifier for one in map(Requirement, PROJECT["project"]["optional-dependencies"][group])}
    assert set(asked) == set(pins) - of_others and all(asked[name].contains(pins[name]) for name in asked)
