"""Where uploads lie, for how long, and what is left of them: nothing."""

import os
import subprocess
import sys
import time

import pytest

from voxdag.serving import uploads
from voxdag.serving.uploads import Uploads, safe


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def put(kept, name="a.wav"):
    path = kept.place(name)
    path.write_bytes(b"audio")
    return path


def test_the_folder_is_its_users_alone_and_goes_with_the_process(temporary):
    with Uploads() as kept:
        assert kept.folder.stat().st_mode & 0o777 == 0o700
        put(kept)
    assert list(temporary.iterdir()) == []


def test_two_uploads_of_one_name_lie_apart_and_one_goes_without_the_other():
    with Uploads() as kept:
        first, second = put(kept), put(kept)
        kept.discard([first])
        assert not first.parent.exists() and second.read_bytes() == b"audio"


def test_what_waits_too_long_goes_and_what_the_framework_leaves():
    with Uploads() as kept:
        old, new = put(kept), put(kept)
        os.utime(old.parent, (time.time() - 100,) * 2)
        (kept.folder / "tmpabc").touch()
        kept.sweep(60)
        assert {path.name for path in kept.folder.iterdir()} == {new.parent.name, uploads.LOCK}


def test_paths_of_others_are_none_of_ours(temporary):
    with Uploads() as kept:
        own = put(kept)
        assert kept.holds(own) and kept.holds(str(own))
        strange = [
            "/etc/passwd",
            f"{kept.folder}/a/../../passwd",
            f"{kept.folder}/x",
            str(kept.folder),
            "https://a/b",
            "",
        ]
        assert not any(kept.holds(path) for path in strange)
        outside = temporary / "mine/a.wav"
        outside.parent.mkdir()
        outside.touch()
        kept.discard([outside])
        assert outside.exists()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.wav", "a.wav"),
        ("../../etc/passwd", "passwd"),
        ("C:\\sound\\é.flac", "é.flac"),
        ("a\n\0b\u202e.wav", "ab.wav"),
        ("..", "recording"),
        ("", "recording"),
        ("x" * 300 + ".wav", "x" * 96 + ".wav"),
        ("語" * 200 + ".wav", "語" * 83 + ".wav"),  # 255 bytes: 83 signs of three, and the ending
    ],
)
def test_a_name_is_made_safe_and_keeps_its_ending(name, kept):
    assert safe(name) == kept
    assert len(safe(name).encode()) <= 255


def test_what_a_killed_process_left_goes_when_the_next_begins(temporary):
    code = (
        f"import tempfile; tempfile.tempdir = {str(temporary)!r}\n"
        "from voxdag.serving.uploads import Uploads; import os\n"
        "kept = Uploads(); kept.place('a.wav').write_bytes(b'x'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = temporary.iterdir()
    with Uploads() as running:
        assert not left.exists()
        with Uploads():  # and that of one who runs stays
            assert running.folder.exists()
