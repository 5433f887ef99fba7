"""Spectrograms band by band: a curve a kind in each panel."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.figures import mel_bands, style

pytestmark = pytest.mark.filterwarnings("error")

KINDS = ("train", "dev", "inverted", "synthetic")


def rows(kinds=KINDS, bands=5):
    parts = [
        pd.DataFrame({"kind": kind, "band": np.arange(bands), "mean": k + 0.1, "deviation": k + 0.2, "flux": k + 0.3})
        for k, kind in enumerate(kinds)
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_table_is_long():
    table = mel_bands.draw(rows()).table
    assert list(table) == ["kind", "band", "quantity", "value"] and len(table) == 4 * 5 * 3
    one = table[(table["kind"] == "dev") & (table["band"] == 2)].set_index("quantity")["value"]
    assert one.to_dict() == {"mean": 1.1, "deviation": 1.2, "flux": 1.3}


def test_each_panel_has_a_curve_a_kind_that_differ_in_look():
    canvas = mel_bands.draw(rows()).figure
    titles = [panel.get_title(loc="left") for panel in canvas.axes]
    assert titles == list(mel_bands.QUANTITIES.values())
    for panel, offset in zip(canvas.axes, (0.1, 0.2, 0.3), strict=True):
        assert [line.get_ydata().tolist() for line in panel.lines] == [[k + offset] * 5 for k in range(4)]
        assert len({(line.get_color(), line.get_linestyle()) for line in panel.lines}) == 4
    assert [text.get_text() for text in canvas.axes[1].get_legend().get_texts()] == list(KINDS)
    assert canvas.axes[-1].get_xlim() == (0, 4) and canvas.axes[-1].get_xlabel() == "Mel band"
    with style.paper():
        canvas.draw_without_rendering()


def test_what_is_missing_is_named():
    with pytest.raises(Refused, match=r"bands lacks columns \['flux'\]"):
        mel_bands.draw(rows().drop(columns="flux"))
    with pytest.raises(Refused, match="bands has no rows"):
        mel_bands.draw(rows().head(0))
