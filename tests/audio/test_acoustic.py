import dataclasses

import numpy as np
import pytest
import torch
import torchaudio
import torchaudio.compliance.kaldi as kaldi
from scipy import fft

from voxdag.audio.acoustic import LOG_FLOOR, Acoustic, Extractor, Statistics, normalise, statistics
from voxdag.audio.spectra import mel_bank

RATE = 16_000
LOG_MEL = Acoustic(
    kind="log_mel",
    bands=64,
    coefficients=40,
    window_ms=25.0,
    hop_ms=10.0,
    low_hz=20.0,
    high_hz=8000.0,
    deltas=0,
    cmvn="none",
)
MFCC = dataclasses.replace(LOG_MEL, kind="mfcc")
FBANK = dataclasses.replace(LOG_MEL, kind="fbank", bands=128)
SETTINGS = {
    "win_length": 400,
    "hop_length": 160,
    "n_mels": 64,
    "f_min": 20.0,
    "f_max": 8000.0,
    "pad_mode": "constant",
    "window_fn": torch.hamming_window,
}
VARIANTS = [
    LOG_MEL,
    MFCC,
    dataclasses.replace(MFCC, deltas=2),
    dataclasses.replace(LOG_MEL, deltas=1, cmvn="utterance"),
    dataclasses.replace(LOG_MEL, cmvn="recording"),
    FBANK,
    dataclasses.replace(FBANK, deltas=1, cmvn="utterance"),
]


def noise(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).float()


def alone(settings, wave):
    return Extractor(settings, RATE)(wave[None], torch.tensor([len(wave)]))[0][0]


def test_a_frame_is_what_its_definition_says_in_double_precision():
    wave = noise(1600)
    # Frame 3 is centred on sample 480: 400 samples under the window 0.54 - 0.46 cos(2 pi n / 400).
    piece = wave[280:680].double().numpy() * (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 400))
    power = np.abs(fft.rfft(piece, 512)) ** 2
    settings = dataclasses.replace(MFCC, bands=40, low_hz=0.0)
    log_mel = np.log(mel_bank(40, 512, RATE) @ power + LOG_FLOOR)
    # float32: about 1e-6 of a bin's rms neighbours, 1e-4 of the faintest mel band; filter edges to 1e-4 of a bin.
    np.testing.assert_allclose(alone(dataclasses.replace(settings, kind="log_mel"), wave)[:, 3], log_mel, atol=5e-4)
    # The orthonormal DCT keeps lengths: the error of a coefficient is at most sqrt(40) times a band's.
    np.testing.assert_allclose(alone(settings, wave)[:, 3], fft.dct(log_mel, norm="ortho"), atol=3e-3)


def test_log_mel_is_that_of_torchaudio():
    wave = noise(8000)
    mel = torchaudio.transforms.MelSpectrogram(RATE, 512, **SETTINGS)(wave)
    # The same transform and filters in float32; only the order of the sums over the bins may differ.
    torch.testing.assert_close(alone(LOG_MEL, wave), torch.log(mel + LOG_FLOOR), atol=1e-5, rtol=0)


def test_mfcc_is_that_of_torchaudio():
    wave = noise(8000)
    transform = torchaudio.transforms.MFCC(RATE, 40, log_mels=True, melkwargs={"n_fft": 512, **SETTINGS})
    # torchaudio's floor is 1e-6: unit noise has a band power above 0.1, so log differs by at most 1e-5 a band, 8e-5 in
    # all 64 by the orthonormal DCT; the rest is rounding of sums as large as 8 * ln 1000.
    torch.testing.assert_close(alone(MFCC, wave), transform(wave), atol=2e-4, rtol=0)


def kaldi_fbank(wave, rate=RATE, **settings):
    """(bands, T), as src/dataloader.py of YuanGongND/ast calls it."""
    settings = {"num_mel_bins": 128, "frame_shift": 10, "window_type": "hanning", "dither": 0.0} | settings
    return kaldi.fbank(wave[None], htk_compat=True, sample_frequency=rate, use_energy=False, **settings).T


@pytest.mark.parametrize("scale, offset", [(0.1, 0.0), (1e-4, 0.5), (0.0, 0.25), (1.0, -1.0)])
def test_fbank_is_kaldis_as_ast_calls_it(scale, offset):
    waves, lengths = scale * noise(4, 16_000) + offset, torch.tensor([16_000, 9_999, 560, 400])
    features, frames = Extractor(FBANK, RATE)(waves, lengths)
    for i, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
        wave = waves[i, :length]
        assert kaldi_fbank(wave).shape == (128, count)
        torch.testing.assert_close(features[i, :, :count], kaldi_fbank(wave), atol=1e-5, rtol=0)  # the log's rounding
        # The program takes the wave's mean away first. That rounds the wave, which shows in the faintest bands:
        # torchaudio with and without it differs by up to 7e-4.
        torch.testing.assert_close(features[i, :, :count], kaldi_fbank(wave - wave.mean()), atol=1e-3, rtol=0)


def test_fbank_has_kaldis_settings_too():
    changed = {"bands": 23, "low_hz": 60.0, "high_hz": 3400.0, "window_ms": 32.0, "hop_ms": 8.0}
    wave = 0.1 * noise(4000)
    expected = kaldi_fbank(
        wave, 8000, num_mel_bins=23, low_freq=60.0, high_freq=3400.0, frame_length=32.0, frame_shift=8.0
    )
    features, _ = Extractor(dataclasses.replace(FBANK, **changed), 8000)(wave[None], torch.tensor([4000]))
    torch.testing.assert_close(features[0], expected, atol=1e-4, rtol=0)


def test_a_frame_of_fbank_is_what_its_definition_says_in_double_precision():
    wave = noise(1600)
    piece = wave[480:880].double().numpy()  # frame 3
    piece = piece - piece.mean()
    piece = piece - 0.97 * np.concatenate([piece[:1], piece[:-1]])
    power = np.abs(fft.rfft(piece * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)), 512)) ** 2
    mel = 1127 * np.log1p(np.arange(257) * 31.25 / 700)
    low, high = 1127 * np.log1p(np.array([20, 8000]) / 700)
    edges = low + (high - low) / 129 * np.arange(130)
    rise, fall = ((mel - edges[:-2, None]), (edges[2:, None] - mel))
    bank = np.clip(np.minimum(rise, fall) / (edges[1] - edges[0]), 0, None)
    expected = np.log(np.maximum(bank @ power, 2.0**-23))
    # torchaudio's mel edges are float32, right to 2e-4 of 22 mel: a weight to 1e-5, and a band of one bin near its edge
    # to a share of 1e-5 over that weight. Measured 1e-4.
    np.testing.assert_allclose(alone(FBANK, wave)[:, 3], expected, atol=1e-3)


def test_a_band_of_fbank_without_a_bin_stays_at_kaldis_floor():
    # The fourth of 128 lies between the bins at 93.75 and 125 Hz, in the published features of AST too.
    features = alone(FBANK, noise(1600))
    torch.testing.assert_close(features[3], torch.full((8,), -15.9424), atol=1e-4, rtol=0)  # ln 2^-23
    assert (features[[2, 4]] > -10).all()


def test_a_recording_shorter_than_the_window_is_one_frame_of_fbank_with_zeros_behind_it():
    wave = 0.1 * noise(300)
    expected = kaldi_fbank(torch.cat([wave, torch.zeros(100)]))
    torch.testing.assert_close(alone(FBANK, wave), expected, atol=1e-4, rtol=0)


def test_the_delta_of_a_ramp_is_its_slope_and_half_that_at_its_ends():
    extractor = Extractor(dataclasses.replace(MFCC, deltas=1), RATE)
    ramp = torch.arange(10.0).expand(1, 1, 10).clone()
    ramp[..., 7:] = -99  # another recording's place
    delta = extractor.with_deltas(ramp, torch.tensor([7]))[0, 1, :7]
    # (x[t+1] - x[t-1] + 2 (x[t+2] - x[t-2])) / 10: (1 + 2 * 2) / 10 at t = 0, (2 + 2 * 3) / 10 at t = 1.
    torch.testing.assert_close(delta, torch.tensor([0.5, 0.8, 1.0, 1.0, 1.0, 0.8, 0.5]))


@pytest.mark.parametrize("settings", VARIANTS)
def test_a_recording_has_the_same_features_alone_and_in_any_batch(settings):
    waves = 0.1 * noise(3, 8000)
    lengths = torch.tensor([8000, 4321, 160])
    waves[1, 4321:] = float("nan")  # what lies behind a recording must not even be multiplied by zero
    features, frames = Extractor(settings, RATE)(waves, lengths)
    # 8000 // 160 + 1 and so on; of fbank (8000 - 400) // 160 + 1, (4321 - 400) // 160 + 1, and 1 of 160 samples
    assert frames.tolist() == ([48, 25, 1] if settings.kind == "fbank" else [51, 28, 2])
    assert features.shape == (3, Extractor(settings, RATE).size, frames[0]) and features.dtype == torch.float32
    for i, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
        # Only the blocking of float32 sums may differ; normalised rows of two frames may be divided by 1e-3.
        torch.testing.assert_close(features[i, :, :count], alone(settings, waves[i, :length]), atol=1e-4, rtol=1e-5)
        assert torch.count_nonzero(features[i, :, count:]) == 0


def test_an_offset_changes_nothing_in_fbank_and_gain_adds_to_it():
    wave, bands = noise(8000), [i for i in range(128) if i != 3]  # the fourth stays at the floor
    # The offset rounds the wave by up to 2e-7 of its deviation: some 1e-3 in a band of 1e-5 of the power or less.
    torch.testing.assert_close(alone(FBANK, wave + 0.25), alone(FBANK, wave), atol=5e-3, rtol=0)
    louder = alone(FBANK, 4 * wave)[bands]
    torch.testing.assert_close(louder, alone(FBANK, wave)[bands] + 2 * np.log(4), atol=1e-5, rtol=0)


def test_gain_adds_to_log_mel_and_to_c0_alone():
    wave = noise(8000)
    step = 2 * np.log(4)  # of the log power
    torch.testing.assert_close(alone(LOG_MEL, 4 * wave), alone(LOG_MEL, wave) + step, atol=1e-5, rtol=0)
    change = alone(MFCC, 4 * wave) - alone(MFCC, wave)
    # C0 of the orthonormal DCT is the sum over sqrt(bands): 8 times the step.
    torch.testing.assert_close(change[0], torch.full_like(change[0], 8 * step), atol=1e-4, rtol=0)
    torch.testing.assert_close(change[1:], torch.zeros_like(change[1:]), atol=1e-4, rtol=0)


def test_digital_silence_is_at_the_floor():
    torch.testing.assert_close(alone(LOG_MEL, torch.zeros(800)), torch.full((64, 6), np.log(LOG_FLOOR)).float())


def test_half_precision_around_it_changes_nothing():
    wave = noise(8000)
    with torch.autocast("cpu", torch.bfloat16):
        inside = alone(MFCC, wave)
    torch.testing.assert_close(inside, alone(MFCC, wave), atol=0, rtol=0)


def test_utterance_cmvn_gives_each_recording_mean_zero_and_deviation_one():
    features, frames = 5 + 3 * noise(2, 7, 90), torch.tensor([90, 33])
    normal = normalise(features, frames, "utterance")
    for row, count in zip(normal, frames.tolist(), strict=True):
        torch.testing.assert_close(row[:, :count].mean(1), torch.zeros(7), atol=1e-5, rtol=0)
        torch.testing.assert_close(row[:, :count].std(1, correction=0), torch.ones(7), atol=1e-5, rtol=0)
        assert torch.count_nonzero(row[:, count:]) == 0


def test_recording_cmvn_keeps_the_shape_of_the_spectrum_and_takes_away_level_and_range():
    features, frames = 5 + 3 * noise(2, 7, 90) + torch.arange(7.0)[:, None], torch.tensor([90, 33])
    normal = normalise(features, frames, "recording")
    for row, given, count in zip(normal, features, frames.tolist(), strict=True):
        own, before = row[:, :count], given[:, :count]
        torch.testing.assert_close(own, (before - before.mean()) / before.std(correction=0), atol=1e-5, rtol=0)
        assert torch.count_nonzero(row[:, count:]) == 0
    louder = normalise(2 * features + 3, frames, "recording")
    torch.testing.assert_close(louder, normal, atol=1e-5, rtol=0)


def test_a_louder_recording_has_the_same_features_with_recording_cmvn():
    wave, settings = noise(8000), dataclasses.replace(LOG_MEL, cmvn="recording")
    torch.testing.assert_close(alone(settings, 0.5 * wave), alone(settings, wave), atol=1e-3, rtol=0)


def test_speaker_cmvn_is_that_of_the_speakers_recordings_laid_end_to_end():
    features, frames = 5 + 3 * noise(3, 4, 50), torch.tensor([50, 20, 31])
    speakers = torch.tensor([1, 0, 1])
    once = statistics(features, frames).by_group(speakers, 2)
    parts = [statistics(features[i : i + 1], frames[i : i + 1]).by_group(speakers[i : i + 1], 2) for i in range(3)]
    mean, std = (parts[0] + parts[1] + parts[2]).mean_std()
    torch.testing.assert_close((mean, std), once.mean_std())
    joined = torch.cat([features[0, :, :50], features[2, :, :31]], dim=1)
    torch.testing.assert_close(mean[1], joined.mean(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(std[1], joined.std(1, correction=0), atol=1e-5, rtol=0)
    normal = normalise(features, frames, "speaker", (mean[speakers], std[speakers]))
    again = torch.cat([normal[0, :, :50], normal[2, :, :31]], dim=1)
    torch.testing.assert_close(again, (joined - joined.mean(1, True)) / joined.std(1, correction=0, keepdim=True))
    assert torch.count_nonzero(normal[1, :, 20:]) == 0


def test_the_extractor_leaves_speaker_cmvn_to_the_caller():
    wave = noise(800)
    torch.testing.assert_close(alone(dataclasses.replace(MFCC, cmvn="speaker"), wave), alone(MFCC, wave))


def test_a_row_that_does_not_vary_becomes_zero_and_not_nan():
    features = torch.full((2, 3, 4), -18.4)
    normal = normalise(features, torch.tensor([4, 1]), "utterance")
    # The mean of four equal numbers may be off by a rounding, 2e-6, over the least deviation, 1e-3.
    torch.testing.assert_close(normal, torch.zeros_like(normal), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"kind": "plp"}, "kind is 'plp', expected one of log_mel, mfcc, fbank"),
        ({"kind": "fbank", "bands": 3}, "bands is 3, expected 4 or more of fbank"),
        ({"cmvn": "global"}, "cmvn is 'global', expected one of none, utterance, recording, speaker"),
        ({"deltas": 3}, "deltas is 3, expected one of 0, 1, 2"),
        ({"bands": 0}, "bands is 0, expected 1 or more"),
        ({"coefficients": 65}, "coefficients is 65, expected 1 to the number of bands, 64"),
        ({"hop_ms": 30.0}, "hop_ms is 30.0, expected more than 0 and at most window_ms, 25.0"),
        ({"low_hz": 9000.0}, "low_hz 9000.0 and high_hz 8000.0 are not in order"),
    ],
)
def test_wrong_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(MFCC, **change)


def test_coefficients_are_of_no_interest_to_log_mel():
    assert Extractor(dataclasses.replace(LOG_MEL, bands=32, coefficients=40), RATE).size == 32


def test_empty_mel_bands_are_refused():
    # torchaudio's default of 128 bands: the fourth lies between the bins at 93.75 and 125 Hz and stays -18.4 for ever.
    with pytest.raises(ValueError, match=r"1 of 128 mel bands hold no bin of a 512-point transform .*\(bands 3\)"):
        Extractor(dataclasses.replace(MFCC, bands=128), RATE)
    Extractor(dataclasses.replace(MFCC, bands=128, window_ms=50.0), RATE)


def test_a_band_above_half_the_rate_is_refused():
    with pytest.raises(ValueError, match=r"high_hz is 8000.0, above half the rate, 4000.0 Hz"):
        Extractor(MFCC, 8000)
    with pytest.raises(ValueError, match=r"high_hz is 8000.0, above half the rate, 4000.0 Hz"):
        Extractor(FBANK, 8000)


def test_wrong_batches_are_refused():
    extractor = Extractor(MFCC, RATE)
    with pytest.raises(ValueError, match=r"waves are torch.int16"):
        extractor(torch.zeros(1, 800, dtype=torch.int16), torch.tensor([800]))
    with pytest.raises(ValueError, match=r"waves \(2, 800\) and lengths \(1,\)"):
        extractor(torch.zeros(2, 800), torch.tensor([800]))
    with pytest.raises(ValueError, match=r"lengths from 0 to 801 samples, expected 1 to 800"):
        extractor(torch.zeros(2, 800), torch.tensor([0, 801]))


def test_wrong_normalisations_are_refused():
    features, frames = noise(2, 3, 4), torch.tensor([4, 4])
    with pytest.raises(ValueError, match="cmvn is 'corpus', expected one of none, utterance, recording, speaker"):
        normalise(features, frames, "corpus")
    with pytest.raises(ValueError, match="needs the statistics"):
        normalise(features, frames, "speaker")
    with pytest.raises(ValueError, match=r"mean \(1, 3\) and std \(1, 3\) for features \(2, 3, 4\)"):
        normalise(features, frames, "speaker", (torch.zeros(1, 3), torch.ones(1, 3)))
    with pytest.raises(ValueError, match=r"no frames in \[1\]"):
        Statistics(torch.tensor([4.0, 0.0]), torch.zeros(2, 3), torch.zeros(2, 3)).mean_std()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("settings", VARIANTS)
def test_a_gpu_gives_the_features_of_the_cpu(settings):
    waves, lengths = noise(3, 8000), torch.tensor([8000, 4321, 160])
    here, frames = Extractor(settings, RATE)(waves, lengths)
    there, frames_there = Extractor(settings, RATE).cuda()(waves.cuda(), lengths.cuda())
    # Two float32 transforms, as against the definition above.
    torch.testing.assert_close(there.cpu(), here, atol=5e-3, rtol=0)
    assert frames_there.tolist() == frames.tolist()
