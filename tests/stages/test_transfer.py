"""Further recordings: a corpus is packed as a task's own, systems are measured on it at what dev froze, and the matrix
has cells that can be made again from score files."""

import json

import numpy as np
import pandas as pd
import pytest

from stages import beyond, compare, transfer
from tests.countermeasures import SYSTEM, configure, packed, place, train, wave  # noqa: F401 (place is a fixture)
from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.data.shards import Shards
from voxdag.scoring.eer import eer
from voxdag.tasks import as_they_are, results, transferred
from voxdag.tasks.antispoof import score_file
from voxdag.tasks.antispoof.criteria import operating_point


def test_a_corpus_is_packed_as_the_tasks_own_with_the_options_that_the_entry_changes(place):  # noqa: F811
    beyond.main("wild")
    found = Shards(place / "data/beyond/wild/eval")
    assert found.index["id"].tolist() == [str(i) for i in range(12)] and set(found.index["split"]) == {"eval"}
    assert found.index["label"].tolist() == ["bonafide", "spoof"] * 6
    assert np.abs(found[3]["wave"] / 32768 - wave(33, 1)).max() < 2 / 32768
    assert json.loads((place / "data/beyond/wild/report.json").read_text())["in_the_wild"]["extra"]["count"] == 0
    assert (place / "data/beyond/wild/quarantine.csv").read_text() == "id,split,path,reason\n"


def test_cells_are_what_each_member_reaches_at_its_own_threshold_and_score_files_give_them_again(place):  # noqa: F811
    train("one")
    beyond.main("wild")
    transfer.main("wild")
    folder = place / "data/transfers/antispoof/wild"
    cells = pd.read_csv(folder / "cells.csv")
    protocol = Shards(place / "data/beyond/wild/eval").about
    errors = []
    for seed, rows in results.read("one", "antispoof")["dev"].groupby("seed"):
        again = score_file.read(folder / f"one_seed-{seed}.scores.txt", protocol)
        bonafide, spoof = (again.loc[again["label"] == label, "score"] for label in ("bonafide", "spoof"))
        threshold = operating_point(rows)
        errors.append([(bonafide <= threshold).mean(), (spoof > threshold).mean(), eer(bonafide, spoof).eer])
    means = cells[cells["seed"].isna() & (cells["resampled_by"] == "speaker")].set_index("metric")["value"]
    names = ["miss_rate", "false_alarm_rate", "eer"]
    assert means[names].tolist() == pytest.approx(np.mean(errors, axis=0).tolist(), abs=1e-6)
    assert means["hter"] == pytest.approx(means[names[:2]].mean(), abs=1e-6)


def test_the_matrix_has_a_systems_own_eval_beside_the_others_their_worst_and_their_mean(place):  # noqa: F811
    configure(("one", "two"), transfers={
        "wild": {"task": "antispoof", "recordings": "beyond/wild"},
        "again": {"task": "antispoof", "recordings": "features/antispoof"},
    })  # fmt: skip
    for name in ("one", "two"):
        train(name)
    beyond.main("wild")
    for name in ("wild", "again"):
        transfer.main(name)
    module = compare.load_module("voxdag.tasks.{task}.transfer", task="antispoof")
    table = transferred.cells(params.read(), "antispoof", module)
    wide = table[table["metric"] == "hter"].pivot(index="system", columns="column", values="value")
    assert set(wide) == {"own eval", "wild", "again", "worst", "mean"} and list(wide.index) == ["one", "two"]
    assert wide["again"].tolist() == pytest.approx(wide["own eval"].tolist(), abs=1e-5)
    assert wide["worst"].tolist() == wide[["wild", "again"]].max(axis=1).tolist()
    assert wide["mean"].tolist() == pytest.approx(wide[["wild", "again"]].mean(axis=1).tolist())
    assert wide.loc["one"].tolist() == wide.loc["two"].tolist()  # of the same weights


def test_a_system_that_hears_what_was_made_of_recordings_is_left_out(place):  # noqa: F811
    configure(systems={})
    tree = params.read()
    tree["systems"] = {"one": SYSTEM, "heard": SYSTEM | {"recordings": "cleaned/x"}}
    assert list(transfer.taking(tree, "antispoof")) == ["one"]
    configure(systems=())
    beyond.main("wild")
    with pytest.raises(Refused, match="antispoof has no system that takes beyond/wild: there is nothing to score"):
        transfer.main("wild")


@pytest.mark.parametrize(
    ("made_of", "task", "heard"),
    [("coded/c", "antispoof", True), ("cleaned/d", "antispoof", False), ("coded/c", "heads", False)],
)
def test_a_system_on_embedded_recordings_is_tested_where_it_takes_waves_too(monkeypatch, made_of, task, heard):
    entry = dict.fromkeys(("weights", "settings", "network", "config", "changes")) | {"weights": "inputs/weights/none"}
    tree = {
        "embedded": {"e": entry | {"task": task, "recordings": made_of, "settings": {}}},
        "coded": {"c": entry | {"task": "antispoof", "recordings": "features/antispoof", "settings": {}}},
    }
    if task == "heads":  # whose module says nothing of it
        monkeypatch.setattr(as_they_are, "load_module", lambda *words, **named: object())
    assert as_they_are.heard(tree, "embedded/e") == heard


def test_without_an_entry_the_matrix_has_no_row(place):  # noqa: F811
    configure(transfers=None)
    module = compare.load_module("voxdag.tasks.{task}.transfer", task="antispoof")
    assert transferred.cells(params.read(), "antispoof", module).empty
    configure()
    assert transferred.cells(params.read(), "antispoof", None).empty


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"corpus": "in_the_dark"}, "beyond.wild.corpus is in_the_dark; tasks.antispoof.prepare.corpora has none"),
        ({"max_absent": 2.0}, "beyond.wild.max_absent is 2.0, expected a share from 0 to 1"),
        ({"options": {"rot": "x"}}, "corpora.in_the_wild has the unknown key rot"),
        ({"options": {}}, "In-the-Wild: nothing at .*elsewhere/meta.csv"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(place, entry, message):  # noqa: F811
    known = {"task": "antispoof", "corpus": "in_the_wild", "options": {"root": "in_the_wild"}, "max_absent": 0.0}
    configure(beyond={"wild": known | entry})
    with pytest.raises(Refused, match=message):
        beyond.main("wild")
