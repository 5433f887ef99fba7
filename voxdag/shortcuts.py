"""Shortcut card: what traits of recordings alone tell of an anti-spoofing corpus, and what systems lose without them.

Usage:  python -m voxdag.shortcuts OUT [--recordings features/antispoof] [--system aasist ...]
Reads:  data/<recordings>/train, eval       shards, as `dvc repro` packs them
        params.yaml                         the systems; tasks.antispoof.scoring, seed
        data/checkpoints/<system>           of each --system
Writes: OUT/probes.csv                      EER on eval of probes on one trait each (length, level, silence at the ends,
                                            noise floor, DC, zeros, bandwidth) and on all, with intervals by speaker
        OUT/systems.csv                     EER of each system with what is no speech muted, silence at the ends
                                            equalised, level equalised
        OUT/shortcuts.png, .pdf             both as a picture

A probe far below 50 % is a shortcut that a network may take; a system that loses much without silence has taken it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from voxdag.core import artifacts, command, params, runtime
from voxdag.data import layout
from voxdag.data.shards import Shards
from voxdag.figures import shortcuts as figure
from voxdag.networks import by_name
from voxdag.scoring import tdcf
from voxdag.scoring.tables import Scoring
from voxdag.tasks import as_they_are, asked, results, sources
from voxdag.tasks.antispoof import inference, metrics, shortcuts

TASK = "antispoof"
KEPT = ("value", "low", "high")


def probed(train: Shards, held: Shards, scoring: Scoring, seed: int) -> pd.DataFrame:
    """The EER of each probe: columns probe, value, low, high."""
    rows = [{"probe": name} | eer(table, scoring, seed) for name, table in shortcuts.probes(train, held).items()]
    return pd.DataFrame(rows)


def systems(names: Sequence[str], held: Shards, scoring: Scoring, seed: int) -> Iterator[dict]:
    """The EER of each system under each treatment, means over its members."""
    tree = params.read()
    for treatment in shortcuts.TREATMENTS:
        heard = shortcuts.treated(inference.waves(held), treatment)
        for name in names:
            found, system = sources.of_system(name), params.system(tree, name)
            device = runtime.setup(params.run(tree, system))
            settings = params.bind(inference.Settings, found.scoring.inference, found.inference_key)
            tables = []
            for number, file in enumerate(found.files):
                network = by_name.restore(file, *found.words, inference.OUTPUT_SIZE, inference.BUFFERS).to(device)
                with torch.inference_mode():
                    scores = inference.score(network, heard, settings, device)
                tables.append(held.about.assign(score=scores, seed=number))
            yield {"system": name, "treatment": treatment} | eer(pd.concat(tables), scoring, seed)


def eer(predictions: pd.DataFrame, scoring: Scoring, seed: int) -> dict[str, float]:
    """The mean over members with its interval by speaker: value, low, high; none of scores that are all alike (a trait
    that does not vary)."""
    if predictions["score"].nunique() < tdcf.MIN_DISTINCT_SCORES:
        return dict.fromkeys(KEPT, np.nan)
    table = metrics.intervals(predictions, metrics.NO_ASV, scoring, seed)
    chosen = table[(table["metric"] == "eer") & (table["resampled_by"] == results.BY) & table["seed"].isna()]
    return chosen.iloc[0][list(KEPT)].to_dict()


def run(arguments: argparse.Namespace) -> None:
    """Write tables and picture."""
    tree = params.read()
    names = asked.systems(tree, TASK, arguments.system, "systems")
    as_they_are.check(tree, names)
    scoring, seed = results.scoring(tree, TASK), params.run(tree).seed
    train, held = (Shards(layout.recordings(arguments.recordings, split)) for split in ("train", "eval"))
    of_probes = probed(train, held, scoring, seed)
    of_systems = pd.DataFrame(systems(names, held, scoring, seed), columns=["system", "treatment", *KEPT])
    artifacts.write_table(arguments.out / "probes.csv", of_probes)
    artifacts.write_table(arguments.out / "systems.csv", of_systems)
    plot = figure.draw(of_probes, of_systems)
    words = f"{arguments.recordings}, eval; {scoring.confidence:.0%} intervals by speaker"
    plot.save(arguments.out / "shortcuts", words)
    print(of_probes.to_string(index=False, float_format="%.3f"))
    if len(of_systems):
        print(of_systems.to_string(index=False, float_format="%.3f"))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for tables and picture")
    parser.add_argument("--recordings", default=f"features/{TASK}", help="folder of shards below data")
    parser.add_argument("--system", nargs="+", default=[], help="systems of params.yaml, trained")
    run(parser.parse_args())


if __name__ == "__main__":
    command.guarded(main)
