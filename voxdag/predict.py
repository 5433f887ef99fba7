"""Score any audio file or folder with a trained system, or with other weights, and decide; or enhance it.

Usage:  voxdag predict --system aasist PATH...                              the mean of its members
        voxdag predict --system tier1 --member fold-3_seed-1234 PATH...     one of them
        voxdag predict --weights best_eer.safetensors PATH...               our own weights, anywhere: no params.yaml
        voxdag predict --weights AASIST.pth --preset aasist_official_la2019 PATH...     those of others
        voxdag predict --bundle FOLDER PATH...                              what `voxdag bundle` made, and nothing else
        find FOLDER -name '*.wav' -print0 | voxdag predict --system aasist -            a list of paths
        voxdag predict --system aasist --json --resume rows.jsonl FOLDER    goes on where it was interrupted
        voxdag predict --system bsrnn noisy.wav -o enhanced.wav             what it makes of a file, where that is audio
        voxdag predict --system bsrnn FOLDER -o OUT_FOLDER
        python -m voxdag.predict ...                                        the same in a checkout
Reads:  the audio, of any format that libsndfile or ffmpeg reads (voxdag.audio.decode), and any rate; PATH may be a
        folder, with all that is below it, or - for a list of paths on standard input, a line each or ended by NUL
        data/checkpoints/<system>/<member>/, params.yaml        with --system alone
        the weights file                                        ours say themselves how files are scored with them
        data/predictions/<system>/decisions.csv                 what dev fitted for decisions, where evaluate has run
        the bundle, a folder or zip, and nothing beside it      each file is checked by its hash; --onnx: its ONNX files
Prints: CSV, or JSON lines (--json), each row as soon as there is one, in the files' order, one row per file:
            path, seconds                of the file
            used, segments, pool         the share of the file that was scored, in how many segments (of a file that is
                                         longer than what the network takes), and how these became one row
            the system's outputs         score: higher is more bona fide; p_<class>: calibrated probabilities
            llr                          of a countermeasure: the natural log-likelihood ratio of bona fide speech to
                                         spoofs, calibrated on dev; of a long file the mean over its segments
            decision, ...                and the error rates that dev lets expect; empty where dev fitted nothing
            p_bonafide, prior            by llr, where this share of all recordings is bona fide (--prior)
            system, weights              whose; the first digits of the SHA-256 of each weights file
            error                        why a file has no output
        With --segments a row per segment, from start to end (s). The exit status is 1 if any file has no output.
        At the end, on standard error: how many files a second, and what folders held besides.
Writes: with -o, WAV or FLAC files of 16 bits, exactly as long as what went in, at its rate and in its channels, each of
        which is enhanced for itself; what lies above half the rate that the system takes is lost. Files of any length
        are enhanced in stretches. Rows then are
            path, seconds, rate, channels    of the file (Hz)
            enhanced, clipped                the output, and how many of its samples lay beyond full scale
            system, weights, error           as above

Many files are the work of as many processes as VOXDAG_JOBS says, or processors there are (voxdag.tasks.file_pool).
"""

from __future__ import annotations

import argparse
import io
import logging
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from voxdag.core import command, params
from voxdag.core.artifacts import DECIMALS
from voxdag.core.errors import Refused
from voxdag.core.files import text_of, writing
from voxdag.core.resumed_rows import Asked, Kept, resumed
from voxdag.core.rows import Rows
from voxdag.corpora import file_list
from voxdag.corpora.corpus import AUDIO_SUFFIXES
from voxdag.release import reading
from voxdag.release.reading import Bundle
from voxdag.tasks import file_enhancing, file_pool, opened, predictor, sources
from voxdag.tasks.file_pool import FileRows, Job, Work, Worker
from voxdag.tasks.scorer import POOLS
from voxdag.tasks.sources import Source

ALIKE = frozenset(("pool", "threshold", "prior"))  # columns that are of a run, and not of a file

log = logging.getLogger(__name__)

OF_SCORING = ("pool", "threshold", "prior", "decisions", "segments", "plot")  # words that say how to score
WEIGHTS_FOLDER = "VOXDAG_WEIGHTS"  # see voxdag.core.workspace
KEPT = "rows that are written stay, and with --resume FILE it goes on behind them"


def source(arguments: argparse.Namespace, bundle: Bundle | None = None) -> Source:
    """What the command line names. Raises Refused for what does not go together, and as `sources` does."""
    weights, preset, config = arguments.weights, arguments.preset, arguments.config
    if bundle is not None:
        others = {"--system": arguments.system, "--weights": weights, "--preset": preset, "--config": config}
        given = [word for word, value in others.items() if value is not None]
        if given:
            raise Refused(f"--bundle and {given[0]} are both given: a bundle says itself what it is of")
        return bundle.source(arguments.member, arguments.onnx)
    if arguments.onnx:
        raise Refused("--onnx is given without --bundle, whose ONNX files it takes")
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


def work_of(arguments: argparse.Namespace, bundle: Bundle | None = None) -> Work:
    """How the files are worked on. Raises Refused as `source` and `predictor.fitted` do, and for words that say how to
    score where nothing is scored."""
    found = source(arguments, bundle)
    run = opened.run_settings(found, arguments.device)
    if arguments.audio is not None:
        words = {name: getattr(arguments, name) for name in OF_SCORING}
        given = [name for name, word in words.items() if word is not None and word is not False]
        if given:
            raise Refused(f"--{given[0]} is given with -o: what is written is audio, and is not scored")
        return file_enhancing.Enhancing(found, run)
    table = arguments.decisions or found.decisions
    asked = predictor.Asked(arguments.threshold, arguments.prior, table, arguments.preset)
    pool = arguments.pool or found.pool
    return predictor.Scoring(found, run, pool, predictor.fitted(found, asked), arguments.segments)


def jobs_of(arguments: argparse.Namespace, files: Sequence[Path]) -> list[Job]:
    """Each file with what is to be written of it: enhanced audio, or a picture. Raises Refused as
    `file_enhancing.outputs` does."""
    if arguments.audio is not None:
        return [(file, out) for file, out in file_enhancing.outputs(files, arguments.audio).items()]
    if arguments.plot is not None:
        return [(file, picture) for file, picture in file_enhancing.places(files, arguments.plot, ".png").items()]
    return [(file, None) for file in files]


def check_output(output: Path | None, files: Sequence[Path], word: str = "--output") -> None:
    """Raises Refused for an output that is a folder, or in the place of audio."""
    if output is None:
        return
    if output.is_dir():
        raise Refused(f"{word} is {output}, a folder: expected a file")
    if output.suffix.lower().lstrip(".") in AUDIO_SUFFIXES or output.resolve() in {file.resolve() for file in files}:
        raise Refused(f"{word} is {output}, which would take the place of audio: expected a file for the rows")


@contextmanager
def rows_of(arguments: argparse.Namespace, worker: Worker, files: Sequence[Path]) -> Iterator[tuple[Rows, Kept]]:
    """Where the rows go, and those that are there already. Raises Refused as `resumed` does, and for a standard output
    that is closed."""
    columns, as_json = worker.header, arguments.json
    if arguments.resume is not None:
        same = {"system": worker.system, "weights": worker.weights}
        asked = Asked(same, {text_of(file) for file in files}, arguments.segments)
        with resumed(arguments.resume, columns, as_json, asked) as (lines, kept):
            yield Rows(lines, columns, as_json, go_on=lines.tell() > 0), kept
    elif arguments.output is not None:
        with writing(arguments.output) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="")
            yield Rows(text, columns, as_json), Kept()
            text.detach()  # the file is closed by who opened it
    elif sys.stdout is None:
        raise Refused("standard output is closed: --output FILE or --resume FILE takes the rows")
    else:
        yield Rows(sys.stdout, columns, as_json), Kept()


@dataclass
class Tally:
    """What was done: files, those without output, those of which the first segment alone was scored, seconds of
    audio."""

    files: int = 0
    failed: int = 0
    in_part: int = 0
    seconds: float = 0.0

    def add(self, made: FileRows) -> None:
        """Count a file."""
        self.files += 1
        self.failed += made.failed
        self.in_part += made.in_part
        self.seconds += made.seconds

    def speed(self, took: float) -> str:
        """In words, of so many seconds."""
        rates = f"{self.files / took:.3g} files/s, {self.seconds / took:.3g} times real time"
        return f"{self.files} files, {self.seconds / 60:.1f} minutes of audio, in {took:.1f} s: {rates}"


def work(made: Iterable[FileRows], rows: Rows, total: int, kept: Kept) -> Tally:
    """Write the rows of each file as they come, with a bar where a terminal has room for one; gives what was done.

    Raises Refused before the first row with an output where those that are there were made in another way.
    """
    tally, start = Tally(), time.perf_counter()
    hidden = sys.stderr is None or not sys.stderr.isatty() or (rows.file is sys.stdout and sys.stdout.isatty())
    for one in tqdm(made, total=total, unit="file", disable=hidden):
        for row in one.rows:
            if not row.get("error"):
                _check_alike(kept, row)
            rows.write(row)
        tally.add(one)
    if tally.files:
        log.info("%s", tally.speed(time.perf_counter() - start))
    return tally


def _check_alike(kept: Kept, row: Mapping[str, object]) -> None:
    """Raises Refused where a row was made with other options than those that stay."""
    for name in ALIKE & row.keys() & (kept.last or {}).keys():
        before, now = kept.last[name], row[name]  # type: ignore[index]
        if _as_number(before) != _as_number(now):
            raise Refused(f"the rows that are there are of {name} {before}, this run's are of {now}: name another file")


def _as_number(value: object) -> object:
    """A number as rows have it, whatever it was read from; nothing is None."""
    try:
        number = float(str(value))
    except ValueError:
        return None if value in (None, "") else value
    return round(number, DECIMALS) if math.isfinite(number) else None


@contextmanager
def bundle_of(arguments: argparse.Namespace) -> Iterator[Bundle | None]:
    """The bundle that the command line names, checked; weights of others are then those in it, in every process."""
    if arguments.bundle is None:
        yield None
        return
    with reading.opened(arguments.bundle) as bundle:
        before, others = os.environ.get(WEIGHTS_FOLDER), bundle.weights_of_others
        if others is not None:
            os.environ[WEIGHTS_FOLDER] = str(others.resolve())
        try:
            yield bundle
        finally:
            if before is not None:
                os.environ[WEIGHTS_FOLDER] = before
            elif others is not None:
                del os.environ[WEIGHTS_FOLDER]


def run(arguments: argparse.Namespace) -> None:
    """Score or enhance what the command line names. Raises Refused in the end where a file has no output."""
    with bundle_of(arguments) as bundle:
        predict(arguments, bundle)


def predict(arguments: argparse.Namespace, bundle: Bundle | None) -> None:
    """The same, of what a bundle holds, if there is one."""
    stdin = sys.stdin.buffer if sys.stdin is not None else None
    listed = file_list.listed(arguments.paths, arguments.from_file, stdin)
    check_output(arguments.output, listed.files)
    check_output(arguments.resume, listed.files, "--resume")
    asked = work_of(arguments, bundle)
    jobs, worker = jobs_of(arguments, listed.files), asked.open()
    with rows_of(arguments, worker, listed.files) as (rows, kept):
        left = [job for job in jobs if text_of(job[0]) not in kept.paths]
        if kept.paths:
            log.info("%d of %d files have their rows already", len(jobs) - len(left), len(jobs))
        count = file_pool.processes([file for file, _ in left], command.jobs())
        with closing(file_pool.rows(asked, worker, left, count)) as made:
            tally = work(made, rows, len(left), kept)
    if tally.in_part:
        log.warning("of %d files the first segment alone was scored; --pool mean scores all of them", tally.in_part)
    if passed_over := listed.passed_over():
        log.info("passed over: %s", passed_over)
    failed = tally.failed + sum(text_of(file) in kept.failed for file, _ in jobs)
    if failed:
        raise Refused(f"{failed} of {len(jobs)} files have no output; the column error says why")


def _path(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError(f"it is {text!r}, expected a path")
    return Path(text)


def parse(line: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="audio files, folders of them, or -")
    parser.add_argument(
        "--from-file", action="append", default=[], metavar="LIST", help="a file of paths, a line each or ended by NUL"
    )
    parser.add_argument("--system", help="a system of params.yaml")
    parser.add_argument("--bundle", type=_path, metavar="FOLDER", help="or zip, that `voxdag bundle` made")
    parser.add_argument("--onnx", action="store_true", help="by the bundle's ONNX files, with onnxruntime")
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
    parser.add_argument("--prior", type=float, help="share of bona fide recordings, for p_bonafide; default: 0.95")
    parser.add_argument("--decisions", type=_path, metavar="FILE.csv", help="what dev fitted; default: evaluate's")
    parser.add_argument("--segments", action="store_true", help="a row per segment")
    parser.add_argument("--json", action="store_true", help="JSON lines instead of CSV")
    parser.add_argument(
        "-o", dest="audio", type=_path, metavar="PATH", help="write enhanced audio: a file, or a folder"
    )
    parser.add_argument("--plot", type=_path, metavar="FOLDER", help="draw waveform, spectrogram, score of each file")
    parser.add_argument("--device", choices=params.DEVICES, help="default: as params.yaml says, or auto")
    rows = parser.add_mutually_exclusive_group()
    rows.add_argument(
        "--output", type=_path, metavar="FILE", help="write the rows here, whole, instead of printing them"
    )
    rows.add_argument(
        "--resume", type=_path, metavar="FILE", help="write them here as they come; files with rows there are done"
    )
    arguments = parser.parse_args(line)
    if not arguments.paths and not arguments.from_file:
        parser.error("the following arguments are required: PATH, or --from-file LIST")
    return arguments


def main() -> None:
    """Read the command line and score."""
    run(parse())


if __name__ == "__main__":
    command.guarded(main, KEPT)
