"""The order of stages in dvc.lock: DVC appends a stage that is new when it is done, side by side in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dvc.stage import PipelineStage, Stage
from dvc.utils.serialize import dumps_yaml, load_yaml, parse_yaml_for_update

from voxdag.core.files import write_bytes

STAGES = "stages"

Known = Mapping[Path, list[str]]  # lock file -> its stages, in its order


def known(stages: Iterable[Stage]) -> Known:
    """The lock files of these stages, and the stages in each."""
    return {path: list(_read(path)) for path in dict.fromkeys(map(_lock_file, _of_pipelines(stages)))}


def restore_order(stages: Iterable[Stage], before: Known) -> None:
    """Write the lock files as the serial run would have: what was there in its order, what is new in that of `stages`.

    stages: in the order of the serial run. before: `known`, at the begin of the run
    """
    stages = list(_of_pipelines(stages))
    for path, names in before.items():
        new = [stage.name for stage in stages if _lock_file(stage) == path and stage.name not in names]
        there = _read(path)
        order = [name for name in (*names, *new) if name in there]
        if set(order) == set(there) and order != list(there):
            _write(path, order)


def _write(path: Path, order: list[str]) -> None:
    tree = parse_yaml_for_update(path.read_text(encoding="utf-8"), path)
    for name in order:
        tree[STAGES][name] = tree[STAGES].pop(name)
    write_bytes(path, dumps_yaml(tree).encode())


def _read(path: Path) -> Mapping:
    return (load_yaml(path).get(STAGES) or {}) if path.is_file() else {}


def _of_pipelines(stages: Iterable[Stage]) -> Iterable[PipelineStage]:
    return (stage for stage in stages if isinstance(stage, PipelineStage))


def _lock_file(stage: PipelineStage) -> Path:
    return Path(stage.path).with_suffix(".lock")
