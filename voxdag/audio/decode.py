"""Decode a file to mono 16-bit samples at one rate, or say why it cannot be used.

libsndfile reads what it knows exactly; PyAV (ffmpeg) the rest, and what libsndfile only estimates the length of.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

from voxdag.audio import containers, ffmpeg
from voxdag.audio.trailing import trailing
from voxdag.core import bounds
from voxdag.core.texts import GIT_LFS

INT16_SCALE = 32768  # 1.0 in floating point; a 16-bit file's samples pass unchanged
LIBSNDFILE = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"caff", b"riff", b".snd", b"NIST")
# Format tags of WAV that libsndfile decodes to the last sample: PCM, MS ADPCM, float, A-law, mu-law, IMA ADPCM,
# GSM 6.10, NMS ADPCM, G.721, extensible. Of MPEG audio (0x55) it counts the encoder's delay as missing.
WAV_CODECS = (0x01, 0x02, 0x03, 0x06, 0x07, 0x11, 0x31, 0x38, 0x40, 0xFFFE)
CAF_CODECS = (b"lpcm", b"ulaw", b"alaw")
UNREAD = {
    b"Creative Voice File": "VOC",
    b" paf": "PAF",
    b"fap ": "PAF",
    b"2BIT": "AVR",
    b"\x64\xa3": "IRCAM",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
    b"MThd": "MIDI",
    b".RMF": "RealAudio",
}
TS_SYNC, TS_PACKET = 0x47, 188  # how each packet of an MPEG transport stream begins, and its length in bytes
RATES = (1_000, 768_000)  # Hz: beyond, a header is wrong, and resampling would take all memory
CANCELLED = 1e-3  # power of the channels' mean over their mean power: independent channels have 1 / channels
BLOCK = 1 << 20  # frames
HEAD = 256  # bytes that tell what a file is
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
    seconds, channels = len(wave) / source_rate, wave.shape[1]
    if seconds < decoding.min_seconds:
        raise BadAudio(f"{seconds:.4f} s long, shorter than {decoding.min_seconds} s")
    _check_scale(wave, decoding.max_clipped)
    mono = mix(wave)
    del wave  # the largest of all
    mean = mono.mean()
    peak = float(max(mono.max() - mean, mean - mono.min()))
    if peak < decoding.min_peak:
        raise BadAudio(f"silent: peak {peak:.2e} of full scale, below {decoding.min_peak}")
    samples, clipped = to_int16(resample(mono, source_rate, decoding.rate))
    return Audio(samples, source_rate, channels, clipped)


def read(path: Path) -> tuple[np.ndarray, int]:
    """A whole file as float64 (frames, channels) in -1..1, and its rate in Hz. Raises BadAudio."""
    with _as_reasons(path):
        wave, rate = _read(path)
    if len(wave) == 0:
        raise BadAudio("no samples")
    _check_finite(wave)
    return wave, rate


class Frames:
    """The frames of a file, stretch by stretch, as `read` gives them: `len` of them, of `channels`, at `rate` Hz.

    What libsndfile reads, and knows the length of, is read from the disk as it is asked for; anything else is held in
    memory whole. Raises BadAudio for what can be told before the samples are read.
    """

    def __init__(self, path: Path):
        self._path, self._wave = path, None
        with _as_reasons(path):
            self._file = _opened(path)
        if self._file is None:
            self._wave, self.rate = read(path)
            self._count, self.channels = self._wave.shape
        else:
            self._count, self.channels, self.rate = self._file.frames, self._file.channels, self._file.samplerate

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> Frames:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, start: int, stop: int) -> np.ndarray:
        """Frames `start` to `stop`, as far as there are any: float64 (frames, channels). Raises BadAudio."""
        if self._file is None:
            return self._wave[start:stop]  # type: ignore[index]
        start, expected = min(start, len(self)), max(0, min(stop, len(self)) - start)
        with _as_reasons(self._path):
            self._file.seek(start)
            wave = self._file.read(expected, dtype="float64", always_2d=True)
        if len(wave) != expected:
            raise BadAudio(f"truncated: {start + len(wave)} of {len(self)} samples")
        _check_finite(wave)
        return wave


def read_stretch(path: Path, start: int, stop: int) -> tuple[np.ndarray, int]:
    """Frames `start` to `stop` of a file as `read` gives them, and its rate in Hz. Raises BadAudio."""
    with Frames(path) as frames:
        return frames.read(start, stop), frames.rate


def mix(wave: np.ndarray) -> np.ndarray:
    """The mean (n,) of the channels of (n, channels). Raises BadAudio where they cancel each other."""
    mono = wave.mean(axis=1)
    power, mixed = (sum(np.square(block).sum() for block in _blocks(part)) / part.size for part in (wave, mono))
    if wave.shape[1] > 1 and power > 0 and mixed < CANCELLED * power:
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
    samples, clipped, at = np.empty(len(wave), np.int16), 0, 0
    for block in _blocks(wave):
        scaled = np.rint(block * INT16_SCALE)
        samples[at : at + len(block)] = np.clip(scaled, -INT16_SCALE, INT16_SCALE - 1)
        clipped += int(np.count_nonzero(np.abs(scaled) > INT16_SCALE))
        at += len(block)
    return samples, clipped


def _blocks(wave: np.ndarray) -> Iterator[np.ndarray]:
    """Some seconds after the other: what is computed of a long recording at once takes its memory twice."""
    return (wave[start : start + BLOCK] for start in range(0, len(wave), BLOCK))


@contextmanager
def _as_reasons(path: Path) -> Iterator[None]:
    """Whatever a decoder raises is what is wrong with this file, not with the others: BadAudio says it."""
    try:
        yield
    except BadAudio:
        raise
    except FileNotFoundError:
        raise BadAudio("absent") from None
    except ffmpeg.Undecodable as error:
        raise BadAudio(str(error) if "truncated" in str(error) else f"unreadable: {error}") from None
    except Exception as error:
        said = str(error).replace(repr(os.fsencode(path)), "it").replace(str(path), "file") or type(error).__name__
        raise BadAudio(f"unreadable: {said}") from None


def _read(path: Path) -> tuple[np.ndarray, int]:
    """As `read`, before its checks of the samples."""
    head, extent = _head(path)
    if head[:4] == b"OggS":
        wave, rate = _ogg(path)
    elif head[:4] == b"fLaC":
        wave, rate = _flac(path)
    elif (content := _mended(path, head, extent)) is not None:
        wave, rate = _by_libsndfile(io.BytesIO(content))
    elif _is_exact(path, head, extent):
        wave, rate = _by_libsndfile(os.fsencode(path))  # a name need not be UTF-8
    else:
        wave, rate = ffmpeg.read(path)
    _check_rate(rate)
    return wave, rate


def _opened(path: Path) -> soundfile.SoundFile | None:
    """A file that libsndfile reads, knows the length of, and reads any stretch of; None for another."""
    head, extent = _head(path)
    known = _is_exact(path, head, extent) and _mended(path, head, extent) is None
    if not (known or _is_one_flac(path, head)):
        return None
    file = soundfile.SoundFile(os.fsencode(path))
    _check_rate(file.samplerate)
    if file.frames == 0:
        raise BadAudio("no samples")
    return file if file.seekable() else None


def _head(path: Path) -> tuple[bytes, containers.Extent | None]:
    """What tells what a file is, and what its header says of its length. Raises BadAudio for what is cut, or empty, or
    goes on behind its audio."""
    total = path.stat().st_size
    if total == 0:
        raise BadAudio("empty file")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(GIT_LFS):
        raise BadAudio("a pointer of Git LFS in the audio's place: `git lfs pull` fetches the audio")
    if name := _unread(head):
        raise BadAudio(f"unreadable: {name}, a format that is not read here; ffmpeg or sox convert it to FLAC or WAV")
    extent = containers.extent(path)
    if extent is not None and extent.end is not None and extent.end > total:
        held, stated = max(0, total - extent.start), extent.end - extent.start
        raise BadAudio(f"truncated: {held} of {stated} bytes of audio")
    if head[:4] not in (b"OggS", b"fLaC") and (reason := trailing(path, extent)):
        raise BadAudio(f"unreadable: {reason}")
    return head, extent


def _check_finite(wave: np.ndarray) -> None:
    if odd := sum(np.count_nonzero(~np.isfinite(block)) for block in _blocks(wave)):
        raise BadAudio(f"{odd} samples are not finite")


def _is_exact(path: Path, head: bytes, extent: containers.Extent | None) -> bool:
    """Whether libsndfile reads the file, and knows its length: it takes a WAV whose sizes were never written for one
    without samples."""
    if head[:4] == b"RIFF":
        return (extent is None or extent.end is not None) and containers.wav_codec(path) in (None, *WAV_CODECS)
    if head[:4] == b"caff":
        alac = head[28:32] == b"alac" and any(head[32:36])  # ffmpeg leaves out its depth, which libsndfile needs
        return (extent is None or extent.end is not None) and (alac or head[28:32] in CAF_CODECS)
    return head[:4] in LIBSNDFILE


def _mended(path: Path, head: bytes, extent: containers.Extent | None) -> bytes | None:
    """A file whose header libsndfile cannot use, with one that says the same; None of all others.

    These are AU and RF64 whose sizes were never written, BW64, and WAV with an odd chunk that lacks its padding.
    """
    total = path.stat().st_size
    if extent is None or extent.start >= total:
        return None
    if head[:4] == b".snd" and extent.end is None and not any(head[8:12]):
        content = path.read_bytes()
        return content[:8] + b"\xff" * 4 + content[12:]
    odd = head[:4] == b"RIFF" and extent.end is not None and extent.start % 2
    if head[:4] == b"BW64" or (head[:4] == b"RF64" and extent.end is None) or odd:
        return containers.as_rf64(path.read_bytes(), extent)
    return None


def _unread(head: bytes) -> str | None:
    """The name of a format that is known and not read."""
    if head[:4] == b"RIFF" and head[8:11] == b"AVI":
        return "AVI"
    if len(head) > TS_PACKET and head[0] == head[TS_PACKET] == TS_SYNC:
        return "MPEG-TS"
    return next((name for begin, name in UNREAD.items() if head.startswith(begin)), None)


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
    wave, rate = ffmpeg.read(path)
    stated = containers.flac_md5(content)
    if stated is not None and _md5(wave, stated[1]) != stated[0]:
        raise BadAudio("truncated or damaged: the MD5 of the samples is not what the header states")
    return wave, rate


def _md5(wave: np.ndarray, bits: int) -> bytes:
    """Of samples of so many bits, as FLAC reckons it: in whole bytes, the lowest first."""
    digest, size = hashlib.md5(usedforsecurity=False), -(-bits // 8)
    for block in _blocks(wave):
        whole = np.rint(np.ascontiguousarray(block) * 2.0 ** (bits - 1)).astype("<i4")
        digest.update(whole.view(np.uint8).reshape(-1, 4)[:, :size].tobytes())
    return digest.digest()


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
    share = sum(np.count_nonzero(np.abs(block) > 1) for block in _blocks(wave)) / wave.size
    if share > most:
        raise BadAudio(
            f"{100 * share:.1f} % of the samples lie beyond full scale, more than {100 * most:g} %: peak "
            f"{np.abs(wave).max():.3g}, where 1 is full scale"
        )


def _check_rate(rate: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise BadAudio(f"a rate of {rate} Hz, expected {RATES[0]} to {RATES[1]}: the header is wrong")
