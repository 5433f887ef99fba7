"""Music-like clips: every cue sounds as it says and follows affect, and a clip is its generator's alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import stft, welch
from scipy.special import ndtr

from voxdag.core.errors import Refused
from voxdag.simulation import music
from voxdag.simulation.music import CUES, SAMPLE_RATE, UNIT, Cues, Instrument, draw_cues, note, perform, pitch

PLAIN = Cues(
    **{"major": True, "dissonance": 0.0, "rising": 0.0, "late": 0.0, "swell_db": 0.0, "tonic": 57.0},
    **{"sounding": 0.9, "tempo": 100.0, "level_db": -26.0, "slope": 1.7, "drums_db": -13.0},
)
BEAT = 0.6  # s, at its tempo


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


def melody(monkeypatch, cues, seconds=4 * BEAT):
    """A bar of seven notes, the first of a beat: their pitches (7,), and the sound."""
    heard, part = [], np.zeros(round(seconds * SAMPLE_RATE))
    with monkeypatch.context() as patch:
        patch.setattr(music, "RHYTHMS", ((1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),))
        patch.setattr(music, "note", lambda midi, *given: heard.append(midi) or note(midi, *given))
        music._play_melody(part, cues, Instrument(1.0, 1.0), 0, 0.0, np.random.default_rng(0))
    return heard, part


@pytest.mark.parametrize(
    ("rising", "places"),
    [
        (1.0, [-3, -2, -1, 0, 1, 2, 3]),
        (-1.0, [3, 2, 1, 0, -1, -2, -3]),
        (0.4, [-1, -1, 0, 0, 0, 1, 1]),
        (2.4, [-7, -5, -2, 0, 2, 5, 7]),
        (0.0, [0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_a_line_goes_through_a_note_of_the_chord_by_so_many_steps_a_note(monkeypatch, rising, places):
    heard, _ = melody(monkeypatch, replace(PLAIN, rising=rising))
    lines = [[pitch(PLAIN, middle + place) for place in places] for middle in (7, 9, 11)]  # an octave above the chord
    assert heard in lines


def orientation(wave, eighth=BEAT / 2, semitones=(1, 2, 3, 4, 5)):
    """How much more the spectrum an eighth (s) later is like this one moved up by so many semitones than moved down:
    the difference of the two correlations, of rows a semitone each, summed over `semitones`."""
    hop = round(eighth * SAMPLE_RATE / 6)
    hz, _, values = stft(wave, SAMPLE_RATE, nperseg=2048, noverlap=2048 - hop, boundary=None)
    rows = np.searchsorted(hz, 220 * 2 ** (np.arange(48) / 12))
    image = np.log(np.abs(values[rows]) ** 2 + 1e-7)
    image -= image.mean(axis=1, keepdims=True)
    image -= image.mean(axis=0)
    now, later = image[:, :-6], image[:, 6:]
    up, down = (sum(np.mean(a[:-k] * b[k:]) for k in semitones) for a, b in ((now, later), (later, now)))
    return (up - down) / image.var()


def test_a_rising_line_is_heard_to_rise():
    for seed in range(3):
        falling, level, rising = (
            orientation(played(replace(PLAIN, rising=steps, drums_db=-40.0), seed)) for steps in (-1.2, 0.0, 1.2)
        )
        # measured with 12 generators: -0.8 to -0.6, -0.1 to 0.0, 0.5 to 1.0
        assert falling < -0.35 and abs(level) < 0.2 and rising > 0.35
    backwards = played(replace(PLAIN, rising=1.2, drums_db=-40.0))[::-1]
    assert orientation(backwards) < -0.35


def test_notes_off_the_beat_come_late_and_those_on_it_do_not(monkeypatch):
    for late in (0.0, 0.1, 0.3):
        _, part = melody(monkeypatch, replace(PLAIN, late=late, sounding=0.4))
        heard = np.flatnonzero(part)
        first = heard[np.diff(heard, prepend=-SAMPLE_RATE) > 0.02 * SAMPLE_RATE]  # behind 20 ms of silence
        expected = [0, 1, 1.5 + late, 2, 2.5 + late, 3, 3.5 + late]
        assert first / SAMPLE_RATE / BEAT == pytest.approx(expected, abs=3 / SAMPLE_RATE / BEAT)  # a note begins at 0


def test_a_late_note_sounds_until_the_next_one(monkeypatch):
    _, part = melody(monkeypatch, replace(PLAIN, late=0.3, sounding=1.0))
    frames = np.mean(part.reshape(-1, 160) ** 2, axis=1)  # of 10 ms; the release, 20 ms, is all that is soft
    assert np.mean(frames < 0.01 * np.median(frames)) < 7 * 3 / len(frames)


@pytest.mark.parametrize("swell", [-16.0, 5.0, 12.0])
def test_a_swell_is_of_each_chord_and_not_of_the_clip(swell):
    quiet = replace(PLAIN, drums_db=-120.0)
    plain, swelled = played(quiet), played(replace(quiet, swell_db=swell))
    loud = np.abs(plain) > 0.02  # the noise, -75 dB, is 1 % of it
    db = 20 * np.log10(np.abs(swelled[loud] / plain[loud]))
    chord = 2 * BEAT * SAMPLE_RATE  # samples; a chord lasts two beats
    number, through = np.divmod(np.flatnonzero(loud), chord)
    # A line in dB from one end of a chord to the other, the same in every chord: 3 % of noise are 0.26 dB.
    slope, middle = np.polyfit(through / chord, db, 1)
    assert slope == pytest.approx(swell, abs=0.1)
    assert np.std(db - slope * through / chord - middle) < 0.26
    means = [np.mean((db - slope * through / chord)[number == n]) for n in np.unique(number)]
    assert len(means) == 4 and np.ptp(means) < 0.1


def test_drums_do_not_swell():
    # What a swell adds is of the notes: with drums far above them it changes next to nothing.
    loud = replace(PLAIN, drums_db=60.0)
    np.testing.assert_allclose(played(replace(loud, swell_db=12.0)), played(loud), atol=1e-3)


def bands(wave):
    """Mean and standard deviation along time of the level in bands of a quarter octave, dB: (24,), (24,)."""
    hz, _, values = stft(wave, SAMPLE_RATE, nperseg=1024, boundary=None)
    band = np.digitize(hz, 110 * 2 ** (np.arange(25) / 4))
    level = 10 * np.log10(np.array([np.sum(np.abs(values[band == k]) ** 2, axis=0) for k in range(1, 25)]) + 1e-9)
    return level.mean(axis=1), level.std(axis=1)


def moved(one, other):
    """How far means and deviations of bands move from one clip to another, dB, on the average of 8 generators."""
    pairs = [(bands(played(replace(PLAIN, **one), seed, 4.8)), bands(played(replace(PLAIN, **other), seed, 4.8)))
             for seed in range(8)]  # fmt: skip
    return [np.abs(np.mean([a[k] - b[k] for a, b in pairs], axis=0)).mean() for k in range(2)]


def test_means_and_deviations_of_bands_hardly_tell_how_lines_and_swells_go():
    line, swell = moved({"rising": 1.2}, {"rising": -1.2}), moved({"swell_db": 8.0}, {"swell_db": -8.0})
    level, detached = moved({"level_db": -22.5}, {"level_db": -29.5}), moved({"sounding": 0.85}, {"sounding": 0.45})
    # measured: 0.3 and 0.3, 0.9 and 1.0; the level's mean 6.8, of detached notes 7.5 and 5.3
    assert max(line) < 0.6 and max(swell) < 1.5
    assert level[0] > 5 and min(detached) > 4


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


# What a unit of valence, or of arousal, adds to a cue: its weight in CUES times its step. By hand.
OF_VALENCE = {"rising": 1.2 * 0.9, "late": -0.8 * 0.12, "tonic": 0.2 * 3, "sounding": -0.15 * 0.18}
OF_VALENCE |= {"swell_db": 0.0, "level_db": 0.0, "slope": 0.0, "drums_db": 0.0}
OF_AROUSAL = {"swell_db": 1.2 * 7, "level_db": 0.4 * 3.5, "slope": -0.4 * 0.3, "drums_db": 0.4 * 6}
OF_AROUSAL |= {"late": 0.2 * 0.12, "sounding": -0.4 * 0.18, "rising": 0.0, "tonic": 0.0}


@pytest.mark.parametrize(("affect", "added"), [((UNIT, 0.0), OF_VALENCE), ((0.0, UNIT), OF_AROUSAL)])
def test_a_unit_of_affect_moves_each_cue_by_so_much(affect, added):
    moved, still = drawn(*affect), drawn(0.0, 0.0)  # the same noise: only what stops at an end moves by less
    for name, expected in added.items():
        steps = [getattr(a, name) - getattr(b, name) for a, b in zip(moved, still, strict=True)]
        assert np.median(steps) == pytest.approx(expected, abs=1e-9), name
    octaves = [np.log2(a.tempo / b.tempo) for a, b in zip(moved, still, strict=True)]
    assert np.median(octaves) == pytest.approx(0.35 * (0.1 if affect[0] else 0.5))


def test_mode_and_dissonance_go_with_valence():
    for valence in (-UNIT, 0.0, UNIT):
        # Major where 0.8 units and a noise of 0.6 are above 0: Phi(-4 / 3) = 0.09, 0.5, 0.91; five standard errors
        share = np.mean([cue.major for cue in drawn(valence, 0.0)])
        assert share == pytest.approx(ndtr(valence / UNIT * 0.8 / 0.6), abs=5 * np.sqrt(0.25 / 400))
    low, middle, high = ([cue.dissonance for cue in drawn(valence, 0.0)] for valence in (-UNIT, 0.0, UNIT))
    assert np.greater(low, middle).all() and np.greater(middle, high).all()
    # The median clip's noise is 0: half of 1.7 units' logistic, squared.
    assert np.median(middle) == pytest.approx(0.25, abs=0.06)


def test_lines_and_swells_tell_most():
    rng = np.random.default_rng(3)
    affect = UNIT * rng.standard_normal((400, 2))
    cues = [draw_cues(*np.clip(pair, -1, 1), rng) for pair in affect]
    values = {name: [getattr(cue, name) for cue in cues] for name in vars(PLAIN)}
    closeness = [{name: abs(np.corrcoef(of, affect[:, k])[0, 1]) for name, of in values.items()} for k in range(2)]
    # 1.2 / sqrt(1.2^2 + 0.3^2) = 0.97, and less where a line or a swell is as steep as they get; the next best,
    # regularity, has 0.8 / sqrt(0.8^2 + 0.2^2 + 0.5^2) = 0.83
    for k, best in enumerate(("rising", "swell_db")):
        assert closeness[k][best] > 0.94 and max(value for name, value in closeness[k].items() if name != best) < 0.88


def swelling(wave, chord):
    """How much louder the second halves of chords of so many seconds are than the first ones, dB."""
    through = np.arange(len(wave)) / SAMPLE_RATE / chord % 1
    return level_db(wave[through >= 0.5]) - level_db(wave[through < 0.5])


def test_valence_is_heard_in_lines_and_arousal_in_swells():
    affect, rng = np.linspace(-0.5, 0.5, 20), np.random.default_rng(5)
    lines, swells = [], []
    for value in affect:
        line, swell = draw_cues(value, 0.0, rng), draw_cues(0.0, value, rng)
        lines.append(orientation(perform(line, 6.0, rng), 30 / line.tempo))
        swells.append(swelling(perform(swell, 6.0, rng), 120 / swell.tempo))
    # measured with five generators: 0.80 to 0.91, and 0.82 to 0.95
    assert np.corrcoef(lines, affect)[0, 1] > 0.7 and np.corrcoef(swells, affect)[0, 1] > 0.7


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
        assert 0 <= cue.dissonance <= 1 and music.SOUNDINGS[0] <= cue.sounding <= music.SOUNDINGS[1]
        # 1 is 3.3 units: 4 units of a line and of a swell, and the ends are at 2.8 and 2.3
        assert cue.rising == np.sign(affect[0]) * music.LINE_STEPS
        assert cue.swell_db == np.sign(affect[1]) * music.SWELL_DB
        assert 0 <= cue.late <= music.LATE
    wave = played(cue, seconds=2.0)
    assert np.isfinite(wave).all() and 0 < np.abs(wave).max() < 1


@pytest.mark.parametrize("affect", [(1.1, 0.0), (0.0, -1.1), (float("nan"), 0.0)])
def test_affect_beyond_the_scale_is_refused(affect):
    with pytest.raises(Refused, match="is (1.1|-1.1|nan), expected -1 to 1"):
        draw_cues(*affect, np.random.default_rng(0))


def test_a_clip_that_is_too_short_is_refused():
    with pytest.raises(Refused, match="a clip of 1.5 s, expected 2.0 s or more"):
        played(PLAIN, seconds=1.5)
