"""Rows as CSV and as JSON lines."""

import csv
import io
import json

import numpy as np
import pytest

from voxdag.core.rows import Rows

ROW = {"path": "a,b", "score": np.float64(-9.0568685531), "n": np.int64(3), "error": "", "none": float("nan"), "x": 1}
COLUMNS = ["path", "score", "n", "none", "error", "lacks"]


@pytest.mark.parametrize(
    ("as_json", "expected"),
    [
        (False, 'path,score,n,none,error,lacks\n"a,b",-9.056869,3,,,\n'),
        (True, '{"path": "a,b", "score": -9.056869, "n": 3, "none": null, "error": null, "lacks": null}\n'),
    ],
)
def test_numbers_have_six_decimals_and_what_is_not_known_has_no_value(as_json, expected):
    out = io.StringIO()
    Rows(out, COLUMNS, as_json).write(ROW)
    assert out.getvalue() == expected


def test_json_lines_read_again():
    out = io.StringIO()
    rows = Rows(out, COLUMNS, True)
    rows.write(ROW)
    rows.write({"path": "é"})
    assert [json.loads(line)["path"] for line in out.getvalue().splitlines()] == ["a,b", "é"]


@pytest.mark.parametrize("name", ["a,b", "a\nb", "a\rb", 'a"b', " a ", "a\r\nb"])
def test_any_name_reads_again(name):
    out = io.StringIO()
    Rows(out, ["path", "score"], as_json=False).write({"path": name, "score": 0.5})
    assert list(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [["path", "score"], [name, "0.5"]]
    assert out.getvalue().endswith(",0.5\n")


@pytest.mark.parametrize("as_json", [False, True])
def test_each_row_is_handed_on_at_once(tmp_path, as_json):
    with (tmp_path / "rows").open("w") as file:
        rows = Rows(file, ["path"], as_json)
        for count in (1, 2):
            rows.write({"path": "x.wav"})
            assert (tmp_path / "rows").read_text().count("x.wav") == count
