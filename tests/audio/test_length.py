"""How much audio a file holds, before it is decoded whole: by its header, or counted."""

import numpy as np
import pytest
import soundfile

from voxdag.audio.length import NOTHING, Length, length

ANY = Length(3600.0, 10**9)
RATE = 16000


def tone(seconds, channels=1):
    time = np.arange(round(seconds * RATE)) / RATE
    return np.stack([0.3 * np.sin(2 * np.pi * (200 + 50 * i) * time) for i in range(channels)], axis=1)


def written(path, seconds=1.5, channels=1, **kind):
    soundfile.write(path, tone(seconds, channels), RATE, **kind)
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.aiff", "a.au", "a.caf"])
def test_what_libsndfile_knows_is_exact(tmp_path, name):
    found = length(written(tmp_path / name, channels=2), ANY)
    assert found == Length(1.5, 2 * 24000)


def test_what_ffmpeg_decodes_is_counted_to_a_packet_or_two(tmp_path):
    path = written(tmp_path / "a.mp3", 3.0, format="MP3", subtype="MPEG_LAYER_III")
    # an encoder's delay and padding: two frames of 576 samples at 16 kHz each way
    assert length(path, ANY).seconds == pytest.approx(3.0, abs=4 * 576 / RATE)


def test_counting_ends_when_it_is_more_than_is_taken(tmp_path):
    path = written(tmp_path / "a.mp3", 20.0, format="MP3", subtype="MPEG_LAYER_III")
    found = length(path, Length(2.0, 10**9))
    assert 2.0 < found.seconds < 2.2  # a frame more
    assert length(path, Length(3600.0, 16000)).values < 20000


def test_joined_recordings_count_together(tmp_path):
    for name in ("a.ogg", "a.flac"):
        one = written(tmp_path / name).read_bytes()
        (tmp_path / f"joined_{name}").write_bytes(one + one)
        assert length(tmp_path / f"joined_{name}", ANY).seconds == 3.0


def test_a_header_that_promises_more_than_there_is_counts_as_what_it_promises(tmp_path):
    # what would be asked for in memory: 2^36 - 1 samples of a FLAC file of some kilobytes
    content = bytearray(written(tmp_path / "a.flac").read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    (tmp_path / "bomb.flac").write_bytes(content)
    assert length(tmp_path / "bomb.flac", ANY).seconds == pytest.approx((2**36 - 1) / RATE)


@pytest.mark.parametrize(
    "content", [b"", b"no audio at all", b"RIFF\0\0\0\0WAVE", b"OggS", b"fLaC", b"\xff\xfb\x90\x00"]
)
def test_what_is_no_audio_counts_as_nothing(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    assert length(tmp_path / "a.wav", ANY) == NOTHING


def test_what_is_not_there_counts_as_nothing(tmp_path):
    assert length(tmp_path / "gone.wav", ANY) == NOTHING
