"""What the page takes, and what it says of more."""

import numpy as np
import pytest
import soundfile

from voxdag.core.errors import Refused
from voxdag.serving.limits import Limits, TooLong, budget


def wave(path, seconds, rate=8000, channels=1):
    soundfile.write(path, np.zeros((round(seconds * rate), channels), np.int16), rate)
    return path


def test_files_share_the_seconds_of_a_request(tmp_path):
    left = budget(Limits(seconds=10))
    left.take(wave(tmp_path / "a.wav", 6))
    with pytest.raises(TooLong, match=r"too long: the page takes 10 s of audio at once; of these 4\.0 s are left"):
        left.take(wave(tmp_path / "b.wav", 5))
    left.take(wave(tmp_path / "c.wav", 4))  # what was refused took nothing
    assert left.left == 0


def test_a_file_that_is_too_long_by_itself_is_told_the_limit_alone(tmp_path):
    with pytest.raises(TooLong, match=r"too long: the page takes 10 s of audio at once$"):
        budget(Limits(seconds=10)).take(wave(tmp_path / "a.wav", 10.5))


def test_many_channels_are_too_much_however_short(tmp_path):
    # 2 s of 400 channels at 8 kHz: 6.4 million values, where 10 s of two channels at 96 kHz are 1.92 million
    with pytest.raises(TooLong, match=r"too much for memory: 3,200,000 values a second"):
        budget(Limits(seconds=10)).take(wave(tmp_path / "a.wav", 2, channels=400))


def test_the_limits_are_said_in_words():
    assert Limits().in_words() == "At once up to 20 files, 100 MB and 5 minutes of audio"
    assert Limits(seconds=90, files=1).in_words() == "At once up to 1 file, 100 MB and 90 s of audio"


@pytest.mark.parametrize("name", ["megabytes", "seconds", "files", "waiting"])
def test_a_limit_of_nothing_is_refused(name):
    with pytest.raises(Refused, match=f"{name} is 0"):
        Limits(**{name: 0})
