"""What a recogniser has to beat: chance, the majority class, and a support vector machine on functionals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from voxdag.core import bounds, streams
from voxdag.core.errors import Refused
from voxdag.data.shards import Shards
from voxdag.scoring.calibration import fit_temperature
from voxdag.tasks import labels
from voxdag.tasks.described import describe
from voxdag.tasks.emotion import inference
from voxdag.tasks.emotion.data import LABELS, targets

LEVEL = 1e-3  # of chance's logits: all but equal probabilities


@dataclass(frozen=True)
class Settings:
    """kind: a key of MODELS; cost: C of the support vector machine (the others have no use for it)."""

    kind: str
    cost: float

    def __post_init__(self) -> None:
        bounds.one_of(self, MODELS, "kind")
        bounds.above(self, 0, "cost")


Splits = Mapping[str, Shards]
Logits = dict[str, np.ndarray]  # split -> (n, classes)


def chance(splits: Splits, classes: list[str], settings: Settings, seed: int) -> Logits:
    """Any class, drawn for each utterance by its id: logits that tell the classes apart by next to nothing."""
    return {
        split: np.stack([LEVEL * streams.generator(seed, "chance", name).random(len(classes)) for name in names])
        for split, names in ((split, packed.index["id"]) for split, packed in splits.items())
    }


def majority(splits: Splits, classes: list[str], settings: Settings, seed: int) -> Logits:
    """The commonest class of train: logits are the logarithms of the classes' shares there."""
    shares = splits["train"].index["label"].value_counts(normalize=True).reindex(classes).to_numpy()
    return {split: np.tile(np.log(shares), (len(packed), 1)) for split, packed in splits.items()}


def svm(splits: Splits, classes: list[str], settings: Settings, seed: int) -> Logits:
    """An RBF support vector machine on standardised functionals of MFCC and log-mel; logits are the votes of its
    one-against-one decisions, those of equal votes told apart by their sums ("ovr" of scikit-learn)."""
    tables = {split: describe(inference.waves(packed), inference.RATE) for split, packed in splits.items()}
    known = targets(splits["train"].index["label"])
    model = make_pipeline(StandardScaler(), SVC(C=settings.cost, decision_function_shape="ovr"))
    model.fit(tables["train"], known)
    return {split: model.decision_function(table).reshape(len(table), -1) for split, table in tables.items()}


MODELS: dict[str, Callable[[Splits, list[str], Settings, int], Logits]] = {
    "chance": chance,
    "majority": majority,
    "svm": svm,
}


def predict(
    splits: Splits, tables: Mapping[str, Mapping[str, pd.DataFrame]], settings: Settings, seed: int
) -> dict[str, pd.DataFrame]:
    """Predictions of a fold's dev and eval, in the columns of the systems' (see `inference.predict`).

    The temperature is fitted on dev, as the systems' is. Raises Refused where train has fewer than 3 classes: the
    decision values of two are one number.
    """
    classes = [label for label in LABELS if label in set(splits["train"].index["label"])]
    if len(classes) < 3:
        raise Refused(f"train has the classes {', '.join(classes)}, expected 3 or more")
    logits = MODELS[settings.kind](splits, classes, settings, seed)
    temperature = fit_temperature(logits["dev"], labels.targets(splits["dev"].index["label"], classes))
    return {
        split: inference.tabulate(
            splits[split].about, pd.DataFrame(logits[split], columns=classes), temperature, tables[split], False
        )
        for split in tables
    }
