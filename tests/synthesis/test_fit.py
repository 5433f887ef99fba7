"""Recordings that a GAN makes: in the form of train's, the same from the same seed, whatever killed it."""

import contextlib
import logging
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from tests.synthesis.making import (
    CPU,
    DIMENSIONS,
    GENERATOR,
    MELS,
    RATE,
    conditions_of,
    learner_of,
    place_in,
    recipe_of,
    settings_of,
)
from tests.training.toys import Killed
from voxdag.core.errors import Refused
from voxdag.networks import by_name
from voxdag.networks.weights import read_weights
from voxdag.synthesis import fit
from voxdag.synthesis.learner import AVERAGE
from voxdag.training.averaging import Averaging


def made(packed, folder, **changes):
    settings = settings_of(**changes)
    return list(fit.make(packed.track("wave"), conditions_of(packed), RATE, settings, place_in(folder)))


@pytest.fixture(scope="module")
def folder(packed, tmp_path_factory):
    """Where a GAN was fitted, and what it made."""
    there = tmp_path_factory.mktemp("fitted")
    return there, made(packed, there)


def test_recordings_are_crops_in_16_bits_told_what_they_are(folder):
    _, recordings = folder
    assert len(recordings) == 5
    for about, wave in recordings:
        assert wave.dtype == np.int16 and wave.shape == (MELS.samples,) and np.abs(wave).max() > 0
        assert set(about) == set(DIMENSIONS) and all(-1 <= value <= 1 for value in about.values())
    assert len({wave.tobytes() for _, wave in recordings}) == 5


def test_what_was_fitted_is_written(packed, folder):
    there, _ = folder
    history = pd.read_csv(there / "fitted/history.csv")
    assert history["epoch"].tolist() == [1, 2, 3] and {"train_generator", "train_real_accuracy"} <= set(history)
    path = there / "fitted/generator.safetensors"
    assert read_weights(path)[1] == {
        "network": "mel_generator", "config": "quick", "changes": GENERATOR.changes, "outputs": 2,
    }  # fmt: skip
    gan = fit.fitted(packed.track("wave"), conditions_of(packed), RATE, settings_of(), place_in(there))
    for name, tensor in by_name.restore(path).state_dict().items():
        assert torch.equal(tensor, gan.networks[AVERAGE].state_dict()[name])


def test_the_same_seed_makes_the_same_recordings_and_another_others(packed, folder, tmp_path):
    again, other = made(packed, tmp_path / "a"), made(packed, tmp_path / "b", seed=2)
    assert [wave.tobytes() for _, wave in again] == [wave.tobytes() for _, wave in folder[1]]
    assert [about for about, _ in again] == [about for about, _ in folder[1]]
    assert all((a != b).any() for (_, a), (_, b) in zip(again, other, strict=True))


def test_noise_is_of_the_recordings_number_however_many_there_are():
    five, seven = (fit._noise(1, range(n), 6, CPU) for n in (5, 7))
    assert torch.equal(five, seven[:5]) and torch.equal(seven[5:], fit._noise(1, range(5, 7), 6, CPU))
    assert not torch.equal(five, fit._noise(2, range(5), 6, CPU))


def test_a_run_that_was_killed_while_recordings_were_made_goes_on(packed, folder, tmp_path):
    waves, conditions = packed.track("wave"), conditions_of(packed)
    begun = fit.make(waves, conditions, RATE, settings_of(), place_in(tmp_path))
    with contextlib.suppress(Killed):
        for i, _ in enumerate(begun):
            if i == 2:
                raise Killed
    resumed = list(fit.make(waves, conditions, RATE, settings_of(), place_in(tmp_path)))
    assert [wave.tobytes() for _, wave in resumed] == [wave.tobytes() for _, wave in folder[1]]


def test_a_range_that_is_not_matched_goes_beyond_the_generators(packed):
    scaled = {
        matched: learner_of(packed, matched=matched).spectrograms(
            torch.from_numpy(packed.track("wave")[0][None, :1920].copy())
        )
        for matched in (True, False)
    }
    assert scaled[True].abs().max() <= 1 < scaled[False].abs().max()


def test_samples_beyond_full_scale_are_cut_off_and_said(packed, caplog, monkeypatch):
    caplog.set_level(logging.WARNING)
    gan = learner_of(packed)
    loud = np.zeros((5, MELS.samples), np.float32)
    loud[0, :192], loud[1, 0] = 2.0, -1.5
    monkeypatch.setattr(gan, "log_mel", SimpleNamespace(waves=lambda *_: torch.from_numpy(loud[:3])))
    found = [wave for _, wave in fit.recordings(gan, conditions_of(packed), settings_of(count=3), CPU)]
    assert found[0].max() == 32767 and found[1].min() == -32767 and not found[2].any()
    # 193 of 3 * 1920
    assert caplog.messages == ["3.4 % of the samples that were made up lie beyond full scale and were cut off"]


def test_16_bits_by_hand():
    assert fit.to_int16(np.array([0.0, 1.0, -1.0, 1.5, -9.0, 0.5 / 32767, 0.51 / 32767])).tolist() == [
        0, 32767, -32767, 32767, -32767, 0, 1,
    ]  # fmt: skip


def test_a_row_is_of_train_and_of_no_speaker_that_there_is(tmp_path):
    expected = {"id": "it-00007", "split": "train", "speaker": "it", "label": "sad"}
    assert fit.row(place_in(tmp_path), 7, {"label": "sad"}) == expected


def test_an_entry_finds_what_it_made_up_among_that_of_others():
    index = pd.DataFrame({"speaker": ["it", "it", "other", "p1"], "synthetic": [1, 0, 1, 0]})
    assert fit.of_entry(index, "it").tolist() == [True, False, False, False]
    assert not fit.of_entry(index.drop(columns="synthetic"), "it").any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "count is 0, expected 1 or more"),
        ({"rounds": 0}, "rounds is 0, expected 1 or more"),
        ({"range": "minmax"}, "range is 'minmax', expected one of matched, z_score"),
        ({"train": recipe_of(averaging=Averaging("tail", 0.5))}, "train.averaging.over is tail, expected none"),
        ({"train": recipe_of(synthetic_share=0.5)}, "train.synthetic_share is 0.5, expected null"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    with pytest.raises(Refused, match=message):
        settings_of(**change)


def test_fewer_recordings_than_a_batch_are_refused(packed, tmp_path):
    with pytest.raises(Refused, match="12 training utterances do not fill one batch of 13"):
        made(packed, tmp_path, train=recipe_of(batch_size=13))


def test_a_rule_about_a_loss_that_a_gan_does_not_have_is_refused(packed, tmp_path):
    rules = type(recipe_of().stopping)(None, None, 0.0, 0.5, 1)
    with pytest.raises(Refused, match="train_loss_threshold is 0.5, but no training loss is called 'loss'"):
        made(packed, tmp_path, train=recipe_of(stopping=rules))
    rules = type(recipe_of().stopping)("eer", None, 0.0, 0.0, 1)
    with pytest.raises(Refused, match="stopping.criterion is 'eer', which dev does not define; it has none"):
        made(packed, tmp_path, train=recipe_of(stopping=rules))
