"""Scoring files: any network, on the device that is asked for."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from torch import nn

from voxdag.audio.decode import Decoding
from voxdag.data.recordings import Features
from voxdag.predict import Scorer

FEATURES = Features(Decoding(rate=16000, min_seconds=0.1, min_peak=1e-4, max_clipped=0.01), None, 0.01, 256)


def outputs(network, recordings, settings, device):
    wave = torch.stack([torch.from_numpy(recording[:4]).float() for recording in recordings]).to(device)
    return pd.DataFrame({"score": network(wave)[:, 0].detach().cpu().numpy()})


def test_a_network_without_buffers_scores_files(tmp_path):
    network = nn.Linear(4, 1)
    with pytest.raises(StopIteration):
        next(network.buffers())
    nn.init.ones_(network.weight)
    nn.init.zeros_(network.bias)
    soundfile.write(tmp_path / "a.wav", np.tile(np.array([1, 2, 3, 4], np.int16) * 100, 1000), 16000)
    inference = SimpleNamespace(outputs=outputs, OUTPUTS=("score",))
    scorer = Scorer([network], inference, SimpleNamespace(batch_size=2), FEATURES, torch.device("cpu"))
    (row,) = scorer.rows([tmp_path / "a.wav"])
    assert row == {"path": str(tmp_path / "a.wav"), "seconds": 0.25, "score": 1000.0, "error": ""}


def test_the_network_goes_to_the_device(tmp_path):
    network = nn.Linear(4, 1)
    scorer = Scorer([network], SimpleNamespace(), SimpleNamespace(), FEATURES, torch.device("meta"))
    assert scorer.networks[0].weight.device == scorer.device == torch.device("meta")
