"""Files are written whole or not at all; a folder is walked as it is, whatever links and changes there are."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from voxdag.core import files


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "deep/a.txt"
    files.write_bytes(path, b"before")

    def full(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        files.write_bytes(path, b"after")
    assert path.read_bytes() == b"before" and list(path.parent.iterdir()) == [path]


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=rf"\[Errno 28\] No space left on device: '{tmp_path}/a.txt'"):
        files.write_bytes(tmp_path / "a.txt", b"content")
    with pytest.raises(OSError, match="a.txt") as caught, files.naming(tmp_path / "a.txt"):
        raise OSError(27, "File too large")
    assert caught.value.errno == 27
    with pytest.raises(FileNotFoundError, match="'other'"), files.naming(tmp_path / "a.txt"):
        Path("other").read_bytes()  # names a file already


def test_what_a_killed_run_left_of_a_file_goes_when_it_is_written_again(tmp_path):
    script = (
        "import os, signal; from voxdag.core import files; os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)"
    )
    script += f"; files.write_bytes({str(tmp_path / 'a')!r}, b'killed in the middle of it')"
    killed = subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": "."}, check=False)
    assert killed.returncode == -signal.SIGKILL and len(list(tmp_path.iterdir())) == 1  # what it left of a
    files.write_bytes(tmp_path / "a", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_bytes() == b"whole"


def test_a_file_that_several_write_at_once_is_always_one_of_theirs(tmp_path):
    contents = [bytes([65 + k]) * 100_000 for k in range(6)]
    with ThreadPoolExecutor(len(contents)) as writers:
        writes = [writers.submit(files.write_bytes, tmp_path / "a", content) for _ in range(20) for content in contents]
        while not all(write.done() for write in writes):
            if (tmp_path / "a").exists():
                assert (tmp_path / "a").read_bytes() in contents
    assert [write.result() for write in writes] == [None] * len(writes)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_written_replaces_a_link_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "cached").write_bytes(b"kept")
    (tmp_path / "out").symlink_to(tmp_path / "cached")
    files.write_bytes(tmp_path / "out", b"new")
    assert (tmp_path / "cached").read_bytes() == b"kept" and (tmp_path / "out").read_bytes() == b"new"


def test_a_hard_link_into_a_cache_is_not_written_through(tmp_path):
    # DVC with cache.type hardlink: an output is the cached object itself, read-only
    (tmp_path / "cached").write_bytes(b"kept")
    (tmp_path / "cached").chmod(0o444)
    (tmp_path / "out").hardlink_to(tmp_path / "cached")
    files.write_bytes(tmp_path / "out", b"new")
    assert (tmp_path / "cached").read_bytes() == b"kept" and (tmp_path / "out").read_bytes() == b"new"


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "b/c.wav", "b/d.wav", ".git/e.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * len(name))
    return tmp_path


def test_files_are_listed_with_their_sizes(folder):
    assert sorted(files.walk(folder)) == [("./a.wav", 5), ("b/c.wav", 7), ("b/d.wav", 7)]
    assert list(files.walk(folder / "absent")) == list(files.walk(folder / "a.wav")) == []


def test_what_goes_away_or_comes_while_it_is_listed_is_no_error(folder):
    found = files.walk(folder)
    assert next(found) == ("./a.wav", 5)
    (folder / "b/c.wav").unlink()
    (folder / "b/new.wav").touch()
    assert sorted(found) == [("b/d.wav", 7), ("b/new.wav", 0)]
    found = files.walk(folder)
    next(found)
    (folder / "b").rename(folder / ".b")
    assert list(found) == []


def test_what_is_no_file_is_not_listed(folder):
    os.mkfifo(folder / "pipe")
    for name, target in {"broken": "nowhere", "through": "a.wav/x", "itself": "itself"}.items():
        (folder / name).symlink_to(folder / target)
    assert len(list(files.walk(folder))) == 3
    without = {name for name, size in files.walk_links(folder) if size is None}
    assert without == {"./broken", "./through", "./itself"}


def test_linked_folders_are_entered_and_loops_end(folder, tmp_path_factory):
    disk = tmp_path_factory.mktemp("disk")
    for name in ("one/e.wav", "two/f.wav"):
        (disk / name).parent.mkdir()
        (disk / name).write_bytes(b"12")
    for link, target in {"b/up": folder, "b/around": folder.parent, "first": disk / "one"}.items():
        (folder / link).symlink_to(target)
    for link, target in {"one/two": disk / "two", "two/one": disk / "one", "two/self": disk / "two"}.items():
        (disk / link).symlink_to(target)
    found = [name for name, _ in files.walk(folder)]
    assert sorted(found) == ["./a.wav", "b/c.wav", "b/d.wav", "first/e.wav", "first/two/f.wav"]


def test_many_links_in_all_directions_are_walked_in_no_time(folder):
    names = [f"f{k}" for k in range(20)]
    for name in names:
        (folder / name).mkdir()
        for other in names:
            (folder / name / f"to_{other}").symlink_to(folder / other)
    assert len(list(files.walk(folder))) == 3


def test_names_that_are_not_utf_8_can_be_written(folder):
    (folder / os.fsdecode(b"M\xfcller.txt")).touch()
    assert sorted(files.text_of(name) for name, _ in files.walk(folder))[0] == "./M\\xfcller.txt"
    assert files.text_of("M\u00fcller") == "M\u00fcller"


def test_a_folder_that_may_not_be_read_is_an_error_not_an_empty_one(folder, monkeypatch):
    listed = os.scandir

    def scandir(place):
        if place.name == "b":
            raise PermissionError(13, "Permission denied", str(place))
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError, match="Permission denied: .*/b"):
        list(files.walk(folder))


def test_a_file_that_may_not_be_looked_at_is_an_error(folder, monkeypatch):
    class Entry:
        name, path = "a.wav", "a.wav"

        def stat(self):
            raise PermissionError(13, "Permission denied", self.path)

    monkeypatch.setattr(os, "scandir", lambda place: [Entry()])
    with pytest.raises(PermissionError, match="Permission denied: 'a.wav'"):
        list(files.walk(folder))


def test_a_file_that_is_written_bit_by_bit_has_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "deep/a"
    with files.writing(path) as file:
        file.write(b"one ")
        assert not path.exists() and Path(file.name).parent == path.parent
        file.write(b"two")
    assert path.read_bytes() == b"one two" and list(path.parent.iterdir()) == [path]
    with pytest.raises(ValueError, match="on the way"), files.writing(path) as file:
        file.write(b"three")
        raise ValueError("on the way")
    assert path.read_bytes() == b"one two" and list(path.parent.iterdir()) == [path]
