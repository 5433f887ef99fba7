"""Outputs of a recogniser: order, batches, classes, protocols, normalisation."""

import numpy as np
import pandas as pd
import pytest
import torch

from voxdag.networks import by_name
from voxdag.tasks.emotion import inference
from voxdag.tasks.emotion.data import LABELS

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
    recordings = [packed["eval"][i] for i in range(len(packed["eval"]))]
    together = inference.score(network, recordings, scoring(), CPU)
    alone = np.concatenate([inference.score(network, [recording], scoring(), CPU) for recording in recordings])
    # float32 sums over batches of other shapes: 1e-4 is some hundred units in the last place of logits of about 1
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(inference.score(network, recordings[::-1], scoring(), CPU)[::-1], together, atol=1e-4)


def test_a_recording_twice_as_loud_is_the_same_under_utterance_normalisation(network, packed, scoring):
    quiet = [packed["eval"][0] // 4]
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
        waves, lengths = inference.padded([packed["eval"][i] for i in rows])
        features, frames = extractor(waves.float() / 32768, lengths)
        mask = torch.arange(features.shape[2]) < frames[:, None]
        values = speakers.normalise(features, frames, rows).transpose(1, 2)[mask]  # (all frames, F)
        torch.testing.assert_close(values.mean(0), torch.zeros(64), atol=1e-4, rtol=0)
        torch.testing.assert_close(values.std(0, unbiased=False), torch.ones(64), atol=1e-3, rtol=0)


def test_any_file_has_a_probability_for_trained_classes_and_none_for_others(network, packed, scoring):
    table = inference.outputs(network, [packed["eval"][0]], scoring(), CPU)
    assert list(table) == list(inference.OUTPUTS)
    assert table["p_bored"].isna().all() and table["p_sad"].notna().all()
    with pytest.raises(ValueError, match="cmvn is speaker"):
        inference.outputs(network, [packed["eval"][0]], scoring(cmvn="speaker"), CPU)


def test_logits_that_are_not_finite_are_refused(network, packed, scoring):
    torch.nn.init.constant_(network.head[-1].bias, float("nan"))
    with pytest.raises(ValueError, match="the logits of recording 0 are not finite"):
        inference.score(network, packed["eval"], scoring(), CPU)
