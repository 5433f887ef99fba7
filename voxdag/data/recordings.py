"""From an audio file to the samples that are packed, or scored: decoding and the front end, the same way everywhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voxdag.audio.decode import Audio, BadAudio, Decoding, decode
from voxdag.audio.front_end import Enhance, FrontEnd, process
from voxdag.audio.vad import Segments
from voxdag.core import bounds

AUDIO = "audio"  # column of the index: a digest of the decoded samples, the same for copies of a recording


@dataclass(frozen=True)
class Features:
    """front_end: denoising and voice activity detection; null for none.

    max_quarantined: the share (0..1) of recordings that may be unusable before the stage fails.
    """

    decoding: Decoding
    front_end: FrontEnd | None
    max_quarantined: float
    shard_megabytes: int

    def __post_init__(self) -> None:
        bounds.share(self, "max_quarantined")
        bounds.at_least(self, 1, "shard_megabytes")


class Recording(NamedTuple):
    """samples: (n,) int16; columns: what the index says of them (types: `columns.RECORDING`); stretches: those of the
    decoded file that the samples are, one after the other."""

    samples: np.ndarray
    columns: dict
    stretches: Segments


def read_audio(path: str, folder: Path, features: Features, enhance: Enhance | None = None) -> Recording | str:
    """The file's audio, decoded, cleaned and cut, or the reason why it cannot be used."""
    try:
        return through_front_end(decode(folder / path, features.decoding), features, enhance)
    except BadAudio as reason:
        return str(reason)


def through_front_end(audio: Audio, features: Features, enhance: Enhance | None = None) -> Recording:
    """A decoded file after the front end. `enhance` is the network that `denoise` names (see `networks.denoisers`).

    Raises BadAudio where too little or too much speech is left.
    """
    digest = hashlib.blake2b(audio.samples.tobytes(), digest_size=8).hexdigest()
    columns = {"source_rate": audio.source_rate, "channels": audio.channels, "clipped": audio.clipped, AUDIO: digest}
    samples, rate = audio.samples, features.decoding.rate
    stretches = [(0, len(samples))]
    if features.front_end is not None:
        processed = process(samples, rate, features.front_end, enhance)
        samples, columns, stretches = processed.samples, columns | processed.columns, processed.stretches
    return Recording(samples, columns | {"seconds": len(samples) / rate}, stretches)
