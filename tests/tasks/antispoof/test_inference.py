"""Scores of a countermeasure: sign, scale, crop, batches, and what goes along."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.tasks import results
from voxdag.tasks.antispoof import data, inference

CPU = torch.device("cpu")


class Fixed(nn.Module):
    """Logits (B, 2) of spoof and bona fide: minus the mean of the wave, and three times the mean."""

    TAKES = "wave"

    def __init__(self, pair=True):
        super().__init__()
        self.pair = pair

    def forward(self, wave):
        self.width = wave.shape[1]
        logits = torch.stack([-wave.mean(1), 3 * wave.mean(1)], dim=1)
        return (wave[:, :5], logits) if self.pair else logits


class FirstLessLast(Fixed):
    """The logit of bona fide is the wave's first sample less its last."""

    def forward(self, wave):
        return wave, torch.stack([torch.zeros(len(wave)), wave[:, 0] - wave[:, -1]], dim=1)


def settings(samples=8, batch_size=3, score="logit_difference"):
    return inference.Settings(samples, batch_size, score)


def levels(*values, length=8):
    return [np.full(length, value, np.int16) for value in values]


def packed(folder, recordings, rate=16000, **columns):
    rows = [
        ({"attack": None, "id": f"u{i}", "speaker": "s", "label": "bonafide", **columns}, {"wave": samples})
        for i, samples in enumerate(recordings)
    ]
    shards.write(folder, rows, shards.wave_at(rate), 1)
    return shards.Shards(folder)


def test_the_score_is_log_odds_of_bona_fide_of_a_wave_with_full_scale_one():
    # means 1/2 and -1: logits (-1/2, 3/2) and (1, -3); bona fide less spoof is 2 and -4
    recordings = levels(16384, -32768)
    assert inference.score(Fixed(), recordings, settings(), CPU).tolist() == [2.0, -4.0]
    assert inference.score(Fixed(), recordings, settings(score="bonafide_logit"), CPU).tolist() == [1.5, -3.0]


def test_the_outputs_are_in_the_order_of_the_labels():
    assert data.LABELS == ("spoof", "bonafide")  # that of the official weights' outputs: column 1 is bona fide
    logits = torch.tensor([[1.0, 10.0]])
    assert inference.SCORES["logit_difference"](logits).item() == 9 and inference.SCORES["bonafide_logit"](logits) == 10


def test_logits_alone_are_as_good_as_a_pair_with_an_embedding():
    recordings = levels(100, -300)
    alone, pair = (inference.score(Fixed(pair), recordings, settings(), CPU) for pair in (False, True))
    assert (alone == pair).all()


def test_a_long_recording_is_scored_from_its_start_and_a_short_one_is_repeated():
    squares = (64 * np.arange(20) ** 2).astype(np.int16)
    # samples 0 and 7 of them: (0 - 49 * 64) / 32768; the last eight would give (144 - 361) * 64 / 32768
    assert inference.score(FirstLessLast(), [squares], settings(), CPU)[0] == -49 / 512
    # 0 1 4 0 1 4 0 1: the last of eight is 1 * 64
    assert inference.score(FirstLessLast(), [squares[:3]], settings(), CPU)[0] == -1 / 512


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_scores_depend_neither_on_the_batch_nor_on_the_order(batch_size):
    draw = np.random.default_rng(0)
    recordings = [draw.integers(-9999, 9999, draw.integers(4, 30)).astype(np.int16) for _ in range(7)]
    network = Fixed()
    expected = [inference.score(network, [samples], settings(), CPU)[0] for samples in recordings]
    # means of the same eight samples, summed in one order: equal to the last bit
    assert inference.score(network, recordings, settings(batch_size=batch_size), CPU).tolist() == expected
    backwards = inference.score(network, recordings[::-1], settings(batch_size=batch_size), CPU)
    assert backwards[::-1].tolist() == expected and network.width == 8


def test_the_network_is_in_evaluation_mode_and_makes_no_gradient():
    class Noisy(Fixed):
        def forward(self, wave):
            assert not self.training and not torch.is_grad_enabled()
            return super().forward(wave)

    assert len(inference.score(Noisy().train(), levels(1, 2), settings(), CPU)) == 2


def test_a_prediction_has_all_that_the_index_says_and_comes_back_with_its_types(tmp_path):
    known = {"codec": "001", "snr": 7.5, "channel": "phone", "clipped": 4}
    folder = packed(tmp_path, levels(16384, 0), **known)
    table = inference.predict(Fixed(), folder, settings(), CPU, {})
    assert list(table) == ["id", "speaker", "label", "attack", *known, "protocol", "score"]
    assert table["score"].tolist() == [2.0, 0.0] and table["id"].tolist() == ["u0", "u1"]
    artifacts.write_table(tmp_path / "eval.csv", table.assign(seed=5))
    again = artifacts.read_table(tmp_path / "eval.csv", results.prediction_types("antispoof"))
    assert again["codec"].tolist() == ["001"] * 2 and again["score"].dtype == float and again["seed"].dtype == "int64"
    assert again["clipped"].dtype == "int64" and again["attack"].isna().all()


def test_leaky_folds_are_named_on_every_row(tmp_path):
    leaky = packed(tmp_path, levels(1), folds="leaky-1")
    assert inference.predict(Fixed(), leaky, settings(), CPU, {})["protocol"].tolist() == ["leaky"]


def test_recordings_at_another_rate_are_refused(tmp_path):
    with pytest.raises(Refused, match="is at 8000 Hz, anti-spoofing takes 16000 Hz"):
        inference.predict(Fixed(), packed(tmp_path, levels(1), rate=8000), settings(), CPU, {})


def test_a_network_that_takes_something_else_is_refused_by_name():
    network = Fixed()
    network.TAKES = "features"
    with pytest.raises(Refused, match="Fixed takes features; anti-spoofing can give wave"):
        inference.score(network, levels(1), settings(), CPU)
    with pytest.raises(Refused, match="Linear takes None"):
        inference.score(nn.Linear(8, 2), levels(1), settings(), CPU)


def test_a_score_that_is_not_finite_names_its_utterance(tmp_path):
    class Broken(Fixed):
        def forward(self, wave):
            return wave, torch.stack([wave.mean(1), torch.where(wave.mean(1) > 0.4, torch.nan, 1.0)], dim=1)

    recordings = levels(0, 0, 0, 16384)  # the fourth, in the second batch
    with pytest.raises(Refused, match="outputs of 1 recordings are not finite, the first of utterance u3"):
        inference.predict(Broken(), packed(tmp_path, recordings), settings(), CPU, {})
    with pytest.raises(Refused, match="the first of recording 3"):
        inference.outputs(Broken(), recordings, settings(), CPU)


def test_an_unknown_score_is_refused_with_those_there_are():
    with pytest.raises(Refused, match="score is 'logit', expected one of bonafide_logit, logit_difference"):
        settings(score="logit")


def test_the_mean_of_networks_is_that_of_their_scores():
    assert inference.average([pd.DataFrame({"score": s}) for s in ([1.0, 2.0], [3.0, 6.0])])["score"].tolist() == [2, 4]
