"""What the page says of a countermeasure's score, worked by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from voxdag.tasks.antispoof import page
from voxdag.tasks.scorer import Heard
from voxdag.tasks.shown import Scored

RATE, WINDOW = 1000, 3000
RATES = {"expected_miss_rate": 0.0375, "expected_false_alarm_rate": 0.04375}


def row(score, threshold=3.0, llr=0.0, prior=0.95, rates=RATES, **more):
    """As `voxdag.predict` has it; p_bonafide by Bayes' rule, odds of e^llr prior / (1 - prior)."""
    odds = math.exp(llr) * prior / (1 - prior)
    decided = {"threshold": threshold, "decision": "bonafide" if score > threshold else "spoof"} | rates
    return {"score": score, "llr": llr, "p_bonafide": odds / (1 + odds), "prior": prior} | decided | more


def scored(of_file, *of_segments, pool="mean"):
    """A file of as many segments as it has rows of segments; none: it is one."""
    segments = of_segments or (of_file,)
    starts = [WINDOW * i for i in range(len(segments))]
    samples = np.ones(WINDOW * len(segments), np.int16)
    heard = Heard(samples, starts, WINDOW, RATE, len(samples) / RATE, [(0, len(samples))])
    along = pd.DataFrame({"score": [one["score"] for one in segments]})
    times = np.array(starts) / RATE + WINDOW / RATE / 2
    return Scored(heard, of_file | {"segments": len(segments), "pool": pool}, segments, times, along, WINDOW / RATE)


def facts(of):
    return {fact.words: fact for fact in page.shown(of).facts}


def test_a_score_just_below_the_threshold_reads_as_no_evidence_whatever_the_prior():
    said = facts(scored(row(2.986, 2.993, llr=0.0)))
    assert list(said)[:2] == ["Score", "Threshold"]
    assert said["Score"].note.startswith("0.007 below the threshold, so called spoof")
    assert "as likely of bona fide speech as of a spoof" in said["Evidence (LLR)"].note
    even, given = said["Bona fide, at even odds"], said["Bona fide, at a prior of 95\N{NO-BREAK SPACE}%"]
    assert (even.value, even.share, even.mark) == ("50.0 %", 0.5, 0.5)
    assert given.value == "95.0 %" and given.share == pytest.approx(given.mark) == 0.95  # it moved nothing
    assert "where 95\N{NO-BREAK SPACE}% of all recordings are bona fide" in given.note


def test_at_even_odds_there_is_one_probability():
    bars = [fact for fact in facts(scored(row(1.0, llr=-math.log(3), prior=0.5))).values() if fact.share is not None]
    assert [(bar.value, bar.mark) for bar in bars] == [("25.0 %", 0.5)]  # one to three


@pytest.mark.parametrize(
    ("llr", "said"),
    [
        (math.log(3), "3.0 times as likely of bona fide speech as of a spoof"),
        (-math.log(40), "40 times as likely of a spoof as of bona fide speech"),
        (-30.0, "more than 1,000 times as likely of a spoof as of bona fide speech"),
        (0.03, "as likely of bona fide speech as of a spoof"),
    ],
)
def test_a_likelihood_ratio_is_said_in_words_and_never_as_more_than_dev_bears_out(llr, said):
    assert f"such a score is {said}" in facts(scored(row(1.0, llr=llr)))["Evidence (LLR)"].note


def test_a_score_at_the_threshold_is_called_spoof_and_evidence_of_nought_has_no_sign():
    said = facts(scored(row(3.0, llr=-0.001)))
    assert said["Score"].note.startswith("at the threshold, so called spoof") and said["Evidence (LLR)"].value == "0.00"


def test_of_several_segments_the_first_has_the_errors_that_dev_knows():
    # dev's recordings were scored by their first 3 s alone, so its rates are of such scores and of no mean
    unknown = dict.fromkeys(RATES, math.nan)
    said = facts(scored(row(4.0, rates=unknown), row(5.0), row(2.0), row(5.0)))
    assert said["Expected errors"].value == "not known"
    assert (
        said["Expected errors"].note
        == "of the mean over 3 segments: of dev's recordings the first 3.00 s alone were scored"
    )
    assert said["First segment"].value == "5.000, Bona fide"
    assert (
        "3.8 % of bona fide recordings were called spoof, and 4.4 % of spoofs bona fide" in said["First segment"].note
    )
    assert "the mean over 3 segments, where dev's were first segments alone" in said["Evidence (LLR)"].note


def test_a_threshold_alone_lets_expect_nothing_of_any_segment():
    own = {"llr": math.nan, "p_bonafide": math.nan} | dict.fromkeys(RATES, math.nan)
    said = facts(scored(row(4.0) | own, row(5.0) | own, row(3.0) | own))
    assert list(said) == ["Score", "Threshold", "Expected errors"]
    assert said["Expected errors"].note == "dev fitted none for this threshold"


def test_what_segments_move_the_score_by_sums_to_its_distance_from_the_threshold():
    # distances 2.026, -0.011 and -1.0, a third of each; two digits of each would be 0.68, -0.0037 and -0.33
    (listing,) = page.shown(scored(row(3.338333), row(5.026), row(2.989), row(2.0))).listings
    assert [line[-1] for line in listing.rows] == ["+0.675", "-0.004", "-0.333"]
    assert sum(float(line[-1]) for line in listing.rows) == pytest.approx(0.338, abs=3 * 0.0005)
    assert "the score is 0.338 above the threshold, so called bona fide" in listing.caption


@pytest.mark.parametrize("threshold", [0.0, 3.0])
def test_the_caption_says_what_colours_are_also_of_a_threshold_of_nought(threshold):
    (picture,) = page.shown(scored(row(1.0, threshold), row(1.5, threshold), row(0.5, threshold), pool="min")).pictures
    assert "Blue: above the threshold" in picture.caption and "the lowest of 2 segments" in picture.caption


def test_of_several_files_the_score_comes_first_and_prior_free_evidence_after_it():
    assert page.listed(row(2.98634, 2.99284, llr=-0.7)) == {
        "Score": "2.986",
        "Threshold": "2.993",
        "LLR": "-0.70",
        "Bona fide, even odds": "33.2 %",  # 1 / (1 + e^0.7)
    }


def test_a_small_distance_from_the_threshold_does_not_fill_the_picture():
    (near,) = page.shown(scored(row(2.986, 2.993))).pictures
    low, high = near.figure.axes[-1].get_ylim()
    assert high - low == pytest.approx(2.0) and low < 2.986 < 2.993 < high
    (far,) = page.shown(scored(row(9.0, 3.0))).pictures
    low, high = far.figure.axes[-1].get_ylim()
    assert 6 < high - low < 7  # as it was: both, and a margin
