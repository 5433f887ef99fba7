import warnings

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, precision_recall_fscore_support

from voxdag.scoring.classification import by_class, confusion, indices, report, summary

NAMES = ("neutral", "happy", "sad", "angry")


def drawn(seed, n=200, classes=NAMES, weights=(0.1, 0.2, 0.3, 0.4)):
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, n, p=weights)
    return labels, np.where(rng.random(n) < 0.4, labels, rng.choice(classes, n))


def test_by_hand():
    # actual      n n n n   h h   s s s     predicted n n n h   h s   s n h
    # recall      3/4       1/2   1/3       UAR = (9 + 6 + 4) / 36 = 19/36, WAR = 5/9
    # precision   n: 3/4    h: 1/3    s: 1/2
    # F1 = 2 TP / (actual + predicted)    n: 6/8    h: 2/5    s: 2/5    mean = 31/60
    result = report(list("nnnnhhsss"), list("nnnhhssnh"), "nhs")
    assert result.confusion.tolist() == [[3, 1, 0], [0, 1, 1], [1, 1, 1]]
    assert result.by_class.recall == pytest.approx([3 / 4, 1 / 2, 1 / 3])
    assert result.by_class.precision == pytest.approx([3 / 4, 1 / 3, 1 / 2])
    assert result.by_class.f1 == pytest.approx([3 / 4, 2 / 5, 2 / 5])
    assert result.by_class.support.tolist() == [4, 2, 3]
    assert (result.uar, result.war, result.macro_f1) == pytest.approx((19 / 36, 5 / 9, 31 / 60))
    assert result.n_classes == 3


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_says_the_same(seed):
    labels, predictions = drawn(seed)
    result = report(labels, predictions, NAMES)
    expected = precision_recall_fscore_support(labels, predictions, labels=NAMES)
    for mine, theirs in zip(result.by_class, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    assert result.uar == pytest.approx(balanced_accuracy_score(labels, predictions), rel=1e-12)
    assert result.war == pytest.approx(accuracy_score(labels, predictions), rel=1e-12)
    assert result.macro_f1 == pytest.approx(expected[2].mean(), rel=1e-12)
    np.testing.assert_array_equal(result.confusion, confusion_matrix(labels, predictions, labels=NAMES))


def test_a_class_without_support_is_undefined_and_enters_no_mean():
    # sad never occurs and is predicted once: recall and F1 undefined, precision 0/1; UAR is that of the other two,
    # and so is balanced_accuracy_score's, which warns about it.
    labels, predictions = ["neutral", "neutral", "happy"], ["neutral", "sad", "happy"]
    result = report(labels, predictions, NAMES[:3])
    np.testing.assert_array_equal(result.by_class.recall, [0.5, 1, np.nan])
    np.testing.assert_array_equal(result.by_class.f1, [2 / 3, 1, np.nan])
    np.testing.assert_array_equal(result.by_class.precision, [1, 1, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert result.uar == balanced_accuracy_score(labels, predictions) == 0.75
    assert result.macro_f1 == pytest.approx(5 / 6)
    assert result.n_classes == 2


def test_a_class_that_is_never_predicted_has_no_precision_and_an_f1_of_zero():
    result = report(["neutral", "happy"], ["neutral", "neutral"], NAMES[:2])
    np.testing.assert_array_equal(result.by_class.precision, [0.5, np.nan])
    assert result.by_class.f1.tolist() == [2 / 3, 0]
    assert result.macro_f1 == pytest.approx(1 / 3)


def test_the_order_of_classes_only_reorders():
    labels, predictions = drawn(0)
    one, other = report(labels, predictions, NAMES), report(labels, predictions, NAMES[::-1])
    np.testing.assert_array_equal(one.confusion[::-1, ::-1], other.confusion)
    for mine, theirs in zip(one.by_class, other.by_class, strict=True):
        np.testing.assert_array_equal(mine[::-1], theirs)
    assert (one.uar, one.war, one.macro_f1) == pytest.approx((other.uar, other.war, other.macro_f1), rel=1e-12)


def test_uar_does_not_see_how_many_utterances_a_class_has():
    labels, predictions = drawn(0)
    times = np.where(labels == "sad", 7, 1)
    assert report(labels.repeat(times), predictions.repeat(times), NAMES).uar == pytest.approx(
        report(labels, predictions, NAMES).uar, rel=1e-12
    )


def test_weights_count_as_repetitions_do():
    labels, predictions = (indices(names, NAMES) for names in drawn(1))
    counts = np.random.default_rng(2).integers(0, 4, labels.size)
    np.testing.assert_array_equal(
        confusion(labels, predictions, 4, counts), confusion(labels.repeat(counts), predictions.repeat(counts), 4)
    )


def test_many_matrices_are_scored_as_one_by_one():
    matrices = np.random.default_rng(0).integers(0, 3, (20, 4, 4)).astype(float)  # some classes without support
    for together, alone in ((by_class(matrices), map(by_class, matrices)), (summary(matrices), map(summary, matrices))):
        for metric, values in zip(together, zip(*alone, strict=True), strict=True):
            np.testing.assert_array_equal(metric, values)


def test_nothing_is_undefined_not_zero():
    empty = summary(np.zeros((3, 3)))
    assert np.isnan([empty.uar, empty.war, empty.macro_f1]).all()
    assert empty.n_classes == 0


def test_faults_are_refused_with_their_values():
    with pytest.raises(ValueError, match="unknown classes bored, smug: expected some of neutral, happy, sad, angry"):
        report(["sad", "smug", "bored"], ["sad"] * 3, NAMES)
    with pytest.raises(ValueError, match="unknown classes bored: expected some of"):
        report(["sad"], ["bored"], NAMES)
    with pytest.raises(ValueError, match="3 labels and 2 predictions"):
        report(["sad"] * 3, ["sad"] * 2, NAMES)
    with pytest.raises(ValueError, match="no utterance to score"):
        report([], [], NAMES)
