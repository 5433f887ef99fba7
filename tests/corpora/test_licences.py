"""Licences of corpora and of weights: one for each reader, and what docs/CORPORA.md says in words."""

import re

import pytest

from tests.clone import ROOT
from voxdag.core.modules import available
from voxdag.corpora import licences

PAGE = (ROOT / "docs/CORPORA.md").read_text()
WORDS = {  # SPDX identifier -> as the page writes it
    "ODC-By-1.0": "ODC-By", "ODbL-1.0": "Open Database License", "CC-BY-SA-4.0": "CC BY-SA 4.0",
    "CC-BY-NC-SA-4.0": "CC BY-NC-SA 4.0", "CC-BY-4.0": "CC BY 4.0", "CC-BY-NC-4.0": "CC BY-NC 4.0",
    "Apache-2.0": "Apache", "MIT": "MIT", "BSD-3-Clause": "BSD-3-Clause",
}  # fmt: skip


def test_every_reader_has_a_licence():
    assert set(available("voxdag.corpora.readers")) == set(licences.CORPORA)


def section(name):
    """What the page says from the headline that names a corpus to the next."""
    parts = re.split(r"^(?=##)", PAGE, flags=re.M)
    (part,) = [part for part in parts if re.match(rf"##+ (?:[^\n]*, )?{name}\b", part) and "**" in part]
    return part


@pytest.mark.parametrize("name", [name for name in licences.CORPORA if name[:10] != "simulated_" and name != "mixture"])
def test_the_page_says_the_same_of_a_corpus(name):
    licence, said = licences.CORPORA[name], section(name)
    assert WORDS[licence.spdx] in said if licence.spdx else True
    assert licence.place.split("/")[0] in said
    assert (licence.commercial is False) == bool(re.search(r"NC|[Nn]ot for commercial", said))


@pytest.mark.parametrize("name", licences.WEIGHTS)
def test_the_page_says_the_same_of_weights(name):
    lines, licence = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ")], licences.WEIGHTS[name]
    said = {line[0].strip("| "): line[2] for line in lines if len(line) >= 5}
    assert WORDS[licence.spdx].split("-")[0] in said[name] if licence.spdx != "CC-BY-NC-4.0" else "NC" in said[name]


@pytest.mark.parametrize("name", licences.FOLDERS)
def test_the_page_says_the_same_of_sounds(name):
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"- **{name}**")]
    assert WORDS[licences.FOLDERS[name].spdx] in line and licences.FOLDERS[name].place in line


def test_another_corpus_in_the_layout_of_a_published_one_has_not_its_licence():
    official = licences.of_corpus("ravdess", {"official": True})
    assert official.spdx == "CC-BY-NC-SA-4.0" and not official.commercial
    other = licences.of_corpus("ravdess", {"official": False})
    assert other.spdx == "" and other.terms == "not known: another corpus in the layout of ravdess"
    assert licences.of_corpus("mine", {}) == licences.UNKNOWN == licences.of_weights("mine.pth")
    assert licences.of_folder("musan/noise").spdx == "CC-BY-4.0"
