"""A file is decoded exactly, at the rate asked for; one that is broken has its own reason."""

import os
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from tests.audio.recordings import COMPRESSED, DECODING, RATE, compressed, encoded, stated, tone, write
from voxdag.audio.decode import BadAudio, decode, read, read_stretch, to_int16
from voxdag.audio.segments import fit_length
from voxdag.core.errors import Refused


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


def folder(path):
    path.mkdir()
    return path


def link_to_nothing(path):
    path.symlink_to("nothing.wav")
    return path


def git_lfs_pointer(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    return path


def web_page(path):
    path.write_text("<!DOCTYPE html><html><body>404</body></html>")
    return path


def playlist(path):
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.wav\n#EXT-X-ENDLIST\n")
    write(path.with_name("other.wav"), tone(0.5, RATE))
    return path


def random_bytes(path):
    path.write_bytes(np.random.default_rng(1).bytes(4000))
    return path


def opposite_channels(path):
    return write(path, np.stack([tone(0.5, RATE), -tone(0.5, RATE)], 1))


def steady(path):
    return write(path, np.full(RATE, 0.5))


def sixteen_bit_scale(path):
    return write(path, 32768 * tone(0.5, RATE), subtype="FLOAT")


def enormous(path):
    return write(path, 1e308 * tone(0.5, RATE), subtype="DOUBLE")


def rate_of_one(path):
    return write(path, tone(0.5, RATE), 1)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (silent, "silent: peak 0.00e[+]00 of full scale, below 0.0001"),
        (empty, "empty file"),
        (no_samples, "no samples"),
        (not_a_number, "1 samples are not finite"),
        (too_short, r"0.0100 s long, shorter than 0.1 s"),
        (text, "unreadable"),
        (cut_wav, "truncated: 4956 of 16000 bytes of audio"),
        (absent, "absent"),
        (folder, "unreadable: .*directory"),
        (link_to_nothing, "absent"),
        (git_lfs_pointer, "a pointer of Git LFS in the audio's place: `git lfs pull`"),
        (web_page, "no known audio format: it begins with '<!DOCTYPE html>"),
        (playlist, "no known audio format"),
        (random_bytes, "unreadable"),
        (opposite_channels, "the 2 channels cancel each other"),
        (steady, "silent: peak 0.00e[+]00"),
        (sixteen_bit_scale, "9[0-9][.][0-9] % of the samples lie beyond full scale, more than 1 %: peak 1.64e[+]04"),
        (enormous, "beyond full scale, more than 1 %: peak 5e[+]307"),
        (rate_of_one, "a rate of 1 Hz, expected 1000 to 768000: the header is wrong"),
    ],
)
def test_a_broken_file_says_why(tmp_path, make, reason):
    with pytest.raises(BadAudio, match=reason):
        decode(make(tmp_path / "a.wav"), DECODING)


@pytest.mark.parametrize(("kind", "codec", "name"), [("avi", "mp2", "AVI"), ("mpegts", "mp2", "MPEG-TS")])
def test_a_known_format_that_is_not_read_is_named(tmp_path, kind, codec, name):
    with pytest.raises(BadAudio, match=f"unreadable: {name}, a format that is not read here"):
        read(encoded(tmp_path / "a", kind, codec, 48_000, {}))


@pytest.mark.parametrize("kind", ["VOC", "PAF"])
def test_old_formats_that_are_not_read_are_named(tmp_path, kind):
    soundfile.write(tmp_path / "a", tone(0.5, RATE), RATE, format=kind, subtype="PCM_16")
    with pytest.raises(BadAudio, match=f"unreadable: {kind}, a format that is not read here"):
        read(tmp_path / "a")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_samples_pass_ffmpeg_unchanged(tmp_path, subtype):
    path = write(tmp_path / "a.wav", np.random.default_rng(0).normal(scale=0.1, size=4000), subtype=subtype)
    expected, _ = read(path)  # by libsndfile
    at = path.read_bytes().index(b"data") + 4
    assert (read(stated(stated(path, at, 0, "little"), 4, 0, "little"))[0] == expected).all()


def test_long_recordings_are_reckoned_in_blocks_with_the_same_result(tmp_path, monkeypatch):
    wave = np.random.default_rng(3).normal(scale=0.6, size=(5000, 2))
    path = write(tmp_path / "a.wav", wave, subtype="DOUBLE")
    lenient = replace(DECODING, max_clipped=1)
    expected = decode(path, lenient)
    assert expected.clipped > 0
    monkeypatch.setattr("voxdag.audio.decode.BLOCK", 700)
    found = decode(path, lenient)
    assert (found.samples == expected.samples).all() and found.clipped == expected.clipped


def test_a_peak_below_zero_is_a_peak(tmp_path):
    wave = np.zeros(RATE)
    wave[::1000] = -0.5
    quiet = replace(DECODING, min_peak=0.3)
    assert len(decode(write(tmp_path / "a.wav", wave), quiet).samples) == RATE


def test_a_name_that_is_not_utf8_is_read(tmp_path):
    odd = tmp_path / os.fsdecode(b"\xe9.flac")
    write(tmp_path / "a.flac", tone(0.5, RATE)).rename(odd)
    assert len(decode(odd, DECODING).samples) == RATE // 2
    compressed(tmp_path, "a.m4a").rename(odd)
    assert len(decode(odd, DECODING).samples) >= 2 * RATE


def test_whatever_a_decoder_raises_is_the_files_reason(tmp_path, monkeypatch):
    def no_memory(*_arguments):
        raise MemoryError("array is too big")

    path = write(tmp_path / "a.wav", tone(0.5, RATE))
    monkeypatch.setattr("voxdag.audio.decode._by_libsndfile", no_memory)
    with pytest.raises(BadAudio, match="unreadable: array is too big"):
        decode(path, DECODING)


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac"])
def test_a_stretch_is_that_of_the_whole(tmp_path, name):
    path = compressed(tmp_path, name) if name in COMPRESSED else write(tmp_path / name, tone(1.0, RATE))
    whole, rate = read(path)
    stretch, same = read_stretch(path, 1000, 5000)
    assert rate == same and (stretch == whole[1000:5000]).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 0}, "rate is 0, expected 1000 to 768000"),
        ({"rate": 10**9}, "rate is 1000000000"),
        ({"min_seconds": -1}, "min_seconds is -1, expected 0 or more"),
        ({"min_peak": -0.1}, "min_peak is -0.1"),
        ({"max_clipped": 2}, "max_clipped is 2, expected a share from 0 to 1"),
    ],
)
def test_senseless_settings_are_refused(wrong, message):
    with pytest.raises(Refused, match=message):
        replace(DECODING, **wrong)


def test_fit_length_cuts_or_repeats():
    samples = np.arange(5)
    assert fit_length(samples, 1, 3).tolist() == [1, 2, 3]
    assert fit_length(samples, 0, 5).tolist() == [0, 1, 2, 3, 4]  # exactly as long: no draw, no padding
    assert fit_length(samples, 0, 12).tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
