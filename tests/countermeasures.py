"""A small repository in a folder: recordings, a further corpus, and countermeasures with weights and predictions, for
tests of stages and programs that come after training."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml

from voxdag.core import artifacts, params
from voxdag.data import layout, shards
from voxdag.data.shards import Shards
from voxdag.networks import by_name
from voxdag.networks.weights import write_weights
from voxdag.tasks.antispoof import inference

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
    corpora |= {"asvspoof2019_la": {"root": "LA", "official": False, "allow_departures": False}}
    prepare = {"corpus": "x", "eval_corpus": None, "max_absent": 0.0, "corpora": corpora}
    task = {"prepare": prepare, "features": FEATURES}
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


@pytest.fixture
def trained(place):
    """The folder, with train recordings too, and two systems that have been trained."""
    configure(("one", "two"))
    packed(place / "data/features/antispoof/train", 16, 40)
    for name in ("one", "two"):
        train(name)
    return place


def run(monkeypatch, program, *words):
    """A program (a module of voxdag) with its command line."""
    monkeypatch.setattr("sys.argv", [program.__name__, *words])
    program.main()
