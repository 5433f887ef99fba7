"""The whole pipeline on a tiny corpus, in a clone of its own: `dvc repro` as a user types it, and what it promises."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from models.ssl_front_end import PUBLISHED
from tests.clone import ROOT, Clone
from tests.stages.loaded import recorder, undeclared
from voxdag.data.shards import Shards
from voxdag.networks import by_name
from voxdag.networks.weights import read_weights

TINY = {
    "tasks.antispoof.prepare.corpora.simulated_la.train": {"speakers": 2, "bonafide": 10, "spoof": 12},
    "tasks.antispoof.prepare.corpora.simulated_la.dev": {"speakers": 2, "bonafide": 8, "spoof": 6},
    "tasks.antispoof.prepare.corpora.simulated_la.eval": {"speakers": 2, "bonafide": 8, "spoof": 13},
    "tasks.antispoof.prepare.corpora.simulated_la.seconds": [1.0, 1.6],
    "tasks.antispoof.scoring.replicates": 40,
    "systems.aasist.seeds": [1, 2],
    "systems.aasist.objective.samples": 12000,
    "systems.aasist.inference.samples": 16000,
    "systems.aasist.train.epochs": 2,
    "systems.aasist.train.batch_size": 8,
    "coded.antispoof_codecs.settings.train.versions": 1,
    "systems.dann.seeds": [1],
    "systems.dann.model.changes": {"channels": [2, 2], "bands": 16, "width": 4, "projection": [64]},
    "systems.dann.objective.samples": 12000,
    "systems.dann.objective.domains.strength.warmup": 1,
    "systems.dann.inference.samples": 16000,
    "systems.dann.train.epochs": 2,
    "systems.dann.train.batch_size": 8,
    "tasks.emotion.prepare.corpora.simulated_emotional.actors": 6,
    "tasks.emotion.prepare.fold": "all",
    "tasks.emotion.scoring.replicates": 40,
    "systems.tier1.seeds": [1],
    "systems.tier1.train.epochs": 1,
    "systems.tier1.model.config": "tier1_s",
    "tasks.enhance.prepare.corpora.simulated_noisy.train": {"speakers": 2, "utterances": 8, "snrs": [0.0, 10.0]},
    "tasks.enhance.prepare.corpora.simulated_noisy.dev": {"speakers": 2, "utterances": 4, "snrs": [5.0]},
    "tasks.enhance.prepare.corpora.simulated_noisy.eval": {"speakers": 2, "utterances": 6, "snrs": [5.0, 10.0]},
    "tasks.enhance.prepare.corpora.simulated_noisy.seconds": [2.3, 2.4],  # DNSMOS hears one window
    "tasks.enhance.scoring.replicates": 40,
    "systems.bsrnn.model.changes": {"channels": 4, "hidden": 4, "decoder": 4},
    "systems.bsrnn.objective.samples": 8000,
    "systems.bsrnn.objective.crops": 1,
    "systems.bsrnn.objective.adversarial": {"weight": 0.3, "start": 1, "warmup": 0},
    "systems.bsrnn.objective.discriminator.config": "half",
    "systems.bsrnn.train.epochs": 2,
    "systems.bsrnn.train.batch_size": 4,
    "systems.bsrnn.train.averaging.over": "tail",
    "tasks.affect.prepare.corpora.simulated_music.train": 24,
    "tasks.affect.prepare.corpora.simulated_music.dev": 12,
    "tasks.affect.prepare.corpora.simulated_music.eval": 12,
    "tasks.affect.prepare.corpora.simulated_music.seconds": [4.2, 4.6],
    "tasks.affect.scoring.replicates": 40,
    "synthetic.affect_gan.settings.count": 12,
    "synthetic.affect_gan.settings.rounds": 2,
    "synthetic.affect_gan.settings.gan.generator.changes": {"channels": 4},
    "synthetic.affect_gan.settings.gan.discriminator.changes": {"channels": 4},
    "synthetic.affect_gan.settings.gan.collapse": {"accuracy": 1.0, "epochs": 9, "diversity": 0.0},
    "synthetic.affect_gan.settings.train.epochs": 1,
    "synthetic.affect_gan.settings.train.batch_size": 8,
    "systems.ast_gan.seeds": [1],
    "systems.ast_gan.objective.crops": 1,
    "systems.ast_gan.train.epochs": 1,
    "systems.ast_gan.train.batch_size": 8,
}


# Baselines and systems beside others of their tasks
LEFT_OUT = ("majority", "spectral_gate", "constant_mean", "svr", "ast", "erm", "erm_aug")

LOOKED = {"code", "inputs"}  # these run every time


def ran(printed):
    return {line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage")}


def tiny(folder, **changes):
    """A clone of the product with tiny parameters, one system or two a task, and further changes of params.yaml."""
    clone = Clone(folder)
    clone.copy_product()
    clone.set(**TINY)
    tree = clone.tree()
    kept = {
        group: {name: item for name, item in tree[group].items() if name not in LEFT_OUT}
        for group in ("systems", "baselines")
    }
    clone.write(tree | kept | changes)
    clone.commit_product()
    return clone


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What each stage loaded in the first run, each in one process."""
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def clone(tmp_path_factory, records):
    clone = tiny(tmp_path_factory.mktemp("clone"))
    usual, clone.environment = clone.environment, clone.environment | recorder(records)
    clone("dvc repro && git add -A && git commit -qm run")
    clone.environment = usual
    return clone


def test_every_promised_file_is_there_and_reads(clone):
    headline = json.loads((clone.folder / "metrics/aasist/evaluate.json").read_text())
    assert headline.keys() == {
        "eer", "min_tdcf_legacy2019", "min_tdcf_revised2021", "min_dcf", "act_dcf", "cllr", "eer_sd", "dev_eer"
    }  # fmt: skip
    breakdown = pd.read_csv(clone.folder / "metrics/aasist/breakdown.csv")
    attacks = breakdown[breakdown["column"] == "attack"]
    assert attacks["value"].tolist() == [f"A{i:02d}" for i in range(7, 20)]
    assert (attacks["n_bonafide"] == 8).all() and attacks["n_spoof"].sum() == 13
    for figure in ("det", "roc", "scores", "attacks", "confusion", "history"):
        assert (clone.folder / f"plots/aasist/{figure}.png").read_bytes()[:4] == b"\x89PNG"
        assert len(pd.read_csv(clone.folder / f"plots/aasist/{figure}.csv"))
    for seed in (1, 2):
        file = clone.folder / f"data/predictions/aasist/eval_seed-{seed}.scores.txt"
        scores = [line.split() for line in file.read_text().splitlines()]
        assert len({name for name, _, _, _ in scores}) == len(scores) == 21
    intervals = pd.read_csv(clone.folder / "metrics/aasist/intervals.csv")
    of_members = intervals[(intervals["metric"] == "eer") & (intervals["resampled_by"] == "speaker")]
    mean, *each = of_members.sort_values("seed", na_position="first")["value"]
    assert len(each) == 2 and mean == pytest.approx(sum(each) / 2, abs=1e-6) == pytest.approx(headline["eer"], abs=1e-6)


def test_clips_that_a_gan_made_are_in_train_alone_and_their_quality_is_measured(clone):
    made = pd.read_csv(clone.folder / "data/synthetic/affect_gan/train/index.csv")
    assert made["synthetic"].tolist() == [0] * 24 + [1] * 12
    for split in ("dev", "eval"):
        passed, before = (
            clone.folder / f"data/{folder}/{split}" for folder in ("synthetic/affect_gan", "features/affect")
        )
        names = {file.name for file in before.iterdir()}
        assert {file.name for file in passed.iterdir()} == names
        assert all((passed / name).read_bytes() == (before / name).read_bytes() for name in names)
    quality = pd.read_csv(clone.folder / "metrics/affect_gan/quality.csv").set_index("measure")
    assert {"auc", "frechet", "coverage", "fidelity", "transfer", "copied"} <= set(quality.index)
    assert quality.loc["auc", ["real", "inverted", "synthetic"]].between(0, 1).all()
    for figure in ("spectrograms", "bands", "nearest", "history"):
        assert (clone.folder / f"plots/synthetic/affect_gan/{figure}.png").read_bytes()[:4] == b"\x89PNG"
    predictions = pd.read_csv(clone.folder / "data/predictions/ast_gan/eval.csv")
    assert len(predictions) == 12 and not predictions["id"].astype(str).str.startswith("gan").any()
    pairs = pd.read_csv(clone.folder / "compare/affect/pairs.csv")
    assert {"ast_gan", "ridge"} <= set(pairs["system_a"]) | set(pairs["system_b"])


def test_every_promised_file_of_a_cross_validated_system_is_there(clone):
    headline = json.loads((clone.folder / "metrics/tier1/evaluate.json").read_text())
    assert headline.keys() == {"uar", "uar_sd", "war", "macro_f1", "ece", "ece_uncalibrated", "dev_uar"}
    predictions = pd.read_csv(clone.folder / "data/predictions/tier1/eval.csv")
    assert sorted(predictions["fold"].unique()) == [1, 2, 3]
    assert predictions["id"].is_unique and len(predictions) == 180  # each utterance is in eval of one fold
    assert {"speaker", "predicted", "confidence", "p_calm", "logit_calm"} <= set(predictions)
    for fold in (1, 2, 3):
        member = clone.folder / f"data/checkpoints/tier1/fold-{fold}_seed-1"
        summary = json.loads((member / "summary.json").read_text())
        assert summary["epochs"] == 1
    breakdown = pd.read_csv(clone.folder / "metrics/tier1/breakdown.csv")
    assert set(breakdown["column"]) == {"class", "fold", "speaker", "sex", "intensity", "sentence"}
    for figure in ("confusion", "class_bars", "reliability", "folds", "speakers", "history"):
        assert (clone.folder / f"plots/tier1/{figure}.png").read_bytes()[:4] == b"\x89PNG"
        assert len(pd.read_csv(clone.folder / f"plots/tier1/{figure}.csv"))
    for baseline in ("chance", "svm"):
        assert json.loads((clone.folder / f"metrics/{baseline}/evaluate.json").read_text()).keys() == headline.keys()


def test_every_promised_file_of_an_enhancer_is_there(clone):
    headline = json.loads((clone.folder / "metrics/bsrnn/evaluate.json").read_text())
    assert {"estoi", "si_sdr", "dnsmos_ovrl", "stoi", "dev_optimised_pesq"} <= headline.keys()
    history = pd.read_csv(clone.folder / "data/checkpoints/bsrnn/history.csv")
    assert history[["dev_loss", "dev_pesq", "dev_stoi", "dev_composite"]].notna().all(axis=None)
    assert history["train_discriminator"].notna().tolist() == [False, True]  # it begins with the second epoch
    weights = {path.stem for path in (clone.folder / "data/checkpoints/bsrnn/seed-1").glob("*.safetensors")}
    assert weights == {"averaged", "last", *(f"best_{name}" for name in ("loss", "pesq", "stoi", "composite"))}
    predictions = pd.read_csv(clone.folder / "data/predictions/bsrnn/eval.csv")
    assert len(predictions) == 6 and predictions["pesq"].between(1, 4.65).all()
    made = pd.read_csv(clone.folder / "data/predictions/bsrnn/eval/seed-1/index.csv")
    packed = pd.read_csv(clone.folder / "data/features/enhance/eval/index.csv")
    assert made["length"].tolist() == packed["noisy.length"].tolist()
    heard = sorted(path.stem for path in (clone.folder / "data/predictions/bsrnn/eval/seed-1/listen").glob("*.wav"))
    chosen = made["id"].iloc[[0, 2, 3, 5]]
    assert heard == sorted(f"{name}{track}" for name in chosen for track in ("", "_noisy", "_clean"))
    for figure in ("snr", "speakers", "history", "spectrograms"):
        assert (clone.folder / f"plots/bsrnn/{figure}.png").read_bytes()[:4] == b"\x89PNG"
    for baseline in ("noisy", "rnnoise"):
        assert "pesq" in json.loads((clone.folder / f"metrics/{baseline}/evaluate.json").read_text())
    pairs = pd.read_csv(clone.folder / "compare/enhance/pairs.csv")
    assert set(pairs["system_a"]) | set(pairs["system_b"]) == {"bsrnn", "noisy", "rnnoise"}


def test_the_split_is_disjoint_by_speaker_and_by_audio_and_says_so(clone):
    by_speaker = json.loads((clone.folder / "data/manifest/emotion/split.json").read_text())
    by_audio = json.loads((clone.folder / "data/features/emotion/split.json").read_text())
    assert by_speaker.keys() == by_audio.keys() == {"1", "2", "3"}
    assert {fold["shared_speaker"] for fold in by_speaker.values()} == {0}
    assert {fold["shared_audio"] for fold in by_audio.values()} == {0}
    index = pd.read_csv(clone.folder / "data/features/emotion/eval/index.csv")
    assert index["vad_status"].notna().all() and index["loudness"].notna().all()


def test_repro_again_does_nothing_although_bytecode_was_written(clone):
    assert list(clone.folder.glob("models/__pycache__/*.pyc"))
    assert ran(clone("dvc repro")) == LOOKED


def test_a_forced_run_in_several_processes_gives_the_same_bytes(clone):
    # all that makes data or draws numbers, and one way to the end; `make prove` is of all stages
    made = ["prepare", "features", "transcode", "synthesize", "train"]
    end = ["evaluate@dann", "breakdown@dann", "plot@dann", "compare@antispoof"]
    before = clone.lock()
    assert len(ran(clone(f"dvc repro --force --single-item {' '.join([*made, *end])}"))) > 18
    assert clone.lock() == before
    assert clone("git status --porcelain").strip() == ""


def test_every_file_of_ours_that_a_stage_loads_stands_in_its_code(clone, records):
    stages = {(text.parent.name, text.stem) for text in (clone.folder / "data/code").rglob("*.txt")}
    assert len(stages) > 15
    assert {stage: found for stage in stages if (found := undeclared(clone.folder, records, *stage))} == {}


def test_the_run_has_a_record_outside_every_output(clone):
    records = sorted((clone.folder / "data/runs/aasist").glob("*.json"))
    record = json.loads(records[-1].read_text())
    assert record["packages"]["torch"] and record["git"]["commit"] and record["seed"] == 2
    assert not list((clone.folder / "data/resume").rglob("*.pt"))  # a run that succeeded leaves no state


def test_training_killed_with_nine_goes_on_to_the_same_bytes_with_any_number_of_workers(clone):
    clone("rm -rf data/checkpoints/aasist")
    environment = clone.environment | {"VOXDAG_SAVE_SECONDS": "0"}  # saves at every step
    command = [sys.executable, "-m", "stages.train", "aasist"]
    training = subprocess.Popen(command, cwd=clone.folder, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((clone.folder / "data/resume").rglob("state.pt")):
        assert training.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    training.kill()
    assert training.wait() == -signal.SIGKILL
    assert not list((clone.folder / "data/checkpoints/aasist").glob("*"))
    assert "resumed at epoch" in clone("VOXDAG_WORKERS=2 python -m stages.train aasist")
    assert not list((clone.folder / "data/resume").rglob("*.pt"))
    assert "up to date" in clone("dvc status train@aasist")  # the bytes are those of the lock


def test_an_experiment_reruns_train_and_what_follows_and_shows_its_difference(clone):
    printed = clone("dvc exp run -n faster -S systems.aasist.train.lr=0.005")
    follow = {f"{stage}@aasist" for stage in ("train", "evaluate", "breakdown", "plot")}
    elsewhere = {"transfer@plain", "transfer@codecs"}
    assert ran(printed) == LOOKED | follow | elsewhere | {"results", "compare@antispoof"}
    assert "systems.aasist.train.lr" in clone("dvc params diff")
    assert "dev_eer" in clone("dvc metrics diff --all")
    assert "failed" not in clone("dvc plots diff HEAD faster").lower()
    assert "faster" in clone("dvc exp show --csv")
    compared = clone("python -m voxdag.compare HEAD faster")
    assert "aasist: faster - HEAD, 95% intervals" in compared and "tier1: the same predictions in both" in compared
    assert "commit the run, or a later checkout loses it" in clone("python -m voxdag.results")
    clone("git reset -q --hard && dvc checkout -q")


def test_an_experiment_in_a_folder_of_its_own_uses_the_repositorys_corpora(clone):
    made = sorted((clone.folder / "data/corpora").rglob("*.flac"))
    printed = clone("dvc exp run --temp -n aside -S tasks.antispoof.features.max_quarantined=0.5")
    assert "features@antispoof" in ran(printed) and "train@aasist" not in ran(printed)  # the same bytes come out
    assert "making the corpus" not in printed and sorted((clone.folder / "data/corpora").rglob("*.flac")) == made


def test_a_frozen_wavlm_is_trained_on_and_found_again_in_its_own_file(clone):
    torch.manual_seed(1)
    weights = clone.folder / "data/weights/wavlm.pth"  # as torchaudio publishes them, but tiny and drawn at random
    weights.parent.mkdir(exist_ok=True)
    given = by_name.build("ssl_pooling", "tiny", {}, 2).state_dict()
    torch.save({name: tensor for name, tensor in given.items() if name.startswith(PUBLISHED)}, weights)
    clone.set(
        **{
            "systems.dann.network": "ssl_pooling",
            "systems.dann.model": {"config": "tiny", "changes": {"pooling": "mhfa"}, "init_weights": weights.name},
            "systems.dann.objective.domains.head.changes": {"inputs": 16},
        }
    )
    assert ran(clone("dvc repro breakdown@dann")) == LOOKED | {f"{x}@dann" for x in ("train", "evaluate", "breakdown")}
    (checkpoint,) = (clone.folder / "data/checkpoints/dann").rglob("best_eer*.safetensors")
    tensors, about = read_weights(checkpoint)
    assert about["base"] == weights.name and not any(name.startswith(PUBLISHED) for name in tensors)
    scored = pd.read_csv(clone.folder / "data/predictions/dann/eval.csv")
    assert np.isfinite(scored["score"]).all() and scored["score"].nunique() > 1
    embedded = {
        "task": "antispoof",
        "recordings": "coded/antispoof_codecs",
        "weights": f"inputs/weights/{weights.name}",
    }
    embedded |= {"network": "ssl_moments", "config": "tiny", "changes": {}}
    clone.set(
        **{
            "embedded": {"wavlm": embedded | {"settings": {"samples": 16000, "batch_size": 8}}},
            "systems.dann.recordings": "embedded/wavlm",
            "systems.dann.model.changes": {},
            "systems.dann.objective.samples": 16000,
        }
    )
    expected = {"embed@wavlm"} | {f"{x}@dann" for x in ("train", "evaluate", "breakdown")}
    assert ran(clone("dvc repro breakdown@dann")) == LOOKED | expected
    of_moments = pd.read_csv(clone.folder / "data/predictions/dann/eval.csv")
    clone.set(**{"systems.dann.recordings": "coded/antispoof_codecs"})
    clone("python -m stages.evaluate dann")
    of_waves = pd.read_csv(clone.folder / "data/predictions/dann/eval.csv")
    assert of_moments["score"].to_numpy() == pytest.approx(of_waves["score"].to_numpy(), rel=1e-3, abs=1e-4)
    clone.set(**{"systems.dann.recordings": "embedded/wavlm"})
    scored = predicted(clone, "--system dann --pool first", of_moments["id"][:2])
    assert scored["score"].to_numpy() == pytest.approx(of_moments["score"][:2].to_numpy(), rel=1e-3, abs=1e-4)
    (checkpoint,) = (clone.folder / "data/checkpoints/dann").rglob("best_eer*.safetensors")
    assert predicted(clone, f"--weights {checkpoint} --pool first", of_moments["id"][:2]).equals(scored)
    whole = weights.read_bytes()
    torch.manual_seed(2)
    given = by_name.build("ssl_pooling", "tiny", {}, 2).state_dict()
    torch.save({name: tensor for name, tensor in given.items() if name.startswith(PUBLISHED)}, weights)
    printed = clone(f"python -m voxdag.predict --weights {checkpoint} {checkpoint}", fails=True)
    assert "wavlm.pth in the weights folder is not the base of" in printed and "Traceback" not in printed
    weights.write_bytes(whole)
    weights.unlink()
    assert "no weights at data/weights/wavlm.pth" in clone("python -m stages.evaluate dann", fails=True)
    clone("git reset -q --hard && dvc checkout -q --force")


def predicted(clone, words, ids):
    """The rows that predict gives of coded recordings of eval, as files."""
    coded = Shards(clone.folder / "data/coded/antispoof_codecs/eval").waves(16000, "antispoof")
    for name in ids:
        soundfile.write(clone.folder / f"data/{name}.wav", coded[list(coded.ids).index(name)], 16000)
    files = " ".join(f"data/{name}.wav" for name in ids)
    clone(f"python -m voxdag.predict {words} --output data/rows.csv {files}")
    return pd.read_csv(clone.folder / "data/rows.csv")


def test_comments_rerun_nothing_and_a_constant_what_imports_it(clone):
    for top in ("voxdag", "models", "stages"):
        for path in (clone.folder / top).rglob("*.py"):
            path.write_text(f"# a comment\n{path.read_text()}\n# another\n")
    assert ran(clone("dvc repro")) == LOOKED
    (clone.folder / "voxdag/corpora/readers/another.py").write_text("X = 1\n")
    assert ran(clone("dvc repro")) == LOOKED
    path = clone.folder / "voxdag/audio/augment.py"
    path.write_text(f"{path.read_text()}\nX = 1\n")
    clone("python -m stages.code")
    changed = clone("dvc status")
    assert "train@tier1" in changed and "features@" not in changed and "@aasist" not in changed
    clone("git reset -q --hard && git clean -qfd && dvc checkout -q --force")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"systems.aasist.train.leaning_rate": 1}, "systems.aasist.train has the unknown key leaning_rate"),
        ({"systems.aasist.model.config": "aasist_xxl"}, "aasist has no size 'aasist_xxl'"),
        ({"systems.aasist.model.init_weights": "no.pth"}, "no weights at data/weights/no.pth"),
        ({"systems.aasist.inference.score": "softmax"}, "score is 'softmax', expected one of"),
        ({"device": "tpu"}, "device is 'tpu', expected one of auto, cpu, cuda"),
    ],
)
def test_a_wrong_parameter_ends_training_with_one_line(clone, change, message):
    clone.set(**change)
    printed = clone("python -m stages.train aasist", fails=True)
    assert message in printed and "Traceback" not in printed
    clone("git checkout -q params.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks.antispoof.prepare.corpus": "timit"}, "timit"),
        ({"tasks.antispoof.prepare.corpus": "asvspoof2019_la"}, "VOXDAG_CORPORA"),
        ({"tasks.antispoof.prepare.max_absence": 1}, "unknown key max_absence"),
    ],
)
def test_a_wrong_corpus_ends_prepare_with_one_line(clone, change, message):
    clone.set(**change)
    printed = clone("python -m stages.prepare antispoof", fails=True)
    assert message in printed and "Traceback" not in printed
    clone("git checkout -q params.yaml")


def test_a_copied_recording_in_two_splits_stops_features(clone):
    train, evaluated = sorted((clone.folder / "data/corpora/simulated_emotional").rglob("03-01-04-01-01-01-0[15].flac"))
    whole = evaluated.read_bytes()
    evaluated.write_bytes(train.read_bytes())
    printed = clone("python -m stages.features emotion", fails=True)
    assert "1 audio values are in two splits of fold 1" in printed and "03-01-04-01-01-01-05" in printed
    evaluated.write_bytes(whole)
    clone("dvc checkout -q --force")


def test_a_random_split_runs_and_its_metrics_say_leaky(clone):
    clone.set(**{"tasks.emotion.prepare.protocol": "leaky_random", "tasks.emotion.prepare.fold": 1})
    for stage in (
        "prepare emotion",
        "features emotion",
        "train tier1",
        "evaluate tier1",
        "breakdown tier1",
        "plot tier1",
    ):
        clone(f"python -m stages.{stage}")
    headline = json.loads((clone.folder / "metrics/tier1/evaluate.json").read_text())
    assert headline and all(key.startswith("leaky_") for key in headline)
    clone("git checkout -q . && git clean -qfd && dvc checkout -q --force")


def test_broken_audio_is_quarantined_and_too_much_of_it_stops_the_stage(clone):
    victim = next((clone.folder / "data/corpora").rglob("LA_T_*.flac"))
    whole = victim.read_bytes()
    victim.write_bytes(whole[:2000])
    printed = clone("python -m stages.features antispoof", fails=True)
    assert "1 of 57 recordings (1.8%) cannot be used, more than max_quarantined 1.0%" in printed
    clone.set(**{"tasks.antispoof.features.max_quarantined": 0.1})
    assert "21 recordings packed, 1 quarantined" in clone("python -m stages.features antispoof")
    quarantine = pd.read_csv(clone.folder / "data/features/antispoof/quarantine.csv")
    assert quarantine["id"].tolist() == [victim.stem] and len(quarantine["reason"][0])
    victim.write_bytes(whole)
    clone("git checkout -q params.yaml && dvc checkout -q --force")


def test_predict_names_the_emotion_of_any_file(clone, tmp_path):
    spoken = next((clone.folder / "data/corpora/simulated_emotional").rglob("*.flac"))
    shutil.copy(spoken, tmp_path)
    predict = "python -m voxdag.predict --system tier1"
    clone(f"{predict} --member fold-2_seed-1 --output {tmp_path}/rows.csv --plot {tmp_path}/plots {tmp_path}")
    rows = pd.read_csv(tmp_path / "rows.csv")
    probabilities = rows.filter(like="p_").iloc[0]
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert probabilities.isna().sum() == 1  # bored is not in the corpus
    assert rows["confidence"][0] == probabilities.max() and rows["decision"][0] == rows["predicted"][0]
    assert 0 <= rows["expected_error_rate"][0] <= 1  # evaluate fitted it for this member
    assert (tmp_path / f"plots/{spoken.stem}.png").is_file()
    assert "member fold-9 of tier1 is not trained; trained members: fold-1_seed-1, fold-2_seed-1" in clone(
        f"{predict} --member fold-9 {tmp_path}", fails=True
    )


def test_predict_scores_any_file_and_reports_those_it_cannot(clone, tmp_path):
    draw = np.random.default_rng(0)
    soundfile.write(tmp_path / "stereo.wav", draw.normal(scale=0.1, size=(44_100, 2)), 44_100)
    soundfile.write(tmp_path / "long.flac", draw.normal(scale=0.1, size=40_000), 8_000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    predict = "python -m voxdag.predict --system aasist"
    printed = clone(f"{predict} --output {tmp_path}/rows.csv --plot {tmp_path}/plots {tmp_path}", fails=True)
    rows = pd.read_csv(tmp_path / "rows.csv").set_index("path")
    rows.index = [path.rsplit("/", 1)[-1] for path in rows.index]
    assert rows["seconds"].to_dict() == pytest.approx(
        {"long.flac": 5, "silent.wav": np.nan, "stereo.wav": 1}, nan_ok=True
    )
    assert rows["segments"]["long.flac"] == 5 and rows["used"]["long.flac"] == 1  # of a second each
    assert (tmp_path / "plots/long.png").is_file()
    heard = rows.drop("silent.wav")
    assert np.isnan(rows["score"]["silent.wav"]) and "silent" in rows["error"]["silent.wav"]
    assert (heard["decision"] == np.where(heard["score"] > heard["threshold"], "bonafide", "spoof")).all()
    assert "1 of 3 files have no output" in printed and "Traceback" not in printed


def test_weights_are_used_outside_the_checkout_as_within(clone, tmp_path):
    weights = next((clone.folder / "data/checkpoints/aasist/seed-1").glob("best_eer.safetensors"))
    audio = next((clone.folder / "data/corpora/simulated_la").rglob("LA_E_*.flac"))
    command = f"{sys.executable} -m voxdag predict --weights {weights} {audio}"
    environment = clone.environment | {"PYTHONPATH": str(clone.folder)}
    done = subprocess.run(command.split(), cwd=tmp_path, env=environment, capture_output=True, text=True)
    outside = pd.read_csv(pd.io.common.StringIO(done.stdout))
    clone(f"python -m voxdag.predict --system aasist --member seed-1 --output {tmp_path}/rows.csv {audio}")
    within = pd.read_csv(tmp_path / "rows.csv")
    assert outside["score"][0] == pytest.approx(within["score"][0], abs=1e-4)  # another number of threads
    assert outside["weights"][0] == within["weights"][0] and outside["decision"].isna().all()
    assert within["decision"].isin(["bonafide", "spoof"]).all()


def test_the_doctor_finds_nothing_wrong(clone):
    shutil.copy(ROOT / "requirements.in", clone.folder)
    assert "none failed" in clone("python -m voxdag.doctor")


def test_the_results_are_laid_out_by_task_with_intervals_and_pictures(clone):
    printed = clone("python -m voxdag.results")
    assert "antispoof on simulated_la, eval" in printed and "emotion on simulated_emotional, eval" in printed
    assert "plots/aasist/*.png" in printed and "the results are those of the commit" in printed
