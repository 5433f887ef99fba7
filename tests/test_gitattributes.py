"""A checkout has the committed bytes, whatever git is set to make of line ends."""

import shutil
import subprocess

import pytest

from voxdag.core import code

CONTENTS = {
    "params.yaml": b"seed: 1\n",
    "metrics/a.csv": b"a,b\n1,2\n",
    "windows.txt": b"a\r\n",
    "data.npz": b"\r\n\x00\n",
}


def git(folder, *words):
    subprocess.run(["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True)


@pytest.mark.parametrize("setting", ["core.autocrlf=true", "core.autocrlf=input", "core.eol=crlf"])
def test_a_clone_has_the_committed_bytes(tmp_path, setting):
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    git(tmp_path, "init", "-q", str(origin))
    for name, content in CONTENTS.items():
        (origin / name).parent.mkdir(exist_ok=True)
        (origin / name).write_bytes(content)
    shutil.copy(code.ROOT / ".gitattributes", origin)
    git(origin, "-c", setting, "add", ".")
    git(origin, "commit", "-q", "-m", "all")
    git(tmp_path, "-c", setting, "clone", "-q", str(origin), str(clone))
    assert {name: (clone / name).read_bytes() for name in CONTENTS} == CONTENTS
