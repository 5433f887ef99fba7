"""From the default corpus, made small, to packed pairs; and what happens to a pair of which a file is no good."""

import copy
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from stages import features, prepare
from voxdag.core import artifacts, params
from voxdag.core.errors import Refused
from voxdag.corpora.readers.simulated_noisy import Options, read
from voxdag.data import layout
from voxdag.data.shards import Shards
from voxdag.tasks.enhance.data import COLUMNS, TRACKS

TREE = params.read()
CORPUS = {
    "root": "simulated_noisy",
    "seed": 1,
    "train": {"speakers": 2, "utterances": 4, "snrs": [0.0, 10.0]},
    "dev": {"speakers": 1, "utterances": 2, "snrs": [0.0]},
    "eval": {"speakers": 2, "utterances": 4, "snrs": [5.0]},
    "seconds": [1.8, 1.9],
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """A corpora folder with the small corpus."""
    folder = tmp_path_factory.mktemp("corpora")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOXDAG_JOBS", "1")
        read(folder, params.bind(Options, CORPUS, ""))
    return folder


@pytest.fixture
def run(corpora, tmp_path, monkeypatch):
    """Runs prepare and features in a folder of their own, after `change` of the task's parameters."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOXDAG_CORPORA", str(corpora))
    monkeypatch.setenv("VOXDAG_JOBS", "1")

    def stages(change=lambda task: None):
        task = copy.deepcopy(TREE["tasks"]["enhance"])
        task["prepare"]["corpora"]["simulated_noisy"] = CORPUS
        change(task)
        sections = {name: {} for name in params.SECTIONS} | {"tasks": {"enhance": task}}
        Path("params.yaml").write_text(yaml.safe_dump({"seed": 1, "num_threads": 1, "device": "cpu"} | sections))
        prepare.main("enhance")
        features.main("enhance")

    return stages


def test_pairs_are_packed_as_two_tracks_of_one_length(run, corpora):
    run()
    for split, count in (("train", 4), ("dev", 2), ("eval", 4)):
        listed = layout.utterances("enhance", split, COLUMNS)
        packed = Shards(layout.recordings("features/enhance", split))
        assert packed.index["id"].tolist() == listed["id"].tolist() and len(listed) == count
        assert set(packed.tracks) == set(TRACKS)
        assert packed.track("noisy").lengths.tolist() == packed.track("clean").lengths.tolist()
        assert packed.track("noisy").track.rate == 16000 and packed.index["snr"].dtype == float
        assert {"noise", "speaker", "audio", "clean.audio"} <= set(packed.index)
        assert not {"path", "clean", "bytes", "clean_bytes"} & set(packed.index)
        for i, row in listed.iterrows():
            for track, column in TRACKS.items():
                wave, _ = soundfile.read(corpora / row[column], dtype="int16")
                np.testing.assert_array_equal(packed[i][track], wave)  # neither cut nor scaled
    account = artifacts.read_json("data/features/enhance/split.json")["fixed"]
    assert account["shared_audio"] == account["shared_clean.audio"] == 0
    assert artifacts.read_json("data/manifest/enhance/report.json")["simulated_noisy"]["trials"]["eval"] == 4


def wave_of(seconds=1.0, rate=16000, channels=1, value=None):
    draw = np.random.default_rng(0)
    samples = (round(seconds * rate), channels)
    return (0.1 * draw.standard_normal(samples) if value is None else np.full(samples, value, np.float32)), rate


@pytest.mark.parametrize(
    ("side", "content", "reason"),
    [
        ("clean", wave_of(2.0), "samples, from 1 channels at 16000 Hz, but .*has 32000 samples"),
        ("noisy", wave_of(2.0), "has 32000 samples, from 1 channels"),
        ("clean", wave_of(value=0.0), "silent: peak"),
        ("noisy", wave_of(value=np.nan), "16000 samples are not finite"),
        ("noisy", wave_of(value=3.0), "100.0 % of the samples lie beyond full scale"),
        ("clean", wave_of(rate=48000), "channels at 48000 Hz"),
        ("clean", wave_of(channels=2), "from 2 channels at 16000 Hz"),
        ("noisy", wave_of(0.1), "0.1000 s long, shorter than 0.25 s"),
        ("clean", b"", "empty file"),
        ("clean", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a pointer of Git LFS"),
    ],
)
def test_a_pair_of_which_a_file_is_no_good_is_set_aside_by_that_file(run, corpora, side, content, reason):
    [path] = corpora.glob(f"simulated_noisy/*/{side}_testset_wav/p004_001.flac")
    before = path.read_bytes()
    try:
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            soundfile.write(path, *content, format="WAV", subtype="FLOAT")
        run(lambda task: task["features"].update(max_quarantined=0.1))
        quarantine = artifacts.read_table("data/features/enhance/quarantine.csv", {})
        assert quarantine["id"].tolist() == ["p004_001"]
        said = f"{quarantine['path'][0]}: {quarantine['reason'][0]}"
        assert f"{side}_testset_wav/p004_001.flac" in said
        assert Shards(layout.recordings("features/enhance", "eval")).index["id"].tolist().count("p004_001") == 0
        with pytest.raises(Refused, match=rf"1 of 10 recordings .*p004_001.flac: .*{reason}"):
            run()
    finally:
        path.write_bytes(before)


def test_a_noisy_file_without_its_clean_one_stops_prepare_by_its_name(run, corpora):
    [path] = corpora.glob("simulated_noisy/*/clean_testset_wav/p004_001.flac")
    away = path.rename(path.with_suffix(".away"))
    try:
        with pytest.raises(Refused, match=r"1 of 10 recordings .* are absent .*clean_testset_wav/p004_001"):
            run()
        run(lambda task: task["prepare"].update(max_absent=0.1))
        assert len(layout.utterances("enhance", "eval", COLUMNS)) == 3
    finally:
        away.rename(path)


def test_a_front_end_that_would_cut_the_two_elsewhere_is_refused(run):
    front_end = {"denoise": "none", "vad": "trim", "min_seconds": 0.2, "max_seconds": None}
    with pytest.raises(Refused, match="tasks.enhance.features.front_end must be null: it would cut noisy, clean each"):
        run(lambda task: task["features"].update(front_end=front_end))
