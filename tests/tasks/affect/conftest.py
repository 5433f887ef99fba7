"""Packed clips whose labels any regression finds: tones in noise, the higher the more positive, the louder the more
aroused; and a network small enough to be trained in a second."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.threads import one_thread as one_thread
from voxdag.audio.acoustic import Acoustic
from voxdag.data import shards
from voxdag.tasks.affect import inference
from voxdag.tasks.affect.inference import Settings

BANDS = 32


def packed_in(folder, n, seed=0, prefix="c", **columns):
    """n clips of 0.25 to 0.6 s, two of each song."""
    rng = np.random.default_rng([seed, n])
    recordings = []
    for i in range(n):
        valence, arousal = rng.uniform(-0.9, 0.9, 2)
        time = np.arange(rng.integers(4000, 9600)) / 16000
        hz, level = 700 * 3**valence, 10 ** (-1 + 0.6 * arousal)
        wave = level * (np.sin(2 * np.pi * hz * time) + 0.1 * rng.normal(size=time.size))
        song = f"{prefix}-song{i // 2}"
        about = {"id": f"{prefix}{i:02d}", "split": "x", "speaker": song, "song": song}
        about |= {"valence": valence, "arousal": arousal, "valence_sd": 0.3, "arousal_sd": 0.3, "annotators": 10.0}
        about |= {name: values[i] for name, values in columns.items()}
        recordings.append((about, {"wave": np.int16(np.clip(wave, -1, 1) * 32767)}))
    shards.write(folder, recordings, shards.wave_at(16000), 100)
    return shards.Shards(folder)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder, sizes = tmp_path_factory.mktemp("packed"), {"train": 48, "dev": 24, "eval": 24}
    return {split: packed_in(folder / split, n, k, split) for k, (split, n) in enumerate(sizes.items())}


@pytest.fixture
def pack():
    return packed_in


@pytest.fixture
def scoring():
    return scoring_settings


def scoring_settings(samples=4800, crops=3, batch_size=5, **changes):
    return Settings(acoustic(**changes), samples, crops, batch_size)


def acoustic(**changes):
    values = {
        "kind": "log_mel", "bands": BANDS, "coefficients": 13, "window_ms": 25.0, "hop_ms": 10.0, "low_hz": 50.0,
        "high_hz": 7600.0, "deltas": 0, "cmvn": "none",
    }  # fmt: skip
    return Acoustic(**(values | changes))


class Pooled(nn.Module):
    """The mean of each feature row over a crop's own frames, and two layers."""

    TAKES = "features"

    def __init__(self, dropout=0.0):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(BANDS, 32), nn.Dropout(dropout), nn.GELU(), nn.Linear(32, 2))
        for name, value in inference.BUFFERS.items():
            self.register_buffer(name, value.clone())

    def forward(self, features, frames):
        return self.layers(features.sum(2) / frames[:, None])  # (B, 2)


@pytest.fixture
def network():
    return Pooled
