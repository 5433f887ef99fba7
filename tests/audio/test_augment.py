import dataclasses

import numpy as np
import pytest
import torch
from scipy import signal

from voxdag.audio.augment import (
    Augmentation,
    SpecAugment,
    add_noise,
    augment,
    gain,
    mixup,
    pitch_shift,
    spec_augment,
    time_stretch,
)
from voxdag.audio.pitch import pulse_train, track_pitch, voice_phase

RATE, HOP, SAMPLES = 16_000, 160, 32_000
ALWAYS = Augmentation(
    pitch_share=1.0,
    pitch_semitones=2.0,
    stretch_share=1.0,
    tempo=(0.8, 1.2),
    noise_share=1.0,
    snr_db=(10.0, 30.0),
    gain_share=1.0,
    gain_db=6.0,
)
MASKS = SpecAugment(freq_masks=2, freq_width=8, time_masks=2, time_width=25, time_share=0.2)


def voice(hz=160.0, first=6_000, last=18_000):
    """A pulse train through a resonance at 800 Hz that sounds from sample `first` to `last` of 32000."""
    pulses = pulse_train(voice_phase(np.full(SAMPLES // HOP + 1, hz), HOP, RATE, SAMPLES))
    pulses[:first] = pulses[last:] = 0
    return signal.lfilter([0.1], [1, -1.8 * np.cos(2 * np.pi * 800 / RATE), 0.81], pulses).astype(np.float32)


def pitch(wave):
    """Median F0 of the voiced frames, Hz."""
    track = track_pitch(wave, RATE, HOP)
    return float(np.median(track.hz[track.voiced]))


def sounding(wave):
    """First and last sample above a tenth of the peak."""
    loud = np.flatnonzero(np.abs(wave) > 0.1 * np.abs(wave).max())
    return np.array([loud[0], loud[-1]])


def resampled(wave, factor):
    """What passes for a pitch shift without a vocoder: the wave played faster."""
    return signal.resample(wave, round(len(wave) / factor))


@pytest.mark.parametrize("semitones", [-5.0, -2.0, -0.5, 0.7, 2.0, 4.0])
def test_a_pitch_shift_moves_the_pitch_and_keeps_every_sound_in_its_place(semitones):
    wave = voice()
    shifted = pitch_shift(wave, RATE, semitones)
    assert shifted.shape == wave.shape and shifted.dtype == np.float32
    # Pulses sit on whole samples, 1 % of a period; 0.5 semitones are 2.9 %.
    assert pitch(shifted) == pytest.approx(160 * 2 ** (semitones / 12), rel=0.01)
    # A vocoder smears an onset over its window, 512 samples; as speed, 0.5 semitones would move the end by 520 more.
    np.testing.assert_allclose(sounding(shifted), sounding(wave), atol=400)


@pytest.mark.parametrize("tempo", [0.8, 0.93, 1.2])
def test_a_stretch_keeps_the_pitch_and_moves_every_sound(tempo):
    wave = voice()
    stretched = time_stretch(wave, RATE, tempo)
    assert len(stretched) == round(SAMPLES / tempo) and stretched.dtype == np.float32
    assert pitch(stretched) == pytest.approx(160, rel=0.01)
    np.testing.assert_allclose(sounding(stretched), sounding(wave) / tempo, atol=400)


def test_resampling_alone_is_neither_of_them():
    wave, factor = voice(), 2 ** (2 / 12)
    faster = resampled(wave, factor)
    assert pitch(faster) == pytest.approx(160 * factor, rel=0.01)  # so the pitch alone would not tell
    assert SAMPLES - len(faster) == 3_491  # 32000 (1 - 2^(-1/6)): a pitch shift loses none
    assert sounding(wave)[1] - sounding(faster)[1] > 1_500
    assert abs(pitch(resampled(wave, 1.2)) / 160 - 1) > 0.15  # and a stretch would keep it


def test_a_shift_of_nothing_returns_the_wave():
    wave = voice()
    # The float32 transforms there and back: a few roundings of the peak.
    np.testing.assert_allclose(pitch_shift(wave, RATE, 0.0), wave, atol=1e-5 * np.abs(wave).max())
    np.testing.assert_allclose(time_stretch(wave, RATE, 1.0), wave, atol=1e-5 * np.abs(wave).max())


def test_a_shifted_sine_is_a_sine_of_the_same_height():
    sine = np.sin(2 * np.pi * 1000 * np.arange(16_000) / RATE)
    shifted = pitch_shift(sine, RATE, 3.0)[2_000:14_000]
    target = 1000 * 2 ** (3 / 12)
    n = np.arange(len(shifted))
    basis = np.stack([np.cos(2 * np.pi * target * n / RATE), np.sin(2 * np.pi * target * n / RATE)], axis=1)
    (a, b), residual, *_ = np.linalg.lstsq(basis, shifted, rcond=None)
    assert np.hypot(a, b) == pytest.approx(1, rel=0.02)
    assert residual[0] / len(n) < 0.01 * 0.5  # 20 dB below the sine


@pytest.mark.parametrize(
    "change", [lambda wave: pitch_shift(wave, RATE, 2.0), lambda wave: time_stretch(wave, RATE, 0.8)]
)
def test_a_voice_with_vibrato_keeps_its_level(change):
    hz = 150 * 2 ** (0.15 * np.sin(np.linspace(0, 20 * np.pi, SAMPLES // HOP + 1)))
    pulses = pulse_train(voice_phase(hz, HOP, RATE, SAMPLES))
    wave = signal.lfilter([0.1], [1, -1.8 * np.cos(2 * np.pi * 800 / RATE), 0.81], pulses)
    # Without phase locking 0.66 to 0.70 of it remains, which would tell what was augmented.
    assert np.sqrt(np.mean(change(wave) ** 2) / np.mean(wave**2)) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("samples", [1, 5, 300])
def test_a_wave_shorter_than_the_window_passes(samples):
    wave = np.random.default_rng(0).standard_normal(samples)
    assert pitch_shift(wave, RATE, 2.0).shape == (samples,)
    assert time_stretch(wave, RATE, 0.8).shape == (round(samples / 0.8),)


def test_noise_has_the_level_that_was_asked_for():
    wave = voice()
    noise = add_noise(wave, np.random.default_rng(0), 12.0) - wave
    # The power of 32000 Gaussian samples has a relative deviation of sqrt(2 / 32000): 0.034 dB.
    assert 10 * np.log10(np.mean(wave**2) / np.mean(noise**2)) == pytest.approx(12, abs=0.15)
    assert np.count_nonzero(add_noise(np.zeros(100), np.random.default_rng(0), 12.0)) == 0


def test_gain_is_in_decibels_of_amplitude():
    np.testing.assert_allclose(gain(np.array([0.1, -0.2]), 20.0), [1.0, -2.0])


def test_shares_of_zero_change_nothing():
    never = dataclasses.replace(ALWAYS, pitch_share=0.0, stretch_share=0.0, noise_share=0.0, gain_share=0.0)
    wave = voice()
    np.testing.assert_array_equal(augment(wave, RATE, never, np.random.default_rng(0)), wave)


def test_a_share_changes_nothing_about_the_other_changes():
    wave = voice()
    both = dataclasses.replace(ALWAYS, pitch_share=0.0, stretch_share=0.0)
    noisy = augment(wave, RATE, dataclasses.replace(both, gain_share=0.0), np.random.default_rng(1))
    ratio = augment(wave, RATE, both, np.random.default_rng(1)) / noisy
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)  # the same noise, and a gain on top
    assert 10 ** (-6 / 20) <= ratio[0] <= 10 ** (6 / 20) and abs(ratio[0] - 1) > 0.01


def test_amounts_lie_in_their_ranges_and_chances_at_their_shares():
    half = dataclasses.replace(ALWAYS, pitch_share=0.0, noise_share=0.0, gain_share=0.0, stretch_share=0.3)
    rng = np.random.default_rng(2)
    lengths = np.array([len(augment(np.ones(400, np.float32), RATE, half, rng)) for _ in range(600)])
    # 600 draws at 0.3: a standard deviation of 0.019. One in 150 changed lengths happens to be 400 again.
    assert np.mean(lengths != 400) == pytest.approx(0.3, abs=0.06)
    assert 333 <= lengths.min() < 345 and 480 < lengths.max() <= 500


@pytest.mark.parametrize(
    "change, message",
    [
        ({"pitch_share": 1.5}, "pitch_share is 1.5, expected a share from 0 to 1"),
        ({"noise_share": float("nan")}, "noise_share is nan, expected a share from 0 to 1"),
        ({"gain_db": -3.0}, "gain_db is -3.0, expected 0 to 100"),
        ({"tempo": (0.0, 1.0)}, r"tempo is \(0.0, 1.0\), expected 0.25 to 4"),
        ({"snr_db": (30.0, 10.0)}, r"snr_db is \(30.0, 10.0\), expected a range in order"),
    ],
)
def test_wrong_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(ALWAYS, **change)


def test_wrong_waves_and_amounts_are_refused():
    with pytest.raises(ValueError, match=r"wave is \(4,\) int16"):
        pitch_shift(np.zeros(4, np.int16), RATE, 1.0)
    with pytest.raises(ValueError, match=r"wave is \(0,\) float64"):
        time_stretch(np.zeros(0), RATE, 1.1)
    with pytest.raises(ValueError, match="30.0 semitones, expected -24 to 24"):
        pitch_shift(np.zeros(4), RATE, 30.0)
    with pytest.raises(ValueError, match="tempo is 5.0, expected 0.25 to 4"):
        time_stretch(np.zeros(4), RATE, 5.0)


def batch(size=40, rows=30, width=100):
    frames = torch.from_numpy(np.random.default_rng(3).integers(20, width + 1, size))
    features = torch.rand(size, rows, width) + 1
    return features * (torch.arange(width) < frames[:, None])[:, None], frames


def test_masks_are_runs_of_rows_and_frames_within_their_limits():
    features, frames = batch()
    masked = spec_augment(features, frames, MASKS, np.random.default_rng(0))
    for before, after, own in zip(features, masked, frames.tolist(), strict=True):
        hidden = (after == 0)[:, :own]
        rows, times = hidden.all(1), hidden.all(0)
        assert rows.sum() <= 16 and times.sum() <= 0.2 * own
        torch.testing.assert_close(hidden, rows[:, None] | times)  # nothing but whole rows and whole frames
        torch.testing.assert_close(after[:, :own][~hidden], before[:, :own][~hidden], atol=0, rtol=0)
        assert torch.count_nonzero(after[:, own:]) == 0
    assert (masked == 0).sum() > (features == 0).sum()


def test_widths_are_uniform_from_none_to_the_widest():
    features, frames = torch.ones(2_000, 20, 10), torch.full((2_000,), 10)
    masked = spec_augment(features, frames, SpecAugment(1, 4, 0, 0, 0.0), np.random.default_rng(0))
    counts = np.bincount((masked[:, :, 0] == 0).sum(1).numpy(), minlength=5) / 2_000
    np.testing.assert_allclose(counts, 0.2, atol=0.04)  # a standard deviation of 0.009
    places = (masked[:, :, 0] == 0).float().mean(0)
    assert places[0] > 0 and places[-1] > 0


def test_masks_of_a_recording_are_its_generators_alone():
    features, frames = batch(3)
    rngs = lambda order: [np.random.default_rng(i) for i in order]  # noqa: E731
    masked = spec_augment(features, frames, MASKS, rngs([5, 6, 7]))
    turned = spec_augment(features[[2, 0, 1]], frames[[2, 0, 1]], MASKS, rngs([7, 5, 6]))
    torch.testing.assert_close(turned, masked[[2, 0, 1]], atol=0, rtol=0)


def test_the_mean_fills_masks_of_features_that_are_not_normalised():
    features, frames = batch()
    filled = spec_augment(features, frames, MASKS, np.random.default_rng(0), fill="mean")
    changed = filled != features
    torch.testing.assert_close(changed, (spec_augment(features, frames, MASKS, np.random.default_rng(0)) != features))
    mean = (features.sum(2) / frames[:, None])[:, :, None].expand_as(features)
    torch.testing.assert_close(filled[changed], mean[changed])


def test_no_masks_change_nothing():
    features, frames = batch()
    nothing = SpecAugment(0, 0, 0, 0, 0.0)
    torch.testing.assert_close(spec_augment(features, frames, nothing, np.random.default_rng(0)), features)


def test_wrong_masks_are_refused():
    features, frames = batch(3)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="time_width is -1, expected 0 or more"):
        dataclasses.replace(MASKS, time_width=-1)
    with pytest.raises(ValueError, match="time_share is 2.0, expected a share from 0 to 1"):
        dataclasses.replace(MASKS, time_share=2.0)
    with pytest.raises(ValueError, match="fill is 'noise', expected one of zero, mean"):
        spec_augment(features, frames, MASKS, rng, fill="noise")
    with pytest.raises(ValueError, match="freq_width is 31, above the 30 feature rows"):
        spec_augment(features, frames, dataclasses.replace(MASKS, freq_width=31), rng)
    with pytest.raises(ValueError, match="2 generators for 3 recordings"):
        spec_augment(features, frames, MASKS, [rng, rng])


def test_mixup_mixes_features_and_targets_alike_and_keeps_the_longer_length():
    size = 6
    frames = torch.arange(3, 3 + size)
    # Recording i holds 2^i in its frames, and its target is class i: both tell who was mixed with whom, and how much.
    features = 2.0 ** torch.arange(size)[:, None, None] * (torch.arange(8) < frames[:, None])[:, None]
    mixed, longest, targets = mixup(features, frames, torch.eye(size), 0.4, 1.0, np.random.default_rng(1))
    torch.testing.assert_close(targets.sum(1), torch.ones(size))
    torch.testing.assert_close(mixed, torch.einsum("ij,jft->ift", targets, features))
    assert len({round(float(row.max()), 5) for row in targets if row.max() < 1}) == 1  # one lambda for the batch
    for row, count in zip(targets, longest.tolist(), strict=True):
        assert count == frames[row > 0].max()
    assert (longest > frames).any()


def test_mixup_holds_the_mean_of_the_shorter_recording_where_zero_is_not_silence():
    # log powers, one row: A is -4, -8 (mean -6) for two frames of four, B is -1, -2, -3; the fourth frame is padding.
    features = torch.tensor([[[-4.0, -8.0, 0.0, 0.0]], [[-1.0, -2.0, -3.0, 0.0]]])
    rng = np.random.default_rng(3)  # swaps the two
    mixed, longest, targets = mixup(features, torch.tensor([2, 3]), torch.eye(2), 0.4, 1.0, rng, "mean")
    a, b = targets[0].tolist()  # the weights of A and B in the first
    assert 0 < a < 1
    expected = [-4 * a - b, -8 * a - 2 * b, -6 * a - 3 * b, 0.0]
    torch.testing.assert_close(mixed[0, 0], torch.tensor(expected))
    assert longest.tolist() == [3, 3]


def test_mixup_with_zeros_has_the_shorter_recordings_share_missing_behind_its_end():
    features = torch.tensor([[[-4.0, 0.0]], [[-1.0, -2.0]]])
    mixed, _, targets = mixup(features, torch.tensor([1, 2]), torch.eye(2), 0.4, 1.0, np.random.default_rng(3))
    assert mixed[0, 0, 1].item() == pytest.approx(-2 * targets[0, 1].item())


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_mixup_of_recordings_of_one_length_is_the_same_with_any_filling(fill):
    features, frames = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0)), torch.full((4,), 5)
    mixed, _, targets = mixup(features, frames, torch.eye(4), 0.4, 1.0, np.random.default_rng(1), fill)
    torch.testing.assert_close(mixed, torch.einsum("ij,jft->ift", targets, features))


def test_the_weight_of_mixup_is_beta_distributed():
    rng = np.random.default_rng(0)
    pair, frames = torch.zeros(2, 1, 1), torch.ones(2, dtype=torch.int64)
    drawn = [mixup(pair, frames, torch.eye(2), 0.4, 1.0, rng)[2][0, 0].item() for _ in range(3_000)]
    own = np.array([weight for weight in drawn if weight < 1])  # half the permutations of two leave them be
    assert len(own) / 3_000 == pytest.approx(0.5, abs=0.04)
    assert own.mean() == pytest.approx(0.5, abs=0.03)
    # Beta(a, a) has the variance 1 / (4 (2 a + 1)) = 0.1389 at a = 0.4; 1500 draws: about 0.003.
    assert own.var() == pytest.approx(1 / 7.2, abs=0.012)


def test_mixup_takes_its_share_of_batches():
    rng = np.random.default_rng(0)
    pair, frames = torch.zeros(3, 1, 1), torch.ones(3, dtype=torch.int64)
    changed = [mixup(pair, frames, torch.eye(3), 0.4, 0.25, rng)[0] is not pair for _ in range(1_000)]
    assert np.mean(changed) == pytest.approx(0.25, abs=0.05)  # a standard deviation of 0.014


def test_wrong_mixup_is_refused():
    features, frames = batch(3)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="alpha is 0, expected more than 0"):
        mixup(features, frames, torch.eye(3), 0, 0.5, rng)
    with pytest.raises(ValueError, match="share is -0.1, expected 0 to 1"):
        mixup(features, frames, torch.eye(3), 0.4, -0.1, rng)
    with pytest.raises(ValueError, match=r"targets are \(3,\) torch.int64, expected \(3, K\) floats"):
        mixup(features, frames, torch.tensor([0, 1, 2]), 0.4, 0.5, rng)
    with pytest.raises(ValueError, match="fill is 'median', expected one of zero, mean"):
        mixup(features, frames, torch.eye(3), 0.4, 1.0, rng, "median")
