"""SSNR, LLR and WSS of frames: against plain loops, by hand, and under changes that must not matter."""

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz, toeplitz

from voxdag.scoring import segmental, spectral_slope
from voxdag.scoring.segmental import ORDER, SIZE

RNG = np.random.default_rng(1)
CLEAN = np.convolve(RNG.normal(size=6000), 0.8 ** np.arange(30), mode="same") * 0.1
NOISY = CLEAN + 0.05 * RNG.normal(size=6000)


def frames(*waves):
    return next(segmental.blocks(*waves))


@pytest.mark.parametrize(("samples", "expected"), [(0, 0), (479, 0), (599, 0), (600, 1), (719, 1), (720, 2)])
def test_the_last_full_frame_is_left_out(samples, expected):
    # as MATLAB's floor(samples / 120 - 480 / 120)
    assert sum(len(block) for (block,) in segmental.blocks(np.ones(samples))) == expected


def test_a_frame_is_a_stretch_under_a_window_without_zeros():
    wave = np.arange(1000.0)
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, 481) / 481))
    np.testing.assert_allclose(frames(wave)[0][2], wave[240:720] * window, rtol=1e-12)


def test_blocks_of_frames_are_one_after_the_other(monkeypatch):
    whole = frames(CLEAN)[0]
    monkeypatch.setattr(segmental, "BLOCK", 7)
    parts = [block for (block,) in segmental.blocks(CLEAN)]
    assert [len(part) for part in parts] == [7] * 6 + [4]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_ssnr_of_a_frame_has_a_floor_and_a_ceiling():
    clean = np.ones((3, SIZE))
    enhanced = np.stack([np.ones(SIZE), np.full(SIZE, 11.0), np.full(SIZE, 0.9)])  # 10 lg(1 / 0.1^2) = 20 dB
    np.testing.assert_allclose(segmental.snr_of_frames(clean, enhanced), [35, -10, 20], rtol=1e-12)
    assert segmental.snr_of_frames(0 * clean, 0 * clean).tolist() == [-10] * 3


def test_llr_is_that_of_the_normal_equations_frame_by_frame():
    # solved by scipy instead of the recursion, with the autocorrelation summed up lag by lag
    def fit(frame):
        lags = np.array([frame[: SIZE - lag] @ frame[lag:] for lag in range(ORDER + 1)])
        return np.r_[1, -solve_toeplitz(lags[:-1], lags[1:])], toeplitz(lags)

    expected = []
    for clean, noisy in zip(*frames(CLEAN, NOISY), strict=True):
        (of_clean, matrix), (of_noisy, _) = fit(clean), fit(noisy)
        expected.append(np.log((of_noisy @ matrix @ of_noisy) / (of_clean @ matrix @ of_clean)))
    np.testing.assert_allclose(segmental.llr_of_frames(*frames(CLEAN, NOISY)), expected, rtol=1e-9)


def test_llr_is_undefined_in_frames_without_sound_alone():
    clean, noisy = (of_one.copy() for of_one in frames(CLEAN, NOISY))
    whole = segmental.llr_of_frames(clean, noisy)
    clean[3], noisy[5] = 0, 0
    found = segmental.llr_of_frames(clean, noisy)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 5]
    np.testing.assert_array_equal(np.delete(found, [3, 5]), np.delete(whole, [3, 5]))


def test_the_recursion_finds_the_filter_of_an_autoregressive_process():
    # x(t) = 0.9 x(t - 1) + e(t): lags 0.9^k, so A(z) = 1 - 0.9 z^-1
    np.testing.assert_allclose(segmental.levinson(0.9 ** np.arange(4.0)[None]), [[1, -0.9, 0, 0]], atol=1e-12)


def test_the_lowest_distances_are_averaged_and_undefined_ones_count_as_the_largest():
    assert segmental.lowest(np.arange(20.0)) == 9  # 0 to 18
    assert segmental.lowest(np.r_[np.nan, np.arange(19.0)]) == 9
    assert np.isnan(segmental.lowest(np.r_[np.nan, np.nan, np.arange(18.0)]))
    assert np.isnan(segmental.lowest(np.empty(0)))


def plain_peaks(levels, slopes):
    """The search for the nearest peak as Klatt's distance is usually written down."""
    peaks = []
    for band in range(slopes.size):
        place = band
        if slopes[band] > 0:
            while place < slopes.size and slopes[place] > 0:
                place += 1
            peaks.append(levels[place - 1])
        else:
            while place >= 0 and slopes[place] <= 0:
                place -= 1
            peaks.append(levels[place + 1])
    return peaks


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0, 1, 5, 2, 1, 4], [1, 1, 5, 5, 1]),  # rises to 5, falls to 1, rises: a rise ends one band below its peak
        ([3, 2, 1, 0, 0, 0], [3, 3, 3, 3, 3]),  # a level stretch falls
        ([0, 1, 2, 3, 4, 5], [4, 4, 4, 4, 4]),
    ],
)
def test_the_nearest_peak_is_uphill(levels, expected):
    levels = np.array([levels], dtype=float)
    assert spectral_slope.nearest_peaks(levels, np.diff(levels)).tolist() == [expected]


def test_the_nearest_peaks_are_those_of_a_search_band_by_band():
    levels = RNG.integers(0, 5, size=(300, 25)).astype(float)  # with many ties
    slopes = np.diff(levels)
    expected = [plain_peaks(*row) for row in zip(levels, slopes, strict=True)]
    np.testing.assert_array_equal(spectral_slope.nearest_peaks(levels, slopes), expected)


def test_a_tone_is_in_the_band_of_its_frequency():
    # bands 6 and 20 are centred at 470 and 2,446.71 Hz
    time = np.arange(6000) / segmental.RATE
    for band, hz in {6: 470.0, 20: 2446.71}.items():
        levels = spectral_slope.band_levels(frames(np.sin(2 * np.pi * hz * time))[0])
        assert (levels.argmax(axis=1) == band).all()


def test_wss_knows_no_level_and_no_order_of_frames():
    clean, noisy = frames(CLEAN, NOISY)
    found = spectral_slope.wss_of_frames(clean, noisy)
    assert (found > 0).all() and not spectral_slope.wss_of_frames(clean, clean).any()
    np.testing.assert_allclose(spectral_slope.wss_of_frames(clean, 3 * noisy), found, rtol=1e-9)
    np.testing.assert_allclose(spectral_slope.wss_of_frames(clean[::-1], noisy[::-1]), found[::-1], rtol=1e-12)
    np.testing.assert_allclose(spectral_slope.wss_of_frames(noisy, clean), found, rtol=1e-12)  # and is a distance
