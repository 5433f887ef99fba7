"""Bundles from strangers: folders and zips that are damaged, that lead elsewhere, or are none."""

import zipfile

import pytest

from tests.release.test_manifest import FILES, about
from voxdag.core.errors import NotHere, Refused
from voxdag.release import manifest, reading, writing
from voxdag.release.manifest import Checked, Held

GOOD = {manifest.FILE: about().text().encode()} | dict.fromkeys(FILES, b"x")


def read(path):
    with reading.opened(path) as bundle:
        return bundle.about


@pytest.mark.parametrize("name", ["folder", "file.zip"])
def test_what_is_written_is_read(tmp_path, name):
    writing.write(tmp_path / name, GOOD)
    assert read(tmp_path / name) == about()


def test_a_zip_is_unpacked_for_as_long_as_it_is_used(tmp_path):
    writing.write(tmp_path / "a.zip", GOOD)
    with reading.opened(tmp_path / "a.zip") as bundle:
        (file,) = bundle.source().files
        assert file.read_bytes() == b"x"
    assert not file.exists() and not bundle.folder.exists()


def test_what_is_no_bundle_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"no zip")
    with pytest.raises(NotHere, match=r"no bundle at .*gone: `python -m voxdag.bundle"):
        read(tmp_path / "gone")
    with pytest.raises(NotHere, match=r"empty is no bundle: it has no bundle.json"):
        read(tmp_path / "empty")
    with pytest.raises(Refused, match="file is no bundle: expected a folder or a zip"):
        read(tmp_path / "file")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(Refused, match=r"other.zip is no bundle: it has no bundle.json"):
        read(tmp_path / "other.zip")


def test_a_link_that_leads_out_of_the_bundle_is_not_followed(tmp_path):
    writing.write(tmp_path / "folder", GOOD)
    (tmp_path / "secret").write_bytes(b"x")  # the very same bytes
    (tmp_path / "folder/decisions.csv").unlink()
    (tmp_path / "folder/decisions.csv").symlink_to(tmp_path / "secret")
    with pytest.raises(Refused, match=r"^decisions.csv of the bundle .* is a link that leads out of it"):
        read(tmp_path / "folder")


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_name_that_climbs_writes_nothing_outside(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a/b"))
    (tmp_path / "a/b").mkdir(parents=True)
    evil = about(files=FILES | {"../../evil": manifest.checked(b"e")}).text()
    with pytest.raises(Refused, match=r"names the file '../../evil'"):
        read(zipped(tmp_path / "a.zip", GOOD | {manifest.FILE: evil, "../../evil": b"e"}))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "a.zip", "b"]
    # an entry that bundle.json does not list is not unpacked
    assert read(zipped(tmp_path / "b.zip", GOOD | {"../../evil": b"e"})) == about()
    assert not list(tmp_path.rglob("evil"))


def test_a_file_that_unpacks_to_more_than_it_should_is_cut_off(tmp_path, monkeypatch):
    bomb = zipped(tmp_path / "a.zip", GOOD | {"decisions.csv": bytes(1 << 22)})
    (tmp_path / "t").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    with pytest.raises(Refused, match=r"decisions.csv of the bundle .*a.zip is not .*: it has 2 bytes, expected 1"):
        read(bomb)
    monkeypatch.setattr(manifest, "LONGEST", 10)
    with pytest.raises(Refused, match=r"bundle.json of the bundle .*a.zip has more than 10 bytes"):
        read(bomb)


def test_a_zip_without_a_file_or_with_a_damaged_one_names_it(tmp_path):
    less = {name: content for name, content in GOOD.items() if name != "decisions.csv"}
    with pytest.raises(NotHere, match=r"^decisions.csv of the bundle .*a.zip is not here"):
        read(zipped(tmp_path / "a.zip", less))
    writing.write(tmp_path / "b.zip", GOOD)
    content = bytearray((tmp_path / "b.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        entry = archive.getinfo("decisions.csv")
    place = entry.header_offset + 30 + len(entry.filename)  # a local header has 30 bytes, and the name
    assert content[place : place + 1] == b"x"
    content[place] = ord("y")
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(Refused, match=r"b.zip is damaged \(Bad CRC-32 for file 'decisions.csv'\)"):
        read(tmp_path / "b.zip")
    (tmp_path / "c.zip").write_bytes(content[:-60])
    with pytest.raises(Refused, match=r"c.zip is no bundle|c.zip is damaged"):
        read(tmp_path / "c.zip")


def test_a_member_is_chosen_by_name():
    two = about(
        members=(Held("seed-1", "decisions.csv", None), Held("seed-2", "weights/a.safetensors", None)), decisions=None
    )
    bundle = reading.Bundle(folder := reading.Path("f"), two, folder)
    assert bundle.source().files == (folder / "decisions.csv", folder / "weights/a.safetensors")
    assert bundle.source("seed-2").files == (folder / "weights/a.safetensors",)
    with pytest.raises(Refused, match="member seed-3 is not in f; its members: seed-1, seed-2"):
        bundle.source("seed-3")


def test_an_interrupted_write_leaves_nothing(tmp_path):
    gone = {"a": b"x", "b": tmp_path / "not there"}
    for name in ("folder", "file.zip"):
        with pytest.raises(FileNotFoundError):
            writing.write(tmp_path / name, gone)
    assert list(tmp_path.iterdir()) == []


def test_sizes_are_checked_before_anything_is_read(tmp_path):
    writing.write(
        tmp_path / "folder", GOOD | {manifest.FILE: about(files=FILES | {"b": Checked(5, "0")}).text().encode()}
    )
    with pytest.raises(NotHere, match="^b of the bundle"):
        read(tmp_path / "folder")
