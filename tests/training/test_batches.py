"""The batches of an epoch are a function of the seed, the epoch and the utterances alone."""

import numpy as np
import pytest
import torch

from voxdag.data import shards
from voxdag.training.batches import Batches, Crops, LoaderSettings

CPU = torch.device("cpu")


@pytest.fixture
def packed(tmp_path):
    draw = np.random.default_rng(0)
    waves = (draw.integers(-99, 99, 40 + 30 * i).astype(np.int16) for i in range(10))
    rows = (({"id": f"u{i}"}, {"wave": wave}) for i, wave in enumerate(waves))
    shards.write(tmp_path, rows, shards.wave_at(16000), 1000 / 2**20)
    return shards.Shards(tmp_path).track("wave")


def epoch(packed, number, first=0, workers=0, seed=3):
    crops = Crops(packed, np.arange(10), 64, seed)
    return list(Batches(crops, LoaderSettings(4, seed, CPU, workers)).epoch(number, first))


def same(a, b):
    if len(a) != len(b):
        return False
    return all(torch.equal(x, q[name]) for p, q in zip(a, b, strict=True) for name, x in p.items())


def test_two_workers_or_none_give_the_same_batches(packed):
    assert same(epoch(packed, 5), epoch(packed, 5, workers=2))


def test_an_epoch_can_be_entered_at_any_batch(packed):
    assert same(epoch(packed, 5)[1:], epoch(packed, 5, first=1))


def test_epochs_and_seeds_differ(packed):
    assert not same(epoch(packed, 0), epoch(packed, 1))
    assert not same(epoch(packed, 0), epoch(packed, 0, seed=4))


def test_one_epoch_after_another_is_as_if_asked_for_alone(packed):
    batches = Batches(Crops(packed, np.arange(10), 64, 3), LoaderSettings(4, 3, CPU, 0))
    list(batches.epoch(0))
    assert same(list(batches.epoch(1)), epoch(packed, 1))


def test_an_epoch_visits_no_utterance_twice_and_drops_the_rest(packed):
    labels = torch.cat([batch["labels"] for batch in epoch(packed, 0)]).tolist()
    assert len(labels) == len(set(labels)) == 8


def test_crops_are_stretches_of_their_recording(packed):
    for batch in epoch(packed, 2):
        for wave, label in zip(batch["waves"].numpy(), batch["labels"].tolist(), strict=True):
            samples = np.resize(packed[label], max(64, len(packed[label])))
            assert any((samples[start : start + 64] == wave).all() for start in range(len(samples) - 63))


def test_every_start_is_as_likely(packed):
    crops = Crops(packed, np.arange(10), 64, 3)
    starts = np.array([crops.start(number, 1) for number in range(2000)])  # 70 samples: starts 0..6
    counts = np.bincount(starts, minlength=7)
    # multinomial, p = 1/7, n = 2000: mean 286, sd 15.6; five sd
    assert len(counts) == 7 and np.abs(counts - 2000 / 7).max() < 5 * 15.6


def test_a_recording_exactly_as_long_as_the_crop_starts_at_zero(packed):
    assert {Crops(packed, np.arange(10), 70, 3).start(number, 1) for number in range(50)} == {0}


def test_fewer_utterances_than_a_batch_are_refused(packed):
    with pytest.raises(ValueError, match="10 training utterances do not fill one batch of 11"):
        Batches(Crops(packed, np.arange(10), 64, 3), LoaderSettings(11, 3, CPU, 0))
