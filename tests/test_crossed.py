"""The error of a countermeasure in each cell of two columns: what a cell is of, what is written and what refused."""

import numpy as np
import pandas as pd
import pytest

from tests.countermeasures import place, run, trained  # noqa: F401 (fixtures)
from voxdag import crossed
from voxdag.core.errors import Refused
from voxdag.scoring.tables import Scoring
from voxdag.tasks.antispoof import metrics

SCORING = Scoring(replicates=20, confidence=0.9, by=())
RNG = np.random.default_rng(1)


def predictions():
    """Two codecs and three attacks, of which a02 is not heard through mp3; every cell has its own distance."""
    rows = [("none", None, 3.0), ("mp3", None, 2.0), ("none", "a01", 0.0), ("mp3", "a01", 1.5), ("none", "a02", 1.0)]
    tables = [
        pd.DataFrame({"codec": codec, "attack": attack, "score": mean + RNG.normal(size=40)})
        for codec, attack, mean in rows
    ]
    table = pd.concat(tables, ignore_index=True)
    label = np.where(table["attack"].isna(), "bonafide", "spoof")
    return table.assign(id=[str(i) for i in range(len(table))], label=label, speaker="s", seed=1)


def eer(table):
    return metrics.headline(table, metrics.NO_ASV)["eer"]


def test_a_cell_is_an_attack_against_all_bona_fide_speech_of_its_codec():
    table = predictions()
    found = crossed.cells(table, "codec", "attack", SCORING, 1).set_index(["row", "column"])
    assert found.index.tolist() == [(row, column) for row in ("mp3", "none", "all") for column in ("a01", "a02", "all")]
    bonafide = table["label"] == "bonafide"
    for (row, column), values in found.iterrows():
        of_row = (table["codec"] == row) | (row == "all")
        of_column = bonafide | (table["attack"] == column) | (column == "all")
        chosen = table[of_row & of_column]
        if (row, column) == ("mp3", "a02"):
            assert np.isnan(values["eer"])
            continue
        assert values["eer"] == pytest.approx(eer(chosen)) and values["eer_low"] <= values["eer"] <= values["eer_high"]
        assert (
            values["n_bonafide"] == (chosen["label"] == "bonafide").sum()
            and values["n_spoof"] == (~bonafide[chosen.index]).sum()
        )


def test_a_column_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(Refused, match="there is no column vocoder; the predictions have codec, attack"):
        crossed.cells(predictions(), "codec", "vocoder", SCORING, 1)


def test_the_command_writes_a_table_and_a_picture(trained, monkeypatch, capsys):  # noqa: F811
    run(monkeypatch, crossed, "cells", "one", "--rows", "speaker")
    table = pd.read_csv(trained / "cells/crossed.csv")
    whole = table[(table["row"] == "all") & (table["column"] == "all")]["eer"].item()
    plain = pd.read_csv(trained / "data/predictions/one/eval.csv")
    assert whole == pytest.approx(np.mean([eer(rows) for _, rows in plain.groupby("seed")]), abs=1e-6)
    assert (trained / "cells/crossed.png").read_bytes()[:4] == b"\x89PNG"
    assert "all" in capsys.readouterr().out
    with pytest.raises(Refused, match="three is no system of antispoof; they are one, two"):
        run(monkeypatch, crossed, "cells", "three")
