"""Codecs of libsndfile, whose containers say how long a codec's delay is: what is read begins where the wave began."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

import numpy as np
import soundfile

VERSION = f"{soundfile.__version__}, libsndfile {soundfile.__libsndfile_version__}"


def through(wave: np.ndarray, rate: int, setting: Mapping[str, object]) -> tuple[np.ndarray, int]:
    """A wave (n,) written and read, and the bytes that it took; setting: of soundfile.write."""
    content = BytesIO()
    soundfile.write(content, wave, rate, **setting)
    size = content.tell()
    content.seek(0)
    return soundfile.read(content)[0], size
