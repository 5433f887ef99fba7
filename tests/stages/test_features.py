"""Packing: order, quarantine, types of the manifest, and the same bytes by any number of processes."""

import functools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from stages import features
from voxdag.audio.decode import Decoding
from voxdag.audio.front_end import FrontEnd
from voxdag.core import parallel
from voxdag.core.errors import Refused
from voxdag.data.recordings import Features, read_audio
from voxdag.data.shards import Shards

SETTINGS = Features(Decoding(16000, 0.1, 1e-4, 0.01), None, 0.5, 1)


@pytest.fixture
def utterances(tmp_path):
    draw = np.random.default_rng(0)
    for i in range(12):
        soundfile.write(tmp_path / f"{i}.wav", draw.uniform(-0.5, 0.5, 2000 + 100 * i), 16000)
    (tmp_path / "4.wav").write_bytes(b"")
    columns = {"split": "dev", "speaker": "01", "label": 0.5, "codec": "001", "bytes": 1}
    return pd.DataFrame({"id": [f"u{i}" for i in range(12)], "path": [f"{i}.wav" for i in range(12)], **columns})


def packed(utterances, folder, out, jobs):
    read = functools.partial(features.read, folder=folder, features=SETTINGS)
    found = parallel.stream(read, utterances["path"].tolist(), jobs, "files")
    return features.pack(utterances, found, out, SETTINGS)


def test_the_bytes_do_not_depend_on_the_number_of_processes(utterances, tmp_path):
    for jobs in (1, 2):
        packed(utterances, tmp_path, tmp_path / f"{jobs}", jobs)
    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert names == ["index.csv", "shards.json", "wave-000.npy"]
    assert all((tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes() for name in names)


def test_recordings_are_in_the_manifests_order_and_what_is_broken_is_set_aside(utterances, tmp_path):
    _, quarantine = packed(utterances, tmp_path, tmp_path / "out", 1)
    folder = Shards(tmp_path / "out")
    assert folder.index["id"].tolist() == [f"u{i}" for i in range(12) if i != 4]
    assert folder.track("wave").lengths.tolist() == [2000 + 100 * i for i in range(12) if i != 4]
    assert quarantine.to_dict("records") == [{"id": "u4", "split": "dev", "path": "4.wav", "reason": "empty file"}]
    kinds = {name: str(kind) for name, kind in folder.about.dtypes.items()}
    assert "path" not in kinds and "bytes" not in kinds and folder.index["codec"][0] == "001"
    assert kinds["label"] == "float64" and kinds["clipped"] == "int64" and kinds["speaker"] == "str"
    assert folder.waves(16000, "it").track.rate == 16000


def test_the_recordings_of_the_next_split_are_left_to_it(utterances, tmp_path):
    read = functools.partial(features.read, folder=tmp_path, features=SETTINGS)
    found = parallel.stream(read, utterances["path"].tolist(), 1, "files")
    for name, rows in (("dev", utterances[:5]), ("eval", utterances[5:])):
        features.pack(rows, found, tmp_path / name, SETTINGS)
    assert Shards(tmp_path / "dev").track("wave").lengths.tolist() == [2000, 2100, 2200, 2300]
    assert Shards(tmp_path / "eval").track("wave").lengths.tolist() == [2000 + 100 * i for i in range(5, 12)]


def test_too_many_broken_recordings_are_refused_with_examples():
    broken = pd.DataFrame({"path": ["a.wav", "b.wav"], "reason": ["absent", "empty file"]})
    with pytest.raises(
        Refused, match=r"2 of 10 recordings \(20.0%\).*max_quarantined 10.0%: a.wav: absent; b.wav: empty"
    ):
        features.check_quarantine(broken, 10, 0.1, "quarantine.csv")
    features.check_quarantine(broken, 10, 0.2, "quarantine.csv")


PAIR = {"noisy": "path", "clean": "clean_path"}


def write(path, samples, channels=1, rate=16000):
    """Noise that no other file of that many samples has."""
    draw = np.random.default_rng([samples, *path.name.encode()])
    soundfile.write(path, draw.uniform(-0.5, 0.5, (samples, channels)), rate)


def packed_pairs(pairs, folder):
    read = functools.partial(features.read, folder=folder, features=SETTINGS)
    found = parallel.stream(read, features.paths(pairs, PAIR), 1, "files")
    return features.pack(pairs, found, folder / "out", SETTINGS, PAIR)


def test_a_recording_of_several_files_is_packed_whole_or_not_at_all(utterances, tmp_path):
    pairs = utterances.assign(clean_path=[f"clean-{i}.wav" for i in range(12)], clean_path_bytes=1)
    for i in range(12):
        write(tmp_path / f"clean-{i}.wav", 2000 + 100 * i)
    (tmp_path / "clean-6.wav").write_bytes(b"RIFF")
    _, quarantine = packed_pairs(pairs, tmp_path)
    assert quarantine[["id", "path"]].to_numpy().tolist() == [["u4", "4.wav"], ["u6", "clean-6.wav"]]
    folder, kept = Shards(tmp_path / "out"), [i for i in range(12) if i not in (4, 6)]
    for track in PAIR:
        assert folder.track(track).lengths.tolist() == [2000 + 100 * i for i in kept]
    assert not {"clean_path", "clean_path_bytes"} & set(folder.index) and folder.index["seconds"][1] == 2100 / 16000
    # digests of what was decoded: the noisy one is the recording's own, the clean one stands beside it
    again = [read_audio(f"{name}1.wav", tmp_path, SETTINGS).columns["audio"] for name in ("", "clean-")]
    assert folder.index.loc[1, ["audio", "clean.audio"]].tolist() == again and again[0] != again[1]


def test_a_recording_whose_files_hold_the_same_audio_is_quarantined(utterances, tmp_path):
    pair = utterances[:1].assign(path="noisy.wav", clean_path="clean.flac", clean_path_bytes=1)
    write(tmp_path / "noisy.wav", 2000)
    wave, rate = soundfile.read(tmp_path / "noisy.wav", dtype="int16")
    soundfile.write(tmp_path / "clean.flac", wave, rate)
    index, quarantine = packed_pairs(pair, tmp_path)
    assert not len(index) and quarantine["reason"].tolist() == ["holds the audio of clean.flac"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"samples": 1999}, "has 2000 samples, from 1 channels at 16000 Hz, but clean.wav has 1999 samples, from 1 "),
        ({"channels": 2}, "but clean.wav has 2000 samples, from 2 channels at 16000 Hz: expected the same of both"),
        ({"samples": 6000, "rate": 48000}, "but clean.wav has 2000 samples, from 1 channels at 48000 Hz"),
    ],
)
def test_files_that_are_no_tracks_of_one_recording_are_set_aside_with_both_names(tmp_path, changed, message):
    write(tmp_path / "noisy.wav", 2000)
    write(tmp_path / "clean.wav", **{"samples": 2000} | changed)
    pairs = pd.DataFrame([{"id": "u", "path": "noisy.wav", "clean_path": "clean.wav", "split": "dev"}])
    _, quarantine = packed_pairs(pairs, tmp_path)
    assert quarantine["path"].tolist() == ["noisy.wav"] and message in quarantine["reason"][0]


def test_channels_of_both_tracks_are_averaged_alike(tmp_path):
    # the mean of channels is linear, so what was added to them is still what differs between the tracks
    draw = np.random.default_rng(1)
    clean, noise = draw.uniform(-0.4, 0.4, (2, 2000, 2))
    for name, wave in (("clean.wav", clean), ("noisy.wav", clean + noise)):
        soundfile.write(tmp_path / name, wave, 16000, subtype="DOUBLE")
    pairs = pd.DataFrame([{"id": "u", "path": "noisy.wav", "clean_path": "clean.wav", "split": "dev"}])
    packed_pairs(pairs, tmp_path)
    noisy, heard = (Shards(tmp_path / "out").track(track)[0].astype(int) for track in PAIR)
    assert np.abs(noisy - heard - 32768 * noise.mean(axis=1)).max() <= 1  # each is rounded once


def test_two_splits_may_share_the_audio_of_no_track():
    rows = [("u0", "train", "n0", "c0"), ("u1", "train", "n1", "c0"), ("u2", "eval", "n2", "c1")]
    index = pd.DataFrame(rows, columns=["id", "split", "audio", "clean.audio"]).assign(speaker="s")
    account = features.accounts(index, PAIR)["fixed"]
    assert account["shared_audio"] == account["shared_clean.audio"] == 0  # two noisy ones of one clean one in a split
    assert list(account["splits"]) == ["eval", "train"]
    for column, message in (("audio", "1 audio values are in two"), ("clean.audio", "1 clean.audio values are in")):
        leaking = index.assign(**{column: [*index[column][:2], index[column][1]]})
        with pytest.raises(Refused, match=f"{message}.*u1 in train, u2 in eval|{message}.*u0 in train, u2 in eval"):
            features.accounts(leaking, PAIR)


def test_a_front_end_would_cut_each_track_elsewhere():
    data, cut = SimpleNamespace(TRACKS=PAIR), FrontEnd(denoise="none", vad="trim", min_seconds=0.2, max_seconds=30.0)
    with pytest.raises(Refused, match="tasks.x.features.front_end must be null: it would cut noisy, clean each"):
        features.files_of(data, replace(SETTINGS, front_end=cut), "x")
    assert features.files_of(data, SETTINGS, "x") == PAIR
    assert features.files_of(SimpleNamespace(), SETTINGS, "x") == {"wave": "path"}


def test_what_is_heard_goes_before_what_the_manifest_says_of_it(utterances, tmp_path):
    packed(utterances.assign(seconds="99"), tmp_path, tmp_path / "out", 1)
    assert Shards(tmp_path / "out").index["seconds"][0] == 2000 / 16000
