"""Fusion of countermeasures: a weighted sum of their scores, fitted to dev by logistic regression.

A system's score of a trial is the mean over its members of their log-likelihood ratios (affine, fitted on dev at the
prior of ASVspoof 5), since members are not on one scale. The fusion's is again a log-likelihood ratio at that prior.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from voxdag.core.errors import Refused
from voxdag.data import folds
from voxdag.scoring import dcf, llr, members
from voxdag.tasks.antispoof.metrics import CLASSES, check
from voxdag.tasks.antispoof.transfer import frozen

FUSION, OFFSET = "fusion", "offset"
TRIAL = ("id", "label", "attack", "speaker", "protocol")  # columns that are the trial's and not a member's

Splits = Mapping[str, pd.DataFrame]  # predictions by split


def averaged(predictions: Splits) -> dict[str, pd.DataFrame]:
    """A system's predictions by split as those of one member: the mean of its members' log-likelihood ratios.

    Raises Refused for predictions that cannot be scored, and for members that differ in their trials or between splits.
    """
    for table in predictions.values():
        check(table)
    maps = {member: affine for member, (_, affine) in frozen(predictions["dev"]).items()}
    found = {}
    for split, table in predictions.items():
        rows = members.split(table)
        if rows.keys() != maps.keys():
            raise Refused(f"{split} has {len(rows)} members and dev {len(maps)}, expected the same ones")
        if any(member.fold != folds.FIXED for member in rows):
            raise Refused(f"{split} is in folds: their trials differ, expected members that scored the same ones")
        first, *_ = (member_rows.set_index("id") for member_rows in rows.values())
        ratios = [pd.Series(maps[member](one["score"].to_numpy(float)), one["id"]) for member, one in rows.items()]
        if any(set(one.index) != set(first.index) for one in ratios):
            raise Refused(f"members of {split} scored different trials")
        kept = first[[name for name in TRIAL if name in first]]
        found[split] = kept.assign(score=sum(one.reindex(first.index) for one in ratios) / len(ratios)).reset_index()
    return found


def fused(systems: Mapping[str, Splits]) -> tuple[dict[str, pd.DataFrame], pd.Series]:
    """The fusion's predictions by split, of averaged systems; and the weight of each system's score, with OFFSET last.

    Raises Refused for fewer than two systems, and for two that scored different trials.
    """
    if len(systems) < 2:
        raise Refused(f"a fusion of {', '.join(systems) or 'nothing'}, expected two systems at least")
    (first, expected), *others = systems.items()
    scores = {}
    for split, table in expected.items():
        ids = table["id"]
        for name, splits in others:
            differing = sorted(set(ids) ^ set(splits[split]["id"]))
            if differing:
                count = f"{len(differing)} are in one alone, such as {differing[0]}"
                raise Refused(f"{first} and {name} scored different trials in {split}: {count}")
        columns = {name: splits[split].set_index("id")["score"].reindex(ids) for name, splits in systems.items()}
        scores[split] = pd.DataFrame(columns)
    labels = expected["dev"]["label"].to_numpy()
    bonafide, spoof = (scores["dev"][labels == label].to_numpy(float) for label in CLASSES)
    weights, offset = llr.fit_fusion(bonafide, spoof, llr.effective_prior(dcf.ASVSPOOF5))
    predictions = {
        split: expected[split].assign(score=table.to_numpy(float) @ weights + offset) for split, table in scores.items()
    }
    return predictions, pd.Series([*weights, offset], [*systems, OFFSET], name="weight")
