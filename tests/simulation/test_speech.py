"""Simulated speech: what was asked for is found again in the signal."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy.linalg import solve_toeplitz
from scipy.signal import butter, find_peaks, lfilter, sosfiltfilt, welch

from voxdag.simulation.plan import plan_utterance
from voxdag.simulation.speech import (
    LEVEL_DB,
    NEUTRAL,
    SAMPLE_RATE,
    Delivery,
    Speaker,
    draw_scene,
    draw_speaker,
    record,
    synthesise,
    tilt,
)

SEXES = ["female", "male"]


def speaker(sex: str = "male", seed: int = 0, **changes: float) -> Speaker:
    return replace(draw_speaker(np.random.default_rng(seed), sex), **changes)


def say(who: Speaker, seconds: float = 3.0, seed: int = 1, **delivery: float) -> np.ndarray:
    return synthesise(who, seconds, np.random.default_rng(seed), Delivery(**delivery))


def voiced_f0(speech: np.ndarray) -> np.ndarray:
    """F0 (Hz) of the clearly periodic frames: the first high peak of the normalised autocorrelation."""
    window = np.hanning(800)
    frames = sliding_window_view(speech, 800)[::160] * window
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)[:, :400]
    correlation /= np.fft.irfft(np.abs(np.fft.rfft(window, 2048)) ** 2)[:400]
    correlation = correlation[correlation[:, 0] > 0.05 * correlation[:, 0].max()]
    correlation /= correlation[:, :1]
    found = []
    for row in correlation[:, 40:]:  # up to 400 Hz, down to 40 Hz
        peaks, _ = find_peaks(row, height=max(0.7, 0.9 * row.max()))
        if len(peaks):
            found.append(SAMPLE_RATE / (40 + peaks[0]))
    return np.array(found)


def formants(speech: np.ndarray) -> np.ndarray:
    """(frames, 3): the second to fourth resonance in Hz by linear prediction, NaN where they are not to be seen."""
    emphasised = lfilter([1, -0.97], 1, speech)
    frames = sliding_window_view(emphasised, 512)[::256] * np.hamming(512)
    rows = []
    for frame in frames:
        r = np.correlate(frame, frame, "full")[511 : 511 + 19]
        row = [np.nan] * 3
        if r[0] > 1e-4:
            roots = np.roots(np.r_[1, -solve_toeplitz(r[:-1], r[1:])])
            roots = roots[(roots.imag > 0) & (np.abs(roots) > 0.92)]
            hz = np.sort(np.angle(roots)) * SAMPLE_RATE / (2 * np.pi)
            hz = hz[hz > 200]
            row = hz[1:4] if len(hz) >= 5 else row
        rows.append(row)
    return np.array(rows)


def cepstrum(speech: np.ndarray) -> np.ndarray:
    """The long-term cepstrum, without its level."""
    _, power = welch(speech, SAMPLE_RATE, nperseg=512)
    return np.fft.irfft(np.log(power + 1e-12))[1:20]


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.4])
def test_the_f0_asked_for_is_the_f0_measured(sex, scale):
    who = speaker(sex)
    measured = np.exp(np.mean(np.log(voiced_f0(say(who, f0_scale=scale, f0_range=0.2)))))
    # A lag is a whole sample (1.5 % at 250 Hz), and the weak frames at phrase edges are not measured.
    assert measured == pytest.approx(scale * who.f0_hz, rel=0.05)


def test_f0_range_widens_the_melody():
    who = speaker()
    narrow, wide = (np.log2(voiced_f0(say(who, 5.0, f0_range=r))) for r in (0.5, 1.5))
    assert np.percentile(wide, 90) - np.percentile(wide, 10) > 1.5 * (
        np.percentile(narrow, 90) - np.percentile(narrow, 10)
    )


def test_formants_go_with_the_inverse_of_the_tract_length():
    # One seed, one plan: frame by frame only the tract differs. Linear prediction is pulled to harmonics of 100 Hz.
    long, short = (formants(say(speaker(f0_hz=100.0, tract_cm=cm))) for cm in (17.0, 14.5))
    ratio = short / long
    assert np.isfinite(ratio).all(axis=1).sum() > 30
    assert np.nanmedian(ratio) == pytest.approx(17.0 / 14.5, rel=0.03)


@pytest.mark.parametrize("tempo", [0.6, 1.0, 1.6])
def test_the_plan_holds_the_articulation_rate(tempo):
    who = speaker()
    plan = plan_utterance(who, Delivery(tempo=tempo), 10.0, np.random.default_rng(3))
    spoken = sum(end - start for start, end in plan.phrases)
    # The last phrase takes the time that is left: half a syllable, and a pause that no longer fits.
    assert len(plan.syllables) / spoken == pytest.approx(tempo * who.syllables_per_s, rel=0.03)
    assert plan.edges[-1] == pytest.approx(10.0) and (np.diff(plan.edges) > 0).all()


def test_tempo_scales_the_rate_of_loudness_peaks():
    def peaks(tempo: float) -> int:
        loudness = sosfiltfilt(butter(2, 9, fs=SAMPLE_RATE, output="sos"), np.abs(say(speaker(), 12.0, tempo=tempo)))
        return len(find_peaks(loudness, prominence=0.15 * loudness.max())[0])

    # Twice as many syllables; some melt into one peak, the more so the faster.
    assert 1.4 < peaks(1.2) / peaks(0.6) < 2.6


def test_level_follows_energy_exactly():
    plain, loud = say(speaker()), say(speaker(), energy_db=6.0)
    np.testing.assert_allclose(loud, plain * 10 ** (6 / 20), rtol=1e-12)
    one_phrase = say(speaker(phrase_syllables=100.0))
    assert 10 * np.log10(np.mean(one_phrase**2)) == pytest.approx(LEVEL_DB, abs=1e-6)


@pytest.mark.parametrize(("loss_db", "corner"), [(12.0, 1000.0), (-9.0, 1000.0 * 10 ** (9 / 20))])
def test_tilt_is_a_first_order_shelf(loss_db, corner):
    impulse = np.zeros(4096)
    impulse[0] = 1.0
    found = 20 * np.log10(np.abs(np.fft.rfft(tilt(impulse, loss_db))))
    # |1 + j high x| / |1 + j x| with x = tan(pi f / rate) over its value at the pole (to first order the same place).
    high = 10 ** (-loss_db / 20)
    x = np.tan(np.pi * np.array([0, 1000, 4000]) / SAMPLE_RATE) / (np.tan(np.pi / 16) * corner / 1000)
    assert found[[0, 256, 1024]] == pytest.approx(20 * np.log10(np.abs((1 + 1j * high * x) / (1 + 1j * x))), abs=1e-6)
    assert found[-1] == pytest.approx(-loss_db)


def test_tilt_darkens_the_voice():
    def brightness(tilt_db: float) -> float:
        """1.5-2.5 kHz over 0.1-1 kHz in the loudest frames (vowels, on which the tilt acts), dB."""
        speech = say(speaker(aspiration_db=-60.0), tilt_db=tilt_db)
        power = np.abs(np.fft.rfft(sliding_window_view(speech, 512)[::256] * np.hanning(512))) ** 2
        low, high = power[:, 3:32].sum(1), power[:, 48:80].sum(1)
        loud = low > np.percentile(low, 60)
        return 10 * np.log10(np.median(high[loud] / low[loud]))

    assert brightness(-12.0) - 2 > brightness(0.0) > brightness(12.0) + 2


@pytest.mark.parametrize("delivery", [{"breathiness": 25.0}, {"jitter": 8.0}, {"shimmer": 8.0}])
def test_a_rough_or_breathy_voice_is_less_periodic(delivery):
    def periodicity(**delivery: float) -> float:
        """Mean over the louder frames of the best correlation with what comes one period later."""
        speech = say(speaker(f0_hz=100.0, aspiration_db=-40.0, jitter=0.003), f0_range=0.0, **delivery)
        frames = sliding_window_view(speech, 800)[::160]
        frames = frames[(frames**2).sum(1) > np.median((frames**2).sum(1))]
        later = sliding_window_view(frames, 500, axis=1)[:, 120:210]  # (frames, lags, 500): 76-133 Hz
        likeness = np.einsum("fs,fls->fl", frames[:, :500], later) / np.linalg.norm(later, axis=-1)
        return float(np.mean(likeness.max(axis=1) / np.linalg.norm(frames[:, :500], axis=1)))

    assert periodicity(**delivery) < periodicity() - 0.03


@pytest.mark.parametrize("sex", SEXES)
def test_the_same_seed_makes_the_same_bytes(sex):
    def make(seed: int) -> bytes:
        rng = np.random.default_rng(seed)
        return record(synthesise(draw_speaker(rng, sex), 1.5, rng, NEUTRAL), draw_scene(rng), rng).tobytes()

    assert make(7) == make(7)
    assert make(7) != make(8)


def test_a_voice_resembles_itself_more_than_others():
    voices = [speaker(sex, seed) for sex in SEXES for seed in range(5)]
    first, second = ([cepstrum(say(v, 3.0, seed)) for seed, v in enumerate(voices, start)] for start in (100, 200))
    distance = np.linalg.norm(np.array(first)[:, None] - np.array(second), axis=-1)
    others = distance[~np.eye(len(voices), dtype=bool)]
    assert np.mean(np.diag(distance)) < 0.7 * others.mean()


def test_loudness_moves_at_the_pace_of_syllables():
    spectra = []
    for seed, sex in enumerate(SEXES * 2):
        envelope = sosfiltfilt(butter(2, 30, fs=SAMPLE_RATE, output="sos"), np.abs(say(speaker(sex, seed), 8.0)))[::160]
        hz, power = welch(envelope / envelope.mean(), 100, nperseg=256)
        spectra.append(hz * power)
    # Speech peaks near 4 Hz per octave: T. Houtgast and H. Steeneken, JASA 77 (1985); four speakers differ in tempo.
    assert 2.5 < hz[np.argmax(np.mean(spectra, axis=0))] < 7


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.00003, 4.0])
def test_speech_fills_its_time_from_end_to_end(seconds):
    for seed in range(4):
        speech = say(speaker(SEXES[seed % 2], seed), seconds, seed)
        assert len(speech) == round(seconds * SAMPLE_RATE)
        loudness = np.convolve(speech**2, np.ones(80) / 80, "same")
        sounding = np.flatnonzero(loudness > 1e-5 * loudness.max())  # 50 dB below the loudest 5 ms
        limit = 0.02 * SAMPLE_RATE
        assert sounding[0] < limit and len(speech) - sounding[-1] < limit


EXTREMES = [
    {"tempo": 3.0, "pause": 0.0},
    {
        "tempo": 0.3,
        "jitter": 5.0,
        "f0_scale": 2.5,
        "f0_range": 3.0,
        "laxness": 3.0,
        "articulation": 1.5,
        "final_st": 8.0,
    },
    {"f0_scale": 0.4, "laxness": 0.2, "tilt_db": 30.0, "articulation": 0.0, "f0_range": 0.0, "tremor_st": 1.0},
]


@pytest.mark.parametrize("delivery", EXTREMES)
def test_extreme_deliveries_stay_finite(delivery):
    speech = say(speaker("female"), 2.0, **delivery)
    assert np.isfinite(speech).all() and np.abs(speech).max() < 1


def test_an_unknown_sex_is_named():
    with pytest.raises(ValueError, match=r"sex is 'robot'; valid: 'female', 'male'"):
        draw_speaker(np.random.default_rng(0), "robot")


@pytest.mark.parametrize("seconds", [0.0, -1.5, 0.01, np.nan, np.inf])
def test_an_impossible_duration_is_named(seconds):
    with pytest.raises(ValueError, match=f"seconds is {seconds}"):
        say(speaker(), seconds)
