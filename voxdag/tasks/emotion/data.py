"""What a manifest of the emotion task must hold."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data import folds

log = logging.getLogger(__name__)

# A network's output for a label is its place here; a corpus defines some of them.
LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised", "bored")
COLUMNS = ("id", "path", "split", "speaker", "label", "sex", "intensity", "sentence")


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The utterances of each split that the task can use: of eval, those whose class train has (cross-corpus).

    Raises Refused for a missing column, a label that is none of LABELS, an id listed twice in a split, eval without
    any class of train, or a class of dev or eval that a fold's train split lacks. A class that a fold's dev or eval
    split lacks is logged: it has no recall there.
    """
    for split, utterances in splits.items():
        _check(split, utterances)
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


def targets(labels: pd.Series) -> np.ndarray:
    """(n,) int64: each label's place in LABELS."""
    return labels.map({label: i for i, label in enumerate(LABELS)}).to_numpy(np.int64)


def _check(split: str, utterances: pd.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in utterances]
    if missing:
        raise Refused(f"the manifest lacks {', '.join(missing)}; the emotion task needs {', '.join(COLUMNS)}")
    other = sorted(set(utterances["label"]) - set(LABELS))
    if other:
        raise Refused(f"labels {other} are not of the emotion task, whose labels are {', '.join(LABELS)}")
    repeated = utterances["id"][utterances["id"].duplicated()]
    if len(repeated):
        raise Refused(f"{len(repeated)} ids are listed twice in {split}, such as {repeated.iloc[0]}")


def _check_classes(fold: str, held: dict[str, set[str]]) -> None:
    where = f"fold {fold}: " if fold else ""
    for split in ("dev", "eval"):
        unseen, absent = held[split] - held["train"], held["train"] - held[split]
        if unseen:
            raise Refused(f"{where}{split} has {_names(unseen)}, which train lacks; train has {_names(held['train'])}")
        if absent:
            log.warning("%s%s has no utterance of %s: no recall there", where, split, _names(absent))


def _names(labels: object) -> str:
    return ", ".join(label for label in LABELS if label in set(labels)) or "none"
