"""What bundle.json says: formats, names that lead elsewhere, and files that are others."""

import json
import re

import pytest

from voxdag.core.errors import NotHere, Refused
from voxdag.core.params import Run
from voxdag.release import manifest
from voxdag.release.manifest import Checked, Held, Manifest
from voxdag.tasks.file_scoring import FileScoring

SCORING = FileScoring("antispoof", "features/antispoof", {"samples": 1}, {"rate": 16000}, None)
FILES = {name: manifest.checked(b"x") for name in ("weights/a.safetensors", "decisions.csv")}


def about(**changes):
    values = {
        "format": manifest.FORMAT, "product": {"name": "voxdag", "version": "9.8"}, "system": "one",
        "task": "antispoof", "network": {"network": "aasist"}, "members": (Held("a", "weights/a.safetensors", None),),
        "scoring": SCORING, "run": Run(1, 1, "auto"), "decisions": "decisions.csv", "others": None,
        "onnx": {"reason": "none"}, "licences": {}, "files": FILES,
    }  # fmt: skip
    return Manifest(**values | changes)


def parsed(**changes):
    return manifest.parse(about(**changes).text().encode(), "bundle.json of x")


def test_it_reads_what_it_writes():
    assert parsed() == about()


def test_a_newer_format_is_refused_with_what_to_do():
    # keys that this version does not know are no reason: the format is
    tree = json.loads(about().text()) | {"format": manifest.FORMAT + 1, "new": 1}
    said = re.escape(
        f"bundle.json of x is of format 2, and this voxdag ({manifest.product()['version']}) reads formats"
    )
    with pytest.raises(Refused, match=said + r" up to 1\. voxdag 9\.8 made it: install that or a newer one"):
        manifest.parse(json.dumps(tree).encode(), "bundle.json of x")


@pytest.mark.parametrize("found", [0, -1, True, "1", None, 1.0])
def test_a_format_that_is_none_is_refused(found):
    with pytest.raises(Refused, match="says format .*, expected a whole number"):
        manifest.parse(json.dumps({"format": found}).encode(), "x")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(content):
    with pytest.raises(Refused, match="x is damaged: expected a JSON object"):
        manifest.parse(content, "x")


@pytest.mark.parametrize(
    "name",
    ["../a", "a/../../b", "/etc/passwd", "a//b", "./a", "a/.", "", "a\\b", "C:/a", "C:a", "a\0b", "a\nb", "..", "a/"],
)
def test_a_name_that_leads_out_is_refused(name):
    with pytest.raises(Refused, match="x names the file .*: expected a path below the bundle"):
        manifest.check_name(name, "x")
    with pytest.raises(Refused, match="expected a path below the bundle"):
        parsed(files=FILES | {name: Checked(1, "0")})


@pytest.mark.parametrize("name", ["a", "weights/fold-3_seed-1.safetensors", "run/dvc.lock", "a b", "é..x"])
def test_a_plain_name_is_taken(name):
    manifest.check_name(name, "x")


def test_members_and_decisions_are_among_the_files():
    with pytest.raises(Refused, match="names 'weights/b', which is not among its files"):
        parsed(members=(Held("b", "weights/b", None),))
    with pytest.raises(Refused, match="names 'onnx/a', which is not among its files"):
        parsed(members=(Held("a", "weights/a.safetensors", "onnx/a"),))
    with pytest.raises(Refused, match=r"names '\.\./d\.csv', which is not among its files"):
        parsed(decisions="../d.csv")
    with pytest.raises(Refused, match="has no members"):
        parsed(members=())
    with pytest.raises(Refused, match="names the file '../others'"):
        parsed(others="../others")


def test_a_key_that_is_missing_or_unknown_is_named():
    tree = json.loads(about().text())
    with pytest.raises(Refused, match="x: .*lacks the key system"):
        manifest.parse(json.dumps({key: value for key, value in tree.items() if key != "system"}).encode(), "x")
    with pytest.raises(Refused, match="x: .*has the unknown key more"):
        manifest.parse(json.dumps(tree | {"more": 1}).encode(), "x")


def test_a_file_is_told_by_size_and_hash(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # SHA-256 of "abc": FIPS 180-4, example B.1
    known = Checked(3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert manifest.checked(b"abc") == known
    manifest.check_file(path, "a", known, tmp_path)
    path.write_bytes(b"abd")
    with pytest.raises(Refused, match=r"^a of the bundle .*SHA-256 .*, expected ba7816bf8f01\.\.\."):
        manifest.check_file(path, "a", known, tmp_path)
    path.write_bytes(b"ab")
    with pytest.raises(Refused, match="it has 2 bytes, expected 3"):
        manifest.check_file(path, "a", known, tmp_path)
    path.unlink()
    with pytest.raises(NotHere, match="^a of the bundle .* is not here"):
        manifest.check_file(path, "a", known, tmp_path)
