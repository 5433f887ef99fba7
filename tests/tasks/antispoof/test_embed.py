"""What a frozen front end says of recordings, packed once and trained on: as if the waves were heard each time."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml

from models.ssl_front_end import PUBLISHED
from stages import embed, train
from tests.countermeasures import SYSTEM, configure, packed, place  # noqa: F401
from voxdag import predict
from voxdag.core import params
from voxdag.core.errors import NotHere, Refused
from voxdag.data import layout
from voxdag.data.members import Member
from voxdag.data.shards import Shards, Track
from voxdag.networks import by_name
from voxdag.networks.base import FINGERPRINT, fingerprint
from voxdag.networks.weights import read_weights, write_weights
from voxdag.tasks import file_scoring
from voxdag.tasks.antispoof import inference, learner
from voxdag.tasks.antispoof.augmentation import Augmentation
from voxdag.training.batches import LoaderSettings

SAMPLES = 3000
FOLDERS = ("features/antispoof", "embedded/it")
CPU = torch.device("cpu")
ENTRY = {
    "task": "antispoof", "recordings": "features/antispoof", "weights": "inputs/weights/wavlm.pth",
    "network": "ssl_moments", "config": "tiny", "changes": {}, "settings": {"samples": SAMPLES, "batch_size": 4},
}  # fmt: skip


@pytest.fixture
def embedded(place):  # noqa: F811
    """The folder, with recordings embedded, and the network that was loaded with the same front end."""
    packed(place / "data/features/antispoof/train", 12, 40)
    torch.manual_seed(3)
    network = by_name.build("ssl_pooling", "tiny", {}, 2)
    (place / "data/weights").mkdir()
    published = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(PUBLISHED)}
    torch.save(published, place / "data/weights/wavlm.pth")
    write(place, ENTRY)
    embed.main("it")
    return place, network


def write(folder, entry):
    configure()
    tree = yaml.safe_load((folder / "params.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump(tree | {"embedded": {"it": entry}}))


def scores(network, shards, samples=SAMPLES):
    settings = inference.Settings(samples, 4, "logit_difference")
    return inference.predict(network.eval(), shards, settings, CPU, {})["score"].to_numpy()


def test_scores_are_those_of_the_waves(embedded):
    _, network = embedded
    torch.nn.init.normal_(network.pooling.sum.weights)
    of_waves, of_moments = (scores(network, Shards(layout.recordings(f, "eval"))) for f in FOLDERS)
    assert of_moments == pytest.approx(of_waves, rel=1e-4, abs=1e-6) and np.ptp(of_waves) > 1e-4


def test_the_folder_says_what_it_is_made_of(embedded):
    made, before = (Shards(layout.recordings(folder, "train")) for folder in reversed(FOLDERS))
    assert made.tracks == {"moments": Track("float32", (16,), None)}
    assert set(made.track("moments").lengths) == {5}
    assert made.about.drop(columns=["embedded_samples", "embedded_by"]).equals(before.about)
    assert set(made.index["embedded_samples"]) == {SAMPLES}


def test_a_shorter_recording_is_repeated(embedded):
    folder, network = embedded
    write(folder, ENTRY | {"settings": {"samples": 9000, "batch_size": 4}})
    embed.main("it")
    of_waves, of_moments = (scores(network, Shards(layout.recordings(f, "dev")), 9000) for f in FOLDERS)
    assert of_moments == pytest.approx(of_waves, rel=1e-4, abs=1e-6)


def test_crops_of_another_length_are_refused(embedded):
    _, network = embedded
    with pytest.raises(Refused, match="eval was made of crops of 3000 samples, expected 2000, as the system's"):
        scores(network, Shards(layout.recordings("embedded/it", "eval")), 2000)


def test_training_gets_what_was_embedded(embedded):
    made, settings = Shards(layout.recordings("embedded/it", "train")), learner.Settings(SAMPLES, (0.5, 0.5), False)
    crops = learner._crops(made, np.arange(12), settings, LoaderSettings(4, 1, CPU, 0), embedded[1])
    batch = crops.__getitems__([(0, 3), (5, 7)])
    assert batch["waves"].dtype == torch.float32 and batch["labels"].tolist() == [3, 7]
    for i, row in zip((3, 7), batch["waves"], strict=True):
        assert np.array_equal(row.numpy(), made[i]["moments"])


def test_what_was_embedded_is_not_augmented(embedded):
    made = Shards(layout.recordings("embedded/it", "train"))
    settings = learner.Settings(SAMPLES, (0.5, 0.5), False, augmentation=Augmentation())
    with pytest.raises(Refused, match="augmentation is of waves, and .*train holds what was embedded: expected null"):
        learner._crops(made, np.arange(12), settings, LoaderSettings(4, 1, CPU, 0), embedded[1])


@pytest.mark.parametrize("changes", [{}, {"kind": "wav2vec2"}])
def test_another_front_end_is_refused(embedded, changes):
    torch.manual_seed(4)
    other, shards = by_name.build("ssl_pooling", "tiny", changes, 2), Shards(layout.recordings("embedded/it", "train"))
    settings, loader = learner.Settings(SAMPLES, (0.5, 0.5), False), LoaderSettings(4, 1, CPU, 0)
    message = "train was embedded by another front end than that of the network"
    with pytest.raises(Refused, match=message):
        scores(other, shards)
    with pytest.raises(Refused, match=message):
        learner._crops(shards, np.arange(12), settings, loader, other)


def test_a_network_that_takes_no_moments_is_refused_by_name(embedded):
    other = by_name.build("layer_pooling", "quick", {}, 2)
    with pytest.raises(Refused, match="holds what was embedded, which ssl_pooling takes, and the network is Layer"):
        scores(other, Shards(layout.recordings("embedded/it", "dev")))


def test_a_crop_without_a_frame_is_refused(embedded):
    folder, _ = embedded
    write(folder, ENTRY | {"settings": {"samples": 300, "batch_size": 4}})
    with pytest.raises(Refused, match="samples is 300, expected 325 or more: those of one frame"):
        embed.main("it")


def test_a_recogniser_behind_a_published_front_end_is_left_out_and_another_kind_refused(embedded):
    file = embedded[0] / "data/weights/wavlm.pth"
    before = Shards(layout.recordings("embedded/it", "dev"))[3]["moments"].copy()
    torch.save(torch.load(file) | {"aux.weight": torch.zeros(2, 16), "aux.bias": torch.zeros(2)}, file)
    embed.main("it")
    assert np.array_equal(Shards(layout.recordings("embedded/it", "dev"))[3]["moments"], before)
    other = by_name.build("ssl_pooling", "tiny", {"kind": "wav2vec2"}, 2).state_dict()
    torch.save({name: tensor for name, tensor in other.items() if name.startswith(PUBLISHED)}, file)
    with pytest.raises(Refused, match="embedded.it.weights, .*wavlm.pth: .*expected those of wavlm of 2 layers"):
        embed.main("it")


@pytest.mark.parametrize("network", [None, "layer_pooling"])
def test_another_network_is_refused(embedded, network):
    folder, _ = embedded
    entry = ENTRY | {"network": network, "weights": "inputs/weights/none", "config": None, "changes": None}
    if network:
        torch.save(by_name.build(network, "quick", {}, 1).state_dict(), folder / "data/weights/other.pth")
        entry |= {"weights": "inputs/weights/other.pth", "config": "quick", "changes": {}}
    write(folder, entry)
    with pytest.raises(Refused, match="anti-spoofing embeds with the network ssl_moments, and .* was named"):
        embed.main("it")


# What was learned of embedded recordings scores files


@pytest.fixture
def learned(embedded):
    """The folder, with weights of a system that reads embedded recordings, as training writes them."""
    folder, network = embedded
    torch.nn.init.normal_(network.pooling.sum.weights)
    system = SYSTEM | {
        "recordings": "embedded/it", "network": "ssl_pooling", "seeds": [1],
        "model": {"config": "tiny", "changes": {}, "init_weights": "wavlm.pth"},
        "inference": {"samples": SAMPLES, "batch_size": 4, "score": "logit_difference"},
    }  # fmt: skip
    tree = yaml.safe_load((folder / "params.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump(tree | {"systems": {"one": system}}))
    tree = params.read()
    about = by_name.about("ssl_pooling", "tiny", {}, 2) | {"system": "one", "base": "wavlm.pth"}
    about |= file_scoring.of_system(tree, params.system(tree, "one")).header() | {FINGERPRINT: fingerprint(network)}
    write_weights(layout.checkpoints("one", "seed-1") / "last.safetensors", network, about)
    return folder, network


def predicted(capsys, *words):
    """The rows that predict prints of the recordings of eval, as files."""
    packed = Shards(layout.recordings("features/antispoof", "eval"))
    files = [f"{name}.wav" for name in packed.index["id"]]
    for file, samples in zip(files, packed.track("wave"), strict=True):
        soundfile.write(file, samples, 16000)
    predict.run(predict.parse([*words, "--pool", "first", *files]))
    return pd.read_csv(io.StringIO(capsys.readouterr().out))


@pytest.mark.parametrize("words", [("--system", "one"), ("--weights", "data/checkpoints/one/seed-1/last.safetensors")])
def test_files_have_the_scores_of_their_embeddings(learned, capsys, words):
    _, network = learned
    rows = predicted(capsys, *words)
    expected = scores(network, Shards(layout.recordings("embedded/it", "eval")))
    assert rows["score"].to_numpy() == pytest.approx(expected, rel=1e-4, abs=2e-6)  # six decimals, float sums
    assert np.ptp(expected) > 1e-4


def test_a_front_end_that_is_gone_or_another_scores_no_file(learned, capsys):
    folder, _ = learned
    base = folder / "data/weights/wavlm.pth"
    tensors = torch.load(base)
    first = next(iter(tensors))
    torch.save(tensors | {first: tensors[first] + 0.01}, base)
    with pytest.raises(Refused, match=r"wavlm.pth in the weights folder is not the base of .*: the hash of"):
        predicted(capsys, "--system", "one")
    base.unlink()
    with pytest.raises(NotHere, match="no weights at data/weights/wavlm.pth"):
        predicted(capsys, "--system", "one")


def test_training_writes_the_fingerprint_of_its_front_end(learned):
    tree, (_, network) = params.read(), learned
    system, key = params.system(tree, "one"), "seed-1"
    made = SimpleNamespace(networks={"it": network}, main="it")
    state = train.open_run_state("one", system, Member("", 1), tree, made)
    held = read_weights(layout.checkpoints("one", key) / "last.safetensors")[1]
    assert {word: state.about[word] for word in ("base", FINGERPRINT)} == {
        "base": "wavlm.pth", FINGERPRINT: held[FINGERPRINT]
    }  # fmt: skip
