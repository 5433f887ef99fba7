"""Toy tasks, one folder each, through all stages of one clone: a GAN, a denoiser, a regression, two heads."""

import hashlib
import json
import subprocess

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import soundfile
import torch

from tests.clone import ROOT, Clone
from tests.toys.installed import NAMES, PLACES, TOYS, importable, install
from tests.training.toys import KillAt, Killed, all_bytes, loop, recipe
from voxdag.core.modules import load_module
from voxdag.data.shards import Shards, Track, wave_at
from voxdag.networks import by_name
from voxdag.training.batches import LoaderSettings
from voxdag.training.learner import Materials

CPU = torch.device("cpu")
SYSTEMS = {"denoiser": "denoise", "gan": "gan", "heads": "heads", "regressor": "regress"}
FIGURES = {"denoise": "noise_left", "gan": "gap", "heads": "accuracy", "regress": "ccc"}
FRONT = "data/weights/toy_front.safetensors"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("clone"))
    clone.copy_product()
    install(clone, *NAMES)
    filters = torch.randn(6, 1, 80, generator=torch.Generator().manual_seed(0)) / 9
    (clone.folder / FRONT).parent.mkdir(parents=True)
    safetensors.torch.save_file({"filters.weight": filters}, clone.folder / FRONT)
    clone.commit_product()
    clone("VOXDAG_JOBS=1 dvc repro && git add -A && git commit -qm run")
    return clone


@pytest.fixture(autouse=True)
def toys():
    with importable(*(TOYS / name for name in NAMES)):
        yield


def shards(clone, folder, split):
    return Shards(clone.folder / "data" / folder / split)


def predictions(clone, system, split="eval"):
    return pd.read_csv(clone.folder / f"data/predictions/{system}/{split}.csv")


def headline(clone, system):
    return json.loads((clone.folder / f"metrics/{system}/evaluate.json").read_text())


def test_a_task_is_files_of_its_own_and_blocks_of_the_parameters():
    brought = [path.relative_to(TOYS / name) for name in NAMES for path in (TOYS / name).rglob("*.py")]
    assert len(brought) > 30 and not [path for path in brought if (ROOT / path).exists()]
    assert all(path.as_posix().startswith(PLACES) for path in brought)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_stage_wrote_what_it_promises(clone, system):
    task = SYSTEMS[system]
    promised = [
        *(f"data/manifest/{task}/{split}/utterances.csv" for split in ("train", "dev", "eval")),
        f"data/features/{task}/split.json",
        f"data/checkpoints/{system}/history.csv",
        f"metrics/{system}/intervals.csv",
        f"metrics/{system}/breakdown.csv",
        f"plots/{system}/history.png",
        f"data/results/{task}.txt",
        f"compare/{task}/figures/{FIGURES[task]}.png",
        f"compare/{task}/pairs.csv",
    ]
    assert not [path for path in promised if not (clone.folder / path).is_file()]
    assert not list((clone.folder / f"data/predictions/{system}").glob("*.scores.txt"))  # no task has a score file


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_training_leaves_its_events_and_a_record_of_what_it_learned_from(clone, system):
    history = pd.read_csv(clone.folder / f"data/checkpoints/{system}/history.csv")
    files = list((clone.folder / f"data/checkpoints/{system}").glob("*/events.jsonl"))
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert len([line for line in lines if "epoch" in line]) == len(history) > 0
    assert sorted({line.get("train/global_step", 0) for line in lines}) == list(range(history["step"].max() + 1))
    records = [json.loads(path.read_text()) for path in (clone.folder / "data/runs" / system).glob("*.json")]
    assert len(records) >= len(files) > 0
    for split, read in ((split, read) for record in records for split, read in record["recordings"].items()):
        index = clone.folder / read["folder"] / "index.csv"
        assert index.parent.name == split and read["index_sha256"] == hashlib.sha256(index.read_bytes()).hexdigest()


def test_an_unknown_tracker_is_refused_before_anything_is_read(clone):
    said = clone("VOXDAG_TRACKERS=comet python -m stages.train gan 2>&1 || true")
    assert said.startswith("error: VOXDAG_TRACKERS names 'comet', expected some of dvclive, mlflow, tensorboard, wandb")
    assert len(said.splitlines()) == 1


def test_repro_again_runs_what_looks_alone(clone):
    printed = clone("dvc repro")
    assert {line.split("'")[1] for line in printed.splitlines() if "Running" in line} == {"code", "inputs"}


def test_each_item_depends_on_the_task_and_network_that_it_names(clone):
    code = (clone.folder / "data/code/clean/levels.txt").read_text()
    assert "voxdag/tasks/denoise/clean.py" in code and "models/toy_filter.py" in code
    assert "regress" not in code and "learner.py" not in code and "models/toy_level.py" not in code
    code = (clone.folder / "data/code/train/gan.txt").read_text()
    assert "models/toy_gan.py" in code and "models/toy_critic.py" in code  # the system's network, and its objective's


# A task of waves


def test_the_denoiser_denoises_and_its_predictions_are_waves_as_long_as_what_it_heard(clone):
    noisy, made = shards(clone, "features/denoise", "eval"), shards(clone, "predictions/denoiser/eval", "seed-1")
    assert set(noisy.tracks) == {"noisy", "clean"} and made.tracks == wave_at(8000)
    assert made.track("wave").lengths.tolist() == noisy.track("noisy").lengths.tolist()
    table = predictions(clone, "denoiser").set_index("id")
    assert table.index.tolist() == made.index["id"].tolist() == noisy.index["id"].tolist()
    for i, row in enumerate(table.itertuples()):
        enhanced, clean = made.track("wave").wave(i).astype(float), noisy.track("clean").wave(i).astype(float)
        heard = noisy.track("noisy").wave(i).astype(float)
        target = enhanced @ clean / (clean @ clean) * clean
        si_sdr = 10 * np.log10((target @ target) / ((target - enhanced) @ (target - enhanced)))
        assert si_sdr == pytest.approx(row.si_sdr, abs=0.01)  # waves are rounded to 16 bits, the measures are not
        left = ((enhanced - clean) ** 2).sum() / ((heard - clean) ** 2).sum()
        assert left == pytest.approx(row.noise_left, abs=0.001)
    values = headline(clone, "denoiser")
    assert values["si_sdr"] == pytest.approx(table["si_sdr"].mean(), abs=2e-6)
    assert values["si_sdr"] > values["si_sdr_noisy"] + 5 and values["noise_left"] < 0.3


def test_some_of_what_the_denoiser_made_can_be_heard_and_seen(clone):
    folder, made = (
        clone.folder / "data/predictions/denoiser/eval/seed-1",
        shards(clone, "predictions/denoiser/eval", "seed-1"),
    )
    rows = [round(k * (len(made) - 1) / 3) for k in range(4)]  # from all over the split
    ids = made.index["id"].iloc[rows].tolist()
    recorded = shards(clone, "features/denoise", "eval")
    tracks = {"": made.track("wave"), "_noisy": recorded.track("noisy"), "_clean": recorded.track("clean")}
    assert {path.stem for path in (folder / "listen").iterdir()} == {
        f"{name}{track}" for name in ids for track in tracks
    }
    for track, waves in tracks.items():
        wave, rate = soundfile.read(folder / f"listen/{ids[1]}{track}.wav", dtype="int16")
        assert rate == 8000 and (wave == waves[rows[1]]).all()
    table = pd.read_csv(clone.folder / "plots/denoiser/spectrograms.csv")
    assert set(table["track"]) == {"noisy", "enhanced", "clean"}
    assert (clone.folder / "plots/denoiser/spectrograms.png").is_file()


def test_noise_is_what_was_added(clone):
    # an SNR of 0 or 10 dB is that of the noise's deviation; SI-SDR of the noisy recordings is that, up to their lengths
    table = predictions(clone, "denoiser")
    assert table.groupby("snr")["si_sdr_noisy"].mean().tolist() == pytest.approx([0, 10], abs=0.5)


# train@denoiser -> clean@levels -> train@regressor


def test_cleaned_recordings_are_what_the_denoiser_makes_of_them(clone):
    before, after = (shards(clone, place, "eval") for place in ("features/regress", "cleaned/levels"))
    pd.testing.assert_frame_equal(before.about, after.about)
    weights = clone.folder / "data/checkpoints/denoiser/seed-1/best_noise_left.safetensors"
    network = by_name.restore(weights).eval()
    for i in range(len(before)):
        wave = torch.from_numpy(before.track("wave").wave(i))
        with torch.no_grad():
            alone = network(wave[None], torch.tensor([len(wave)]))[0].numpy() * 32768
        # half a sample of rounding, and float sums of other batches
        assert after[i]["wave"] == pytest.approx(alone, abs=0.6)
    assert (after[0]["wave"] != before[0]["wave"]).any()


def test_a_regression_is_cross_validated_and_its_labels_stay_numbers(clone):
    table = predictions(clone, "regressor")
    assert table["label"].dtype == float and sorted(table["fold"].unique()) == [1, 2]
    assert set(table["speaker"][table["fold"] == 1]) == {"s1"} and set(table["speaker"][table["fold"] == 2]) == {"s2"}
    split = json.loads((clone.folder / "data/manifest/regress/split.json").read_text())
    assert split["1"]["splits"]["eval"]["speakers"] == ["s1"] and split["1"]["splits"]["eval"]["labels"]["n"] == 16
    labels = pd.read_csv(clone.folder / "data/manifest/regress/eval/utterances.csv").set_index("id")["label"]
    assert table.set_index("id")["label"].to_dict() == labels.to_dict()
    # the mean over the two members of 2 cov / (var + var + (difference of means)^2)
    by_fold = []
    for _, rows in table.groupby("fold"):
        y, p = rows["label"], rows["predicted"]
        cov = ((y - y.mean()) * (p - p.mean())).mean()
        by_fold.append(2 * cov / (y.var(ddof=0) + p.var(ddof=0) + (y.mean() - p.mean()) ** 2))
    assert headline(clone, "regressor")["ccc"] == pytest.approx(np.mean(by_fold), abs=2e-6)


def test_the_concordance_of_a_known_network_is_that_of_its_line(clone):
    # Labels are levels, and so the network says p = 0.5 y + 0.1 of each: cov = v / 2, var p = v / 4, and
    # CCC = 2 (v / 2) / (v + v / 4 + (m / 2 - 0.1)^2) for labels of mean m and variance v.
    inference = load_module("voxdag.tasks.{task}.inference", task="regress")
    criteria = load_module("voxdag.tasks.{task}.criteria", task="regress")
    network = by_name.build("toy_level", "zero", {"scale": 0.5, "bias": 0.1}, 1)
    there = shards(clone, "features/regress", "eval")
    table = inference.predict(network, there, inference.Settings(8, 800), CPU, {})
    labels = there.index["label"]
    assert table["predicted"].to_numpy() == pytest.approx(0.5 * labels.to_numpy() + 0.1, abs=2e-6)
    mean, variance = labels.mean(), labels.var(ddof=0)
    expected = variance / (1.25 * variance + (mean / 2 - 0.1) ** 2)
    assert criteria.criteria(table)["ccc"] == pytest.approx(expected, abs=1e-4)


def test_a_constant_has_no_correlation_and_is_never_best_by_it(clone, tmp_path):
    made = recipe(
        epochs=2, batch_size=8, lr=1e-30, lr_floor=0.0, warmup=0, weight_decay=0.0
    )  # below any rounding: it stays a constant
    made = recipe(**vars(made) | {"stopping": type(made.stopping)("ccc", None, 0.0, 0.0, 1)})
    network = by_name.build("toy_level", "zero", {"bias": 0.2}, 1)

    def learner(made):
        return toy_learner(clone, "regress", "cleaned/levels", network, made, fold="1")

    assert np.isnan(learner(made).criteria()["pearson"])
    run = loop(tmp_path, learner, **vars(made))
    run.run()
    assert set(run.progress.best) == {"ccc"} and [row["epoch"] for row in run.progress.history] == [1, 2]
    assert not any("dev_pearson" in row for row in run.progress.history)


# Embeddings, and synthetic ones among them


def test_embeddings_are_those_of_the_frozen_front_end(clone):
    before, after = (shards(clone, place, "dev") for place in ("features/heads", "embedded/tones"))
    assert after.tracks == {"embedding": Track("float16", (6,), 200.0)}
    filters = safetensors.torch.load_file(clone.folder / FRONT)["filters.weight"][:, 0].numpy()  # (6, 80)
    for i in range(len(before)):
        wave = before.track("wave").wave(i)
        frames = np.lib.stride_tricks.sliding_window_view(wave, 80)[::40]  # (T, 80)
        assert after[i]["embedding"] == pytest.approx(np.abs(frames @ filters.T), rel=2e-3, abs=1e-4)  # 11 bits


def test_train_has_synthetic_recordings_behind_the_real_ones_and_the_rest_is_passed_on(clone):
    before, after = (shards(clone, place, "train") for place in ("embedded/tones", "synthetic/tones"))
    assert after.index["synthetic"].tolist() == [0] * 48 + [1] * 16 and after.tracks == before.tracks
    assert all((before[i]["embedding"] == after[i]["embedding"]).all() for i in range(48))
    for split in ("dev", "eval"):
        folders = (clone.folder / f"data/{place}/{split}" for place in ("embedded/tones", "synthetic/tones"))
        one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
        assert one == other


def test_swapped_weights_make_the_embeddings_stale(clone):
    kept = (clone.folder / FRONT).read_bytes()
    safetensors.torch.save_file({"filters.weight": torch.ones(6, 1, 80)}, clone.folder / FRONT)
    clone("python -m stages.inputs")
    assert "inputs/weights/toy_front.safetensors" in clone("dvc status embed@tones")
    (clone.folder / FRONT).write_bytes(kept)
    clone("python -m stages.inputs")
    assert "up to date" in clone("dvc status embed@tones")


def test_each_head_is_measured_on_the_recordings_that_have_its_target(clone):
    table = predictions(clone, "heads")
    assert sorted(table["seed"].unique()) == [1, 2] and table["label"].isna().sum() == 8
    assert table["level"].isna().sum() == 8 and "predicted_level" in table
    error = (table["level"] - table["predicted_level"]).abs()
    values = headline(clone, "heads")
    assert values["mae"] == pytest.approx(error.groupby(table["seed"]).mean().mean(), abs=2e-6)
    assert values["accuracy"] > 0.9  # 12 of 16 recordings have a label: without the mask at most 0.75


def test_what_is_behind_a_mask_has_no_part_in_the_gradient(clone):
    torch.manual_seed(0)
    network = by_name.build("toy_heads", "small", {}, 3)
    learner = toy_learner(clone, "heads", "synthetic/tones", network, recipe(batch_size=64))
    batch = next(learner.batches(0, 0))
    assert 0 < batch["mask_label"].sum() < 64 and 0 < batch["mask_level"].sum() < 64
    for head, other in (("label", 1), ("level", 100.0)):
        known, plain = batch[f"mask_{head}"], gradient(learner, batch, {})
        behind = gradient(learner, batch, {head: torch.where(known, batch[head], other)})
        before = gradient(learner, batch, {head: torch.where(known, 1 - batch[head], batch[head])})
        assert torch.equal(behind, plain) and not torch.equal(before, plain)


def gradient(learner, batch, changes):
    learner.network.zero_grad()
    learner.loss(batch | changes).backward()
    return torch.cat([parameter.grad.flatten() for parameter in learner.network.parameters()])


# Two networks and a buffer


def test_a_gan_that_was_killed_goes_on_with_both_networks_and_its_buffer(clone, tmp_path):
    whole = gan(clone, tmp_path / "whole")
    assert len(whole.learner.past) == 32 and whole.learner.main == "generator"
    expected = all_bytes(whole, tmp_path / "whole")
    assert all_bytes(killed_gan(clone, tmp_path / "killed"), tmp_path / "killed") == expected

    def without_buffer(learner):
        learner.load = lambda state: None

    forgetful = killed_gan(clone, tmp_path / "forgetful", without_buffer)
    assert all_bytes(forgetful, tmp_path / "forgetful") != expected


def test_the_gan_comes_close_to_what_is_real(clone):
    # kinds lie apart by lg(0.4 / 0.05) = 0.9 in level and 1.4 in sign changes per ms, so a generator that ignores its
    # kind has a gap of 0.8 or more
    assert headline(clone, "gan")["gap"] < 0.4
    history = pd.read_csv(clone.folder / "data/checkpoints/gan/history.csv")
    assert {"train_generator", "train_discriminator", "grad_norm_generator", "dev_gap"} <= set(history)


GAN_RECIPE = {"epochs": 2, "batch_size": 8, "weight_decay": 0.0}


def gan(clone, folder, prepare=lambda learner: None):
    made = recipe(**GAN_RECIPE)
    stopping = type(made.stopping)("gap", None, 0.0, 0.0, 1)

    def learner(made):
        torch.manual_seed(0)
        network = by_name.build("toy_gan", "small", {}, 2)
        settings = {"replay": 32, "lr_ratio": 1.0, "discriminator": by_name.Further("toy_critic", "small", {})}
        learner = toy_learner(clone, "gan", "features/gan", network, made, settings)
        prepare(learner)
        return learner

    run = loop(folder, learner, **GAN_RECIPE, stopping=stopping)
    run.run()
    return run


def killed_gan(clone, folder, before_resume=lambda learner: None):
    """Killed in the second of two epochs of 8 steps, between the two updates of the eleventh step."""
    fault = KillAt(22)

    def breaking(learner):
        step = learner.step
        learner.step = lambda batch, update: step(batch, BreakingUpdate(update, fault))

    with pytest.raises(Killed):
        gan(clone, folder, breaking)
    return gan(clone, folder, before_resume)


class BreakingUpdate:
    """An update before which `fault` is called."""

    def __init__(self, update, fault):
        self.update, self.fault, self.step = update, fault, update.step

    def __call__(self, name, loss):
        self.fault()
        return self.update(name, loss)


def toy_learner(clone, task, recordings, network, made, settings=None, fold=""):
    """A task's learner on what its clone packed."""
    learner, inference = (load_module(f"voxdag.tasks.{{task}}.{name}", task=task) for name in ("learner", "inference"))
    splits = {split: shards(clone, recordings, split).fold(fold) for split in ("train", "dev")}
    loader = LoaderSettings(made.batch_size, 1, CPU, 0)
    chosen = {"heads": {"level_weight": 1.0}}.get(task, {}) if settings is None else settings
    materials = Materials(splits, {}, loader, made, network)
    return learner.make(materials, learner.Settings(**chosen), inference.Settings(8, 800))


# The last: it changes the clone


def test_an_experiment_that_changes_the_denoiser_runs_all_that_hears_through_it(clone):
    printed = clone("VOXDAG_JOBS=1 dvc exp run -n short -S systems.denoiser.train.epochs=1 train@regressor")
    ran = {line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage")}
    assert ran == {"code", "inputs", "train@denoiser", "clean@levels", "train@regressor"}
    changed = subprocess.run(
        ["git", "diff", "--stat", "HEAD", "--", "voxdag", "models"], cwd=clone.folder, capture_output=True, text=True
    )
    assert changed.stdout == ""
