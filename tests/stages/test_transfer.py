"""Further recordings: a corpus is packed as a task's own, systems are measured on it at what dev froze, and the matrix
has cells that can be made again from score files."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml

from stages import beyond, compare, transfer
from voxdag.core import artifacts, params
from voxdag.core.errors import Refused
from voxdag.data import layout, shards
from voxdag.data.shards import Shards
from voxdag.networks import by_name
from voxdag.networks.weights import write_weights
from voxdag.scoring.eer import eer
from voxdag.tasks import results, transferred
from voxdag.tasks.antispoof import inference, score_file
from voxdag.tasks.antispoof.criteria import operating_point

RATE, SAMPLES = 16000, 4000
SIZE = {"channels": [4], "width": 8, "projection": [16], "bands": 16}
FEATURES = {
    "decoding": {"rate": RATE, "min_seconds": 0.1, "min_peak": 0.0001, "max_clipped": 0.01},
    "front_end": None, "max_quarantined": 0.5, "shard_megabytes": 1,
}  # fmt: skip
SYSTEM = {
    "task": "antispoof", "recordings": "features/antispoof", "seeds": [1, 2], "num_threads": None,
    "network": "layer_pooling", "model": {"config": "quick", "changes": SIZE, "init_weights": None},
    "objective": {"samples": SAMPLES, "class_weights": [0.5, 0.5], "shuffle_labels": False},
    "inference": {"samples": SAMPLES, "batch_size": 4, "score": "logit_difference"},
    "train": {}, "evaluate": {"checkpoint": "last"},
}  # fmt: skip


def wave(i, spoof):
    rng = np.random.default_rng(i)
    tone = np.sin(2 * np.pi * (300 + 40 * i + 2500 * spoof) / RATE * np.arange(SAMPLES + 50 * i))
    return 0.2 * tone + 0.05 * rng.normal(size=tone.size)


def packed(folder, count, first=0):
    rows = []
    for i in range(first, first + count):
        about = {"id": f"u{i}", "split": "eval", "speaker": f"s{i % 4}", "label": "spoof" if i % 2 else "bonafide"}
        about |= {"attack": "A01" if i % 2 else None}
        rows.append((about, {"wave": np.round(20000 * wave(i, i % 2)).astype(np.int16)}))
    shards.write(folder, rows, shards.wave_at(RATE), 100)


@pytest.fixture
def place(tmp_path, monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOXDAG_JOBS", "1")
    monkeypatch.setenv("VOXDAG_CORPORA", str(tmp_path / "corpora"))
    wild = tmp_path / "corpora/in_the_wild"
    wild.mkdir(parents=True)
    for i in range(12):
        soundfile.write(wild / f"{i}.wav", wave(30 + i, i % 2), RATE)
    labels = ["spoof" if i % 2 else "bona-fide" for i in range(12)]
    lines = [f"{i}.wav,person {i % 3},{label}" for i, label in enumerate(labels)]
    (wild / "meta.csv").write_text("\n".join(["file,speaker,label", *lines]))
    configure()
    for first, split in ((0, "dev"), (20, "eval")):
        packed(tmp_path / "data/features/antispoof" / split, 10, first)
        table = pd.DataFrame({"id": [f"u{i}" for i in range(10)]})
        artifacts.write_table(layout.manifest("antispoof", split) / "utterances.csv", table)
    yield tmp_path
    torch.set_num_threads(threads)


def configure(systems=("one",), **changes):
    corpora = {"in_the_wild": {"root": "elsewhere", "official": True, "allow_departures": False}}
    task = {"prepare": {"corpus": "x", "corpora": corpora}, "features": FEATURES}
    task |= {"scoring": {"replicates": 20, "confidence": 0.9, "by": []}}
    entry = {"task": "antispoof", "corpus": "in_the_wild", "options": {"root": "in_the_wild", "official": False}}
    tree = dict.fromkeys(params.SECTIONS) | {"seed": 1, "num_threads": 1, "device": "cpu", "tasks": {"antispoof": task}}
    tree |= {"systems": {name: SYSTEM for name in systems}, "beyond": {"wild": entry | {"max_absent": 0.0}}}
    tree |= {"transfers": {"wild": {"task": "antispoof", "recordings": "beyond/wild"}}} | changes
    (layout.Path("params.yaml")).write_text(yaml.safe_dump(tree))


def train(name):
    """Weights of two members, and what these say of dev and eval."""
    predictions = {"dev": [], "eval": []}
    for seed in (1, 2):
        torch.manual_seed(seed)
        network = by_name.build("layer_pooling", "quick", SIZE, 2)
        about = by_name.about("layer_pooling", "quick", SIZE, 2)
        write_weights(layout.checkpoints(name, f"seed-{seed}") / "last.safetensors", network, about)
        for split, rows in predictions.items():
            there = Shards(layout.recordings("features/antispoof", split))
            settings = inference.Settings(SAMPLES, 4, "logit_difference")
            rows.append(inference.predict(network, there, settings, torch.device("cpu"), {}).assign(seed=seed))
    for split, rows in predictions.items():
        artifacts.write_table(layout.predictions(name) / f"{split}.csv", pd.concat(rows))


def test_a_corpus_is_packed_as_the_tasks_own_with_the_options_that_the_entry_changes(place):
    beyond.main("wild")
    found = Shards(place / "data/beyond/wild/eval")
    assert found.index["id"].tolist() == [str(i) for i in range(12)] and set(found.index["split"]) == {"eval"}
    assert found.index["label"].tolist() == ["bonafide", "spoof"] * 6
    assert np.abs(found[3]["wave"] / 32768 - wave(33, 1)).max() < 2 / 32768
    assert json.loads((place / "data/beyond/wild/report.json").read_text())["in_the_wild"]["extra"]["count"] == 0
    assert (place / "data/beyond/wild/quarantine.csv").read_text() == "id,split,path,reason\n"


def test_cells_are_what_each_member_reaches_at_its_own_threshold_and_score_files_give_them_again(place):
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


def test_the_matrix_has_a_systems_own_eval_beside_the_others_their_worst_and_their_mean(place):
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


def test_a_system_that_hears_what_was_made_of_recordings_is_left_out(place):
    configure(systems={})
    tree = params.read()
    tree["systems"] = {"one": SYSTEM, "heard": SYSTEM | {"recordings": "cleaned/x"}}
    assert list(transfer.taking(tree, "antispoof")) == ["one"]
    configure(systems=())
    beyond.main("wild")
    with pytest.raises(Refused, match="antispoof has no system that takes beyond/wild: there is nothing to score"):
        transfer.main("wild")


def test_without_an_entry_the_matrix_has_no_row(place):
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
def test_an_entry_that_makes_no_sense_is_refused(place, entry, message):
    known = {"task": "antispoof", "corpus": "in_the_wild", "options": {"root": "in_the_wild"}, "max_absent": 0.0}
    configure(beyond={"wild": known | entry})
    with pytest.raises(Refused, match=message):
        beyond.main("wild")
