"""Where the networks come from that score files, and how they score: a trained system, or a weights file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from voxdag.core import params, presets
from voxdag.core.errors import Refused
from voxdag.core.params import Run, System
from voxdag.data import layout
from voxdag.networks.weights import read_weights
from voxdag.tasks import file_scoring
from voxdag.tasks.file_scoring import FileScoring

OFFICIAL = "aasist_official_la2019"  # an example of a preset that says how weights of others score


@dataclass(frozen=True)
class Source:
    """Weights files, and how files are scored with them.

    name      of the system, in rows; where it is one of params.yaml its decisions are looked up
    words     of each network, as `by_name.restore` takes them; what is None the weights say
    pool      where the command line does not say
    said_in   the file that says how files are scored, or params.yaml
    run       with how many threads, on which device; None: as params.yaml says, where there is one
    decisions a table of what dev fitted for these weights; None: that of evaluate
    onnx      the same networks as ONNX files, which then run in their place
    """

    name: str
    files: tuple[Path, ...]
    scoring: FileScoring
    words: tuple[str | None, str | None, Mapping | None]
    pool: str = "mean"
    said_in: str = params.FILE
    run: Run | None = None
    decisions: Path | None = None
    onnx: tuple[Path, ...] = ()

    @property
    def inference_key(self) -> str:
        """Where the settings of inference stand there."""
        return f"systems.{self.name}.inference" if self.said_in == params.FILE else f"{file_scoring.HEADER}.inference"

    @property
    def features_key(self) -> str:
        """Where the settings of features stand there."""
        return f"tasks.{self.scoring.task}.features" if self.said_in == params.FILE else file_scoring.HEADER


def of_system(name: str, member: str | None = None) -> Source:
    """A system of params.yaml with its trained members, or one of them. Raises Refused where there is none."""
    tree = params.read()
    system = params.system(tree, name)
    files = tuple(checkpoints(name, system.evaluate.checkpoint, system.seeds, member))
    scoring = file_scoring.of_system(tree, system)
    for file in files:
        file_scoring.check_features(scoring, file_scoring.of_header(read_weights(file)[1], file), file, name)
    return Source(name, files, scoring, _words(system))


def of_preset(weights: Path, preset: str, name: str | None = None, config: str | None = None) -> Source:
    """Weights of others, as the preset's own system, or `name`; config: their size, where it is another.

    As the published programs do, the first segment of a file is scored.
    """
    changes = presets.read(preset)
    tree = presets.applied(changes, params.read())
    named = list(changes.get("systems") or {})
    if name is None and len(named) != 1:
        raise Refused(f"the preset {preset} changes the systems {', '.join(named) or 'none'}: choose one with --system")
    system = params.system(tree, name or named[0])
    network, size, differences = _words(system)
    words = (network, size, differences) if config is None else (network, config, None)
    return Source(name or named[0], (weights,), file_scoring.of_system(tree, system), words, pool="first")


def of_header(weights: Path, name: str | None = None, config: str | None = None) -> Source:
    """Weights of ours, as their header says; name, config: what they are to be.

    Raises Refused for weights that do not say how they score, or say otherwise.
    """
    header = read_weights(weights)[1]
    scoring = file_scoring.of_header(header, weights)
    if scoring is None:
        raise Refused(
            f"{weights} does not say how it scores (samples, kind of score): name a preset that does, such as "
            f"--preset {OFFICIAL} for the published AASIST"
        )
    own = header.get("system")
    if own is not None and not (isinstance(own, str) and params.ENTRY.fullmatch(own)):
        raise Refused(f"the header of {weights} says system {own!r}, expected a name of letters, digits, _ and -")
    if name is not None and own != name:
        raise Refused(f"{weights} is of the system {own}, --system is {name}: leave --system away")
    said_in = file_scoring.header_of(weights)
    return Source(str(own), (weights,), scoring, (None, config, None), said_in=said_in)


def _words(system: System) -> tuple[str, str, Mapping]:
    return system.network, system.model.config, system.model.changes


def checkpoints(name: str, chosen: str, seeds: Collection[int], member: str | None) -> list[Path]:
    """The weights called `chosen` of all members of these seeds, or of one. Raises Refused with those there are where
    that is not trained, or some are not. Other folders (a copy, a seed that is no more) are not looked at.
    """
    folder = layout.checkpoints(name)
    found = sorted(folder.glob(f"*/{chosen}.safetensors"), key=lambda path: _natural(path.parent.name))
    found = [path for path in found if seed_of(path.parent.name) in seeds]
    if not found:
        raise Refused(f"{name} is not trained: no {folder}/*/{chosen}.safetensors; `dvc repro` trains it")
    if member is None:
        members = {path.parent.name for path in found}
        folds = {name.rpartition("seed-")[0] for name in members}
        lacking = sorted({f"{fold}seed-{seed}" for fold in folds for seed in seeds} - members, key=_natural)
        if lacking:
            raise Refused(
                f"{name} is trained in part: {', '.join(lacking)} of its {len(members) + len(lacking)} members have no "
                f"{chosen}.safetensors; `dvc repro train@{name}` trains them, --member takes one"
            )
        return found
    asked = [path for path in found if path.parent.name == member]
    if not asked:
        there = ", ".join(path.parent.name for path in found)
        raise Refused(f"member {member} of {name} is not trained; trained members: {there}")
    return asked


def seed_of(member: str) -> int | None:
    """The seed in the name of a member's folder; None of a folder of another name."""
    match = re.fullmatch(r"(?:fold-.+_)?seed-(\d+)", member)
    return int(match[1]) if match else None


def _natural(name: str) -> list[str | int]:
    """A key that sorts fold-2 before fold-10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
