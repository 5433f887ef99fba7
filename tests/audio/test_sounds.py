"""Folders of sounds: stretches from a drawn place, never silent ones, channels and rates; what is refused, by key."""

import numpy as np
import pytest
import soundfile

from voxdag.audio.sounds import SUFFIXES, open_noises, open_responses
from voxdag.core.errors import Refused
from voxdag.corpora.corpus import AUDIO_SUFFIXES

KEY = "noise.folder"


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    monkeypatch.setenv("VOXDAG_CORPORA", str(tmp_path))
    return tmp_path


def write(path, wave, rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype="FLOAT" if path.suffix == ".wav" else None)


def ramp(n=1000):
    """A sample tells where it stood."""
    return np.float32((1 + np.arange(n)) / n)


def generator(seed=0):
    return np.random.default_rng(seed)


def test_a_stretch_is_one_of_the_file_from_any_place(corpora):
    write(corpora / "n/a.wav", ramp())
    sounds, starts = open_noises("n", KEY), []
    for seed in range(400):
        heard = sounds.noise(sounds.paths[0], 300, generator(seed))
        starts.append(round(1000 * heard[0]) - 1)
        np.testing.assert_allclose(heard, ramp()[starts[-1] : starts[-1] + 300])
    # uniform over 0..700: mean 350, sd 202 / 20 = 10; five of those
    assert min(starts) < 20 and max(starts) > 680 and abs(np.mean(starts) - 350) < 50


def test_a_short_file_goes_on_from_its_start(corpora):
    write(corpora / "n/a.wav", ramp(70))
    sounds = open_noises("n", KEY)
    heard = sounds.noise(sounds.paths[0], 300, generator())
    assert len(heard) == 300
    np.testing.assert_allclose(heard, np.roll(np.tile(ramp(70), 6), -(round(70 * heard[0]) - 1))[:300])


def test_a_silent_stretch_is_passed_over(corpora):
    wave = np.zeros(100_000)
    wave[50_000:50_200] = 0.5
    write(corpora / "n/a.wav", wave)
    sounds = open_noises("n", KEY)
    for seed in range(20):
        assert np.abs(sounds.noise(sounds.paths[0], 1000, generator(seed))).max() == 0.5


def test_a_tone_of_another_rate_and_two_channels_keeps_its_pitch(corpora):
    n = np.arange(96_000)
    tone = 0.5 * np.sin(2 * np.pi * 1000 / 48_000 * n)
    write(corpora / "n/a.flac", np.stack([tone, np.zeros(len(n))], axis=1), 48_000)
    sounds = open_noises("n", KEY)
    heard = sounds.noise(sounds.paths[0], 16_000, generator())
    assert len(heard) == 16_000
    spectrum = np.abs(np.fft.rfft(heard)) * 2 / len(heard)
    assert np.argmax(spectrum) == 1000 and spectrum[1000] == pytest.approx(0.25, rel=0.01)


def test_a_response_is_one_channel(corpora):
    write(corpora / "r/a.wav", np.stack([ramp(40), -ramp(40)], axis=1))
    sounds = open_responses("r", KEY)
    signs = set()
    for seed in range(20):
        found = sounds.response(sounds.paths[0], generator(seed))
        signs.add(float(np.sign(found[0])))
        np.testing.assert_allclose(np.abs(found), ramp(40))
    assert signs == {1.0, -1.0}


def test_files_are_drawn_from_all_folders_below_each_once(corpora):
    for name in ("n/a.wav", "n/b/c.flac", "n/b/d/e.wav"):
        write(corpora / name, ramp())
    (corpora / "n/list.txt").write_text("a.wav")
    (corpora / "n/._a.wav").write_bytes(b"a resource fork of macOS")
    sounds = open_noises("n", KEY)
    assert {len(set(sounds.drawn(3, generator(seed)))) for seed in range(9)} == {3}
    assert {sounds.drawn(1, generator(seed))[0].name for seed in range(30)} == {"a.wav", "c.flac", "e.wav"}


def empty(corpora):
    (corpora / "n").mkdir()


def texts_alone(corpora):
    empty(corpora)
    (corpora / "n/list.txt").write_text("x")


def garbage(corpora):
    write(corpora / "n/a.wav", ramp())
    (corpora / "n/b.wav").write_bytes(b"RIFF\x00\x00")


def cut(corpora):
    write(corpora / "n/b.wav", ramp())
    content = (corpora / "n/b.wav").read_bytes()
    (corpora / "n/b.wav").write_bytes(content[:-100])


def linked_nowhere(corpora):
    write(corpora / "n/a.wav", ramp())
    (corpora / "n/b.wav").symlink_to("nowhere.wav")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda corpora: None, "noise.folder is 'n': .*n is no folder"),
        (empty, "noise.folder is 'n': .*n holds no audio; known endings are 3gp, "),
        (texts_alone, "noise.folder is 'n': .*n holds no audio; known endings are 3gp, "),
        (garbage, "noise.folder: .*b.wav: "),
        (cut, "noise.folder: .*b.wav: truncated"),
        (linked_nowhere, "noise.folder is 'n': .*n holds 1 links without target, such as b.wav"),
    ],
)
@pytest.mark.parametrize("opening", [open_noises, open_responses])
def test_a_folder_that_cannot_be_used_is_refused_by_its_key(corpora, made, message, opening):
    made(corpora)
    with pytest.raises(Refused, match=message):
        opening("n", KEY)


def test_what_counts_as_audio_is_what_does_in_a_corpus():
    assert SUFFIXES == AUDIO_SUFFIXES


def test_a_recording_is_no_impulse_response(corpora):
    write(corpora / "n/a.wav", np.tile(ramp(), 170))
    assert open_noises("n", KEY).paths
    with pytest.raises(Refused, match="noise.folder: .*a.wav: 10.6 s long, expected an impulse response of at most 10"):
        open_responses("n", KEY)


def test_what_turns_out_when_it_is_heard_is_refused_by_key_and_file(corpora):
    write(corpora / "n/a.wav", np.zeros(2000))
    write(corpora / "n/b.wav", np.full(2000, np.nan))
    for sounds in (open_noises("n", KEY), open_responses("n", KEY)):
        for path, reason in zip(sounds.paths, ("silent", "2?[0-9]+ samples are not finite"), strict=True):
            with pytest.raises(Refused, match=f"noise.folder: .*{path.name}: {reason}"):
                sounds.noise(path, 100, generator())
            with pytest.raises(Refused, match=f"noise.folder: .*{path.name}: {reason}"):
                sounds.response(path, generator())
