import pandas as pd
import pytest

from voxdag.scoring import paired
from voxdag.scoring.tables import Scoring
from voxdag.tasks.emotion import report

SCORING = Scoring(replicates=19, confidence=0.9, by=("class", "speaker"))
NO_TABLES = {"dev": {}, "eval": {}}


def heard(predicted, seed):
    """Utterances a a b b of speakers s t s t, sure of what is predicted."""
    table = pd.DataFrame(
        {"id": ["u0", "u1", "u2", "u3"], "seed": seed, "speaker": list("stst"), "protocol": "speaker_independent"}
    ).assign(label=list("aabb"), predicted=list(predicted))
    for name in "ab":
        table[f"p_{name}"] = (table["predicted"] == name).astype(float)
        table[f"logit_{name}"] = 0.0
    return table


# UAR of seed 1 is 1, of seed 2 1/2 (all a); on dev 3/4 and 1/2.
SYSTEM = {
    "dev": pd.concat([heard("aaba", 1), heard("aaaa", 2)]),
    "eval": pd.concat([heard("aabb", 1), heard("aaaa", 2)]),
}


def test_headline_is_the_mean_over_members_by_hand():
    values = report.headline(SYSTEM, NO_TABLES)
    assert values == pytest.approx(
        {
            "uar": 3 / 4,
            "uar_sd": 0.5 / 2**0.5,
            "war": 3 / 4,
            "macro_f1": (1 + 1 / 3) / 2,  # of seed 2 F1 of a is 2 x 2 / (2 + 4), of b 0
            "ece": 1 / 4,  # of seed 2 half of the sure decisions are right
            "ece_uncalibrated": 0.0,  # logits of 0: confidence 1/2, the first class, right in half
            "dev_uar": 5 / 8,
        },
        abs=1e-12,
    )


def test_what_the_report_makes_has_the_columns_that_it_declares():
    assert list(report.intervals(SYSTEM, NO_TABLES, SCORING, 0)) == list(report.INTERVALS)
    assert list(report.breakdown(SYSTEM, NO_TABLES, SCORING, 0)) == list(report.BREAKDOWN)


def test_the_values_of_members_by_hand():
    values = report.member_values(SYSTEM, NO_TABLES)
    uars = values[values["metric"] == "uar"]
    assert uars["seed"].tolist() == [1, 2]
    assert uars["value"].tolist() == [1.0, 0.5]


def test_two_systems_are_compared_on_all_metrics():
    other = SYSTEM | {"eval": pd.concat([heard("aabb", 1), heard("aabb", 2)])}
    table = paired.pairs({"tier1": SYSTEM, "tier2": other}, NO_TABLES, report.statistic, SCORING, 0)
    table = table.set_index("metric")
    assert table.loc["uar", ["difference", "resampled", "members_a"]].tolist() == [-0.25, "speakers, seeds jointly", 2]
    assert table.loc["ece", "difference"] == 0.25
    assert table.loc["ece", ["low", "high", "p"]].isna().all()
    assert table.loc["uar", "low"] == -0.5 and table.loc["uar", "high"] == 0  # seed 2 twice, seed 1 twice
