"""How much audio a file holds, told without holding it: for who takes files of strangers and has memory for few.

The header says it of what libsndfile reads; anything else is decoded frame by frame, and each frame let go.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import soundfile

from voxdag.audio import containers, ffmpeg
from voxdag.audio.decode import LIBSNDFILE

OGG, FLAC = b"OggS", b"fLaC"
OF_LIBSNDFILE = (b"vorbis", b"OpusHead")  # what of Ogg it reads; within OGG_HEAD bytes
OGG_HEAD = 200


@dataclass(frozen=True)
class Length:
    """seconds, and values: frames times channels, which is what memory is needed for."""

    seconds: float
    values: int

    def __add__(self, other: Length) -> Length:
        return Length(self.seconds + other.seconds, self.values + other.values)


NOTHING = Length(0.0, 0)


def length(path: Path, most: Length) -> Length:
    """How much a file holds; counting ends as soon as it is more than `most`. What cannot be read counts as far as it
    can: who decodes it says why (`voxdag.audio.decode`)."""
    try:
        return _of_headers(path) or _counted(path, most)
    except (OSError, soundfile.LibsndfileError):
        return NOTHING


def _of_headers(path: Path) -> Length | None:
    """What headers say; None where they are not to be trusted, or none is known."""
    with path.open("rb") as file:
        begin = file.read(len(OGG))
    if begin in LIBSNDFILE:
        return _of_one(path.open("rb"))
    if begin not in (OGG, FLAC):
        return None
    content = path.read_bytes()
    links = containers.ogg_links(content) if begin == OGG else containers.flac_links(content)
    parts = [content[start:stop] for start, stop in links]
    known = [_states(part, begin) for part in parts]
    return sum((_of_one(io.BytesIO(part)) for part in parts), NOTHING) if parts and all(known) else None


def _states(part: bytes, begin: bytes) -> bool:
    if begin == FLAC:
        return containers.flac_states_length(part)
    return any(name in part[:OGG_HEAD] for name in OF_LIBSNDFILE)


def _of_one(file: io.BufferedIOBase) -> Length:
    with file, soundfile.SoundFile(file) as audio:
        return Length(audio.frames / audio.samplerate, audio.frames * audio.channels)


def _counted(path: Path, most: Length) -> Length:
    """By decoding, with the readers that `ffmpeg` has."""
    import av

    found = NOTHING
    try:
        with path.open("rb") as file, av.open(file, "r", options=ffmpeg.OPTIONS) as container:
            if not container.streams.audio:
                return found
            for frame in container.decode(container.streams.audio[0]):
                found += Length(frame.samples / frame.sample_rate, frame.samples * frame.layout.nb_channels)
                if found.seconds > most.seconds or found.values > most.values:
                    break
    except av.error.FFmpegError:
        pass  # as far as it went: whoever decodes it ends there too
    return found
