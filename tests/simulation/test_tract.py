"""The overlap-add filter against ordinary filtering."""

import numpy as np
import pytest
from scipy.signal import lfilter

from voxdag.simulation.tracks import glide
from voxdag.simulation.tract import HOP, SAMPLE_RATE, filter_frames, frame_count, overlap_add, resonators, response


def still(frequencies: list[float], bandwidths: list[float], frames: int) -> np.ndarray:
    return resonators(np.tile(frequencies, (frames, 1)), np.tile(bandwidths, (frames, 1)))


@pytest.mark.parametrize("samples", [1, HOP - 1, HOP, HOP + 1, 5000])
def test_a_still_tract_equals_a_recursive_filter(samples):
    source = np.random.default_rng(0).standard_normal(samples)
    poles = still([500, 1500, 2500], [60, 90, 150], frame_count(samples))
    filtered = overlap_add(filter_frames(source, 1 / response(poles)), samples)
    expected = lfilter([1.0], poles[0], source)
    # What wraps around is the response after 48 ms: -79 dB of a 60 Hz wide resonance.
    assert np.max(np.abs(filtered - expected)) < 1e-3 * np.max(np.abs(expected))


def test_a_section_resonates_where_and_as_widely_as_asked():
    magnitude = np.abs(1 / response(still([1500], [100], 1)))[0]
    hz = np.arange(len(magnitude)) * SAMPLE_RATE / 1024
    assert magnitude[0] == pytest.approx(1)
    assert hz[magnitude.argmax()] == pytest.approx(1500, abs=16)  # one bin
    half_power = hz[magnitude > magnitude.max() / np.sqrt(2)]
    assert np.ptp(half_power) == pytest.approx(100, abs=32)


def test_poles_and_zeros_at_one_place_cancel():
    pair = still([270], [100], 3)
    np.testing.assert_allclose(response(pair) / response(pair), 1)


def test_a_glide_ramps_around_each_edge_and_undershoots_short_segments():
    values, edges = np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.02, 2.0])
    # 20 ms seen through a 100 ms window: a fifth of the target; a ramp crosses its middle at the edge.
    assert glide(values, edges, np.array([0.5, 1.01, 1.5]), 0.1) == pytest.approx([0, 0.2, 0], abs=1e-12)
    step = glide(np.array([[0.0, 2.0], [1.0, 4.0]]), np.array([0.0, 1.0, 2.0]), np.array([-0.5, 1.0, 2.5]), 0.1)
    np.testing.assert_allclose(step, [[0, 2], [0.5, 3], [1, 4]], atol=1e-12)
