"""Domain-adversarial training of a countermeasure: heads that tell codecs and qualities from its embedding, behind a
reversed gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voxdag.audio.codecs import NONE
from voxdag.core import bounds
from voxdag.core.errors import Refused
from voxdag.networks import by_name
from voxdag.networks.by_name import Further
from voxdag.training.learner import masked_mean
from voxdag.training.reversal import Strength, reversed_gradient

UNKNOWN = -1  # the target of a recording that has none


@dataclass(frozen=True)
class Head:
    """classes  what the value of a column of the index may be; "none" where it is no class is no target
    weight   of the head's cross entropy beside the others'
    """

    classes: tuple[str, ...]
    weight: float

    def __post_init__(self) -> None:
        bounds.distinct(self, "classes")
        bounds.above(self, 0, "weight")
        if len(self.classes) < 2:
            raise Refused(f"classes is {list(self.classes)}, expected two or more")


@dataclass(frozen=True)
class Domains:
    """head: the network of each; heads: by the column that they tell; strength: of the reversed gradient."""

    head: Further
    heads: dict[str, Head]
    strength: Strength

    def __post_init__(self) -> None:
        bounds.not_empty(self, "heads")


class Opponents:
    """The heads of a run, and each training recording's targets."""

    def __init__(self, settings: Domains, index: pd.DataFrame, device: torch.device):
        self.settings, self.device = settings, device
        self.head = settings.head.network, settings.head.config, settings.head.changes
        built = {column: settings.head.build(len(head.classes)) for column, head in settings.heads.items()}
        self.networks = nn.ModuleDict(built).to(device)
        self.targets = {
            column: torch.from_numpy(targets(index, column, head)).to(device) for column, head in settings.heads.items()
        }

    def losses(self, embedding: Tensor, rows: Tensor, strength: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the heads' cross entropies with their weights; and of each the share that it tells.

        embedding (B, E), of the index's rows (B,); recordings without a target count in neither.
        """
        taken = by_name.resolve(*self.head).inputs
        if embedding.shape[1] != taken:
            raise Refused(
                f"objective.domains.head takes embeddings of {taken} numbers, and the network's have "
                f"{embedding.shape[1]}: see head.config and head.changes"
            )
        total, told = embedding.new_zeros(()), {}
        opposed = reversed_gradient(embedding, strength)
        for column, head in self.settings.heads.items():
            expected = self.targets[column][rows.to(self.device)]  # (B,)
            known = expected != UNKNOWN
            logits = self.networks[column](opposed).float()  # (B, classes)
            entropies = F.cross_entropy(logits, expected.clamp(min=0), reduction="none")
            total = total + head.weight * masked_mean(entropies, known)
            right = (logits.argmax(1) == expected).float()
            told[f"{column}_accuracy"] = masked_mean(right, known).detach()
        return total, told


def targets(index: pd.DataFrame, column: str, head: Head) -> np.ndarray:
    """(n,) int64: each recording's place among the classes; UNKNOWN of "none" where that is no class.

    Raises Refused for a column that is not there, and for a value that is no class.
    """
    if column not in index:
        raise Refused(f"a head tells {column}, which train's index does not have")
    places: Mapping[str, int] = {NONE: UNKNOWN} | {name: place for place, name in enumerate(head.classes)}
    other = sorted(set(index[column].astype(str)) - set(places))
    if other:
        raise Refused(f"{column} {other[0]} of train is none of the classes {', '.join(head.classes)}")
    return np.array([places[value] for value in index[column].astype(str)], np.int64)
