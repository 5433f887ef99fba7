"""Folders of speech and noise: pieces, and what cannot be used."""

from pathlib import PurePosixPath

import numpy as np
import pytest
import soundfile

from voxdag.core.errors import Refused
from voxdag.corpora import material
from voxdag.corpora.material import Piece, check_speakers, noises, pieces, sound, speaker_of, stretch, stretch_of


def tone(path, seconds, rate=16000, channels=1, amplitude=0.3, hz=440.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate)
    return wave


@pytest.mark.parametrize(
    ("path", "rule", "speaker"),
    [
        ("libri/103/1240/103-1240-0000.flac", "parent", "1240"),
        ("libri/103-1240-0000.flac", "prefix", "103"),
        ("id10001/1zcIwhmdeo4/00001.wav", "top", "id10001"),
        ("vctk/p226_001.wav", "prefix", "p226"),
        ("anna.wav", "prefix", "anna"),
    ],
)
def test_a_speaker_is_a_folder_or_what_a_name_begins_with(path, rule, speaker):
    assert speaker_of(PurePosixPath(path), rule) == speaker


def test_long_files_are_cut_into_equal_pieces_at_their_own_rate(tmp_path):
    tone(tmp_path / "a/long.wav", 5.0, rate=8000)
    tone(tmp_path / "a/short.flac", 2.0, rate=44100, channels=2)
    found, left_out, _ = pieces(tmp_path, ".", ["a/long.wav", "a/short.flac"], "parent", 2.0, 1)
    # 5 s in pieces of at most 2 s are three of 5 / 3 s: 13,333 or 13,334 samples
    assert found == [
        Piece("a/long.wav", "a", 0, 13333),
        Piece("a/long.wav", "a", 13333, 26667),
        Piece("a/long.wav", "a", 26667, 40000),
        Piece("a/short.flac", "a", 0, 88200),
    ]
    assert left_out == {}


def test_what_is_no_speech_is_told_by_its_reason(tmp_path):
    tone(tmp_path / "a/good.wav", 3.0)
    tone(tmp_path / "a/brief.wav", 0.9)
    tone(tmp_path / "a/silent.wav", 3.0, amplitude=5e-4)
    half = np.concatenate([np.zeros(32000), 0.3 * np.ones(32000) * np.sign(np.sin(np.arange(32000)))])
    soundfile.write(tmp_path / "a/half.wav", half, 16000)
    (tmp_path / "a/broken.wav").write_bytes(b"RIFF")
    soundfile.write(tmp_path / "a/nan.wav", np.full(32000, np.nan, np.float32), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "a/against.wav", np.stack([half, -half], axis=1), 16000)
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.wav"))
    found, left_out, _ = pieces(tmp_path, ".", names, "parent", 2.0, 1)
    assert [(piece.path, piece.start, piece.stop) for piece in found] == [
        ("a/good.wav", 0, 24000),
        ("a/good.wav", 24000, 48000),
        ("a/half.wav", 32000, 64000),
    ]
    assert left_out.pop("silent") == ["a/half.wav", "a/silent.wav"]
    assert left_out.pop("shorter than 1 s") == ["a/brief.wav"]
    assert sorted(map(str, left_out.values())) == ["['a/against.wav']", "['a/broken.wav']", "['a/nan.wav']"]
    assert any("cancel each other" in reason for reason in left_out)
    with pytest.raises(Refused, match="no file of speech can be used: 1 file: 1 shorter than 1 s .such as a/brief.wav"):
        pieces(tmp_path, ".", ["a/brief.wav"], "parent", 2.0, 1)


def test_a_constant_is_silent(tmp_path):
    soundfile.write(tmp_path / "dc.wav", np.full(32000, 0.2), 16000)
    with pytest.raises(Refused, match="no file of noise can be used: 1 file: 1 silent"):
        noises(tmp_path, ["dc.wav"], frozenset(), 1)


def test_a_type_of_noise_is_the_folder_of_its_file(tmp_path):
    tone(tmp_path / "noise/rain/a.ogg", 1.0, rate=44100)
    tone(tmp_path / "noise/bus/b.wav", 0.1)
    (tmp_path / "noise/bus/c.wav").write_bytes(b"")
    names = ["noise/rain/a.ogg", "noise/bus/b.wav", "noise/bus/c.wav"]
    found, left_out = noises(tmp_path, names, frozenset(), 1)
    assert found == {"noise/rain/a.ogg": "rain", "noise/bus/b.wav": "bus"}
    assert left_out == {"empty file": ["noise/bus/c.wav"]}


def test_a_copy_is_not_heard_again_as_another_type_or_speaker(tmp_path):
    names = ["bus/hum.wav", "rain/same.wav", "rain/other.wav"]
    for name, hz in zip(names, (440, 440, 441), strict=True):
        tone(tmp_path / name, 2.0, hz=hz)
    found, left_out = noises(tmp_path, names, frozenset(), 1)
    assert found == {"bus/hum.wav": "bus", "rain/other.wav": "rain"}
    assert left_out == {"a copy of another file": ["rain/same.wav"]}
    found, left_out, heard = pieces(tmp_path, ".", names, "parent", 4.0, 1)
    assert [piece.path for piece in found] == ["bus/hum.wav", "rain/other.wav"] and len(heard) == 2
    assert left_out == {"a copy of another file": ["rain/same.wav"]}


def test_parts_of_what_a_speaker_said_are_not_taken_for_speakers(tmp_path):
    libri = ["speech/84/121123/84-121123-0000.flac", "speech/103/1240/103-1240-0000.flac"]
    with pytest.raises(
        Refused, match="84-121123-0000.flac: its name begins with that of the folder 84, of which 121123"
    ):
        pieces(tmp_path, "speech", libri, "parent", 2.0, 1)
    for apart in (["84/84-121123-0000.flac", "103/103-1240-0000.flac"], ["speech/anna/speech_1.wav"] * 2):
        check_speakers(map(PurePosixPath, apart), "parent")  # folders of speakers; a word that all names begin with
    check_speakers(map(PurePosixPath, libri), "prefix")


def test_folders_below_folders_may_be_parts_of_what_a_speaker_said(caplog):
    vox = ["id1/session0/00001.flac", "id1/session1/00001.flac", "id2/session0/00001.flac"]
    check_speakers(map(PurePosixPath, vox), "top")
    assert not caplog.messages
    check_speakers(map(PurePosixPath, vox), "parent")
    [said] = caplog.messages
    assert "these lie in 2 folders (id1, id2, ...): if those are the speakers, as in VoxCeleb, say speaker top" in said


def test_what_is_among_the_speech_is_no_noise(tmp_path):
    for name in ("speech/anna/a.wav", "noise/link/a.wav", "noise/rain/b.wav"):
        tone(tmp_path / name, 2.0, hz=440 if name.endswith("a.wav") else 500)
    _, _, heard = pieces(tmp_path, "speech", ["speech/anna/a.wav"], "parent", 4.0, 1)
    found, left_out = noises(tmp_path, ["noise/link/a.wav", "noise/rain/b.wav"], heard, 1)
    assert found == {"noise/rain/b.wav": "rain"} and left_out == {"a copy of a file of speech": ["noise/link/a.wav"]}


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 1)])
def test_a_stretch_is_what_lies_there_at_one_rate(tmp_path, rate, channels):
    tone(tmp_path / "a.flac", 3.0, rate, channels)
    heard = stretch_of(tmp_path / "a.flac", rate, 2 * rate)
    assert abs(len(heard) - material.RATE) <= 1
    expected = 0.3 * np.sin(2 * np.pi * 440 * (1 + np.arange(len(heard)) / material.RATE))
    inner = slice(800, -800)  # the resampler's ends ring
    assert np.abs(heard - expected)[inner].max() < 0.005


def test_the_silence_that_fills_a_clip_up_is_no_noise(tmp_path):
    burst = 0.3 * np.sign(np.sin(np.arange(1600)))
    soundfile.write(tmp_path / "a.wav", np.concatenate([np.zeros(800), burst, np.zeros(14400)]), 16000)
    heard = sound(tmp_path / "a.wav")
    assert len(heard) == np.flatnonzero(burst)[-1] + 1 - np.flatnonzero(burst)[0]


def test_a_stretch_of_noise_goes_on_from_the_start():
    noise = np.arange(1.0, 6.0)
    heard = stretch(noise, 12, np.random.default_rng(0))
    assert len(heard) == 12 and set(heard) == set(noise)
    assert np.array_equal(np.diff(heard) % 5, np.ones(11))
    places = {stretch(noise, 1, np.random.default_rng(seed))[0] for seed in range(60)}
    assert places == set(noise)  # from any place on


def test_a_stretch_of_noise_is_never_silent():
    noise = np.zeros(1000)
    noise[500] = 0.5
    heard = [stretch(noise, 10, np.random.default_rng(seed)) for seed in range(20)]
    assert all(np.abs(wave).max() == 0.5 for wave in heard)
