"""Coded speech that was made before, by what it is a function of (`codecs.cache_key`).

A folder holds <key's first two digits>/<key>.flac: 16-bit samples, and the bit rate that was reached as its comment. A
file is written whole or not at all, and one that cannot be read is made again.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from voxdag.audio import codecs
from voxdag.audio.decode import INT16_SCALE, to_int16
from voxdag.core import artifacts


def through(samples: np.ndarray, rate: int, codec: str, quality: str, folder: Path | None) -> tuple[np.ndarray, float]:
    """16-bit samples (n,) through a codec: (n,) of 16 bits, and the bit rate that was reached, in kbit/s.

    folder: of the cache; None: without one. Raises Refused as `codecs.through` does.
    """
    key = codecs.cache_key(samples, rate, codec, quality)
    path = None if folder is None else folder / key[:2] / f"{key}.flac"
    known = None if path is None else _read(path, len(samples))
    if known is not None:
        return known
    coded = codecs.through(samples / INT16_SCALE, rate, codec, quality)
    made = to_int16(coded.wave)[0]
    if path is not None:
        _write(path, made, rate, coded.kbps)
    return made, coded.kbps


def _read(path: Path, length: int) -> tuple[np.ndarray, float] | None:
    if not path.is_file():
        return None
    try:
        with soundfile.SoundFile(path) as file:
            samples, kbps = file.read(dtype="int16"), float(file.comment)
    except (soundfile.LibsndfileError, ValueError, AttributeError):  # damaged, or without the comment
        return None
    return (samples, kbps) if len(samples) == length else None


def _write(path: Path, samples: np.ndarray, rate: int, kbps: float) -> None:
    content = BytesIO()
    with soundfile.SoundFile(content, "w", rate, 1, "PCM_16", format="FLAC") as file:
        file.comment = repr(kbps)
        file.write(samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    artifacts.write_bytes(path, content.getvalue())
