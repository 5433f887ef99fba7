"""Verdicts: the rule by hand, what stays so whatever the numbers, and how often they are right."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scoring.test_paired import eval_of, mean_value
from voxdag.core.errors import Refused
from voxdag.scoring import paired, verdicts
from voxdag.scoring.tables import Scoring

NAN = float("nan")
NUMBERS = st.floats(-2, 2)
INTERVALS = st.tuples(NUMBERS, NUMBERS).map(sorted).filter(lambda ends: ends[0] < ends[1])
MARGINS = st.floats(0, 3)
SWAPPED = {"better": "worse", "worse": "better"}


@pytest.mark.parametrize(
    ("low", "high", "margin", "said"),
    [
        (0.2, 0.6, 0.1, "better"),
        (-0.6, -0.2, 0.1, "worse"),
        (-0.05, 0.08, 0.1, "equivalent"),
        (-0.05, 0.2, 0.1, "undecided"),
        (0.02, 0.08, 0.1, "equivalent"),  # a difference, and too small to matter
        (0.02, 0.12, 0.1, "better"),  # a difference, and it may matter
        (-0.1, 0.05, 0.1, "undecided"),  # a difference of the margin is not within it
        (-0.05, 0.1, 0.1, "undecided"),
        (0.0, 0.6, 0.1, "undecided"),  # 0 is an end of what may be
        (-0.6, 0.0, 0.1, "undecided"),
        (-1e-9, 1e-9, 0.0, "undecided"),  # nothing is within a margin of 0
        (0.2, 0.6, NAN, "better"),
        (-0.001, 0.001, NAN, "undecided"),  # without a margin nothing is equivalent
        (NAN, NAN, 0.1, None),
        (NAN, NAN, NAN, None),
    ],
)
def test_the_rule_by_hand(low, high, margin, said):
    assert verdicts.verdict(low, high, margin, higher=True) == said
    assert verdicts.verdict(low, high, margin, higher=False) == SWAPPED.get(said, said)


@given(INTERVALS, MARGINS, st.booleans())
def test_the_other_way_round_better_is_worse_and_the_rest_is_as_it_was(interval, margin, higher):
    low, high = interval
    there, back = (verdicts.verdict(*ends, margin, higher) for ends in ((low, high), (-high, -low)))
    assert back == SWAPPED.get(there, there)


@given(INTERVALS, MARGINS, MARGINS, st.booleans())
def test_a_wider_margin_leaves_what_is_equivalent_so(interval, one, other, higher):
    narrow, wide = (verdicts.verdict(*interval, margin, higher) for margin in sorted((one, other)))
    assert narrow != "equivalent" or wide == "equivalent"
    assert wide in (narrow, "equivalent")  # nor does it change what it does not make equivalent


@given(INTERVALS, MARGINS, st.sampled_from([2.0, 8.0, 1024.0]))
def test_the_unit_of_a_metric_does_not_matter(interval, margin, unit):  # powers of two that underflow nothing: exact
    low, high = interval
    said = verdicts.verdict(low, high, margin, True)
    assert verdicts.verdict(low * unit, high * unit, margin * unit, True) == said


def table(*rows):
    return pd.DataFrame(rows, columns=["metric", "low", "high"])


def test_each_metric_has_its_margin_and_its_better_end():
    pairs = table(("eer", 0.1, 0.2), ("auc", 0.1, 0.2), ("cllr", 0.1, 0.2), ("min_dcf", NAN, NAN))
    judged = verdicts.judge(pairs, {"eer": 0.05, "auc": 0.5, "min_dcf": 0.1}, frozenset({"auc"}))
    assert list(judged) == ["metric", "low", "high", *verdicts.COLUMNS]
    assert judged["verdict"].tolist() == ["worse", "equivalent", "worse", None]
    assert judged["margin"].fillna(-1).tolist() == [0.05, 0.5, -1, 0.1]
    pd.testing.assert_frame_equal(judged[list(pairs)], pairs)


def test_a_metric_has_its_margin_under_any_protocol_and_where_it_was_optimised():
    names = ["pesq", "leaky_pesq", "transductive_pesq", "leaky_transductive_pesq", "optimised_pesq"]
    names += ["leaky_optimised_pesq", "pesq_nb", "optimised_llr"]
    judged = verdicts.judge(table(*((name, 0.3, 0.4) for name in names)), {"pesq": 0.2}, {"pesq", "optimised_pesq"})
    assert judged["margin"].fillna(-1).tolist() == [0.2] * 6 + [-1] * 2
    assert judged["verdict"].tolist() == ["better"] * 6 + ["worse"] * 2


def test_of_no_pair_there_is_no_verdict():
    judged = verdicts.judge(table(), {"eer": 0.1}, frozenset())
    assert judged.empty and judged["margin"].dtype == float and list(judged)[-2:] == list(verdicts.COLUMNS)


def test_a_margin_of_what_is_not_measured_is_refused_with_what_is():
    metrics = ["leaky_eer", "leaky_auc", "optimised_pesq"]
    verdicts.check({"eer": 0.1, "pesq": 0.1}, metrics, "t")
    verdicts.check({}, metrics, "t")
    for margins, unknown in (({"eeer": 0.1, "eer": 0.1, 1: 0.1}, "eeer, 1"), ({"leaky_eer": 0.1}, "leaky_eer")):
        expected = f"params.yaml: tasks.t.scoring.margins has the unknown metric {unknown}; metrics: eer, auc, pesq$"
        with pytest.raises(Refused, match=expected):
            verdicts.check(margins, metrics, "t")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("eer", "eer"), ("leaky_eer", "eer"), ("transductive_uar", "uar"), ("leaky_transductive_uar", "uar")],
)
def test_the_plain_name_of_a_metric(name, expected):
    assert verdicts.plain(name) == expected


def shares(difference, noise, margin=1.0, sets=20):
    """verdict -> share of sets of 20 speakers, whose paired differences have this mean and this sd, that has it."""
    speakers, said = [f"s{number:02d}" for number in range(20)], []
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        hard = 3 * rng.normal(size=20)
        a, b = eval_of(hard + difference + noise * rng.normal(size=20), speakers), eval_of(hard, speakers)
        pairs = paired.pairs({"a": a, "b": b}, {}, mean_value, Scoring(100, 0.95, ()), seed)
        judged = verdicts.judge(pairs, {"mean": margin}, {"mean"}).set_index("metric")
        said.append(judged.loc["mean", "verdict"])
    return {name: said.count(name) / sets for name in dict.fromkeys(said)}


# The mean of 20 speakers has the sd noise / sqrt(20), an interval at 95 % reaches about 2 of them to each side.


def test_equal_systems_are_equivalent_where_noise_is_small_beside_the_margin():
    # sd .11, the interval reaches .22: the margin lies 4.5 sd from its end
    assert shares(0, 0.5) == {"equivalent": 1}


def test_twice_the_margin_is_better_and_less_than_that_by_as_much_is_worse():
    # the interval's end lies 9 sd from the margin
    assert shares(2, 0.5) == {"better": 1}
    assert shares(-2, 0.5) == {"worse": 1}


def test_a_real_difference_that_is_small_beside_the_margin_is_equivalent():
    # .5 lies 4.5 sd from 0 and from the margin; the interval reaches 2 of them, and of 20 means none is 2.5 sd off
    assert shares(0.5, 0.5) == {"equivalent": 1}


def test_where_noise_is_large_nothing_is_decided():
    # sd .9, the interval reaches 1.8 to each side of what is seen: it is never within 1, and leaves out 0 in 5 %, a
    # little more of a percentile interval of 20: of 20 sets 1.3, sd 1.1
    found = shares(0, 4.0)
    assert "equivalent" not in found and found["undecided"] >= 15 / 20


def test_systems_that_differ_by_the_margin_are_rarely_equivalent():
    # 2.5 %, a little more of 20 speakers: of 40 sets 1.4, sd 1.2
    assert shares(1, 0.5, sets=40).get("equivalent", 0) <= 5 / 40
