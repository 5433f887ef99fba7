"""Which files are a corpus's recordings, in folders as they are copied, zipped, linked and cloned."""

import os
from pathlib import PurePosixPath

import pandas as pd
import pytest

from voxdag.core.errors import NotHere, Refused
from voxdag.corpora import listing
from voxdag.corpora.listing import NO_TARGET, OTHER_FORMAT, SECOND_COPY

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def chosen(base, *files, published="wav", content=None):
    """The file that is taken of those given as (path, bytes), and the reasons of the others; a byte stands for all of
    a file's, but where `content` says another of a path."""
    left_out = {}
    for path, size in files:
        (base / path).parent.mkdir(exist_ok=True)
        (base / path).write_bytes((content or {}).get(path, b"a") * (size or 0))
    named = [("u", PurePosixPath(path), size) for path, size in files]
    [(path, _)] = listing.one_file_each(base, named, left_out, published).values()
    return str(path), {reason: names for reason, names in left_out.items()}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([("a/u.wav", 9), ("u.mp3", 3)], ("a/u.wav", {OTHER_FORMAT: ["u.mp3"]})),
        ([("u.flac", 5), ("u.mp3", 3), ("u.m4a", 4)], ("u.flac", {OTHER_FORMAT: ["u.m4a", "u.mp3"]})),
        ([("a/u.wav", 9), ("u.wav", 9)], ("u.wav", {SECOND_COPY: ["a/u.wav"]})),
        ([("a/u.WAV", 9), ("u.wav", 9)], ("u.wav", {SECOND_COPY: ["a/u.WAV"]})),
        ([("b/u.mp3", 3), ("a/u.mp3", 3)], ("a/u.mp3", {SECOND_COPY: ["b/u.mp3"]})),
        ([("u.aac", 3), ("u.w64", 9)], ("u.w64", {OTHER_FORMAT: ["u.aac"]})),
        ([("u.wav", None), ("a/u.mp3", 3)], ("a/u.mp3", {NO_TARGET: ["u.wav"]})),
        ([("u.wav", None), ("a/u.wav", None)], ("u.wav", {SECOND_COPY: ["a/u.wav"]})),
    ],
)
def test_one_file_is_taken_of_each_utterance(tmp_path, files, expected):
    assert chosen(tmp_path, *files) == chosen(tmp_path, *reversed(files)) == expected


def test_the_published_format_goes_first(tmp_path):
    files = [("u.wav", 9), ("u.flac", 5)]
    assert chosen(tmp_path, *files, published="flac")[0] == "u.flac"
    assert chosen(tmp_path, *files, published="wav")[0] == "u.wav"


@pytest.mark.parametrize("size", [8, 9])
def test_two_recordings_of_one_name_and_format_are_refused_with_both(tmp_path, size):
    other = os.fsdecode(b"M\xfcller/u.wav")
    message = rf"holds u.wav \(9 bytes\) and M\\xfcller/u.wav \({size} bytes\), which differ; expected one"
    with pytest.raises(Refused, match=message):
        chosen(tmp_path, ("u.wav", 9), (other, size), content={other: b"b"})


@pytest.fixture
def tree(tmp_path):
    for name in ("b/x/audio", "c/audio", "__MACOSX/audio", ".hidden/audio", "deep/1/2/3/other"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_a_corpus_is_found_below_its_root_the_least_nested_first(tree):
    assert listing.holding(tree, "audio") == PurePosixPath("c")
    (tree / "b/audio").mkdir()
    assert listing.holding(tree, "audio") == PurePosixPath("b")
    (tree / "audio").mkdir()
    assert listing.holding(tree, "audio") == PurePosixPath(".")


def test_a_corpus_is_looked_for_in_three_folders_below_its_root_and_not_in_hidden_ones(tree):
    assert listing.holding(tree, "other") is None and listing.holding(tree / "deep", "other") == PurePosixPath("1/2/3")
    assert listing.holding(tree, "3") == PurePosixPath("deep/1/2")
    assert listing.holding(tree / "nowhere", "audio") is None
    for name in ("b/x", "c"):
        (tree / name / "audio").rmdir()
    assert listing.holding(tree, "audio") is None


def test_a_link_to_the_folder_of_a_corpus_is_followed(tree):
    (tree / "a").symlink_to(tree / "b/x")
    assert listing.holding(tree, "audio") == PurePosixPath("a")


def test_what_is_left_out_is_counted_by_reason():
    left_out = {"not audio": ["b.txt", os.fsdecode(b"\xfc.txt")], "a name of another form": ["c.wav"]}
    expected = "3 files: 1 a name of another form (such as c.wav), 2 not audio (such as b.txt)"
    assert listing.in_words(left_out) == expected
    assert listing.in_words({"not audio": [os.fsdecode(b"\xfc.txt")]}) == "1 file: 1 not audio (such as \\xfc.txt)"


def test_pointers_of_git_lfs_are_found_among_small_files(tmp_path):
    contents = {"pointer.wav": POINTER, "small.wav": b"audio", "large.wav": POINTER + 2000 * b" "}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    sizes = [len(content) for content in contents.values()]
    trials = pd.DataFrame(
        {"path": [*contents, "absent.wav", "gone.wav"], "bytes": pd.array([*sizes, None, 9], "Int64")}
    )
    assert listing.pointers(tmp_path, trials) == ["pointer.wav"]


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_audio_is_found_by_its_ending_and_the_rest_is_told(tmp_path):
    touch(tmp_path, "b.WAV", "sub/a.m4a", "c.txt", "sub/d.txt", "README", "e.mp3.part", "._b.wav", ".git/b.wav")
    paths, left_out = listing.audio_in(tmp_path)
    assert paths == [tmp_path / "b.WAV", tmp_path / "sub/a.m4a"]
    assert listing.in_words(left_out) == (
        "5 files: 1 a macOS resource fork (such as ._b.wav), 4 not audio (such as README)"
    )


def test_linked_folders_are_entered_and_circles_end(tmp_path):
    touch(tmp_path, "real/a.wav", "top/b.wav")
    (tmp_path / "top/more").symlink_to(tmp_path / "real")
    (tmp_path / "real/up").symlink_to(tmp_path / "top")
    assert listing.audio_in(tmp_path / "top") == ([tmp_path / "top/b.wav", tmp_path / "top/more/a.wav"], {})


def test_a_link_without_target_is_told(tmp_path):
    touch(tmp_path, "a.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "gone.wav")
    assert listing.audio_in(tmp_path) == ([tmp_path / "a.wav"], {"a link without target": ["b.wav"]})
    (tmp_path / "a.wav").unlink()
    with pytest.raises(Refused, match=r"holds no audio, it holds 1 file: 1 a link without target \(such as b.wav\)"):
        listing.audio_in(tmp_path)


@pytest.mark.parametrize(
    ("names", "message"),
    [((), "holds no audio, it is empty; known endings are 3gp, aac"), (("a.txt",), "it holds 1 file: 1 not audio")],
)
def test_a_folder_without_audio_says_what_it_holds(tmp_path, names, message):
    touch(tmp_path, *names)
    with pytest.raises(Refused, match=message):
        listing.audio_in(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    touch(tmp_path, "a.wav")
    with pytest.raises(NotHere, match=r"a.wav is no folder"):
        listing.audio_in(tmp_path / "a.wav")
