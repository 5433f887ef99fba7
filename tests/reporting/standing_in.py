"""A run that stands in for a real one: the tables that stages write, with numbers that a test knows."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from voxdag.core import artifacts, params
from voxdag.core.modules import load_module
from voxdag.data import layout
from voxdag.scoring import paired, verdicts

HOSTILE = '<b>"A&B"</b>|`x`'  # a group's name as a manifest may hold it
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@t")


def types(task, name):
    return getattr(load_module("voxdag.tasks.{task}.report", task=task), name)


def table(columns, rows):
    return pd.DataFrame(rows, columns=list(columns)).replace({None: np.nan})


def intervals(task, system, values, members=((None, None),)):
    """Metrics of a system: metric -> (value, low, high), the same of each member."""
    rows = [
        {"metric": metric, "fold": fold, "seed": seed, "value": value, "low": low, "high": high}
        | {"resampled_by": by, "replicates": 100, "members": len(members)}
        for metric, (value, low, high) in values.items()
        for fold, seed in members
        for by in ("utterance", "speaker")
    ]
    written = table(types(task, "INTERVALS"), rows)
    written["seed"] = written["seed"].astype("Int64")
    artifacts.write_table(layout.metrics(system) / "intervals.csv", written)


def breakdown(task, system, column, metric, groups):
    """groups: value of the column -> (value, low, high, n_spoof)."""
    rows = [
        {"protocol": "speaker_independent", "column": column, "value": group, "members": 1, "n_bonafide": 20}
        | {"n_spoof": n, metric: value, f"{metric}_low": low, f"{metric}_high": high}
        for group, (value, low, high, n) in groups.items()
    ]
    artifacts.write_table(layout.metrics(system) / "breakdown.csv", table(types(task, "BREAKDOWN"), rows))


def pairs(task, rows):
    """rows: (system_a, system_b, metric, difference, low, high, margin, verdict)."""
    names = ("system_a", "system_b", "metric", "difference", "low", "high", "margin", "verdict")
    about = {"p": 0.5, "resampled": "speakers", "replicates": 100, "utterances": 60, "speakers": 9}
    columns = {**paired.COLUMNS, **verdicts.COLUMNS}
    written = table(columns, [dict(zip(names, row, strict=True)) | about for row in rows])
    artifacts.write_table(layout.comparison(task) / "pairs.csv", written)


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA", (64, 32), (200, 30, 30, 255)).save(path)


def write(tree):
    """A run of two countermeasures of three trainings and of an enhancer beside a baseline, in this folder."""
    values = {"eer": (0.2406, 0.2057, 0.2811), "min_dcf": (0.601345, 0.48, 0.67), "act_dcf": (0.88, 0.83, 0.93)}
    seeds = ((None, None), (None, 1), (None, 2))
    intervals("antispoof", "aasist", values)
    intervals("antispoof", "erm", {"eer": (0.369, 0.33, 0.4), "min_dcf": (0.892, np.nan, np.nan)}, seeds)
    breakdown("antispoof", "aasist", "attack", "eer", {HOSTILE: (0.175, 0.1, 0.25, 7), "A02": (0.5, 0.4, 0.6, 7)})
    breakdown("antispoof", "erm", "attack", "eer", {HOSTILE: (0.2, 0.1, 0.3, 14)})
    pairs("antispoof", [("aasist", "erm", "eer", -0.1284, -0.2, -0.05, 0.005, "better")])
    matrix = {"system": "erm", "column": "wild", "metric": "eer", "value": 0.41, "low": 0.39, "high": 0.43}
    artifacts.write_table(layout.comparison("antispoof") / "matrix.csv", pd.DataFrame([matrix]))
    of_bsrnn = {"estoi": (0.731, 0.66, 0.8), "optimised_pesq": (1.917, 1.73, 2.1)}
    intervals("enhance", "bsrnn", of_bsrnn)
    intervals("enhance", "noisy", {"estoi": (0.671, 0.59, 0.75), "pesq": (1.53, 1.37, 1.69)})
    pairs("enhance", [("bsrnn", "noisy", "estoi", 0.06, -0.01, 0.07, 0.1, "undecided")])
    picture(layout.plots("aasist") / "det.png")
    picture(layout.comparison("antispoof") / "figures" / "eer.png")
    (Path("params.yaml")).write_text(params_text(tree), encoding="utf-8")


def params_text(tree):
    return yaml.safe_dump(tree, sort_keys=False)


def parameters():
    """The parameters of the product with the two tasks and their systems that `write` knows."""
    tree = params.read()
    kept = {"systems": ("aasist", "erm", "bsrnn"), "baselines": ("noisy",), "tasks": ("antispoof", "enhance")}
    cut = {section: {name: tree[section][name] for name in names} for section, names in kept.items()}
    return {**tree, **{section: {} for section in params.SECTIONS}, **cut}
