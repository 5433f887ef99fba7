"""Packed recordings of three classes that any recogniser tells apart: tones of different pitch in noise."""

import numpy as np
import pytest

from voxdag.audio.acoustic import Acoustic
from voxdag.data import shards
from voxdag.tasks.emotion.inference import Settings

PITCHES = {"neutral": 200, "happy": 900, "sad": 2500}  # Hz


def packed_in(folder, speakers, each=4, folds=None, seed=0):
    rng = np.random.default_rng(seed)
    recordings = []
    for speaker in speakers:
        for label, hz in PITCHES.items():
            for i in range(each):
                time = np.arange(rng.integers(4000, 9000)) / 16000
                tone = 0.2 * np.sin(2 * np.pi * hz * rng.uniform(0.9, 1.1) * time) + 0.02 * rng.normal(size=time.size)
                about = {"speaker": speaker, "sex": "male", "intensity": "normal", "sentence": "1", "label": label}
                fold = {"folds": folds} if folds else {}
                recordings.append(({"id": f"{speaker}-{label}-{i}"} | about | fold, {"wave": np.int16(tone * 32767)}))
    shards.write(folder, recordings, shards.wave_at(16000), 100)
    return shards.Shards(folder)


@pytest.fixture
def packed(tmp_path):
    speakers = {"train": "abcd", "dev": "ef", "eval": "gh"}
    return {split: packed_in(tmp_path / split, names) for split, names in speakers.items()}


@pytest.fixture
def pack():
    return packed_in


@pytest.fixture
def scoring():
    return lambda **changes: Settings(acoustic(**changes), batch_size=5, window_seconds=0.5)


def acoustic(**changes):
    values = {
        "kind": "log_mel", "bands": 64, "coefficients": 40, "window_ms": 25.0, "hop_ms": 10.0, "low_hz": 50.0,
        "high_hz": 7600.0, "deltas": 0, "cmvn": "utterance",
    }  # fmt: skip
    return Acoustic(**(values | changes))
