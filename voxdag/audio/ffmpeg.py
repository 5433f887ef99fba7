"""Audio that libsndfile does not read (AAC, AMR, WebM, ...) or whose length it only estimates (MP3), by PyAV.

PyAV's wheels carry ffmpeg's libraries. A decoder that conceals what is missing would give a cut file as a whole one, so
every packet must decode, and the file must hold as much as it states.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from voxdag.audio import containers
from voxdag.audio.tags import without_tags

# ffmpeg's names of what is opened. Playlists, which would open other files or addresses, are not among them.
FORMATS: tuple[str, ...] = ("mp3", "aac", "amr", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "asf", "ac3", "eac3")
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
ASF_SHORTFALL = 0.25  # of WMA, whose decoder drops the first frame, and which pads the last packet
# Formats whose frames say when they are heard, and how many seconds may be missing before one: recorders that take the
# time from a clock are some milliseconds off.
GAPS = {"matroska,webm": 0.05, "mov,mp4,m4a,3gp,3g2,mj2": 0.05}
STATED = ("mov,mp4,m4a,3gp,3g2,mj2", "caf")  # formats whose streams state their length
FLAC_HEADER = 12  # bytes that hold a frame's number
DRIFT = 1e-3  # by how much the recorder's clock may be faster than its samples
ASF_HEADER = 65_536  # bytes of a file in which its properties stand
SINGLE = ("flt", "fltp", "s16", "s16p", "u8", "u8p")  # formats of samples that single precision holds exactly


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
            bare = without_tags(path.read_bytes()) if container.format.name == "mp3" else None
            if bare is not None:
                container.close()
                container = av.open(io.BytesIO(bare), format="mp3", options=OPTIONS)
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
    stream, kind = container.streams.audio[0], container.format.name
    if kind == "caf" and stream.codec_context.name == "alac":
        _keep_the_end(stream.codec_context)
    if stream.codec_context.name == "flac":
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    packets = container.demux(stream)
    if kind in FRAME_BYTES:
        packets = _whole_packets(packets, FRAME_BYTES[kind])
    if kind == "mp3":
        packets = _counted(packets, containers.mpeg_frames(path))
    if kind == "flac":
        packets = _numbered(packets)
    rate, wave = _gathered(_frames(packets, GAPS.get(kind)))
    if rate is None:
        return wave, stream.rate
    stated = _stated_seconds(container, stream, path)
    if stated is not None and len(wave) / rate < stated - (ASF_SHORTFALL if kind == "asf" else SHORTFALL):
        raise Undecodable(f"truncated: {len(wave) / rate:.2f} of {float(stated):.2f} s")
    return wave, rate


def _keep_the_end(codec_context) -> None:
    """Of ALAC in CAF the last frame is as short as it should be, and ffmpeg would shorten it once more."""
    from av.codec.context import Flags2

    codec_context.flags2 |= Flags2.skip_manual


def _gathered(frames: Iterator[tuple[int, np.ndarray]]) -> tuple[int | None, np.ndarray]:
    """The rate and the samples (n, channels) of all frames, each let go when it has its place; None of no frames."""
    kept = deque(frames)
    if not kept:
        return None, np.zeros((0, 1))
    rate, blocks = kept[0][0], deque(block for _, block in kept)
    del kept
    wave, at = np.empty((len(blocks[0]), sum(block.shape[1] for block in blocks))), 0
    while blocks:
        block = blocks.popleft()
        wave[:, at : at + block.shape[1]] = block
        at += block.shape[1]
    return rate, wave.T


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        return repr(file.read(SHOWN).decode("ascii", "replace"))


def _stated_seconds(container, stream, path: Path) -> Fraction | None:
    """What a container says of its length, in seconds; ffmpeg's estimate from a file's size does not count."""
    if container.format.name == "asf":
        with path.open("rb") as file:
            return containers.asf_seconds(file.read(ASF_HEADER))
    if container.format.name in STATED and stream.duration:
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


def _numbered(packets) -> Iterator:
    """The packets of a FLAC file, whose frames are numbered. Raises Undecodable where one does not follow the last."""
    expected = None
    for packet in packets:
        found = containers.flac_number(bytes(packet)[:FLAC_HEADER]) if packet.size else None
        if found is not None:
            number, is_sample = found
            if expected is not None and number != expected:
                named = "sample" if is_sample else "frame"
                raise Undecodable(f"damaged: {named} {number} comes where {named} {expected} is expected")
            expected = number + (packet.duration if is_sample else 1)
        yield packet


def _frames(packets: Iterator, gap: float | None) -> Iterator[tuple[int, np.ndarray]]:
    """The rate and the samples (channels, n) of each frame in turn; of what they are, the sample format alone is
    changed. Raises Undecodable where rate or channels change: recordings of two kinds were joined.

    gap: how many seconds may be missing between two frames; None where frames do not say when they are heard.
    """
    import av

    to_doubles, first = av.AudioResampler(format="dblp"), None
    clock = Clock(gap)  # type: ignore[arg-type]
    for packet in packets:
        for frame in packet.decode():
            kind = frame.sample_rate, frame.layout.nb_channels
            first = first or kind
            if kind != first:
                raise Undecodable("two kinds of audio in it: {} Hz in {} channels, then {} in {}".format(*first, *kind))
            if gap is not None:
                clock.hears(frame)
            exact = np.float32 if frame.format.name in SINGLE else np.float64
            for block in to_doubles.resample(frame):
                yield frame.sample_rate, block.to_ndarray().astype(exact, copy=False)


class Clock:
    """Whether each frame is heard when the last one ends, but for `gap` seconds."""

    def __init__(self, gap: float) -> None:
        self.gap = gap
        self.start: Fraction | None = None  # seconds, of the first frame
        self.end: Fraction | None = None  # where the last one ends
        self.missing = Fraction(0)  # seconds by which all frames so far are late

    def hears(self, frame) -> None:
        """Raises Undecodable where audio is missing before the frame, or before it and those that came."""
        at = self.end if frame.pts is None else frame.pts * frame.time_base
        at = Fraction(0) if at is None else at
        if self.end is None or at < self.end - self.gap:  # a recording that was joined begins anew
            self.start, self.end, self.missing = at, at, Fraction(0)
        late = at - self.end
        self.missing += late
        if late > self.gap or self.missing > self.gap + DRIFT * (at - self.start):  # type: ignore[operator]
            raise Undecodable(f"damaged: {float(max(late, self.missing)):.3f} s are missing before {float(at):.3f} s")
        self.end = at + Fraction(frame.samples, frame.sample_rate)
