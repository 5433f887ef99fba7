"""What training builds, and under which key an unfinished run is found again."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from stages import train
from tests.training import toys
from voxdag.core import code, params, runtime
from voxdag.data.members import Member
from voxdag.training.averaging import Averaging
from voxdag.training.early_stopping import StoppingRules

ROOT = Path(__file__).parents[2]
READ = (
    *(f"features/antispoof/{split}/{name}" for split in ("train", "dev") for name in ("index.csv", "shards.json")),
    "manifest/antispoof/dev/asv.csv",
)
MEMBER = Member("", 7)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """What a key reads, in a folder of its own: indices, tables of dev and the parameters."""
    for name in READ:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(f"{name}\n")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def key(member=MEMBER, run=None, **changes):
    tree = params.read()
    system = replace(params.system(tree, "aasist"), **changes)
    return train.resume_key("aasist", system, member, run or params.run(tree))


def test_a_network_is_built_with_what_the_parameters_change_and_its_weights_say_so(monkeypatch):
    system = params.system(params.read(), "aasist")
    changed = replace(system, model=replace(system.model, changes={"dropout": 0.2}))
    assert train.new_network(changed, 1).drop.p == 0.1 and train.new_network(system, 1).drop.p == 0.15
    monkeypatch.setattr(train, "resume_key", lambda *_: "key")
    learner = type("Learner", (), {"networks": {"main": nn.Linear(1, 1)}, "main": "main"})
    tree = params.read()
    about = train.open_run_state("a", changed, MEMBER, tree, learner).about
    features = tree["tasks"]["antispoof"]["features"]
    assert about == {
        "network": "aasist",
        "config": "aasist_s",
        "changes": {"dropout": 0.2},
        "outputs": 2,
        "system": "a",
        "scoring": {
            "task": "antispoof",
            "recordings": "features/antispoof",
            "inference": tree["systems"]["aasist"]["inference"],
            "decoding": features["decoding"],
            "front_end": features["front_end"],
        },
    }


def test_what_tells_recordings_from_others_is_the_hash_of_their_index(files):
    system = params.system(params.read(), "aasist")
    before = train.read_from(system)
    assert before.keys() == {"train", "dev"} and before["dev"]["folder"] == "data/features/antispoof/dev"
    assert before["train"]["index_sha256"] == hashlib.sha256(b"features/antispoof/train/index.csv\n").hexdigest()
    (files / "features/antispoof/train/index.csv").write_text("other\n")
    after = train.read_from(system)
    assert after["train"] != before["train"] and after["dev"] == before["dev"]


def test_a_training_ends_with_its_events_among_its_outputs(tmp_path):
    run = toys.loop(tmp_path / "state", toys.Regression)
    train.train(run, tmp_path / "out")
    lines = (tmp_path / "out/events.jsonl").read_text().splitlines()
    assert len(lines) == 18 + toys.EPOCHS and (tmp_path / "out/events.jsonl").read_bytes() == run.events.content()


def test_the_same_run_has_the_same_key(files):
    assert key() == key()


@pytest.mark.parametrize("name", READ[:-1])
def test_other_recordings_have_another_key(files, name):
    before = key()
    (files / name).write_text("other\n")
    assert key() != before


def test_other_arrays_under_the_same_index_have_another_key(files):
    # embeddings of another network, recordings that another denoiser cleaned: of the same lengths
    shard = files / "features/antispoof/train/wave-000.npy"
    shard.write_bytes(b"1")
    before = key()
    shard.write_bytes(b"2")
    assert key() != before


def test_the_code_of_a_network_among_the_settings_is_in_the_key(files, monkeypatch):
    seen = []
    monkeypatch.setattr(code, "describe", lambda modules, picked: seen.append(picked["network"]))
    key(objective={"discriminator": {"network": "tier1", "config": "tier1_2d", "changes": {}}})
    assert seen == [["aasist", "tier1"]]


def test_other_sounds_in_a_folder_that_the_objective_names_have_another_key(files, monkeypatch):
    # a run that goes on hears what it began with
    monkeypatch.setenv("VOXDAG_CORPORA", str(files / "corpora"))
    objective = {"augmentation": {"reverberation": {"share": 0.5, "folder": "rooms"}}}
    (files / "corpora/rooms").mkdir(parents=True)
    before = key(objective=objective)
    (files / "corpora/rooms/a.wav").write_bytes(b"a")
    assert key(objective=objective) != before


def test_other_tables_of_dev_have_another_key(files):
    # ASV scores select best_min_tdcf
    before = key()
    (files / "manifest/antispoof/dev/asv.csv").write_text("other\n")
    assert key() != before


def test_another_member_seed_or_setting_has_another_key(files):
    run = params.run(params.read())
    keys = {
        key(),
        key(Member("2", 7)),
        key(Member("", 8)),
        key(train={"epochs": 3}),
        key(run=replace(run, num_threads=run.num_threads + 1)),
    }
    assert len(keys) == 5


def test_settings_that_training_does_not_read_leave_the_key(files):
    run = params.run(params.read())
    assert key() == key(seeds=(7, 8)) == key(evaluate=params.Evaluate("last")) == key(run=replace(run, seed=99))


def test_another_class_of_machine_has_another_key(files, monkeypatch):
    before = key()
    monkeypatch.setattr(runtime, "machine_class", lambda: {"processor": "another"})
    assert key() != before


def test_other_code_or_packages_have_another_key_whatever_file_they_are_in(files, monkeypatch):
    # the text is that of data/code: every file of the import closure, and the packages' versions
    before, describe = key(), code.describe
    monkeypatch.setattr(code, "describe", lambda *arguments: describe(*arguments) + "package torch 9.9\n")
    assert key() != before


def test_other_weights_to_start_from_have_another_key(files, tmp_path, monkeypatch):
    monkeypatch.setenv("VOXDAG_WEIGHTS", str(tmp_path))
    model = replace(params.system(params.read(), "aasist").model, init_weights="start.pth")
    (tmp_path / "start.pth").write_bytes(b"one")
    before = key(model=model)
    (tmp_path / "start.pth").write_bytes(b"two")
    assert key(model=model) != before


def test_a_network_starts_from_weights_that_others_published_in_their_names(tmp_path, monkeypatch):
    monkeypatch.setenv("VOXDAG_WEIGHTS", str(tmp_path))
    system = params.system(params.read(), "tier1")
    torch.save({"stem": torch.ones(1)}, tmp_path / "start.pth")
    changed = replace(system, model=replace(system.model, init_weights="start.pth"))
    build = train.by_name.build

    def published(*words):
        network = build(*words)
        network.published = lambda tensors: {"temperature": 7 * tensors["stem"][0]}
        return network

    monkeypatch.setattr(train.by_name, "build", published)
    started, drawn = train.new_network(changed, 1), train.new_network(system, 1)
    assert started.temperature == 7 and drawn.temperature == 1
    assert torch.equal(started.head[2].weight, drawn.head[2].weight)


@pytest.mark.parametrize(
    ("over", "patience", "last", "averaged"),
    [("tail", None, set(), set()), ("best", None, set(), {"mse"}), ("tail", 9, {"mse"}, {"mse"})],
)
def test_the_task_is_told_which_criteria_had_a_say_in_the_weights(tmp_path, over, patience, last, averaged):
    told = []

    class Told(toys.Regression):
        def criteria(self):
            return super().criteria() | {"other": 1.0}

        def calibrate(self, chosen_by):
            told.append(set(chosen_by))

    rules = StoppingRules("mse", patience, 0.0, 0.0, 1)
    run = toys.loop(tmp_path / "state", Told, averaging=Averaging(over, 0.3), stopping=rules)
    summary = train.train(run, tmp_path)
    assert set(summary["best"]) == {"mse", "other"}
    assert told == [last, averaged, *(last | {criterion} for criterion in summary["best"])]
