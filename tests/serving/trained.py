"""Weights of each task as they are before training, small, and what decides with those of a countermeasure."""

import numpy as np
import pandas as pd
import soundfile
import torch

from tests.speech import RATE, noise, spoken
from voxdag.core import artifacts, params
from voxdag.core.modules import load_module
from voxdag.data.members import Member
from voxdag.networks import by_name
from voxdag.networks.weights import digest, write_weights
from voxdag.serving.offered import Named, offered
from voxdag.tasks import decisions, file_scoring
from voxdag.tasks.antispoof import decision
from voxdag.tasks.predictor import Asked

SIZES = {
    "aasist": ("aasist_s", {}),
    "tier1": ("tier1_s", {}),
    "bsrnn": ("quick", {"channels": 4, "hidden": 4, "decoder": 4}),
    "ast": ("quick", {}),
}
INFERENCE = {"aasist": {"samples": 8000}}  # half a second at once, so that short files have segments


def tree():
    """params.yaml with short windows."""
    changed = params.read()
    for name, changes in INFERENCE.items():
        changed["systems"][name]["inference"] |= changes
    return changed


def weights(folder, name):
    """A weights file of a system of params.yaml, with a header that says how files are scored."""
    system = params.system(tree(), name)
    scoring = file_scoring.of_system(tree(), system)
    inference = load_module("voxdag.tasks.{task}.inference", task=scoring.task)
    words = (system.network, *SIZES[name])
    torch.manual_seed(1)
    network = by_name.build(*words, inference.OUTPUT_SIZE, inference.BUFFERS)
    about = by_name.about(*words, inference.OUTPUT_SIZE) | {"system": name} | scoring.header()
    path = folder / f"{name}.safetensors"
    write_weights(path, network, about)
    return path


def decided(folder, path, threshold):
    """What dev fitted for these weights: a threshold with a false alarm of one in four, and a calibration."""
    scores = threshold + np.array([0.5, 1.0, 2.0, -0.5, -1.0, -2.0, 0.25, -0.25])
    dev = pd.DataFrame({"label": ["bonafide"] * 3 + ["spoof"] * 5, "score": scores})
    row = decisions.row(decision, Member("", 1), digest(path), params.system(tree(), "aasist").inference, dev)
    table = folder / "decisions.csv"
    artifacts.write_table(table, row)
    return table


def offers(folder, *names, threshold=None):
    """These systems as the page offers them."""
    files = {name: weights(folder, name) for name in names}
    table = decided(folder, files["aasist"], threshold) if threshold is not None else None
    tables = {name: table if name == "aasist" else None for name in names}
    return [
        one
        for name in names
        for one in offered(Named(weights=files[name], device="cpu", asked=Asked(path=tables[name])))
    ]


def speech(path, seconds=1.3, **kind):
    """A file of speech by formula in a little noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = spoken(seconds, 120) + 0.01 * noise(round(seconds * RATE), 3)
    soundfile.write(path, wave, RATE, **kind)
    return path
