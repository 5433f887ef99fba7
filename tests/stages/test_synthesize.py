"""The stage that adds made-up recordings: fold by fold, in train alone, the same bytes after a kill."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from stages import evaluate, synthesize, train
from tests.synthesis.making import packed_in, recordings, settings_of
from tests.training.toys import Killed
from voxdag.core import code, params
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.members import Member
from voxdag.data.shards import Shards
from voxdag.synthesis import fit

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
# of each pair of speakers: in which folds its recordings are in train; in the others they are in dev or eval
FOLDS = {"p0": "1 2", "p1": "1 2", "p2": "1", "p3": "1", "p4": "2", "p5": "2"}


def packed(folder, count, seed, **columns):
    return packed_in(folder, count, seed, song=[f"song{i}" for i in range(count)], **columns)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A workspace with packed clips of three splits, and an entry `it` of `synthetic`."""
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code, "describe", lambda *_: "code\n")  # a test of its own says what is in it
    monkeypatch.setenv("VOXDAG_SAVE_SECONDS", "0")
    for seed, (split, count) in enumerate({"train": 12, "dev": 4, "eval": 4}.items()):
        packed(tmp_path / "data/features/affect" / split, count, seed)
    write_params(tmp_path)
    yield tmp_path
    torch.set_num_threads(threads)


def write_params(folder, recordings="features/affect", task="affect", **changes):
    tree = {section: {} for section in params.SECTIONS}
    settings = yaml.safe_load(yaml.safe_dump(plain(asdict(settings_of(**changes)))))
    entry = {"task": task, "recordings": recordings, "weights": "inputs/weights/none", "settings": settings}
    about = {"prepare": {"corpus": "simulated_music"}, "features": {}, "scoring": {}}
    tree |= {"seed": 1, "num_threads": 1, "device": "cpu", "synthetic": {"it": entry}, "tasks": {task: about}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))


def plain(value):
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def everything(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_train_has_the_made_up_recordings_behind_and_dev_and_eval_are_as_they_were(folder):
    synthesize.main("it")
    made = Shards(folder / "data/synthetic/it/train")
    assert made.index["synthetic"].tolist() == [0] * 12 + [1] * 5
    assert made.index["id"].tolist()[12:] == [f"it-{i:05d}" for i in range(5)]
    assert made.index["speaker"].tolist()[12:] == ["it"] * 5 and set(made.index["split"]) == {"train"}
    before = Shards(folder / "data/features/affect/train")
    assert all((made[i]["wave"] == before[i]["wave"]).all() for i in range(12))
    for split in ("dev", "eval"):
        there, copy = (everything(folder / "data" / place / split) for place in ("features/affect", "synthetic/it"))
        assert there == copy
        assert "synthetic" not in Shards(folder / "data/synthetic/it" / split).index
    fitted = folder / "data/synthetic/it/fitted"
    assert sorted(path.name for path in fitted.iterdir()) == ["events.jsonl", "generator.safetensors", "history.csv"]
    assert not list((folder / "data/resume").rglob("state.pt"))  # the run has succeeded


def test_a_stage_that_is_killed_goes_on_and_ends_with_the_same_bytes(folder, monkeypatch):
    synthesize.main("it")
    expected = everything(folder / "data/synthetic/it")
    shutil.rmtree(folder / "data/synthetic")
    recordings_of = fit.recordings

    def killed(*words):
        for i, one in enumerate(recordings_of(*words)):
            if i == 3:
                raise Killed
            yield one

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(fit, "recordings", killed)
        synthesize.main("it")
    assert len(list((folder / "data/resume").rglob("state.pt"))) == 1
    synthesize.main("it")
    assert everything(folder / "data/synthetic/it") == expected


def test_other_settings_do_not_go_on_from_an_unfinished_run(folder):
    tree = params.read()
    work = synthesize.between.opened(
        tree, "synthetic", "it", synthesize.load_module("voxdag.tasks.{task}.synthesize", task="affect")
    )
    keys = {synthesize.place("it", "", tree, work).run_state.folder.name}
    tree["synthetic"]["it"]["settings"]["train"]["lr"] = 0.5
    keys |= {synthesize.place("it", fold, tree, work).run_state.folder.name for fold in ("", "2")}
    shard = folder / "data/features/affect/train/wave-000.npy"
    shard.write_bytes(shard.read_bytes()[:-2] + b"\0\1")
    keys |= {synthesize.place("it", "", tree, work).run_state.folder.name}
    assert len(keys) == 4


def folded(folder):
    """Six speakers, of whom fold 1 tests p4 and p5, and fold 2 tests p2 and p3."""
    speakers = [f"p{i // 2}" for i in range(12)]
    packed(folder / "data/features/affect/train", 12, 0, folds=[FOLDS[name] for name in speakers])
    for split, of in (("dev", {"1": "p4", "2": "p2"}), ("eval", {"1": "p5", "2": "p3"})):
        rows = [fold for fold in of for _ in range(2)]
        made = recordings(4, 5, folds=rows, speaker=[of[fold] for fold in rows], song=list("abcd"))
        shards.write(folder / "data/features/affect" / split, made, shards.wave_at(16000), 1)


def test_of_a_fold_no_speaker_that_it_tests_is_in_what_is_fitted(folder, monkeypatch):
    folded(folder)
    heard, make = [], fit.make
    monkeypatch.setattr(fit, "make", lambda waves, *words: heard.append(set(waves.ids)) or make(waves, *words))
    write_params(folder, count=3)
    synthesize.main("it")
    train_index = Shards(folder / "data/features/affect/train").index
    speakers = [set(train_index["speaker"][train_index["id"].isin(ids)]) for ids in heard]
    assert speakers == [{"p0", "p1", "p2", "p3"}, {"p0", "p1", "p4", "p5"}]
    for fold, names in zip("12", speakers, strict=True):
        for split in ("dev", "eval"):
            assert not names & set(Shards(folder / f"data/synthetic/it/{split}").fold(fold).index["speaker"])
    made = Shards(folder / "data/synthetic/it/train")
    both = made.index[made.index["synthetic"] == 1]
    assert both["folds"].tolist() == ["1"] * 3 + ["2"] * 3 and both["id"].is_unique
    assert both["id"].iloc[0] == "it-00000_fold-1" and len(made.fold("1")) == 8 + 3
    for fold in "12":
        assert (folder / f"data/synthetic/it/fitted/fold-{fold}/generator.safetensors").is_file()


def test_a_gan_is_fitted_to_real_recordings_alone(folder, monkeypatch):
    # of an entry whose recordings another entry has added to
    packed(folder / "data/features/affect/train", 12, 0, synthetic=[0] * 10 + [1] * 2)
    heard, make = [], fit.make
    monkeypatch.setattr(fit, "make", lambda waves, *words: heard.extend(waves.ids) or make(waves, *words))
    synthesize.main("it")
    assert heard == [f"s0-{i:03d}" for i in range(10)]
    assert Shards(folder / "data/synthetic/it/train").index["synthetic"].tolist() == [0] * 10 + [1] * 7


def test_an_entry_adds_to_what_another_made_up_and_is_measured_by_its_own(folder):
    synthesize.main("it")
    write_params(folder, "synthetic/it", seed=2)
    tree = params.read()
    tree["synthetic"] = {"more": tree["synthetic"]["it"]}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))
    synthesize.main("more")
    index = Shards(folder / "data/synthetic/more/train").index
    assert index["synthetic"].tolist() == [0] * 12 + [1] * 10 and index["id"].is_unique
    assert index["speaker"].tolist()[12:] == ["it"] * 5 + ["more"] * 5


def test_a_module_that_says_dev_of_what_it_makes_is_refused(folder, monkeypatch):
    row = fit.row
    monkeypatch.setattr(fit, "row", lambda *words: row(*words) | {"split": "dev"})
    with pytest.raises(Refused, match="the synthetic recording it-00000 says that it is of dev"):
        synthesize.main("it")


@pytest.mark.parametrize("split", ["dev", "eval"])
def test_nothing_is_chosen_or_measured_on_made_up_recordings(folder, split):
    synthesize.main("it")
    there = folder / "data/synthetic/it"
    shutil.rmtree(there / split)
    shutil.copytree(there / "train", there / split)
    shutil.copy(ROOT / "params.yaml", folder)
    system = replace(params.system(params.read(), "ast_gan"), recordings="synthetic/it")
    message = f"5 of 17 recordings of .*synthetic/it/{split} were made up, such as it-00000: nothing is measured"
    with pytest.raises(Refused, match=message):
        evaluate.predict("ast_gan", system, CPU)
    if split == "dev":
        with pytest.raises(Refused, match=message):
            train.make_learner("ast_gan", system, Member("", 1), CPU)


def test_made_up_recordings_without_a_share_are_refused(folder):
    synthesize.main("it")
    shutil.copy(ROOT / "params.yaml", folder)
    system = params.system(params.read(), "ast_gan")
    system = replace(system, recordings="synthetic/it", train=system.train | {"synthetic_share": None})
    with pytest.raises(Refused, match="5 of 17 recordings of train were made up: set synthetic_share"):
        train.make_learner("ast_gan", system, Member("", 1), CPU)


def test_what_is_packed_is_what_was_made(folder):
    synthesize.main("it")
    made = Shards(folder / "data/synthetic/it/train")
    assert list(made.verify()) == [] and np.isfinite(made.index[["valence", "arousal"]]).all(axis=None)
    assert {len(made[i]["wave"]) for i in range(12, 17)} == {1920}
