"""Which systems take the recordings of a corpus as they are, whatever they were trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module

CORPORA = "features/"  # begins the folders whose recordings are those of a corpus
AS_FILES = ("coded", "synthetic")  # sections of params.yaml, and folders below data, whose recordings are as files are
EMBEDDED = "embedded"


def source(tree: Mapping, recordings: str) -> str:
    """The folder of those recordings that stand for a folder's wherever a system hears others: its own, or what it was
    made of.

    Synthetic recordings are added to train alone, a file may have been through a codec, and who was trained on what a
    front end said takes waves too where the task says so (WAVES_TOO).
    """
    section, _, name = recordings.partition("/")
    if section not in (*AS_FILES, EMBEDDED):
        return recordings
    entry = params.between(tree, section, name)
    if section == EMBEDDED and not _waves_too(entry.task):
        return recordings
    return source(tree, entry.recordings)


def _waves_too(task: str) -> bool:
    return getattr(load_module("voxdag.tasks.{task}.inference", task=task), "WAVES_TOO", False)


def heard(tree: Mapping, recordings: str) -> bool:
    """Whether who was trained on a folder's recordings takes those of a corpus as they are."""
    return source(tree, recordings).startswith(CORPORA)


def check(tree: Mapping, names: Sequence[str]) -> None:
    """Raises Refused, naming the first, for systems that do not."""
    for name in names:
        recordings = params.system(tree, name).recordings
        if not heard(tree, recordings):
            raise Refused(f"{name} reads {recordings}, which was made of recordings: it is not asked about others")
