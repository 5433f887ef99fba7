"""What weights say of how files are scored with them: the same after a round trip, or refused."""

import json
from pathlib import Path

import pytest

from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.tasks import file_scoring
from voxdag.tasks.antispoof import inference


def between(recordings):
    return {"task": "antispoof", "recordings": recordings, "weights": "inputs/weights/none", "settings": {}}


def scoring_of(recordings):
    """Of the product's system aasist on other recordings, with stages of two kinds in between."""
    tree = params.read()
    tree["systems"]["aasist"]["recordings"] = recordings
    tree["cleaned"] = {"quiet": between("features/antispoof")}
    tree["coded"] = {"narrow": between("synthetic/more")}
    tree["embedded"] = {
        name: between(below) | {"network": "ssl_moments", "config": "tiny", "changes": {}}
        for name, below in (("heard", "coded/narrow"), ("quiet", "cleaned/quiet"))
    }
    tree["synthetic"] = {
        "more": between("features/antispoof"),
        "most": between("synthetic/more"),
        "quiet": between("cleaned/quiet"),
    }
    return file_scoring.of_system(tree, params.system(tree, "aasist"))


@pytest.mark.parametrize("name", ["aasist", "tier1"])
def test_a_header_brings_back_what_params_yaml_says(name):
    tree = params.read()
    scoring = file_scoring.of_system(tree, params.system(tree, name))
    header = json.loads(json.dumps(scoring.header() | {"network": "n"}))
    assert file_scoring.of_header(header, Path("a")) == scoring
    assert scoring.inference == tree["systems"][name]["inference"]
    assert scoring.front_end == tree["tasks"][scoring.task]["features"]["front_end"]


def test_a_header_that_does_not_say_it_says_nothing():
    assert file_scoring.of_header({"network": "aasist"}, Path("a")) is None


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (3, r"the header of a.safetensors: scoring is 3, expected a mapping"),
        ({"task": "antispoof"}, r"the header of a.safetensors: scoring lacks the key recordings"),
        ({"window": 3}, r"scoring has the unknown key window"),
    ],
)
def test_a_header_that_says_it_wrongly_is_refused_by_file(said, message):
    with pytest.raises(Refused, match=message):
        file_scoring.of_header({"scoring": said}, Path("a.safetensors"))


@pytest.mark.parametrize(
    "recordings", ["features/antispoof", "synthetic/more", "synthetic/most", "coded/narrow", "embedded/heard"]
)
def test_recordings_that_are_as_files_are_let_files_be_scored(recordings):
    scoring = scoring_of(recordings)
    assert scoring.recordings == "features/antispoof"
    file_scoring.check_recordings(scoring, "aasist")


@pytest.mark.parametrize("recordings", ["cleaned/quiet", "synthetic/quiet", "embedded/quiet"])
def test_what_a_stage_makes_of_recordings_cannot_be_made_of_a_file(recordings):
    message = (
        "aasist scores cleaned/quiet, which a stage made .* of features/antispoof did.* in data/predictions/aasist"
    )
    with pytest.raises(Refused, match=message):
        file_scoring.check_recordings(scoring_of(recordings), "aasist")


def test_embedded_recordings_of_a_task_that_takes_no_waves_cannot_be_made_of_a_file(monkeypatch):
    monkeypatch.delattr(inference, "WAVES_TOO")
    with pytest.raises(Refused, match="aasist scores embedded/heard, which a stage made"):
        file_scoring.check_recordings(scoring_of("embedded/heard"), "aasist")


def test_synthetic_recordings_that_params_yaml_does_not_have_are_refused():
    with pytest.raises(Refused, match=r"synthetic.fewer is not in params.yaml; it has synthetic: more, most, quiet"):
        scoring_of("synthetic/fewer")


def test_features_without_a_front_end_are_refused_not_taken_for_none():
    tree = params.read()
    del tree["tasks"]["antispoof"]["features"]["front_end"]
    with pytest.raises(Refused, match=r"tasks.antispoof.features lacks the key front_end"):
        file_scoring.of_system(tree, params.system(tree, "aasist"))
