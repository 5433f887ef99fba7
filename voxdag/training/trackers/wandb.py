"""Weights & Biases: a run a member, grouped by system; offline unless WANDB_MODE or WANDB_API_KEY says otherwise.

Its own variables hold: WANDB_DIR, WANDB_PROJECT, WANDB_ENTITY and so on. An offline run goes up with `wandb sync`; of
one that was killed and went on there are several folders of one id, to be synced in their order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import wandb

from voxdag.training.tracking import Training

PROJECT = "voxdag"
FLUSH = "x_transaction_log_flush_interval"  # seconds until what it was told is on disk; not in every release


class WeightsAndBiases:
    """Each name is bound to its clock when it is first seen, by its exact name: patterns that overlap bind by order.

    The internal step is the event's number, which never falls: a record with a lower one than the last is dropped.
    """

    def __init__(self, training: Training):
        offline = "WANDB_MODE" not in os.environ and "WANDB_API_KEY" not in os.environ
        folder = None if "WANDB_DIR" in os.environ else training.folder
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        flushes: dict[str, Any] = {FLUSH: 1.0} if FLUSH in wandb.Settings.model_fields else {}
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            group=training.group,
            name=training.name,
            id=training.run,
            resume="allow",
            mode="offline" if offline else None,
            dir=folder,
            config=dict(training.settings),
            settings=wandb.Settings(console="off", **flushes),
        )
        self.bound: set[str] = set()

    def tell(self, number: int, axis: str, place: int, values: Mapping[str, float]) -> None:
        self._bind(axis, values)
        self.run.log({axis: place, **values}, step=number, commit=True)

    def flush(self) -> None:
        pass  # a process of its own writes

    def close(self, succeeded: bool) -> None:
        self.run.finish(exit_code=0 if succeeded else 1)

    def _bind(self, axis: str, values: Mapping[str, float]) -> None:
        if axis not in self.bound:
            self.run.define_metric(axis)
        for name in values.keys() - self.bound:
            self.run.define_metric(name, step_metric=axis)
        self.bound |= {axis, *values}


start = WeightsAndBiases
