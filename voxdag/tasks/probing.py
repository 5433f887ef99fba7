"""Domain probes: how far what a layer of a network says still tells a property of a recording, such as its codec.

A probe is a logistic regression from a layer's outputs (mean and standard deviation over time, of which the COMPONENTS
that vary most) to the property, tested on speakers that it was not fitted to. What it tells is its unweighted average
recall: a probe that knows nothing is at one over the number of classes.

Source: Alain and Bengio, "Understanding intermediate layers using linear classifier probes", ICLR workshop 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from voxdag.core.errors import Refused
from voxdag.scoring.intervals import bootstrap

EMBEDDING = "embedding"
FOLDS, FEWEST = 5, 3  # speakers are in so many folds, or each in one of its own
COMPONENTS = 64  # principal ones, at most
FORM = {"C": 0.1, "class_weight": "balanced", "max_iter": 1_000}  # of the regression


def layers(network: nn.Module) -> dict[str, nn.Module]:
    """The layers that a network has lists of, by name, in their order; a list of parametrizations is none of layers."""
    lists = [(name, part) for name, part in network.named_modules() if type(part) is nn.ModuleList]
    return {f"{name}.{place}": layer for name, part in lists for place, layer in part.named_children()}


class Listener:
    """Hears what layers of a network say: `of(crops)` gives it pooled, by the layer's name and EMBEDDING, (B, d) each.

    A layer that the network does not call by itself is left out. Outputs have the batch first; time is the axis that
    is shorter where the crop is.
    """

    def __init__(self, network: nn.Module, crop: Tensor):
        """crop: (1, T), any that the network takes, also at two thirds of its length."""
        self.network = network
        self._heard: dict = {}
        for name, layer in layers(network).items():
            layer.register_forward_hook(self._keep(name))
        shapes = [{name: tuple(one.shape) for name, one in self._said(part).items()} for part in _two_lengths(crop)]
        self._axes = {
            name: next((i for i in range(1, len(shape)) if shape[i] != shapes[1][name][i]), None)
            for name, shape in shapes[0].items()
        }

    def of(self, crops: Tensor) -> dict[str, NDArray]:
        """(B, T) -> (B, d) of each layer."""
        return {name: _pooled(one.float(), self._axes[name]).cpu().numpy() for name, one in self._said(crops).items()}

    def _keep(self, name: str) -> Callable:
        def keep(_module: nn.Module, _inputs: object, output: object) -> None:
            self._heard[name] = output[0] if isinstance(output, tuple) else output

        return keep

    def _said(self, crops: Tensor) -> dict[str, Tensor]:
        self._heard = {}
        with torch.inference_mode():
            embedding, _ = self.network(crops)
        return self._heard | {EMBEDDING: embedding}


def _two_lengths(crop: Tensor) -> Iterator[Tensor]:
    yield crop
    yield crop[:, : 2 * crop.shape[1] // 3]


def _pooled(outputs: Tensor, axis: int | None) -> Tensor:
    """(B, ...) -> (B, d): mean and standard deviation along the axis; all there is without one."""
    if axis is None:
        return outputs.flatten(1)
    return torch.cat([outputs.mean(axis).flatten(1), outputs.std(axis, correction=0).flatten(1)], 1)


def told(rows: NDArray, classes: Sequence[NDArray], speakers: NDArray) -> list[NDArray]:
    """(n,) what probes say of each of n recordings, for each way to class them: (n, d) of a layer, of speakers that the
    probe did not hear. The principal components are the same for all of them.

    Raises Refused for fewer than two classes or FEWEST speakers.
    """
    fewest = min(len(set(names)) for names in classes)
    if fewest < 2 or len(set(speakers)) < FEWEST:
        found = f"{fewest} classes, {len(set(speakers))} speakers"
        raise Refused(f"a probe of {found}: expected 2 classes and {FEWEST} speakers at least")
    said = [np.empty_like(names) for names in classes]
    for known, asked in GroupKFold(min(FOLDS, len(set(speakers)))).split(rows, groups=speakers):
        count = min(COMPONENTS, len(known), rows.shape[1])
        parts = make_pipeline(StandardScaler(), PCA(count, svd_solver="full")).fit(rows[known])
        fitted_to, asked_of = parts.transform(rows[known]), parts.transform(rows[asked])
        for labels, answers in zip(classes, said, strict=True):
            answers[asked] = LogisticRegression(**FORM).fit(fitted_to, labels[known]).predict(asked_of)
    return said


class Recall:
    """Unweighted average recall of the classes that are there, under any resampling of the recordings."""

    def __init__(self, said: NDArray, classes: NDArray):
        names, self.places = np.unique(classes, return_inverse=True)
        self.right, self.count = said == classes, len(names)

    def __call__(self, counts: NDArray | None = None) -> float:
        """The recall of the set in which recording i stands counts[i] times; None: once."""
        counts = np.ones(len(self.right), np.int64) if counts is None else counts
        there = np.bincount(self.places, counts, self.count)
        right = np.bincount(self.places, counts * self.right, self.count)
        return float(np.mean(right[there > 0] / there[there > 0]))


def interval(
    recall: Recall, classes: NDArray, speakers: NDArray, rng: np.random.Generator, replicates: int, confidence: float
) -> dict[str, float]:
    """low and high of the recall, speakers drawn."""

    def statistics(counts: NDArray) -> dict[str, float]:
        return {"recall": recall(counts)}

    ends = bootstrap(statistics, classes, rng, replicates, confidence, speakers)["recall"]
    return {"low": ends.low, "high": ends.high}
