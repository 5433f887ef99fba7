"""What tasks of labelled utterances share: the checks of a manifest, and labels as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from voxdag.core.errors import Refused


def check_manifest(
    splits: Mapping[str, pd.DataFrame], columns: Sequence[str], labels: Sequence[str], task: str
) -> None:
    """Raises Refused for a missing column, a label that is none of `labels`, or an id listed twice in a split.

    task: its name in messages, as in "anti-spoofing".
    """
    for split, utterances in splits.items():
        missing = [name for name in columns if name not in utterances]
        if missing:
            raise Refused(f"the manifest lacks {', '.join(missing)} in {split}; {task} needs {', '.join(columns)}")
        refuse_unknown(utterances["label"], labels, f"of {task}")
        refuse_repeated(utterances["id"], f"in {split}")


def targets(labels: pd.Series, order: Sequence[str]) -> np.ndarray:
    """(n,) int64: each label's place in `order`, which is that of a network's outputs. Raises Refused for another."""
    refuse_unknown(labels, order, "that a network has an output for")
    return labels.map({label: i for i, label in enumerate(order)}).to_numpy(np.int64)


def refuse_unknown(labels: pd.Series, known: Sequence[str], of_what: str) -> None:
    """Raises Refused where labels are none of the known ones, with those that are."""
    other = sorted(map(str, labels[~labels.isin(known)].unique()))
    if other:
        raise Refused(f"labels {other} are none {of_what}, which are {', '.join(known)}")


def refuse_repeated(ids: pd.Series, where: str) -> None:
    """Raises Refused where an id is listed twice, naming the first."""
    repeated = ids[ids.duplicated()]
    if len(repeated):
        raise Refused(f"{len(repeated)} ids are listed twice {where}, such as {repeated.iloc[0]}")
