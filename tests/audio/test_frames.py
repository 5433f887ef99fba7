"""Files read stretch by stretch, as they would be read whole."""

import os

import numpy as np
import pytest

from tests.audio.recordings import RATE, tone, write
from voxdag.audio.decode import BadAudio, Frames, read


@pytest.mark.parametrize(("name", "from_disk"), [("a.wav", True), ("a.flac", True), ("a.ogg", False)])
def test_frames_are_those_of_the_whole_file_stretch_by_stretch(tmp_path, name, from_disk, monkeypatch):
    stereo = np.stack([tone(1.0, 22_050), tone(1.0, 22_050, 1000.0)], axis=1)
    path = write(tmp_path / name, stereo, 22_050)
    whole, rate = read(path)
    asked = []
    monkeypatch.setattr("voxdag.audio.decode.read", lambda path: asked.append(path) or read(path))
    with Frames(path) as frames:
        assert (len(frames), frames.channels, frames.rate) == (len(whole), 2, rate)
        for start, stop in ((5000, 9000), (0, 1), (22_000, 30_000), (30_000, 40_000), (0, 22_050)):
            assert (frames.read(start, stop) == whole[start:stop]).all()
            assert frames.read(start, stop).shape == (max(0, min(stop, len(whole)) - start), 2)
    assert asked == ([] if from_disk else [path])


def test_frames_of_what_is_cut_empty_or_no_audio_are_refused(tmp_path):
    path = write(tmp_path / "a.wav", tone(1.0, RATE))
    whole = path.read_bytes()
    for content, reason in ((whole[:9000], "truncated"), (b"", "empty file"), (b"no audio at all", "unreadable")):
        path.write_bytes(content)
        with pytest.raises(BadAudio, match=reason):
            Frames(path)
    with pytest.raises(BadAudio, match="absent"):
        Frames(tmp_path / "gone.wav")
    with pytest.raises(BadAudio, match="no samples"):
        Frames(write(path, np.zeros(0)))


def test_frames_that_are_not_finite_are_refused_where_they_are_read(tmp_path):
    wave = tone(1.0, RATE)
    wave[9000] = np.nan
    with Frames(write(tmp_path / "a.wav", wave, subtype="FLOAT")) as frames:
        assert len(frames.read(0, 9000)) == 9000
        with pytest.raises(BadAudio, match="1 samples are not finite"):
            frames.read(8999, 9001)


def test_frames_that_the_file_lost_since_it_was_opened_are_missed(tmp_path):
    path = write(tmp_path / "a.wav", tone(1.0, RATE))
    with Frames(path) as frames:
        os.truncate(path, 9000)
        with pytest.raises(BadAudio, match="truncated: 4478 of 16000 samples"):  # of 16 bits, behind 44 bytes
            frames.read(0, 16_000)
