"""A file of rows that a killed run left: what is whole stays, and going on gives the whole file."""

import contextlib
import io
import multiprocessing

import pytest

from voxdag.core.errors import Refused
from voxdag.core.resumed_rows import Asked, resumed
from voxdag.core.rows import Rows

COLUMNS = ["path", "start", "score", "system", "weights", "error"]
SAME = {"system": "one", "weights": "ab12"}
NAMES = ["a.wav", "with, comma.wav", "with\nbreak.wav", "with\rreturn.wav", 'with "quotes".wav', "é.wav", "z.wav"]


def row(name, start):
    return {"path": name, "start": start, "score": len(name) / 3, **SAME, "error": "x, y" if name == "é.wav" else ""}


def write_all(rows, done=()):
    """Two rows a file, as with --segments."""
    for name in (name for name in NAMES if name not in done):
        for start in (0.0, 1.5):
            rows.write(row(name, start))


def whole(as_json):
    text = io.StringIO()
    write_all(Rows(text, COLUMNS, as_json))
    return text.getvalue().encode()


def go_on(path, as_json):
    with resumed(path, COLUMNS, as_json, Asked(SAME, NAMES, by_parts=True)) as (file, kept):
        write_all(Rows(file, COLUMNS, as_json, go_on=file.tell() > 0), kept.paths)
    return kept.paths


@pytest.mark.parametrize("as_json", [False, True])
def test_a_run_that_is_killed_anywhere_goes_on_to_the_whole_file(tmp_path, as_json):
    expected, path, counts = whole(as_json), tmp_path / "rows", []
    for size in [*range(0, len(expected), 5), len(expected)]:
        path.write_bytes(expected[:size])
        counts.append(len(go_on(path, as_json)))
        assert path.read_bytes() == expected, size
    assert counts == sorted(counts) and counts[-1] == len(NAMES) - 1  # the last file is made again


def test_a_new_file_begins_with_its_columns(tmp_path):
    assert go_on(tmp_path / "rows", as_json=False) == set()
    assert (tmp_path / "rows").read_bytes() == whole(as_json=False)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("spoil", [("one", "two"), ("ab12", "cd34")])
def test_rows_of_another_system_or_other_weights_are_refused_and_stay(tmp_path, as_json, spoil):
    content = whole(as_json).decode().replace(*spoil).encode()
    (tmp_path / "rows").write_bytes(content)
    with pytest.raises(
        Refused, match=rf"rows has rows of .* {spoil[1]}, this run's are of {spoil[0]}: name another file"
    ):
        go_on(tmp_path / "rows", as_json)
    assert (tmp_path / "rows").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "as_json", "message"),
    [
        (b"path,used,system\na,1,one\n", False, "rows has the columns path,used,system; expected path,start,score"),
        (whole(as_json=True), False, r"rows has the columns .*; expected path,start"),
        (whole(as_json=False), True, "rows has another line than JSON with the keys path, start"),
        (b"null\n", True, "rows has another line than JSON"),
        (whole(as_json=False).replace(b"a.wav,0.0", b"a.wav"), False, "is no table: a row has 5 columns, expected 6"),
        (b"\xff\xfe\0\n", False, "rows has the columns"),
    ],
)
def test_a_file_that_is_none_of_these_rows_is_refused_and_stays(tmp_path, content, as_json, message):
    (tmp_path / "rows").write_bytes(content)
    with pytest.raises(Refused, match=message):
        go_on(tmp_path / "rows", as_json)
    assert (tmp_path / "rows").read_bytes() == content


def hold(path, begun, end):
    with resumed(path, COLUMNS, False, SAME):
        begun.set()
        end.wait(30)


def test_a_file_that_another_process_writes_is_refused(tmp_path):
    context = multiprocessing.get_context("spawn")
    begun, end = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "rows", begun, end))
    other.start()
    with contextlib.closing(other):
        assert begun.wait(60)
        with pytest.raises(Refused, match="rows is being written by another process"):
            go_on(tmp_path / "rows", as_json=False)
        end.set()
        other.join()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_last_file_that_is_not_asked_for_stays_where_it_is_whole(tmp_path, as_json):
    path = tmp_path / "rows"
    path.write_bytes(whole(as_json))
    with resumed(path, COLUMNS, as_json, Asked(SAME, ["new.wav"])) as (_, kept):
        assert kept.paths == set(NAMES) and kept.failed == {"é.wav"} and kept.last["path"] == "z.wav"
    assert path.read_bytes() == whole(as_json)


@pytest.mark.parametrize(("by_parts", "cut"), [(True, False), (False, True)])
def test_a_last_file_that_may_be_there_in_part_is_refused_where_it_is_not_asked_for(tmp_path, by_parts, cut):
    path, content = tmp_path / "rows", whole(as_json=False)
    content = content[:-1] if cut else content  # its last row has all columns, and no end of line
    path.write_bytes(content)
    with (
        pytest.raises(Refused, match="ends with rows of z.wav, which may be there in part"),
        resumed(path, COLUMNS, False, Asked(SAME, ["new.wav"], by_parts)),
    ):
        pass
    assert path.read_bytes() == content
