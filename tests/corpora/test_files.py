"""Recordings of several files: which are on disk."""

import pandas as pd
import pytest

from voxdag.corpora import files

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"


@pytest.fixture
def trials():
    return pd.DataFrame(
        {
            "path": ["a.wav", "b.wav", "c.wav", "d.wav"],
            "bytes": pd.array([9, 9, None, None], "Int64"),
            "clean": ["a2.wav", "b2.wav", "c2.wav", "d2.wav"],
            "clean_bytes": pd.array([9, None, 9, None], "Int64"),
        },
        index=[7, 8, 9, 9],  # of a table that others were joined to
    )


def test_a_recording_is_absent_where_one_of_its_files_is_and_is_called_by_the_first(trials):
    assert files.absent(trials).isna().tolist() == [True, False, False, False]
    assert files.absent(trials).tolist()[1:] == ["b2.wav", "c.wav", "d.wav"]


def test_a_recording_of_one_file_is_absent_where_that_is(trials):
    assert files.absent(trials[["path", "bytes"]]).dropna().tolist() == ["c.wav", "d.wav"]
    assert files.absent(trials.head(0)).empty


def test_pointers_of_git_lfs_are_found_among_all_files(trials, tmp_path):
    contents = {"a.wav": b"audio", "b.wav": POINTER, "a2.wav": POINTER, "b2.wav": POINTER, "c2.wav": b"audio"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert files.pointers(tmp_path, trials) == ["b.wav", "a2.wav"]  # b2 is said to be absent
    assert files.pointers(tmp_path, trials[["path", "bytes"]]) == ["b.wav"]
