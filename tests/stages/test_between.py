"""Stages between features and training: nothing lost on the way, and what cannot be taken is refused by name."""

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from stages import clean, embed, inputs, synthesize
from tests.toys.installed import TOYS, importable
from voxdag.core import params
from voxdag.core.errors import NotHere, Refused
from voxdag.core.modules import load_module
from voxdag.data import shards
from voxdag.data.shards import Shards, Track, wave_at
from voxdag.networks import by_name
from voxdag.networks.weights import write_weights
from voxdag.tasks import between

RATE, CPU = 8000, torch.device("cpu")
NO_WEIGHTS = "inputs/weights/none"


def packed(folder, names, rate=RATE, **columns):
    """Recordings of 100, 101, ... samples; sample k of recording i is 10 i + k."""
    rows = pd.DataFrame({"id": names, **columns}).to_dict("records")
    recordings = [(row, {"wave": (10 * i + np.arange(100 + i)).astype(np.int16)}) for i, row in enumerate(rows)]
    shards.write(folder, recordings, wave_at(rate), 1)
    return Shards(folder)


def made_of(packed, order=None, **changes):
    """What a stage's module gives: the recordings themselves, or those of `order`."""
    for i in range(len(packed)) if order is None else order:
        yield {"id": packed.index["id"][i], **changes}, dict(packed[i])


def test_recordings_keep_what_the_index_says_and_a_row_may_say_more(tmp_path):
    there = packed(tmp_path, ["a", "b"], codec=["001", "002"], label=[0.5, 0.25])
    rows = [row for row, _ in between.same_recordings(made_of(there, snr=3), there, True)]
    assert rows[1] == {"id": "b", "codec": "002", "label": 0.25, "snr": 3}


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([0, 1], "1 of 3 recordings were lost, the first is c"),
        ([0, 0, 1, 2], "a was made where b was expected, as .* lists them"),
        ([0, 2, 1], "c was made where b was expected"),
        ([0, 1, 2, 2], "c was made where no more was expected"),
    ],
)
def test_a_recording_that_is_lost_doubled_or_out_of_order_is_refused(tmp_path, order, message):
    there = packed(tmp_path, ["a", "b", "c"])
    with pytest.raises(Refused, match=message):
        list(between.same_recordings(made_of(there, order), there, True))


def test_another_length_is_refused_unless_the_module_says_so(tmp_path):
    there = packed(tmp_path, ["a", "b"])
    shorter = [({"id": "a"}, dict(there[0])), ({"id": "b"}, {"wave": there[1]["wave"][:90]})]
    assert len(list(between.same_recordings(shorter, there, False))) == 2
    with pytest.raises(Refused, match="b, track wave: 90 rows were made of 101"):
        list(between.same_recordings(shorter, there, True))


def test_what_is_not_finite_is_refused(tmp_path):
    there = packed(tmp_path, ["a"])
    broken = np.array([[1, np.inf], [np.nan, 2]], np.float16)
    with pytest.raises(Refused, match="a, track embedding: 2 of 4 are not finite"):
        list(between.same_recordings([({"id": "a"}, {"embedding": broken})], there, False))
    with pytest.raises(Refused, match="new, track embedding: 2 of 4 are not finite"):
        list(between.with_synthetic({"": [({"id": "new"}, {"embedding": broken})]}, there))


def test_synthetic_recordings_stand_behind_the_real_ones_each_in_the_fold_that_it_was_made_of(tmp_path):
    there = packed(tmp_path, ["a", "b"], folds=["1 2", "2"])
    made = {fold: [({"id": "new"}, {"wave": np.ones(5, np.int16)})] for fold in ("1", "2")}
    rows = pd.DataFrame(row for row, _ in between.with_synthetic(made, there))
    assert rows["id"].tolist() == ["a", "b", "new_fold-1", "new_fold-2"]
    assert rows["synthetic"].tolist() == [0, 0, 1, 1] and rows["folds"].tolist() == ["1 2", "2", "1", "2"]


def test_a_synthetic_recording_with_the_id_of_another_is_refused(tmp_path):
    there = packed(tmp_path, ["a"])
    with pytest.raises(Refused, match="the synthetic recording a has the id of another"):
        list(between.with_synthetic({"": made_of(there)}, there))


@pytest.mark.parametrize("split", ["dev", "eval"])
def test_a_synthetic_recording_that_says_it_is_of_dev_or_eval_is_refused(tmp_path, split):
    there = packed(tmp_path, ["a"], split=["train"])
    made = {"": [({"id": "new", "split": split}, {"wave": np.ones(5, np.int16)})]}
    with pytest.raises(Refused, match=f"recording new says that it is of {split}: what is made up is train's alone"):
        list(between.with_synthetic(made, there))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A workspace with recordings of two splits and their eval, and the toys in reach."""
    monkeypatch.chdir(tmp_path)
    for split in ("train", "dev", "eval"):
        packed(tmp_path / "data/features/levels" / split, [f"{split}{i}" for i in range(3)], speaker=["s"] * 3)
    with importable(TOYS / "denoise", TOYS / "heads"):
        yield tmp_path


def write_params(folder, section, **entry):
    tree = {name: {} for name in params.SECTIONS}
    entry = {"recordings": "features/levels", "weights": NO_WEIGHTS, "settings": {"batch_size": 2}} | entry
    tree |= {"seed": 1, "num_threads": torch.get_num_threads(), "device": "cpu", section: {"it": entry}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))


def denoiser(folder, name="seed-1/best_noise_left"):
    """Weights of the toy denoiser where its training would have written them."""
    torch.manual_seed(0)
    network = by_name.build("toy_filter", "small", {}, 1)
    path = f"checkpoints/denoiser/{name}.safetensors"
    write_weights(folder / "data" / path, network, by_name.about("toy_filter", "small", {}, 1))
    return network, {"task": "denoise", "weights": path, "network": "toy_filter"}


def test_cleaned_recordings_are_what_the_network_makes_of_each_alone(folder):
    network, entry = denoiser(folder)
    write_params(folder, "cleaned", **entry)
    clean.main("it")
    for split in ("train", "dev", "eval"):
        before, after = (Shards(folder / f"data/{place}/{split}") for place in ("features/levels", "cleaned/it"))
        pd.testing.assert_frame_equal(before.about, after.about)
        assert after.tracks == wave_at(RATE)
        for i in range(3):
            wave = torch.from_numpy(before.track("wave").wave(i))
            with torch.no_grad():
                expected = network(wave[None], torch.tensor([len(wave)]))[0].numpy() * 32768
            assert after[i]["wave"] == pytest.approx(expected, abs=0.51)  # rounded to whole samples


def test_clean_refuses_a_rate_that_its_network_does_not_take(folder):
    write_params(folder, "cleaned", **denoiser(folder)[1])
    packed(folder / "data/features/levels/train", ["a"], rate=16000)
    with pytest.raises(Refused, match="is at 16000 Hz, the denoiser takes 8000 Hz"):
        clean.main("it")


def test_clean_refuses_a_track_that_is_not_there(folder):
    write_params(folder, "cleaned", **denoiser(folder)[1])
    noisy = {"noisy": Track("int16", (), RATE)}
    shards.write(folder / "data/features/levels/train", [({"id": "a"}, {"noisy": np.ones(9, np.int16)})], noisy, 1)
    with pytest.raises(Refused, match="has no track wave; it has noisy"):
        clean.main("it")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "no_such_task"}, "unknown task 'no_such_task', expected one of .*denoise"),
        ({"task": "heads"}, "task heads has no clean"),
        ({"network": None}, "cleaned.it has the weights checkpoints/.* and the network None: expected both or none"),
        ({"weights": NO_WEIGHTS}, "the network toy_filter: expected both or none"),
        ({"network": "toy_front"}, "holds network toy_filter.*expected network toy_front"),
        ({"settings": {"batch": 2}}, "cleaned.it.settings has the unknown key batch"),
        ({"weight": 1}, "cleaned.it has the unknown key weight"),
    ],
)
def test_a_wrong_entry_is_refused(folder, change, message):
    write_params(folder, "cleaned", **denoiser(folder)[1] | change)
    with pytest.raises(Refused, match=message):
        clean.main("it")


def test_weights_that_are_not_there_are_named_with_those_that_are(folder):
    entry = denoiser(folder)[1] | {"weights": "checkpoints/denoiser/seed-1/best_eer.safetensors"}
    write_params(folder, "cleaned", **entry)
    with pytest.raises(NotHere, match="best_eer.safetensors; .*/seed-1 has best_noise_left.safetensors"):
        clean.main("it")


def test_a_module_may_say_that_lengths_change(folder, monkeypatch):
    write_params(folder, "cleaned", **denoiser(folder)[1])
    module = load_module("voxdag.tasks.{task}.clean", task="denoise")

    def halved(network, packed, settings, device):
        return (({"id": name}, {"wave": packed[i]["wave"][::2]}) for i, name in enumerate(packed.index["id"]))

    monkeypatch.setattr(module, "clean", halved)
    with pytest.raises(Refused, match="train0, track wave: 50 rows were made of 100"):
        clean.main("it")
    monkeypatch.setattr(module, "KEEPS_LENGTHS", False)
    clean.main("it")
    assert Shards(folder / "data/cleaned/it/dev").track("wave").lengths.tolist() == [50, 51, 51]


def test_embeddings_are_float16_at_the_rate_of_their_frames(folder):
    torch.manual_seed(0)
    network = by_name.build("toy_front", "small", {}, 6)
    (folder / "data/weights").mkdir()
    torch.save(network.state_dict(), folder / "data/weights/front.pth")  # others' weights do not say of which network
    write_params(
        folder, "embedded", task="heads", weights="inputs/weights/front.pth", network="toy_front", config="small"
    )
    embed.main("it")
    after = Shards(folder / "data/embedded/it/dev")
    assert after.tracks == {"embedding": Track("float16", (6,), 200.0)}
    assert after.track("embedding").lengths.tolist() == [
        1,
        1,
        1,
    ]  # of 100 to 102 samples
    wave = Shards(folder / "data/features/levels/dev").track("wave").wave(2)
    filters = network.filters.weight.detach().numpy()[:, 0]  # (6, 80)
    assert after[2]["embedding"][0] == pytest.approx(np.abs(filters @ wave[:80]), rel=2e-3)  # 11 bits


def embedded(folder, split, label):
    recordings = [
        ({"id": f"{split}{i}", "label": name}, {"embedding": np.full((4, 6), value, np.float16)})
        for i, (name, value) in enumerate(label)
    ]
    shards.write(folder / "data/embedded/x" / split, recordings, {"embedding": Track("float16", (6,), 200.0)}, 1)


def test_of_each_fold_the_module_hears_its_own_train_recordings_alone(folder):
    recordings = [
        ({"id": f"{label}{fold}", "label": label, "folds": fold}, {"embedding": np.full((4, 6), value, np.float16)})
        for label in ("low", "high")
        for fold, value in (("1", 1), ("2", 5))
    ]
    track = {"embedding": Track("float16", (6,), 200.0)}
    for split in ("train", "dev", "eval"):
        shards.write(folder / "data/embedded/x" / split, recordings, track, 1)
    settings = {"count": 1, "frames": 3, "seed": 1}
    write_params(folder, "synthetic", task="heads", recordings="embedded/x", settings=settings)
    synthesize.main("it")
    train = Shards(folder / "data/synthetic/it/train")
    made = {train.index["id"][i]: np.unique(train[i]["embedding"]).tolist() for i in range(4, 8)}
    assert made == {
        **{"made-low-00_fold-1": [1], "made-high-00_fold-1": [1]},
        **{"made-low-00_fold-2": [5], "made-high-00_fold-2": [5]},
    }
    assert len(train.fold("1")) == 4 and set(train.fold("1").index["folds"]) == {"1"}


def test_a_network_is_opened_for_evaluation(folder):
    write_params(folder, "cleaned", **denoiser(folder)[1])
    module = load_module("voxdag.tasks.{task}.clean", task="denoise")
    network = between.open_network(params.between(params.read(), "cleaned", "it"), module, "cleaned.it", CPU)
    assert not network.training


def test_synthesize_learns_from_train_and_passes_the_rest_on_unread(folder):
    embedded(folder, "train", [("low", 1), ("high", 5)])
    for split in ("dev", "eval"):
        (folder / "data/embedded/x" / split).mkdir()
        (folder / "data/embedded/x" / split / "index.csv").write_bytes(b"\xff\xfe no table")
    settings = {"count": 2, "frames": 3, "seed": 1}
    write_params(folder, "synthetic", task="heads", recordings="embedded/x", settings=settings)
    synthesize.main("it")
    train = Shards(folder / "data/synthetic/it/train")
    assert train.index["synthetic"].tolist() == [0, 0, 1, 1, 1, 1]
    assert train.index["label"].tolist() == ["low", "high", "low", "low", "high", "high"]
    assert [np.unique(train[i]["embedding"]).tolist() for i in range(6)] == [[1], [5], [1], [1], [5], [5]]
    for split in ("dev", "eval"):
        assert (folder / f"data/synthetic/it/{split}/index.csv").read_bytes() == b"\xff\xfe no table"


def test_files_that_stages_between_name_are_hashed_each_for_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("VOXDAG_WEIGHTS", str(tmp_path))
    (tmp_path / "a.pth").write_bytes(b"a")
    sections = {
        "cleaned": {
            "x": {"weights": "inputs/weights/a.pth"},
            "y": {"weights": "checkpoints/s/last.safetensors"},
        },
        "embedded": {"x": {"weights": NO_WEIGHTS}, "y": {"weights": "inputs/weights/b.pth"}},
    }
    found = inputs.weights_between(sections)
    assert found.keys() == {"a.pth", "b.pth", "none"}
    assert found["none"] == "none\n" and found["b.pth"] == "absent\n" and len(found["a.pth"]) == 33
    (tmp_path / "a.pth").write_bytes(b"b")
    assert inputs.weights_between(sections)["a.pth"] != found["a.pth"]
