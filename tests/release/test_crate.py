"""The run as an RO-Crate: every stage behind a system with what it read, wrote and was set to, and no other."""

import pytest

from tests.clone import ROOT
from tests.release.released import LOCK
from voxdag.core.errors import Refused
from voxdag.release import crate, manifest

ABOUT = {
    "name": "n", "description": "d", "date": "2026-01-02", "version": "1", "workflow": "run/dvc.yaml",
    "licence": "LICENSE",
}  # fmt: skip
FILES = {name: manifest.checked(name.encode()) for name in ("run/dvc.yaml", "weights/a.safetensors", "LICENSE")}


@pytest.fixture
def graph():
    made = crate.crate(ABOUT, crate.stages_of(LOCK, "one"), FILES, {"weights/a.safetensors": "data/checkpoints/one"})
    entities = made["@graph"]
    assert len({entity["@id"] for entity in entities}) == len(entities)
    return {entity["@id"]: entity for entity in entities}


def ids(entities):
    return [entity["@id"] for entity in (entities if isinstance(entities, list) else [entities])]


def test_the_stages_behind_a_system_are_there_in_their_order_and_no_others(graph):
    assert ids(graph["run/dvc.yaml"]["step"]) == [
        f"#step/{name}" for name in ("prepare@antispoof", "features@antispoof", "train@one", "evaluate@one")
    ]
    assert [graph[step]["position"] for step in ids(graph["run/dvc.yaml"]["step"])] == ["1", "2", "3", "4"]
    assert not any("other" in name for name in graph)


def test_an_action_says_what_went_in_what_came_out_and_what_it_was_set_to(graph):
    action = graph["#action/train@one"]
    assert ids(action["object"]) == [
        "#data/data/features/antispoof/dev", "#parameter/num_threads", "#parameter/systems.one.train.lr",
        "#parameter/systems.one.train.betas",
    ]  # fmt: skip
    assert ids(action["result"]) == ["#data/data/checkpoints/one"]
    assert graph["#data/data/features/antispoof/dev"]["identifier"] == "md5:00000000000000000000000000000003.dir"
    assert graph["#parameter/systems.one.train.lr"]["value"] == 0.001
    assert graph["#parameter/systems.one.train.betas"]["value"] == "[0.9, 0.99]"
    assert graph["#action/features@antispoof"]["description"] == (
        "python -m stages.provide antispoof && python -m stages.features antispoof"
    )


def test_the_run_takes_what_no_stage_made(graph):
    taken = [name for name in ids(graph["#run"]["object"]) if name.startswith("#data/")]
    assert taken == ["#data/data/inputs/corpora/antispoof.txt"]
    assert "weights/a.safetensors" in ids(graph["#run"]["result"])
    assert graph["weights/a.safetensors"]["isBasedOn"] == {"@id": "#data/data/checkpoints/one"}
    assert graph["weights/a.safetensors"]["sha256"] == FILES["weights/a.safetensors"].sha256


def test_nothing_is_named_that_is_not_there(graph):
    def named(value):
        if isinstance(value, dict):
            yield from [value["@id"]] if set(value) == {"@id"} else []
            value = value.values()
        for part in value if isinstance(value, list | type({}.values())) else ():
            yield from named(part)

    elsewhere = {crate.CRATE}
    assert {name for entity in graph.values() for name in named(entity)} - elsewhere <= set(graph)


def test_a_system_without_training_is_refused():
    with pytest.raises(Refused, match="dvc.lock has no training of two: `dvc repro evaluate@two` runs it"):
        crate.stages_of(LOCK, "two")


def test_the_committed_run_becomes_a_crate_with_every_stage_behind_its_systems():
    text = (ROOT / "dvc.lock").read_text()
    stages = crate.stages_of(text, "aasist")
    assert {"prepare@antispoof", "features@antispoof", "train@aasist", "evaluate@aasist"} <= set(stages)
    assert not any("tier1" in name or "bsrnn" in name for name in stages)
