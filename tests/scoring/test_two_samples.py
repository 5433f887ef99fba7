"""Distances of two sets by hand, of planted ones, and of sets that come from one distribution."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from voxdag.core.errors import Refused
from voxdag.scoring.two_samples import distances, frechet, kernel_distance, neighbourhoods


def normal(n, d, seed=0, mean=0.0, scale=1.0):
    return np.random.default_rng(seed).normal(mean, scale, (n, d))


def test_the_frechet_distance_of_two_lines_by_hand():
    # means 0 and 3, standard deviations 1 and 2: 9 + (1 - 2)^2
    assert frechet(np.array([[-1.0], [1.0]]), np.array([[1.0], [5.0]])) == pytest.approx(10)


def test_the_frechet_distance_of_two_crosses_by_hand():
    # covariances diag(2, 8) and diag(8, 2) around (0, 0) and (1, -1):
    # 2 + 10 + 10 - 2 (4 + 4) = 6
    a = np.array([[2.0, 0], [-2, 0], [0, 4], [0, -4]])
    b = np.array([[5.0, -1], [-3, -1], [1, 1], [1, -3]])
    assert frechet(a, b) == pytest.approx(6)


@pytest.mark.parametrize(("n", "m"), [(200, 150), (9, 30)])
def test_the_frechet_distance_is_that_of_the_matrix_root_of_full_or_deficient_rank(n, m):
    a, b = normal(n, 12), normal(m, 12, 1, 0.3, 1.4) @ np.diag(np.linspace(0.5, 2, 12))
    covariances = [np.cov(x, rowvar=False, bias=True) + 1e-9 * np.eye(12) for x in (a, b)]  # for the root alone
    root = np.trace(sqrtm(covariances[0] @ covariances[1]).real)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + sum(map(np.trace, covariances)) - 2 * root
    assert frechet(a, b) == pytest.approx(expected, rel=1e-3)
    assert frechet(a, b) == pytest.approx(frechet(b, a)) and frechet(a, a) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_moves_with_means_and_no_rotation_changes_it():
    a, b = normal(60, 4), normal(50, 4, 1)
    turn = np.linalg.qr(normal(4, 4, 2))[0]
    assert frechet(a @ turn, b @ turn) == pytest.approx(frechet(a, b))
    off = frechet(a - a.mean(0), b - b.mean(0))
    assert frechet(a - a.mean(0), b - b.mean(0) + 2) == pytest.approx(off + 16)


def test_the_kernel_distance_by_hand():
    # one dimension, kernel (x y + 1)^3: a = 0, 1: k = 1; b = 1, 2: k = 27; between: 1, 1, 8, 27, mean 9.25
    a, b = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
    assert kernel_distance(a, b) == pytest.approx(1 + 27 - 2 * 9.25)


def test_the_kernel_distance_is_nought_on_the_average_for_one_distribution():
    found = np.array([kernel_distance(normal(40, 3, k), normal(30, 3, 1000 + k)) for k in range(400)])
    # unbiased: the mean of 400 lies within 4 standard errors of 0, and about half are below it
    assert abs(found.mean()) < 4 * found.std() / 20 and 0.3 < (found < 0).mean() < 0.8
    shifted = [kernel_distance(normal(40, 3, k), normal(30, 3, 1000 + k, 0.7)) for k in range(20)]
    assert np.median(shifted) > found.mean() + 2 * found.std()


def naive(real, fake, k):
    """The four by loops, as Naeem et al. write them (equations 3 to 7)."""

    def ball(x, i):
        return sorted(np.linalg.norm(x - x[i], axis=1))[k]  # the first is itself

    inside = [[np.linalg.norm(r - f) <= ball(real, i) for f in fake] for i, r in enumerate(real)]
    covered = [any(np.linalg.norm(r - f) <= ball(fake, j) for j, f in enumerate(fake)) for r in real]
    return {
        "precision": np.mean([any(row[j] for row in inside) for j in range(len(fake))]),
        "recall": np.mean(covered),
        "density": np.mean([sum(row[j] for row in inside) for j in range(len(fake))]) / k,
        "coverage": np.mean([any(row) for row in inside]),
    }


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_neighbourhoods_are_those_of_the_loops(k, shift):
    real, fake = normal(30, 3), normal(20, 3, 1, shift)
    assert neighbourhoods(real, fake, k) == pytest.approx(naive(real, fake, k))


def test_an_outlier_raises_precision_and_not_density():
    # the example of Naeem et al., figure 1: fakes all over the ball of one real outlier
    real = np.concatenate([normal(50, 2, 0, 0, 0.1), [[10.0, 0.0]]])
    fake = np.array([3.0, 0.0]) + normal(40, 2, 1, 0, 0.5)
    found = neighbourhoods(real, fake, 3)
    # all lie in the outlier's ball (radius about 10) and in no other: density 1 of k
    assert found["precision"] == 1 and found["density"] == pytest.approx(1 / 3)
    assert found["coverage"] == pytest.approx(1 / 51)


def test_fakes_all_over_raise_recall_and_not_coverage():
    # one fake outlier blows up the fakes' balls; what it covers is measured by real balls
    real = normal(60, 2)
    fake = np.concatenate([normal(20, 2, 1, 0, 0.01), [[30.0, 0.0], [-30.0, 0.0]]])
    found = neighbourhoods(real, fake, 2)
    assert found["recall"] > 0.9 and found["coverage"] < 0.3


def test_one_real_set_against_itself_is_covered_and_a_mode_that_is_dropped_is_not():
    modes = np.concatenate([normal(40, 2), normal(40, 2, 1, 20)])
    again = np.concatenate([normal(40, 2, 2), normal(40, 2, 3, 20)])
    whole, half = neighbourhoods(modes, again, 5), neighbourhoods(modes, again[:40], 5)
    assert whole["coverage"] > 0.85 and half["coverage"] < 0.55
    assert whole["precision"] > 0.85 and half["precision"] > 0.85 and half["recall"] < 0.6


def test_distances_are_euclidean():
    a, b = normal(7, 5), normal(4, 5, 1)
    assert distances(a, b) == pytest.approx(np.linalg.norm(a[:, None] - b[None], axis=2))
    assert distances(a, a).diagonal() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("measure", [frechet, kernel_distance, lambda a, b: neighbourhoods(a, b, 1)])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((1, 3), (9, 3), r"sets of \(1, 3\) and \(9, 3\): expected 2 rows or more of as many numbers each"),
        ((9, 3), (9, 2), r"sets of \(9, 3\) and \(9, 2\)"),
    ],
)
def test_sets_that_cannot_be_laid_beside_one_another_are_refused(measure, a, b, message):
    with pytest.raises(Refused, match=message):
        measure(np.zeros(a), np.zeros(b))


@pytest.mark.parametrize("k", [0, 4])
def test_neighbours_that_a_set_does_not_have_are_refused(k):
    with pytest.raises(Refused, match=f"k is {k} for sets of 9 and 4: expected 1 to 3"):
        neighbourhoods(normal(9, 2), normal(4, 2), k)
