"""From file to samples: the front end is applied, and what it cannot use has a reason."""

import numpy as np
import pytest
import soundfile

from voxdag.audio.decode import BadAudio, Decoding, decode
from voxdag.audio.front_end import FrontEnd
from voxdag.core.errors import Refused
from voxdag.data import columns
from voxdag.data.recordings import Features, read_audio, through_front_end
from voxdag.simulation.speech import draw_speaker, synthesise

DECODING = Decoding(rate=16000, min_seconds=0.3, min_peak=1e-4, max_clipped=0.01)


def features(denoise="none", vad="trim", low=0.2, high=30.0):
    return Features(DECODING, FrontEnd(denoise, vad, high, low), 0.01, 256)


@pytest.fixture
def spoken(tmp_path):
    rng = np.random.default_rng(3)
    speech = synthesise(draw_speaker(rng, "female"), 1.5, rng)
    wave = np.pad(speech, 12000) + 1e-4 * rng.standard_normal(len(speech) + 24000)
    soundfile.write(tmp_path / "spoken.wav", wave, 16000)
    return tmp_path


def test_without_a_front_end_the_samples_are_those_decoded(spoken):
    plain = read_audio("spoken.wav", spoken, Features(DECODING, None, 0.01, 256))
    np.testing.assert_array_equal(plain.samples, decode(spoken / "spoken.wav", DECODING).samples)
    about = {name: value for name, value in plain.columns.items() if name != "audio"}
    # 1.5 s of speech between 12000 samples of silence on either side, at 16 kHz
    assert about == {"source_rate": 16000, "channels": 1, "clipped": 0, "seconds": 3.0}


def test_outer_silence_goes_and_the_index_says_what_was_found(spoken):
    trimmed = read_audio("spoken.wav", spoken, features())
    assert 1.2 < len(trimmed.samples) / 16000 < 2.0  # 1.5 s of speech in 3 s
    assert trimmed.columns["vad_status"].startswith("silero")
    assert -45 < trimmed.columns["loudness"] < -15
    assert trimmed.columns["seconds"] == len(trimmed.samples) / 16000


def test_the_columns_of_the_index_have_the_types_that_are_written_down(spoken):
    found = {name: type(value) for name, value in read_audio("spoken.wav", spoken, features()).columns.items()}
    assert {name: kind for name, kind in found.items() if kind is not str} == columns.RECORDING


def test_the_network_that_is_given_denoises(spoken):
    quiet = read_audio("spoken.wav", spoken, features(denoise="demucs", vad="none"), lambda wave: wave / 2).samples
    loud = read_audio("spoken.wav", spoken, features(vad="none")).samples
    np.testing.assert_array_equal(quiet, np.rint(loud / 2))


def test_copies_have_one_digest_whatever_their_format_and_front_end(spoken):
    samples, rate = soundfile.read(spoken / "spoken.wav", dtype="int16")
    soundfile.write(spoken / "copy.flac", samples, rate)
    soundfile.write(spoken / "other.flac", samples[::-1], rate)
    first, copy, other = (
        read_audio(name, spoken, settings).columns["audio"]
        for name, settings in (
            ("spoken.wav", features()),
            ("copy.flac", features(vad="none")),
            ("other.flac", features()),
        )
    )
    assert first == copy != other


@pytest.mark.parametrize(
    ("name", "wave", "reason"),
    [
        ("silent.wav", np.zeros(16000), "silent: peak 0.00e+00"),
        ("short.wav", np.full(1600, 0.1), "0.1000 s long, shorter than 0.3 s"),
    ],
)
def test_a_file_without_anything_in_it_has_a_reason_and_no_features(tmp_path, name, wave, reason):
    soundfile.write(tmp_path / name, wave, 16000)
    assert reason in read_audio(name, tmp_path, features())


def test_noise_without_speech_is_kept_whole_and_marked(tmp_path):
    soundfile.write(tmp_path / "noise.wav", 0.01 * np.random.default_rng(0).standard_normal(16000), 16000)
    kept = read_audio("noise.wav", tmp_path, features())
    assert kept.columns["vad_status"] == "none" and len(kept.samples) == 16000


def test_too_much_speech_has_a_reason(spoken):
    with pytest.raises(BadAudio, match="longer than max_seconds 1.0"):
        through_front_end(decode(spoken / "spoken.wav", DECODING), features(high=1.0))


def test_denoising_by_a_network_needs_one(spoken):
    with pytest.raises(Refused, match="denoise is 'demucs', but no network"):
        read_audio("spoken.wav", spoken, features(denoise="demucs"))


def test_recordings_that_end_otherwise_have_other_digests(spoken):
    samples, rate = soundfile.read(spoken / "spoken.wav", dtype="int16")
    samples[-1] += 1
    soundfile.write(spoken / "ends.wav", samples, rate)
    digests = {read_audio(name, spoken, features()).columns["audio"] for name in ("spoken.wav", "ends.wav")}
    assert len(digests) == 2
