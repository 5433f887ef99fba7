"""A countermeasure elsewhere: what dev froze by hand, one class alone, the same as measured by other metrics."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.scoring import dcf
from voxdag.scoring.eer import eer
from voxdag.scoring.tables import Scoring
from voxdag.tasks.antispoof import metrics, transfer

SCORING = Scoring(replicates=50, confidence=0.9, by=())


def rows(bonafide, spoof, seed=None):
    table = pd.DataFrame({"score": [*bonafide, *spoof]})
    table["label"] = ["bonafide"] * len(bonafide) + ["spoof"] * len(spoof)
    table["id"] = [f"u{i}" for i in range(len(table))]
    table["speaker"] = [f"s{i % 4}" for i in range(len(table))]
    table["attack"] = None
    return table if seed is None else table.assign(seed=seed)


def gaussians(mean, count=300, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(mean, 1, count), rng.normal(-mean, 1, count)


DEV = rows([1.0, 2.0, 3.0], [-1.0, 0.0, 0.5])  # the EER is 0 at the threshold 0.5


def values(dev, predictions):
    [found] = transfer.statistic(dev, predictions).values.values()
    return found


def test_errors_are_those_at_devs_threshold_by_hand():
    # elsewhere everything is 2 lower: of four of bona fide speech one is accepted (0.6), of four spoofs none
    found = values(DEV, rows([0.6, 0.5, 0.0, -1.0], [-3.0, -2.5, -2.0, -1.5]))
    assert (found["miss_rate"], found["false_alarm_rate"], found["hter"]) == (0.75, 0.0, 0.375)
    assert found["eer"] == 0.0  # what a threshold chosen there would reach


def test_costs_are_those_of_the_mapped_scores(monkeypatch):
    dev, there = rows(*gaussians(1.5)), rows(*gaussians(0.5, seed=1))
    found = values(dev, there)
    [(threshold, affine)] = transfer.frozen(dev).values()
    bonafide, spoof = (there.loc[there["label"] == label, "score"].to_numpy() for label in ("bonafide", "spoof"))
    mapped = affine(bonafide), affine(spoof)
    assert found["affine_act_dcf"] == pytest.approx(dcf.act_dcf(*mapped), abs=1e-12)
    assert found["affine_cllr"] == pytest.approx(dcf.cllr(*mapped), abs=1e-12)
    assert found["act_dcf"] == dcf.act_dcf(bonafide, spoof) and found["cllr"] == dcf.cllr(bonafide, spoof)
    assert found["eer"] == eer(bonafide, spoof).eer and threshold == pytest.approx(eer(*gaussians(1.5)).threshold)


@pytest.mark.parametrize("counts", [None, "drawn"])
def test_a_resampling_is_the_set_that_it_makes(counts):
    dev, there = rows(*gaussians(1.5)), metrics.ranked(rows(*gaussians(0.7, 40, seed=2)))
    drawn = np.ones(80, np.int64) if counts is None else np.random.default_rng(0).integers(0, 3, 80)
    [scorer] = transfer.statistic(dev, there).scorers.values()
    again = there.loc[there.index.repeat(drawn)].assign(id=[f"r{i}" for i in range(drawn.sum())])
    assert scorer(drawn) == pytest.approx(values(dev, again), abs=1e-12)


@pytest.mark.parametrize(("label", "metric"), [("bonafide", "miss_rate"), ("spoof", "false_alarm_rate")])
def test_recordings_of_one_class_have_its_error_alone(label, metric):
    there = rows([0.6, 0.4], [0.6, 0.4])
    table = transfer.intervals(DEV, there[there["label"] == label], SCORING, 1)
    means = table[table["resampled_by"] == "speaker"].set_index("metric")["value"]
    assert means[metric] == 0.5 and means.drop(metric).isna().all()


def test_without_dev_there_is_what_needs_none():
    there = rows(*gaussians(0.7, 40))
    found = values(None, there)
    assert set(found) == {"eer", "act_dcf", "cllr"}
    assert found.items() <= values(DEV, there).items()
    assert values(None, there[there["label"] == "spoof"]) == {}


def test_each_member_has_a_threshold_of_its_own():
    dev = pd.concat([DEV.assign(seed=1), DEV.assign(seed=2, score=DEV["score"] + 10)])
    there = rows([0.6, 0.4], [0.6, 0.4])
    both = pd.concat([there.assign(seed=1), there.assign(seed=2, score=there["score"] + 10)])
    found = transfer.statistic(dev, both)
    assert [one["miss_rate"] for one in found.values.values()] == [0.5, 0.5]
    with pytest.raises(Refused, match="dev has no predictions of seed 2: there is nothing to freeze"):
        transfer.statistic(DEV.assign(seed=1), both)


def test_on_dev_itself_the_errors_are_its_equal_error_rate():
    dev = rows(*gaussians(1.0))
    found = values(dev, dev)
    assert found["hter"] == pytest.approx(found["eer"], abs=1e-12)


def test_intervals_are_of_the_columns_that_it_says():
    table = transfer.intervals(DEV, rows(*gaussians(0.7, 40)), SCORING, 1)
    assert list(table) == list(transfer.COLUMNS) and set(table["metric"]) == set(transfer.METRICS)
    by_speaker = table[(table["resampled_by"] == "speaker") & (table["metric"] == "miss_rate")].iloc[0]
    assert by_speaker["low"] < by_speaker["value"] < by_speaker["high"] and by_speaker["n_bonafide"] == 40
