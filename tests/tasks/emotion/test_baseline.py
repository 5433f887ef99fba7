"""What systems are measured beside."""

import numpy as np
import pytest

from voxdag.tasks.emotion.baseline import Settings, predict

TABLES = {"dev": {}, "eval": {}}


def table(packed, kind, split="eval", seed=1):
    return predict(packed, TABLES, Settings(kind, 10.0), seed)[split]


def test_the_support_vector_machine_tells_easy_classes_apart(packed):
    predictions = table(packed, "svm")
    assert (predictions["label"] == predictions["predicted"]).mean() > 0.9
    assert predictions["id"].tolist() == packed["eval"].index["id"].tolist()
    np.testing.assert_allclose(predictions.filter(like="p_").sum(axis=1), 1)


def test_the_majority_is_that_of_train(packed):
    train = packed["train"].index
    packed["train"] = packed["train"].chosen(((train["label"] == "sad") | train["id"].str.endswith("0")).to_numpy())
    predictions = table(packed, "majority")
    assert set(predictions["predicted"]) == {"sad"}
    # 16 sad, 4 of each other class
    np.testing.assert_allclose(np.exp(predictions["logit_sad"]), 16 / 24)


def test_chance_draws_by_utterance_and_seed(packed):
    first, again, other = (table(packed, "chance", seed=seed)["predicted"].tolist() for seed in (1, 1, 2))
    assert first == again and first != other
    assert set(first) == {"neutral", "happy", "sad"}
    assert table(packed, "chance").filter(like="p_").to_numpy().max() < 0.36  # next to nothing tells them apart


def test_an_unknown_kind_and_too_few_classes_are_named(packed):
    with pytest.raises(ValueError, match="kind is 'forest', expected one of chance, majority, svm"):
        Settings("forest", 1.0)
    train = packed["train"].index
    packed["train"] = packed["train"].chosen((train["label"] != "sad").to_numpy())
    with pytest.raises(ValueError, match="train has the classes neutral, happy, expected 3 or more"):
        table(packed, "majority")
