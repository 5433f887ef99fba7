"""Music-like clips: a note is what it says, every cue follows affect, and a clip is its generator's alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from voxdag.core.errors import Refused
from voxdag.simulation import music
from voxdag.simulation.music import CUES, SAMPLE_RATE, UNIT, Cues, Instrument, draw_cues, note, perform, pitch

PLAIN = Cues(
    **{"major": True, "dissonance": 0.0, "rising": 1.0, "uneven": 0.0, "tonic": 57.0, "sounding": 0.9},
    **{"tempo": 100.0, "level_db": -26.0, "slope": 1.7, "drums_db": -13.0},
)


def played(cues, seed=0, seconds=4.0):
    return perform(cues, seconds, np.random.default_rng(seed))


def level_db(wave):
    return 10 * np.log10(np.mean(wave**2))


def centroid(wave):
    hz, power = welch(wave, SAMPLE_RATE, nperseg=1024)
    return np.sum(hz * power) / np.sum(power)


def test_a_note_has_its_pitch_its_harmonics_and_its_decay():
    wave = note(69.0, 1.0, 2.0, Instrument(even=0.5, decay=0.4))
    assert wave.shape == (SAMPLE_RATE,) and wave[0] == 0
    spectrum = np.abs(np.fft.rfft(wave))  # bins of 1 Hz
    assert np.argmax(spectrum) == 440
    # harmonic k has k ** -2, even ones half of it: 1/8 at 880 Hz, 1/9 at 1320 Hz
    assert spectrum[880] / spectrum[440] == pytest.approx(1 / 8, rel=0.02)
    assert spectrum[1320] / spectrum[440] == pytest.approx(1 / 9, rel=0.02)
    tenth = SAMPLE_RATE // 10
    falls = np.mean(wave[tenth : 2 * tenth] ** 2) / np.mean(wave[5 * tenth : 6 * tenth] ** 2)
    assert falls == pytest.approx(np.exp(2 * 0.4 / 0.4), rel=0.02)  # 0.4 s later: e ** -1, squared


def test_no_harmonic_of_a_high_note_is_folded_back():
    wave = note(100.0, 0.5, 0.0, Instrument(even=1.0, decay=9.0))  # 2637 Hz: 2637 and 5274 fit below 7200
    hz, power = welch(wave, SAMPLE_RATE, nperseg=4096)
    others = power[np.min(np.abs(hz[:, None] - [2637, 5274]), axis=1) > 60]
    assert 10 * np.log10(others.max() / power.max()) < -45  # nearest of 4096 samples of a period: about -60 dB


def test_the_third_is_what_tells_major_from_minor():
    for major, third, sixth in ((True, 4, 9), (False, 3, 8)):
        cues = replace(PLAIN, major=major)
        steps = [pitch(cues, step) - cues.tonic for step in (0, 2, 4, 5, 7, -1)]
        assert steps == [0, third, 7, sixth, 12, -1 if major else -2]
    assert not np.allclose(played(PLAIN), played(replace(PLAIN, major=False)))


def test_level_and_peak_are_what_the_cues_say():
    assert level_db(played(PLAIN)) == pytest.approx(-26.0, abs=0.01)
    loud = played(replace(PLAIN, level_db=-3.0))
    assert np.abs(loud).max() == pytest.approx(music.PEAK_LIMIT)


def test_a_clip_is_its_cues_and_its_generators():
    np.testing.assert_array_equal(played(PLAIN), played(PLAIN))
    assert len(played(PLAIN, seconds=2.5)) == 2.5 * SAMPLE_RATE
    assert not np.allclose(played(PLAIN), played(PLAIN, seed=1))


def test_brighter_is_higher_in_the_spectrum_and_higher_is_too():
    assert centroid(played(replace(PLAIN, slope=0.8))) > 1.2 * centroid(played(replace(PLAIN, slope=2.8)))
    quiet = replace(PLAIN, drums_db=-60.0)
    assert centroid(played(replace(quiet, tonic=66.0))) > 1.2 * centroid(played(replace(quiet, tonic=50.0)))


def onsets(wave):
    """How much the level rises between frames of 10 ms: of onsets, and of notes between which it is silent."""
    frames = np.mean(wave[: len(wave) // 160 * 160].reshape(-1, 160) ** 2, axis=1)
    return np.maximum(np.diff(10 * np.log10(frames + 1e-7)), 0)


def test_a_faster_tempo_has_more_onsets_and_detached_notes_have_silence():
    detached = replace(PLAIN, sounding=0.3, drums_db=-60.0)
    slow, fast = (np.sum(onsets(played(replace(detached, tempo=tempo))) > 6) for tempo in (60.0, 160.0))
    assert fast > 1.5 * slow
    spread = [np.std(10 * np.log10(np.convolve(played(cues) ** 2, np.ones(320), "valid")[::320] + 1e-9))
              for cues in (detached, replace(detached, sounding=1.0))]  # fmt: skip
    assert spread[0] > 1.5 * spread[1]


def test_rising_lines_rise(monkeypatch):
    heard = []
    monkeypatch.setattr(music, "note", lambda midi, *given: heard.append(midi) or note(midi, *given))
    for rising, sign in ((1.0, 1), (0.0, -1)):
        heard.clear()
        part = np.zeros(4 * SAMPLE_RATE)
        music._play_melody(part, replace(PLAIN, rising=rising), Instrument(1.0, 1.0), 0, 0.0, np.random.default_rng(0))
        assert len(heard) >= 4 and (sign * np.diff(heard) > 0).all()


def test_dissonance_puts_a_semitone_into_the_chord(monkeypatch):
    heard = []
    monkeypatch.setattr(music, "note", lambda midi, *given: heard.append(midi - PLAIN.tonic) or note(midi, *given))
    for share, expected in ((0.0, [0, 4, 7]), (1.0, [0, 4, 7, 13])):
        heard.clear()
        cues = replace(PLAIN, dissonance=share)
        music._play_chords(np.zeros(80_000), cues, Instrument(1.0, 1.0), 0, 0.0, np.random.default_rng(0))
        assert heard == expected


# --- cues and affect ---


def drawn(valence, arousal, count=400):
    rng = np.random.default_rng(1)
    return [draw_cues(valence, arousal, rng) for _ in range(count)]


def mean(cues, name):
    return np.mean([getattr(cue, name) for cue in cues])


# Reviews of these cues: which way each goes with valence, and with arousal.
WITH_VALENCE = {"major": 1, "dissonance": -1, "rising": 1, "uneven": -1, "tonic": 1, "sounding": -1, "tempo": 1}
WITH_AROUSAL = {"level_db": 1, "slope": -1, "sounding": -1, "tempo": 1, "drums_db": 1}


@pytest.mark.parametrize(("name", "sign"), WITH_VALENCE.items())
def test_cues_go_with_valence(name, sign):
    assert sign * (mean(drawn(UNIT, 0.0), name) - mean(drawn(-UNIT, 0.0), name)) > 0


@pytest.mark.parametrize(("name", "sign"), WITH_AROUSAL.items())
def test_cues_go_with_arousal(name, sign):
    assert sign * (mean(drawn(0.0, UNIT), name) - mean(drawn(0.0, -UNIT), name)) > 0


def test_every_cue_has_noise_of_its_size():
    levels = [cue.level_db for cue in drawn(0.0, 0.0, 3000)]
    noise = CUES["level"][2] * music.LEVEL_STEP_DB
    assert np.std(levels) == pytest.approx(noise, rel=0.07)  # 5 standard errors of a deviation: 5 / sqrt(6000)
    assert np.mean(levels) == pytest.approx(music.LEVEL_DB, abs=5 * noise / np.sqrt(3000))
    tempi, modes = ([getattr(cue, name) for cue in drawn(0.0, 0.0)] for name in ("tempo", "major"))
    assert np.std(tempi) > 5 and 0.3 < np.mean(modes) < 0.7


@pytest.mark.parametrize("affect", [(-1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0)])
def test_the_ends_of_affect_keep_within_the_ends_of_the_cues(affect):
    for cue in drawn(*affect, 50):
        assert music.TEMPI[0] <= cue.tempo <= music.TEMPI[1] and music.SLOPES[0] <= cue.slope <= music.SLOPES[1]
        assert all(0 <= getattr(cue, name) <= 1 for name in ("dissonance", "rising", "uneven", "sounding"))
    wave = played(cue, seconds=2.0)
    assert np.isfinite(wave).all() and 0 < np.abs(wave).max() < 1


@pytest.mark.parametrize("affect", [(1.1, 0.0), (0.0, -1.1), (float("nan"), 0.0)])
def test_affect_beyond_the_scale_is_refused(affect):
    with pytest.raises(Refused, match="is (1.1|-1.1|nan), expected -1 to 1"):
        draw_cues(*affect, np.random.default_rng(0))


def test_a_clip_that_is_too_short_is_refused():
    with pytest.raises(Refused, match="a clip of 1.5 s, expected 2.0 s or more"):
        played(PLAIN, seconds=1.5)
