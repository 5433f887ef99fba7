"""Which files a command line names: by themselves, by folders, by lists of any names."""

import io
import os
from pathlib import Path

import pytest

from voxdag.core.errors import NotHere, Refused
from voxdag.corpora.file_list import listed, names


def touch(folder, *files):
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()


def test_a_folder_gives_its_audio_and_counts_what_it_passed_over(tmp_path):
    touch(tmp_path, "b.wav", "sub/a.m4a", "._b.wav", "notes.txt", "sub/deep/x.TXT", "y.csv", "README")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere")
    found = listed([str(tmp_path)], (), None)
    assert found.files == [tmp_path / "b.wav", tmp_path / "sub/a.m4a"]
    assert found.passed_over() == (
        "1 .wav (a link without target), 1 .wav (a macOS resource fork), "
        "2 .txt and 1 .csv and 1 without an ending (not audio)"
    )


def test_of_many_endings_the_rarer_ones_are_counted_together(tmp_path):
    touch(tmp_path, "a.wav", *(f"{i}.e{i}" for i in range(8)), "b.e7")
    expected = "2 .e7 and 1 .e0 and 1 .e1 and 1 .e2 and 1 .e3 and 3 of 3 other endings (not audio)"
    assert listed([str(tmp_path)], (), None).passed_over() == expected


def test_a_file_that_is_named_twice_is_there_once(tmp_path):
    touch(tmp_path, "a.wav", "b.wav")
    found = listed([f"{tmp_path}/b.wav", str(tmp_path), f"{tmp_path}/./b.wav"], (), None)
    assert found.files == [tmp_path / "b.wav", tmp_path / "a.wav"]
    assert found.passed_over() == "2 named more than once"


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_not_this_folder(name):
    with pytest.raises(Refused, match=f"PATH is '{name}': expected a file or folder"):
        listed([name], (), None)


def test_what_is_not_there_is_named():
    with pytest.raises(NotHere, match=r"no/a.wav is not here"):
        listed(["no/a.wav"], (), None)


def test_a_folder_without_audio_says_what_it_holds(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(Refused, match=r"holds no audio, it holds 1 file: 1 not audio \(such as notes.txt\)"):
        listed([str(tmp_path)], (), None)


def test_a_list_holds_names_of_any_bytes_and_files_that_are_not_here(tmp_path):
    odd = [
        os.fsdecode(bytes(tmp_path) + b"/" + name) for name in (b"M\xfcller.wav", "a\u2028b.wav".encode(), b"c\fd.wav")
    ]
    lines = b"\n".join(map(os.fsencode, [*odd, "gone.wav"]))
    assert listed(["-"], (), io.BytesIO(lines)).files == [Path(name) for name in [*odd, "gone.wav"]]
    (tmp_path / "list").write_bytes(lines)
    assert listed([], [f"{tmp_path}/list"], None).files == [Path(name) for name in [*odd, "gone.wav"]]


def test_names_that_end_in_nul_may_have_line_breaks_and_blanks():
    assert names(b"a\nb.wav\0 \0c\r.wav\0") == ["a\nb.wav", " ", "c\r.wav"]
    assert names(b"a.wav\0") == ["a.wav"] and names(b"") == names(b"\n \r\n") == names(b"\0") == []
    assert names(b"\xef\xbb\xbfa b.wav\r\nc.wav") == ["a b.wav", "c.wav"]


def test_a_list_without_a_path_or_that_is_not_here_is_refused(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(Refused, match=r"empty lists no file: expected a path a line, or paths that end in NUL"):
        listed([], [f"{tmp_path}/empty"], None)
    with pytest.raises(Refused, match=r"standard input lists no file"):
        listed(["-"], (), io.BytesIO(b"\n"))
    with pytest.raises(NotHere, match="the list of paths .*none is no file here"):
        listed([], [f"{tmp_path}/none"], None)
    with pytest.raises(Refused, match="standard input is closed, and PATH is -"):
        listed(["-"], (), None)
