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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import torch

from voxdag.core import command, folders, lock, params, runtime
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module
from voxdag.core.workspace import corpora_folder
from voxdag.corpora import files, listing, manifest
from voxdag.corpora.corpus import reader
from voxdag.corpora.manifest import Prepare
from voxdag.data import coded, layout
from voxdag.data.recordings import Features
from voxdag.networks import by_name
from voxdag.networks.denoisers import denoiser
from voxdag.networks.official import DENOISERS
from voxdag.tasks import between, external
from voxdag.training.loop import Recipe

MIN_FREE_GIGABYTES = 5  # the simulated run takes a tenth of this; a published corpus says its size in docs/CORPORA.md

GROUPS = ("tasks", *params.BETWEEN, "systems", *params.FURTHER, "baselines")  # of params.yaml
BETWEEN: Mapping[str, Callable[[str], ModuleType]] = {  # section -> the module that works for its entries
    "cleaned": lambda task: load_module("voxdag.tasks.{task}.clean", task=task),
    "coded": lambda task: coded,
    "embedded": lambda task: load_module("voxdag.tasks.{task}.embed", task=task),
    "synthetic": lambda task: load_module("voxdag.tasks.{task}.synthesize", task=task),
}
RESCUE = "`dvc checkout` would delete it. Where it is your run's, keep it: dvc commit -f"
SHOWN = 3  # members that a finding names


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
    for name in tree["tasks"] or ():
        task, where = params.task(tree, name), f"tasks.{name}.prepare"
        prepare = params.bind(Prepare, task.prepare, where)
        for corpus in {*prepare.corpora, *prepare.names()}:
            prepare.open(corpus, where)
        params.bind(Features, task.features, f"tasks.{name}.features")
        params.bind(load_module("voxdag.tasks.{task}.report", task=name).Scoring, task.scoring, f"tasks.{name}.scoring")
    for name in tree["systems"] or ():
        system, where = params.system(tree, name), f"systems.{name}"
        runtime.check_openmp(params.run(tree, system).num_threads)
        params.bind(Recipe, system.train, f"{where}.train")
        learner = load_module("voxdag.tasks.{task}.learner", task=system.task)
        for setting in vars(params.bind(learner.Settings, system.objective, f"{where}.objective")).values():
            if isinstance(setting, by_name.Further):
                by_name.resolve(setting.network, setting.config, setting.changes)
        model, inference = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task)
        params.bind(inference.Settings, system.inference, f"{where}.inference")
        by_name.build(system.network, model.config, model.changes, inference.OUTPUT_SIZE, inference.BUFFERS)
    for section, load in BETWEEN.items():
        for name in tree[section] or ():
            entry, where = params.between(tree, section, name), f"{section}.{name}"
            params.bind(load(entry.task).Settings, entry.settings, f"{where}.settings")
            between.has_network(entry, where)
    for name in tree["beyond"] or ():
        corpus, options = params.beyond(tree, name).corpus, params.beyond_options(tree, name)
        params.bind(reader(corpus).Options, options, f"beyond.{name}.options")
    for name in tree["transfers"] or ():
        params.transfer(tree, name)
    for name in tree["external"] or ():
        corpus, options = params.external(tree, name).corpus, params.external_options(tree, name)
        params.bind(reader(corpus).Options, options, f"external.{name}.options")
    for name in tree["tasks"] or ():
        external.of_task(tree, name)
    for name in tree["baselines"] or ():
        baseline = params.baseline(tree, name)
        params.bind(
            load_module("voxdag.tasks.{task}.baseline", task=baseline.task).Settings,
            baseline.settings,
            f"baselines.{name}.settings",
        )
    listed = "; ".join(f"{group} {', '.join(tree[group])}" for group in GROUPS if tree.get(group))
    yield Finding("ok", f"params.yaml: {listed}")


def corpora() -> Iterator[Finding]:
    """Every corpus that params.yaml has options for: whether it is on disk, and its counts where it is."""
    tree = params.read()
    for name in tree["tasks"] or ():
        where = f"tasks.{name}.prepare"
        settings = params.bind(Prepare, params.task(tree, name).prepare, where)
        for corpus in settings.corpora:
            yield _corpus(settings, corpus, corpus in settings.names(), where)


def _corpus(settings: Prepare, name: str, used: bool, where: str) -> Finding:
    if name.startswith("simulated_"):
        return Finding("ok", f"{name}: made by `dvc repro` when it is first needed")
    try:
        module, options = settings.open(name, where)
        if sources := getattr(options, "sources", None):
            return Finding("ok", f"{name}: made by `dvc repro` when it is first needed, from {_counted(sources)}")
        found = manifest.on_disk(module, options, f"{where}.corpora.{name}")
    except Refused as reason:
        return Finding("FAIL" if used else "note", f"{name}: {reason}")
    trials, departures, pointers = found.trials, manifest.departures(found), manifest.pointers(found)
    absent = int(files.absent(trials).notna().sum())
    text = f"{name}: {len(trials)} utterances listed, {absent} of them absent, under {corpora_folder() / options.root}"
    if departures:
        text += f"; not as published: {manifest.counted(departures)}"
    if pointers:
        return Finding("FAIL", f"{text}; {pointers[0]}")
    stops = absent > settings.max_absent * len(trials) or (departures and not options.allow_departures)
    return Finding("ok" if not absent and not departures else "FAIL" if used and stops else "note", text)


def _counted(sources: object) -> str:
    """How many files there are of each source of a corpus. Raises NotHere or Refused where there are none."""
    files = {what: listing.audio_in(corpora_folder() / place)[0] for what, place in vars(sources).items()}
    return ", ".join(f"{len(found)} files of {what}" for what, found in files.items())


def sounds() -> Iterator[Finding]:
    """The folders of noises and impulse responses that systems hear in training."""
    for name, system in (params.read()["systems"] or {}).items():
        for place in folders.named((system or {}).get("objective")):
            try:
                found, _ = listing.audio_in(corpora_folder() / place)
            except Refused as reason:
                yield Finding("FAIL", f"{name}: {reason}")
            else:
                yield Finding("ok", f"{name}: {len(found)} files of sound under {corpora_folder() / place}")


def weights() -> Iterator[Finding]:
    """The weights that denoisers, stages between and systems start from, and the checkpoints that training left."""
    tree = params.read()
    for name in tree["tasks"] or ():
        features = params.bind(Features, params.task(tree, name).features, f"tasks.{name}.features")
        if features.front_end is not None and features.front_end.denoise in DENOISERS:
            yield _opened(f"{name}: {features.front_end.denoise}", partial(denoiser, features))
    for section, load in BETWEEN.items():
        for name in tree[section] or ():
            yield _between(tree, f"{section}.{name}", params.between(tree, section, name), load)
    for name in tree["systems"] or ():
        system = params.system(tree, name)
        model, inference = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task)
        if model.init_weights is not None:
            yield Finding("ok", f"{name} starts from {by_name.weights_file(model.init_weights)}")
        trained = sorted(layout.checkpoints(name).rglob(f"{system.evaluate.checkpoint}.safetensors"))
        for checkpoint in trained:
            by_name.restore(
                checkpoint, system.network, model.config, model.changes, inference.OUTPUT_SIZE, inference.BUFFERS
            )
        yield (
            Finding("ok", f"{name}: trained, {_listed(trained)}")
            if trained
            else Finding("note", f"{name}: not trained yet, `dvc repro` trains it")
        )


def _between(tree: Mapping, where: str, entry: params.Between, load: Callable[[str], ModuleType]) -> Finding:
    if not between.has_network(entry, where):
        return Finding("ok", f"{where}: no network")
    waits_for = [name for name in tree["systems"] or () if entry.weights.startswith(f"checkpoints/{name}/")]
    if waits_for and not layout.checkpoints(waits_for[0]).is_dir():
        return Finding("note", f"{where}: {waits_for[0]} is not trained yet, `dvc repro` trains it first")
    cpu = torch.device("cpu")
    return _opened(f"{where}: {entry.weights}", lambda: between.open_network(entry, load(entry.task), where, cpu))


def _opened(what: str, opening: Callable[[], object]) -> Finding:
    """Whether weights can be opened."""
    try:
        opening()
    except Refused as reason:
        return Finding("FAIL", f"{what}: {reason}")
    return Finding("ok", f"{what} can be opened")


def _listed(checkpoints: list[Path]) -> str:
    """The first few checkpoints, and how many there are."""
    named = ", ".join(map(str, checkpoints[:SHOWN]))
    return named if len(checkpoints) <= SHOWN else f"{len(checkpoints)} members: {named}, ..."


def outputs() -> Iterator[Finding]:
    """dvc.lock, and whether what lies here is what DVC can give back."""
    path = Path(lock.LOCK)
    if not path.is_file():
        yield Finding("note", f"{path} is not here: nothing has run")
        return
    unsaved = lock.unsaved(lock.stages(path.read_text(encoding="utf-8")), lock.cache())
    for stage, paths in unsaved.items():
        yield Finding("FAIL", f"{', '.join(paths)}: not what {path} says, and DVC's cache lacks that: {RESCUE} {stage}")
    if not unsaved:
        yield Finding("ok", f"{path}: what lies in data is what it says, or DVC can give it back")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    packages,
    device,
    disk,
    parameters,
    corpora,
    sounds,
    weights,
    outputs,
)


def examine() -> list[Finding]:
    """All findings; a check that cannot go on is a finding too."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings.extend(check())
        except (Refused, OSError) as reason:
            findings.append(Finding("FAIL", f"{check.__name__}: {reason}"))
    return findings


def main() -> None:
    """Print the findings. Raises Refused outside a checkout."""
    if not Path(params.FILE).is_file():
        raise Refused(f"{params.FILE} is not here: run from the repository's root")
    logging.disable(logging.WARNING)  # readers log what their findings say
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a file name need not be UTF-8
    findings = examine()
    for finding in findings:
        print(f"{finding.level:4}  {finding.text}")
    failed = sum(finding.level == "FAIL" for finding in findings)
    print(f"{failed} of {len(findings)} checks failed" if failed else f"{len(findings)} checks, none failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    command.guarded(main)
