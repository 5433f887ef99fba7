import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from voxdag.scoring.calibration import BINS, TEMPERATURES, ece, fit_temperature, nll, reliability


def sampled(n, classes=4, spread=2.0, seed=0):
    """Logits (n, classes) and labels drawn from their softmax: calibrated by construction."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (n, classes))
    cumulative = softmax(logits, axis=1).cumsum(axis=1)
    return logits, np.minimum((rng.random((n, 1)) > cumulative).sum(axis=1), classes - 1)


def top(confidences):
    """Two-class probabilities with these largest ones, all of class 0."""
    confidences = np.asarray(confidences, dtype=float)
    return np.stack([confidences, 1 - confidences], axis=1)


def test_ece_by_hand():
    # 5 bins: .55 and .59 in (.4, .6], one of two right: |.5 - .57| = .07.  .65, .7, .75 in (.6, .8], all right:
    # |1 - .7| = .3.  ECE = 2/5 x .07 + 3/5 x .3 = .208.
    probabilities, labels = top([0.55, 0.59, 0.65, 0.7, 0.75]), np.array([0, 1, 0, 0, 0])
    assert ece(probabilities, labels, bins=5) == pytest.approx(0.208, abs=1e-12)
    table = reliability(probabilities, labels, bins=5)
    assert table["n"].tolist() == [0, 0, 2, 3, 0]
    np.testing.assert_allclose(table["confidence"], [np.nan, np.nan, 0.57, 0.7, np.nan])
    np.testing.assert_allclose(table["accuracy"], [np.nan, np.nan, 0.5, 1, np.nan])


def test_ece_of_bins_of_equal_mass_by_hand():
    # Two bins of two: (.6, .7) with accuracy 1/2, (.8, .9) with 1: (|.5 - .65| + |1 - .85|) / 2 = .15.
    probabilities, labels = top([0.9, 0.6, 0.8, 0.7]), np.array([0, 0, 0, 1])
    assert reliability(probabilities, labels, 2, "mass")["n"].tolist() == [2, 2]
    assert ece(probabilities, labels, 2, "mass") == pytest.approx(0.15, abs=1e-12)


def test_a_confidence_on_an_edge_is_in_the_bin_below():
    # Guo et al. (2017), section 2: bin m is ((m - 1)/M, m/M].
    table = reliability(top([0.5, 0.75, 1.0, 1.0]), np.zeros(4, int), bins=4)
    assert table["n"].tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize(("label", "expected"), [(0, 0.0), (1, 1.0)])
def test_certainty_costs_nothing_when_right_and_all_when_wrong(label, expected):
    assert ece(top(np.ones(9)), np.full(9, label)) == expected


@pytest.mark.parametrize("spacing", ["width", "mass"])
def test_labels_drawn_from_the_probabilities_are_calibrated(spacing):
    # In each of 15 bins the accuracy of n/15 utterances has sd of at most sqrt(.25 x 15 / n) = .0137 at n = 20,000, so
    # the mean absolute gap is below .8 x .0137 = .011. Sharpening the same logits threefold makes it large.
    logits, labels = sampled(20_000)
    assert ece(softmax(logits, axis=1), labels, spacing=spacing) < 0.012
    assert ece(softmax(3 * logits, axis=1), labels, spacing=spacing) > 0.1


def test_neither_the_order_of_utterances_nor_that_of_classes_matters():
    logits, labels = sampled(300)
    probabilities, rows, columns = softmax(logits, axis=1), np.random.default_rng(1).permutation(300), [2, 0, 3, 1]
    moved = np.argsort(columns)[labels]
    expected = pytest.approx(ece(probabilities, labels), abs=1e-12)
    assert ece(probabilities[rows], labels[rows]) == expected
    assert ece(probabilities[:, columns], moved) == expected


def test_every_utterance_is_in_a_bin():
    probabilities = softmax(sampled(500)[0], axis=1)
    for spacing in ("width", "mass"):
        for bins in (1, 2, BINS, 50):
            assert reliability(probabilities, np.zeros(500, int), bins, spacing)["n"].sum() == 500
    assert reliability(top([0.7] * 8), np.zeros(8, int), spacing="mass")["n"].tolist() == [8]


def test_nll_of_what_says_nothing_is_the_log_of_the_classes():
    assert nll(np.zeros((5, 8)), np.arange(5)) == pytest.approx(np.log(8), abs=1e-12)


def test_nll_is_scikit_learns_log_loss():
    logits, labels = sampled(200)
    assert nll(logits, labels) == pytest.approx(log_loss(labels, softmax(logits, axis=1)), rel=1e-9)


def test_nll_of_huge_logits_is_finite():
    assert nll(np.array([[1e4, 0.0]]), [1]) == 1e4


@pytest.mark.parametrize("true", [0.3, 1.0, 2.5, 8.0])
def test_the_temperature_of_sampled_labels_is_recovered(true):
    # The NLL of logits L = T0 z over b = 1/T has curvature mean Var_p(L) = T0^2 v, v = mean Var_p(z); so b has sd
    # 1/(T0 sqrt(n v)) and T = 1/b has T0/sqrt(n v). Here v is above .5 and n = 20,000: 1 % of T0; 4 sd allowed.
    logits, labels = sampled(20_000)
    shares = softmax(logits, axis=1)
    variance = ((shares * logits**2).sum(axis=1) - (shares * logits).sum(axis=1) ** 2).mean()
    assert variance > 0.5
    assert fit_temperature(true * logits, labels) == pytest.approx(true, rel=0.04)


def test_a_fitted_temperature_leaves_nothing_to_fit():
    logits, labels = sampled(500, seed=3)
    fitted = fit_temperature(4 * logits, labels)
    # xatol is 1e-6 in log T, and the flat minimum resolves about sqrt(1e-16) = 1e-8 of it.
    assert fit_temperature(4 * logits / fitted, labels) == pytest.approx(1, abs=1e-5)
    near = [nll(4 * logits / (fitted * factor), labels) for factor in (0.99, 1.01)]
    assert nll(4 * logits / fitted, labels) < min(near)


def test_temperature_ends_at_a_bound_when_the_data_do_not_determine_it():
    logits = np.random.default_rng(0).normal(size=(50, 3))
    assert fit_temperature(logits, logits.argmax(axis=1)) == TEMPERATURES[0]  # all right: ever sharper
    assert fit_temperature(logits, logits.argmin(axis=1)) == TEMPERATURES[1]  # all wrong: ever flatter
    assert fit_temperature(np.zeros((4, 3)), np.zeros(4, int)) == 1  # no T is better than another


def test_temperature_does_not_change_a_decision_but_the_nll():
    logits, labels = sampled(400)
    scaled = 3 * logits / fit_temperature(3 * logits, labels)
    np.testing.assert_array_equal(scaled.argmax(axis=1), logits.argmax(axis=1))
    assert nll(scaled, labels) < nll(3 * logits, labels)


def test_faults_are_refused_with_their_values():
    with pytest.raises(ValueError, match=r"logits \(3, 2\) and labels \(2,\)"):
        nll(np.zeros((3, 2)), [0, 1])
    with pytest.raises(ValueError, match=r"logits \(0, 2\) and labels \(0,\): expected \(N, K\) and \(N,\), N > 0"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(ValueError, match="labels from 0 to 2: expected class indices 0 to 1"):
        nll(np.zeros((2, 2)), [0, 2])
    with pytest.raises(ValueError, match=r"labels from 0.0 to 1.0"):
        nll(np.zeros((2, 2)), [0.0, 1.0])
    with pytest.raises(ValueError, match=r"1 of 2 rows are not logits: row 1 is \[nan, 0.0\]"):
        fit_temperature([[1.0, 0.0], [np.nan, 0.0]], [0, 1])
    with pytest.raises(ValueError, match=r"1 of 2 rows are not probabilities: row 0 is \[0.9, 0.2\]"):
        ece([[0.9, 0.2], [0.5, 0.5]], [0, 1])
    with pytest.raises(ValueError, match="0 bins of equal width"):
        ece(top([0.9]), [0], bins=0)
    with pytest.raises(ValueError, match="15 bins of equal area: expected at least 1, of equal width or mass"):
        ece(top([0.9]), [0], spacing="area")
