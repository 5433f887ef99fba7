"""A small repository with a run behind it, of which bundles are made: a countermeasure, its decisions, a lock that
proves them, and what the repository has beside its run."""

import functools
import shutil

import pandas as pd
import soundfile
import yaml

from tests.clone import ROOT
from tests.countermeasures import RATE, configure, packed, train, wave
from voxdag.core import artifacts, lock, params
from voxdag.data import layout
from voxdag.data.members import Member
from voxdag.networks.weights import digest
from voxdag.tasks import decisions, results
from voxdag.tasks.antispoof import decision
from voxdag.tasks.results import prediction_types

REPOSITORY = ("LICENSE", "CITATION.cff", "requirements.txt", "pyproject.toml", "dvc.yaml")
DATE = ["--date", "2026-01-02"]
LOCK = """schema: '2.0'
stages:
  prepare@antispoof:
    cmd: python -m stages.prepare antispoof
    deps: [{path: data/inputs/corpora/antispoof.txt, md5: 00000000000000000000000000000001, size: 33}]
    params: {params.yaml: {tasks.antispoof.prepare: {corpus: x, max_absent: 0.0}}}
    outs: [{path: data/manifest/antispoof/dev, md5: 00000000000000000000000000000002.dir, size: 9, nfiles: 1}]
  features@antispoof:
    cmd: [python -m stages.provide antispoof, python -m stages.features antispoof]
    deps: [{path: data/manifest/antispoof/dev, md5: 00000000000000000000000000000002.dir, size: 9, nfiles: 1}]
    outs: [{path: data/features/antispoof/dev, md5: 00000000000000000000000000000003.dir, size: 9, nfiles: 3}]
  train@one:
    cmd: python -m stages.train one
    deps: [{path: data/features/antispoof/dev, md5: 00000000000000000000000000000003.dir, size: 9, nfiles: 3}]
    params: {params.yaml: {num_threads: 1, systems.one.train: {lr: 0.001, betas: [0.9, 0.99]}}}
    outs: [{path: data/checkpoints/one, md5: CHECKPOINTS, size: 9, nfiles: 2}]
  train@other:
    cmd: python -m stages.train other
    outs: [{path: data/checkpoints/other, md5: 00000000000000000000000000000009.dir, size: 9, nfiles: 2}]
  evaluate@one:
    cmd: python -m stages.evaluate one
    deps: [{path: data/checkpoints/one, md5: CHECKPOINTS, size: 9, nfiles: 2}]
    outs: [{path: data/predictions/one, md5: PREDICTIONS, size: 9, nfiles: 3}]
"""


def make(folder):
    """Lay it into a folder, which is the current one."""
    for name in REPOSITORY:
        shutil.copy(ROOT / name, folder / name)
    configure()
    for first, split in ((0, "dev"), (20, "eval")):
        packed(folder / "data/features/antispoof" / split, 10, first)
    tree = params.read()
    tree["systems"]["one"]["train"] = {"epochs": 1, "batch_size": 4, "optimizer": "adam", "lr": 0.001}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))
    train("one")
    types = prediction_types("antispoof")
    said = {split: artifacts.read_table(layout.predictions("one") / f"{split}.csv", types) for split in results.SPLITS}
    results.write("one", "antispoof", said, tree)
    decide("one")
    prove(folder)
    for i in range(2):
        soundfile.write(folder / f"{i}.wav", wave(50 + i, i), RATE)


def decide(name):
    """What evaluate fits on dev."""
    inference = params.system(params.read(), name).inference
    dev = artifacts.read_table(layout.predictions(name) / "dev.csv", prediction_types("antispoof"))
    rows = [
        decisions.row(decision, Member(seed=seed), digest(weights(name, seed)), inference, dev[dev["seed"] == seed])
        for seed in (1, 2)
    ]
    artifacts.write_table(layout.decisions(name), pd.concat(rows))


def weights(name, seed):
    return layout.checkpoints(name, f"seed-{seed}") / "last.safetensors"


def prove(folder):
    """A lock of what lies here now."""
    text = LOCK.replace("CHECKPOINTS", lock.folder_hash(folder / "data/checkpoints/one"))
    proved = yaml.safe_load(text.replace("PREDICTIONS", lock.folder_hash(folder / "data/predictions/one")))
    tree = params.read()
    for stage in proved["stages"].values():
        for settings in stage.get("params", {}).values():
            settings |= {key: functools.reduce(lambda at, name: at[name], key.split("."), tree) for key in settings}
    (folder / "dvc.lock").write_text(yaml.safe_dump(proved, sort_keys=False))
