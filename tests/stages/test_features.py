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
from voxdag.data.recordings import Features
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


def test_a_recording_of_several_files_is_packed_whole_or_not_at_all(utterances, tmp_path):
    pairs = utterances.assign(clean_path=[f"{(i + 1) % 12}.wav" for i in range(12)])  # 4.wav is broken, so 3 and 4 are
    read = functools.partial(features.read, folder=tmp_path, features=SETTINGS)
    found = parallel.stream(read, features.paths(pairs, PAIR), 1, "files")
    _, quarantine = features.pack(pairs, found, tmp_path / "out", SETTINGS, PAIR)
    assert quarantine[["id", "path"]].to_numpy().tolist() == [["u3", "4.wav"], ["u4", "4.wav"]]
    folder, kept = Shards(tmp_path / "out"), [i for i in range(12) if i not in (3, 4)]
    assert folder.track("noisy").lengths.tolist() == [2000 + 100 * i for i in kept]
    assert folder.track("clean").lengths.tolist() == [2000 + 100 * ((i + 1) % 12) for i in kept]
    assert "clean_path" not in folder.index and folder.index["seconds"][1] == 2100 / 16000


def test_a_front_end_would_cut_each_track_elsewhere():
    data, cut = SimpleNamespace(TRACKS=PAIR), FrontEnd(denoise="none", vad="trim", min_seconds=0.2, max_seconds=30.0)
    with pytest.raises(Refused, match="tasks.x.features.front_end must be null: it would cut noisy, clean each"):
        features.files_of(data, replace(SETTINGS, front_end=cut), "x")
    assert features.files_of(data, SETTINGS, "x") == PAIR
    assert features.files_of(SimpleNamespace(), SETTINGS, "x") == {"wave": "path"}


def test_what_is_heard_goes_before_what_the_manifest_says_of_it(utterances, tmp_path):
    packed(utterances.assign(seconds="99"), tmp_path, tmp_path / "out", 1)
    assert Shards(tmp_path / "out").index["seconds"][0] == 2000 / 16000
