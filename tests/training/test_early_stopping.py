"""When training stops before its last epoch, counted by hand."""

import math

import pytest

from voxdag.core.errors import Refused
from voxdag.training.early_stopping import EarlyStopping, StoppingRules

NEVER = 99


def rules(patience=None, min_delta=0.0, threshold=0.0, plateau=NEVER):
    return StoppingRules("eer", patience, min_delta, threshold, plateau)


def stops(chosen, errors, losses):
    """The 1-based epoch at which it stops, and why; None where it does not."""
    counted = EarlyStopping()
    for epoch, (error, loss) in enumerate(zip(errors, losses, strict=True), start=1):
        reason = counted.update(chosen, {"eer": error} if error is not None else {}, loss)
        if reason:
            return epoch, reason
    return None


def test_patience_counts_epochs_since_the_last_gain():
    errors = [0.5, 0.6, 0.4, 0.4, 0.5]  # gains in epochs 1 and 3; a tie is no gain
    assert stops(rules(patience=2), errors, [1.0] * 5) == (5, "no gain of eer above 0.0 in 2 epochs")
    assert stops(rules(patience=3), errors, [1.0] * 5) is None


def test_gains_of_no_more_than_min_delta_add_up_but_do_not_count():
    # from 0.5: 0.45 is no gain of more than 0.1, and 0.38 is one over 0.5
    assert stops(rules(patience=2, min_delta=0.1), [0.5, 0.45, 0.38, 0.37], [1.0] * 4) is None
    assert stops(rules(patience=2, min_delta=0.1), [0.5, 0.45, 0.41, 0.30], [1.0] * 4)[0] == 3


def test_an_epoch_without_the_criterion_has_no_gain():
    assert stops(rules(patience=1), [0.5, None, 0.1], [1.0] * 3)[0] == 2


def test_a_plateau_is_of_epochs_in_a_row():
    losses = [0.1, 0.9, 0.1, math.nan, 0.1, 0.1]  # below 0.5 in epochs 1, 3, 5 and 6; NaN is not below
    chosen = rules(threshold=0.5, plateau=2)
    assert stops(chosen, [0.5] * 6, losses) == (6, "training loss below 0.5 for 2 epochs")
    assert stops(rules(threshold=0.1, plateau=1), [0.5] * 6, losses) is None  # below, not at


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patience": 0}, "^patience is 0, expected 1 or more"),
        ({"plateau": 0}, "plateau_patience is 0, expected 1 or more"),
        ({"min_delta": -0.1}, "min_delta is -0.1, expected 0 or more"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(change, message):
    with pytest.raises(Refused, match=message):
        rules(**change)


def test_without_a_criterion_nothing_but_the_training_loss_stops():
    chosen = StoppingRules(None, None, 0.0, 0.5, 2)
    assert stops(chosen, [None] * 9, [1.0] * 9) is None
    assert stops(chosen, [None] * 3, [1.0, 0.1, 0.1]) == (3, "training loss below 0.5 for 2 epochs")


def test_patience_without_a_criterion_is_refused():
    with pytest.raises(
        Refused, match="patience is 3 and criterion null: name a dev criterion, or set patience to null"
    ):
        StoppingRules(None, 3, 0.0, 0.0, 1)
