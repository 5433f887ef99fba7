"""How near made-up recordings lie to those that were learned from, beside how near new ones do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voxdag.figures import style
from voxdag.figures.plot import Plot


def draw(distances: Mapping[str, np.ndarray], limit: float, of: str = "train, dev and synthetic") -> Plot:
    """Draw the cumulative shares of distances (n,) to train of several kinds; below `limit` a recording is a copy.

    The table has each distance: kind, distance, share of its kind that lies as near.
    """
    parts = [
        pd.DataFrame({"kind": kind, "distance": np.sort(found), "share": np.arange(1, len(found) + 1) / len(found)})
        for kind, found in distances.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return Plot(table, figure(table, limit), of=of)


@style.paper()
def figure(table: pd.DataFrame, limit: float) -> Figure:
    """A step a distance."""
    canvas = style.new_figure()
    panel = canvas.subplots()
    for i, (kind, rows) in enumerate(table.groupby("kind", sort=False)):
        look: dict[str, Any] = {"color": style.PALETTE[i % len(style.PALETTE)]}
        look |= {"linestyle": style.DASHES[i % len(style.DASHES)]}
        panel.step(rows["distance"], 100 * rows["share"], where="post", label=kind, **look)
    panel.axvline(limit, color=style.GREY, linewidth=0.8)
    panel.text(limit, 101, "copies lie to the left", fontsize=6, ha="left", va="bottom", color=style.GREY)
    panel.set(
        xlabel="Distance to the nearest of train (RMS of values)",
        ylabel="Recordings (%)",
        ylim=(0, 100),
        xlim=(0, None),
    )
    panel.legend(loc="upper left")
    return canvas
