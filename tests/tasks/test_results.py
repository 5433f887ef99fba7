"""Predictions come back from their files as they were written."""

import pandas as pd
import pytest

from tests.toys.installed import NAMES, TOYS, importable
from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.data import layout
from voxdag.tasks import results


@pytest.fixture(autouse=True)
def toys():
    with importable(*(TOYS / name for name in NAMES)):
        yield


# Of the index of recordings and of the manifest; text may look like a number.
KNOWN = {"id": "1e3", "speaker": "007", "codec": "001", "channel": "NA", "room": "nan", "clipped": 0, "loudness": -23.5}
SAID = {
    "antispoof": {"label": "spoof", "attack": "10", "score": -0.25},
    "emotion": {
        "label": "sad",
        "sentence": "02",
        "predicted": "sad",
        "confidence": 0.5,
        "p_sad": 0.5,
        "logit_sad": 1.5,
    },
    "regress": {"label": 0.25, "predicted": 0.5},
    "heads": {"label": "low", "level": 0.25, "predicted": "low", "predicted_level": 0.5},
    "denoise": {"snr": "10", "si_sdr": 12.5, "noise_left": 0.125},
    "gan": {"label": "soft", "real_level": -1.5, "made_level": -1.25},
}


@pytest.mark.parametrize("task", SAID)
def test_numbers_come_back_as_numbers_and_text_as_text(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = pd.DataFrame([KNOWN | SAID[task] | {"fold": "1", "seed": 7}])
    for split in results.SPLITS:
        artifacts.write_table(layout.predictions("one") / f"{split}.csv", written)
    for table in results.read("one", task).values():
        assert table.to_dict("records") == written.to_dict("records")


def test_a_number_that_is_none_is_refused_by_file_line_and_column(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for split in results.SPLITS:
        artifacts.write_table(layout.predictions("one") / f"{split}.csv", pd.DataFrame([{"id": "u", "score": "high"}]))
    with pytest.raises(Refused, match="dev.csv, line 2, column score: 'high' is not a number"):
        results.read("one", "antispoof")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        ({"corpus": "simulated_la", "eval_corpus": None}, "simulated_la (simulated)"),
        ({"corpus": "simulated_la", "eval_corpus": "asvspoof2019_la"}, "asvspoof2019_la"),
        ({"corpus": "ravdess"}, "ravdess"),
        ({"corpus": "ravdess", "eval_corpus": "simulated_emotional"}, "simulated_emotional (simulated)"),
    ],
)
def test_figures_say_the_corpus_that_eval_is_of_and_whether_it_is_simulated(prepare, words):
    tree = {"tasks": {"antispoof": {"prepare": prepare, "features": {}, "scoring": {}}}}
    assert results.corpus(tree, "antispoof") == words


def test_another_split_is_of_the_corpus_that_was_trained_on():
    prepare = {"corpus": "simulated_la", "eval_corpus": "asvspoof2019_la"}
    tree = {"tasks": {"antispoof": {"prepare": prepare, "features": {}, "scoring": {}}}}
    assert results.corpus(tree, "antispoof") == "asvspoof2019_la"
    assert results.corpus(tree, "antispoof", "train") == "simulated_la (simulated)"
