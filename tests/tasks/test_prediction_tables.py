"""Predictions: what is known comes first and whole, and nothing is overwritten."""

import pandas as pd
import pytest

from voxdag.core.errors import Refused
from voxdag.tasks import prediction_tables

ABOUT = pd.DataFrame({"codec": ["001", "002"], "label": ["a", "b"], "id": ["x", "y"], "speaker": ["s", "t"]})
OUTPUTS = pd.DataFrame({"score": [1.0, 2.0]}, index=[7, 3])


def test_known_first_then_protocol_then_outputs_row_by_row():
    table = prediction_tables.tabulate(ABOUT, OUTPUTS)
    assert list(table) == ["id", "speaker", "label", "codec", "protocol", "score"]
    assert table.iloc[1].tolist() == ["y", "t", "b", "002", "speaker_independent", 2.0]


@pytest.mark.parametrize(
    ("folds", "transductive", "protocol"),
    [
        ("1 2", False, "speaker_independent"),
        ("leaky-1", False, "leaky"),
        ("1", True, "transductive"),
        ("leaky-2", True, "leaky_transductive"),
    ],
)
def test_what_makes_it_easier_is_on_every_row(folds, transductive, protocol):
    table = prediction_tables.tabulate(ABOUT.assign(folds=folds), OUTPUTS, transductive)
    assert table["protocol"].tolist() == [protocol] * 2


def test_a_column_of_the_manifest_that_predictions_add_is_refused():
    with pytest.raises(Refused, match="the manifest has columns protocol, score, as predictions have"):
        prediction_tables.tabulate(ABOUT.assign(score=1.0, protocol="easy"), OUTPUTS)
