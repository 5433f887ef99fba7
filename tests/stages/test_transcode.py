"""The stage that sends recordings through codecs: shards by each split's rule, the same whatever was there before."""

import numpy as np
import pytest
import yaml

from stages import transcode
from tests.speech import spoken
from voxdag.audio import codecs
from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.shards import Shards

RULES = {
    "train": {"original": True, "versions": 2, "codecs": ["mp3", "gsm"]},
    "dev": {"original": False, "versions": 1, "codecs": ["none", "mp3", "gsm"]},
    "eval": {"original": False, "versions": 1, "codecs": ["none", "vorbis", "alaw"]},
}
COUNTS = {"train": 3, "dev": 4, "eval": 5}


def recordings(count, seed):
    for i in range(count):
        wave = np.round(spoken(0.3, 100 + 20 * i + seed) * 20000).astype(np.int16)
        yield {"id": f"u{seed}{i}", "split": "train", "label": "spoof" if i % 2 else "bonafide"}, {"wave": wave}


def write_params(folder, **changes):
    tree = {section: {} for section in params.SECTIONS}
    entry = {"task": "antispoof", "recordings": "features/antispoof", "weights": "inputs/weights/none"}
    entry |= {"settings": {"seed": 1} | RULES} | changes
    tree |= {"seed": 1, "num_threads": 1, "device": "cpu", "coded": {"it": entry}}
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOXDAG_JOBS", "1")
    for seed, (split, count) in enumerate(COUNTS.items()):
        place = tmp_path / "data/features/antispoof" / split
        shards.write(place, recordings(count, seed), shards.wave_at(16000), 100)
    write_params(tmp_path)
    return tmp_path


def test_each_split_has_what_its_rule_says_and_the_index_what_was_done(folder):
    transcode.main("it")
    train, dev, heard = (Shards(folder / "data/coded/it" / split) for split in COUNTS)
    before = Shards(folder / "data/features/antispoof/train")
    assert [len(train), len(dev), len(heard)] == [9, 4, 5]
    assert train.index["original"].tolist() == [f"u0{i}" for i in range(3) for _ in range(3)]
    assert train.index["label"].tolist() == [before.index["label"][i] for i in range(3) for _ in range(3)]
    assert set(train.index["codec"]) == {"none", "mp3", "gsm"} and set(heard.index["codec"]) <= {
        "none",
        "vorbis",
        "alaw",
    }
    for i, row in train.index.iterrows():
        wave, original = train[i]["wave"], before[i // 3]["wave"]
        assert len(wave) == len(original)
        if row["codec"] == "none":
            assert (wave == original).all() and row["kbps"] == 0
        else:
            expected = codecs.through(original / 32768, 16000, row["codec"], row["quality"])
            assert np.abs(wave / 32768 - expected.wave).max() <= 1 / 32768 and row["kbps"] > 5


def test_what_was_coded_before_and_the_number_of_processes_change_no_byte(folder, monkeypatch):
    def written():
        transcode.main("it")
        return {path.name: path.read_bytes() for path in sorted((folder / "data/coded").rglob("*.*"))}

    first = written()
    assert list((folder / "data/codecs").rglob("*.flac"))
    monkeypatch.setenv("VOXDAG_CODECS", "elsewhere")
    monkeypatch.setenv("VOXDAG_JOBS", "2")
    assert written() == first and list((folder / "elsewhere").rglob("*.flac"))
    assert written() == first


def test_a_codec_that_is_not_to_be_had_stops_the_stage_at_once(folder, monkeypatch):
    def lacking(*_):
        raise ValueError("unknown encoder")

    monkeypatch.setattr(codecs.by_soundfile, "through", lacking)
    with pytest.raises(Refused, match="the codec mp3 is not to be had here: soundfile .* says unknown encoder"):
        transcode.main("it")
    assert not (folder / "data/coded").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "checkpoints/x/y.safetensors", "network": "ast"}, "coded.it.network is ast, expected null"),
        ({"settings": {"seed": 1, "train": RULES["train"]}}, "coded.it.settings lacks the key dev, eval"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(folder, changes, message):
    write_params(folder, **changes)
    with pytest.raises(Refused, match=message):
        transcode.main("it")


def test_other_tracks_than_a_wave_are_refused(folder):
    tracks = {"wave": shards.Track("float16", (3,), 50)}
    made = (({"id": "a"}, {"wave": np.zeros((4, 3), np.float16)}) for _ in range(1))
    shards.write(folder / "data/features/antispoof/train", made, tracks, 100)
    with pytest.raises(Refused, match="expected the one track wave, of 16 bits"):
        transcode.main("it")
