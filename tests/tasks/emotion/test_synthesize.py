"""Emotional speech that a GAN makes up: rows of train under its emotions."""

import numpy as np
import pytest

from tests.synthesis.making import MELS, packed_in, place_in, settings_of
from voxdag.core.errors import Refused
from voxdag.tasks.emotion import synthesize

LABELS = ["angry"] * 8 + ["sad"] * 4


def made(packed, folder, **changes):
    return list(synthesize.synthesize(None, packed, settings_of(**changes), place_in(folder)))


def test_rows_have_an_emotion_of_train_and_are_of_train(tmp_path):
    rows = made(packed_in(tmp_path / "packed", 12, label=LABELS), tmp_path, count=40, batch_size=20)
    assert len({row["id"] for row, _ in rows}) == 40
    for row, arrays in rows:
        assert set(row) == {"id", "split", "speaker", "label"} and (row["split"], row["speaker"]) == ("train", "it")
        assert arrays["wave"].dtype == np.int16 and len(arrays["wave"]) == MELS.samples
    # 2 in 3 of 40 have a standard error of 0.075
    assert np.mean([row["label"] == "angry" for row, _ in rows]) == pytest.approx(2 / 3, abs=0.3)
    assert {row["label"] for row, _ in rows} == {"angry", "sad"}


def test_an_emotion_with_one_recording_is_refused(tmp_path):
    packed = packed_in(tmp_path / "packed", 12, label=["angry"] * 11 + ["calm"])
    with pytest.raises(Refused, match="class calm of label has 1 recording in train, expected 2 or more"):
        made(packed, tmp_path)
    assert synthesize.fitted_to(packed.index).all()
