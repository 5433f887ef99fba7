"""Codecs of FFmpeg, as PyAV's wheel brings them: packets straight from encoder to decoder, without a container."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np

from voxdag.audio.decode import INT16_SCALE

VERSION = f"{av.__version__}, FFmpeg {av.ffmpeg_version_info}"
FRAME = 320  # samples at once, of a codec that has no frames


@dataclass(frozen=True)
class Setting:
    """encoder, decoder: their names in FFmpeg; delay: of the two, samples; kbps: the bit rate that is asked for."""

    encoder: str
    decoder: str
    delay: int
    kbps: float


def through(wave: np.ndarray, rate: int, setting: Setting) -> tuple[np.ndarray, int]:
    """A wave (n,) coded and decoded, without the delay, and the bytes that it took."""
    encoder = _context(setting.encoder, "w", rate)
    encoder.bit_rate, encoder.time_base = round(1000 * setting.kbps), Fraction(1, rate)
    encoder.format = encoder.codec.audio_formats[0].name
    encoder.open()
    behind = np.zeros(setting.delay)  # or the last samples would stay in the codec
    packets = list(_packets(encoder, np.concatenate([wave, behind]), rate))
    decoder = _context(setting.decoder, "r", rate)
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    decoded = [frame.to_ndarray()[0] for packet in [*packets, None] for frame in decoder.decode(packet)]
    found = np.concatenate(decoded)
    full_scale = INT16_SCALE if found.dtype == np.int16 else 1
    return found[setting.delay :].astype(np.float64) / full_scale, sum(packet.size for packet in packets)


def _context(name: str, mode: Literal["r", "w"], rate: int) -> Any:
    context: Any = av.CodecContext.create(name, mode)
    context.sample_rate, context.layout = rate, "mono"
    return context


def _packets(encoder: Any, wave: np.ndarray, rate: int) -> Iterator[Any]:
    size, kind = encoder.frame_size or FRAME, encoder.format.name
    padded = np.pad(wave, (0, -len(wave) % size))
    whole = kind.startswith("s16")
    samples = np.round(padded * (INT16_SCALE - 1)).astype(np.int16) if whole else padded.astype(np.float32)
    for start in range(0, len(samples), size):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + size], format=kind, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield from encoder.encode(frame)
    yield from encoder.encode(None)
