"""DVCLive: a folder of tables a run, one a name, for `dvc plots` and the extension of an editor.

It stays out of the pipeline: by default it would write a dvc.yaml, an experiment and a report of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvclive import Live

from voxdag.training.tracking import Training


class DvcLive:
    """Its one clock is set to the place of each event before the event's values are given."""

    def __init__(self, training: Training):
        self.live = Live(
            str(training.folder / "dvclive" / training.title),
            resume=training.resumed,
            dvcyaml=False,
            report=None,
            save_dvc_exp=False,
            monitor_system=False,
        )
        if not training.resumed:
            settings: dict[str, Any] = dict(training.settings)
            self.live.log_params(settings)

    def tell(self, number: int, axis: str, place: int, values: Mapping[str, float]) -> None:
        self.live.step = place
        for name, value in values.items():
            self.live.log_metric(name, value)

    def flush(self) -> None:
        self.live.make_summary()

    def close(self, succeeded: bool) -> None:
        self.live.make_summary()


start = DvcLive
