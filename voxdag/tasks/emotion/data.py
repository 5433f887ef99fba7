"""What a manifest of the emotion task must hold."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data import folds
from voxdag.tasks import labels

log = logging.getLogger(__name__)

# A network's output for a label is its place here; a corpus defines some of them.
LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised", "bored")
COLUMNS = dict.fromkeys(("id", "path", "split", "speaker", "label", "sex", "intensity", "sentence"), str)
TASK = "the emotion task"  # in messages


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The utterances of each split that the task can use: of eval, those whose class train has (cross-corpus).

    Raises Refused for a missing column, a label that is none of LABELS, an id listed twice in a split, eval without
    any class of train, or a class of dev or eval that a fold's train split lacks. A class that a fold's dev or eval
    split lacks is logged: it has no recall there.
    """
    labels.check_manifest(splits, tuple(COLUMNS), LABELS, TASK)
    classes = set(splits["train"]["label"])
    shared = splits["eval"]["label"].isin(classes)
    if not shared.any():
        raise Refused(f"no class of eval ({_names(splits['eval']['label'])}) is one of train ({_names(classes)})")
    if not shared.all():
        left = _names(splits["eval"]["label"][~shared])
        log.info("eval: %d utterances of classes that train lacks are left out (%s)", (~shared).sum(), left)
    selected = splits | {"eval": splits["eval"][shared]}
    for fold in folds.names(splits["train"]):
        _check_classes(fold, {split: set(rows["label"][folds.of(rows, fold)]) for split, rows in selected.items()})
    return selected


def targets(names: pd.Series) -> np.ndarray:
    """(n,) int64: each label's place in LABELS."""
    return labels.targets(names, LABELS)


def _check_classes(fold: str, held: dict[str, set[str]]) -> None:
    where = f"fold {fold}: " if fold else ""
    for split in ("dev", "eval"):
        unseen, absent = held[split] - held["train"], held["train"] - held[split]
        if unseen:
            raise Refused(f"{where}{split} has {_names(unseen)}, which train lacks; train has {_names(held['train'])}")
        if absent:
            log.warning("%s%s has no utterance of %s: no recall there", where, split, _names(absent))


def _names(found: Iterable[str]) -> str:
    return ", ".join(label for label in LABELS if label in set(found)) or "none"
