"""Check what a run needs: packages, device, disk, parameters, corpora, weights.

Usage:  python -m voxdag.doctor
Prints: one line per check, "ok", "note" or "FAIL", and what to do about it. The exit status is 1 if any check fails.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from voxdag.core import command, params
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.core.workspace import corpora_folder
from voxdag.corpora.corpus import CorpusMissing
from voxdag.corpora.manifest import Prepare
from voxdag.data import layout
from voxdag.data.recordings import Features
from voxdag.networks import by_name
from voxdag.training.loop import Recipe

MIN_FREE_GIGABYTES = 5  # the simulated run takes a tenth of this; a published corpus says its size in docs/CORPORA.md

GROUPS = ("tasks", "systems", "baselines")  # of params.yaml


@dataclass(frozen=True)
class Finding:
    """level: ok, note or FAIL."""

    level: str
    text: str


def packages() -> Iterator[Finding]:
    """The installed versions against the pins of requirements.in."""
    wrong = []
    lines = [line.split("#")[0].strip() for line in Path("requirements.in").read_text(encoding="utf-8").splitlines()]
    for name, pinned in (line.split("==") for line in lines if "==" in line):
        try:
            installed = importlib.metadata.version(name).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            installed = "none"
        if installed != pinned:
            wrong.append(f"{name} {installed}, pinned {pinned}")
    yield (
        Finding("ok", f"Python {sys.version.split()[0]}, packages as pinned")
        if not wrong
        else Finding(
            "FAIL", f"packages differ from requirements.txt ({'; '.join(wrong)}): pip install -r requirements.txt"
        )
    )


def device() -> Iterator[Finding]:
    """Processors and GPU."""
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        yield Finding("ok", f"{torch.cuda.get_device_name()} with {memory:.0f} GiB, {os.cpu_count()} processors")
    else:
        yield Finding(
            "note", f"no CUDA device, {os.cpu_count()} processors: the default runs, the published sizes do not"
        )


def disk() -> Iterator[Finding]:
    """Free space where data/ lies."""
    free = shutil.disk_usage(".").free / 1e9
    level = "ok" if free >= MIN_FREE_GIGABYTES else "FAIL"
    yield Finding(level, f"{free:.0f} GB free here (needed: {MIN_FREE_GIGABYTES} for the default run)")


def parameters() -> Iterator[Finding]:
    """Every section of params.yaml against what reads it."""
    tree = params.read()
    params.run(tree)
    for name in tree["tasks"]:
        task = params.task(tree, name)
        params.bind(Prepare, task.prepare, f"tasks.{name}.prepare")
        params.bind(Features, task.features, f"tasks.{name}.features")
        params.bind(load_module("voxdag.tasks.{task}.report", task=name).Scoring, task.scoring, f"tasks.{name}.scoring")
    for name in tree["systems"]:
        system, where = params.system(tree, name), f"systems.{name}"
        params.bind(Recipe, system.train, f"{where}.train")
        params.bind(
            load_module("voxdag.tasks.{task}.learner", task=system.task).Settings,
            system.objective,
            f"{where}.objective",
        )
        model, inference = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task)
        params.bind(inference.Settings, system.inference, f"{where}.inference")
        by_name.build(system.network, model.config, model.changes, inference.OUTPUT_SIZE, inference.BUFFERS)
    for name in tree["baselines"] or {}:
        baseline = params.baseline(tree, name)
        params.bind(
            load_module("voxdag.tasks.{task}.baseline", task=baseline.task).Settings,
            baseline.settings,
            f"baselines.{name}.settings",
        )
    listed = "; ".join(f"{group} {', '.join(tree[group])}" for group in GROUPS)
    yield Finding("ok", f"params.yaml: {listed}")


def corpora() -> Iterator[Finding]:
    """Every corpus that params.yaml has options for: whether it is on disk, and its counts where it is."""
    tree = params.read()
    for name in tree["tasks"]:
        where = f"tasks.{name}.prepare"
        settings = params.bind(Prepare, params.task(tree, name).prepare, where)
        for corpus in settings.corpora:
            yield _corpus(settings, corpus, corpus in settings.names(), where)


def _corpus(settings: Prepare, name: str, used: bool, where: str) -> Finding:
    module, options = settings.open(name, where)
    if name.startswith("simulated"):
        return Finding("ok", f"{name}: made by `dvc repro` when it is first needed")
    try:
        trials = module.read(corpora_folder(), options).trials
    except CorpusMissing as reason:
        return Finding("FAIL" if used else "note", str(reason))
    absent = int(trials["bytes"].isna().sum())
    level = "ok" if not absent else "FAIL" if used and absent > settings.max_absent * len(trials) else "note"
    return Finding(level, f"{name}: {len(trials)} utterances listed, {absent} of them absent, under {corpora_folder()}")


def weights() -> Iterator[Finding]:
    """The weights that systems start from, and the checkpoints that training left."""
    tree = params.read()
    for name in tree["systems"]:
        system = params.system(tree, name)
        model, inference = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task)
        if model.init_weights is not None:
            yield Finding("ok", f"{name} starts from {by_name.weights_file(model.init_weights)}")
        trained = sorted(layout.checkpoints(name).rglob(f"{system.evaluate.checkpoint}.safetensors"))
        for checkpoint in trained:
            by_name.restore(
                checkpoint, system.network, model.config, model.changes, inference.OUTPUT_SIZE, inference.BUFFERS
            )
            yield Finding("ok", f"{name}: trained, {checkpoint}")
        if not trained:
            yield Finding("note", f"{name}: not trained yet, `dvc repro` trains it")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (packages, device, disk, parameters, corpora, weights)


def examine() -> list[Finding]:
    """All findings; a check that cannot go on is a finding too."""
    findings = []
    for check in CHECKS:
        try:
            findings.extend(check())
        except (Refused, OSError) as reason:
            findings.append(Finding("FAIL", f"{check.__name__}: {reason}"))
    return findings


def main() -> None:
    """Print the findings."""
    logging.disable(logging.WARNING)  # readers log what their findings say
    findings = examine()
    for finding in findings:
        print(f"{finding.level:4}  {finding.text}")
    failed = sum(finding.level == "FAIL" for finding in findings)
    print(f"{failed} of {len(findings)} checks failed" if failed else f"{len(findings)} checks, none failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    command.guarded(main)
