"""The model card: front matter that the hub reads, and numbers of the tables."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from tests.reporting.standing_in import params_text
from voxdag.core.errors import NotHere, Refused
from voxdag.reporting.card import card


def front(text):
    return yaml.safe_load(text.split("---\n")[1])


def test_the_front_matter_is_what_the_hub_reads(run):
    found = front(card("aasist"))
    assert found["license"] == "mit" and found["pipeline_tag"] == "audio-classification"
    assert {"audio", "anti-spoofing", "aasist", "simulated"} <= set(found["tags"])
    assert found["datasets"] == ["simulated_la"] and found["metrics"] == ["eer", "min_dcf", "act_dcf"]
    (index,) = found["model-index"]
    (result,) = index["results"]
    assert index["name"] == "aasist" and result["dataset"]["split"] == "eval"
    assert [(one["type"], one["value"]) for one in result["metrics"]][:2] == [("eer", 0.2406), ("min_dcf", 0.601345)]


@pytest.mark.skipif(not importlib.util.find_spec("huggingface_hub"), reason="huggingface_hub is not installed")
def test_the_hubs_own_parser_takes_it(run):
    from huggingface_hub import ModelCard

    data = ModelCard(card("bsrnn")).data
    values = {one.metric_type: one.metric_value for one in data.eval_results}
    assert values == {"estoi": 0.731, "optimised_pesq": 1.917} and data.license == "mit"


def test_the_text_has_intervals_verdicts_settings_and_limits(run):
    text = card("aasist")
    assert "| aasist | 24.1 (20.6 to 28.1) | 0.601 (0.480 to 0.670) |" in text
    assert "−12.8 (−20.0 to −5.0) **better**" in text and "| erm |" not in text
    assert r"\<b\>" in text and "<b>" not in text and r"\|" in text  # a group's name is text in a cell
    for heading in ("Intended use", "Training", "Evaluation", "Limits", "How to use", "Citation"):
        assert f"\n## {heading}\n" in text
    assert "aasist was trained with one seed" in text and "lr: 0.002" in text and "Simulated" in text
    assert "optimised: the metric had a part" in card("bsrnn") and "-o enhanced" in card("bsrnn")


def test_a_corpus_of_others_leaves_the_licence_open(run):
    run["tasks"]["antispoof"]["prepare"]["corpus"] = "asvspoof2019_la"
    Path("params.yaml").write_text(params_text(run))
    found = front(card("aasist"))
    assert found["license"] == "other" and found["license_name"] and "simulated" not in found["tags"]
    assert front(card("aasist", "cc-by-4.0"))["license"] == "cc-by-4.0"
    assert "AASIST-L" in card("aasist")  # what was published


def test_the_same_run_gives_the_same_card(run):
    assert card("aasist") == card("aasist")


def test_what_has_no_card_is_refused(run):
    with pytest.raises(Refused, match="systems.noisy is not in params.yaml"):
        card("noisy")
    with pytest.raises(Refused, match="the license is 'MIT licence', expected an identifier"):
        card("aasist", "MIT licence")
    Path("metrics/erm/intervals.csv").unlink()
    with pytest.raises(NotHere, match="metrics/erm/intervals.csv is not here: `dvc repro evaluate@erm`"):
        card("erm")


def test_outside_a_bundle_it_says_how_a_checkpoint_is_used(run):
    assert "python -m voxdag.predict --weights best_eer.safetensors recordings > scores.csv" in card("aasist")
    assert "--bundle" not in card("aasist") and "ONNX" not in card("aasist")


def test_every_fence_closes(run):
    assert len(re.findall(r"^```", card("aasist"), re.MULTILINE)) % 2 == 0
