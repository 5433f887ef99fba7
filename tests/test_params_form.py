"""params.yaml is in the form that DVC's own writer gives it: an experiment changes the lines that it is about."""

import difflib
import shutil
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

TREE = yaml.safe_load(Path("params.yaml").read_text())


def lines_changed(tmp_path, *overrides):
    """(lines that go, lines that come) when DVC writes params.yaml with the overrides."""
    shutil.copy("params.yaml", tmp_path)
    apply_overrides(str(tmp_path / "params.yaml"), list(overrides))
    before, after = (path.read_text().splitlines() for path in (Path("params.yaml"), tmp_path / "params.yaml"))
    difference = [*difflib.unified_diff(before, after, n=0, lineterm="")][2:]
    return tuple([line[1:] for line in difference if line[0] == sign] for sign in "-+")


def test_a_value_as_it_is_changes_nothing(tmp_path):
    assert lines_changed(tmp_path, f"seed={TREE['seed']}") == ([], [])


@pytest.mark.parametrize(
    ("override", "gone", "come"),
    [
        ("systems.aasist.train.lr=0.003", ["lr: 0.002"], ["lr: 0.003"]),
        ("tasks.antispoof.prepare.eval_corpus=asvspoof2019_la", ["eval_corpus:"], ["eval_corpus: asvspoof2019_la"]),
        ("systems.tier1.train.averaging.over=best", ["averaging: {over: tail"], ["averaging: {over: best"]),
        ("systems.tier1.seeds=[1,2,3]", [], ["- 3"]),
        ("tasks.antispoof.scoring.by=[attack]", ["- speaker"], []),
        ("tasks.emotion.scoring.by=[class,fold,speaker,sex,intensity]", ["- sentence"], []),
        ("++systems.aasist.model.changes.dropout=0.2", ["changes: {}"], ["changes:", "dropout: 0.2"]),
    ],
)
def test_an_override_changes_its_own_lines_alone(tmp_path, override, gone, come):
    went, came = lines_changed(tmp_path, override)
    for lines, expected in ((went, gone), (came, come)):
        assert len(lines) == len(expected)
        assert all(line.strip().startswith(start) for line, start in zip(lines, expected, strict=True))


def test_every_list_can_be_changed_without_losing_a_comment(tmp_path):
    # what stands behind a list's last item goes with the list
    longer = {name: [*value, value[-1]] for name, value in _lists(TREE)}
    overrides = (f"{name}={str(value).replace(' ', '')}" for name, value in longer.items())
    went, came = lines_changed(tmp_path, *overrides)
    assert (went, len(came)) == ([], len(longer)) and came


def _lists(tree, where=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _lists(value, f"{where}{name}.")
        elif isinstance(value, list) and value:
            yield f"{where}{name}", value
