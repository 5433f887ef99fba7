"""What readers of pairs share: who is held out, and the table."""

import re
from pathlib import PurePosixPath

import pytest

from voxdag.core.errors import Refused
from voxdag.corpora.pairs import Pair, hold_out, match, report, table

NAMES = [f"s{k}" for k in range(10)]


@pytest.mark.parametrize(("share", "count"), [(0.0, 1), (0.01, 1), (0.24, 2), (0.5, 5), (0.99, 9), (1.0, 9)])
def test_one_is_held_out_at_least_and_never_all(share, count):
    held = hold_out(NAMES, share, 1, "speakers")
    assert len(held) == count and held < set(NAMES)


def test_who_is_held_out_depends_on_seed_and_purpose_and_not_on_the_order():
    held = hold_out(NAMES, 0.3, 1, "speakers")
    assert held == hold_out(NAMES[::-1], 0.3, 1, "speakers") == hold_out(set(NAMES), 0.3, 1, "speakers")
    assert len({hold_out(NAMES, 0.3, seed, "speakers") for seed in range(8)}) > 4
    assert len({hold_out(NAMES, 0.3, 1, purpose) for purpose in range(8)}) > 4


def test_from_one_name_nobody_can_be_held_out():
    with pytest.raises(Refused, match="speakers of dev: 1 to hold out from, expected 2 or more"):
        hold_out(["a"], 0.5, 1, "speakers", "of dev")


def pair(name, split, noise, snr, size=9):
    return Pair(
        name, split, "s", noise, snr, (PurePosixPath(f"n/{name}.wav"), 9), (PurePosixPath(f"c/{name}.wav"), size)
    )


def test_a_table_is_by_split_and_id_and_unknown_values_are_missing():
    rows = table([pair("b", "eval", None, None), pair("c", "train", "hum", 2.5), pair("a", "eval", "bus", -5.0, None)])
    assert rows["id"].tolist() == ["c", "a", "b"] and rows["split"].tolist() == ["train", "eval", "eval"]
    assert rows["snr"].isna().tolist() == rows["noise"].isna().tolist() == [False, False, True]
    assert rows["clean_bytes"].isna().tolist() == [False, True, False] and rows["bytes"].tolist() == [9, 9, 9]
    said = report(rows, {"not audio": ["x.txt"]})
    assert said["snrs"] == {"train": {"2.5": 1}, "eval": {"-5": 1}} and said["noises"]["eval"] == {"bus": 1}
    assert (said["noise_unknown"], said["snr_unknown"]) == (1, 1)
    assert said["absent"] == {"count": 1, "examples": ["c/a.wav"]} and said["left_out"]["not audio"]["count"] == 1


def test_of_no_pair_there_is_a_table_too():
    assert table([]).empty and report(table([]), {})["trials"] == {}


def test_a_key_is_what_a_pattern_finds_in_a_whole_name():
    key = match(re.compile(r"a(\d+)"), 1)
    assert (key("a12"), key("a12b"), key("xa12")) == ("12", None, None)
