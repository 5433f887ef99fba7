"""Log-mels against torchaudio's, there and back by inversion, and the range that a generator can make."""

import numpy as np
import pytest
import torch
import torchaudio

from tests.synthesis.making import CPU, MELS, RATE, tone
from voxdag.core.errors import Refused
from voxdag.synthesis.mels import LEAST_DEVIATION, LIMIT, LogMel, Mels, Scaling, phases

FINE = Mels(bands=40, size=1024, hop=256, frames=32, floor=1e-6)


def waves(mels, count=3):
    made = [tone(i, mels.samples, (i - 1) / 2, 0.4) for i in range(count)]
    return torch.from_numpy(np.stack(made).astype(np.float32) / 32768)


@pytest.mark.parametrize("mels", [MELS, FINE])
def test_log_mels_are_those_of_torchaudio(mels):
    theirs = torchaudio.transforms.MelSpectrogram(
        RATE, mels.size, hop_length=mels.hop, n_mels=mels.bands, pad_mode="constant"
    )
    given = LogMel(mels, RATE, CPU)(waves(mels))
    assert given.shape == (3, mels.bands, mels.frames)
    np.testing.assert_allclose(given, (theirs(waves(mels)) + mels.floor).log(), atol=1e-4)


def test_silence_is_the_floor():
    given = LogMel(MELS, RATE, CPU)(torch.zeros(1, MELS.samples))
    assert given.numpy() == pytest.approx(np.log(1e-6))


def test_inverted_waves_have_nearly_the_log_mels_that_they_were_made_of():
    # Measured on these tones: 0.8 dB, and 6.5 without a round of Griffin-Lim; the recordings lie 8.2 dB apart. With the
    # bands' pseudo-inverse it was 4.1.
    log_mel, there = LogMel(FINE, RATE, CPU), waves(FINE)
    wanted = log_mel(there)
    found = {}
    for rounds in (0, 32):
        back = log_mel.waves(wanted, rounds, phases(FINE, 1, "abc"))
        assert back.shape == there.shape
        found[rounds] = decibels(log_mel(back), wanted)
    assert found[32] < 1.2 < 4 < found[0] < decibels(wanted, wanted.roll(1, 0))


def decibels(a, b):
    return float((a - b).square().mean().sqrt() * 10 / np.log(10))


def test_inversion_of_a_batch_is_that_of_each_alone():
    log_mel, first = LogMel(MELS, RATE, CPU), phases(MELS, 1, "abc")
    wanted = log_mel(waves(MELS))
    whole = log_mel.waves(wanted, 4, first)
    alone = torch.cat([log_mel.waves(wanted[i : i + 1], 4, first[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(whole, alone, atol=1e-5)


def test_phases_are_functions_of_seed_and_name_and_uniform():
    first = phases(MELS, 1, ["a", "b"])
    assert first.shape == (2, 257, 16) and not torch.equal(first[0], first[1])
    assert torch.equal(first[1], phases(MELS, 1, ["b"])[0]) and not torch.equal(first, phases(MELS, 2, ["a", "b"]))
    # of 8,224 draws over 2 pi: mean within 5 / sqrt(8224) * pi / sqrt(3), mean square pi^2 / 3 within 5 %
    assert abs(float(first.mean())) < 0.1 and float(first.square().mean()) == pytest.approx(np.pi**2 / 3, rel=0.05)
    assert float(first.abs().max()) <= np.pi


def scaling_of(matched, lengths=(40, 70)):
    rng = np.random.default_rng(0)
    parts = [torch.from_numpy(rng.normal([[-5.0], [2.0]], [[0.5], [2.0]], (2, n))).float() for n in lengths]
    return Scaling.of(iter(parts), matched), torch.cat(parts, 1)


@pytest.mark.parametrize("matched", [True, False])
def test_each_band_has_mean_and_deviation_of_all_frames_of_train_however_they_are_cut(matched):
    scaling, frames = scaling_of(matched)
    assert scaling.mean.numpy() == pytest.approx(frames.mean(1, keepdim=True).numpy(), rel=1e-5)
    assert scaling.deviation.numpy() == pytest.approx(frames.std(1, keepdim=True, correction=0).numpy(), rel=1e-5)
    values = scaling.scale(frames[None])
    assert values.mean().item() == pytest.approx(0, abs=0.01)
    assert values.std().item() == pytest.approx(1 / LIMIT if matched else 1, rel=0.05)


def test_values_go_there_and_back():
    for matched in (True, False):
        scaling, frames = scaling_of(matched)
        within = (frames - scaling.mean).abs() <= LIMIT * scaling.deviation
        back = scaling.unscale(scaling.scale(frames[None]))[0]
        assert within.float().mean() > 0.99
        np.testing.assert_allclose(back[within], frames[within], atol=1e-4)


def test_a_matched_range_ends_where_the_generators_does_and_z_scores_go_beyond():
    loud = torch.full((1, 2, 3), 30.0)
    matched, z_score = (scaling_of(kind)[0] for kind in (True, False))
    assert matched.scale(loud).unique().tolist() == [1.0] and matched.scale(-loud).unique().tolist() == [-1.0]
    assert z_score.scale(loud).min() > 6
    # what a generator says at its most is LIMIT deviations from the mean
    ends = matched.unscale(torch.ones(1, 2, 1))
    assert ends[0].numpy() == pytest.approx((matched.mean + 3 * matched.deviation).numpy())


def test_a_band_that_never_changes_is_not_magnified():
    scaling = Scaling.of([torch.full((1, 9), -3.0)], True)
    assert scaling.deviation.item() == pytest.approx(LEAST_DEVIATION) and scaling.unit.item() == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hop": 257}, "hop is 257, expected half of size, 512, at most"),
        ({"size": 511}, "size is 511, expected an even number"),
        ({"bands": 0}, "bands is 0, expected 1 or more"),
        ({"frames": 1}, "frames is 1, expected 2 or more"),
        ({"floor": 0.0}, "floor is 0.0, expected more than 0"),
    ],
)
def test_a_spectrogram_that_cannot_be_is_refused(change, message):
    with pytest.raises(Refused, match=message):
        Mels(**{"bands": 16, "size": 512, "hop": 128, "frames": 16, "floor": 1e-6} | change)
    assert Mels(16, 512, 256, 16, 1e-6).samples == 15 * 256


@pytest.mark.filterwarnings("ignore:At least one mel filterbank")  # of torchaudio
def test_bands_too_narrow_for_the_transform_are_refused():
    with pytest.raises(Refused, match="mel band 0 of 128 holds no bin of a 256-point transform"):
        LogMel(Mels(128, 256, 64, 16, 1e-6), RATE, CPU)
