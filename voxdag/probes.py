"""Domain probes: from which layers of a countermeasure a property of a recording, such as its codec, can still be told.

Usage:  python -m voxdag.probes OUT SYSTEM ... [--column codec] [--recordings coded/antispoof_codecs] [--split eval]
Reads:  data/<recordings>/<split>           shards, as `dvc repro` packs them, whose index has the column
        params.yaml                         the systems; tasks.antispoof.scoring, seed
        data/checkpoints/<system>           of the first member of each
Writes: OUT/probes.csv                      by system and layer: unweighted average recall of the probe, its interval by
                                            speaker, chance, and the recall of a probe of shuffled classes
        OUT/probes.png, .pdf                the same as a picture

A probe is fitted to some speakers and tested on others, in five folds. Layers are those of the network's lists of
layers, and its embedding. Adversarial training that works leaves an embedding from which the codec is told at chance.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from voxdag.core import artifacts, command, params, runtime, streams
from voxdag.core.errors import Refused
from voxdag.data import layout
from voxdag.data.shards import Shards
from voxdag.figures import probes as figure
from voxdag.networks import by_name
from voxdag.scoring.tables import Scoring
from voxdag.tasks import as_they_are, asked, probing, results, scoring_loop, sources
from voxdag.tasks.antispoof import inference

TASK = "antispoof"


def heard(name: str, held: Shards) -> dict[str, np.ndarray]:
    """What each layer of a system's first member says of all recordings, pooled: (n, d)."""
    found, tree = sources.of_system(name), params.read()
    device = runtime.setup(params.run(tree, params.system(tree, name)))
    settings = params.bind(inference.Settings, found.scoring.inference, found.inference_key)
    network = by_name.restore(found.files[0], *found.words, inference.OUTPUT_SIZE, inference.BUFFERS).to(device).eval()
    recordings, listener, parts = inference.waves(held), None, []
    for rows in scoring_loop.in_order(recordings, settings.batch_size):
        crops, _ = scoring_loop.crops(recordings.chosen(rows), settings.samples)
        crops = scoring_loop.float_waves(crops, device)
        listener = listener or probing.Listener(network, crops[:1])
        parts.append(listener.of(crops))
    return {layer: np.concatenate([part[layer] for part in parts]) for layer in parts[0]}


def probed(names: list[str], held: Shards, column: str, scoring: Scoring, seed: int) -> Iterator[dict]:
    """A row a layer of each system: system, layer, value, low, high, chance, shuffled."""
    classes, speakers = held.index[column].astype(str).to_numpy(), held.index["speaker"].astype(str).to_numpy()
    shuffled = streams.generator(seed, "probes").permutation(classes)
    for name in names:
        for layer, rows in heard(name, held).items():
            rng = streams.generator(seed, "probes", name, layer)
            said, of_shuffled = probing.told(rows, (classes, shuffled), speakers)
            recall = probing.Recall(said, classes)
            of_layer = probing.interval(recall, classes, speakers, rng, scoring.replicates, scoring.confidence)
            row = {"system": name, "layer": layer, "value": recall()} | of_layer
            yield row | {"chance": 1 / len(set(classes)), "shuffled": probing.Recall(of_shuffled, shuffled)()}


def run(arguments: argparse.Namespace) -> None:
    """Write table and picture."""
    tree = params.read()
    names = asked.systems(tree, TASK, arguments.system, "systems")
    as_they_are.check(tree, names)
    held = Shards(layout.recordings(arguments.recordings, arguments.split))
    if arguments.column not in held.index:
        has = ", ".join(held.index.columns)
        raise Refused(f"{arguments.recordings} has no column {arguments.column}; it has {has}")
    scoring, seed = results.scoring(tree, TASK), params.run(tree).seed
    table = pd.DataFrame(probed(names, held, arguments.column, scoring, seed))
    artifacts.write_table(arguments.out / "probes.csv", table)
    words = f"{arguments.recordings}, {arguments.split}; {scoring.confidence:.0%} intervals by speaker"
    figure.draw(table, arguments.column).save(arguments.out / "probes", words)
    print(table.to_string(index=False, float_format="%.3f"))


def main() -> None:
    """Read the command line and probe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for table and picture")
    parser.add_argument("system", nargs="+", metavar="SYSTEM", help="systems of params.yaml, trained")
    parser.add_argument("--column", default="codec", help="of the index: what is told")
    parser.add_argument("--recordings", default="coded/antispoof_codecs", help="folder of shards below data")
    parser.add_argument("--split", default="eval", choices=("train", "dev", "eval"))
    run(parser.parse_args())


if __name__ == "__main__":
    command.guarded(main)
