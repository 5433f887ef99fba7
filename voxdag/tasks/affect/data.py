"""What a manifest of the affect task must hold: of each clip the mean valence and arousal of its annotators."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data import folds
from voxdag.tasks import labels

TASK = "the affect task"  # in messages
DIMENSIONS = ("valence", "arousal")  # a network's output for a dimension is its place here; the scale is -1 to 1
SD = "_sd"  # ends the column with the standard deviation of the annotators' ratings of a dimension
COLUMNS = {  # the last three are missing where a corpus does not say
    **dict.fromkeys(("id", "path", "split", "speaker", "song"), str),
    **dict.fromkeys(DIMENSIONS, float),
    **dict.fromkeys((*(f"{name}{SD}" for name in DIMENSIONS), "annotators"), float),
}
SIGNS, LEVELS = ("negative", "positive"), ("low", "high")
QUADRANT = "quadrant"  # of the valence-arousal plane: a column of predictions


def select(splits: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The clips of each split that the task can use: all of them.

    Raises Refused for a missing column, an id listed twice (in two splits: where there are no folds), a label that is
    missing or outside -1 to 1, a standard deviation below 0 or fewer than one annotator, a clip without a song, a song
    in two splits of a fold (unless the fold is there to show the leak), and a dimension of which all clips of a fold's
    split have the same label: nothing can be learned from them, and CCC is undefined.
    """
    for split, clips in splits.items():
        missing = [name for name in COLUMNS if name not in clips]
        if missing:
            raise Refused(f"the manifest lacks {', '.join(missing)} in {split}; {TASK} needs {', '.join(COLUMNS)}")
        labels.refuse_repeated(clips["id"], f"in {split}")
        _check_numbers(clips, split)
        _refuse(clips, split, clips["song"].isna() | (clips["song"] == ""), "song", "the name of a song")
    if not any(folds.COLUMN in clips for clips in splits.values()):
        labels.refuse_repeated(pd.concat([clips["id"] for clips in splits.values()]), "over all splits")
    for fold in folds.names(splits["train"]):
        _check_fold(f"fold {fold}: " if fold else "", fold, splits)
    return splits


def targets(table: pd.DataFrame) -> np.ndarray:
    """(n, 2) float32: valence and arousal of each clip."""
    return table[list(DIMENSIONS)].to_numpy(np.float32)


def quadrants(table: pd.DataFrame) -> np.ndarray:
    """(n,) text: in which quadrant of the valence-arousal plane each label lies, "positive valence, high arousal".

    J. Russell, "A circumplex model of affect", J. Personality and Social Psychology 39 (1980). 0, the middle of a
    scale, counts as positive and as high.
    """
    upper = targets(table) >= 0  # (n, 2)
    return np.array([f"{SIGNS[int(v)]} valence, {LEVELS[int(a)]} arousal" for v, a in upper], dtype=object)


def _check_numbers(clips: pd.DataFrame, split: str) -> None:
    for name in DIMENSIONS:
        _refuse(clips, split, ~clips[name].astype(float).between(-1, 1), name, "-1 to 1")
    for name, least in ((f"{DIMENSIONS[0]}{SD}", 0), (f"{DIMENSIONS[1]}{SD}", 0), ("annotators", 1)):
        numbers = clips[name].astype(float)
        known = numbers.isna() | numbers.between(least, np.inf, "left")
        _refuse(clips, split, ~known, name, f"{least} or more, or none")


def _refuse(clips: pd.DataFrame, split: str, broken: pd.Series, column: str, expected: str) -> None:
    if broken.any():
        first = clips[broken].iloc[0]
        raise Refused(
            f"{broken.sum()} of {len(clips)} clips of {split} have another {column} than {expected}, the first is "
            f"{first['id']} with {first[column]}"
        )


def _check_fold(where: str, fold: str, splits: dict[str, pd.DataFrame]) -> None:
    rows = {split: clips[folds.of(clips, fold)] for split, clips in splits.items()}
    for split, clips in rows.items():
        for name in DIMENSIONS:
            if clips[name].nunique() < 2:
                found = ", ".join(map(str, clips[name].unique())) or "none"
                raise Refused(f"{where}{split} has one {name}, {found}, in all clips: expected two values or more")
    homes = pd.concat(clips[["song"]].assign(home=split) for split, clips in rows.items()).drop_duplicates()
    shared = homes[homes["song"].duplicated(keep=False)]
    if len(shared) and not fold.startswith(folds.LEAKY):
        song = shared["song"].iloc[0]
        held = " and ".join(shared.loc[shared["song"] == song, "home"])
        raise Refused(f"{where}{shared['song'].nunique()} songs are in two splits, such as {song} in {held}")
