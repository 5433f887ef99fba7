"""Tones in files of every kind, for tests of decoding."""

import av
import numpy as np
import soundfile

from voxdag.audio.decode import Decoding

RATE = 16_000
DECODING = Decoding(rate=RATE, min_seconds=0.1, min_peak=1e-4, max_clipped=0.01)


def tone(seconds, rate, hertz=440.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path, wave, rate=RATE, **options):
    soundfile.write(path, wave, rate, **options)
    return path


def encoded(path, kind, codec, rate, options):
    """Two seconds of a tone, encoded by ffmpeg's libraries. kind: of container; options: of it."""
    wave = tone(2.0, rate).astype(np.float32)[None]
    with av.open(str(path), "w", format=kind, options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        if codec == "wmav2":
            stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        fit = av.AudioResampler(stream.format, "mono", rate, frame_size=stream.codec_context.frame_size or None)
        for piece in [*fit.resample(frame), *fit.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


COMPRESSED = {
    "a.mp3": ("mp3", "libmp3lame", RATE, {}),
    "no_info_frame.mp3": ("mp3", "libmp3lame", RATE, {"write_xing": "0"}),
    "a.m4a": ("mp4", "aac", RATE, {"movflags": "faststart"}),
    "a.aac": ("adts", "aac", RATE, {}),
    "a.mka": ("matroska", "flac", RATE, {}),
    "a.webm": ("webm", "libopus", 48_000, {}),
    "a.ogg": ("ogg", "libopus", 48_000, {}),
    "flac.ogg": ("ogg", "flac", RATE, {}),
    "live.webm": ("webm", "libopus", 48_000, {"live": "1"}),
    "a.ac3": ("ac3", "ac3", 48_000, {}),
    "a.eac3": ("eac3", "eac3", 48_000, {}),
    "a.mp2": ("mp2", "mp2", 48_000, {}),
}


def compressed(folder, name):
    return encoded(folder / name, *COMPRESSED[name])


def stated(path, at, size, order, width=4):
    """A file with another size in its header."""
    content = bytearray(path.read_bytes())
    content[at : at + width] = size.to_bytes(width, order)
    path.write_bytes(content)
    return path
