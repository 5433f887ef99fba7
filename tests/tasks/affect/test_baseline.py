"""What systems are measured beside."""

import numpy as np
import pytest
import torch

from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.tasks.affect import inference, report
from voxdag.tasks.affect.baseline import Settings, predict
from voxdag.tasks.affect.criteria import criteria
from voxdag.tasks.described import describe

TABLES = {"dev": {}, "eval": {}}
CANDIDATES = {"mean": [], "ridge": [1.0, 100.0], "svr": [1.0, 10.0]}


def predictions(packed, kind, *candidates):
    tree = {"kind": kind, "candidates": list(candidates) or CANDIDATES[kind]}
    return predict(packed, TABLES, params.bind(Settings, tree, "baselines.ridge.settings"), 1)


def test_the_mean_is_that_of_train_and_agrees_with_nothing(packed):
    found = predictions(packed, "mean")
    expected = packed["train"].index[["valence", "arousal"]].mean()
    for split, table in found.items():
        np.testing.assert_allclose(table[["predicted_valence", "predicted_arousal"]], [expected] * 24, atol=1e-6)
        assert table["id"].tolist() == packed[split].index["id"].tolist()
    values = report.headline(found, TABLES)
    assert (values["ccc"], values["dev_ccc"]) == pytest.approx((0, 0), abs=1e-9) and values["r2_valence"] <= 0


@pytest.mark.parametrize("kind", ["ridge", "svr"])
def test_regressions_find_labels_that_are_easy(packed, kind):
    values = criteria(predictions(packed, kind)["eval"])
    assert values["ccc_arousal"] > 0.85 and values["ccc_valence"] > 0.6


@pytest.mark.parametrize("kind", ["ridge", "svr"])
def test_dev_chooses_among_the_candidates_for_each_dimension(packed, kind):
    alone = {value: predictions(packed, kind, value) for value in (1e-4, 1.0, 1e5)}
    chosen = predictions(packed, kind, 1e-4, 1.0, 1e5)
    best = []
    for name in ("valence", "arousal"):
        on_dev = {value: criteria(tables["dev"])[f"ccc_{name}"] for value, tables in alone.items()}
        best.append(max(on_dev, key=on_dev.get))
        column = f"predicted_{name}"
        assert chosen["eval"][column].tolist() == alone[best[-1]]["eval"][column].tolist()
    worst = 1e5 if kind == "ridge" else 1e-4  # all but the mean
    assert worst not in best and criteria(alone[worst]["dev"])["ccc"] < 0.2


@pytest.mark.parametrize(("kind", "weakest"), [("ridge", 1e5), ("svr", 1e-4)])
def test_train_has_no_part_in_the_choice(packed, kind, weakest):
    # where the labels of dev are the opposite of what they should be, the best model is the one that says least
    dev = packed["dev"].chosen(np.ones(24, bool))
    dev.index = dev.index.assign(valence=-dev.index["valence"], arousal=-dev.index["arousal"])
    opposed = packed | {"dev": dev}
    chosen, alone = (predictions(opposed, kind, *values)["eval"] for values in ((1e-4, 1e5), (weakest,)))
    assert chosen["predicted_valence"].tolist() == alone["predicted_valence"].tolist()


def test_eval_has_no_part_in_the_choice(packed):
    few = packed | {"eval": packed["eval"].chosen(np.arange(24) < 5)}
    for kind in ("ridge", "svr"):
        whole, part = (predictions(splits, kind)["eval"]["predicted_valence"] for splits in (packed, few))
        np.testing.assert_allclose(part, whole[:5], rtol=1e-9)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"kind": "forest", "candidates": []}, "kind is 'forest', expected one of mean, ridge, svr"),
        ({"kind": "ridge", "candidates": []}, r"candidates is \(\), expected one or more"),
        ({"kind": "mean", "candidates": [1.0]}, r"candidates is \(1.0,\), expected none"),
        ({"kind": "svr", "candidates": [1.0, 0.0]}, r"candidates is \(1.0, 0.0\), expected more than 0"),
        ({"kind": "svr", "candidates": [1.0, 1.0]}, r"candidates is \(1.0, 1.0\), expected each once"),
    ],
)
def test_a_wrong_setting_is_named(tree, message):
    with pytest.raises(Refused, match=f"baselines.ridge.settings.{message}"):
        params.bind(Settings, tree, "baselines.ridge.settings")


def test_a_baseline_has_the_columns_of_a_system(packed, scoring, network):
    system = inference.predict(network(), packed["eval"], scoring(), torch.device("cpu"), {})
    found = predictions(packed, "mean")["eval"]
    assert list(found) == list(system) and (found["crops"] == 1).all()
    assert found.dtypes.to_dict() == system.dtypes.to_dict()


def test_functionals_are_of_whole_recordings(packed):
    # 40 coefficients and 64 bands, eight functionals each
    assert describe(inference.waves(packed["dev"]), inference.RATE).shape == (24, 8 * 104)
