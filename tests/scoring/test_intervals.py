import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import beta

from voxdag.scoring.eer import RankedTrials, eer, equal_error
from voxdag.scoring.intervals import bootstrap, check, draws, exact, least_replicates, percentiles
from voxdag.scoring.tdcf import ASVRates, min_cost, min_tdcf, tandem_weights

ASV = ASVRates(pfa=0.025, pmiss=0.025, pfa_spoof=0.5, threshold=0)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("by_speaker", [False, True])
def test_every_replicate_is_the_metric_of_the_resampled_scores(by_speaker):
    scores = np.round(np.concatenate([rng(1).normal(2, 1, 60), rng(2).normal(0, 1, 140)]), 1)  # with ties
    classes, speakers = np.repeat([1, 0], [60, 140]), rng(3).integers(9, size=200)
    ranked, weights = RankedTrials(scores[:60], scores[60:]), tandem_weights(ASV, "legacy2019")
    for counts in draws(classes, rng(), 50, speakers if by_speaker else None):
        bonafide, spoof = np.repeat(scores[:60], counts[:60]), np.repeat(scores[60:], counts[60:])
        curve = ranked.curve(counts)
        assert equal_error(curve) == eer(bonafide, spoof)
        assert min_cost(curve, weights) == min_tdcf(bonafide, spoof, ASV, "legacy2019")


def test_a_drawn_speaker_brings_all_its_trials():
    speakers = np.array(["a", "b", "a", "c", "c", "c"])
    for counts in draws(np.zeros(6), rng(), 20, speakers):
        by_speaker = {name: set(counts[speakers == name]) for name in "abc"}
        assert all(len(times) == 1 for times in by_speaker.values())
        assert sum(times.pop() for times in by_speaker.values()) == 3


def test_drawing_trials_keeps_their_number():
    assert {counts.sum() for counts in draws(np.arange(50) % 2, rng(), 20)} == {50}


def test_no_draw_leaves_a_class_empty():
    # One bona fide trial among four is absent from (3/4)^4 = 32 % of plain draws.
    counts = np.array(list(draws([1, 0, 0, 0], rng(), 200)))
    assert counts[:, 0].min() >= 1
    assert counts[:, 1:].sum(axis=1).min() >= 1


def test_a_draw_leaves_one_member_with_all_its_classes():
    classes, members = ["x", "y", "x", "y"], ["a", "a", "b", "b"]
    for counts in draws(classes, rng(), 200, members=members):
        assert counts[:2].min() or counts[2:].min()
    plain = np.array(list(draws(classes, rng(), 200)))
    assert not (plain[:, :2].min(axis=1) + plain[:, 2:].min(axis=1)).all()


def test_trials_that_are_clusters_of_one_draw_as_trials_do():
    singly, clustered = (list(draws([1, 0, 0], rng(), 9, clusters)) for clusters in (None, ["x", "y", "z"]))
    np.testing.assert_array_equal(singly, clustered)


def mean_of(values):
    return lambda counts: {"mean": np.average(values, weights=counts), "n": float(counts.sum())}


def test_one_seed_gives_one_interval():
    values = rng(4).normal(size=30)
    first, again, other = (bootstrap(mean_of(values), values > 0, rng(seed), 100, 0.9) for seed in (1, 1, 2))
    assert first == again != other


def test_a_wider_confidence_gives_a_wider_interval():
    values = rng(4).normal(size=30)
    narrow, wide = (
        bootstrap(mean_of(values), values > 0, rng(), 300, confidence)["mean"] for confidence in (0.5, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_interval_of_a_mean_is_its_normal_interval():
    # sd of a mean of 400: .05. Percentile ends at 1.96 sd, themselves known to about .003 with 2,000 replicates.
    values = rng(5).normal(size=400)
    values = (values - values.mean()) / values.std()
    interval = bootstrap(mean_of(values), np.zeros(400), rng(), 2000, 0.95)["mean"]
    assert interval == pytest.approx((-0.098, 0.098), abs=0.012)


def test_intervals_cover_the_true_eer_as_often_as_they_say():
    # Truth Phi(-1) = .1587. Of 120 intervals at 95 %, 114 should hold it, sd 2.4; the bootstrap of small sets is a
    # little off, so 4 sd below and all but one are allowed.
    covered = 0
    for seed in range(120):
        source = rng(seed)
        ranked = RankedTrials(source.normal(2, 1, 150), source.normal(0, 1, 150))
        interval = bootstrap(
            lambda counts, ranked=ranked: {"eer": equal_error(ranked.curve(counts)).eer},
            np.repeat([1, 0], 150), source, 200, 0.95,
        )["eer"]  # fmt: skip
        covered += interval.low <= ndtr(-1) <= interval.high
    assert 104 <= covered <= 119


def test_only_intervals_by_speaker_cover_when_speakers_differ():
    # 20 speakers x 20 trials, speaker sd = trial sd = 1: the mean has sd sqrt(1/20 + 1/400) = .229, but .071 if trials
    # were independent, and then +-1.96 x .071 covers 46 % (sd 5 of 100). By speaker, 20 clusters cover a little
    # under 95 % (sd 2.2).
    speakers, covered = np.repeat(np.arange(20), 20), {"trial": 0, "speaker": 0}
    for seed in range(100):
        source = rng(seed)
        values = source.normal(size=20)[speakers] + source.normal(size=400)
        for by, clusters in (("trial", None), ("speaker", speakers)):
            interval = bootstrap(mean_of(values), np.zeros(400), source, 150, 0.95, clusters)["mean"]
            covered[by] += interval.low <= 0 <= interval.high
    assert covered["trial"] < 66
    assert 84 <= covered["speaker"] <= 99


def test_faults_are_refused():
    values = np.arange(4.0)
    with pytest.raises(ValueError, match="all 4 trials are of one cluster"):
        bootstrap(mean_of(values), values > 1, rng(), 50, 0.95, ["a"] * 4)
    with pytest.raises(ValueError, match=r"clusters have shape \(3,\), expected \(4,\)"):
        bootstrap(mean_of(values), values > 1, rng(), 50, 0.95, ["a", "b", "b"])
    with pytest.raises(ValueError, match=r"replicates is 0: expected 39 to 1,000,000 .* confidence 0\.95"):
        bootstrap(mean_of(values), values > 1, rng(), 0, 0.95)
    with pytest.raises(ValueError, match="confidence is 95: expected a fraction between 0 and 1"):
        bootstrap(mean_of(values), values > 1, rng(), 10, 95)


@pytest.mark.parametrize("values", [[0.0] * 50, [0.4166666666] * 50, [1 / 3, 1 - 2 / 3] * 25])
def test_replicates_that_are_all_equal_make_no_interval(values):
    assert np.isnan(percentiles(values, 0.95)).all()


def test_replicates_that_differ_a_little_make_a_little_interval():
    low, high = percentiles([1.0, 1.0 + 1e-9] * 50, 0.9)
    assert low < high


def test_the_exact_interval_is_that_of_clopper_and_pearson():
    # Beta quantiles: of k of n, Beta(k, n - k + 1) below and Beta(k + 1, n - k) above.
    for n in (1, 2, 27, 5000):
        assert exact(0.0, n, 0.95) == pytest.approx((0, beta.ppf(0.975, 1, n)))
        assert exact(1.0, n, 0.95) == pytest.approx((beta.ppf(0.025, n, 1), 1))
    assert exact(0.0, 2, 0.95).high == pytest.approx(0.8419, abs=1e-4)  # 1 - sqrt(.025)
    assert exact(1 - 1e-16, 3, 0.9) == exact(1.0, 3, 0.9)
    assert exact(0.5, 2, 0.95) is None


@pytest.mark.parametrize(("confidence", "least"), [(0.9, 19), (0.95, 39), (0.99, 199), (0.5, 3)])
def test_the_fewest_replicates_hold_a_further_one_with_the_confidence(confidence, least):
    assert least_replicates(confidence) == least
    check(least, confidence)
    with pytest.raises(ValueError, match=f"replicates is {least - 1}: expected {least} to 1,000,000 .* {confidence}"):
        check(least - 1, confidence)


def test_replicates_for_years_are_refused():
    with pytest.raises(ValueError, match="replicates is 1000000000000: expected 39 to 1,000,000"):
        check(10**12, 0.95)
