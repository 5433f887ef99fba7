"""Codecs: aligned, as long, the better the more bits, the same each time; what a key is a function of; refusals."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from tests.speech import spoken
from voxdag.audio import codecs
from voxdag.audio.codecs import CODECS, NARROW, by_av, by_soundfile
from voxdag.core.errors import Refused

RATE = 16000
EVERY = [(name, quality) for name, codec in CODECS.items() for quality in codec.qualities]


@pytest.fixture(scope="module")
def speech():
    return spoken(2.0, 120).astype(float)


def band(wave, low, high):
    return sosfiltfilt(butter(4, [low, high], "band", fs=RATE, output="sos"), wave)


def snr(wave, other):
    return 10 * np.log10(np.sum(wave**2) / np.sum((wave - other) ** 2))


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_what_comes_out_is_as_long_and_where_it_was(speech, name, quality):
    # 800 to 1600 Hz: above what codecs of telephones take out, and turn in phase, below 300 Hz
    coded = codecs.through(speech, RATE, name, quality)
    a, b = (band(wave, 800, 1600)[400:-400] for wave in (speech, coded.wave))
    shifts = range(-20, 21)
    likeness = [float(np.corrcoef(a, np.roll(b, shift))[0, 1]) for shift in shifts]
    assert coded.wave.shape == speech.shape
    assert abs(shifts[int(np.argmax(likeness))]) <= 1 and max(likeness) > 0.7


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if len(codec.settings) > 1])
def test_a_higher_quality_takes_more_bits_and_loses_less(speech, name):
    found = [codecs.through(speech, RATE, name, quality) for quality in CODECS[name].qualities]
    rates = [coded.kbps for coded in found]
    assert rates == sorted(rates) and rates[0] < 0.85 * rates[-1]
    worst, best = (snr(band(speech, 400, 3000), band(found[i].wave, 400, 3000)) for i in (0, -1))
    assert best > worst + (0 if name == "amr_nb" else 3)  # a CELP codec matches what is heard, not the wave


@pytest.mark.parametrize(
    ("name", "quality", "kbps"),
    # AMR's modes, to whole bytes a frame (12.2: 32 bytes in 20 ms = 12.8), G.722's 64, GSM's 13 (65 bytes in 40 ms)
    [
        ("amr_nb", "1", 5.2),
        ("amr_nb", "5", 12.8),
        ("g722", "1", 64),
        ("gsm", "1", 13),
        ("mulaw", "1", 64),
        ("g726", "2", 32),
    ],
)
def test_codecs_of_a_fixed_rate_have_it(speech, name, quality, kbps):
    assert codecs.through(speech, RATE, name, quality).kbps == pytest.approx(kbps, rel=0.03)


@pytest.mark.parametrize("name", [name for name, codec in CODECS.items() if codec.rate == NARROW])
def test_nothing_above_4_khz_passes_a_narrow_band_codec(speech, name):
    noise = np.random.default_rng(1).normal(size=speech.size) * 0.05
    coded = codecs.through(speech + noise, RATE, name, CODECS[name].qualities[-1]).wave
    above, below = (np.std(band(coded, *edges)) for edges in ((5000, 7500), (500, 3000)))
    assert above < 0.01 * below


@pytest.mark.parametrize("name", list(CODECS))
@pytest.mark.parametrize("count", [1, 159, 1601])
def test_the_shortest_waves_pass_and_the_same_comes_out_each_time(speech, name, count):
    first, second = (codecs.through(speech[8000 : 8000 + count], RATE, name, "1").wave for _ in range(2))
    assert first.shape == (count,) and (first == second).all() and np.isfinite(first).all()


def test_a_wave_at_another_rate_comes_back_at_it(speech):
    slow = speech[::2]
    coded = codecs.through(slow, 8000, "mp3", "5")
    assert coded.wave.shape == slow.shape and snr(slow, coded.wave) > 10


def test_a_key_is_a_function_of_samples_codec_quality_and_library(speech, monkeypatch):
    samples = np.round(speech * 32767).astype(np.int16)
    other = samples.copy()
    other[5] += 1
    keys = [codecs.cache_key(samples, RATE, "mp3", "1"), codecs.cache_key(other, RATE, "mp3", "1")]
    keys += [codecs.cache_key(samples, 8000, "mp3", "1"), codecs.cache_key(samples, RATE, "mp3", "2")]
    keys += [codecs.cache_key(samples, RATE, "opus", "1")]
    assert codecs.cache_key(samples.copy(), RATE, "mp3", "1") == keys[0]
    monkeypatch.setattr(by_soundfile, "VERSION", "0.15, libsndfile 1.3")
    keys += [codecs.cache_key(samples, RATE, "mp3", "1")]
    monkeypatch.setattr(codecs, "RECIPE", 2)
    keys += [codecs.cache_key(samples, RATE, "mp3", "1")]
    assert len(set(keys)) == 7


@pytest.mark.parametrize(
    ("codec", "quality", "message"),
    [
        (
            "speex",
            "1",
            "unknown codec 'speex', expected one of mp3, opus, opus_nb, vorbis, gsm, g726, mulaw",
        ),
        ("gsm", "2", "gsm has no quality '2', expected one of 1"),
        ("mp3", "0", "mp3 has no quality '0', expected one of 1, 2, 3, 4, 5"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(speech, codec, quality, message):
    with pytest.raises(Refused, match=message):
        codecs.through(speech, RATE, codec, quality)


@pytest.mark.parametrize("wave", [np.zeros(0), np.array([0.0, np.nan])])
def test_no_samples_and_samples_that_are_no_numbers_are_refused(wave):
    with pytest.raises(Refused, match="a wave of . samples, . of them finite"):
        codecs.through(wave, RATE, "mp3", "1")


def test_a_codec_that_the_installation_lacks_is_refused_before_work_begins(monkeypatch):
    for name in CODECS:
        codecs.check(name)

    def lacking(*_):
        raise ValueError("no encoder aac")

    monkeypatch.setattr(by_av, "through", lacking)
    with pytest.raises(Refused, match=r"the codec aac is not to be had here: av .*FFmpeg .* says no encoder aac"):
        codecs.check("aac")
