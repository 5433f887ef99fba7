"""Recordings through codecs: which versions there are, how often, that others change none; rows; rules refused."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from voxdag.audio import codecs
from voxdag.audio.codecs import CODECS
from voxdag.core.errors import Refused
from voxdag.data import coded
from voxdag.data.coded import Rule, Settings, Version, versions

IDS = pd.Series([f"u{i:04d}" for i in range(3000)])
TWO = Rule(original=True, versions=2, codecs=("mp3", "gsm", "opus"))
EVAL = Rule(original=False, versions=1, codecs=("none", "aac", "vorbis", "alaw"))


def listed(rule, ids=IDS, split="train", seed=1):
    return list(versions(ids, split, rule, seed))


def test_every_recording_is_there_as_it_was_and_in_two_versions_of_their_own():
    found = listed(TWO)
    assert len(found) == 9000 and [one.number for one in found] == [i for i in range(3000) for _ in range(3)]
    assert [one.name for one in found[::3]] == IDS.tolist() and {one.codec for one in found[::3]} == {"none"}
    assert len({one.name for one in found}) == 9000
    assert found[1].name == f"u0000_{found[1].codec}-{found[1].quality}"


def test_codecs_are_drawn_alike_and_so_are_a_codecs_qualities():
    # Of 3,000 draws among four, a count has mean 750 and standard deviation sqrt(3000 * 3 / 16) = 24; five of those
    found = listed(EVAL, split="eval")
    counts = Counter(one.codec for one in found)
    assert counts.keys() == set(EVAL.codecs) and all(abs(count - 750) < 120 for count in counts.values())
    of_aac = Counter(one.quality for one in found if one.codec == "aac")
    assert of_aac.keys() == set(CODECS["aac"].qualities)
    assert all(abs(count - counts["aac"] / 5) < 5 * np.sqrt(counts["aac"] * 4 / 25) for count in of_aac.values())
    assert {one.quality for one in found if one.codec == "none"} == {"none"}
    assert all(one.name == IDS[one.number] for one in found if one.codec == "none")


def test_two_versions_of_a_recording_are_of_two_codecs_while_there_are_two():
    pairs = np.array([one.codec for one in listed(TWO)]).reshape(3000, 3)[:, 1:]
    assert (pairs[:, 0] != pairs[:, 1]).all()
    every = listed(Rule(False, 11, ("mp3", "gsm", "opus")), IDS[:20])
    assert all(
        len({(one.codec, one.quality) for one in every[start : start + 11]}) == 11 for start in range(0, 220, 11)
    )


def test_a_draw_depends_on_seed_split_and_recording_alone():
    found = listed(TWO)
    assert listed(TWO, IDS[5:6].reset_index(drop=True)) == [
        Version(0, one.name, one.codec, one.quality) for one in found[15:18]
    ]
    more = listed(Rule(True, 4, TWO.codecs))
    assert [(one.codec, one.quality) for one in more[:3]] == [(one.codec, one.quality) for one in found[:3]]
    reordered = listed(Rule(True, 2, TWO.codecs[::-1]))
    assert reordered == found
    assert listed(TWO, seed=2) != found and listed(TWO, split="dev") != found


def test_a_row_keeps_what_was_known_and_says_what_was_done():
    before = {"id": "a", "label": "spoof", "speaker": "s"}
    assert coded.row(before, Version(0, "a_mp3-2", "mp3", "2"), 28.70649) == {
        "id": "a_mp3-2", "label": "spoof", "speaker": "s", "original": "a", "codec": "mp3", "quality": "2",
        "kbps": 28.706,
    }  # fmt: skip
    assert coded.row(before, Version(0, "a", "none", "none"), 0.0)["codec"] == "none"
    again = coded.row(before | {"codec": "C07", "quality": "3"}, Version(0, "a_mp3-2", "mp3", "2"), 1.0)
    assert (again["codec"], again["quality"]) == ("C07+mp3", "3+2")
    kept = coded.row(before | {"codec": "C07", "quality": "3"}, Version(0, "a", "none", "none"), 0.0)
    assert (kept["codec"], kept["quality"]) == ("C07", "3")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ((True, 1, ("speex",)), "codecs is .'speex',., expected one of none, mp3"),
        ((True, 1, ("mp3", "mp3")), "codecs is .*, expected each once"),
        ((False, 0, ("mp3",)), "versions is 0 and original is false: nothing would be left"),
        ((True, 2, ("gsm",)), "versions is 2, and its codecs have 1 qualities, expected at most those"),
        ((True, 1, ("none",)), "versions is 1, and its codecs have 0 qualities"),
        ((True, -1, ("gsm",)), "versions is -1, expected 0 or more"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(rule, message):
    with pytest.raises(Refused, match=message):
        Rule(*rule)


def test_settings_ask_for_every_codec_before_work_begins(monkeypatch):
    asked = []
    monkeypatch.setattr(codecs, "check", asked.append)
    Settings(1, TWO, TWO, EVAL).check()
    assert asked == ["mp3", "gsm", "opus", "aac", "vorbis", "alaw"]
