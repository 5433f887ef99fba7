"""The stage that measures what a GAN made: tables, headline and pictures, fold by fold, of any task that has one."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from stages import quality as stage
from stages import synthesize
from tests.stages.test_synthesize import write_params
from tests.synthesis.making import packed_in, settings_of
from voxdag.core import code
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.shards import Shards
from voxdag.synthesis import quality
from voxdag.synthesis.probes import Probes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code, "describe", lambda *_: "code\n")
    monkeypatch.setattr(quality, "PROBES", Probes(1, 16, 1))
    yield tmp_path
    torch.set_num_threads(threads)


def packed(folder, task, train=24, dev=12, **columns):
    for seed, (split, count) in enumerate({"train": train, "dev": dev, "eval": 2}.items()):
        there = {name: values(count) for name, values in columns.items()}
        packed_in(folder / "data/features" / task / split, count, seed, song=["s"] * count, **there)


def test_every_measure_its_headline_and_four_pictures(folder, monkeypatch):
    packed(folder, "affect")
    write_params(folder, count=14)
    synthesize.main("it")
    (folder / "data/synthetic/it/eval/index.csv").write_bytes(b"\xff\xfe no table")  # it is not opened
    stage.main("it")
    table = pd.read_csv(folder / "metrics/it/quality.csv")
    assert list(table) == [*quality.COLUMNS, "fold"] and table["measure"].tolist() == list(quality.BEST)
    assert set(table["recordings"]) == {12} and table["synthetic"].notna().all()
    head = json.loads((folder / "metrics/it/quality.json").read_text())
    values = table.set_index("measure")
    assert head.keys() == {
        "auc",
        "real_auc",
        "frechet",
        "real_frechet",
        "fidelity",
        "real_fidelity",
        "coverage",
        "copied",
    }
    assert head["auc"] == pytest.approx(values.loc["auc", "synthetic"], abs=1e-6)
    assert head["real_frechet"] == pytest.approx(values.loc["frechet", "real"], rel=1e-5)
    figures = folder / "plots/synthetic/it"
    assert sorted(path.name for path in figures.iterdir()) == sorted(
        f"{name}.{kind}" for name in ("spectrograms", "bands", "nearest", "history") for kind in ("csv", "png", "pdf")
    )
    before = written(folder / "metrics")
    monkeypatch.setattr(stage, "figures", lambda *_: {})
    stage.main("it")
    assert written(folder / "metrics") == before
    losses = pd.read_csv(figures / "history.csv")["quantity"].unique()
    assert {"Training loss, generator", "Training loss, discriminator", "Training, real accuracy"} <= set(losses)
    bands = pd.read_csv(figures / "bands.csv").query("quantity == 'mean'").groupby("kind")["value"]
    assert (
        bands.apply(lambda level: level.abs().max())["train"] == 0 < bands.apply(lambda level: level.abs().max())["dev"]
    )


def written(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture
def undrawn(monkeypatch):
    """Without pictures, which take two seconds."""
    monkeypatch.setattr(stage, "figures", lambda *_: {})


def test_folds_have_rows_of_their_own_and_the_headline_is_their_mean(folder, undrawn):
    packed(folder, "affect", 48, 24, folds=lambda count: ["1", "2"] * (count // 2))
    write_params(folder, count=14)
    synthesize.main("it")
    stage.main("it")
    table = pd.read_csv(folder / "metrics/it/quality.csv", dtype={"fold": str})
    assert table["fold"].tolist() == ["1"] * len(quality.BEST) + ["2"] * len(quality.BEST)
    of_auc = table[table["measure"] == "auc"]["synthetic"]
    head = json.loads((folder / "metrics/it/quality.json").read_text())
    assert head["auc"] == pytest.approx(of_auc.mean(), abs=1e-6)


def test_spoofs_that_were_made_up_are_measured_beside_bona_fide_speech(folder, undrawn):
    packed(folder, "antispoof", 48, 24, label=lambda n: ["bonafide", "spoof"] * (n // 2), attack=lambda n: ["-"] * n)
    write_params(folder, recordings="features/antispoof", task="antispoof", count=14)
    synthesize.main("it")
    stage.main("it")
    table = pd.read_csv(folder / "metrics/it/quality.csv").set_index("measure")
    assert table.loc["frechet", "synthetic"] > 0 and table.loc["auc", "recordings"] == 12


def test_made_up_recordings_in_dev_are_refused(folder):
    packed(folder, "affect", synthetic=lambda count: [0] * (count - 1) + [1])
    train, dev = (Shards(folder / f"data/features/affect/{split}") for split in ("train", "dev"))
    module = stage.load_module("voxdag.tasks.{task}.synthesize", task="affect")
    with pytest.raises(Refused, match="1 of 12 recordings of .*dev were made up, such as s1-011"):
        stage.of_fold(train, dev, "it", module, settings_of())


def test_too_few_recordings_are_refused(folder):
    packed(folder, "affect")
    write_params(folder, count=10)
    synthesize.main("it")
    with pytest.raises(Refused, match="has 10 recordings, expected 11 or more: too few to measure"):
        stage.main("it")


def test_an_entry_is_measured_by_what_it_made_up_alone(folder):
    packed(folder, "affect")
    write_params(folder)
    synthesize.main("it")
    made, dev = (Shards(folder / f"data/synthetic/it/{split}") for split in ("train", "dev"))
    rows = [*made.about.to_dict("records"), made.about.iloc[-1].to_dict() | {"id": "other-00000", "speaker": "other"}]
    shards.write(folder / "both", zip(rows, [*(made[i] for i in range(29)), made[28]], strict=True), made.tracks, 100)
    module = stage.load_module("voxdag.tasks.{task}.synthesize", task="affect")
    found, _ = stage.of_fold(Shards(folder / "both"), dev, "it", module, settings_of())
    assert [len(found.train), len(found.synthetic)] == [24, 5]


def test_the_headline_leaves_out_what_has_no_value():
    rows = [{"measure": name, "synthetic": i, "real": i + 0.5} for i, name in enumerate(quality.BEST)]
    table = pd.DataFrame(rows)
    table.loc[table["measure"] == "copied", "real"] = np.nan
    both = pd.concat([table, table.assign(synthetic=table["synthetic"] + 1)])
    head = stage.headline(both)
    assert head["auc"] == 0.5 and head["real_auc"] == 0.5 and head["frechet"] == 1.5
    assert len(head) == 8  # what DVC is given at most


def test_of_a_task_without_conditions_nothing_is_measured(folder, monkeypatch):
    packed(folder, "affect")
    write_params(folder)
    module = stage.load_module("voxdag.tasks.{task}.synthesize", task="affect")
    monkeypatch.delattr(module, "conditions")
    stage.main("it")
    assert pd.read_csv(folder / "metrics/it/quality.csv").empty
    assert json.loads((folder / "metrics/it/quality.json").read_text()) == {}
    assert list((folder / "plots/synthetic/it").iterdir()) == []
