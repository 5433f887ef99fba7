"""What spectrograms of several kinds are like band by band: mean level, its deviation, its change along time."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from voxdag.figures import require, style
from voxdag.figures.plot import Plot

QUANTITIES = {  # column -> what its panel says
    "mean": "Mean level, relative to train (dB)",
    "deviation": "Standard deviation (dB)",
    "flux": "Change from frame to frame (dB)",
}


def draw(rows: pd.DataFrame, of: str = "train, dev and synthetic") -> Plot:
    """Draw one curve a kind in each of three panels: columns kind, band, mean, deviation, flux (dB).

    Raises Refused where one is missing.
    """
    require.rows("bands", rows, ("kind", "band", *QUANTITIES))
    table = rows.melt(["kind", "band"], list(QUANTITIES), "quantity", "value")
    return Plot(table, figure(rows), of=of)


@style.paper()
def figure(rows: pd.DataFrame) -> Figure:
    """A colour and a dash a kind."""
    canvas = style.new_figure(height=4.2)
    panels = canvas.subplots(len(QUANTITIES), sharex=True)
    for panel, (column, words) in zip(panels, QUANTITIES.items(), strict=True):
        for i, (kind, of_kind) in enumerate(rows.groupby("kind", sort=False)):
            look = {"color": style.PALETTE[i % len(style.PALETTE)], "linestyle": style.DASHES[i % len(style.DASHES)]}
            panel.plot(of_kind["band"], of_kind[column], label=kind, **look)
        panel.set_title(words, loc="left", pad=3)
    panels[1].legend(loc="upper right")  # where curves fall
    panels[-1].set(xlabel="Mel band", xlim=(rows["band"].min(), rows["band"].max()))
    return canvas
