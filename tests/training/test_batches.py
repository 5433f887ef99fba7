"""The batches of an epoch are a function of the seed, the epoch and the utterances alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.training.batches import Batches, Crops, EpochOrder, LoaderSettings, Mixture, mixture

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


# Recordings that were made up, beside real ones

REAL, MADE = 30, 7
SYNTHETIC = np.random.default_rng(2).permutation(np.arange(REAL + MADE) >= REAL)  # among the real ones, in no order


def ordered(share, batch_size=8, epoch=0, first=0, seed=3, items=1):
    """The batches of an epoch, of REAL + MADE recordings in `items` items each, as lists of items."""
    order = EpochOrder(items * len(SYNTHETIC), batch_size, seed, share and Mixture(SYNTHETIC, share, batch_size))
    order.epoch, order.first = epoch, first
    return [[i for _, i in batch] for batch in order]


@pytest.mark.parametrize(
    ("share", "batch_size", "made"),
    [(0.5, 8, 4), (0.3, 8, 2), (0.125, 8, 1), (0.5, 7, 3), (0.499, 8, 3), (0.29, 100, 29), (0.07, 100, 7)],
)
def test_of_each_batch_as_many_are_made_up_as_the_share_holds_whole(share, batch_size, made):
    # 0.29 * 100 is 28.999999999999996 in floats
    synthetic = np.tile(SYNTHETIC, 5)
    order = list(EpochOrder(len(synthetic), batch_size, 3, Mixture(synthetic, share, batch_size)))
    assert order and {sum(synthetic[i] for _, i in batch) for batch in order} == {made}
    assert {len(batch) for batch in order} == {batch_size}


@pytest.mark.parametrize("share", [0.13, 0.5])
def test_an_epoch_has_as_many_steps_as_the_real_recordings_fill(share):
    assert len(ordered(share)) == len(EpochOrder(REAL, 8, 3)) == REAL // 8 == 3


@pytest.mark.parametrize("epoch", range(5))
def test_a_real_recording_is_drawn_once_an_epoch_at_most_and_those_that_were_made_up_as_often_as_one_another(epoch):
    drawn = np.concatenate(ordered(0.5, epoch=epoch))
    counts = np.bincount(drawn, minlength=len(SYNTHETIC))
    assert counts[~SYNTHETIC].max() == 1 and counts[~SYNTHETIC].sum() == 12
    assert set(counts[SYNTHETIC]) == {1, 2} and counts[SYNTHETIC].sum() == 12  # 12 of 7


def test_all_recordings_have_their_turn_over_epochs():
    drawn = np.concatenate([np.concatenate(ordered(0.25, epoch=epoch)) for epoch in range(12)])
    assert set(drawn) == set(range(len(SYNTHETIC)))


def test_the_order_is_a_function_of_seed_and_epoch_and_is_entered_anywhere():
    assert ordered(0.25, epoch=4) == ordered(0.25, epoch=4)
    assert ordered(0.25, epoch=4)[2:] == ordered(0.25, epoch=4, first=2)
    for other in (ordered(0.25, epoch=5), ordered(0.25, epoch=4, seed=4)):
        for kind in (SYNTHETIC, ~SYNTHETIC):
            one, another = (
                [i for batch in order for i in batch if kind[i]] for order in (ordered(0.25, epoch=4), other)
            )
            assert one != another


def test_the_real_ones_of_a_mixture_come_in_the_order_that_they_have_without():
    alone = np.flatnonzero(~SYNTHETIC)[np.concatenate([[i for _, i in batch] for batch in EpochOrder(REAL, 8, 3)])]
    mixed = [i for batch in ordered(0.25) for i in batch if not SYNTHETIC[i]]
    assert mixed == alone[: len(mixed)].tolist()


def test_without_a_mixture_the_order_is_the_streams_own():
    # what it was before there were mixtures: slices of one permutation
    order = streams.order(3, 6, 37)
    assert ordered(None, epoch=6) == [order[k : k + 8].tolist() for k in range(0, 32, 8)]


def test_of_several_items_a_recording_each_is_real_or_made_up_as_its_recording():
    batches = ordered(0.25, items=3)
    assert len(batches) == 3 * REAL // 8
    drawn = np.concatenate(batches)
    assert {sum(SYNTHETIC[i % len(SYNTHETIC)] for i in batch) for batch in batches} == {2}
    counts = np.bincount(drawn, minlength=3 * len(SYNTHETIC))
    assert counts[np.tile(~SYNTHETIC, 3)].max() == 1 and set(counts[np.tile(SYNTHETIC, 3)]) == {1, 2}  # 22 of 21


def test_batches_of_a_mixture_are_of_both_kinds(packed):
    synthetic = np.arange(10) >= 8
    crops = Crops(packed, np.arange(10), 64, 3)
    batches = Batches(crops, LoaderSettings(4, 3, CPU, 0, Mixture(synthetic, 0.25, 4)))
    labels = [batch["labels"].tolist() for batch in batches.epoch(0)]
    assert len(batches) == 2 and [sum(label >= 8 for label in batch) for batch in labels] == [1, 1]
    assert same(list(batches.epoch(1))[1:], list(batches.epoch(1, 1)))


def index(made, real=4):
    return pd.DataFrame({"id": [f"u{i}" for i in range(real + made)], "synthetic": [0] * real + [1] * made})


def test_the_mixture_is_that_of_the_index():
    found = mixture(index(2), 0.5, 4)
    assert found.synthetic.tolist() == [False] * 4 + [True] * 2 and found.count == 2
    assert mixture(index(0), None, 4) is None and mixture(index(0)[["id"]], None, 4) is None


@pytest.mark.parametrize(
    ("made", "share", "batch_size", "message"),
    [
        (3, None, 4, "3 of 7 recordings of train were made up: set synthetic_share, .* 0.5 at most"),
        (3, 0.51, 4, "synthetic_share is 0.51, expected above 0 and at most 0.5"),
        (3, 0.0, 4, "synthetic_share is 0.0, expected above 0"),
        (3, float("nan"), 4, "synthetic_share is nan, expected above 0"),
        (3, 0.2, 4, "synthetic_share is 0.2 of batches of 4: less than one recording"),
        (0, 0.5, 4, "synthetic_share is set and no recording of train was made up"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(made, share, batch_size, message):
    with pytest.raises(Refused, match=message):
        mixture(index(made), share, batch_size)


def test_real_recordings_that_do_not_fill_a_batch_are_refused_however_many_were_made_up():
    with pytest.raises(Refused, match="3 training utterances do not fill one batch of 4"):
        EpochOrder(23, 4, 1, mixture(index(20, real=3), 0.5, 4))
