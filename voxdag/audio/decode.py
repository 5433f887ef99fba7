"""Decode a file to mono 16-bit samples at one rate, or say why it cannot be used.

libsndfile reads what it knows exactly; PyAV (ffmpeg) the rest, and what libsndfile only estimates the length of.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from voxdag.audio import containers, ffmpeg
from voxdag.core import bounds
from voxdag.core.texts import GIT_LFS

INT16_SCALE = 32768  # 1.0 in floating point; a 16-bit file's samples pass unchanged
LIBSNDFILE = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"caff", b"riff", b".snd", b"NIST")
RATES = (1_000, 768_000)  # Hz: beyond, a header is wrong, and resampling would take all memory
CANCELLED = 1e-3  # power of the channels' mean over their mean power: independent channels have 1 / channels
HEAD = 64  # bytes that tell what a file is
OGG_HEAD = 200  # bytes that tell what an Ogg file holds


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
    """What of a file is used.

    rate         Hz to resample to
    min_seconds  a shorter recording is refused
    min_peak     of full scale, without the mean: below it a recording is silent
    max_clipped  the share of its samples that may lie beyond full scale: float audio on another scale would become a
                 square wave
    """

    rate: int
    min_seconds: float
    min_peak: float
    max_clipped: float

    def __post_init__(self) -> None:
        bounds.within(self, *RATES, "rate")
        bounds.at_least(self, 0, "min_seconds")
        bounds.share(self, "min_peak", "max_clipped")


def decode(path: Path, decoding: Decoding) -> Audio:
    """Decode a file: channels averaged, resampled, rounded to 16 bits.

    Raises BadAudio for a file that is absent, empty, cut or unreadable, that holds values that are not finite, whose
    channels cancel each other, or that is too short, silent, or for the most part beyond full scale.
    """
    wave, source_rate = read(path)
    seconds = len(wave) / source_rate
    if seconds < decoding.min_seconds:
        raise BadAudio(f"{seconds:.4f} s long, shorter than {decoding.min_seconds} s")
    _check_scale(wave, decoding.max_clipped)
    mono = mix(wave)
    peak = float(np.abs(mono - mono.mean()).max())
    if peak < decoding.min_peak:
        raise BadAudio(f"silent: peak {peak:.2e} of full scale, below {decoding.min_peak}")
    samples, clipped = to_int16(resample(mono, source_rate, decoding.rate))
    return Audio(samples, source_rate, wave.shape[1], clipped)


def read(path: Path) -> tuple[np.ndarray, int]:
    """A whole file as float64 (frames, channels) in -1..1, and its rate in Hz. Raises BadAudio."""
    try:
        wave, rate = _read(path)
    except BadAudio:
        raise
    except FileNotFoundError:
        raise BadAudio("absent") from None
    except ffmpeg.Undecodable as error:
        raise BadAudio(str(error) if "truncated" in str(error) else f"unreadable: {error}") from None
    except Exception as error:  # whatever a decoder raises is what is wrong with this file, not with the others
        said = str(error).replace(repr(os.fsencode(path)), "it").replace(str(path), "file") or type(error).__name__
        raise BadAudio(f"unreadable: {said}") from None
    if len(wave) == 0:
        raise BadAudio("no samples")
    if not np.isfinite(wave).all():
        raise BadAudio(f"{np.count_nonzero(~np.isfinite(wave))} samples are not finite")
    return wave, rate


def read_stretch(path: Path, start: int, stop: int) -> tuple[np.ndarray, int]:
    """Frames `start` to `stop` of a file that `read` has read whole, as it gives them."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if _is_exact(head, containers.extent(path)) or _is_one_flac(path, head):
        with soundfile.SoundFile(os.fsencode(path)) as file:
            if file.seekable():
                file.seek(start)
                return file.read(stop - start, dtype="float64", always_2d=True), file.samplerate
    wave, rate = read(path)
    return wave[start:stop], rate


def mix(wave: np.ndarray) -> np.ndarray:
    """The mean (n,) of the channels of (n, channels). Raises BadAudio where they cancel each other."""
    mono = wave.mean(axis=1)
    power = np.square(wave).mean()
    if wave.shape[1] > 1 and power > 0 and np.square(mono).mean() < CANCELLED * power:
        raise BadAudio(f"the {wave.shape[1]} channels cancel each other: one is the other with its sign changed")
    return mono


def resample(wave: np.ndarray, source_rate: int, rate: int) -> np.ndarray:
    """Band-limited resampling of (n,) from `source_rate` to `rate` (Hz); unchanged where they are equal."""
    if source_rate == rate:
        return wave
    from scipy.signal import resample_poly  # half a second to import, and most corpora need none of it

    ratio = Fraction(rate, source_rate)
    return resample_poly(wave, ratio.numerator, ratio.denominator)


def to_int16(wave: np.ndarray) -> tuple[np.ndarray, int]:
    """Round (n,) in -1..1 to 16 bits without dither; also how many samples lay beyond full scale."""
    scaled = np.rint(wave * INT16_SCALE)
    limited = np.clip(scaled, -INT16_SCALE, INT16_SCALE - 1)
    return limited.astype(np.int16), int(np.count_nonzero(np.abs(scaled) > INT16_SCALE))


def _read(path: Path) -> tuple[np.ndarray, int]:
    """As `read`, before its checks of the samples."""
    total = path.stat().st_size
    if total == 0:
        raise BadAudio("empty file")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(GIT_LFS):
        raise BadAudio("a pointer of Git LFS in the audio's place: `git lfs pull` fetches the audio")
    extent = containers.extent(path)
    if extent is not None and extent.end is not None and extent.end > total:
        held, stated = max(0, total - extent.start), extent.end - extent.start
        raise BadAudio(f"truncated: {held} of {stated} bytes of audio")
    if head[:4] == b"OggS":
        wave, rate = _ogg(path)
    elif head[:4] == b"fLaC":
        wave, rate = _flac(path)
    elif _is_exact(head, extent):
        wave, rate = _by_libsndfile(os.fsencode(path))  # a name need not be UTF-8
    else:
        wave, rate = ffmpeg.read(path)
    _check_rate(rate)
    return wave, rate


def _is_exact(head: bytes, extent: containers.Extent | None) -> bool:
    """Whether libsndfile reads the file, and knows its length: it takes a WAV whose sizes were never written for one
    without samples."""
    if head[:4] in (b"RIFF", b"caff"):
        return (extent is None or extent.end is not None) and not containers.is_mpeg_in_wav(head)
    return head[:4] in LIBSNDFILE


def _ogg(path: Path) -> tuple[np.ndarray, int]:
    """All links of an Ogg file, of which libsndfile reads the first; what it cannot decode (FLAC, Speex) by PyAV."""
    content = path.read_bytes()
    links = [content[start:stop] for start, stop in containers.ogg_links(content)]
    if not links or not all(map(containers.ends_as_ogg, links)):
        raise BadAudio("truncated: the last page of the Ogg stream is missing")
    if len(links) == 1 and not any(name in content[:OGG_HEAD] for name in (b"vorbis", b"OpusHead")):
        return ffmpeg.read(path)
    return _joined(links)


def _flac(path: Path) -> tuple[np.ndarray, int]:
    """All FLAC files that were joined to one; of one of unknown length what PyAV reads."""
    content = path.read_bytes()
    links = [content[start:stop] for start, stop in containers.flac_links(content)]
    if all(map(containers.flac_states_length, links)):
        return _joined(links) if len(links) > 1 else _by_libsndfile(os.fsencode(path))
    if len(links) > 1:
        raise BadAudio(f"unreadable: {len(links)} FLAC files were joined to one, and one does not state its length")
    return ffmpeg.read(path)


def _is_one_flac(path: Path, head: bytes) -> bool:
    return (
        head[:4] == b"fLaC"
        and containers.flac_states_length(head)
        and len(containers.flac_links(path.read_bytes())) == 1
    )


def _joined(links: list[bytes]) -> tuple[np.ndarray, int]:
    """Recordings one after the other. Raises BadAudio where their rates or numbers of channels differ."""
    waves, rates = zip(*(_by_libsndfile(io.BytesIO(link)) for link in links), strict=True)
    kinds = sorted({(rate, wave.shape[1]) for wave, rate in zip(waves, rates, strict=True)})
    if len(kinds) > 1:
        named = " and ".join(f"{rate} Hz in {channels} channels" for rate, channels in kinds)
        raise BadAudio(f"unreadable: recordings of {named} were joined")
    return np.concatenate(waves), rates[0]


def _by_libsndfile(place: bytes | io.BytesIO) -> tuple[np.ndarray, int]:
    with soundfile.SoundFile(place) as file:
        _check_rate(file.samplerate)
        count = -1 if file.seekable() else file.frames
        wave, expected, rate = file.read(count, dtype="float64", always_2d=True), file.frames, file.samplerate
    if len(wave) != expected:
        raise BadAudio(f"truncated: {len(wave)} of {expected} samples")
    return wave, rate


def _check_scale(wave: np.ndarray, most: float) -> None:
    share = np.count_nonzero(np.abs(wave) > 1) / wave.size
    if share > most:
        raise BadAudio(
            f"{100 * share:.1f} % of the samples lie beyond full scale, more than {100 * most:g} %: peak "
            f"{np.abs(wave).max():.3g}, where 1 is full scale"
        )


def _check_rate(rate: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise BadAudio(f"a rate of {rate} Hz, expected {RATES[0]} to {RATES[1]}: the header is wrong")
