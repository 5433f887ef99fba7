"""What the enhancement task selects, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.tasks.enhance.data import COLUMNS, TRACKS, select


def rows(split, **changes):
    table = pd.DataFrame(
        {
            "id": [f"{split}{i}" for i in range(3)],
            "path": [f"noisy/{split}{i}.wav" for i in range(3)],
            "clean": [f"clean/{split}{i}.wav" for i in range(3)],
        }
    )
    noise = {"train": "hum", "dev": "hum", "eval": "bus"}[split]
    return table.assign(**{"split": split, "speaker": split, "noise": noise, "snr": 2.5, "clean_bytes": 9} | changes)


def splits(**changed):
    return {split: rows(split, **changed.get(split, {})) for split in ("train", "dev", "eval")}


def test_all_is_selected_as_it_is():
    given = splits(dev={"noise": None, "snr": np.nan})
    assert all(select(given)[split].equals(table) for split, table in given.items())


def test_the_tracks_are_columns_of_the_manifest():
    assert set(TRACKS.values()) <= set(COLUMNS) and list(TRACKS) == ["noisy", "clean"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dev": {"id": ["a", "a", "b"]}}, "1 ids are listed twice in dev, such as a"),
        ({"dev": {"id": ["train0", "b", "c"]}}, "1 ids are listed twice over all splits, such as train0"),
        (
            {"eval": {"clean": ["clean/train1.wav", "b", "c"]}},
            "1 clean files are in two .*train1.wav in train and eval",
        ),
        (
            {"dev": {"clean": ["noisy/dev0.wav", "b", "c"]}},
            "1 utterances of dev have one file .* such as noisy/dev0.wav",
        ),
        ({"eval": {"snr": [1.0, np.inf, 2.0]}}, "utterance eval1 of eval has an SNR of inf dB, expected a finite"),
        ({"eval": {"snr": [1.0, -np.inf, 2.0]}}, "utterance eval1 of eval has an SNR of -inf dB"),
    ],
)
def test_what_no_manifest_may_hold_is_refused_with_the_file(changed, message):
    with pytest.raises(Refused, match=message):
        select(splits(**changed))


@pytest.mark.parametrize("column", ["clean", "snr", "noise", "speaker", "clean_bytes"])
def test_a_missing_column_is_named(column):
    given = splits()
    given["dev"] = given["dev"].drop(columns=column)
    with pytest.raises(Refused, match=f"the manifest lacks {column} in dev; speech enhancement needs id, path, clean"):
        select(given)


def test_one_clean_file_may_have_several_noises_in_a_split():
    given = splits(train={"clean": ["clean/a.wav"] * 3})
    assert len(select(given)["train"]) == 3


def test_folds_take_turns_with_the_same_files():
    given = splits(eval={"clean": rows("train")["clean"], "id": rows("train")["id"]})
    assert len(select({split: table.assign(folds="1") for split, table in given.items()})["eval"]) == 3


def test_noises_of_eval_that_train_has_are_told(caplog):
    with caplog.at_level("INFO"):
        select(splits())
        assert caplog.messages == []
        select(splits(eval={"noise": ["hum", "bus", "bus"]}))
    assert caplog.messages == ["eval: 1 of 2 types of noise are in train too: hum"]
