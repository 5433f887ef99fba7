"""Which systems take the recordings of a corpus as they are, whatever they were trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module

AS_THEY_ARE = ("features/", "coded/", "synthetic/")  # folders whose recordings are those of a corpus, or as those
EMBEDDED = "embedded"


def heard(tree: Mapping, recordings: str) -> bool:
    """Whether who was trained on a folder's recordings takes those of a corpus as they are."""
    section, _, name = recordings.partition("/")
    if section != EMBEDDED:
        return recordings.startswith(AS_THEY_ARE)
    entry = params.between(tree, section, name)
    embed = load_module("voxdag.tasks.{task}.embed", task=entry.task)
    return getattr(embed, "WAVES_TOO", False) and heard(tree, entry.recordings)


def check(tree: Mapping, names: Sequence[str]) -> None:
    """Raises Refused, naming the first, for systems that do not."""
    for name in names:
        recordings = params.system(tree, name).recordings
        if not heard(tree, recordings):
            raise Refused(f"{name} reads {recordings}, which was made of recordings: it is not asked about others")
