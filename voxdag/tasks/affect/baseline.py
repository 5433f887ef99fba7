"""What an affect regression has to beat: the mean of train, and ridge and support vector regression on functionals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.data.shards import Shards
from voxdag.scoring.concordance import ccc
from voxdag.tasks.affect import inference
from voxdag.tasks.affect.data import DIMENSIONS, targets
from voxdag.tasks.described import describe

EPSILON = 0.1  # half the width of the tube of support vector regression, in standard deviations of the labels

Splits = Mapping[str, Shards]
Values = dict[str, np.ndarray]  # split -> (n, 2)


@dataclass(frozen=True)
class Settings:
    """kind        a key of MODELS
    candidates  of which dev chooses one for each dimension: penalties of ridge regression, C of support vector
                regression; the mean has none
    """

    kind: str
    candidates: tuple[float, ...]

    def __post_init__(self) -> None:
        bounds.one_of(self, MODELS, "kind")
        bounds.above(self, 0, "candidates")
        bounds.distinct(self, "candidates")
        if (self.kind == MEAN) != (not self.candidates):
            raise Refused(f"candidates is {self.candidates}, expected {'none' if self.kind == MEAN else 'one or more'}")


def mean(splits: Splits, settings: Settings) -> Values:
    """The mean of train, whatever the recording."""
    found = targets(splits["train"].index).astype(float).mean(axis=0)
    return {split: np.tile(found, (len(packed), 1)) for split, packed in splits.items()}


def ridge(splits: Splits, settings: Settings) -> Values:
    """Ridge regression on standardised functionals, its penalty by dev."""
    return _fitted(splits, settings, lambda penalty: Ridge(alpha=penalty))


def svr(splits: Splits, settings: Settings) -> Values:
    """Support vector regression with an RBF kernel on standardised functionals, one of each dimension, its C by dev."""
    return _fitted(splits, settings, lambda cost: SVR(C=cost, epsilon=EPSILON))


MEAN = "mean"
MODELS: dict[str, Callable[[Splits, Settings], Values]] = {MEAN: mean, "ridge": ridge, "svr": svr}


def predict(
    splits: Splits, tables: Mapping[str, Mapping[str, pd.DataFrame]], settings: Settings, seed: int
) -> dict[str, pd.DataFrame]:
    """Predictions of a fold's dev and eval, in the columns of the systems' (see `inference.predict`): a recording is
    heard whole, as one crop. No model draws anything from the seed."""
    values = MODELS[settings.kind](splits, settings)
    said = {split: pd.DataFrame(values[split], columns=list(inference.OUTPUTS)) for split in tables}
    return {split: inference.tabulate(splits[split].about, table.assign(crops=1)) for split, table in said.items()}


def _fitted(splits: Splits, settings: Settings, model: Callable[[float], RegressorMixin]) -> Values:
    """What the model of each dimension says, with the candidate that has the highest CCC on dev, the first of several.

    Inputs and labels are standardised by train.
    """
    inputs = {split: describe(inference.waves(packed), inference.RATE) for split, packed in splits.items()}
    known = {split: targets(packed.index).astype(float) for split, packed in splits.items()}
    columns = []
    for i in range(len(DIMENSIONS)):
        models = [
            TransformedTargetRegressor(make_pipeline(StandardScaler(), model(value)), transformer=StandardScaler()).fit(
                inputs["train"], known["train"][:, i]
            )
            for value in settings.candidates
        ]
        on_dev = [float(ccc(known["dev"][:, i], one.predict(inputs["dev"]))) for one in models]
        columns.append({split: models[int(np.argmax(on_dev))].predict(rows) for split, rows in inputs.items()})
    return {split: np.stack([column[split] for column in columns], axis=1) for split in inputs}
