"""Where tables lie, and which of their columns are numbers."""

import pandas as pd

from voxdag.core import artifacts
from voxdag.data import layout


def test_the_columns_of_a_manifest_have_the_types_of_all_tasks_and_of_the_task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"id": ["001"], "label": ["0.5"], "bytes": ["9"]})
    artifacts.write_table(layout.manifest("affect", "dev") / "utterances.csv", table)
    assert layout.utterances("affect", "dev").to_dict("records") == [{"id": "001", "label": "0.5", "bytes": 9}]
    typed = layout.utterances("affect", "dev", {"label": float})
    assert typed.to_dict("records") == [{"id": "001", "label": 0.5, "bytes": 9}]


def test_the_other_tables_of_a_split_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("utterances", "asv"):
        scores = pd.DataFrame({"key": ["target"], "score": [0.5]})
        artifacts.write_table(layout.manifest("antispoof", "eval") / f"{name}.csv", scores)
    found = layout.tables("antispoof", "eval")
    assert list(found) == ["asv"] and found["asv"]["score"].tolist() == [0.5]
