import os

import numpy as np
import pandas as pd
import pytest

from voxdag.core import artifacts


def test_json_is_sorted_rounded_and_null_where_undefined(tmp_path):
    artifacts.write_json(tmp_path / "a.json", {"b": np.float32(1 / 3), "a": float("nan"), "c": [np.int64(2), None]})
    expected = '{\n  "a": null,\n  "b": 0.333333,\n  "c": [\n    2,\n    null\n  ]\n}\n'
    assert (tmp_path / "a.json").read_text() == expected


def test_a_table_survives_the_round_trip(tmp_path):
    table = pd.DataFrame({"id": ["007", "NA"], "attack": [None, "A01"], "score": [0.1234567, -2.0]})
    artifacts.write_table(tmp_path / "a.csv", table)
    read = artifacts.read_table(tmp_path / "a.csv")
    assert read["id"].tolist() == ["007", "NA"]  # names stay names
    assert read["attack"].isna().tolist() == [True, False]
    assert read["score"].tolist() == [0.123457, -2.0]


def test_a_write_that_fails_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    artifacts.write_json(path, {"old": 1})

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        artifacts.write_json(path, {"new": 2})
    assert artifacts.read_json(path) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_missing_table_says_how_to_make_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a.csv is not here: `dvc repro` writes it"):
        artifacts.read_table(tmp_path / "a.csv")
