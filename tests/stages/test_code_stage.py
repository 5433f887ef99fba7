"""Which items the stage `code` describes, and what each picks by name."""

import pytest

from stages import code as stage

STAGES = {
    "code": {"cmd": "python -m stages.code", "always_changed": True},
    "prepare": {"foreach": "${tasks}", "do": {}},
    "train": {"foreach": "${systems}", "do": {}},
    "cleaned": {"foreach": "${cleaned}", "do": {}},
    "results": {"cmd": "python -m stages.results"},
}
TREE = {
    "tasks": {"emotion": {"prepare": {"corpus": "savee", "eval_corpus": "emodb"}}},
    "systems": {"tier1": {"task": "emotion", "network": "tier1"}, "wide": {"task": "emotion", "network": "tier1"}},
    "cleaned": None,
}


def test_every_item_of_a_stage_that_can_be_up_to_date_is_described():
    assert [(name, item) for name, item, _ in stage.items(STAGES, TREE)] == [
        ("prepare", "emotion"),
        ("train", "tier1"),
        ("train", "wide"),
        ("results", "all"),
    ]


def test_a_system_picks_its_task_and_network():
    assert stage.picked("wide", TREE["systems"]["wide"]) == {"task": ["emotion"], "network": ["tier1"], "corpus": []}


def test_a_network_among_a_systems_settings_is_picked_too():
    critics = [{"network": "critic", "config": "small"}, {"network": None}]
    system = TREE["systems"]["wide"] | {"objective": {"weight": 1.0, "discriminators": critics}}
    assert stage.picked("wide", system)["network"] == ["tier1", "critic"]


def test_a_task_picks_itself_and_the_corpora_that_it_reads():
    assert stage.picked("emotion", TREE["tasks"]["emotion"]) == {
        "task": ["emotion"],
        "network": [],
        "corpus": ["savee", "emodb"],
    }
    one = {"prepare": {"corpus": "savee", "eval_corpus": None}}
    assert stage.picked("emotion", one)["corpus"] == ["savee"]


def test_a_text_is_written_for_every_item_and_what_is_gone_is_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/code/train").mkdir(parents=True)
    (tmp_path / "data/code/train/gone.txt").touch()
    (tmp_path / "dvc.yaml").write_text("stages: {train: {foreach: '${systems}', do: {}}}")
    (tmp_path / "params.yaml").write_text(
        "{seed: 1, num_threads: 1, device: cpu, tasks: {}, cleaned: {}, coded: {}, embedded: {}, synthetic: {},"
        " beyond: {}, transfers: {}, external: {}, baselines: {}, systems: {tier1: {task: emotion, network: tier1}}}"
    )
    monkeypatch.setattr(stage.code, "describe", lambda modules, picked: f"{modules} {picked['network']}\n")
    stage.main()
    written = list((tmp_path / "data/code").rglob("*.txt"))
    assert written == [tmp_path / "data/code/train/tier1.txt"]
    assert written[0].read_text() == "['stages.train'] ['tier1']\n"


def test_an_item_without_a_key_is_left_to_its_stage_to_refuse():
    assert list(stage.items(STAGES, {"tasks": None, "systems": {"new": None}, "cleaned": {}})) == [
        ("train", "new", {}),
        ("results", "all", {}),
    ]


def test_score_files_pick_the_corpora_of_the_entries_that_freeze_for_them():
    theirs, stages = {"task": "antispoof", "system": "theirs"}, {"external": {"foreach": "${external}", "do": {}}}
    entries = {
        "la": theirs | {"corpus": "asvspoof2019_la", "dev": "d.txt"},
        "wild": theirs | {"corpus": "in_the_wild"},
        "other": {"task": "antispoof", "system": "other", "corpus": "asvspoof5"},
    }
    found = {name: stage.picked(name, item)["corpus"] for _, name, item in stage.items(stages, {"external": entries})}
    assert {name: set(corpora) for name, corpora in found.items()} == {
        "la": {"asvspoof2019_la"},
        "wild": {"in_the_wild", "asvspoof2019_la"},
        "other": {"asvspoof5"},
    }


@pytest.mark.parametrize("item", [{}, {"task": "emotion"}, {"prepare": None}])
def test_what_an_item_does_not_say_is_not_picked(item):
    assert stage.picked("svm", item)["network"] == stage.picked("svm", item)["corpus"] == []
