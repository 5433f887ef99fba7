"""Score any audio file or folder with a trained system, or with other weights of its network.

Usage:  python -m voxdag.predict --system aasist PATH...
        python -m voxdag.predict --system aasist --weights AASIST.pth --config aasist PATH...
Reads:  params.yaml, data/checkpoints/<system>/ or the weights file, and the audio (any libsndfile format and rate)
Prints: CSV, one row per file: path, seconds, the system's outputs (score: higher is more bona fide), and error, which
        says why a file has no output. The exit status is 1 if any file has none.
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import nn

from voxdag.audio.decode import INT16_SCALE, BadAudio, decode
from voxdag.core import command, params, runtime
from voxdag.core.errors import NotHere, Refused
from voxdag.core.modules import load_module
from voxdag.corpora.corpus import AUDIO_SUFFIXES
from voxdag.data import layout
from voxdag.data.recordings import Features, through_front_end
from voxdag.figures import waveform
from voxdag.figures.png import save_png
from voxdag.networks import by_name

log = logging.getLogger(__name__)

PLOT_HOPS = 4  # scores per window length along a recording


class Scorer:
    """A network, and how its task scores recordings with it on a device."""

    def __init__(
        self, network: nn.Module, inference: ModuleType, settings: object, features: Features, device: torch.device
    ):
        self.network, self.inference, self.settings, self.features = network.to(device), inference, settings, features
        self.device = device

    def decode(self, path: Path) -> np.ndarray:
        """(n,) int16 at the system's rate, through its front end. Raises BadAudio."""
        return through_front_end(decode(path, self.features.decoding), self.features).samples

    def rows(self, paths: Iterable[Path]) -> Iterator[dict]:
        """One row per file, in order; a batch of files is in memory at a time."""
        paths = iter(paths)
        while batch := list(islice(paths, self.settings.batch_size)):
            yield from self._batch(batch)

    def _batch(self, paths: list[Path]) -> Iterator[dict]:
        recordings, errors = {}, {}
        for path in paths:
            try:
                recordings[path] = self.decode(path)
            except BadAudio as reason:
                errors[path] = str(reason)
        outputs = {}
        if recordings:
            table = self.inference.outputs(self.network, list(recordings.values()), self.settings, self.device)
            outputs = dict(zip(recordings, table.to_dict("records"), strict=True))
        for path in paths:
            row = {"path": str(path), "seconds": "", **dict.fromkeys(self.inference.OUTPUTS, ""), "error": ""}
            if path in errors:
                yield row | {"error": errors[path]}
            else:
                yield row | {"seconds": round(len(recordings[path]) / self.features.decoding.rate, 3)} | outputs[path]

    def plot(self, path: Path, picture: Path) -> None:
        """Draw waveform, spectrogram and the output along the recording."""
        samples, rate, window = self.decode(path), self.features.decoding.rate, self.settings.samples
        starts = np.arange(0, max(len(samples) - window, 0) + 1, max(window // PLOT_HOPS, 1))
        windows = [samples[start : start + window] for start in starts]
        table = self.inference.outputs(self.network, windows, self.settings, self.device)
        drawn = {name: table[name].to_numpy() for name in self.inference.DRAWN if table[name].notna().any()}
        centres = (starts + min(window, len(samples)) / 2) / rate
        save_png(waveform.figure(samples / INT16_SCALE, rate, centres, drawn), picture)


def checkpoint(system: str, fold: str | None) -> Path:
    """The folder of a system's weights: of the fold asked for, or the first where it is cross-validated.

    Raises Refused for a fold that was not trained.
    """
    trained = sorted(layout.checkpoints(system).glob("fold-*"), key=lambda path: (len(path.name), path.name))
    if fold is None:
        return trained[0] if trained else layout.checkpoints(system)
    if layout.checkpoints(system, fold) not in trained:
        names = ", ".join(path.name.removeprefix("fold-") for path in trained) or "none"
        raise Refused(f"fold {fold} of {system} is not trained; trained folds: {names}")
    return layout.checkpoints(system, fold)


def open_scorer(system_name: str, weights: Path | None, config: str | None, fold: str | None) -> Scorer:
    """The system with its trained weights (of a fold), or with `weights` of the size `config` (default: its own).

    Of a size that is named here, the weights file says what was changed.
    """
    tree = params.read()
    system = params.system(tree, system_name)
    inference = load_module("voxdag.tasks.{task}.inference", task=system.task)
    settings = params.bind(inference.Settings, system.inference, f"systems.{system_name}.inference")
    where = f"tasks.{system.task}.features"
    features = params.bind(Features, params.task(tree, system.task).features, where)
    if weights is None:
        weights = checkpoint(system_name, fold) / f"{system.evaluate.checkpoint}.safetensors"
    size, changes = (config, None) if config else (system.model.config, system.model.changes)
    network = by_name.restore(weights, system.network, size, changes, inference.OUTPUT_SIZE, inference.BUFFERS)
    return Scorer(network, inference, settings, features, runtime.setup(params.run(tree)))


def audio_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as given, folders searched for audio. Raises NotHere, or ValueError for a folder without any."""
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise NotHere(f"{path} is not here")
            yield path
            continue
        found = sorted(file for file in path.rglob("*") if file.suffix.lower().lstrip(".") in AUDIO_SUFFIXES)
        if not found:
            raise Refused(f"{path} holds no audio file ({', '.join(sorted(AUDIO_SUFFIXES))})")
        yield from found


@torch.inference_mode()
def predict(scorer: Scorer, paths: list[Path], plots: Path | None) -> int:
    """Print the rows and draw the pictures; gives how many files have no output."""
    writer = csv.DictWriter(sys.stdout, ["path", "seconds", *scorer.inference.OUTPUTS, "error"], lineterminator="\n")
    writer.writeheader()
    failed = 0
    for row in scorer.rows(paths):
        writer.writerow(row)
        failed += bool(row["error"])
        if plots is not None and not row["error"]:
            scorer.plot(Path(row["path"]), plots / f"{Path(row['path']).stem}.png")
    return failed


def main() -> None:
    """Read the command line and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="audio files, or folders of them")
    parser.add_argument("--system", required=True, help="a system of params.yaml")
    parser.add_argument("--weights", type=Path, help="safetensors or torch state dict; default: the checkpoint")
    parser.add_argument("--config", help="the size of the network that --weights holds; default: the system's")
    parser.add_argument("--fold", help="of a cross-validated system, whose weights; default: the first")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw waveform, spectrogram and score of each file")
    arguments = parser.parse_args()
    files = list(audio_files(arguments.paths))
    scorer = open_scorer(arguments.system, arguments.weights, arguments.config, arguments.fold)
    failed = predict(scorer, files, arguments.plot)
    if failed:
        raise Refused(f"{failed} of {len(files)} files have no output; the column error says why")


if __name__ == "__main__":
    command.guarded(main)
