"""Pictures as vectors, for papers: files whose bytes depend on nothing but the figure."""

import logging
from io import BytesIO
from pathlib import Path

from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from voxdag.core.artifacts import write_bytes
from voxdag.figures.style import paper

FONTS = "fontTools"  # its logger tells of every table of a font that it leaves out
NAMELESS = dict.fromkeys(("Creator", "Producer", "CreationDate"))  # no version and no date inside


@paper()
def pdf_bytes(figure: Figure) -> bytes:
    """Render a figure to PDF, its text as text. The same figure gives the same bytes."""
    logging.getLogger(FONTS).setLevel(logging.WARNING)
    picture = BytesIO()
    FigureCanvasPdf(figure).print_pdf(picture, metadata=NAMELESS)
    return picture.getvalue()


def save_pdf(figure: Figure, path: Path | str) -> None:
    """Write a figure to `path` whole or not at all."""
    write_bytes(Path(path), pdf_bytes(figure))
