"""Every way a recording can be broken has its own reason; every format that is not broken is decoded exactly."""

import numpy as np
import pytest
import soundfile

from voxdag.audio.decode import BadAudio, Decoding, decode, to_int16
from voxdag.audio.segments import fit_length

RATE = 16_000
DECODING = Decoding(rate=RATE, min_seconds=0.1, min_peak=1e-4)


def tone(seconds, rate, hertz=440.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path, wave, rate=RATE, **options):
    soundfile.write(path, wave, rate, **options)
    return path


@pytest.mark.parametrize("suffix", ["flac", "wav", "aiff"])
def test_sixteen_bit_samples_pass_unchanged(tmp_path, suffix):
    samples = np.random.default_rng(0).integers(-32768, 32768, 4000).astype(np.int16)
    audio = decode(write(tmp_path / f"a.{suffix}", samples, subtype="PCM_16"), DECODING)
    assert (audio.samples == samples).all()
    assert (audio.source_rate, audio.channels, audio.clipped) == (RATE, 1, 0)


def test_stereo_is_averaged(tmp_path):
    left, right = tone(0.2, RATE), tone(0.2, RATE, 700)
    audio = decode(write(tmp_path / "a.wav", np.stack([left, right], 1), subtype="DOUBLE"), DECODING)
    assert audio.channels == 2
    # both roundings are to the nearest 1/32768
    assert np.abs(audio.samples / 32768 - (left + right) / 2).max() <= 0.5 / 32768 + 1e-12


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_keep_the_tone_and_the_length(tmp_path, rate):
    audio = decode(write(tmp_path / "a.wav", tone(1.0, rate), rate), DECODING)
    assert len(audio.samples) == RATE
    middle = audio.samples[2000:-2000] / 32768
    expected = tone(1.0, RATE)[2000:-2000]
    # the pass-band ripple of a Kaiser-windowed polyphase filter is below 0.1 %
    assert np.abs(middle - expected).max() < 2e-3


def test_beyond_full_scale_is_limited_and_counted():
    samples, clipped = to_int16(np.array([0.0, 1.5, -1.5, 1.0, -1.0]))
    assert samples.tolist() == [0, 32767, -32768, 32767, -32768]
    assert clipped == 2


def silent(path):
    return write(path, np.zeros(RATE))


def empty(path):
    path.write_bytes(b"")
    return path


def no_samples(path):
    return write(path, np.zeros(0))


def not_a_number(path):
    wave = tone(0.5, RATE)
    wave[7] = np.nan
    return write(path, wave, subtype="FLOAT")


def too_short(path):
    return write(path, tone(0.01, RATE))


def text(path):
    path.write_text("not audio at all, but long enough to hold a header")
    return path


def cut_wav(path):
    write(path, tone(0.5, RATE))
    path.write_bytes(path.read_bytes()[:5000])
    return path


def absent(path):
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (silent, "silent: peak 0.00e[+]00 of full scale, below 0.0001"),
        (empty, "empty file"),
        (no_samples, "no samples"),
        (not_a_number, "1 samples are not finite"),
        (too_short, r"0.0100 s long, shorter than 0.1 s"),
        (text, "unreadable"),
        (cut_wav, "truncated: 5000 of 16044 bytes"),
        (absent, "absent"),
    ],
)
def test_a_broken_file_says_why(tmp_path, make, reason):
    with pytest.raises(BadAudio, match=reason):
        decode(make(tmp_path / "a.wav"), DECODING)


def test_a_cut_flac_is_never_taken_as_a_shorter_recording(tmp_path):
    write(tmp_path / "a.flac", np.random.default_rng(0).normal(scale=0.1, size=RATE))
    whole = (tmp_path / "a.flac").read_bytes()
    for share in (0.3, 0.6, 0.95):
        (tmp_path / "a.flac").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BadAudio, match="truncated|unreadable"):
            decode(tmp_path / "a.flac", DECODING)


def test_fit_length_cuts_or_repeats():
    samples = np.arange(5)
    assert fit_length(samples, 1, 3).tolist() == [1, 2, 3]
    assert fit_length(samples, 0, 5).tolist() == [0, 1, 2, 3, 4]  # exactly as long: no draw, no padding
    assert fit_length(samples, 0, 12).tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
