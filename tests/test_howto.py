"""docs/HOWTO.md, run as it stands, in a clone with a tiny corpus: files written, commands run, what they print."""

import re
import shutil

import pytest

from tests.clone import ROOT, Clone
from tests.test_end_to_end import TINY

PAGE = (ROOT / "docs/HOWTO.md").read_text()
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.M | re.S)  # kind, file, text
PARTS = re.split(r"^## ", PAGE, flags=re.M)[1:]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("clone"))
    clone.copy_product()
    clone.set(**(TINY | {"systems.aasist.seeds": [1], "systems.aasist.train.epochs": 1}))
    shutil.copy(ROOT / "requirements.in", clone.folder)
    clone.commit_product()
    return clone


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.partition("\n")[0].replace(" ", "_"))
def test_an_example_does_what_it_says(clone, part):
    printed = ""
    for kind, file, text in BLOCK.findall(part):
        if kind in ("python", "yaml"):
            (clone.folder / file).write_text(text)
        elif kind == "diff":
            apply(clone.folder / file, text)
        elif kind == "sh":
            printed = clone(f"exec 2>&1\nset -e\n{text}")  # one stream, so that lines keep their order
        else:
            assert kind == "text"
            assert_prints(printed, text)


def apply(path, difference):
    """Replace the lines that go by those that come, each group of which stands once in the file."""
    text = path.read_text()
    for gone, come in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", difference, re.M):
        gone, come = (re.sub("^[-+]", "", lines, flags=re.M).removesuffix("\n") for lines in (gone, come))
        assert text.count(gone) == 1, f"{path} has {gone!r} {text.count(gone)} times"
        text = text.replace(gone, come)
    path.write_text(text)


def assert_prints(printed, expected):
    """Each expected line is within a printed one, in this order; ... stands for anything."""
    rest = iter(printed.splitlines())
    for line in expected.splitlines():
        pattern = re.compile(".*".join(map(re.escape, line.split("..."))))
        assert any(pattern.search(found) for found in rest), f"{line!r} is not printed, or not there:\n{printed}"


def test_every_block_is_of_a_kind_that_is_run():
    assert {kind for kind, _, _ in BLOCK.findall(PAGE)} == {"python", "yaml", "diff", "sh", "text"}
    assert PAGE.count("```") == 2 * len(BLOCK.findall(PAGE))
