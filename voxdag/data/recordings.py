"""From an audio file to the samples that are packed, or scored: decoding and the front end, the same way everywhere."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models import demucs
from voxdag.audio.decode import Audio, BadAudio, Decoding, decode
from voxdag.audio.denoise import with_network
from voxdag.audio.front_end import Enhance, FrontEnd, process
from voxdag.core.errors import Refused
from voxdag.networks.by_name import weights_file
from voxdag.networks.weights import load

DEMUCS, DEMUCS_WEIGHTS = "dns64", "dns64-a7761ff99a7d5bb6.th"  # size and file of github.com/facebookresearch/denoiser
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


class Recording(NamedTuple):
    """samples: (n,) int16; columns: what the index says of them."""

    samples: np.ndarray
    columns: dict


def read_audio(path: str, folder: Path, features: Features) -> Recording | str:
    """The file's audio, decoded, cleaned and cut, or the reason why it cannot be used."""
    try:
        return through_front_end(decode(folder / path, features.decoding), features)
    except BadAudio as reason:
        return str(reason)


def through_front_end(audio: Audio, features: Features) -> Recording:
    """A decoded file after the front end. Raises BadAudio where too little or too much speech is left."""
    digest = hashlib.blake2b(audio.samples.tobytes(), digest_size=8).hexdigest()
    columns = {"source_rate": audio.source_rate, "channels": audio.channels, "clipped": audio.clipped, AUDIO: digest}
    if features.front_end is None:
        return Recording(audio.samples, columns)
    processed = process(audio.samples, features.decoding.rate, features.front_end, _enhancer(features))
    return Recording(processed.samples, columns | processed.columns)


@functools.cache
def _enhancer(features: Features) -> Enhance | None:
    """The network that `denoise` names, one for each process; None where it names none."""
    if features.front_end.denoise != "demucs":
        return None
    if features.decoding.rate != demucs.SAMPLE_RATE:
        raise Refused(f"demucs works at {demucs.SAMPLE_RATE} Hz, decoding.rate is {features.decoding.rate}")
    network = demucs.build(demucs.CONFIGS[DEMUCS], outputs=1)
    load(network, weights_file(DEMUCS_WEIGHTS))
    return functools.partial(with_network, network.eval())
