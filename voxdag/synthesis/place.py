"""Where what is fitted to a fold's train split goes, and where an unfinished run of it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from voxdag.training.run_state import RunState


@dataclass(frozen=True)
class Place:
    """entry      of `synthetic` in params.yaml
    folder     for what is written of it: weights, history
    run_state  of its training, so that one that was killed goes on
    """

    entry: str
    folder: Path
    run_state: RunState
    device: torch.device
