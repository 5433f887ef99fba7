"""How far two sets of vectors lie apart, and how much of one the other covers: arrays in, numbers out.

a, b: (n, d) and (m, d) each; the order of rows has no say.
"""

from __future__ import annotations

import numpy as np

from voxdag.core.errors import Refused

LEAST = 2  # rows of a set


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|mean a - mean b|^2 + trace(A + B - 2 (A B)^(1/2)), A and B the covariances (1 / n).

    With X and Y the centred rows over root n, A = X' X and B = Y' Y, so A B has the eigenvalues of (X Y') (X Y')', and
    the trace of its root is the sum of the singular values of X Y': exact where a covariance is singular too, as of
    fewer rows than dimensions, of which a root of the matrix A B is inaccurate.
    Of few rows it is too large, so only values of sets of the same sizes stand beside one another.
    Source: Heusel et al., "GANs trained by a two time-scale update rule", NeurIPS 2017; Dowson and Landau (1982).
    """
    _check(a, b)
    x, y = ((rows - rows.mean(0)) / np.sqrt(len(rows)) for rows in (a, b))
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.square(x).sum() + np.square(y).sum() - 2 * root)


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The unbiased squared maximum mean discrepancy under the kernel (x y / d + 1)^3; below 0 by chance where equal.

    Source: Binkowski et al., "Demystifying MMD GANs", ICLR 2018 (KID); Gretton et al., JMLR 13 (2012), equation 3.
    """
    _check(a, b)
    of_a, of_b, between = ((x @ y.T / x.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    n, m = len(a), len(b)
    within = (of_a.sum() - np.trace(of_a)) / (n * (n - 1)) + (of_b.sum() - np.trace(of_b)) / (m * (m - 1))
    return float(within - 2 * between.mean())


def neighbourhoods(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    """precision: fakes within the k-th neighbour's distance of some real row; recall: the other way round; coverage:
    real rows with a fake within their own k-th neighbour's distance; density: real rows that a fake is so near to,
    over k.

    Sources: Kynkaanniemi et al., "Improved precision and recall metric", NeurIPS 2019; Naeem et al., "Reliable fidelity
    and diversity metrics for generative models", ICML 2020 (density and coverage).

    Raises Refused for k that a set has no neighbours for.
    """
    _check(real, fake)
    if not 1 <= k < min(len(real), len(fake)):
        raise Refused(
            f"k is {k} for sets of {len(real)} and {len(fake)}: expected 1 to {min(len(real), len(fake)) - 1}"
        )
    between = distances(real, fake)  # (n, m)
    near_real, near_fake = (_kth(x, k) for x in (real, fake))
    inside = between <= near_real[:, None]
    return {
        "precision": float(inside.any(0).mean()),
        "recall": float((between <= near_fake[None]).any(1).mean()),
        "density": float(inside.sum(0).mean() / k),
        "coverage": float(inside.any(1).mean()),
    }


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean, (n, m)."""
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))


def _kth(x: np.ndarray, k: int) -> np.ndarray:
    """The distance (n,) of each row to its k-th neighbour, itself left out."""
    found = distances(x, x)
    np.fill_diagonal(found, np.inf)
    return np.partition(found, k - 1, axis=1)[:, k - 1]


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if min(len(a), len(b)) < LEAST or a.shape[1] != b.shape[1]:
        raise Refused(f"sets of {a.shape} and {b.shape}: expected {LEAST} rows or more of as many numbers each")
