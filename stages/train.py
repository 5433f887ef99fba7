"""Train a system on its task's train split, choosing checkpoints on dev; eval is not opened.

Usage:  python -m stages.train <system>
Reads:  data/<recordings>/train, data/<recordings>/dev                         shards, such as features/<task>
        data/manifest/<task>/dev                                               the task's other tables (ASV scores)
        the folders of sounds that the objective names, below the corpora
        params.yaml                       num_threads, device, systems.<system>, tasks.<task>.features (for the header)
Writes: data/checkpoints/<system>/<member>/best_<criterion>.safetensors        weights at the best of a dev criterion
        data/checkpoints/<system>/<member>/averaged.safetensors, last.safetensors
        data/checkpoints/<system>/<member>/summary.json                        what was kept, and why training ended
        data/checkpoints/<system>/<member>/events.jsonl                        losses step by step, and the history
        data/checkpoints/<system>/history.csv                                  one row per epoch of each member

A member is one training: of one fold, where the corpus is cross-validated, and one seed. On a CPU as many members are
trained at once as VOXDAG_JOBS holds num_threads.

VOXDAG_LAUNCHER starts it in several processes, each with a GPU or a share of the processors, which train each member
together (voxdag/training/distributed.py).

A run that is killed goes on when it is started again, and ends with the same bytes. A record of the settings, commit,
packages, hardware and recordings is written to data/runs/<system>/, which is no output of the stage. Trackers that
VOXDAG_TRACKERS names follow each member (voxdag/training/tracking.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from stages.code import picked
from voxdag.core import artifacts, code, command, folders, params, ranks, runtime
from voxdag.core.modules import load_module
from voxdag.core.parallel import parallel_map
from voxdag.core.params import Run, System
from voxdag.core.workspace import workspace
from voxdag.data import layout
from voxdag.data.members import Member, members
from voxdag.data.shards import INDEX, Shards
from voxdag.data.synthetic import all_real
from voxdag.networks import by_name
from voxdag.networks.base import FINGERPRINT, fingerprint
from voxdag.networks.frozen import frozen_names
from voxdag.networks.initial import load_initial
from voxdag.networks.weights import check_base, load, write_weights
from voxdag.tasks import file_scoring
from voxdag.training import distributed, tracking
from voxdag.training.batches import LoaderSettings, mixture
from voxdag.training.event_log import EVENTS
from voxdag.training.learner import Learner, Materials
from voxdag.training.loop import Loop, defined
from voxdag.training.recipe import Recipe
from voxdag.training.run_state import RunState, run_key
from voxdag.training.seeding import seed_torch
from voxdag.training.tracking import Trackers

SPLITS = ("train", "dev")
RUNS = Path("data/runs")  # below the repository, also of an experiment in a folder of its own


def train(loop: Loop, out: Path) -> dict:
    """Run the loop and write what it keeps; gives the summary."""
    progress = loop.run()
    stopping, averaging = loop.recipe.stopping, loop.recipe.averaging
    stopped_by: set = set() if stopping.patience is None else {stopping.criterion}
    calibrate_and_write(loop, out / "last.safetensors", stopped_by)
    averaged = None
    if loop.load_average():
        averaged = {"weights": loop.average.count, **defined(loop.score_dev())}
        averaged_by: set = {stopping.criterion} if averaging.over == "best" else set()
        calibrate_and_write(loop, out / "averaged.safetensors", stopped_by | averaged_by)
    ranks.meet()  # the first process has written what is kept
    for criterion, best in progress.best.items():
        load(loop.network, loop.run_state.best_file(criterion, best["epoch"]), held=frozen_names(loop.network))
        calibrate_and_write(loop, out / f"best_{criterion}.safetensors", stopped_by | {criterion})
    if ranks.is_first():
        artifacts.write_bytes(out / EVENTS, loop.events.content())
    return {
        "epochs": progress.epoch,
        "steps": progress.step,
        "stopped": progress.stopped or "after the last epoch",
        "skipped_updates": sum(row["skipped"] for row in progress.history),
        "best": progress.best,
        "averaged": averaged,
        "parameters": sum(parameter.numel() for parameter in loop.network.parameters()),
    }


def calibrate_and_write(loop: Loop, path: Path, chosen_by: Collection[str]) -> None:
    """Write the network as it stands, with what the task fits on dev.

    chosen_by: the dev criteria that had a say in which weights these are.
    """
    loop.network.eval()
    with torch.inference_mode():
        loop.learner.calibrate(chosen_by)
    if ranks.is_first():
        write_weights(path, loop.network, loop.run_state.about)


def new_network(system: System, seed: int) -> nn.Module:
    """The system's network, its weights drawn from the seed or read from `model.init_weights`."""
    seed_torch(seed, "weights")
    model, inference = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task)
    network = by_name.build(system.network, model.config, model.changes, inference.OUTPUT_SIZE, inference.BUFFERS)
    if model.init_weights is not None:
        load_initial(network, by_name.weights_file(model.init_weights), by_name.weights_file)
    return network


def make_learner(name: str, system: System, member: Member, device: torch.device) -> Learner:
    """The task's learner on a member's packed train and dev recordings. Raises Refused where some of dev were made up,
    or some of train without a share."""
    learner = load_module("voxdag.tasks.{task}.learner", task=system.task)
    inference = load_module("voxdag.tasks.{task}.inference", task=system.task)
    recipe = recipe_of(name, system)
    splits = {split: Shards(layout.recordings(system.recordings, split)).fold(member.fold) for split in SPLITS}
    all_real(splits["dev"])
    mixed = mixture(splits["train"].index, recipe.synthetic_share, recipe.batch_size)
    materials = Materials(
        splits=splits,
        dev_tables=layout.tables(system.task, "dev"),
        loader=LoaderSettings(recipe.batch_size, member.seed, device, runtime.workers(device), mixed),  # type: ignore[arg-type]
        recipe=recipe,
        network=new_network(system, member.seed).to(device),  # type: ignore[arg-type]
    )
    settings = params.bind(learner.Settings, system.objective, f"systems.{name}.objective")
    scoring = params.bind(inference.Settings, system.inference, f"systems.{name}.inference")
    return learner.make(materials, settings, scoring)


def recipe_of(name: str, system: System) -> Recipe:
    """How the system is trained."""
    return params.bind(Recipe, system.train, f"systems.{name}.train")


def resume_key(name: str, system: System, member: Member, run: Run) -> str:
    """A hash of all that a member's training depends on: an unfinished run goes on from a state of the same key alone.

    That is the code and the packages (as in data/code), the recordings and tables that it reads, the weights that it
    starts from, its settings, what the folders hold that its objective names (as in data/inputs), and the class of
    machine and the number of processes, whose sums end in other digits.
    """
    settings = {
        "code": code.describe(["stages.train"], picked(name, asdict(system))),
        "machine": runtime.machine_class(),
        "processes": ranks.count(),
        "run": {"num_threads": run.num_threads, "device": run.device},
        "system": {
            part: value for part, value in asdict(system).items() if part not in ("seeds", "num_threads", "evaluate")
        },
        "member": member.name,
        "folders": folders.listings(system.objective),
    }
    recordings = [layout.recordings(system.recordings, split) for split in SPLITS]
    tables = sorted(layout.manifest(system.task, "dev").glob("*.csv"))
    weights = [by_name.weights_file(system.model.init_weights)] if system.model.init_weights else []
    packed = [path for folder in recordings for path in sorted(folder.iterdir())]
    return run_key(settings, [*packed, *tables, *weights])


def read_from(system: System) -> dict[str, dict[str, str]]:
    """What tells the recordings of each split from others: their folder, and a hash of its index, where each recording
    has a checksum."""
    folders = {split: layout.recordings(system.recordings, split) for split in SPLITS}
    hashes = {split: hashlib.sha256((folder / INDEX).read_bytes()).hexdigest() for split, folder in folders.items()}
    return {split: {"folder": folder.as_posix(), "index_sha256": hashes[split]} for split, folder in folders.items()}


def open_run_state(name: str, system: System, member: Member, tree: Mapping[str, object], learner: Learner) -> RunState:
    """Where the run's state is, or will be; it knows what weights files say of themselves."""
    model, inference = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task)
    about = by_name.about(system.network, model.config, model.changes, inference.OUTPUT_SIZE) | {"system": name}
    about |= file_scoring.of_system(tree, system).header()
    network = learner.networks[learner.main]
    if frozen_names(network):
        about |= {"base": model.init_weights, FINGERPRINT: fingerprint(network)}
    check_base(network, about)
    return RunState.of_run(name, resume_key(name, system, member, params.run(tree, system)), about)


def train_member(member: Member, name: str, several: bool) -> tuple[pd.DataFrame, RunState]:
    """Train one member and write all but its history; gives that, and the run state to close. Of several, each line
    that is logged says whose it is."""
    if several and ranks.is_first():
        command.log_to_stderr(member.name)
    tree = params.read()
    system = params.system(tree, name)
    device = runtime.setup(params.run(tree, system))
    learner = make_learner(name, system, member, device)
    run_state = open_run_state(name, system, member, tree, learner)
    record = workspace() / RUNS / name / f"{member.name}-{run_state.folder.name}.json"
    about = {**member._asdict(), "settings": asdict(system), "recordings": read_from(system)}
    if ranks.is_first():
        runtime.write_record(record, device, **about)
    out = layout.checkpoints(name, member.name)
    with run_state.alone():
        trackers = Trackers(run_state.folder, name, member.name, about, tracking.chosen())
        loop = Loop(learner, recipe_of(name, system), member.seed, device, run_state, trackers)  # type: ignore[arg-type]
        summary = train(loop, out)
        if ranks.is_first():
            artifacts.write_json(out / "summary.json", summary)
    return member.mark(pd.DataFrame(loop.progress.history or None, columns=loop.columns())), run_state


def main(name: str) -> None:
    distributed.launch("stages.train", name)
    tracking.chosen()  # a wrong one is refused before anything is read
    tree = params.read()
    system = params.system(tree, name)
    run = params.run(tree, system)
    device = runtime.setup(run)
    with distributed.joined(device):
        train_members(name, members(layout.utterances(system.task, "dev"), system.seeds), run.num_threads, device)


def train_members(name: str, every: Sequence[Member], num_threads: int, device: torch.device) -> None:
    """Train all members of a system, several at once or each in several processes, and write their history."""
    one_after_another = device.type == "cuda" or ranks.count() > 1
    at_once = 1 if one_after_another else max(1, command.jobs() // num_threads)
    work = partial(train_member, name=name, several=len(every) > 1)
    jobs = min(at_once, len(every))
    trained = parallel_map(work, every, jobs, "members", chunk=1, threads=num_threads, local=True)
    ranks.meet()  # no process reads what was kept any more
    if not ranks.is_first():
        return
    histories, run_states = zip(*trained, strict=True)
    artifacts.write_table(layout.checkpoints(name) / "history.csv", pd.concat(histories))
    for run_state in run_states:
        run_state.close()


if __name__ == "__main__":
    command.main(main, kept="training goes on from its last saved state (docs/HOWTO.md, Long runs)")
