"""Probes of layers: what they hear, how it is pooled, what they tell and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from tests.countermeasures import place, run, trained  # noqa: F401 (fixtures)
from voxdag import probes
from voxdag.core.errors import Refused
from voxdag.networks import by_name
from voxdag.tasks import probing

RNG = np.random.default_rng(1)


def test_layers_are_those_of_lists_in_their_order():
    network = by_name.build(
        "layer_pooling", "quick", {"channels": [2, 3], "bands": 16, "width": 4, "projection": [5]}, 2
    )
    names = [f"front_end.{part}.{i}" for part in ("layers", "maps") for i in range(2)]
    assert list(probing.layers(network)) == names
    wavlm = probing.layers(by_name.build("ssl_pooling", "tiny", {}, 2))
    assert "encoder.transformer.layers.1" in wavlm and "feature_extractor.conv_layers.2" in wavlm


@pytest.mark.parametrize("name", ["layer_pooling", "ssl_pooling", "aasist"])
def test_what_is_heard_is_the_mean_and_the_deviation_over_time(name):
    torch.manual_seed(1)
    config = {"aasist": "aasist_s", "ssl_pooling": "tiny", "layer_pooling": "quick"}[name]
    network = by_name.build(name, config, {}, 2).eval()
    crops = 0.1 * torch.randn(3, 16000)
    said = probing.Listener(network, crops[:1]).of(crops)
    assert all(len(rows) == 3 and rows.ndim == 2 and np.isfinite(rows).all() for rows in said.values())
    with torch.inference_mode():
        np.testing.assert_allclose(said[probing.EMBEDDING], network(crops)[0], rtol=1e-5, atol=1e-6)
        if name == "ssl_pooling":
            last = network.layers(crops)[1]  # (B, T', D): time is the second axis
            expected = torch.cat([last.mean(1), last.std(1, correction=0)], 1)
            np.testing.assert_allclose(said["encoder.transformer.layers.1"], expected, rtol=1e-4, atol=1e-5)
        if name == "layer_pooling":
            first = network.front_end(crops)[0]  # (B, D, T'): time is the third
            expected = torch.cat([first.mean(2), first.std(2, correction=0)], 1)
            np.testing.assert_allclose(said["front_end.maps.0"], expected, rtol=1e-4, atol=1e-5)


def test_a_probe_tells_what_is_there_and_nothing_of_what_is_not():
    classes = np.tile(["a", "b", "c"], 80)
    speakers = np.repeat([f"s{i}" for i in range(12)], 20)
    rows = RNG.normal(size=(240, 6))
    rows[:, 2] += 5 * (classes == "b")
    rows[:, 3] += 5 * (classes == "c")
    shuffled = RNG.permutation(classes)
    told, of_shuffled = probing.told(rows, (classes, shuffled), speakers)
    assert probing.Recall(told, classes)() > 0.95
    assert probing.Recall(of_shuffled, shuffled)() == pytest.approx(1 / 3, abs=0.12)
    assert (probing.told(rows, [shuffled], speakers)[0] == of_shuffled).all()


def test_a_probe_is_tested_on_speakers_that_it_did_not_hear():
    # a row says the speaker alone, and each speaker has one class: known speakers would be told, others are not
    speakers = np.repeat([f"s{i:02d}" for i in range(20)], 10)
    of_speaker = dict(zip(np.unique(speakers), RNG.permutation(["a", "b"] * 10), strict=True))
    classes = np.array([of_speaker[one] for one in speakers])
    rows = (speakers[:, None] == np.unique(speakers)).astype(float)
    (told,) = probing.told(rows, [classes], speakers)
    assert probing.Recall(told, classes)() <= 0.6


def test_recall_weighs_classes_alike_and_its_interval_holds_it():
    said, classes = np.array(["a", "a", "b", "b", "b", "b"]), np.array(["a", "b", "b", "b", "b", "b"])
    recall = probing.Recall(said, classes)
    assert recall() == pytest.approx((1 + 4 / 5) / 2)
    assert recall(np.array([1, 2, 1, 0, 0, 0])) == pytest.approx((1 + 1 / 3) / 2)
    assert recall(np.array([0, 2, 1, 0, 0, 0])) == pytest.approx(1 / 3)  # a class that was not drawn has no recall
    many = np.tile(classes, 10), np.repeat(np.arange(6), 10)
    ends = probing.interval(probing.Recall(np.tile(said, 10), many[0]), *many, np.random.default_rng(1), 200, 0.9)
    assert ends["low"] < 0.9 < ends["high"]


@pytest.mark.parametrize(("classes", "speakers"), [("aaaaaaaa", "12345678"), ("abababab", "11112222")])
def test_too_little_to_tell_is_refused(classes, speakers):
    with pytest.raises(Refused, match="expected 2 classes and 3 speakers at least"):
        probing.told(np.ones((8, 2)), [np.array(list(classes))], np.array(list(speakers)))


def test_the_command_writes_a_table_and_a_picture(trained, monkeypatch, capsys):  # noqa: F811
    run(monkeypatch, probes, "told", "one", "--column", "label", "--recordings", "features/antispoof")
    table = pd.read_csv(trained / "told/probes.csv")
    assert table["layer"].iloc[-1] == probing.EMBEDDING and table["value"].between(0, 1).all()
    assert set(table["chance"]) == {0.5} and table["shuffled"].between(0, 1).all()
    assert (trained / "told/probes.png").read_bytes()[:4] == b"\x89PNG"
    assert "embedding" in capsys.readouterr().out
    with pytest.raises(Refused, match="features/antispoof has no column codec; it has id"):
        run(monkeypatch, probes, "told", "one", "--recordings", "features/antispoof")
    with pytest.raises(Refused, match="three is no system of antispoof; they are one, two"):
        run(monkeypatch, probes, "told", "three")
