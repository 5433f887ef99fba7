"""TensorBoard: a folder of event files a run, each name over its own clock.

To look at it: `tensorboard --logdir data/runs/trackers/tensorboard`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from torch.utils.tensorboard import SummaryWriter

from voxdag.training.tracking import Training


class TensorBoard:
    """A resumed run adds a file to the folder."""

    def __init__(self, training: Training):
        self.writer = SummaryWriter(training.folder / "tensorboard" / training.title)
        if not training.resumed:
            text = json.dumps(training.settings, indent=2, default=str)
            self.writer.add_text("settings", "\n".join(f"    {line}" for line in text.splitlines()))  # Markdown code

    def tell(self, number: int, axis: str, place: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, place)

    def flush(self) -> None:
        self.writer.flush()

    def close(self, succeeded: bool) -> None:
        self.writer.close()


start = TensorBoard
