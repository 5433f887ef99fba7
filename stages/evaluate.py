"""Score a system's dev and eval recordings with the checkpoints that params.yaml names, and measure them on eval.

Usage:  python -m stages.evaluate <system>
Reads:  data/checkpoints/<system>/<member>/<checkpoint>.safetensors   of each fold and seed
        data/<recordings>/dev, data/<recordings>/eval                 shards, such as features/<task>
        data/manifest/<task>/dev, data/manifest/<task>/eval           the task's other tables (ASV scores)
        params.yaml              seed, num_threads, device, tasks.<task>.scoring, systems.<system>
Writes: data/predictions/<system>/dev.csv, eval.csv                   one row per utterance and member
        data/predictions/<system>/<split>/<member>/                   audio, where that is what the task predicts
        data/predictions/<system>/<split>/<member>/listen/            of some recordings, as WAV files: what was made
                                                                      (<id>.wav), what went in (<id>_<track>.wav)
        data/predictions/<system>/dev.scores.txt, eval.scores.txt     the same in the field's own form; a file a member
                                                                      where there are several (eval_<member>...)
        data/predictions/<system>/decisions.csv                       where the task decides: what that takes, fitted
                                                                      on dev, of each member
        metrics/<system>/evaluate.json                                headline: eval's metrics, and the dev criterion
        metrics/<system>/intervals.csv                                those of eval with their bootstrap intervals
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import soundfile
import torch
from torch import nn

from voxdag.core import artifacts, command, params, runtime
from voxdag.core.errors import Refused
from voxdag.core.modules import load_module, load_optional
from voxdag.core.params import System
from voxdag.data import layout
from voxdag.data.members import Member, members
from voxdag.data.shards import MEGABYTES, Shards, write
from voxdag.data.synthetic import all_real
from voxdag.networks import by_name
from voxdag.networks.weights import digest
from voxdag.scoring import members as scoring_members
from voxdag.tasks import decisions, results

AUDIBLE = 4  # recordings of each split and member that are written as files, from all over the split


def predict(name: str, system: System, device: torch.device) -> dict[str, pd.DataFrame]:
    """Predictions on dev and eval, member by member, rounded as they are written, so that every later stage sees the
    same scores. Raises Refused where some of the recordings were made up."""
    model, inference = system.model, load_module("voxdag.tasks.{task}.inference", task=system.task)
    measures = load_optional("voxdag.tasks.{task}.measures", task=system.task)  # where what is predicted is audio
    settings = params.bind(inference.Settings, system.inference, f"systems.{name}.inference")
    shards = {split: all_real(Shards(layout.recordings(system.recordings, split))) for split in results.SPLITS}
    tables = results.tables(system.task)
    predictions: dict[str, list[pd.DataFrame]] = {split: [] for split in results.SPLITS}
    for member in members(shards["dev"].index, system.seeds):
        weights = checkpoint(name, member, system.evaluate.checkpoint)
        network = by_name.restore(
            weights, system.network, model.config, model.changes, inference.OUTPUT_SIZE, inference.BUFFERS
        ).to(device)
        for split, rows in predictions.items():
            packed = shards[split].fold(member.fold)
            if measures is not None:
                folder = layout.predictions(name) / split / member.name
                made = write_enhanced(folder, inference, network, packed, settings, device)
                rows.append(member.mark(measures.predict(network, packed, made)))
            else:
                rows.append(member.mark(inference.predict(network, packed, settings, device, tables[split])))
    return {split: pd.concat(rows, ignore_index=True).round(artifacts.DECIMALS) for split, rows in predictions.items()}


def write_enhanced(
    folder: Path,
    inference: ModuleType,
    network: nn.Module,
    recordings: Shards,
    settings: object,
    device: torch.device,
) -> Shards:
    """Write what the network makes of recordings, where that is audio."""
    with torch.inference_mode():
        waves = inference.enhanced(network, recordings, settings, device)
        write(folder, waves, inference.tracks(recordings), MEGABYTES)
    made = Shards(folder)
    rows = sorted(set(np.linspace(0, len(made) - 1, AUDIBLE).round().astype(int).tolist())) if len(made) else []
    write_audible(folder / "listen", made, rows, "{id}.wav")
    write_audible(folder / "listen", recordings, rows, "{id}_{track}.wav")
    return made


def write_audible(folder: Path, shards: Shards, rows: Sequence[int], name: str) -> None:
    """Write the waves of these rows as files to listen to."""
    waves = [track for track, kind in shards.tracks.items() if kind.dtype == "int16" and not kind.shape]
    for track in waves:
        packed = shards.track(track)
        for i in rows:
            content = BytesIO()
            soundfile.write(content, packed[i], int(packed.track.rate), format="WAV", subtype="PCM_16")  # type: ignore[arg-type]
            file = name.format(id=packed.ids[i].replace("/", "_"), track=track)
            artifacts.write_bytes(folder / file, content.getvalue())


def write_decisions(name: str, system: System, dev: pd.DataFrame) -> None:
    """Write what the task's decisions need of dev, where it has any, of each member."""
    decision = load_optional("voxdag.tasks.{task}.decision", task=system.task)
    if decision is None:
        return
    rows = []
    for member, predictions in scoring_members.split(dev).items():
        weights = digest(checkpoint(name, member, system.evaluate.checkpoint))
        rows.append(decisions.row(decision, member, weights, system.inference, predictions))
    artifacts.write_table(layout.decisions(name), pd.concat(rows))


def checkpoint(name: str, member: Member, chosen: str) -> Path:
    """The weights to score a member with. Raises Refused with those there are."""
    folder = layout.checkpoints(name, member.name)
    path = folder / f"{chosen}.safetensors"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"
        raise Refused(f"systems.{name}.evaluate.checkpoint is {chosen!r}; {folder} has {there}")
    return path


def main(name: str) -> None:
    tree = params.read()
    system = params.system(tree, name)
    predictions = predict(name, system, runtime.setup(params.run(tree, system)))
    score_file = load_optional("voxdag.tasks.{task}.score_file", task=system.task)
    if score_file is not None:
        for split, table in predictions.items():
            score_file.write(layout.predictions(name) / f"{split}.scores.txt", table)
    write_decisions(name, system, predictions["dev"])
    results.write(name, system.task, predictions, tree)


if __name__ == "__main__":
    command.main(main)
