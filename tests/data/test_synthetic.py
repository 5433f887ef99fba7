"""Recordings that were made up are told from real ones, and nothing is measured on them."""

import numpy as np
import pytest

from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.data.shards import Shards
from voxdag.data.synthetic import all_real, made_up


def packed(folder, **columns):
    rows = [{"id": f"u{i}"} | {name: values[i] for name, values in columns.items()} for i in range(3)]
    shards.write(folder, [(row, {"wave": np.ones(4, np.int16)}) for row in rows], shards.wave_at(16000), 1)
    return Shards(folder)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [({}, [False] * 3), ({"synthetic": [0, 0, 0]}, [False] * 3), ({"synthetic": [0, 1, 1]}, [False, True, True])],
)
def test_the_column_says_which_were_made_up(tmp_path, columns, expected):
    assert made_up(packed(tmp_path, **columns).index).tolist() == expected


def test_a_split_with_recordings_that_were_made_up_is_not_measured(tmp_path):
    real = packed(tmp_path / "real", synthetic=[0, 0, 0])
    assert all_real(real) is real
    with pytest.raises(Refused, match="2 of 3 recordings of .*dev were made up, such as u1: nothing is measured on"):
        all_real(packed(tmp_path / "dev", synthetic=[0, 1, 1]))
