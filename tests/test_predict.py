"""Scoring files: any network, on the device that is asked for, by systems whose recordings a file can be made into."""

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from torch import nn

from voxdag.audio.decode import Decoding
from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.data.recordings import Features
from voxdag.predict import Scorer, check_recordings, open_scorer, predict

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


class Louder(nn.Module):
    """`factor` times the first sample, and the size of the batch that it stood in."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, wave):
        return torch.stack([self.factor * wave[:, 0], torch.full((len(wave),), len(wave))], dim=1)


def mean(tables):
    return sum(tables) / len(tables)


@pytest.fixture
def files(tmp_path):
    """Three recordings of 0.25 s whose first samples are 1000, 2000 and 3000, a silent one, and no audio."""
    for i in (1, 2, 3):
        soundfile.write(tmp_path / f"{i}.wav", np.tile(np.array([1000 * i, 0], np.int16), 1000), 8000)
    soundfile.write(tmp_path / "0.wav", np.zeros(2000, np.int16), 8000)
    (tmp_path / "4.wav").write_text("no audio")
    return [tmp_path / f"{i}.wav" for i in range(5)]


def scorer(*factors):
    features = Features(Decoding(rate=8000, min_seconds=0.1, min_peak=1e-4, max_clipped=0.01), None, 0.01, 256)
    inference = SimpleNamespace(outputs=outputs, OUTPUTS=("score",), average=mean)
    settings = SimpleNamespace(batch_size=2)
    return Scorer([Louder(factor) for factor in factors], inference, settings, features, torch.device("cpu"))


def test_files_have_the_mean_of_the_members_in_their_order_or_say_why_not(files, capsys):
    assert predict(scorer(1.0, 4.0), files, None) == 2
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["path"] for row in rows] == [str(path) for path in files]
    assert [row["score"] for row in rows] == ["", "2500.0", "5000.0", "7500.0", ""]
    assert [row["seconds"] for row in rows] == ["", "0.25", "0.25", "0.25", ""]
    assert "silent" in rows[0]["error"] and rows[4]["error"] and not rows[1]["error"]


def test_a_file_goes_through_the_front_end(files, monkeypatch):
    def quieter(audio, features, enhance):
        assert features.decoding.rate == 8000 and enhance is None
        return replace(audio, samples=audio.samples // 10)

    monkeypatch.setattr("voxdag.predict.through_front_end", quieter)
    assert [row["score"] for row in scorer(1.0).rows(files[1:4])] == [100.0, 200.0, 300.0]


def test_the_network_goes_to_the_device(tmp_path):
    network = nn.Linear(4, 1)
    scorer = Scorer([network], SimpleNamespace(), SimpleNamespace(), FEATURES, torch.device("meta"))
    assert scorer.networks[0].weight.device == scorer.device == torch.device("meta")


def between(recordings):
    return {"task": "antispoof", "recordings": recordings, "weights": "inputs/weights/none", "settings": {}}


def read_with(recordings):
    """The parameters of the product, its system aasist on other recordings, with a stage of two kinds in between."""
    tree = params.read()
    tree["systems"]["aasist"]["recordings"] = recordings
    tree["cleaned"] = {"quiet": between("features/antispoof")}
    tree["synthetic"] = {
        "more": between("features/antispoof"),
        "most": between("synthetic/more"),
        "quiet": between("cleaned/quiet"),
    }
    return tree


@pytest.mark.parametrize("recordings", ["features/antispoof", "synthetic/more", "synthetic/most"])
def test_synthetic_recordings_are_in_train_alone_so_files_are_scored(recordings):
    tree = read_with(recordings)
    check_recordings(tree, "aasist", params.system(tree, "aasist"))


@pytest.mark.parametrize("recordings", ["cleaned/quiet", "synthetic/quiet"])
def test_what_a_stage_makes_of_recordings_cannot_be_made_of_a_file(recordings):
    tree = read_with(recordings)
    message = (
        "aasist scores cleaned/quiet, which a stage made .* of features/antispoof did.* in data/predictions/aasist"
    )
    with pytest.raises(Refused, match=message):
        check_recordings(tree, "aasist", params.system(tree, "aasist"))


def test_synthetic_recordings_that_params_yaml_does_not_have_are_refused():
    tree = read_with("synthetic/fewer")
    with pytest.raises(Refused, match=r"synthetic.fewer is not in params.yaml; it has synthetic: more, most, quiet"):
        check_recordings(tree, "aasist", params.system(tree, "aasist"))


def test_a_member_of_weights_of_others_is_refused():
    with pytest.raises(Refused, match=r"--member seed-2 and --weights a.pth are both given"):
        open_scorer("aasist", Path("a.pth"), None, "seed-2")
