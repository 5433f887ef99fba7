"""Text files as people's programs save them are read as they were meant, or refused with file and line."""

import gzip
import lzma

import pytest

from voxdag.core import texts
from voxdag.core.errors import Refused


def read(path, content, **options):
    path.write_bytes(content)
    return list(texts.lines(path, **options))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "big endian"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_end_gives_the_same_lines(tmp_path, encoding, end):
    text = end.join(["S1 a", "", "S2 \u00fc", "  ", ""])
    content = ("\ufeff" + text).encode("utf-16-be") if encoding == "big endian" else text.encode(encoding)
    assert read(tmp_path / "a.txt", content) == [(1, "S1 a"), (3, "S2 \u00fc")]


def test_the_mark_of_a_file_that_was_joined_to_another_is_no_part_of_its_line(tmp_path):
    joined = "S1 a\n".encode("utf-8-sig") + "S1 b\n".encode("utf-8-sig")
    assert read(tmp_path / "a.txt", joined) == [(1, "S1 a"), (2, "S1 b")]


@pytest.mark.parametrize(("suffix", "compress"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_compressed_texts_are_read_and_damaged_ones_refused_with_their_file(tmp_path, suffix, compress):
    path = tmp_path / f"a.txt{suffix}"
    whole = compress(b"\xef\xbb\xbfS1 a\nS2 b\n" * 50)
    assert read(path, whole)[:2] == [(1, "S1 a"), (2, "S2 b")]
    middle = len(whole) // 2
    for damaged in (whole[:-6], b"no archive at all", whole[:middle] + bytes(9) + whole[middle + 9 :]):
        with pytest.raises(Refused, match=f"a.txt{suffix} cannot be read as {suffix}: "):
            read(path, damaged)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"S1 M\xfcller\n", "a.txt is not in UTF-8: invalid .*; expected a text in UTF-8"),
        ("S1 a\n".encode("utf-16-le"), "a.txt:1: a character of value 0, expected a text in UTF-8"),
        (b"S1 a\n" + b"x" * 20_000, "a.txt:2: a line of more than 10000 characters, expected a text table"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a.txt is a pointer of Git LFS .*: `git lfs pull` fetches"),
    ],
)
def test_what_is_no_text_of_lines_is_refused_with_its_file(tmp_path, content, reason):
    with pytest.raises(Refused, match=reason):
        read(tmp_path / "a.txt", content)


def test_an_archive_whose_stream_is_broken_is_refused_with_its_file(tmp_path):
    content = bytearray(gzip.compress(b"S1 a\n"))
    content[10] |= 6  # bits 1 and 2 behind the header of ten bytes: a kind of block that there is not
    with pytest.raises(Refused, match="a.txt.gz cannot be read as .gz: .*invalid block type"):
        read(tmp_path / "a.txt.gz", content)


def test_characters_of_another_encoding_pass_where_they_do_not_matter(tmp_path):
    assert read(tmp_path / "a.txt", b"she\x92s bored\n", errors="replace") == [(1, "she\ufffds bored")]


def test_a_small_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.txt.gz"
    with pytest.raises(Refused, match="a.txt.gz:1: a line of more than 10000 characters"):
        read(path, gzip.compress(bytes(10**7)))
    monkeypatch.setattr(texts, "MOST", 1000)
    with pytest.raises(Refused, match="a.txt.gz: more than 1000 characters"):
        read(path, gzip.compress(b"\n" * 1001))


TABLE = "Name,Other,Vote\nx,1,A\n\ny,2,B:C\n"


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        "\ufeff" + TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        "\ufeffsep=;\n" + TABLE.replace(",", ";"),
        TABLE.replace("\n\n", "\n,,\n").replace("x", ' "x" '.strip()),
        TABLE.replace("Name,Other", ' Name ,"Ot,her"'),
    ],
)
def test_a_table_is_read_whatever_the_program_that_saved_it(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    assert [cells for _, cells in texts.rows(path, ["Vote", "Name"])] == [["A", "x"], ["B:C", "y"]]
    assert [place for place, _ in texts.rows(path, ["Vote"])][-1] == f"{path}:{4 + text.count('sep=')}"


def test_a_table_without_a_column_is_refused_with_file_and_column(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Name;Votes\nx;A\n")
    with pytest.raises(Refused, match="a.csv:1: no column Vote in the header 'Name;Votes'"):
        list(texts.rows(path, ["Name", "Vote"]))
    path.write_text("")
    with pytest.raises(Refused, match="a.csv:1: no column Name in the header ''"):
        list(texts.rows(path, ["Name", "Vote"]))


def test_a_row_that_is_cut_is_refused_with_its_place(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Name,Vote\nx,A\ny\n")
    with pytest.raises(Refused, match="a.csv:3: 'y' has 1 cells, expected 2"):
        list(texts.rows(path, ["Name", "Vote"]))
