import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

from voxdag.audio import vad
from voxdag.core.threads import one_thread
from voxdag.simulation.speech import draw_speaker, synthesise

RATE = 16_000
SPEECH = (1.0, 2.5)  # s, where `recording` speaks


def voice(seed=0, seconds=1.5):
    rng = np.random.default_rng(seed)
    return synthesise(draw_speaker(rng, "female"), seconds, rng)


def recording(seed=0, noise=1e-4):
    """One second of faint noise, 1.5 s of speech, one second of noise: (56_000,) float32."""
    wave = np.random.default_rng(100 + seed).normal(scale=noise, size=int(3.5 * RATE))
    wave[RATE : RATE + 24_000] += voice(seed)
    return wave.astype(np.float32)


# A decision holds for 32 ms, 30 ms of padding come on top, and the voice may fade in or out over some 50 ms.
@pytest.mark.parametrize("seed", range(3))
def test_speech_is_found_where_it_is(seed):
    found = vad.find_speech(recording(seed), RATE)
    assert found.status == "silero"
    assert found.segments[0][0] / RATE == pytest.approx(SPEECH[0], abs=0.1)
    assert found.segments[-1][1] / RATE == pytest.approx(SPEECH[1], abs=0.15)


def test_the_level_alone_finds_it_too():
    segments = vad.energy_segments(recording(), RATE)
    assert segments[0][0] / RATE == pytest.approx(SPEECH[0], abs=0.1)
    assert segments[-1][1] / RATE == pytest.approx(SPEECH[1], abs=0.15)


def test_a_pause_between_phrases_is_left_out():
    wave = np.concatenate([recording(0), recording(1)])
    segments = vad.speech_segments(wave, RATE, 0.5)
    assert all(start < end for start, end in segments)
    assert all(end <= start for (_, end), (start, _) in pairwise(segments))
    pause = [(end, start) for (_, end), (start, _) in pairwise(segments) if start - end > RATE]
    assert len(pause) == 1  # 2.5 s to 4.5 s
    assert pause[0][0] / RATE == pytest.approx(2.5, abs=0.15)


def test_a_lower_threshold_finds_no_less():
    wave = recording(noise=0.02)
    low, high = (vad.speech_segments(wave, RATE, threshold) for threshold in (0.3, 0.9))
    assert sum(end - start for start, end in low) >= sum(end - start for start, end in high)


def test_what_was_heard_before_does_not_matter():
    wave, other = recording(0), recording(1)[5000:]
    first = vad.speech_probabilities(wave, RATE)
    for between in (other, np.zeros(100, dtype=np.float32), wave):
        vad.speech_probabilities(between, RATE)
        np.testing.assert_array_equal(vad.speech_probabilities(wave, RATE), first)
    vad.speech_probabilities(other[::2], 8_000)
    np.testing.assert_array_equal(vad.speech_probabilities(wave, RATE), first)


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_the_callers_number_of_threads_is_neither_used_nor_changed(three_threads):
    with one_thread():
        alone = vad.speech_probabilities(recording(), RATE)
        assert torch.get_num_threads() == 1
    np.testing.assert_array_equal(vad.speech_probabilities(recording(), RATE), alone)
    assert torch.get_num_threads() == 3


def test_importing_the_network_does_not_change_it_either(three_threads, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("silero_vad")]:
        monkeypatch.delitem(sys.modules, name)
    vad._package.__wrapped__()  # as a process's first use imports it
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("highest", "status"),
    [(0.51, "silero"), (0.5, "silero"), (0.49, "silero_low"), (0.31, "silero_low"), (0.29, "energy")],
)
def test_the_chain_goes_on_only_where_nothing_is_found(monkeypatch, highest, status):
    wave = recording()
    probabilities = np.zeros(-(-len(wave) // 512))
    probabilities[31:78] = highest
    monkeypatch.setattr(vad, "speech_probabilities", lambda wave, rate: probabilities)
    found = vad.find_speech(wave, RATE)
    assert found.status == status
    # frames 31 to 77, and 30 ms on either side; energy finds about as much
    expected = (31 * 512 - 480, 78 * 512 + 480)
    tolerance = 0 if status != "energy" else 0.15 * RATE
    assert found.segments[0][0] == pytest.approx(expected[0], abs=tolerance)
    assert found.segments[-1][1] == pytest.approx(expected[1], abs=tolerance)


def silence():
    return np.zeros(2 * RATE)


def steady_noise():
    return np.random.default_rng(0).normal(scale=0.1, size=2 * RATE)


def click():
    wave = np.zeros(2 * RATE)
    wave[RATE] = 0.9
    return wave


@pytest.mark.parametrize("make", [silence, steady_noise, click])
def test_the_level_tells_nothing_of_what_is_not_speech(make):
    assert vad.energy_segments(make(), RATE) == []


@pytest.mark.parametrize("make", [silence, steady_noise, click])
def test_the_whole_chain_finds_nothing_there(make):
    assert vad.find_speech(make().astype(np.float32), RATE) == vad.Speech("none", [])


@pytest.mark.parametrize("gain", [1e-3, 0.03, 7.0])
def test_gain_does_not_change_what_the_level_tells(gain):
    assert vad.energy_segments(gain * recording(), RATE) == vad.energy_segments(recording(), RATE)


def test_segments_stay_inside_a_recording_that_speaks_from_end_to_end():
    wave = voice(seconds=2.0)
    found = vad.find_speech(wave.astype(np.float32), RATE)
    assert found.segments[0][0] >= 0
    assert found.segments[-1][1] <= len(wave)


@pytest.mark.parametrize("rate", [22_050, 48_000])
@pytest.mark.parametrize("detect", [vad.find_speech, vad.energy_segments, vad.speech_probabilities])
def test_another_rate_is_refused(detect, rate):
    with pytest.raises(ValueError, match=f"at {rate} Hz: expected 8000 or 16000 Hz"):
        detect(np.zeros(rate, dtype=np.float32), rate)


@pytest.mark.parametrize("detect", [vad.find_speech, vad.energy_segments])
def test_no_samples_are_refused(detect):
    with pytest.raises(ValueError, match="a wave of 0 samples"):
        detect(np.zeros(0, dtype=np.float32), RATE)
