import os

import numpy as np
import pandas as pd
import pytest

from voxdag.core import artifacts
from voxdag.core.errors import Refused


def test_json_is_sorted_rounded_and_null_where_undefined(tmp_path):
    artifacts.write_json(tmp_path / "a.json", {"b": np.float32(1 / 3), "a": float("nan"), "c": [np.int64(2), None]})
    expected = '{\n  "a": null,\n  "b": 0.333333,\n  "c": [\n    2,\n    null\n  ]\n}\n'
    assert (tmp_path / "a.json").read_text() == expected


def written(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    return tmp_path / "a.csv"


def test_a_table_survives_the_round_trip(tmp_path):
    table = pd.DataFrame({"id": ["007", "NA"], "attack": [None, "A01"], "score": [0.1234567, -2.0]})
    artifacts.write_table(tmp_path / "a.csv", table)
    read = artifacts.read_table(tmp_path / "a.csv", {"score": float})
    assert read["id"].tolist() == ["007", "NA"]  # names stay names
    assert read["attack"].isna().tolist() == [True, False]
    assert read["score"].tolist() == [0.123457, -2.0]


def test_what_the_schema_does_not_name_is_text_and_what_it_names_is_a_number(tmp_path):
    path = written(tmp_path, "codec,label,snr\n001,0.5,10\n002,-1,20\n")
    read = artifacts.read_table(path, {"label": float, "snr": int, "absent": int})
    assert read["codec"].tolist() == ["001", "002"]
    assert read["label"].tolist() == [0.5, -1.0] and read["label"].dtype == float  # a regression's
    assert read["snr"].tolist() == [10, 20] and read["snr"].dtype == "int64"
    assert list(artifacts.read_table(path, {})["label"]) == ["0.5", "-1"]


def test_whole_numbers_with_gaps_stay_whole(tmp_path):
    # beyond 2^53, where a float would lose the last digit
    read = artifacts.read_table(written(tmp_path, "seed,x\n9007199254740993,\n,2\n"), {"seed": int, "x": float})
    assert read["seed"].dtype == "Int64" and read["seed"][0] == 9007199254740993 and read["seed"].isna()[1]
    assert np.isnan(read["x"][0]) and read["x"][1] == 2.0


def test_a_number_is_read_to_its_last_digit(tmp_path):
    assert artifacts.read_table(written(tmp_path, "x\n0.1234567890123456789\n"), {"x": float})["x"][0] == (
        0.1234567890123456789
    )


def test_a_name_goes_before_a_prefix_and_a_long_prefix_before_a_short_one(tmp_path):
    path = written(tmp_path, "p_happy,p_n_a,p_id,other\n0.5,1,007,2\n")
    read = artifacts.read_table(path, {"p_*": float, "p_n_*": int, "p_id": str, "*": int})
    assert read.iloc[0].tolist() == [0.5, 1, "007", 2]
    assert [str(kind) for kind in read.dtypes] == ["float64", "int64", "str", "int64"]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [(int, "3.5", "'3.5' is not a whole number"), (float, "loud", "'loud' is not a number"), (int, "NA", "'NA'")],
)
def test_a_value_of_another_type_is_refused_with_file_line_and_column(tmp_path, kind, value, reason):
    path = written(tmp_path, f"id,level\na,1\nb,{value}\n")
    with pytest.raises(Refused, match=f"a.csv, line 3, column level: {reason}"):
        artifacts.read_table(path, {"level": kind})


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
        artifacts.read_table(tmp_path / "a.csv", {})


def test_a_file_name_that_is_not_unicode_can_be_said(tmp_path):
    name = b"caf\xe9.wav".decode(errors="surrogateescape")  # as Python lists a file whose name is latin-1
    artifacts.write_json(tmp_path / "a.json", {"left out": [name, "café.wav"]})
    assert (tmp_path / "a.json").read_text() == '{\n  "left out": [\n    "caf\\udce9.wav",\n    "café.wav"\n  ]\n}\n'
    assert artifacts.read_json(tmp_path / "a.json") == {"left out": [name, "café.wav"]}


@pytest.mark.parametrize("content", [b"", b"a\n1\n2,3\n"])
def test_what_is_no_table_is_refused_by_name(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(Refused, match=r"t.csv is no table: .*, expected CSV"):
        artifacts.read_table(tmp_path / "t.csv", {})


def test_a_file_name_that_is_not_utf_8_comes_back_as_it_was(tmp_path):
    names = [os.fsdecode(b"M\xfcller/a.wav"), "M\u00fcller/b.wav"]
    artifacts.write_table(tmp_path / "a.csv", pd.DataFrame({"path": names}))
    assert (tmp_path / "a.csv").read_bytes() == b"path\nM\xfcller/a.wav\nM\xc3\xbcller/b.wav\n"
    assert artifacts.read_table(tmp_path / "a.csv", {})["path"].tolist() == names
