import numpy as np
import pytest
from scipy import fft, signal

from voxdag.audio.pitch import Pitch, track_pitch
from voxdag.audio.spectra import log_mel, stft
from voxdag.simulation.attacks import ATTACKS, concatenation, conversion, neural_like, phase, spoof, vocoders
from voxdag.simulation.cepstrum import cepstral_envelope

RATE = 16_000


def speech(seed: int, hz: float, samples: int = 32_000) -> np.ndarray:
    """A vowel that moves between three shapes, a hiss every 0.4 s, and a pause every 0.8 s, over faint noise."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(samples) / RATE
    turns = np.cumsum(hz * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * seconds + seed))) / RATE
    pulses = np.diff(np.floor(turns), prepend=0) + 0.01 * rng.standard_normal(samples)
    wave = np.zeros(samples)
    for index, formants in enumerate([(700, 1200, 2600), (300, 2200, 3000), (400, 900, 2400)]):
        part = signal.lfilter([1], [1, -0.95], pulses)
        for formant in formants:
            pole = 0.975 * np.exp(2j * np.pi * formant / RATE)
            part = signal.lfilter([1 - abs(pole)], np.poly([pole, pole.conj()]).real, part)
        part /= part.std()
        wave += part * np.clip(np.cos(2 * np.pi * (seconds / 0.6 - index / 3)), 0, None)
    hiss = signal.sosfilt(signal.butter(4, 3000, "highpass", fs=RATE, output="sos"), rng.standard_normal(samples))
    wave = np.where(seconds % 0.4 > 0.33, 0.3 * hiss, wave) * (seconds % 0.8 < 0.72)
    return 0.1 * wave + 3e-4 * rng.standard_normal(samples)


WAVE = speech(0, 120)
DONORS = [speech(1, 125), speech(2, 118, 40_000)]
VOWEL = speech(0, 120, 5_000)[:4_000]


def counterfeit(name: str, seed: int = 7) -> np.ndarray:
    return spoof(name, WAVE, DONORS, np.random.default_rng(seed))


def likeness(left: np.ndarray, right: np.ndarray) -> float:
    """Correlation of the log-mel spectrograms, 50 dB deep."""
    floor = 0.1 * np.abs(stft(left, 512, 160)).max() * 10 ** (-50 / 20)
    return np.corrcoef(*(log_mel(wave, 40, 512, 160, RATE, floor).ravel() for wave in (left, right)))[0, 1]


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_keeps_length_level_and_content_and_repeats_to_the_byte(name):
    fake = counterfeit(name)
    assert fake.shape == WAVE.shape and fake.dtype == np.float64 and np.isfinite(fake).all()
    assert fake.tobytes() == counterfeit(name).tobytes()
    assert np.std(fake) == pytest.approx(np.sqrt(np.mean(WAVE**2)))
    assert abs(fake.mean()) < 1e-12
    # Another utterance of the same kind of voice reaches about 0.3.
    assert likeness(WAVE, fake) > 0.80
    # The quietest attack, A10, leaves noise 20 to 30 dB down.
    assert np.std(fake - WAVE) > 0.01 * np.std(WAVE)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_generator_varies_every_attack(name):
    assert not np.allclose(counterfeit(name, 1), counterfeit(name, 2), atol=1e-6)


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_leaves_digital_silence_or_clicks_at_the_ends(name):
    fake = counterfeit(name)
    quietest = np.sqrt(np.mean(fake[: 99 * 320].reshape(99, 320) ** 2, axis=1)).min()
    # The pauses hold noise of 3e-4; no attack may empty them (20 dB of room).
    assert quietest > 3e-5
    assert max(abs(fake[:16]).max(), abs(fake[-16:]).max()) < abs(fake).max()


def test_input_is_left_alone():
    before = [part.copy() for part in (WAVE, *DONORS)]
    for name in ATTACKS:
        counterfeit(name)
    for part, copy in zip((WAVE, *DONORS), before, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_the_table_is_laid_out_as_in_asvspoof_2019():
    assert list(ATTACKS) == [f"A{index:02d}" for index in range(1, 20)]
    assert all(name == attack.name for name, attack in ATTACKS.items())
    for known, unseen in (("A04", "A16"), ("A06", "A19")):
        assert type(ATTACKS[known].apply) is type(ATTACKS[unseen].apply)
        assert ATTACKS[known].apply != ATTACKS[unseen].apply
    assert len({attack.description for attack in ATTACKS.values()}) == 19


# What each attack leaves


def test_griffin_lim_nears_the_magnitude_round_by_round():
    magnitude = np.abs(stft(WAVE, 512, 128))
    errors = []
    for rounds in (0, 2, 8):
        fake = phase.griffin_lim(magnitude, rounds, 128, len(WAVE), np.random.default_rng(0))
        errors.append(np.linalg.norm(np.abs(stft(fake, 512, 128)) - magnitude) / np.linalg.norm(magnitude))
    assert errors[0] > errors[1] > errors[2]


def test_single_pass_phases_run_on_at_the_frequency_of_the_peak():
    tone = np.sin(2 * np.pi * 1005 * np.arange(16_000) / RATE)
    turns = phase.accumulated_phase(np.abs(stft(tone, 1024, 256)), 256)[:, 64]
    step = np.diff(turns[5:-5])
    # 1005 Hz lies 0.32 bins above bin 64; a parabola through Hann magnitudes is off by less than 0.06 bins (1 Hz).
    expected = 2 * np.pi * 256 * 1005 / RATE
    np.testing.assert_allclose(step, expected, atol=2 * np.pi * 256 * 1.0 / RATE)


def test_time_stretch_changes_the_length_and_keeps_the_pitch():
    stretched = phase.time_stretch(WAVE, 40_000)
    assert len(stretched) == 40_000
    before, after = track_pitch(WAVE, RATE, 160), track_pitch(stretched, RATE, 160)
    assert np.median(after.hz[after.voiced]) == pytest.approx(np.median(before.hz[before.voiced]), rel=0.03)


def test_over_smoothing_leaves_the_stated_share_of_the_spread():
    envelope = np.random.default_rng(0).standard_normal((200, 65))
    shape = envelope - envelope.mean(axis=1, keepdims=True)
    smoothed = vocoders.over_smooth(envelope, keep=0.7, frames=1)
    np.testing.assert_allclose(np.std(smoothed - envelope.mean(axis=1, keepdims=True), axis=0), 0.7 * shape.std(axis=0))


def test_the_upsampler_leaves_the_image_of_the_lower_band_above_4_khz():
    tone = np.sin(2 * np.pi * 1000 * np.arange(4_000) / 8_000)
    spectrum = np.abs(fft.rfft(neural_like.transposed_convolution(tone, np.array([0.4, 1.0, 0.4])) * np.hanning(8_000)))
    peak, image = spectrum[500], spectrum[3_500]  # 2 Hz bins: 1 kHz and 8 - 1 kHz
    # Kernel response 1 + 0.8 cos(w): 1.739 at 1 kHz, 0.261 at 7 kHz.
    assert image / peak == pytest.approx(0.261 / 1.739, abs=0.002)


def test_the_upper_band_of_a03_mirrors_its_lower_band():
    fake = neural_like.upsampled_decoder(WAVE, np.random.default_rng(0))
    magnitude, bins = np.abs(stft(fake, 512, 160)), np.arange(20, 100)
    low, image = magnitude[:, bins], magnitude[:, 256 - bins]
    assert np.corrcoef(np.log(low + 1e-4).ravel(), np.log(image + 1e-4).ravel())[0, 1] > 0.9


def test_joined_units_are_the_inventory_to_the_sample_between_the_fades():
    inventory = np.random.default_rng(0).standard_normal(10_000)
    joined = concatenation.join(inventory, sources=[5_000, 1_000], starts=[0, 2_000, 4_500], fade=80)
    np.testing.assert_allclose(joined[40:1_960], inventory[5_040:6_960])
    np.testing.assert_allclose(joined[2_040:4_460], inventory[1_040:3_460])


def test_units_joined_where_they_were_cut_leave_no_trace():
    joined = concatenation.join(WAVE, sources=[0, 2_000], starts=[0, 2_000, 4_500], fade=64)
    np.testing.assert_allclose(joined[32:-32], WAVE[32 : 4_500 - 32], atol=1e-12)


def test_unit_selection_takes_the_unit_that_fits():
    # The donor holds the utterance itself, 3,200 samples late: with everything acceptable, it is found and said again.
    rng = np.random.default_rng(0)
    donor = np.concatenate([1e-3 * rng.standard_normal(3_200), WAVE])
    select = concatenation.UnitSelection(unit_s=(0.1, 0.2), crossfade_s=0.004, accept=10.0)
    assert likeness(WAVE, select(WAVE, [donor], rng)) > 0.98


def test_unit_selection_does_without_donors():
    assert likeness(WAVE, spoof("A16", WAVE, [], np.random.default_rng(0))) > 0.75


def test_codebook_frames_take_no_more_values_than_the_codebook_holds():
    vectors = np.random.default_rng(0).standard_normal((300, 24))
    codes, codebook = conversion.vector_quantise(vectors, 16, np.random.default_rng(1))
    assert codebook.shape == (16, 24)
    assert len(np.unique(codebook[codes], axis=0)) <= 16
    spread = np.sum((vectors - vectors.mean(axis=0)) ** 2)
    assert np.sum((vectors - codebook[codes]) ** 2) < 0.9 * spread


def test_a_codebook_larger_than_the_utterance_is_refused():
    with pytest.raises(ValueError, match="codebook of 9 needs at least 9 frames, got 5"):
        conversion.vector_quantise(np.zeros((5, 2)), 9, np.random.default_rng(0))


def test_a06_brings_the_mean_spectrum_nearer_to_the_donor():
    bright = signal.lfilter([1, -0.9], [1], DONORS[0])
    bright *= np.std(DONORS[0]) / np.std(bright)
    fake = spoof("A06", WAVE, [bright], np.random.default_rng(0))
    mean = [cepstral_envelope(np.log(np.abs(stft(w, 1024, 160)) + 1e-3), 20).mean(axis=0) for w in (WAVE, fake, bright)]
    mean = [envelope - envelope.mean() for envelope in mean]
    assert np.std(mean[1] - mean[2]) < 0.7 * np.std(mean[0] - mean[2])


def test_a06_and_a19_refuse_to_convert_towards_nobody():
    for name in ("A06", "A19"):
        with pytest.raises(ValueError, match="got 0 donors"):
            spoof(name, WAVE, [], np.random.default_rng(0))


def test_a17_moves_the_resonances_and_leaves_the_excitation():
    fake = conversion.differential_filter(WAVE, np.random.default_rng(0))
    before, after = (track_pitch(wave, RATE, 160) for wave in (WAVE, fake))
    both = before.voiced & after.voiced
    assert np.median(np.abs(after.hz[both] / before.hz[both] - 1)) < 0.01


def test_oscillators_sum_the_harmonics_asked_for():
    cycles = np.arange(1, 1_601) * 200 / RATE
    amplitude = np.tile([0.5 + 0j, 0, 0.25j], (11, 1))
    expected = 0.5 * np.cos(2 * np.pi * cycles) - 0.25 * np.sin(2 * np.pi * 3 * cycles)
    # Single precision, a few hundred roundings of 6e-8.
    np.testing.assert_allclose(vocoders.oscillators(amplitude, cycles, 160), expected, atol=1e-5)


def test_kept_peaks_rebuild_a_chord_and_nothing_else():
    chord = sum(np.cos(2 * np.pi * hz * np.arange(8_000) / RATE) for hz in (500.0, 1_307.0, 2_911.0))
    spectrum = stft(chord, 1024, 256)[5:-5]
    # The Hann side lobes that a main lobe lacks hold 0.05 % of the power, a parabola's bias somewhat more.
    assert np.linalg.norm(vocoders.keep_peaks(spectrum, 3) - spectrum) < 0.1 * np.linalg.norm(spectrum)
    assert np.count_nonzero(vocoders.keep_peaks(spectrum, 1)[0]) <= 5


def test_a09_switches_between_pulses_and_noise():
    fake = vocoders.pulse_noise_lpc(WAVE, np.random.default_rng(0))
    track = track_pitch(WAVE, RATE, 160)
    power = [np.mean(wave[: 199 * 160].reshape(199, 160) ** 2, axis=1) for wave in (WAVE, fake)]
    assert np.corrcoef(*np.log(power))[0, 1] > 0.8
    buzz = track_pitch(fake, RATE, 160)
    assert np.mean(buzz.voiced[track.voiced]) > 0.8 and np.mean(buzz.voiced[~track.voiced]) < 0.4


def test_mu_law_noise_follows_the_speech():
    noise = neural_like.mu_law_samples(WAVE, 256, 0.6, np.random.default_rng(0)) - WAVE
    power = [np.mean(part[: 199 * 160].reshape(199, 160) ** 2, axis=1) for part in (WAVE, noise)]
    assert np.corrcoef(*np.log(power))[0, 1] > 0.6
    # Companding holds the ratio near 6.02 * 8 - 10.1 = 38 dB (mu = 255); noise of 0.6 classes, where rounding has 0.29,
    # costs 7 dB, and de-emphasis gives or takes a few.
    assert 18 < 10 * np.log10(power[0].sum() / power[1].sum()) < 42


def test_mu_law_without_drawing_takes_no_more_values_than_levels():
    emphasised = signal.lfilter([1, -0.85], [1], neural_like.mu_law_samples(WAVE, 64, 0.0, np.random.default_rng(0)))
    assert len(np.unique(emphasised.round(9))) <= 65


def test_codec_coefficients_take_one_level_or_noise_and_keep_their_power():
    # Within a block of bands every row is alike but for sign: the RMS is 1, the step 1.2, and what exceeds 0.6 is 1.2.
    signs = np.sign(np.random.default_rng(0).standard_normal((50, 32)))
    ramp = np.tile(np.linspace(0.05, 1.7, 16), 2)
    ramp /= np.sqrt(np.mean(ramp**2))
    coarse = neural_like.three_levels(signs * ramp, np.random.default_rng(1))
    np.testing.assert_allclose((coarse * signs)[:, ramp > 0.6], 1.2)
    lost = np.mean(ramp[ramp <= 0.6] ** 2)
    # Uniform noise to +-1.7 has variance 0.963; 50 rows of 10 values: sd of their mean square about 4 %.
    assert np.mean(coarse[:, ramp <= 0.6] ** 2) == pytest.approx(0.963 * lost, rel=0.15)


def test_the_folded_band_mirrors_the_lower_band_and_leaves_it_alone():
    fake = neural_like.folded_high_band(WAVE, np.random.default_rng(0))
    low_pass = signal.butter(8, 3_000, fs=RATE, output="sos")
    low, change = (signal.sosfiltfilt(low_pass, wave) for wave in (WAVE, fake - WAVE))
    assert np.std(change) < 0.01 * np.std(low)
    # A tone 500 Hz below the fold comes out 500 Hz above it; the generator's first draw is the fold.
    fold = int(np.random.default_rng(3).uniform(3600, 4600) * 1024 / RATE) * RATE / 1024
    tone = np.sin(2 * np.pi * (fold - 500) * np.arange(16_000) / RATE)
    tone += 0.01 * np.random.default_rng(0).standard_normal(16_000)
    folded = np.abs(fft.rfft(neural_like.folded_high_band(tone, np.random.default_rng(3)) * np.hanning(16_000)))
    upper = int(fold) + 100 + folded[int(fold) + 100 :].argmax()
    assert upper == pytest.approx(fold + 500, abs=2)


def test_psola_moves_the_pitch_by_the_factor_and_not_the_resonances():
    track = track_pitch(WAVE, RATE, concatenation.PSOLA_HOP)
    shifted = concatenation.overlap_periods(WAVE, concatenation.pitch_marks(WAVE, track), track, 1.1)
    after = track_pitch(shifted, RATE, concatenation.PSOLA_HOP)
    both = track.voiced & after.voiced
    assert np.median(after.hz[both] / track.hz[both]) == pytest.approx(1.1, abs=0.02)
    assert likeness(WAVE, shifted) > 0.9


def test_psola_leaves_unvoiced_speech_alone():
    noise = np.random.default_rng(0).standard_normal(8_000)
    silent_voice = Pitch(np.full(101, 125.0), np.zeros(101, dtype=bool))
    shifted = concatenation.overlap_periods(noise, np.arange(0, 8_000, 128), silent_voice, 1.1)
    np.testing.assert_allclose(shifted[:-128], noise[:-128], atol=1e-12)


# Faults


def test_an_unknown_attack_is_refused_with_the_valid_names():
    with pytest.raises(ValueError, match=r"unknown attack 'A20'; valid names are A01, A02, .*A19$"):
        spoof("A20", WAVE, DONORS, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.ones(3_999), r"wave has shape \(3999,\); expected one dimension of at least 4000 samples"),
        (np.ones((2, 8_000)), r"wave has shape \(2, 8000\)"),
        (np.zeros(8_000), "wave is silent: RMS 0 is below 1e-06"),
        (np.where(np.arange(8_000) == 5, np.nan, 0.1), "wave is not finite: sample 5 is nan"),
    ],
)
def test_a_wave_that_cannot_be_counterfeited_is_refused(wave, message):
    with pytest.raises(ValueError, match=message):
        spoof("A01", wave, DONORS, np.random.default_rng(0))


def test_a_donor_is_held_to_the_same():
    with pytest.raises(ValueError, match="donor 1 is not finite: sample 0 is inf"):
        spoof("A04", WAVE, [DONORS[0], np.full(8_000, np.inf)], np.random.default_rng(0))


def test_a_donor_that_pauses_for_long_is_a_donor():
    donor = np.concatenate([WAVE, np.zeros(200_000)])
    for seed in range(3):
        assert np.isfinite(spoof("A04", WAVE, [donor], np.random.default_rng(seed))).all()
        assert np.isfinite(spoof("A06", WAVE, [donor], np.random.default_rng(seed))).all()


@pytest.mark.parametrize("name", ATTACKS)
def test_the_shortest_wave_and_a_wave_without_voice_are_counterfeited(name):
    noise = np.random.default_rng(0).standard_normal(4_000)
    for wave in (VOWEL, noise):
        fake = spoof(name, wave, [wave[::-1]], np.random.default_rng(0))
        assert fake.shape == (4_000,) and np.isfinite(fake).all()
