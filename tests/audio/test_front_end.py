import dataclasses

import numpy as np
import pytest

from voxdag.audio import vad
from voxdag.audio.decode import BadAudio, to_int16
from voxdag.audio.front_end import FrontEnd, process
from voxdag.simulation.speech import draw_speaker, synthesise

RATE = 16_000
KEEP = FrontEnd(denoise="none", vad="none", max_seconds=None, min_seconds=0.1)
TRIM = dataclasses.replace(KEEP, vad="trim")
SPEECH = dataclasses.replace(KEEP, vad="speech")
GATE = dataclasses.replace(KEEP, denoise="spectral_gate")
DEMUCS = dataclasses.replace(KEEP, denoise="demucs")


def phrase(seed):
    rng = np.random.default_rng(seed)
    return synthesise(draw_speaker(rng, "male"), 1.0, rng)


@pytest.fixture(scope="module")
def recording():
    """Faint noise with speech at 1 to 2 s and 3 to 4 s of 5 s: (80_000,) int16."""
    wave = np.random.default_rng(0).normal(scale=2e-4, size=5 * RATE)
    wave[RATE : 2 * RATE] += phrase(1)
    wave[3 * RATE : 4 * RATE] += phrase(2)
    return to_int16(wave)[0]


def test_without_denoising_and_cutting_the_samples_pass_unchanged(recording):
    processed = process(recording, RATE, KEEP)
    np.testing.assert_array_equal(processed.samples, recording)
    times = {name: processed.columns[name] for name in ("vad_status", "speech_start", "speech_end", "speech_seconds")}
    assert times == {"vad_status": "off", "speech_start": 0.0, "speech_end": 5.0, "speech_seconds": 5.0}


# 32 ms of a decision, 30 ms of padding, and a voice that fades in and out: 0.15 s.
def test_trim_keeps_the_pause_and_no_more(recording):
    processed = process(recording, RATE, TRIM)
    columns = processed.columns
    assert columns["vad_status"] == "silero"
    assert columns["speech_start"] == pytest.approx(1.0, abs=0.15)
    assert columns["speech_end"] == pytest.approx(4.0, abs=0.15)
    assert columns["speech_seconds"] == pytest.approx(2.0, abs=0.3)
    start, end = (round(columns[name] * RATE) for name in ("speech_start", "speech_end"))
    np.testing.assert_array_equal(processed.samples, recording[start:end])


def test_speech_leaves_the_pause_out_too(recording):
    processed, trimmed = process(recording, RATE, SPEECH), process(recording, RATE, TRIM)
    assert processed.columns == trimmed.columns
    assert len(processed.samples) / RATE == pytest.approx(processed.columns["speech_seconds"], abs=1e-9)
    first = vad.find_speech(recording / np.float32(32768), RATE).segments[0]
    np.testing.assert_array_equal(processed.samples[: first[1] - first[0]], recording[slice(*first)])


def test_loudness_and_level_are_those_of_the_recording_whatever_is_done_to_it(recording):
    kept = process(recording, RATE, KEEP).columns
    for settings in (GATE, TRIM, SPEECH, dataclasses.replace(TRIM, denoise="spectral_gate")):
        assert process(recording, RATE, settings).columns["loudness"] == kept["loudness"]
    halved = process(recording // 2, RATE, KEEP).columns
    # half of an int16 is off by half a step at most, 90 dB below full scale
    assert halved["loudness"] == pytest.approx(kept["loudness"] - 6.02, abs=0.01)
    # The pauses are 40 dB below the voice: 2 of 5 s hold its power, 4 dB.
    assert process(recording, RATE, SPEECH).columns["rms_db"] == pytest.approx(kept["rms_db"] + 4.0, abs=0.5)


@pytest.mark.parametrize("settings", [TRIM, SPEECH])
def test_where_nothing_is_found_the_whole_recording_stays(settings):
    noise = to_int16(np.random.default_rng(0).normal(scale=0.1, size=RATE))[0]
    processed = process(noise, RATE, settings)
    np.testing.assert_array_equal(processed.samples, noise)
    assert processed.columns["vad_status"] == "none"
    assert (processed.columns["speech_start"], processed.columns["speech_end"]) == (0.0, 1.0)


def test_a_silent_recording_has_no_loudness_rather_than_an_infinite_one():
    columns = process(np.zeros(RATE, dtype=np.int16), RATE, TRIM).columns
    assert columns["vad_status"] == "none"
    assert np.isnan([columns["loudness"], columns["rms_db"]]).all()


def test_the_gate_comes_before_the_cut(recording):
    noise = np.random.default_rng(1).normal(scale=60.0, size=len(recording))
    noisy = (recording + noise).astype(np.int16)
    gated = process(noisy, RATE, GATE).samples
    pause = slice(round(2.3 * RATE), round(2.7 * RATE))
    assert gated.dtype == np.int16
    assert gated[pause].std() < 0.5 * noisy[pause].std()
    processed = process(noisy, RATE, dataclasses.replace(GATE, vad="trim"))
    start, end = (round(processed.columns[name] * RATE) for name in ("speech_start", "speech_end"))
    np.testing.assert_array_equal(processed.samples, gated[start:end])


def test_the_network_of_demucs_is_the_callers(recording):
    processed = process(recording, RATE, DEMUCS, enhance=lambda wave: 4 * wave)
    # Full scale limits what passes it.
    np.testing.assert_array_equal(processed.samples, np.clip(4 * recording.astype(int), -32768, 32767))
    assert processed.columns == process(recording, RATE, KEEP).columns


def test_a_network_that_is_missing_or_changes_the_length_is_refused(recording):
    with pytest.raises(ValueError, match="denoise is 'demucs', but no network"):
        process(recording, RATE, DEMUCS)
    with pytest.raises(ValueError, match=r"made \(79999,\) of a wave of shape \(80000,\)"):
        process(recording, RATE, DEMUCS, enhance=lambda wave: wave[1:])


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_seconds": 4.5}, r"5.0000 s of speech, longer than max_seconds 4.5"),
        ({"min_seconds": 5.5}, r"5.0000 s of speech, shorter than min_seconds 5.5"),
        ({"vad": "trim", "min_seconds": 3.5}, r"3.[01]\d* s of speech, shorter than min_seconds 3.5"),
        ({"vad": "speech", "min_seconds": 2.5}, r"[12].\d* s of speech, shorter than min_seconds 2.5"),
    ],
)
def test_a_recording_outside_the_limits_says_why(recording, limits, reason):
    with pytest.raises(BadAudio, match=reason):
        process(recording, RATE, dataclasses.replace(KEEP, **limits))


def test_the_limits_are_of_what_is_left(recording):
    assert len(process(recording, RATE, dataclasses.replace(TRIM, max_seconds=3.5)).samples) < 3.5 * RATE
    exactly = dataclasses.replace(KEEP, min_seconds=5.0)
    assert len(process(recording, RATE, exactly).samples) == 5 * RATE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"denoise": "wiener"}, "denoise is 'wiener', expected one of none, spectral_gate, demucs"),
        ({"vad": "silero"}, "vad is 'silero', expected one of none, trim, speech"),
        ({"min_seconds": -1.0}, "min_seconds is -1.0, expected 0 or more"),
        ({"max_seconds": 0.1}, "max_seconds is 0.1, expected more than min_seconds 0.1"),
    ],
)
def test_other_settings_are_refused_with_the_valid_ones(change, reason):
    with pytest.raises(ValueError, match=reason):
        dataclasses.replace(KEEP, **change)


def test_a_rate_that_voice_activity_detection_does_not_know_is_refused_only_where_it_is_asked_for(recording):
    assert process(recording, 22_050, KEEP).columns["vad_status"] == "off"
    with pytest.raises(ValueError, match="at 22050 Hz"):
        process(recording, 22_050, TRIM)
