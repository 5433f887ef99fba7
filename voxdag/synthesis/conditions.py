"""What a generator is told to make: where conditions come from, and how a network is given them.

Continuous conditions (valence, arousal) are drawn from a density of train's labels: a label of train, moved by a normal
distribution, so that none lies far from any that train has. A discriminator is shown real recordings under their
labels, moved likewise (vicinal): with continuous labels hardly two recordings share one.
Source: Ding et al., "CcGAN: Continuous conditional generative adversarial networks for image generation", ICLR 2021,
arXiv 2011.07466; Scott, Multivariate Density Estimation (1992), rule of thumb (bandwidth n^(-1 / (d + 4))).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voxdag.core import streams
from voxdag.core.errors import Refused
from voxdag.data.shards import Row

LEAST = 2  # recordings of a class that a generator can be fitted to


class Conditions(ABC):
    """The conditions of train's recordings, in the index's order."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Dimensions of what a network is given."""

    @abstractmethod
    def __len__(self) -> int:
        """Recordings."""

    @abstractmethod
    def told(self, index: pd.DataFrame) -> np.ndarray:
        """What a network would be told of the recordings of an index, as they are labelled: (n, size) float32."""

    @abstractmethod
    def near(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """What a network is told of these recordings, (n, size) float32, moved where conditions are continuous."""

    @abstractmethod
    def values(self, told: np.ndarray) -> list[Row]:
        """What the index says of recordings of which a network was told (n, size)."""

    @abstractmethod
    def words(self, told: np.ndarray) -> str:
        """What is written above a picture of a recording of which a network was told (size,)."""

    def draw(self, count: int, seed: int) -> np.ndarray:
        """Conditions to make recordings of, by the density of train: (count, size). The first few of many are those of
        few."""
        return np.concatenate([self._drawn(streams.generator(seed, "conditions", i)) for i in range(count)])

    def _drawn(self, rng: np.random.Generator) -> np.ndarray:
        return self.near(rng.integers(len(self), size=1), rng)


@dataclass(frozen=True)
class Continuous(Conditions):
    """labels: (n, d), finite; columns: their names in the index; low, high: of their scale; bandwidth: of the density,
    as a multiple of Scott's."""

    labels: np.ndarray
    columns: tuple[str, ...]
    low: float
    high: float
    bandwidth: float

    @staticmethod
    def of(index: pd.DataFrame, columns: Sequence[str], low: float, high: float, bandwidth: float) -> Continuous:
        """Those of an index. Raises Refused, with the recording, for a label that is not finite or beyond its scale."""
        labels = index[list(columns)].to_numpy(np.float64)
        wrong = ~((labels >= low) & (labels <= high)).all(axis=1)
        if wrong.any():
            first = index[wrong].iloc[0]
            said = ", ".join(f"{name} {first[name]}" for name in columns)
            raise Refused(f"recording {first['id']} has {said}; a generator is told numbers from {low:g} to {high:g}")
        return Continuous(labels, tuple(columns), low, high, bandwidth)

    @property
    def size(self) -> int:
        """Dimensions of a label."""
        return self.labels.shape[1]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def spread(self) -> np.ndarray:
        """The standard deviations (d,) by which labels are moved."""
        count, size = self.labels.shape
        return self.bandwidth * count ** (-1 / (size + 4)) * self.labels.std(axis=0)

    def told(self, index: pd.DataFrame) -> np.ndarray:
        """The labels."""
        return index[list(self.columns)].to_numpy(np.float32)

    def near(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The recordings' labels, moved; within the scale."""
        moved = self.labels[rows] + rng.normal(size=(len(rows), self.size)) * self.spread
        return np.clip(moved, self.low, self.high).astype(np.float32)

    def values(self, told: np.ndarray) -> list[Row]:
        """The labels."""
        return [dict(zip(self.columns, map(float, row), strict=True)) for row in told]

    def words(self, told: np.ndarray) -> str:
        """Each number under its column's name."""
        return "\n".join(f"{name} {value:+.2f}" for name, value in zip(self.columns, told, strict=True))


@dataclass(frozen=True)
class Classes(Conditions):
    """labels: the class of each recording; names: all classes, in the order of what a network is given, which is 1 at a
    class's place and 0 elsewhere; column: of the index."""

    labels: tuple[str, ...]
    names: tuple[str, ...]
    column: str

    @staticmethod
    def of(index: pd.DataFrame, column: str) -> Classes:
        """Those of an index. Raises Refused for a class with fewer than LEAST recordings."""
        counts = index[column].value_counts()
        few = counts[counts < LEAST]
        if len(few):
            raise Refused(
                f"class {few.index[0]} of {column} has {few.iloc[0]} recording in train, expected {LEAST} or more: "
                "what is learned of one is that one"
            )
        return Classes(tuple(index[column]), tuple(sorted(counts.index)), column)

    @property
    def size(self) -> int:
        """Classes."""
        return len(self.names)

    def __len__(self) -> int:
        return len(self.labels)

    def told(self, index: pd.DataFrame) -> np.ndarray:
        """1 at a class's place. Raises Refused for a class that train does not have."""
        unknown = sorted(set(index[self.column]) - set(self.names))
        if unknown:
            raise Refused(f"{self.column} {unknown[0]} is none of {', '.join(self.names)}, which train has")
        return np.eye(self.size, dtype=np.float32)[[self.names.index(label) for label in index[self.column]]]

    def near(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The recordings' classes."""
        return np.eye(self.size, dtype=np.float32)[[self.names.index(self.labels[row]) for row in rows]]

    def values(self, told: np.ndarray) -> list[Row]:
        """The classes' names."""
        return [{self.column: self.names[place]} for place in told.argmax(axis=1)]

    def words(self, told: np.ndarray) -> str:
        """The class."""
        return self.names[int(told.argmax())]


@dataclass(frozen=True)
class Alike(Classes):
    """One class, which all recordings are of, whatever an index says of them."""

    @staticmethod
    def of(index: pd.DataFrame, column: str) -> Alike:
        """That of an index, called as the column. Raises Refused for fewer than LEAST recordings."""
        one = Classes.of(index.assign(**{column: column}), column)
        return Alike(one.labels, one.names, one.column)

    def told(self, index: pd.DataFrame) -> np.ndarray:
        """1, (n, 1)."""
        return np.ones((len(index), 1), np.float32)
