"""Metrics of an affect regression: by hand, under resampling, of groups, beside the ceiling."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core import artifacts
from voxdag.core.errors import Refused
from voxdag.scoring import paired
from voxdag.scoring.concordance import ccc, ceiling, r2, rmse
from voxdag.scoring.protocol import PREFIXES
from voxdag.scoring.tables import Scoring
from voxdag.tasks.affect import metrics, report
from voxdag.tasks.affect.criteria import HIGHER, criteria
from voxdag.tasks.affect.data import quadrants

SCORING = Scoring(replicates=60, confidence=0.9, by=("quadrant", "genre"))
NO_TABLES = {"dev": {}, "eval": {}}


def predictions(seed=1, n=80, noise=0.2, **columns):
    """Clips of n / 2 songs; annotators differ by 0.4."""
    rng = np.random.default_rng(0)
    truth = np.clip(rng.normal(0, 0.3, (n, 2)), -1, 1)
    said = 0.8 * truth + noise * np.random.default_rng([seed, 1]).normal(size=(n, 2))
    table = pd.DataFrame({"id": [f"c{i:03d}" for i in range(n)], "seed": seed, "protocol": "speaker_independent"})
    table = table.assign(speaker=[f"s{i // 2:02d}" for i in range(n)], genre=np.where(np.arange(n) % 3, "rock", "jazz"))
    table[["valence", "arousal"]], table[["predicted_valence", "predicted_arousal"]] = truth, said
    table = table.assign(valence_sd=0.4, arousal_sd=0.2, annotators=10.0, quadrant=quadrants(table))
    return table.assign(**columns)


def system(**options):
    return {split: pd.concat([predictions(seed, **options) for seed in (1, 2)]) for split in ("dev", "eval")}


def by_hand():
    """Valence as in tests/scoring: CCC 2/3, R2 -1/5, RMSE sqrt(1.5) of targets 1 to 4, here a tenth of it; arousal is
    predicted perfectly."""
    arousal = [0.1, -0.2, 0.4, 0.0]
    table = pd.DataFrame({"id": list("abcd"), "speaker": list("abcd"), "valence": [0.1, 0.2, 0.3, 0.4]})
    table = table.assign(predicted_valence=[0.2, 0.2, 0.2, 0.6], arousal=arousal, predicted_arousal=arousal)
    return table.assign(valence_sd=[0.1, 0.2, 0.3, 0.4], arousal_sd=0.0, annotators=10.0)


def test_criteria_by_hand():
    expected = {"ccc": 5 / 6, "ccc_valence": 2 / 3, "ccc_arousal": 1.0, "rmse": np.sqrt(0.015 / 2)}
    assert criteria(by_hand()) == pytest.approx(expected)
    assert next(iter(criteria(by_hand()))) == "ccc" and set(HIGHER) == {"ccc", "ccc_valence", "ccc_arousal"}
    with pytest.raises(Refused, match="predictions have no column predicted_arousal; they have id, speaker, valence"):
        criteria(by_hand().drop(columns="predicted_arousal"))


def test_metrics_by_hand():
    # noise of valence: .01, .04, .09, .16 over 9: mean .30 / 36; variance .45 / 36: 2 (.15) / (.90 - .30) = 1/2
    expected = {
        **{"ccc": 5 / 6, "ccc_valence": 2 / 3, "ccc_arousal": 1, "r2_valence": -0.2, "r2_arousal": 1},
        **{"rmse": np.sqrt(0.0075), "rmse_valence": np.sqrt(0.015), "rmse_arousal": 0},
        **{"ceiling_ccc_valence": 1 / 2, "ceiling_ccc_arousal": 1},
    }
    assert metrics.CeilingScorer(by_hand())() == pytest.approx(expected)
    assert list(metrics.Scorer(by_hand())()) == list(metrics.METRICS) == list(expected)[:8]
    biases = {name: value for name, value in metrics.GroupScorer(by_hand())().items() if name.startswith("bias")}
    assert biases == pytest.approx({"bias_valence": 0.05, "bias_arousal": 0})


@pytest.mark.parametrize("scorer", [metrics.GroupScorer, metrics.QuadrantScorer, metrics.CeilingScorer])
def test_every_replicate_is_the_metric_of_the_resampled_table(scorer):
    table, counts = predictions(), np.random.default_rng(2).integers(0, 3, 80)
    repeated = table.loc[table.index.repeat(counts)]
    repeated = repeated.assign(id=[f"r{i}" for i in range(len(repeated))])
    assert scorer(table)(counts) == pytest.approx(scorer(repeated)(), rel=1e-9)


def test_the_headline_has_eight_numbers_of_what_scoring_says():
    values = report.headline(system(), NO_TABLES)
    pairs = [predictions(seed) for seed in (1, 2)]

    def mean(metric, name):
        return np.mean([metric(rows[name], rows[f"predicted_{name}"]) for rows in pairs])

    cccs = [np.mean([ccc(rows[name], rows[f"predicted_{name}"]) for name in ("valence", "arousal")]) for rows in pairs]
    errors = [rmse(rows[["valence", "arousal"]].stack(), rows.filter(like="predicted").stack()) for rows in pairs]
    expected = {
        f"{metric.__name__}_{name}": mean(metric, name) for metric in (ccc, r2) for name in ("valence", "arousal")
    }
    expected |= {"ccc": np.mean(cccs), "dev_ccc": np.mean(cccs), "rmse": np.mean(errors)}
    assert values == pytest.approx(expected | {"ccc_sd": np.std(cccs, ddof=1)})
    assert len(values) == 8


@pytest.mark.parametrize("protocol", PREFIXES)
def test_every_name_says_under_which_protocol_it_was_measured(protocol):
    tables = {split: predictions(protocol=protocol) for split in ("dev", "eval")}
    prefix = {"speaker_independent": ""}.get(protocol, f"{protocol}_")
    assert all(name.startswith(prefix) for name in report.headline(tables, NO_TABLES))
    assert f"{prefix}ccc" in report.headline(tables, NO_TABLES)
    assert set(report.intervals(tables, NO_TABLES, SCORING, 0)["metric"]) == {
        f"{prefix}{name}" for name in (*metrics.METRICS, *metrics.CEILINGS)
    }
    assert set(report.breakdown(tables, NO_TABLES, SCORING, 0)["protocol"]) == {protocol}


def test_the_ceiling_stands_beside_the_metrics_with_its_interval():
    table = report.intervals(system(), NO_TABLES, SCORING, 0)
    assert list(table) == list(report.INTERVALS)
    rows = table[table["seed"].isna() & (table["resampled_by"] == "speaker")].set_index("metric")
    # 0.4^2 / 10 = .016 of a variance of about .09
    found = rows.loc["ceiling_ccc_valence"]
    assert found["value"] == pytest.approx(ceiling(predictions()["valence"], np.full(80, 0.16 / 9)))
    assert found["low"] < found["value"] < found["high"] < rows.loc["ceiling_ccc_arousal", "value"] < 1
    assert rows.loc["ccc_valence", "value"] < found["value"]


@pytest.mark.parametrize("annotators", [2, 10])
def test_the_ceiling_is_what_the_truth_reaches_of_labels_by_so_many(annotators):
    # labels and deviations as a corpus gives them: over the annotators that there are
    rng = np.random.default_rng(3)
    truth = rng.normal(0, 0.3, (4000, 2))
    ratings = truth[..., None] + rng.normal(0, 0.35, (4000, 2, annotators))
    (valence, arousal), (valence_sd, arousal_sd) = ratings.mean(2).T, ratings.std(2).T
    table = pd.DataFrame({"id": [str(i) for i in range(4000)], "valence": valence, "arousal": arousal})
    table[["predicted_valence", "predicted_arousal"]] = truth
    found = metrics.CeilingScorer(
        table.assign(valence_sd=valence_sd, arousal_sd=arousal_sd, annotators=float(annotators))
    )()
    for name in ("valence", "arousal"):
        assert found[f"ceiling_ccc_{name}"] == pytest.approx(found[f"ccc_{name}"], abs=0.015)


@pytest.mark.parametrize(
    "unknown",
    [{"annotators": np.nan}, {"annotators": None}, {"valence_sd": None}, {"annotators": 1.0, "valence_sd": 0.0}],
    ids=["how many", "how many, as text", "their standard deviation", "one alone"],
)
def test_the_ceiling_is_missing_where_the_disagreement_is_not_known(unknown):
    table = report.intervals({"eval": predictions(**unknown)}, NO_TABLES, SCORING, 0)
    rows = table[table["metric"] == "ceiling_ccc_valence"]
    assert rows[["value", "low", "high"]].isna().all(axis=None) and (rows["members"] == 0).all()
    assert table.loc[table["metric"] == "ccc", "value"].notna().all()


def test_intervals_by_song_draw_songs():
    # each clip twice under one song: by song the spread is that of half as many, so wider by about sqrt(2)
    half = predictions(n=40)
    twice = pd.concat([half, half.assign(id="x" + half["id"])]).assign(speaker=list(half["id"]) * 2)
    many = Scoring(replicates=300, confidence=0.9, by=())
    table = report.intervals({"eval": twice}, NO_TABLES, many, 0)
    rows = table[table["metric"] == "rmse"].set_index("resampled_by")
    width = rows["high"] - rows["low"]
    assert 1.2 < width["speaker"] / width["utterance"] < 1.65


def test_quadrants_have_errors_and_bias_and_no_concordance():
    table = report.breakdown(system(), NO_TABLES, SCORING, 0)
    assert list(table) == list(report.BREAKDOWN)
    rows = table[table["column"] == "quadrant"].set_index("value")
    assert len(rows) == 4 and rows["n"].sum() == 80
    relative = [name for name in table if name.startswith(("ccc", "r2"))]
    assert len(relative) == 15 and rows[relative].isna().all(axis=None)
    one = [rows for seed in (1, 2) for _, rows in predictions(seed).groupby("quadrant") if len(rows)]
    lowest = [rows for rows in one if rows["quadrant"].iloc[0] == "negative valence, low arousal"]
    bias = np.mean([(rows["predicted_valence"] - rows["valence"]).mean() for rows in lowest])
    found = rows.loc["negative valence, low arousal"]
    assert found["bias_valence"] == pytest.approx(bias) and found["bias_valence"] > 0  # towards the middle
    assert found["rmse_low"] < found["rmse"] < found["rmse_high"]


def test_groups_that_labels_did_not_choose_have_all_metrics():
    table = report.breakdown(system(), NO_TABLES, SCORING, 0)
    rows = table[table["column"] == "genre"].set_index("value")
    jazz = [rows[rows["genre"] == "jazz"] for rows in (predictions(1), predictions(2))]
    assert rows.loc["jazz", "ccc"] == pytest.approx(np.mean([criteria(one)["ccc"] for one in jazz]))
    assert rows[["ccc_valence", "r2_arousal", "rmse", "bias_arousal"]].notna().all(axis=None)


def test_the_order_of_rows_does_not_matter():
    mixed = {split: table.sample(frac=1, random_state=1) for split, table in system().items()}
    for made in (report.intervals, report.breakdown):
        pd.testing.assert_frame_equal(made(mixed, {}, SCORING, 0), made(system(), {}, SCORING, 0))


def test_systems_are_compared_in_all_metrics_but_the_ceilings(tmp_path):
    table = paired.pairs({"ast": system(), "svr": system(noise=0.4)}, {}, report.statistic, SCORING, 0)
    table = table.set_index("metric")
    assert list(table.index) == list(metrics.METRICS)
    assert table.loc["ccc", "low"] > 0 and table.loc["rmse", "high"] < 0  # the second has twice the noise
    values = report.member_values(system(), {})
    assert set(values["metric"]) == set(metrics.METRICS) and values["seed"].tolist() == [1] * 8 + [2] * 8
    artifacts.write_table(tmp_path / "intervals.csv", report.intervals(system(), {}, SCORING, 0))
    assert artifacts.read_table(tmp_path / "intervals.csv", report.INTERVALS)["value"].notna().all()


def test_predictions_that_cannot_be_scored_are_refused():
    table = predictions()
    for changed, message in (
        (table.assign(predicted_valence=np.nan), "80 of 80 predictions are not finite: utterance c000 has valence"),
        (table.drop(columns="arousal"), "predictions have no column arousal"),
        (table.drop(columns="annotators"), "predictions have no column annotators"),
        (table.assign(protocol="honest"), "protocol is honest: expected one of"),
    ):
        with pytest.raises(Refused, match=message):
            report.intervals({"eval": changed}, {}, SCORING, 0)
    with pytest.raises(Refused, match="predictions have no column codec"):
        report.breakdown({"eval": table}, {}, Scoring(19, 0.9, ("codec",)), 0)
