"""What was coded before: the same samples with and without it, by its key alone, mended where a file is damaged."""

import numpy as np
import pytest

from tests.speech import spoken
from voxdag.audio import codecs
from voxdag.audio.codecs import by_soundfile, cache

RATE = 16000


@pytest.fixture(scope="module")
def samples():
    return np.round(spoken(0.5, 120) * 32767).astype(np.int16)


@pytest.fixture
def counted(monkeypatch):
    """How often something was coded."""
    calls, through = [], codecs.through
    monkeypatch.setattr(codecs, "through", lambda *words: calls.append(words[2:]) or through(*words))
    return calls


@pytest.mark.parametrize("codec", ["mp3", "opus", "amr_nb"])
def test_the_same_comes_with_and_without_and_from_the_cache(tmp_path, samples, counted, codec):
    found = [cache.through(samples, RATE, codec, "2", folder) for folder in (None, tmp_path, tmp_path)]
    assert len(counted) == 2 and len(list(tmp_path.rglob("*.flac"))) == 1
    for wave, kbps in found:
        assert wave.dtype == np.int16 and (wave == found[0][0]).all() and kbps == found[0][1] > 0


def test_other_samples_settings_and_libraries_are_coded_anew(tmp_path, samples, counted, monkeypatch):
    cache.through(samples, RATE, "mp3", "2", tmp_path)
    cache.through(samples[:-1], RATE, "mp3", "2", tmp_path)
    cache.through(samples, RATE, "mp3", "3", tmp_path)
    monkeypatch.setattr(by_soundfile, "VERSION", "another")
    cache.through(samples, RATE, "mp3", "2", tmp_path)
    assert len(counted) == 4 == len(list(tmp_path.rglob("*.flac")))


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda _: b"", lambda _: b"fLaC"])
def test_a_damaged_file_is_made_again(tmp_path, samples, counted, damage):
    expected = cache.through(samples, RATE, "mp3", "2", tmp_path)
    [path] = tmp_path.rglob("*.flac")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    again = cache.through(samples, RATE, "mp3", "2", tmp_path)
    assert (again[0] == expected[0]).all() and again[1] == expected[1]
    assert len(counted) == 2 and path.read_bytes() == whole
