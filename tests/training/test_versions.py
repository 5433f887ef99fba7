"""Versions of a recording in training: how often which is heard, that crops are the same, and what is refused."""

from collections import Counter

import numpy as np
import pytest
import torch

from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.training.batches import Batches, LoaderSettings
from voxdag.training.versions import VersionCrops

LENGTH = 40
CODECS = ("none", "mp3", "gsm")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Three versions of each of 200 recordings: a sample tells whose it is, its version and where it stood."""
    folder = tmp_path_factory.mktemp("versions")
    rows = []
    for i in range(200):
        for k, codec in enumerate(CODECS):
            about = {"id": f"u{i}_{codec}", "original": f"u{i}", "codec": codec, "label": i % 2}
            rows.append((about, {"wave": np.int16(1000 * k + np.arange(100))}))
    shards.write(folder, rows, shards.wave_at(16000), 100)
    return shards.Shards(folder)


def crops(packed, share, seed=1, index=None):
    labels = packed.index["label"].to_numpy()
    return VersionCrops(packed.track("wave"), packed.index if index is None else index, labels, LENGTH, share, seed)


def heard(packed, share, epoch=0, seed=1):
    dataset = crops(packed, share, seed)
    return [dataset.drawn(epoch, i) for i in range(len(dataset))]


def test_an_epoch_has_each_recording_once_and_as_many_coded_as_asked_for(packed):
    # of 200 draws of probability .5 a count has a standard deviation of 7; five epochs of those: 500 of 1000, sd 16
    rows = [row for epoch in range(5) for row, _ in heard(packed, 0.5, epoch)]
    counts = Counter(CODECS[row % 3] for row in rows)
    assert [row // 3 for row in rows] == list(range(200)) * 5
    assert abs(counts["none"] - 500) < 80 and abs(counts["mp3"] - 250) < 70 and abs(counts["gsm"] - 250) < 70
    assert {CODECS[row % 3] for row, _ in heard(packed, 0.0)} == {"none"}
    assert {CODECS[row % 3] for row, _ in heard(packed, 1.0)} == {"mp3", "gsm"}


def test_who_hears_no_coded_speech_hears_the_same_crops(packed):
    starts = [[start for _, start in heard(packed, share, epoch=3)] for share in (0.0, 0.5, 1.0)]
    assert starts[0] == starts[1] == starts[2] and len(set(starts[0])) > 20
    assert starts[0] != [start for _, start in heard(packed, 0.0, epoch=4)]
    assert starts[0] != [start for _, start in heard(packed, 0.0, epoch=3, seed=2)]


def test_a_batch_is_what_was_drawn(packed):
    dataset = crops(packed, 0.5)
    batch = dataset.__getitems__([(2, 7), (2, 0)])
    for wave, row, i in zip(batch["waves"].tolist(), batch["rows"].tolist(), (7, 0), strict=True):
        expected, start = dataset.drawn(2, i)
        assert row == expected and wave == list(range(1000 * (row % 3) + start, 1000 * (row % 3) + start + LENGTH))
    assert batch["labels"].tolist() == [1, 0]


@pytest.mark.parametrize("workers", [2, 3])
def test_processes_that_load_batches_change_none(packed, workers):
    # a reference drew codecs from each worker's own stream: others with another number of them, and after a resume
    def batches(count, first=0):
        made = Batches(crops(packed, 0.5), LoaderSettings(40, 1, torch.device("cpu"), count))
        return [(batch["rows"].tolist(), batch["waves"].tolist()) for batch in made.epoch(1, first)]

    assert batches(workers) == batches(0) and batches(workers, first=3) == batches(0)[3:]


@pytest.mark.parametrize(
    ("change", "share", "message"),
    [
        (lambda index: index.drop(columns="original"), 0.5, "coded_share is 0.5, and train has no column original"),
        (lambda index: index.drop(columns="codec"), 0.0, "coded_share is 0.0, and train has no column codec"),
        (lambda index: index.assign(codec="mp3"), 0.5, "200 recordings of train are not there as it was, such as u0"),
        (lambda index: index.assign(codec="none"), 0.5, "200 recordings of train are not there coded, such as u0"),
    ],
)
def test_an_index_without_what_is_asked_for_is_refused(packed, change, share, message):
    with pytest.raises(Refused, match=message):
        crops(packed, share, index=change(packed.index))
