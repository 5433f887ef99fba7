"""What evaluate keeps of dev for decisions: of each member, under the weights that it scored."""

from pathlib import Path

import pandas as pd
import pytest

from stages import evaluate
from voxdag.core import params
from voxdag.data import layout
from voxdag.networks.weights import digest
from voxdag.tasks import decisions
from voxdag.tasks.antispoof import decision

DEV = pd.DataFrame({"label": ["spoof", "bonafide"] * 2, "score": [1.0, 2.0, 11.0, 12.0], "seed": [1, 1, 2, 2]})


@pytest.fixture
def system(tmp_path, monkeypatch):
    """The default countermeasure with two trained members, in a folder of its own."""
    system = params.system(params.read(), "aasist")
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        path = Path("data/checkpoints/aasist", f"seed-{seed}", f"{system.evaluate.checkpoint}.safetensors")
        path.parent.mkdir(parents=True)
        path.write_text(f"weights of {seed}")
    return system


def test_each_member_has_a_row_for_its_weights_and_settings(system):
    evaluate.write_decisions("aasist", system, DEV)
    table = decisions.read(layout.decisions("aasist"), decision)
    files = [Path(f"data/checkpoints/aasist/seed-{seed}/best_eer.safetensors") for seed in (1, 2)]
    assert table["weights"].tolist() == [digest(file) for file in files] and table["seed"].tolist() == [1, 2]
    assert table["threshold"].tolist() == [1, 11]  # the highest spoof of each
    assert len(decisions.of_weights(table, map(digest, files), system.inference)) == 2


def test_a_task_that_decides_nothing_writes_nothing(system, monkeypatch):
    monkeypatch.setattr(evaluate, "load_optional", lambda *_, **__: None)
    evaluate.write_decisions("aasist", system, DEV)
    assert not layout.decisions("aasist").exists()
