"""ASVspoof 5, track 1: protocols in the official form, column by column; what is absent, extra and refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from tests.corpora.readers.test_asvspoof2019_la import write_lines
from voxdag.core.errors import Refused
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers.asvspoof5 import Options, provide, read

# Lines as published, with spaces in a file that is called .tsv
LINES = {
    "train": ["T_4850 T_0000000000 F - - - AC3 A05 spoof -", "T_3734 T_0000000011 F - - - - bonafide bonafide -"],
    "dev.track_1": ["D_0062 D_0000000001 F - - - AC1 A11 spoof -", "D_0461 D_0000000190 M - - - - bonafide bonafide -"],
    "eval.track_1": [
        "E_1607 E_0009538969 M C05 2 E_0009486171 AC1 A26 spoof -",
        "E_1607 E_0009538970 M - - - - bonafide bonafide -",
        "E_1609 E_0009538971 F C11 - E_0009486172 - bonafide bonafide -",
    ],
}
OTHER = Options("asvspoof5", official=False, allow_departures=False)


@pytest.fixture
def folder(tmp_path):
    base = tmp_path / "asvspoof5"
    for part, lines in LINES.items():
        write_lines(base / f"ASVspoof5_protocols/ASVspoof5.{part}.tsv", lines)
    for name in ("ASVspoof5_train/flac_T/T_0000000000", "flac_E_eval/E_0009538969", "flac_E_eval/E_1"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(base / f"{name}.flac", 0.1 * np.sin(np.arange(1600)), 16000)
    return tmp_path


def test_every_column_lands_where_the_breakdown_finds_it(folder):
    trials = read(folder, OTHER).trials
    columns = ["id", "split", "speaker", "sex", "label", "attack", "codec", "quality"]
    rows = trials[columns].astype(object).where(trials[columns].notna(), None)
    assert rows.to_numpy().tolist() == [
        ["T_0000000000", "train", "T_4850", "female", "spoof", "A05", "none", "none"],
        ["T_0000000011", "train", "T_3734", "female", "bonafide", None, "none", "none"],
        ["D_0000000001", "dev", "D_0062", "female", "spoof", "A11", "none", "none"],
        ["D_0000000190", "dev", "D_0461", "male", "bonafide", None, "none", "none"],
        ["E_0009538969", "eval", "E_1607", "male", "spoof", "A26", "C05", "2"],
        ["E_0009538970", "eval", "E_1607", "male", "bonafide", None, "none", "none"],
        ["E_0009538971", "eval", "E_1609", "female", "bonafide", None, "C11", "none"],
    ]


def test_recordings_are_found_in_any_folder_and_the_others_counted(folder):
    corpus = read(folder, OTHER)
    found = corpus.trials.set_index("id")
    assert found.loc["T_0000000000", "path"] == "asvspoof5/ASVspoof5_train/flac_T/T_0000000000.flac"
    assert found.loc["D_0000000001", "path"] == "asvspoof5/flac_D/D_0000000001.flac"
    assert found["bytes"].notna().sum() == 2
    report = json.loads(json.dumps(corpus.report))
    assert report["absent"]["count"] == 5 and report["extra"] == {"count": 1, "examples": ["flac_E_eval/E_1.flac"]}
    assert report["codecs"]["eval"] == {"C05": 1, "C11": 1, "none": 1} and "left_out" not in report


def test_counts_are_compared_with_the_published_ones(folder):
    assert read(folder, replace(OTHER, official=True)).departures == (
        "train has 1 bonafide trials, published are 18797",
        "train has 1 spoof trials, published are 163560",
        "dev has 1 bonafide trials, published are 31334",
        "dev has 1 spoof trials, published are 109616",
        "eval has 2 bonafide trials, published are 138688",
        "eval has 1 spoof trials, published are 542086",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T_1\tT_2\tF\t-\t-\t-\tAC3\tA05\tspoof", "has 9 columns, expected 10: SPEAKER FLAC_FILE GENDER CODEC"),
        ("T_1 T_2 F - - - AC3 A05 fake -", "has the key 'fake', expected bonafide or spoof"),
        ("T_1 T_2 F - - - - bonafide spoof -", "is spoof with the attack 'bonafide', expected - for bona fide"),
        ("T_1 T_0000000000 F - - - AC3 A05 spoof -", "lists T_0000000000 for the second time"),
        ("T_1 E_0009538969 F - - - AC3 A05 spoof -", "E_0009538969 is listed in the protocols of train and eval"),
    ],
)
def test_a_line_that_is_not_in_the_published_form_is_refused_with_its_place(folder, line, message):
    path = folder / "asvspoof5/ASVspoof5_protocols/ASVspoof5.train.tsv"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(Refused, match=message):
        read(folder, OTHER)


def test_without_a_protocol_it_says_where_to_get_it(folder):
    (folder / "asvspoof5/ASVspoof5_protocols/ASVspoof5.dev.track_1.tsv").unlink()
    with pytest.raises(CorpusMissing, match=r"ASVspoof 5 \(track 1\): nothing at .*dev.track_1.tsv. Get it from"):
        provide(folder, OTHER)
