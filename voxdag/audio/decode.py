"""Decode any libsndfile file to mono 16-bit samples at one rate, or say why it cannot be used."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

INT16_SCALE = 32768  # 1.0 in floating point; a 16-bit file's samples pass unchanged
UNKNOWN_RIFF_SIZE = (0, 0xFFFFFFFF)  # what writers to a pipe leave in the header


class BadAudio(ValueError):
    """A recording that cannot be used; the message is the reason, without the path."""


@dataclass(frozen=True)
class Audio:
    """samples: (n,) int16, mono, at the rate asked for; the rest says what the file held."""

    samples: np.ndarray
    source_rate: int
    channels: int
    clipped: int


@dataclass(frozen=True)
class Decoding:
    """rate: Hz to resample to.  min_seconds, min_peak (of full scale): below, a recording is too short, or silent."""

    rate: int
    min_seconds: float
    min_peak: float


def decode(path: Path, decoding: Decoding) -> Audio:
    """Decode a file: channels averaged, resampled, rounded to 16 bits.

    Raises BadAudio for a file that is absent, empty, truncated or unreadable, that holds values that are not finite, or
    that is too short or silent.
    """
    wave, source_rate = read(path)
    channels = wave.shape[1]
    mono = wave.mean(axis=1)
    seconds, peak = len(mono) / source_rate, float(np.abs(mono).max())
    if seconds < decoding.min_seconds:
        raise BadAudio(f"{seconds:.4f} s long, shorter than {decoding.min_seconds} s")
    if peak < decoding.min_peak:
        raise BadAudio(f"silent: peak {peak:.2e} of full scale, below {decoding.min_peak}")
    samples, clipped = to_int16(resample(mono, source_rate, decoding.rate))
    return Audio(samples, source_rate, channels, clipped)


def read(path: Path) -> tuple[np.ndarray, int]:
    """A whole file as float64 (frames, channels) in -1..1, and its rate in Hz. Raises BadAudio."""
    try:
        if path.stat().st_size == 0:
            raise BadAudio("empty file")
        _refuse_truncated_riff(path)
        with soundfile.SoundFile(path) as file:
            wave, expected, rate = file.read(dtype="float64", always_2d=True), file.frames, file.samplerate
    except FileNotFoundError:
        raise BadAudio("absent") from None
    except (soundfile.LibsndfileError, OSError) as error:
        raise BadAudio(f"unreadable: {str(error).replace(str(path), 'file')}") from None
    if len(wave) == 0:
        raise BadAudio("no samples")
    if len(wave) != expected:
        raise BadAudio(f"truncated: {len(wave)} of {expected} samples")
    if not np.isfinite(wave).all():
        raise BadAudio(f"{np.count_nonzero(~np.isfinite(wave))} samples are not finite")
    return wave, rate


def resample(wave: np.ndarray, source_rate: int, rate: int) -> np.ndarray:
    """Band-limited resampling of (n,) from `source_rate` to `rate` (Hz); unchanged where they are equal."""
    if source_rate == rate:
        return wave
    from scipy.signal import (
        resample_poly,
    )  # scipy.signal takes half a second to import, and most corpora need none of it

    ratio = Fraction(rate, source_rate)
    return resample_poly(wave, ratio.numerator, ratio.denominator)


def to_int16(wave: np.ndarray) -> tuple[np.ndarray, int]:
    """Round (n,) in -1..1 to 16 bits without dither; also how many samples lay beyond full scale."""
    scaled = np.rint(wave * INT16_SCALE)
    limited = np.clip(scaled, -INT16_SCALE, INT16_SCALE - 1)
    return limited.astype(np.int16), int(np.count_nonzero(np.abs(scaled) > INT16_SCALE))


def _refuse_truncated_riff(path: Path) -> None:
    # libsndfile shortens the frame count of a cut WAV to what is there, so only the header tells.
    with path.open("rb") as file:
        header = file.read(8)
    if header[:4] != b"RIFF" or len(header) < 8:
        return
    (size,) = struct.unpack("<I", header[4:])
    if size not in UNKNOWN_RIFF_SIZE and size + 8 > path.stat().st_size + 1:  # +1: some writers forget the pad byte
        raise BadAudio(f"truncated: {path.stat().st_size} of {size + 8} bytes")
