"""Which systems the page offers, and how they are opened."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from voxdag.core import params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module, load_optional
from voxdag.tasks import opened, predictor, results, sources
from voxdag.tasks.file_enhancing import EnhancedRows, Enhancing
from voxdag.tasks.predictor import Predictor, Scoring
from voxdag.tasks.sources import Source

log = logging.getLogger(__name__)

Networks = Predictor | EnhancedRows  # of a system, opened


@dataclass(frozen=True)
class Named:
    """What a command line says of systems: names (none: all that are trained), or weights with what they need, as in
    `voxdag.predict`."""

    systems: Sequence[str] = ()
    weights: Path | None = None
    preset: str | None = None
    config: str | None = None
    device: str | None = None
    asked: predictor.Asked = field(default_factory=predictor.Asked)


@dataclass(frozen=True)
class Offered:
    """A system on the page.

    corpus  that it was trained on, as params.yaml says; "": nothing says it
    page    the task's module that says what is shown
    """

    name: str
    corpus: str
    work: Scoring | Enhancing
    page: ModuleType

    @property
    def label(self) -> str:
        """What stands beside its box."""
        return f"{self.name}: {self.page.TITLE.lower()}"

    @property
    def simulated(self) -> bool:
        """Whether it has heard simulated recordings alone, as far as params.yaml says."""
        return self.corpus.endswith("(simulated)")

    def open(self) -> Networks:
        """Read its networks. Raises Refused where they are not as its work needs them."""
        return self.work.open()


def offered(named: Named) -> list[Offered]:
    """The systems, in the order of params.yaml. Raises Refused as `sources` and `predictor.fitted` do, and where none
    can be offered; what is named by nobody and cannot be offered is left out with a word."""
    if named.weights is not None:
        return [_offer(_of_weights(named.weights, named), named)]
    if named.preset is not None or named.config is not None:
        raise Refused("--preset and --config say what weights of others are: name these with --weights")
    if named.systems:
        return [_offer(sources.of_system(name), named) for name in dict.fromkeys(named.systems)]
    found, reasons = [], []
    for name in params.read()["systems"] or {}:
        try:
            found.append(_offer(sources.of_system(name), named))
        except Refused as reason:
            reasons.append(reason)
            log.info("not offered: %s", reason)
    if not found:
        first = reasons[0] if reasons else "there is none; --weights FILE names weights"
        raise Refused(f"no system of params.yaml can be offered: {first}")
    return found


def _of_weights(weights: Path, named: Named) -> Source:
    if len(named.systems) > 1:
        raise Refused(f"--weights {weights} is of one system, and --system names {len(named.systems)}")
    name = named.systems[0] if named.systems else None
    if named.preset is not None:
        return sources.of_preset(weights, named.preset, name, named.config)
    return sources.of_header(weights, name, named.config)


def _offer(found: Source, named: Named) -> Offered:
    task = found.scoring.task
    run = opened.run_settings(found, named.device)
    inference = load_module("voxdag.tasks.{task}.inference", task=task)
    page = load_optional("voxdag.tasks.{task}.page", task=task)
    if page is None:
        raise Refused(f"{found.name} is of the task {task}, which has no page.py to show it by")
    if hasattr(inference, "enhance"):
        work: Scoring | Enhancing = Enhancing(found, run)
    else:
        work = Scoring(found, run, found.pool, predictor.fitted(found, named.asked), by_segment=False)
    return Offered(found.name, _corpus(found, named), work, page)


def _corpus(found: Source, named: Named) -> str:
    """Of a system of params.yaml; weights say nothing of theirs."""
    return "" if named.weights is not None else results.corpus(params.read(), found.scoring.task, "train")
