"""A recording and what a network says along it, on one time axis."""

import re
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxdag.core.errors import Refused
from voxdag.figures import style

WINDOW_SECONDS = 0.025
HOP_SECONDS = 0.010
FRAMES = 1200  # at most; more columns than a column-wide picture has pixels
MOST_DOTS = 60  # values that are marked one by one
FLOOR_DB = -80.0  # below the loudest cell
LABEL_CHARACTERS = 17  # of a line of an axis label, as many as the lowest panel is high
TRACKS = (*style.PALETTE, "#882255", "#B5B5B5")  # and a wine red and a grey that are told apart from the house's
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")


def spectrogram(wave: NDArray[np.floating], rate: int) -> tuple[NDArray[np.float64], float]:
    """Return (levels (F, T) in dB below the loudest cell, hop in seconds) of Hann windows of 25 ms.

    Frame t is centred at t * hop; the hop is 10 ms or what keeps T within `FRAMES`.
    """
    window = max(2, round(WINDOW_SECONDS * rate))
    hop = max(1, round(HOP_SECONDS * rate), -(-wave.size // FRAMES))
    padded = np.pad(wave, (window // 2, window - window // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:-1:hop]  # (T, window)
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)).T  # (F, T)
    loudest = max(magnitude.max(), np.finfo(float).tiny)
    return 20 * np.log10(np.maximum(magnitude / loudest, 10 ** (FLOOR_DB / 20))), hop / rate


@style.paper()
def figure(
    wave: NDArray[np.floating],
    rate: int,
    times: NDArray[np.floating],
    tracks: Mapping[str, NDArray[np.floating]],
    ylabel: str = "Score",
    threshold: float | None = None,
) -> Figure:
    """Draw waveform (N,), spectrogram and, over time, each of the `tracks` by its name in the legend.

    `times` (K,) are the centres in seconds of the K stretches of audio that a track has a value of, `ylabel` what
    the values are, `rate` is in Hz. One track alone needs no legend.

    Raises Refused if the wave is empty, there is no track, or times and a track differ in length.
    """
    counts = [len(track) for track in tracks.values()]
    if wave.ndim != 1 or wave.size == 0 or set(counts) != {len(times)}:
        raise Refused(
            f"expected a wave (N,) and tracks with a value for each time, got {wave.shape}, {len(times)} times and "
            f"tracks of {', '.join(map(str, counts)) or 'no'} values"
        )
    canvas = style.new_figure(height=3.6)
    panels = canvas.subplots(3, sharex=True, height_ratios=(1, 2, 1.2))
    _draw_wave(panels[0], wave, rate)
    _draw_spectrogram(panels[1], wave, rate)
    _draw_tracks(panels[2], times, tracks, threshold)
    panels[2].set(xlabel="Time (s)", ylabel=on_lines(ylabel), xlim=(0, wave.size / rate))
    canvas.align_ylabels(panels)
    return canvas


def on_lines(words: str) -> str:
    """An axis label on lines that the lowest panel is high enough for; what stands in brackets stays together."""
    together = re.sub(r"\([^)]*\)", lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), words)
    lines = textwrap.wrap(together, LABEL_CHARACTERS, break_long_words=False)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def track_looks(count: int) -> list[dict[str, Any]]:
    """Colour, dashes and marker of each track: up to 9 have a colour and a marker of their own, and neighbours differ
    in their dashes, so that nobody depends on colours alone."""
    return [
        {
            "color": TRACKS[i % len(TRACKS)],
            "linestyle": style.DASHES[i % 2 + 2 * (i // len(TRACKS) % 2)],
            "marker": MARKERS[i % len(MARKERS)],
        }
        for i in range(count)
    ]


def _draw_wave(panel: Axes, wave: NDArray[np.floating], rate: int) -> None:
    """Draw the range of the samples under each of at most `FRAMES` columns, so that no peak is lost."""
    starts = np.arange(0, wave.size, -(-wave.size // FRAMES))
    low, high = np.minimum.reduceat(wave, starts), np.maximum.reduceat(wave, starts)
    panel.fill_between(starts / rate, low, high, color=style.BLUE, linewidth=0.4)
    panel.set_ylabel("Amplitude")


def _draw_spectrogram(panel: Axes, wave: NDArray[np.floating], rate: int) -> None:
    levels, hop = spectrogram(wave, rate)
    extent = (-hop / 2, (levels.shape[1] - 0.5) * hop, 0, rate / 2000)
    image = panel.imshow(
        levels,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="magma",
        vmin=FLOOR_DB,
        vmax=0,
        interpolation="nearest",
    )
    panel.set_facecolor("black")  # half a hop at the end has no frame
    panel.set_ylabel("Frequency (kHz)")
    panel.grid(visible=False)
    panel.figure.colorbar(image, cax=panel.inset_axes((1.02, 0, 0.025, 1)), label="Level (dB)")


def _draw_tracks(
    panel: Axes, times: NDArray[np.floating], tracks: Mapping[str, NDArray[np.floating]], threshold: float | None
) -> None:
    looks = track_looks(len(tracks)) if len(tracks) > 1 else [{"color": style.BLACK, "marker": "."}]
    size = (2.5 if len(tracks) > 1 else 4) if len(times) <= MOST_DOTS else 0
    for (name, track), look in zip(tracks.items(), looks, strict=True):
        panel.plot(times, track, markersize=size, label=name, **look)
    if len(tracks) > 1:
        panel.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=5.5)
    if threshold is not None:
        panel.axhline(threshold, color=style.VERMILLION, linestyle="--", linewidth=0.9, label="threshold")
        panel.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, borderaxespad=0)
