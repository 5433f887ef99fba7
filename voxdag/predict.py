"""Score any audio file or folder with a trained system, or with other weights of its network.

Usage:  python -m voxdag.predict --system aasist PATH...                              the mean of its members
        python -m voxdag.predict --system tier1 --member fold-3_seed-1234 PATH...     one of them
        python -m voxdag.predict --system aasist --weights AASIST.pth --config aasist PATH...
Reads:  params.yaml, data/checkpoints/<system>/<member>/ or the weights file, and the audio, of any format
        that libsndfile or ffmpeg reads (voxdag.audio.decode) and any rate
Prints: CSV, one row per file: path, seconds, the system's outputs (score: higher is more bona fide), and error, which
        says why a file has no output. The exit status is 1 if any file has none.
"""

from __future__ import annotations

import argparse
import csv
import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import torch
from torch import nn

from voxdag.audio.decode import INT16_SCALE, BadAudio, decode
from voxdag.core import command, params, runtime
from voxdag.core.errors import NotHere, Refused
from voxdag.core.modules import load_module
from voxdag.core.params import System
from voxdag.corpora.corpus import AUDIO_SUFFIXES
from voxdag.data import layout
from voxdag.data.recordings import Features, through_front_end
from voxdag.data.shards import check_rate
from voxdag.figures import waveform
from voxdag.figures.png import save_png
from voxdag.networks import by_name
from voxdag.networks.denoisers import denoiser

log = logging.getLogger(__name__)

PLOT_HOPS = 4  # scores per window length along a recording
SYNTHETIC = "synthetic"  # section of params.yaml, and folder below data


class Scorer:
    """The networks of a system's members, and how its task scores recordings with them on a device: their mean."""

    def __init__(
        self,
        networks: Sequence[nn.Module],
        inference: ModuleType,
        settings: object,
        features: Features,
        device: torch.device,
    ):
        self.networks = [network.to(device) for network in networks]
        self.inference, self.settings, self.features, self.device = inference, settings, features, device
        self._enhance = denoiser(features)

    def decode(self, path: Path) -> np.ndarray:
        """(n,) int16 at the system's rate, through its front end. Raises BadAudio."""
        return through_front_end(decode(path, self.features.decoding), self.features, self._enhance).samples

    def outputs(self, recordings: list[np.ndarray]) -> pd.DataFrame:
        """One row per recording: what the members say of it, on the average."""
        tables = [self.inference.outputs(network, recordings, self.settings, self.device) for network in self.networks]
        return tables[0] if len(tables) == 1 else self.inference.average(tables)

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
            table = self.outputs(list(recordings.values()))
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
        table = self.outputs([samples[start : start + window] for start in starts])
        known = {name: label for name, label in self.inference.DRAWN.items() if table[name].notna().any()}
        drawn = {label: table[name].to_numpy() for name, label in known.items()}
        centres = (starts + min(window, len(samples)) / 2) / rate
        figure = waveform.figure(samples / INT16_SCALE, rate, centres, drawn, ylabel=self.inference.DRAWN_AXIS)
        save_png(figure, picture)


def checkpoints(name: str, chosen: str, member: str | None) -> list[Path]:
    """The weights called `chosen` of all members that are trained, or of one. Raises Refused with those there are."""
    folder = layout.checkpoints(name)
    found = sorted(folder.glob(f"*/{chosen}.safetensors"), key=lambda path: _natural(path.parent.name))
    if not found:
        raise Refused(f"{name} is not trained: no {folder}/*/{chosen}.safetensors; `dvc repro` trains it")
    if member is None:
        return found
    asked = [path for path in found if path.parent.name == member]
    if not asked:
        there = ", ".join(path.parent.name for path in found)
        raise Refused(f"member {member} of {name} is not trained; trained members: {there}")
    return asked


def open_scorer(name: str, weights: Path | None, config: str | None, member: str | None) -> Scorer:
    """The system with its trained members (or one), or with `weights` of the size `config` (default: its own).

    Of a size that is named here, the weights file says what was changed. Raises Refused for a system whose recordings a
    file cannot be made into here, and for a member of weights that are none of a member's.
    """
    tree = params.read()
    system = params.system(tree, name)
    check_recordings(tree, name, system)
    if weights is not None and member is not None:
        raise Refused(f"--member {member} and --weights {weights} are both given: expected one of them, or none")
    inference = load_module("voxdag.tasks.{task}.inference", task=system.task)
    settings = params.bind(inference.Settings, system.inference, f"systems.{name}.inference")
    features = params.bind(Features, params.task(tree, system.task).features, f"tasks.{system.task}.features")
    check_rate(features.decoding.rate, inference.RATE, f"features of {system.task} are", name, system.task)
    files = [weights] if weights is not None else checkpoints(name, system.evaluate.checkpoint, member)
    size, changes = (config, None) if config else (system.model.config, system.model.changes)
    networks = [
        by_name.restore(file, system.network, size, changes, inference.OUTPUT_SIZE, inference.BUFFERS) for file in files
    ]
    return Scorer(networks, inference, settings, features, runtime.setup(params.run(tree, system)))


def check_recordings(tree: Mapping, name: str, system: System) -> None:
    """Raises Refused for a system that scores anything but its task's features, which the front end makes of a file.

    Synthetic recordings are added to train alone: such a system scores those of the folder that they were added to.
    """
    own, scored = layout.features(system.task), system.recordings
    while scored.startswith(f"{SYNTHETIC}/"):
        scored = params.between(tree, SYNTHETIC, scored.removeprefix(f"{SYNTHETIC}/")).recordings
    if scored != own:
        raise Refused(
            f"{name} scores {scored}, which a stage made in between; files go through the front end alone here, as "
            f"those of {own} did. Its scores of a corpus are in {layout.predictions(name)}"
        )


def picture_names(files: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """A picture in `folder` for each file, below the folders that tell the files apart.

    Files that differ in their endings alone keep those in their pictures' names.
    """
    common = Path(os.path.commonpath([file.absolute().parent for file in files])) if files else Path()
    stems = Counter(file.absolute().with_suffix("") for file in files)
    names = {}
    for file in files:
        below = file.absolute().relative_to(common)
        alone = stems[file.absolute().with_suffix("")] == 1
        names[file] = folder / (below.with_suffix(".png") if alone else below.with_name(f"{below.name}.png"))
    return names


def _natural(name: str) -> list[str | int]:
    """A key that sorts fold-2 before fold-10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def audio_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as given, folders searched for audio. Raises NotHere, or Refused for a folder without any."""
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
    failed, pictures = 0, picture_names(paths, plots) if plots is not None else {}
    for row in scorer.rows(paths):
        writer.writerow(row)
        failed += bool(row["error"])
        if pictures and not row["error"]:
            scorer.plot(Path(row["path"]), pictures[Path(row["path"])])
    return failed


def main() -> None:
    """Read the command line and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="audio files, or folders of them")
    parser.add_argument("--system", required=True, help="a system of params.yaml")
    parser.add_argument("--weights", type=Path, help="safetensors or torch state dict; default: the checkpoint")
    parser.add_argument("--config", help="the size of the network that --weights holds; default: the system's")
    parser.add_argument("--member", help="one training, such as seed-1 or fold-3_seed-1; default: the mean of all")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw waveform, spectrogram and score of each file")
    arguments = parser.parse_args()
    files = list(audio_files(arguments.paths))
    scorer = open_scorer(arguments.system, arguments.weights, arguments.config, arguments.member)
    failed = predict(scorer, files, arguments.plot)
    if failed:
        raise Refused(f"{failed} of {len(files)} files have no output; the column error says why")


if __name__ == "__main__":
    command.guarded(main)
