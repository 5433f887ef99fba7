"""MLflow: a run a member, in the experiment `voxdag`, or the one that MLFLOW_EXPERIMENT_NAME names.

MLFLOW_TRACKING_URI says where; without it, a folder of files that `mlflow ui` reads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping

from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from voxdag.training.tracking import Training

EXPERIMENT = "voxdag"
RUN = "voxdag.run"  # the tag that says which of our runs it is: MLflow gives ids of its own
LONGEST, BATCH = 500, 1000  # characters of a parameter's value; metrics that are sent at once


class Mlflow:
    """The step of a metric is its place on the metric's own clock."""

    def __init__(self, training: Training):
        if "MLFLOW_TRACKING_URI" not in os.environ:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        uri = os.environ.get("MLFLOW_TRACKING_URI") or (training.folder / "mlflow").as_uri()
        self.client = MlflowClient(uri)
        self.waiting: list = []
        experiment = _experiment(self.client, os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT)
        found = self.client.search_runs([experiment], f"tags.`{RUN}` = '{training.run}'")
        self.run = found[0].info.run_id if found else self._new(experiment, training)
        self.client.set_terminated(self.run, "RUNNING")

    def _new(self, experiment: str, training: Training) -> str:
        tags = {RUN: training.run, "system": training.group, "member": training.name}
        name = f"{training.group} {training.name}"
        run = self.client.create_run(experiment, tags=tags, run_name=name).info.run_id
        for key, value in _flat(training.settings):
            self.client.log_param(run, key, value[:LONGEST])
        return run

    def tell(self, number: int, axis: str, place: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        self.waiting += [Metric(name, value, now, place) for name, value in values.items()]

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        for start in range(0, len(waiting), BATCH):
            self.client.log_batch(self.run, metrics=waiting[start : start + BATCH])

    def close(self, succeeded: bool) -> None:
        self.client.set_terminated(self.run, "FINISHED" if succeeded else "KILLED")


def _experiment(client: MlflowClient, name: str) -> str:
    """Its id; made where it is missing, unless another member's process was faster."""
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name)
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return found.experiment_id


def _flat(settings: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Settings within settings as `train.lr`."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(value)


start = Mlflow
