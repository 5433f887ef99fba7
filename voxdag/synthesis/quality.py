"""How good made-up recordings are, beside what real ones would reach: measured on dev, which nothing was fitted to.

Three sets of log-mels, of one size and scale, are laid beside dev's:

    real       of train: the floor of every distance, and what a perfect generator reaches
    inverted   of train, made waves again from their log-mels: what the inversion alone costs
    synthetic  what the generator made

and measured by
    auc                     of a network that learns to tell the set from train (dev for train itself) on one half of
                            both, on the other halves; 0.5: it cannot
    frechet, kernel         distances to dev between embeddings of a network that learned conditions from train alone
    frechet_pca, kernel_pca between principal components of the log-mels themselves: whatever a network learns
    precision, recall, density, coverage    of the same embeddings
    fidelity                how well that network says the conditions of the set (concordance, or accuracy)
    transfer                how well a network that learned conditions from the set says those of dev
    copied                  the share of the set that lies nearer to a recording of train than 1 % of dev do; of what
                            is of train itself, missing
    mean_db, deviation_db   the error of each band's mean and standard deviation, root mean square
    flux_db                 the error of the mean change from frame to frame, by bands

Sources: see `probes`, `scoring.two_samples`, `memorised`; Ravuri and Vinyals, "Classification accuracy score for
conditional generative models", NeurIPS 2019 (transfer).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from torch import nn

from voxdag.core.errors import Refused
from voxdag.scoring import two_samples
from voxdag.scoring.concordance import ccc
from voxdag.scoring.eer import auc
from voxdag.synthesis import memorised, probes
from voxdag.synthesis.conditions import Classes, Conditions
from voxdag.synthesis.probes import Probes
from voxdag.synthesis.sets import Sets, Spectrograms

SETS = ("real", "inverted", "synthetic")
# These are part of what the measures are, so that those of two runs stand beside one another:
COMPONENTS = 32
RECORDINGS = 1000  # of each set, at most
NEIGHBOURS = 5  # of precision, recall, density and coverage
PROBES = Probes(epochs=20, batch_size=32, seed=1)
DB = 10 / np.log(10)  # of a natural logarithm of a power
HEADLINE = {  # what stands for a set: measure -> whether the same of real recordings stands beside it
    **dict.fromkeys(("auc", "frechet", "fidelity"), True),
    **dict.fromkeys(("coverage", "copied"), False),
}
COLUMNS = {"measure": str, **dict.fromkeys(SETS, float), "best": float, "recordings": int}
BEST = {  # what a perfect set has
    **{"auc": 0.5, "frechet": 0.0, "kernel": 0.0, "frechet_pca": 0.0, "kernel_pca": 0.0, "precision": 1.0},
    **{"recall": 1.0, "density": 1.0, "coverage": 1.0, "fidelity": 1.0, "transfer": 1.0, "copied": memorised.COPIED},
    **{"mean_db": 0.0, "deviation_db": 0.0, "flux_db": 0.0},
}


def measure(sets: Sets, conditions: Conditions) -> pd.DataFrame:
    """One row a measure: columns COLUMNS.

    The network that says conditions learns from one half of train; "real" and "inverted" are of the other half, which
    it never heard, so that they stand where dev and what was made up do. Distances are of as many recordings of each
    set as the smallest has; what a network learns from a set, of as many as the smallest but dev.

    Raises Refused for too few recordings.
    """
    half = len(sets.train) // 2
    heard, rest = sets.train.part(0, half), sets.train.part(half, None)
    whole = {"real": rest, "inverted": sets.inverted, "synthetic": sets.synthetic}
    most = min(RECORDINGS, *map(len, whole.values()))
    count = min(most, len(sets.dev))
    if count <= 2 * NEIGHBOURS:
        raise Refused(
            f"the smallest of dev, half of train and what was made up has {count} recordings, expected "
            f"{2 * NEIGHBOURS + 1} or more: too few to measure"
        )
    held, unit = sets.dev.part(0, count), sets.scaling.unit.numpy()
    teacher = probes.of_condition(heard.values, heard.told, conditions, PROBES)
    measures: dict[str, dict[str, float]] = {name: {} for name in BEST}
    for name, one in whole.items():
        few, many = one.part(0, count), one.part(0, most)
        found = {"auc": told_apart(sets.dev.values if name == "real" else heard.part(0, most).values, many.values)}
        found |= _apart(teacher, few, held) | _bands(few.values, held.values, unit)
        found["fidelity"] = fidelity(teacher, few, conditions)
        found["transfer"] = fidelity(probes.of_condition(many.values, many.told, conditions, PROBES), held, conditions)
        if name in sets.nearest:
            found["copied"] = memorised.copied(sets.nearest[name], sets.nearest["dev"])
        for measured, value in found.items():
            measures[measured][name] = value
    rows = [{"measure": name, **values, "best": BEST[name], "recordings": count} for name, values in measures.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def told_apart(a: np.ndarray, b: np.ndarray) -> float:
    """The area under the ROC curve of a network that learned, of the first halves, to tell b from a (n, F, T), on the
    second halves."""
    halves = [(x[: len(x) // 2], x[len(x) // 2 :]) for x in (a, b)]
    network = probes.of_set(halves[0][0], halves[1][0], PROBES)
    shown = np.concatenate([halves[0][1], halves[1][1]])
    _, scores = probes.ask(network, shown, PROBES.batch_size)
    of_a = len(halves[0][1])
    return float(auc(scores[of_a:, 0], scores[:of_a, 0]))


def fidelity(network: nn.Module, held: Spectrograms, conditions: Conditions) -> float:
    """How well a network says conditions: accuracy of classes, else the mean concordance correlation coefficient."""
    _, said = probes.ask(network, held.values, PROBES.batch_size)
    if isinstance(conditions, Classes):
        return float((said.argmax(1) == held.told.argmax(1)).mean())
    return float(np.mean(ccc(held.told.T, said.T)))


def _apart(teacher: nn.Module, one: Spectrograms, held: Spectrograms) -> dict[str, float]:
    embedded = [probes.ask(teacher, x.values, PROBES.batch_size)[0] for x in (held, one)]
    flat = [x.values.reshape(len(x), -1).astype(np.float64) for x in (held, one)]
    middle = flat[0].mean(0)
    _, _, axes = np.linalg.svd(flat[0] - middle, full_matrices=False)
    parts = [(x - middle) @ axes[:COMPONENTS].T for x in flat]
    return {
        "frechet": two_samples.frechet(*embedded),
        "kernel": two_samples.kernel_distance(*embedded),
        "frechet_pca": two_samples.frechet(*parts),
        "kernel_pca": two_samples.kernel_distance(*parts),
    } | two_samples.neighbourhoods(embedded[0], embedded[1], NEIGHBOURS)


def bands(values: np.ndarray, unit: np.ndarray) -> pd.DataFrame:
    """Of each band of values (n, F, T), in dB: the mean (relative to train's), the standard deviation, the mean change
    from frame to frame. unit: of a value, (F, 1), natural logarithm of a power. Columns band, mean, deviation, flux."""
    scaled = values * unit * DB
    flux = np.abs(np.diff(scaled, axis=2)).mean((0, 2))
    table = {"mean": scaled.mean((0, 2)), "deviation": scaled.std((0, 2)), "flux": flux}
    return pd.DataFrame({"band": np.arange(len(flux)), **table})


def _bands(values: np.ndarray, held: np.ndarray, unit: np.ndarray) -> dict[str, float]:
    a, b = bands(values, unit), bands(held, unit)
    return {f"{name}_db": float(np.sqrt(np.square(a[name] - b[name]).mean())) for name in ("mean", "deviation", "flux")}
