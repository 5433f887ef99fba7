import struct
import subprocess
import sys
import zlib

import matplotlib
import pytest

from voxdag.figures import confusion
from voxdag.figures.png import png_bytes, save_png

COUNTS = confusion.table(["a", "a", "b"], ["a", "b", "b"], ["a", "b"])


def chunks(png: bytes) -> dict[bytes, bytes]:
    found, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        name, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert zlib.crc32(name + content) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        found[name], at = content, at + 12 + size
    return found


def test_the_same_table_gives_the_same_bytes():
    figure = confusion.figure(COUNTS)
    first = png_bytes(figure)
    assert png_bytes(confusion.figure(COUNTS)) == first
    assert png_bytes(figure) == first
    assert png_bytes(confusion.figure(COUNTS.assign(count=COUNTS["count"] + 1))) != first


def test_the_file_holds_no_version_and_no_date():
    found = chunks(png_bytes(confusion.figure(COUNTS)))
    assert set(found) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


def test_a_picture_is_one_column_wide_at_200_dots_per_inch():
    width = struct.unpack(">I", chunks(png_bytes(confusion.figure(COUNTS)))[b"IHDR"][:4])[0]
    assert width == 680  # 3.4 in


def test_a_failed_write_leaves_the_old_picture_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "confusion.png"
    path.write_bytes(b"old")

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_png(confusion.figure(COUNTS), path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["confusion.png"]


def test_the_users_matplotlib_settings_neither_change_nor_matter(monkeypatch):
    before = png_bytes(confusion.figure(COUNTS))
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.dpi": 30}):
        settings = dict(matplotlib.rcParams)
        assert png_bytes(confusion.figure(COUNTS)) == before
        assert dict(matplotlib.rcParams) == settings


def test_drawing_does_not_load_pyplot():
    program = (
        "import sys, numpy, pandas\n"
        "from voxdag.figures import groups, png\n"
        "table = groups.spread({'a': [1.0, 2.0], 'b': [0.0]})\n"
        "png.png_bytes(groups.boxes(table.assign(label='x'), {'x': 'red'}, 0.5, 'threshold'))\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
