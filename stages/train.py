"""Train a system on its task's train split, choosing checkpoints on dev; eval is not opened.

Usage:  python -m stages.train <system>
Reads:  data/features/<task>/train, data/features/<task>/dev         recordings
        data/manifest/<task>/dev                                     the task's other tables (ASV scores)
        params.yaml                                                  seed, num_threads, device, systems.<system>
Writes: data/checkpoints/<system>/best_<criterion>.safetensors       weights at the best of a dev criterion
        data/checkpoints/<system>/averaged.safetensors, last.safetensors
        data/checkpoints/<system>/summary.json                       what was kept, and why training ended
        data/checkpoints/<system>/history.csv                        one row per epoch

Where the corpus is cross-validated, one network is trained for each fold, and all but the history lies in
data/checkpoints/<system>/fold-<fold>/. On a CPU as many folds are trained at once as VOXDAG_JOBS holds num_threads.

A run that is killed goes on when it is started again, and ends with the same bytes. A record of the commit, packages
and hardware is written to data/runs/<system>/, which is no output of the stage.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from voxdag.core import artifacts, command, params, runtime
from voxdag.core.modules import load_module
from voxdag.core.params import Run, System
from voxdag.data import folds, layout
from voxdag.data.shards import INDEX, Shards
from voxdag.networks import by_name
from voxdag.networks.weights import load, write_weights
from voxdag.training.batches import Supply
from voxdag.training.loop import Loop, Objective, Recipe
from voxdag.training.seeding import seed_torch
from voxdag.training.workshop import Workshop, run_key


def train(loop: Loop, out: Path) -> dict:
    """Run the loop and write what it keeps; gives the summary."""
    progress = loop.run()
    finish(loop, out / "last.safetensors")
    averaged = None
    if loop.averaged():
        averaged = {"weights": loop.average.count, **loop.score_dev()}
        finish(loop, out / "averaged.safetensors")
    for criterion, best in progress.best.items():
        load(loop.network, loop.workshop.best(criterion, best["epoch"]))
        finish(loop, out / f"best_{criterion}.safetensors")
    return {
        "epochs": progress.epoch,
        "steps": progress.step,
        "stopped": progress.stopped or "after the last epoch",
        "skipped_steps": sum(row["skipped"] for row in progress.history),
        "best": progress.best,
        "averaged": averaged,
        "parameters": sum(parameter.numel() for parameter in loop.network.parameters()),
    }


def finish(loop: Loop, path: Path) -> None:
    """Write the network as it stands, with what the task fits on dev."""
    loop.network.eval()
    with torch.inference_mode():
        loop.objective.finish(loop.network)
    write_weights(path, loop.network, loop.workshop.about)


def new_network(system: System, seed: int) -> nn.Module:
    """The system's network, its weights drawn from the seed or read from `model.init_weights`."""
    seed_torch(seed, "weights")
    model, inference = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task)
    network = by_name.build(system.network, model.config, model.changes, inference.OUTPUT_SIZE, inference.BUFFERS)
    if model.init_weights is not None:
        load(network, by_name.weights_file(model.init_weights))
    return network


def make_objective(system: System, name: str, fold: str, supply: Supply) -> Objective:
    """The task's objective on its packed train and dev recordings of a fold."""
    learning, inference = (
        load_module("voxdag.tasks.{task}.learning", task=system.task),
        load_module("voxdag.tasks.{task}.inference", task=system.task),
    )
    settings = params.bind(learning.Settings, system.objective, f"systems.{name}.objective")
    scoring = params.bind(inference.Settings, system.inference, f"systems.{name}.inference")
    splits = {split: Shards(layout.recordings(system.recordings, split)).fold(fold) for split in ("train", "dev")}
    return learning.Objective(splits, layout.tables(system.task, "dev"), settings, scoring, supply)


def train_fold(fold: str, name: str) -> tuple[pd.DataFrame, Workshop]:
    """Train one fold and write all but its history; gives that, and the workshop to close."""
    tree = params.read()
    run, system = params.run(tree), params.system(tree, name)
    device = runtime.setup(run)
    recipe = params.bind(Recipe, system.train, f"systems.{name}.train")
    workshop = open_workshop(name, fold, run, system)
    supply = Supply(recipe.batch_size, run.seed, device, runtime.workers(device))
    objective = make_objective(system, name, fold, supply)
    network = new_network(system, run.seed).to(device)
    runtime.write_record(Path("data/runs") / name / f"{workshop.folder.name}.json", device, asdict(system))
    loop = Loop(network, objective, recipe, run.seed, device, workshop)
    out = layout.checkpoints(name, fold)
    artifacts.write_json(out / "summary.json", train(loop, out))
    history = pd.DataFrame(loop.progress.history or None, columns=loop.columns())
    if fold != folds.FIXED:
        history.insert(0, "fold", fold)
    return history, workshop


def depends_on(system: System) -> list[Path]:
    """The code and data whose contents make the key under which an unfinished run is resumed."""
    code = [*Path("models").glob("*.py"), *Path("voxdag/training").glob("*.py")]
    data = [layout.recordings(system.recordings, split) / INDEX for split in ("train", "dev")]
    weights = [by_name.weights_file(system.model.init_weights)] if system.model.init_weights else []
    return [*code, *Path("voxdag/tasks", system.task).glob("*.py"), *data, *weights]


def open_workshop(name: str, fold: str, run: Run, system: System) -> Workshop:
    """Where the run's state is, or will be."""
    key = run_key({"run": asdict(run), "system": asdict(system), "fold": fold}, depends_on(system))
    model, outputs = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task).OUTPUT_SIZE
    about = by_name.about(system.network, model.config, model.changes, outputs)
    return Workshop.of(name, key, about | {"system": name})


def train_folds(name: str, names: list[str], at_once: int) -> Iterator[tuple[pd.DataFrame, Workshop]]:
    """Train every fold, `at_once` of them side by side; the order and the results do not depend on it."""
    if at_once == 1 or len(names) == 1:
        yield from map(partial(train_fold, name=name), names)
        return
    with ProcessPoolExecutor(at_once, multiprocessing.get_context("spawn"), initializer=command.log_to_stderr) as pool:
        yield from pool.map(partial(train_fold, name=name), names)


def main(name: str) -> None:
    tree = params.read()
    run, system = params.run(tree), params.system(tree, name)
    on_cpu = runtime.setup(run).type == "cpu"
    names = folds.names(layout.utterances(system.task, "dev"))
    at_once = max(1, command.jobs() // run.num_threads) if on_cpu else 1
    histories, workshops = zip(*train_folds(name, names, at_once), strict=True)
    artifacts.write_table(layout.checkpoints(name) / "history.csv", pd.concat(histories))
    for workshop in workshops:
        workshop.close()


if __name__ == "__main__":
    command.main(main)
