"""Pictures as files whose bytes depend on nothing but the figure."""

from io import BytesIO
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from voxdag.core.artifacts import write_bytes
from voxdag.figures.style import paper


@paper()
def png_bytes(figure: Figure) -> bytes:
    """Render a figure to PNG. The same figure gives the same bytes: no date, no matplotlib version inside."""
    picture = BytesIO()
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})
    return picture.getvalue()


def save_png(figure: Figure, path: Path | str) -> None:
    """Write a figure to `path` whole or not at all: a reader or a crash never meets half a picture."""
    write_bytes(Path(path), png_bytes(figure))
