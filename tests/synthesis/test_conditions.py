"""What a generator is told has the density of what train is labelled with, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.synthesis.making import DIMENSIONS
from voxdag.core.errors import Refused
from voxdag.synthesis.conditions import Alike, Classes, Continuous

DRAWN = 20_000


def labelled(count=400, seed=0):
    """Labels that are correlated and far from uniform: means .2 and -.1, deviations .25 and .2, correlation .6."""
    covariance = [[0.0625, 0.03], [0.03, 0.04]]
    labels = np.random.default_rng(seed).multivariate_normal([0.2, -0.1], covariance, count)
    table = pd.DataFrame(np.clip(labels, -1, 1), columns=list(DIMENSIONS))
    return table.assign(id=[f"s{i}" for i in range(count)])


def continuous(index, bandwidth=1.0):
    return Continuous.of(index, DIMENSIONS, -1, 1, bandwidth)


def rng():
    return np.random.default_rng(7)


def test_the_density_has_the_moments_of_trains_widened_by_its_bandwidth():
    # A draw is a label of train plus an independent normal number: means and covariance are train's, each variance
    # times 1 + h^2 with Scott's h = n^(-1/6). Of 20,000 draws a mean has a standard error of sd / 141, a variance one
    # of about variance / 100; five of each. Clipping is 3 deviations away.
    index, drawn = labelled(), continuous(labelled()).draw(DRAWN, 7)
    labels, h = index[list(DIMENSIONS)].to_numpy(), 400 ** (-1 / 6)
    assert drawn.dtype == np.float32 and drawn.shape == (DRAWN, 2)
    deviations = labels.std(0) * np.sqrt(1 + h**2)
    assert (np.abs(drawn.mean(0) - labels.mean(0)) < 5 * deviations / np.sqrt(DRAWN)).all()
    assert drawn.var(0) == pytest.approx(labels.var(0) * (1 + h**2), rel=0.05)
    covariance = np.cov(drawn, rowvar=False)[0, 1]
    assert covariance == pytest.approx(np.cov(labels, rowvar=False, bias=True)[0, 1], rel=0.1)


@pytest.mark.parametrize("dimension", [0, 1])
def test_the_density_is_trains_and_a_uniform_square_is_not(dimension):
    # Kolmogorov-Smirnov against train's own labels with little bandwidth: 1.63 / sqrt(n m / (n + m)) is the 1 % limit.
    index = labelled(1000)
    labels, drawn = index[DIMENSIONS[dimension]], continuous(index, 0.05).draw(1000, 7)[:, dimension]
    uniform = rng().uniform(-1, 1, 1000)
    assert stats.ks_2samp(labels, drawn).statistic < 1.63 / np.sqrt(500)
    assert stats.ks_2samp(labels, uniform).statistic > 3 * 1.63 / np.sqrt(500)


def test_what_is_drawn_lies_within_the_scale():
    index = labelled().assign(valence=0.99)
    index.loc[::2, "valence"] = -0.99
    drawn = continuous(index, 2.0).draw(DRAWN, 7)
    assert np.abs(drawn).max() == 1 and (np.abs(drawn[:, 0]) == 1).mean() > 0.2


def test_a_recording_is_told_as_it_is_labelled_and_shown_near_it():
    index = labelled(50)
    conditions = continuous(index)
    assert conditions.told(index) == pytest.approx(index[list(DIMENSIONS)].to_numpy(np.float32), abs=0)
    near = conditions.near(np.full(4000, 3), rng())
    assert near.mean(0) == pytest.approx(index.loc[3, list(DIMENSIONS)].to_numpy(float), abs=0.02)
    # Scott's rule by hand, of 50 in two dimensions: 50^(-1/6) = 0.5210
    assert conditions.spread == pytest.approx(0.5210 * index[list(DIMENSIONS)].to_numpy().std(0), rel=1e-3)
    assert near.std(0) == pytest.approx(conditions.spread, rel=0.06)
    assert continuous(index, 0.0).near(np.array([3]), rng()) == pytest.approx(conditions.told(index)[3:4])


def test_a_draw_is_a_function_of_the_seed_and_of_which_one_it_is():
    conditions = continuous(labelled())
    drawn = conditions.draw(9, 7)
    assert (drawn == conditions.draw(9, 7)).all() and (drawn[:4] == conditions.draw(4, 7)).all()
    assert (drawn != conditions.draw(9, 8)).all() and len(np.unique(drawn)) == 18


def test_what_the_index_and_the_picture_say_of_a_condition():
    conditions = continuous(labelled(9))
    assert conditions.values(np.float32([[0.5, -0.25]])) == [{"valence": 0.5, "arousal": -0.25}]
    assert conditions.words(np.float32([0.5, -0.25])) == "valence +0.50\narousal -0.25"
    assert conditions.size == 2 and len(conditions) == 9


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "recording s3 has valence nan, arousal .*; a generator is told numbers from -1 to 1"),
        (1.01, "recording s3 has valence 1.01"),
        (-np.inf, "recording s3 has valence -inf"),
    ],
)
def test_a_label_that_is_no_number_of_the_scale_is_refused(value, message):
    index = labelled(9)
    index.loc[3, "valence"] = value
    with pytest.raises(Refused, match=message):
        continuous(index)


def emotions(**counts):
    labels = [name for name, count in counts.items() for _ in range(count)]
    return pd.DataFrame({"id": [f"s{i}" for i in range(len(labels))], "label": labels})


def test_classes_are_as_frequent_as_in_train():
    # 30, 60 and 10 of 100: of 20,000 draws a share has a standard error of at most 0.0035; five of them
    conditions = Classes.of(emotions(sad=30, angry=60, calm=10), "label")
    drawn = conditions.draw(DRAWN, 7)
    assert conditions.names == ("angry", "calm", "sad") and conditions.size == 3
    assert (drawn.sum(1) == 1).all() and set(np.unique(drawn)) == {0, 1}
    assert drawn.mean(0) == pytest.approx([0.6, 0.1, 0.3], abs=0.0175)


def test_a_class_is_one_at_its_place_there_and_back():
    index = emotions(sad=2, angry=3)
    conditions = Classes.of(index, "label")
    told = conditions.told(index)
    assert told.tolist() == [[0, 1]] * 2 + [[1, 0]] * 3
    assert (conditions.near(np.array([0, 4]), rng()) == told[[0, 4]]).all()
    assert [row["label"] for row in conditions.values(told)] == index["label"].tolist()
    assert conditions.words(told[0]) == "sad" and len(conditions) == 5


def test_a_class_with_one_recording_is_refused():
    with pytest.raises(Refused, match="class calm of label has 1 recording in train, expected 2 or more"):
        Classes.of(emotions(sad=3, calm=1), "label")


def test_a_class_that_train_does_not_have_is_refused():
    conditions = Classes.of(emotions(sad=3, calm=2), "label")
    with pytest.raises(Refused, match="label bored is none of calm, sad, which train has"):
        conditions.told(emotions(sad=1, bored=1))


def test_of_recordings_that_are_all_alike_nothing_is_told_whatever_their_index_says():
    conditions = Alike.of(emotions(bonafide=3), "bonafide")
    assert conditions.told(emotions(spoof=2)).tolist() == [[1], [1]]
    assert conditions.draw(3, 7).tolist() == [[1]] * 3 and conditions.words(np.ones(1)) == "bonafide"
    with pytest.raises(Refused, match="class bonafide of bonafide has 1 recording"):
        Alike.of(emotions(bonafide=1), "bonafide")
