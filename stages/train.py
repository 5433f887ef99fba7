"""Train a system on its task's train split, choosing checkpoints on dev; eval is not opened.

Usage:  python -m stages.train <system>
Reads:  data/features/<task>/train, data/features/<task>/dev         recordings
        data/manifest/<task>/dev                                     the task's other tables (ASV scores)
        params.yaml                                                  seed, num_threads, device, systems.<system>
Writes: data/checkpoints/<system>/best_<criterion>.safetensors       weights at the lowest dev criterion
        data/checkpoints/<system>/averaged.safetensors, last.safetensors
        data/checkpoints/<system>/history.csv, summary.json          one row per epoch; what was kept and why it ended

A run that is killed goes on when it is started again, and ends with the same bytes. A record of the commit, packages
and hardware is written to data/runs/<system>/, which is no output of the stage.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd
from torch import nn

from voxdag import artifacts, command, layout, networks, params, runtime
from voxdag.params import Run, System
from voxdag.shards import INDEX, Shards
from voxdag.tasks import part
from voxdag.training.batches import Supply
from voxdag.training.checkpoints import load, write_weights
from voxdag.training.loop import Loop, Objective, Recipe
from voxdag.training.seeding import seed_torch
from voxdag.training.workshop import Workshop, run_key


def train(loop: Loop, out: Path) -> dict:
    """Run the loop and write what it keeps; gives the summary."""
    progress = loop.run()
    write_weights(out / "last.safetensors", loop.network, loop.workshop.about)
    for criterion, best in progress.best.items():
        kept = loop.workshop.best(criterion, best["epoch"])
        artifacts.write_bytes(out / f"best_{criterion}.safetensors", kept.read_bytes())
    averaged = None
    if loop.averaged():
        averaged = {"weights": loop.average.count, **loop.score_dev()}
        write_weights(out / "averaged.safetensors", loop.network, loop.workshop.about)
    return {
        "epochs": progress.epoch,
        "steps": progress.step,
        "stopped": progress.stopped or "after the last epoch",
        "skipped_steps": sum(row["skipped"] for row in progress.history),
        "best": progress.best,
        "averaged": averaged,
        "parameters": sum(parameter.numel() for parameter in loop.network.parameters()),
    }


def new_network(system: System, seed: int) -> nn.Module:
    """The system's network, its weights drawn from the seed or read from `model.init_weights`."""
    seed_torch(seed, "weights")
    network = networks.build(system.network, system.model.config)
    if system.model.init_weights is not None:
        load(network, networks.weights_file(system.model.init_weights))
    return network


def make_objective(system: System, name: str, supply: Supply) -> Objective:
    """The task's objective on its packed train and dev recordings."""
    learning, inference = part(system.task, "learning"), part(system.task, "inference")
    settings = params.bind(learning.Settings, system.objective, f"systems.{name}.objective")
    scoring = params.bind(inference.Settings, system.inference, f"systems.{name}.inference")
    splits = {split: Shards(layout.features(system.task, split)) for split in ("train", "dev")}
    return learning.Objective(splits, layout.tables(system.task, "dev"), settings, scoring, supply)


def depends_on(system: System) -> list[Path]:
    """The code and data whose contents make the key under which an unfinished run is resumed."""
    code = [Path(f"models/{system.network}.py"), *Path("voxdag/training").glob("*.py")]
    data = [layout.features(system.task, split) / INDEX for split in ("train", "dev")]
    weights = [networks.weights_file(system.model.init_weights)] if system.model.init_weights else []
    return [*code, *Path("voxdag/tasks", system.task).glob("*.py"), *data, *weights]


def main(name: str) -> None:
    tree = params.read()
    run, system = params.run(tree), params.system(tree, name)
    device = runtime.setup(run)
    recipe = params.bind(Recipe, system.train, f"systems.{name}.train")
    workshop = open_workshop(name, run, system)
    objective = make_objective(system, name, Supply(recipe.batch_size, run.seed, device, runtime.workers(device)))
    network = new_network(system, run.seed).to(device)
    runtime.write_record(Path("data/runs") / name / f"{workshop.folder.name}.json", device, asdict(system))
    loop = Loop(network, objective, recipe, run.seed, device, workshop)
    out = layout.checkpoints(name)
    artifacts.write_json(out / "summary.json", train(loop, out))
    artifacts.write_table(out / "history.csv", pd.DataFrame(loop.progress.history or None, columns=loop.columns()))
    workshop.close()


def open_workshop(name: str, run: Run, system: System) -> Workshop:
    """Where the run's state is, or will be."""
    key = run_key({"run": asdict(run), "system": asdict(system)}, depends_on(system))
    return Workshop.of(name, key, {"network": system.network, "config": system.model.config, "system": name})


if __name__ == "__main__":
    command.main(main)
