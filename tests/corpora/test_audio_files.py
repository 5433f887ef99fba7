"""What a folder holds, as people have it: linked folders, hidden files, endings that are none of audio."""

import pytest

from voxdag.core.errors import NotHere, Refused
from voxdag.corpora import audio_files


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_audio_is_found_by_its_ending_and_the_rest_is_counted(tmp_path):
    touch(tmp_path, "b.WAV", "sub/a.m4a", "c.txt", "sub/d.txt", "README", "e.mp3.part")
    found = audio_files.find(tmp_path)
    assert found.paths == [tmp_path / "b.WAV", tmp_path / "sub/a.m4a"]
    assert found.others == {".txt": 2, "": 1, ".part": 1}
    assert found.left_out == "4 files (2 .txt, 1 .part, 1 without ending)"


def test_hidden_files_are_not_looked_at(tmp_path):
    touch(tmp_path, "a.wav", "._a.wav", ".DS_Store", ".git/b.wav")
    assert audio_files.find(tmp_path) == ([tmp_path / "a.wav"], {}) and audio_files.find(tmp_path).left_out == ""


def test_linked_folders_are_entered_and_circles_end(tmp_path):
    touch(tmp_path, "real/a.wav", "top/b.wav")
    (tmp_path / "top/more").symlink_to(tmp_path / "real")
    (tmp_path / "real/up").symlink_to(tmp_path / "top")
    assert audio_files.find(tmp_path / "top").paths == [tmp_path / "top/b.wav", tmp_path / "top/more/a.wav"]


def test_a_link_without_target_is_no_file(tmp_path):
    touch(tmp_path, "a.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "gone.wav")
    assert audio_files.find(tmp_path).paths == [tmp_path / "a.wav"]


@pytest.mark.parametrize(
    ("names", "message"),
    [((), "holds no audio, it is empty; known endings are 3gp, aac"), (("a.txt",), "it holds 1 files .1 .txt.")],
)
def test_a_folder_without_audio_says_what_it_holds(tmp_path, names, message):
    touch(tmp_path, *names)
    with pytest.raises(Refused, match=message):
        audio_files.find(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    touch(tmp_path, "a.wav")
    with pytest.raises(NotHere, match=r"a.wav is no folder"):
        audio_files.find(tmp_path / "a.wav")


def test_many_endings_are_not_all_named(tmp_path):
    touch(tmp_path, "a.wav", *(f"x.e{i}" for i in range(7)))
    assert (
        audio_files.find(tmp_path).left_out.startswith("7 files (1 .e") and "..." in audio_files.find(tmp_path).left_out
    )
