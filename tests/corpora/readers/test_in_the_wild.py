"""In-the-Wild: its table with a hyphen in a label, wherever it was unpacked; what is absent and refused."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from voxdag.core.errors import Refused
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.readers.in_the_wild import Options, provide, read

ROWS = ["0.wav,Alec Guinness,spoof", "1.wav,Alec Guinness,bona-fide", '2.wav,"Roosevelt, Theodore",bona-fide']
OTHER = Options("in_the_wild", official=False, allow_departures=False)


@pytest.fixture
def folder(tmp_path):
    base = tmp_path / "in_the_wild/release_in_the_wild"
    base.mkdir(parents=True)
    (base / "meta.csv").write_text("\n".join(["file,speaker,label", *ROWS]))
    for name in ("0.wav", "2.wav", "7.wav"):
        soundfile.write(base / name, 0.1 * np.sin(np.arange(1600)), 16000)
    return tmp_path


def test_clips_are_all_eval_with_labels_of_the_task_and_no_attack(folder):
    corpus = read(folder, OTHER)
    columns = ["id", "split", "speaker", "label", "path"]
    root = "in_the_wild/release_in_the_wild"
    assert corpus.trials[columns].to_numpy().tolist() == [
        ["0", "eval", "Alec Guinness", "spoof", f"{root}/0.wav"],
        ["1", "eval", "Alec Guinness", "bonafide", f"{root}/1.wav"],
        ["2", "eval", "Roosevelt, Theodore", "bonafide", f"{root}/2.wav"],
    ]
    assert corpus.trials["attack"].isna().all() and corpus.trials["bytes"].notna().tolist() == [True, False, True]
    assert corpus.report["trials"] == {"eval": {"bonafide": 2, "spoof": 1}}
    assert corpus.report["extra"] == {"count": 1, "examples": ["7.wav"]}
    assert corpus.departures is None
    assert read(folder, replace(OTHER, official=True)).departures == ("there are 3 clips, published are 31779",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3.wav,Alec Guinness,bonafide", "meta.csv:5: 3.wav has the label 'bonafide', expected bona-fide or spoof"),
        ("0.wav,Alec Guinness,spoof", "meta.csv:5 lists 0 for the second time"),
    ],
)
def test_a_row_that_is_not_as_published_is_refused_with_its_line(folder, row, message):
    path = folder / "in_the_wild/release_in_the_wild/meta.csv"
    path.write_text(path.read_text() + "\n" + row)
    with pytest.raises(Refused, match=message):
        read(folder, OTHER)


def test_without_its_table_it_says_where_to_get_it(tmp_path):
    with pytest.raises(CorpusMissing, match="In-the-Wild: nothing at .*in_the_wild/meta.csv. Get it from"):
        provide(tmp_path, OTHER)
