"""Predicted numbers against annotated ones: which points are drawn, and what is written."""

import numpy as np
import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.figures import agreement, style

pytestmark = pytest.mark.filterwarnings("error")

DIMENSIONS = {"valence": "said_valence", "arousal": "said_arousal"}
WRITTEN = {"valence": "CCC 0.50", "arousal": "CCC 0.25"}


def predictions(n=3, **columns):
    table = pd.DataFrame({"id": [f"c{i:04d}" for i in range(n)], "valence": np.linspace(0.5, -0.5, n), "arousal": 0.1})
    return table.assign(said_valence=table["valence"] + 0.1, said_arousal=0.2).assign(**columns)


def test_a_point_is_a_clip_of_a_member_sorted_by_target():
    both = pd.concat([predictions(seed=seed) for seed in (1, 2)])
    table = agreement.table(both, DIMENSIONS)
    assert list(table) == list(agreement.COLUMNS) and len(table) == 12
    valence = table[table["dimension"] == "valence"]
    assert valence["id"].tolist() == ["c0002", "c0002", "c0001", "c0001", "c0000", "c0000"]
    assert valence["member"].tolist() == ["seed 1", "seed 2"] * 3
    assert valence["target"].tolist() == [-0.5, -0.5, 0, 0, 0.5, 0.5]
    np.testing.assert_allclose(valence["prediction"], valence["target"] + 0.1)


def test_of_many_points_those_are_drawn_that_lie_evenly_along_the_targets():
    table = agreement.table(predictions(n=1201), DIMENSIONS)
    valence = table.loc[table["dimension"] == "valence", "target"]
    assert len(valence) == agreement.MOST_POINTS and valence.iloc[[0, -1]].tolist() == [-0.5, 0.5]
    assert np.diff(valence).max() < 2.01 * np.diff(valence).min()


def test_every_dimension_has_a_panel_on_the_same_scale():
    table = agreement.table(predictions(), DIMENSIONS)
    figure = agreement.figure(table, (-1, 1), WRITTEN, "mean over 3 members")
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["Valence: CCC 0.50", "Arousal: CCC 0.25"]
    assert {panel.get_xlim() for panel in figure.axes} | {panel.get_ylim() for panel in figure.axes} == {(-1, 1)}
    assert figure.axes[0].get_xlabel() == "Annotated (−1 to 1)" and figure.axes[0].get_ylabel() == "Predicted (−1 to 1)"
    assert (
        figure.axes[0].collections[0].get_offsets().tolist() == table[["target", "prediction"]][:3].to_numpy().tolist()
    )
    with style.paper():
        figure.draw_without_rendering()


def test_a_prediction_beyond_the_scale_is_in_the_frame():
    table = agreement.table(predictions(said_valence=[0.0, 1.5, 0.0]), DIMENSIONS)
    for panel in agreement.figure(table, (-1, 1), WRITTEN).axes:
        assert panel.get_xlim() == panel.get_ylim() == (-1, 1.5 + agreement.MARGIN)


def test_a_table_that_lacks_a_column_or_rows_is_refused():
    with pytest.raises(Refused, match=r"predictions lacks columns \['said_arousal'\]"):
        agreement.table(predictions().drop(columns="said_arousal"), DIMENSIONS)
    with pytest.raises(Refused, match="predictions has no rows"):
        agreement.table(predictions()[:0], DIMENSIONS)
