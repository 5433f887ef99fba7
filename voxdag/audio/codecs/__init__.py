"""What a speech codec leaves of a wave: coded and decoded, in memory, with the codec's delay taken out.

    wave (n,) at any rate -> at the codec's rate -> coded -> decoded -> without its delay -> at the old rate (n,)

CODECS has what there is, by name: which backend does it, at which rate, and the bit rate of each quality, 1 the worst.
`Coded` says what was reached: a codec's own bit rate is not the one that was asked for.

A backend is a module with VERSION and `through(wave, rate, setting) -> (wave, bytes)`: soundfile (libsndfile in memory:
MP3, Opus, Vorbis, GSM, G.726, mu-law, A-law) and av (FFmpeg in PyAV's wheel: AAC, AMR-NB, G.722). Neither has one
for Speex or AMR-WB. The output is a function of wave, codec and quality, the same in every process of an installation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from voxdag.audio.codecs import by_av, by_soundfile
from voxdag.audio.decode import resample
from voxdag.core.errors import Refused

BACKENDS: Mapping[str, ModuleType] = {"soundfile": by_soundfile, "av": by_av}
WIDE, NARROW = 16000, 8000  # Hz
NONE = "none"  # the name of what is not coded, and its quality
RECIPE = 1  # of what is done here around a backend; a change of it changes waves


@dataclass(frozen=True)
class Codec:
    """rate: Hz that it codes at; settings: what its backend is told, quality by quality from the worst on."""

    backend: str
    rate: int
    settings: tuple[Any, ...]

    @property
    def qualities(self) -> tuple[str, ...]:
        """Their names: "1" (the worst), "2", ..."""
        return tuple(str(number) for number in range(1, len(self.settings) + 1))

    @property
    def version(self) -> str:
        """Of what makes the waves."""
        return f"{self.backend} {BACKENDS[self.backend].VERSION}, recipe {RECIPE}"


@dataclass(frozen=True)
class Coded:
    """What came out of a codec: wave (n,), as long as what went in; kbps: of what was stored, container included."""

    wave: np.ndarray
    kbps: float


def _mp3(kbps: float, most: float) -> dict[str, object]:
    """By average bit rate: libsndfile's level counts from the highest rate of the sampling rate down to 8 kbit/s."""
    level = (most - kbps) / (most - 8)
    return {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "AVERAGE", "compression_level": level}


def _opus(kbps: float) -> dict[str, object]:
    """libsndfile's level counts from 256 kbit/s down to 6."""
    return {"format": "OGG", "subtype": "OPUS", "compression_level": (256 - kbps) / 250}


def _vorbis(level: float) -> dict[str, object]:
    return {"format": "OGG", "subtype": "VORBIS", "compression_level": level}


def _plain(kind: str, subtype: str) -> dict[str, object]:
    return {"format": kind, "subtype": subtype}


CODECS: dict[str, Codec] = {
    "mp3": Codec("soundfile", WIDE, tuple(_mp3(kbps, 160) for kbps in (16, 24, 32, 48, 64))),
    "opus": Codec("soundfile", WIDE, tuple(_opus(kbps) for kbps in (8, 12, 16, 24, 32))),
    "opus_nb": Codec("soundfile", NARROW, tuple(_opus(kbps) for kbps in (6, 8, 10, 12, 16))),
    "vorbis": Codec("soundfile", WIDE, tuple(_vorbis(level) for level in (1.0, 0.75, 0.5, 0.25, 0.0))),
    "gsm": Codec("soundfile", NARROW, (_plain("WAV", "GSM610"),)),
    "g726": Codec("soundfile", NARROW, tuple(_plain("AU", name) for name in ("G723_24", "G721_32", "G723_40"))),
    "mulaw": Codec("soundfile", NARROW, (_plain("WAV", "ULAW"),)),
    "alaw": Codec("soundfile", NARROW, (_plain("WAV", "ALAW"),)),
    "aac": Codec("av", WIDE, tuple(by_av.Setting("aac", "aac", 1024, kbps) for kbps in (16, 24, 32, 48, 64))),
    "amr_nb": Codec(
        "av",
        NARROW,
        tuple(by_av.Setting("libopencore_amrnb", "amrnb", 40, kbps) for kbps in (4.75, 5.9, 7.4, 10.2, 12.2)),
    ),
    "g722": Codec("av", WIDE, (by_av.Setting("g722", "g722", 22, 64),)),
}


def setting(codec: str, quality: str) -> Any:
    """What a codec's backend is told. Raises Refused for an unknown codec or quality, with those there are."""
    if codec not in CODECS:
        raise Refused(f"unknown codec {codec!r}, expected one of {', '.join(CODECS)}")
    known = CODECS[codec]
    if quality not in known.qualities:
        raise Refused(f"{codec} has no quality {quality!r}, expected one of {', '.join(known.qualities)}")
    return known.settings[known.qualities.index(quality)]


def check(codec: str) -> None:
    """Raises Refused for a codec that this installation cannot code with: better before training than in it."""
    setting(codec, "1")
    tone = 0.1 * np.sin(2 * np.pi * 440 / WIDE * np.arange(WIDE // 4))
    try:
        through(tone, WIDE, codec, "1")
    except Exception as reason:  # whatever the library says of a codec that it lacks
        known = CODECS[codec]
        raise Refused(f"the codec {codec} is not to be had here: {known.version} says {reason}") from reason


def through(wave: np.ndarray, rate: int, codec: str, quality: str) -> Coded:
    """A wave (n,), full scale at 1, at `rate` Hz, through a codec.

    Raises Refused for an unknown codec or quality, and for a wave that is empty or not finite.
    """
    if not wave.size or not np.isfinite(wave).all():
        raise Refused(f"a wave of {wave.size} samples, {np.isfinite(wave).sum()} of them finite: expected finite ones")
    told, known = setting(codec, quality), CODECS[codec]
    at_its_rate = np.clip(resample(wave, rate, known.rate), -1, 1)
    decoded, size = BACKENDS[known.backend].through(at_its_rate, known.rate, told)
    found = resample(_fitted(decoded, len(at_its_rate)), known.rate, rate)
    return Coded(_fitted(found, len(wave)), 8 * size * rate / len(wave) / 1000)


def cache_key(wave: np.ndarray, rate: int, codec: str, quality: str) -> str:
    """What coded speech is a function of, as a digest: 16-bit samples, rate, codec, its setting, and what codes it."""
    said = f"{rate} {codec} {setting(codec, quality)!r} {CODECS[codec].version}\n"
    return hashlib.sha256(said.encode() + np.ascontiguousarray(wave, np.int16).tobytes()).hexdigest()


def _fitted(wave: np.ndarray, length: int) -> np.ndarray:
    """As long as asked for: cut, or with silence behind."""
    return wave[:length] if len(wave) >= length else np.pad(wave, (0, length - len(wave)))
