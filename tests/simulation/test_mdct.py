import numpy as np
import pytest

from voxdag.simulation.mdct import imdct, mdct

WAVE = np.random.default_rng(0).standard_normal(5_001)


@pytest.mark.parametrize("bands", [64, 320, 400])
def test_imdct_inverts_mdct(bands):
    np.testing.assert_allclose(imdct(mdct(WAVE, bands), len(WAVE)), WAVE, atol=1e-12)


def test_the_transform_is_its_defining_sum():
    bands, block = 16, 3
    n, k = np.arange(2 * bands), np.arange(bands)
    window = np.sin(np.pi * (n + 0.5) / (2 * bands))
    segment = WAVE[block * bands - bands : block * bands + bands]
    basis = np.cos(np.pi / bands * np.outer(k + 0.5, n + 0.5 + bands / 2))
    np.testing.assert_allclose(mdct(WAVE, bands)[block], np.sqrt(2 / bands) * basis @ (window * segment), atol=1e-12)


def test_power_is_kept():
    # Orthonormal but for the zeros beyond the ends, which the first and last block share: 2 of 79 blocks.
    assert np.sum(mdct(WAVE, 64) ** 2) == pytest.approx(np.sum(WAVE**2), rel=0.03)
