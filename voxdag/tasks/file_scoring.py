"""How a system scores a file: what its weights carry in their header, so that they can be used without params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.core.params import System
from voxdag.data import layout
from voxdag.tasks import as_they_are

HEADER = "scoring"  # key of a weights file's header


@dataclass(frozen=True)
class FileScoring:
    """task                 whose inference module scores
    recordings           the folder of shards, below data, that the system is scored on
    inference            that section of the system
    decoding, front_end  those sections of the task's features
    """

    task: str
    recordings: str
    inference: dict
    decoding: dict
    front_end: dict | None

    def header(self) -> dict[str, object]:
        """What a weights file says of it, beside what it says of its network."""
        return {HEADER: asdict(self)}


def of_system(tree: Mapping[str, Any], system: System) -> FileScoring:
    """That of a system of params.yaml, which is scored on the recordings that stand for its own (`as_they_are.source`).

    Raises Refused for features that lack a section.
    """
    scored = as_they_are.source(tree, system.recordings)
    features = params.task(tree, system.task).features
    heard = {key: features[key] for key in ("decoding", "front_end") if key in features}
    own = {"task": system.task, "recordings": scored, "inference": system.inference}
    return params.bind(FileScoring, own | heard, f"tasks.{system.task}.features")


def of_header(header: Mapping[str, Any], path: Path) -> FileScoring | None:
    """That of the header of a weights file; None where it does not say. Raises Refused where it says it wrongly."""
    if HEADER not in header:
        return None
    return params.bind(FileScoring, header[HEADER], HEADER, file=header_of(path))


def header_of(path: Path) -> str:
    """What a message calls the header of a weights file."""
    return f"the header of {path}"


def check_features(scoring: FileScoring, trained: FileScoring | None, weights: Path, name: str) -> None:
    """Raises Refused where files would be heard in another way than in training, which `weights` say; None: they do
    not."""
    for section in ("decoding", "front_end"):
        now, then = getattr(scoring, section), getattr(trained, section, None)
        if trained is not None and now != then:
            raise Refused(
                f"{weights} was trained with features.{section} {then}, params.yaml has {now}: `dvc repro "
                f"evaluate@{name}` trains anew, and --weights {weights} takes what the weights say"
            )


def check_recordings(scoring: FileScoring, name: str) -> None:
    """Raises Refused for a system that scores anything but its task's features, which the front end makes of a file."""
    own = layout.features(scoring.task)
    if scoring.recordings != own:
        raise Refused(
            f"{name} scores {scoring.recordings}, which a stage made in between; files go through the front end alone "
            f"here, as those of {own} did. Its scores of a corpus are in {layout.predictions(name)}"
        )
