"""Audio that libsndfile does not read (AAC, AMR, WebM, ...) or whose length it only estimates (MP3), by PyAV.

PyAV's wheels carry ffmpeg's libraries. A decoder that conceals what is missing would give a cut file as a whole one, so
every packet must decode, and the file must hold as much as it states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from voxdag.audio import containers

# ffmpeg's names of what is opened. Playlists, which would open other files or addresses, are not among them.
FORMATS = ("mp3", "aac", "amr", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "asf", "ac3", "eac3")
FORMATS += ("flac", "wav", "caf", "ogg")
FRAME_BYTES = {
    "mp3": containers.mpeg_frame_bytes,
    "ac3": containers.ac3_frame_bytes,
    "eac3": containers.ac3_frame_bytes,
}
FRAME_HEADER = 6  # bytes that such a format needs to say how long a frame is
OPTIONS = {"format_whitelist": ",".join(FORMATS), "err_detect": "explode"}
SHOWN = 16  # bytes of a file that is no audio
SHORTFALL = 0.1  # seconds: containers state a length to a packet or two, padding of the encoder included


class Undecodable(ValueError):
    """What a file lacks; without the path."""


def read(path: Path) -> tuple[np.ndarray, int]:
    """A whole file as float64 (frames, channels) in -1..1, and its rate in Hz.

    The first audio stream counts. Raises Undecodable for a file without one, of two rates, that is cut or damaged, or
    of another format than those of FORMATS; and OSError.
    """
    import av  # a fifth of a second, which corpora of FLAC and WAV need not spend

    av.logging.set_level(av.logging.PANIC)  # what it would print is raised here
    with path.open("rb") as file:  # and not by its name, which need not be UTF-8
        try:
            container = av.open(file, options=OPTIONS)
        except av.error.FFmpegError:
            raise Undecodable(f"no known audio format: it begins with {_beginning(path)}") from None
        with container:
            try:
                return _whole(container, path)
            except av.error.FFmpegError as error:
                raise Undecodable(f"damaged: {error.strerror or error}") from None


def _whole(container, path: Path) -> tuple[np.ndarray, int]:
    if not container.streams.audio or container.streams.audio[0].codec_context is None:
        raise Undecodable("no audio that can be decoded")
    stream = container.streams.audio[0]
    packets = container.demux(stream)
    if container.format.name in FRAME_BYTES:
        packets = _whole_packets(packets, FRAME_BYTES[container.format.name])
    if container.format.name == "mp3":
        packets = _counted(packets, containers.mpeg_frames(path))
    frames = list(_frames(packets))
    if not frames:
        return np.zeros((0, 1)), stream.rate
    rate = frames[0][0]
    wave = np.concatenate([block for _, block in frames], axis=1).T
    stated = _stated_seconds(container, stream)
    if stated is not None and len(wave) / rate < stated - SHORTFALL:
        raise Undecodable(f"truncated: {len(wave) / rate:.2f} of {float(stated):.2f} s")
    return wave, rate


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        return repr(file.read(SHOWN).decode("ascii", "replace"))


def _stated_seconds(container, stream) -> Fraction | None:
    """What a container says of its length, in seconds; ffmpeg's estimate from a file's size does not count."""
    if container.format.name == "mov,mp4,m4a,3gp,3g2,mj2" and stream.duration:
        return stream.duration * stream.time_base
    if container.format.name == "matroska,webm" and container.duration:
        return Fraction(container.duration, 1_000_000)
    return None


def _whole_packets(packets, frame_bytes: Callable[[bytes], int | None]) -> Iterator:
    """The packets of a format of frames, which say how long they are. Raises Undecodable where one is cut."""
    for packet in packets:
        length = frame_bytes(bytes(packet)[:FRAME_HEADER]) if packet.size else None
        if length is not None and packet.size < length:
            raise Undecodable(f"truncated: a frame has {packet.size} of {length} bytes")
        yield packet


def _counted(packets, stated: int | None) -> Iterator:
    """The packets of an MP3 file that hold audio: an Info frame in the middle begins another file that was appended.

    stated: their number, as the file says; some encoders count the Info frame itself. Raises Undecodable where there
    are fewer.
    """
    count = 0
    for packet in packets:
        data = bytes(packet) if packet.size else b""
        if containers.is_info_frame(data):
            continue
        count += bool(data)
        yield packet
    if stated is not None and count + 1 < stated:
        raise Undecodable(f"truncated: {count} of {stated} frames")


def _frames(packets: Iterator) -> Iterator[tuple[int, np.ndarray]]:
    """The rate and the samples (channels, n) of each frame in turn; of what they are, the sample format alone is
    changed. Raises Undecodable where rate or channels change: recordings of two kinds were joined."""
    import av

    to_doubles, first = av.AudioResampler(format="dblp"), None
    for packet in packets:
        for frame in packet.decode():
            kind = frame.sample_rate, frame.layout.nb_channels
            first = first or kind
            if kind != first:
                raise Undecodable("two kinds of audio in it: {} Hz in {} channels, then {} in {}".format(*first, *kind))
            for block in to_doubles.resample(frame):
                yield frame.sample_rate, block.to_ndarray()
