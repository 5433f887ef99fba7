"""Outputs of a recogniser: order, batches, classes, protocols, normalisation."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.networks import by_name
from voxdag.tasks import results
from voxdag.tasks.emotion import inference
from voxdag.tasks.emotion.data import LABELS
from voxdag.tasks.scoring_loop import padded

CPU = torch.device("cpu")
CLASSES = ("neutral", "happy", "sad")


@pytest.fixture
def network():
    torch.manual_seed(3)
    network = by_name.build("tier1", "tier1_2d", {}, inference.OUTPUT_SIZE, inference.BUFFERS).eval()
    network.trained[:] = torch.tensor([label in CLASSES for label in LABELS])
    return network


def test_a_network_has_an_output_for_each_label_and_starts_uncalibrated_and_knowing_all():
    assert inference.OUTPUT_SIZE == len(LABELS) == 9
    assert list(inference.BUFFERS) == ["temperature", "trained"]
    assert inference.BUFFERS["temperature"].dtype == torch.float32 and inference.BUFFERS["temperature"].tolist() == 1.0
    assert inference.BUFFERS["trained"].tolist() == [True] * 9
    network = by_name.build("tier1", "tier1_2d", {}, inference.OUTPUT_SIZE, inference.BUFFERS)
    assert inference.trained(network) == list(LABELS)
    assert list(network.state_dict())[:2] == ["temperature", "trained"]  # as in every weights file so far


def test_logits_do_not_depend_on_the_batch_nor_on_the_order(network, packed, scoring):
    recordings = list(packed["eval"].track("wave"))
    together = inference.score(network, recordings, scoring(), CPU)
    alone = np.concatenate([inference.score(network, [recording], scoring(), CPU) for recording in recordings])
    # float32 sums over batches of other shapes: 1e-4 is some hundred units in the last place of logits of about 1
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(inference.score(network, recordings[::-1], scoring(), CPU)[::-1], together, atol=1e-4)


def test_a_recording_twice_as_loud_is_the_same_under_utterance_normalisation(network, packed, scoring):
    quiet = [packed["eval"].track("wave")[0] // 4]
    loud = [quiet[0] * 2]
    logits = [inference.score(network, recordings, scoring(), CPU) for recordings in (quiet, loud)]
    np.testing.assert_allclose(*logits, atol=0.02)  # the floor of the logarithm is not scaled: a little remains


def test_predictions_are_in_the_indexs_order_and_add_up(network, packed, scoring):
    table = inference.predict(network, packed["eval"], scoring(), CPU, {})
    assert table["id"].tolist() == packed["eval"].index["id"].tolist()
    assert [name for name in table if name.startswith("p_")] == [f"p_{label}" for label in CLASSES]
    np.testing.assert_allclose(table[[f"p_{label}" for label in CLASSES]].sum(axis=1), 1)
    assert set(table["predicted"]) <= set(CLASSES) and set(table["protocol"]) == {"speaker_independent"}


def test_the_temperature_changes_confidence_and_no_decision(network, packed, scoring):
    before = inference.predict(network, packed["eval"], scoring(), CPU, {})
    network.temperature.fill_(4.0)
    after = inference.predict(network, packed["eval"], scoring(), CPU, {})
    assert after["predicted"].tolist() == before["predicted"].tolist()
    assert (after["confidence"] < before["confidence"]).all()
    pd.testing.assert_frame_equal(after.filter(like="logit_"), before.filter(like="logit_"))  # uncalibrated


def test_the_choice_is_among_the_classes_that_the_corpus_defines(network, packed, scoring):
    defined = {"classes": pd.DataFrame({"label": ["happy", "sad", "bored"]})}
    table = inference.predict(network, packed["eval"], scoring(), CPU, defined)
    assert set(table["predicted"]) <= {"happy", "sad"} and "p_neutral" not in table and "p_bored" not in table


def test_a_leaky_or_transductive_protocol_is_on_every_row(network, tmp_path, scoring, pack):
    leaky = pack(tmp_path, "ab", each=1, folds="leaky-1 leaky-2")
    by_speaker = scoring(cmvn="speaker")
    assert set(inference.predict(network, leaky, scoring(), CPU, {})["protocol"]) == {"leaky"}
    assert set(inference.predict(network, leaky, by_speaker, CPU, {})["protocol"]) == {"leaky_transductive"}


def test_speaker_statistics_standardise_each_speaker(packed, scoring):
    settings = scoring(cmvn="speaker")
    speakers = inference.SpeakerStatistics(packed["eval"], settings, CPU)
    extractor = inference.Extractor(settings.acoustic, inference.RATE)
    for name in "gh":
        rows = np.flatnonzero(packed["eval"].index["speaker"] == name)
        waves, lengths = padded([packed["eval"].track("wave")[i] for i in rows])
        features, frames = extractor(waves.float() / 32768, lengths)
        mask = torch.arange(features.shape[2]) < frames[:, None]
        values = speakers.normalise(features, frames, rows).transpose(1, 2)[mask]  # (all frames, F)
        torch.testing.assert_close(values.mean(0), torch.zeros(64), atol=1e-4, rtol=0)
        torch.testing.assert_close(values.std(0, unbiased=False), torch.ones(64), atol=1e-3, rtol=0)


def test_any_file_has_a_probability_for_trained_classes_and_none_for_others(network, packed, scoring):
    table = inference.outputs(network, [packed["eval"].track("wave")[0]], scoring(), CPU)
    assert list(table) == list(inference.OUTPUTS)
    assert table["p_bored"].isna().all() and table["p_sad"].notna().all()
    with pytest.raises(ValueError, match="cmvn is speaker"):
        inference.outputs(network, [packed["eval"].track("wave")[0]], scoring(cmvn="speaker"), CPU)


def test_logits_that_are_not_finite_are_refused(network, packed, scoring):
    torch.nn.init.constant_(network.head[-1].bias, float("nan"))
    with pytest.raises(ValueError, match="outputs of 24 recordings are not finite, the first of utterance g-neutral-0"):
        inference.predict(network, packed["eval"], scoring(), CPU, {})


class Loudness(nn.Module):
    """A network of waves: the logit of "happy" is the mean square of a recording's own samples, the others are 0."""

    TAKES = "waves"

    def __init__(self, pair=False):
        super().__init__()
        self.pair = pair
        for name, value in inference.BUFFERS.items():
            self.register_buffer(name, value.clone())

    def forward(self, wave, lengths):
        logits = torch.zeros(len(wave), len(LABELS))
        logits[:, LABELS.index("happy")] = wave.square().sum(1) / lengths
        return (wave[:, :4], logits) if self.pair else logits


class MeanFeature(Loudness):
    """A second network of features (B, F, T): the logit of "happy" is the mean of a recording's own frames."""

    TAKES = "features"

    def forward(self, features, frames):
        return super().forward(features.mean(1), frames)


@pytest.mark.parametrize("pair", [False, True])
def test_a_network_of_waves_is_given_whole_recordings_at_full_scale_one(packed, scoring, pair):
    recordings = [np.full(100, 16384, np.int16), np.full(300, -32768, np.int16)]  # squares 1/4 and 1
    logits = inference.score(Loudness(pair), recordings, scoring(), CPU)
    assert logits[:, LABELS.index("happy")].tolist() == [0.25, 1.0]
    assert logits.shape == (2, 9) and np.count_nonzero(logits) == 2


def test_speaker_statistics_are_for_features_alone(packed, scoring):
    by_speaker = scoring(cmvn="speaker")
    assert set(inference.predict(Loudness(), packed["eval"], by_speaker, CPU, {})["protocol"]) == {
        "speaker_independent"
    }
    assert set(inference.predict(MeanFeature(), packed["eval"], by_speaker, CPU, {})["protocol"]) == {"transductive"}


def test_another_network_of_features_fits(packed, scoring):
    table = inference.predict(MeanFeature(), packed["eval"], scoring(cmvn="none"), CPU, {})
    assert table["id"].tolist() == packed["eval"].index["id"].tolist() and table["logit_happy"].nunique() > 20


def test_a_network_that_takes_something_else_is_refused_by_name(packed, scoring):
    network = Loudness()
    network.TAKES = "wave"
    with pytest.raises(Refused, match="Loudness takes wave; the emotion task can give features, waves"):
        inference.predict(network, packed["eval"], scoring(), CPU, {})
    with pytest.raises(Refused, match="Linear takes None"):
        inference.outputs(nn.Linear(1, 1), [packed["eval"].track("wave")[0]], scoring(), CPU)


def test_recordings_at_another_rate_are_refused(tmp_path, scoring):
    rows = [({"id": "a", "speaker": "s", "label": "happy"}, {"wave": np.ones(8000, np.int16)})]
    shards.write(tmp_path, rows, shards.wave_at(8000), 1)
    slow, network = shards.Shards(tmp_path), MeanFeature()
    for settings in (scoring(), scoring(cmvn="speaker")):
        with pytest.raises(Refused, match="is at 8000 Hz, the emotion task takes 16000 Hz"):
            inference.predict(network, slow, settings, CPU, {})


def test_the_mean_of_networks_is_of_their_probabilities_and_decides_anew():
    # p of happy and sad; the second network does not know neutral: 0 there
    first = {"predicted": "neutral", "confidence": 0.5, "p_neutral": 0.5, "p_happy": 0.1, "p_sad": 0.4}
    second = {"predicted": "happy", "confidence": 0.6, "p_neutral": np.nan, "p_happy": 0.6, "p_sad": 0.4}
    tables = [pd.DataFrame([row]).reindex(columns=list(inference.OUTPUTS)) for row in (first, second)]
    mean = inference.average(tables)
    assert list(mean) == list(inference.OUTPUTS)
    # neutral 0.25, happy 0.35, sad 0.4
    assert mean["predicted"].tolist() == ["sad"] and mean["confidence"][0] == pytest.approx(0.4)
    assert mean["p_neutral"][0] == pytest.approx(0.25) and mean["p_bored"].isna().all()
    assert inference.average(tables[:1])["predicted"].tolist() == ["neutral"]


def test_every_column_of_the_manifest_goes_into_the_predictions_and_back(tmp_path, network, scoring):
    row = {
        "id": "007",
        "speaker": "01",
        "label": "happy",
        "codec": "001",
        "snr": 5.0,
        "clipped": 2,
        "vad_status": "off",
    }
    shards.write(tmp_path, [(row, {"wave": np.ones(8000, np.int16)})], shards.wave_at(16000), 1)
    table = inference.predict(network, shards.Shards(tmp_path), scoring(), CPU, {})
    assert list(table)[:8] == [*row, "protocol"] and table.iloc[0][list(row)].to_dict() == row
    artifacts.write_table(tmp_path / "eval.csv", table.assign(seed=3))
    again = artifacts.read_table(tmp_path / "eval.csv", results.prediction_types("emotion"))
    assert again["codec"][0] == "001" and again["clipped"][0] == 2 and again["seed"][0] == 3
    assert again["p_happy"].dtype == again["confidence"].dtype == float and again["predicted"][0] in CLASSES
