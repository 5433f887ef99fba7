"""Score any audio file or folder with a trained system, or with other weights, and decide; or enhance it.

Usage:  voxdag predict --system aasist PATH...                              the mean of its members
        voxdag predict --system tier1 --member fold-3_seed-1234 PATH...     one of them
        voxdag predict --weights best_eer.safetensors PATH...               our own weights, anywhere: no params.yaml
        voxdag predict --weights AASIST.pth --preset aasist_official_la2019 PATH...     those of others
        voxdag predict --system bsrnn noisy.wav -o enhanced.wav             what it makes of a file, where that is audio
        voxdag predict --system bsrnn FOLDER -o OUT_FOLDER
        python -m voxdag.predict ...                                        the same in a checkout
Reads:  the audio, of any format that libsndfile or ffmpeg reads (voxdag.audio.decode), and any rate; PATH may be a
        folder, or - for a list of paths, one a line, on standard input
        data/checkpoints/<system>/<member>/, params.yaml        with --system alone
        the weights file                                        ours say themselves how files are scored with them
        data/predictions/<system>/decisions.csv                 what dev fitted for decisions, where evaluate has run
Prints: CSV, or JSON lines (--json), one row per file:
            path, seconds                of the file
            used, segments, pool         the share of the file that was scored, in how many segments (of a file that is
                                         longer than what the network takes), and how these became one row
            the system's outputs         score: higher is more bona fide; p_<class>: calibrated probabilities
            decision, ...                and the error rates that dev lets expect; empty where dev fitted nothing
            system, weights              whose; the first digits of the SHA-256 of each weights file
            error                        why a file has no output
        With --segments a row per segment, from start to end (s). The exit status is 1 if any file has no output.
Writes: with -o, WAV or FLAC files of 16 bits, exactly as long as what went in, at its rate and in its channels, each of
        which is enhanced for itself; what lies above half the rate that the system takes is lost. Files of any length
        are enhanced in stretches. Rows then are
            path, seconds, rate, channels    of the file (Hz)
            enhanced, clipped                the output, and how many of its samples lay beyond full scale
            system, weights, error           as above
"""

from __future__ import annotations

import argparse
import codecs
import io
import logging
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, TextIO

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from voxdag.audio.decode import INT16_SCALE
from voxdag.core import artifacts, command, params, runtime
from voxdag.core.errors import NotHere, Refused
from voxdag.core.files import text_of
from voxdag.core.modules import load_module, load_optional
from voxdag.core.params import Run
from voxdag.core.rows import Rows
from voxdag.corpora import listing
from voxdag.corpora.corpus import AUDIO_SUFFIXES
from voxdag.data import layout
from voxdag.data.recordings import Features
from voxdag.data.shards import check_rate
from voxdag.figures import waveform
from voxdag.figures.png import save_png
from voxdag.networks import by_name
from voxdag.networks.weights import digest
from voxdag.tasks import decisions, file_enhancing, file_scoring, sources
from voxdag.tasks.scorer import POOLS, Decide, Said, Scorer
from voxdag.tasks.sources import Source

log = logging.getLogger(__name__)

STDIN = "-"
OF_SCORING = ("pool", "threshold", "decisions", "segments", "plot")  # words that say how to score
PLOT_HOPS = 4  # scores per window length along a recording
TITLE_CHARACTERS = 60  # of a file's name above its picture
OF_CORPORA = {"max_quarantined": 0.0, "shard_megabytes": 1}  # settings of features that no single file has a use for


@dataclass(frozen=True)
class Predictor:
    """A scorer, and what stands beside its outputs in every row."""

    scorer: Scorer
    columns: tuple[str, ...]  # outputs and decisions
    system: str
    weights: str

    def header(self, by_segment: bool) -> list[str]:
        """The columns of rows."""
        places = ["start", "end"] if by_segment else ["used", "segments", "pool"]
        return ["path", "seconds", *places, *self.columns, "system", "weights", "error"]

    def rows(self, said: Said, by_segment: bool) -> Iterator[dict]:
        """The rows of a file: one, or one for each segment; those without a value of a column lack it."""
        own = {"path": text_of(said.path), "system": self.system, "weights": self.weights, "error": said.error}
        if said.heard is not None:
            own["seconds"] = said.heard.seconds
        if said.pooled is None:
            yield own
        elif by_segment:
            for (start, end), outputs in zip(said.heard.spans(), said.segments, strict=True):
                yield own | {"start": start, "end": end} | outputs
        else:
            count = len(said.heard.starts)
            yield own | {"used": said.heard.used, "segments": count, "pool": self.scorer.pool} | said.pooled

    def plot(self, said: Said, picture: Path) -> None:
        """Draw waveform, spectrogram and the output along the recording, with what is said of the whole."""
        scorer, samples, rate = self.scorer, said.heard.samples, said.heard.rate
        window = scorer.settings.samples
        starts = np.arange(0, max(len(samples) - window, 0) + 1, max(window // PLOT_HOPS, 1))
        table = scorer.outputs([samples[start : start + window] for start in starts])
        known = {name: label for name, label in scorer.inference.DRAWN.items() if table[name].notna().any()}
        drawn = {label: table[name].to_numpy() for name, label in known.items()}
        centres = (starts + min(window, len(samples)) / 2) / rate
        axis, threshold = scorer.inference.DRAWN_AXIS, said.pooled.get("threshold")
        figure = waveform.figure(samples / INT16_SCALE, rate, centres, drawn, axis, threshold)
        figure.axes[0].set_title(self._title(said), fontsize=6, loc="left", parse_math=False)
        save_png(figure, picture)

    def _title(self, said: Said) -> str:
        first = self.scorer.inference.OUTPUTS[0]
        value, decision = said.pooled[first], said.pooled.get("decision")
        values = [f"{first} {value:.3f}" if isinstance(value, float) else f"{first} {value}"]
        values += [f"decision {decision}"] if decision not in (None, value) else []
        name = text_of(Path(said.path.name))
        short = name if len(name) <= TITLE_CHARACTERS else f"…{name[1 - TITLE_CHARACTERS :]}"
        return f"{short}: {', '.join(values)}\n{self.system}, weights {self.weights}"


def source(arguments: argparse.Namespace) -> Source:
    """What the command line names. Raises Refused for what does not go together, and as `sources` does."""
    weights, preset, config = arguments.weights, arguments.preset, arguments.config
    if weights is not None and arguments.member is not None:
        both = f"--member {arguments.member} and --weights {weights}"
        raise Refused(f"{both} are both given: expected one of them, or none")
    if weights is not None and preset is not None:
        return sources.of_preset(weights, preset, arguments.system, config)
    if weights is not None:
        return sources.of_header(weights, arguments.system, config)
    if preset is not None or config is not None:
        raise Refused("--preset and --config say what weights of others are: name these with --weights")
    if arguments.system is None:
        raise Refused("neither --system nor --weights is given: expected a system of params.yaml, or a weights file")
    return sources.of_system(arguments.system, arguments.member)


@dataclass(frozen=True)
class Opened:
    """What a command line names: networks, and how their task runs them.

    hashes: the first digits of the SHA-256 of each weights file
    """

    inference: ModuleType
    settings: object
    features: Features
    networks: list[nn.Module]
    hashes: list[str]
    device: torch.device


def opened(found: Source, device: str | None) -> Opened:
    """The networks, read.

    Raises Refused for a system whose recordings a file cannot be made into here, and for settings or weights that are
    none of the task's.
    """
    scoring = found.scoring
    file_scoring.check_recordings(scoring, found.name)
    inference = load_module("voxdag.tasks.{task}.inference", task=scoring.task)
    settings = params.bind(inference.Settings, scoring.inference, found.inference_key, found.said_in)
    heard = {"decoding": scoring.decoding, "front_end": scoring.front_end}
    features = params.bind(Features, heard | OF_CORPORA, found.features_key, found.said_in)
    check_rate(features.decoding.rate, inference.RATE, f"features of {scoring.task} are", found.name, scoring.task)
    chosen = runtime.setup(_run(found, device))
    networks = [
        by_name.restore(file, *found.words, inference.OUTPUT_SIZE, inference.BUFFERS).eval() for file in found.files
    ]
    return Opened(inference, settings, features, networks, [digest(file) for file in found.files], chosen)


def open_predictor(found: Source, arguments: argparse.Namespace) -> Predictor:
    """The networks, opened, and what dev fitted for decisions with them. Raises Refused as `opened` does."""
    there = opened(found, arguments.device)
    decision = load_optional("voxdag.tasks.{task}.decision", task=found.scoring.task)
    decide = _decide(decision, found, there.hashes, arguments) if decision is not None else None
    pool = arguments.pool or found.pool
    scorer = Scorer(there.networks, there.inference, there.settings, there.features, there.device, pool, decide)
    decided = decision.DECIDED if decision is not None else ()
    columns = tuple(dict.fromkeys((*there.inference.OUTPUTS, *decided)))
    return Predictor(scorer, columns, found.name, "+".join(there.hashes))


def _run(found: Source, device: str | None) -> Run:
    """The settings of the machine: those of params.yaml, where there is one; else all processors, and a GPU if any."""
    if Path("params.yaml").is_file():
        tree = params.read()
        system = params.system(tree, found.name) if found.name in (tree["systems"] or {}) else None
        run = params.run(tree, system)
    else:
        run = Run(seed=0, num_threads=command.jobs(), device="auto")
    return run if device is None else replace(run, device=device)


def _decide(decision: ModuleType, found: Source, hashes: list[str], arguments: argparse.Namespace) -> Decide | None:
    """The task's decision with what was fitted for these weights, or at --threshold; None, with a word why, without."""
    if arguments.threshold is not None:
        if "threshold" not in decision.FITTED or not math.isfinite(arguments.threshold):
            raise Refused(
                f"--threshold is {arguments.threshold}: decisions of {found.scoring.task} take no such number"
            )
        return partial(decision.decide, fitted=pd.DataFrame({"threshold": [arguments.threshold]}))
    path = arguments.decisions or layout.decisions(found.name)
    if arguments.decisions is None and not path.is_file():
        log.info("nothing is decided: no %s (evaluate writes it); --decisions names another, or --threshold", path)
        return None
    fitted = decisions.of_weights(decisions.read(path, decision), hashes, found.scoring.inference)
    if fitted is not None:
        return partial(decision.decide, fitted=fitted)
    said = f"{path} holds nothing that was fitted for weights {'+'.join(hashes)} under these settings of inference"
    fits = f"`dvc repro evaluate@{found.name}` fits it"
    if arguments.preset is not None:
        fits = f"--threshold decides, and `python -m voxdag.preset {arguments.preset} --run --temp` measures them"
    if arguments.decisions is not None:
        raise Refused(f"{said}; {fits}")
    log.warning("nothing is decided: %s; %s", said, fits)
    return None


def check_output(output: Path | None, files: Sequence[Path]) -> None:
    """Raises Refused for an output that is a folder, or in the place of audio."""
    if output is None:
        return
    if output.is_dir():
        raise Refused(f"--output is {output}, a folder: expected a file")
    if output.suffix.lower().lstrip(".") in AUDIO_SUFFIXES or output.resolve() in {file.resolve() for file in files}:
        raise Refused(f"--output is {output}, which would take the place of audio: expected a file for the rows")


def listed(words: Iterable[str], stdin: BinaryIO) -> list[Path]:
    """Files as given, folders searched for audio, - for the lines of standard input.

    Raises NotHere, or Refused for a name that is empty, a list without a line, or a folder without audio. What a folder
    holds besides is logged. A file of the list that is not here has its row, as one that cannot be read.
    """
    files = []
    for word in words:
        if word != STDIN:
            files += _below(word)
            continue
        names = _names(stdin.read())
        if not names:
            raise Refused("standard input lists no file: expected a path a line")
        files += [path for name in names for path in (_below(name) if Path(name).exists() else [Path(name)])]
    return files


def _names(lines: bytes) -> list[str]:
    """The paths of a list, a line each: any bytes but those of its ends, as the file system has them."""
    ends = lines.removeprefix(codecs.BOM_UTF8).split(b"\n")
    return [os.fsdecode(name) for name in (line.removesuffix(b"\r") for line in ends) if name.strip()]


def _below(name: str) -> list[Path]:
    if not name.strip():
        raise Refused(f"PATH is {name!r}: expected a file or folder (. for this one)")
    path = Path(name)
    if not path.exists():
        raise NotHere(f"{name} is not here")
    if not path.is_dir():
        return [path]
    paths, left_out = listing.audio_in(path)
    if left_out:
        log.warning("%s: left out %s", path, listing.in_words(left_out))
    return paths


@torch.inference_mode()
def predict(
    predictor: Predictor,
    paths: Sequence[Path],
    rows: Rows,
    by_segment: bool,
    draw: Callable[[Said], None] | None = None,
) -> int:
    """Write the rows of the files and draw them; gives how many have no output."""
    failed = in_part = 0
    progress = tqdm(paths, unit="file", disable=not sys.stderr.isatty())
    for said in predictor.scorer.said(progress):
        for row in predictor.rows(said, by_segment):
            rows.write(row)
        failed += said.pooled is None
        in_part += said.heard is not None and said.heard.in_part
        if draw is not None and said.pooled is not None:
            draw(said)
    if in_part:
        log.warning("of %d files the first segment alone was scored; --pool mean scores all of them", in_part)
    return failed


def enhance(found: Source, files: Sequence[Path], arguments: argparse.Namespace, out: TextIO) -> int:
    """Write what the networks make of the files, and rows of it; gives how many have no output.

    Raises Refused for a task whose outputs are no audio, for words that say how to score, and as `opened` and
    `file_enhancing.outputs` do.
    """
    words = {name: getattr(arguments, name) for name in OF_SCORING}
    given = [name for name, word in words.items() if word is not None and word is not False]
    if given:
        raise Refused(f"--{given[0]} is given with -o: what is written is audio, and is not scored")
    there, places = opened(found, arguments.device), file_enhancing.outputs(files, arguments.audio)
    if not hasattr(there.inference, "enhance"):
        raise Refused(f"-o is given, but what {found.name} says is no audio: it is of the task {found.scoring.task}")
    enhancer = file_enhancing.Enhancer(
        [network.to(there.device) for network in there.networks], there.inference, there.settings, there.device
    )
    rows = Rows(out, [*file_enhancing.COLUMNS, "system", "weights", "error"], arguments.json)
    failed = 0
    for path in tqdm(files, unit="file", disable=not sys.stderr.isatty()):
        row = enhancer.file(path, places[path])
        rows.write(row | {"system": found.name, "weights": "+".join(there.hashes)})
        failed += "error" in row
    return failed


def score(found: Source, files: Sequence[Path], arguments: argparse.Namespace, out: TextIO) -> int:
    """Write the rows of the files, and pictures where they are asked for; gives how many have no output."""
    predictor = open_predictor(found, arguments)
    draw = None
    if arguments.plot is not None:
        pictures = file_enhancing.places(files, arguments.plot, ".png")
        draw = lambda said: predictor.plot(said, pictures[said.path])  # noqa: E731
    rows = Rows(out, predictor.header(arguments.segments), arguments.json)
    return predict(predictor, files, rows, arguments.segments, draw)


def run(arguments: argparse.Namespace) -> None:
    """Score or enhance what the command line names. Raises Refused in the end where a file has no output."""
    files = listed(arguments.paths, sys.stdin.buffer)
    check_output(arguments.output, files)
    out = io.StringIO() if arguments.output is not None else sys.stdout
    work = score if arguments.audio is None else enhance
    failed = work(source(arguments), files, arguments, out)
    if arguments.output is not None:
        artifacts.write_bytes(arguments.output, out.getvalue().encode())
    if failed:
        raise Refused(f"{failed} of {len(files)} files have no output; the column error says why")


def _path(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError(f"it is {text!r}, expected a path")
    return Path(text)


def parse(line: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="audio files, folders of them, or -")
    parser.add_argument("--system", help="a system of params.yaml")
    parser.add_argument("--member", help="one training, such as seed-1 or fold-3_seed-1; default: the mean of all")
    parser.add_argument(
        "--weights", type=_path, help="safetensors or torch state dict; default: the system's checkpoints"
    )
    parser.add_argument("--preset", help="what says how weights of others score: a file of presets/, without .yaml")
    parser.add_argument("--config", help="the size of the network that --weights holds, where nothing else says it")
    parser.add_argument(
        "--pool", choices=POOLS, help="over the segments of a long file; default: mean, with --preset first"
    )
    parser.add_argument("--threshold", type=float, help="accept scores above it; default: what dev chose")
    parser.add_argument("--decisions", type=_path, metavar="FILE.csv", help="what dev fitted; default: evaluate's")
    parser.add_argument("--segments", action="store_true", help="a row per segment")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of CSV")
    parser.add_argument(
        "--output", type=_path, metavar="FILE", help="write the rows here, whole, instead of printing them"
    )
    parser.add_argument(
        "-o",
        dest="audio",
        type=_path,
        metavar="PATH",
        help="write enhanced audio here: a file, or a folder",
    )
    parser.add_argument("--plot", type=_path, metavar="FOLDER", help="draw waveform, spectrogram, score of each file")
    parser.add_argument("--device", choices=params.DEVICES, help="default: as params.yaml says, or auto")
    return parser.parse_args(line)


def main() -> None:
    """Read the command line and score."""
    run(parse())


if __name__ == "__main__":
    command.guarded(main)
