"""Where the folders lie that no stage writes as an output: corpora, weights of others, codecs, unfinished training.

They are data/corpora, data/weights, data/codecs and data/resume, or wherever VOXDAG_CORPORA, VOXDAG_WEIGHTS,
VOXDAG_CODECS and VOXDAG_RESUME say.
An experiment of `dvc exp run --temp` or `--queue` runs in a folder of its own inside the repository's .dvc/tmp, and
uses those of the repository: a relative path starts from the repository there too.
"""

from __future__ import annotations

import os
from pathlib import Path

EXPERIMENTS = (".dvc", "tmp", "exps")  # below the repository: where DVC lays an experiment's own folder


def workspace() -> Path:
    """The repository that a run belongs to: ".", or the one around an experiment's own folder."""
    parts = Path.cwd().parts
    for i in range(len(parts) - len(EXPERIMENTS), 0, -1):
        if parts[i : i + len(EXPERIMENTS)] == EXPERIMENTS:
            return Path(*parts[:i])
    return Path()


def corpora_folder() -> Path:
    """The folder that holds all corpora."""
    return _folder("corpora")


def weights_folder() -> Path:
    """The folder of weights that others trained."""
    return _folder("weights")


def codecs_folder() -> Path:
    """The folder of speech that was coded before."""
    return _folder("codecs")


def resume_folder() -> Path:
    """The folder of the states of unfinished training."""
    return _folder("resume")


def _folder(name: str) -> Path:
    return workspace() / (os.environ.get(f"VOXDAG_{name.upper()}") or Path("data", name))
