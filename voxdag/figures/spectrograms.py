"""Spectrograms of recordings of the same length, below one another: noisy, enhanced, clean."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voxdag.core.errors import Refused
from voxdag.figures import style
from voxdag.figures.plot import Plot
from voxdag.figures.waveform import FLOOR_DB, spectrogram

PANEL_HEIGHT, MARGIN = 1.05, 0.4  # inches
STEP_SECONDS = 0.05  # of the levels in the table


def draw(waves: Mapping[str, np.ndarray], rate: int, words: str) -> Plot:
    """Draw each of the waves (n,), full scale at 1, by its name; `words` stand above.

    The table has the level along each: track, seconds, value (dB re full scale).

    Raises Refused if waves differ in length or are empty.
    """
    sizes = {name: wave.size for name, wave in waves.items()}
    if len(set(sizes.values())) != 1 or not all(sizes.values()):
        raise Refused(f"waves of {sizes} samples: expected one or more of each, as many of all")
    return Plot(pd.concat([levels(name, wave, rate) for name, wave in waves.items()]), figure(waves, rate, words))


def levels(name: str, wave: np.ndarray, rate: int) -> pd.DataFrame:
    """The RMS level of each STEP_SECONDS, FLOOR_DB or more: track, seconds, value."""
    starts = np.arange(0, wave.size, round(STEP_SECONDS * rate))
    power = np.add.reduceat(wave**2, starts) / np.diff(np.append(starts, wave.size))
    value = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    return pd.DataFrame({"track": name, "seconds": starts / rate, "value": value})


@style.paper()
def figure(waves: Mapping[str, np.ndarray], rate: int, words: str) -> Figure:
    """One panel a wave, levels below its own loudest cell."""
    canvas = style.new_figure(height=MARGIN + PANEL_HEIGHT * len(waves))
    panels = canvas.subplots(len(waves), sharex=True, squeeze=False)[:, 0]
    for panel, (name, wave) in zip(panels, waves.items(), strict=True):
        shown, hop = spectrogram(wave, rate)
        extent = (-hop / 2, (shown.shape[1] - 0.5) * hop, 0, rate / 2000)
        look = {"origin": "lower", "aspect": "auto", "cmap": "magma", "interpolation": "nearest"}
        image = panel.imshow(shown, extent=extent, vmin=FLOOR_DB, vmax=0, **look)
        panel.set_title(name, loc="left", pad=3)
        panel.set_ylabel("kHz")
        panel.grid(visible=False)
    panels[0].set_title(words, loc="right", pad=3)
    panels[-1].set(xlabel="Time (s)", xlim=(0, next(iter(waves.values())).size / rate))
    canvas.colorbar(image, ax=list(panels), label="Level (dB)", pad=0.02)
    return canvas
