"""The shortcut card from the command line: tables, picture, and what is printed, of a corpus and a trained system."""

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.countermeasures import place, run, trained  # noqa: F401 (fixtures)
from voxdag import shortcuts
from voxdag.core.errors import Refused
from voxdag.tasks.antispoof import shortcuts as measures


def test_tables_and_a_picture_of_corpus_and_system(trained, monkeypatch, capsys):  # noqa: F811
    run(monkeypatch, shortcuts, "card", "--system", "one")
    probes, systems = (pd.read_csv(trained / f"card/{name}.csv") for name in ("probes", "systems"))
    assert probes["probe"].tolist() == [*measures.traits.TRAITS, measures.ALL]
    assert systems["treatment"].tolist() == list(measures.TREATMENTS) and set(systems["system"]) == {"one"}
    assert systems["value"].between(0, 1).all()
    values = probes.set_index("probe")["value"]
    assert values["level"] < 1 and np.isnan(values["trailing_silence"])  # which does not vary here
    plain = pd.read_csv(trained / "data/predictions/one/eval.csv")
    expected = [shortcuts.metrics.headline(rows, shortcuts.metrics.NO_ASV)["eer"] for _, rows in plain.groupby("seed")]
    assert systems["value"].iloc[0] == pytest.approx(np.mean(expected), abs=1e-6)
    assert (trained / "card/shortcuts.png").read_bytes()[:4] == b"\x89PNG"
    assert "leading_silence" in capsys.readouterr().out


def test_a_corpus_alone_has_probes(trained, monkeypatch):  # noqa: F811
    run(monkeypatch, shortcuts, "card")
    assert (trained / "card/systems.csv").read_text() == "system,treatment,value,low,high\n"


def test_what_is_no_system_is_refused_before_anything_is_heard(trained, monkeypatch):  # noqa: F811
    with pytest.raises(Refused, match="three is no system of antispoof; they are one, two"):
        run(monkeypatch, shortcuts, "card", "--system", "three")
    tree = yaml.safe_load((trained / "params.yaml").read_text())
    tree["systems"]["one"]["recordings"] = "cleaned/x"
    (trained / "params.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(
        Refused, match="one reads cleaned/x, which was made of recordings: it is not asked about others"
    ):
        run(monkeypatch, shortcuts, "card", "--system", "one")
