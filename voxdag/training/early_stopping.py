"""When to stop before the last epoch. Each rule's counter is a field, so that a resume goes on counting."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from voxdag.core import bounds
from voxdag.core.errors import Refused


@dataclass(frozen=True)
class StoppingRules:
    """criterion             which of the task's dev criteria `patience` is about; null: of a learner that has none
    patience              stop after this many epochs without a gain of more than `min_delta`; null: never
    train_loss_threshold  stop once the training loss was below this for `plateau_patience` epochs in a row; 0: never
    """

    criterion: str | None
    patience: int | None
    min_delta: float
    train_loss_threshold: float
    plateau_patience: int

    def __post_init__(self) -> None:
        bounds.at_least(self, 1, "patience", "plateau_patience")
        bounds.at_least(self, 0, "min_delta", "train_loss_threshold")
        if self.criterion is None and self.patience is not None:
            raise Refused(
                f"patience is {self.patience} and criterion null: name a dev criterion, or set patience to null"
            )


@dataclass
class EarlyStopping:
    """How far the two rules have counted."""

    best: float = math.inf
    without_gain: int = 0
    below_threshold: int = 0

    def update(self, rules: StoppingRules, errors: dict[str, float], train_loss: float) -> str | None:
        """Count one epoch, given the dev criteria signed so that lower is better; the reason to stop, or None.

        An epoch without the criterion has no gain. `min_delta` gates only this, not which checkpoint is best.
        """
        value = errors.get(rules.criterion, math.inf)  # type: ignore[arg-type]
        gained = value < self.best - rules.min_delta
        self.best = value if gained else self.best
        self.without_gain = 0 if gained else self.without_gain + 1
        self.below_threshold = self.below_threshold + 1 if train_loss < rules.train_loss_threshold else 0
        if rules.patience is not None and self.without_gain >= rules.patience:
            return f"no gain of {rules.criterion} above {rules.min_delta} in {self.without_gain} epochs"
        if self.below_threshold and self.below_threshold >= rules.plateau_patience:
            return f"training loss below {rules.train_loss_threshold} for {self.below_threshold} epochs"
        return None

    def state(self) -> dict[str, float]:
        """What a resume needs."""
        return asdict(self)
