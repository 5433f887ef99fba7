"""Log-mel spectrograms of two kinds under the same conditions, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voxdag.core.errors import Refused
from voxdag.figures import style
from voxdag.figures.plot import Plot

HEIGHT = 1.0  # inches, of a row
DB = 10 / np.log(10)  # of a natural logarithm of a power


def draw(
    rows: Sequence[tuple[str, np.ndarray]], conditions: Sequence[str], seconds: float, of: str = "train and synthetic"
) -> Plot:
    """Draw rows of log-mels: a name and (columns, bands, frames), natural logarithms of power; a condition's words
    stand above each column, `seconds` is how long a spectrogram is.

    The table has the mean level of each band: kind, condition, band, value (dB).

    Raises Refused for rows of other shapes than the first, or of another number than conditions.
    """
    shapes = {found.shape for _, found in rows}
    if len(shapes) != 1 or next(iter(shapes))[0] != len(conditions):
        raise Refused(f"rows of {sorted(shapes)} under {len(conditions)} conditions: expected as many of all")
    table = pd.concat(
        pd.DataFrame({"kind": kind, "condition": words, "band": np.arange(found.shape[1]), "value": DB * one.mean(1)})
        for kind, found in rows
        for words, one in zip(conditions, found, strict=True)
    )
    return Plot(table, figure(rows, conditions, seconds), of=of)


@style.paper()
def figure(rows: Sequence[tuple[str, np.ndarray]], conditions: Sequence[str], seconds: float) -> Figure:
    """One scale of levels for all."""
    canvas = style.new_figure(height=0.5 + HEIGHT * len(rows), width=2 * style.WIDTH)
    panels = canvas.subplots(len(rows), len(conditions), sharex=True, sharey=True, squeeze=False)
    levels = np.concatenate([DB * found.ravel() for _, found in rows])
    low, high = np.quantile(levels, (0.02, 0.999))
    for line, (kind, found) in zip(panels, rows, strict=True):
        line[0].set_ylabel(f"{kind}\nMel band")
        for panel, one in zip(line, found, strict=True):
            extent = (0, seconds, -0.5, one.shape[0] - 0.5)
            look = {"origin": "lower", "aspect": "auto", "cmap": "magma", "interpolation": "nearest"}
            image = panel.imshow(DB * one, extent=extent, vmin=low, vmax=high, **look)
            panel.grid(visible=False)
    for panel, words in zip(panels[0], conditions, strict=True):
        panel.set_title(words, pad=3)
    for panel in panels[-1]:
        panel.set_xlabel("Time (s)")
    canvas.colorbar(image, ax=panels, label="Power in a mel band (dB)", pad=0.01)
    return canvas
