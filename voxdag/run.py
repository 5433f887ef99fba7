"""Run the pipeline as `dvc repro` does, with independent stages side by side.

Usage:  python -m voxdag.run [-j N] [--devices 0,1] [TARGET ...]   -j: processors, by default all there are
        python -m voxdag.run -j 2 -k train 'evaluate@aasist'       what `dvc repro` takes: targets, -f, -k, --glob, ...
        python -m voxdag.run --dry                                 what would run, one after the other, and nothing does
Reads, writes: what `dvc repro` does, with the same bytes in dvc.lock; data/runs/stages.json: how long each stage took
Prints: each line of a stage's output under its name; at the end what ran, how long, and what it waited for

A stage is begun when those that it depends on are done and there are processors for its num_threads. It is told how
many processes it may start (VOXDAG_JOBS). Where there are GPUs, a stage that may use one (`device` in params.yaml is
not cpu) gets one of its own: of --devices, of those in CUDA_VISIBLE_DEVICES, or of all. None of this changes a result.

Where a stage fails, no more are begun, and those that run come to their end; with --keep-going all are begun that do
not depend on it. Ctrl-C ends all of them.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from types import FrameType
from typing import NoReturn

import dvc.cli
from dvc.exceptions import DvcException, ReproductionError
from dvc.repo import Repo

from voxdag.core import command
from voxdag.core.errors import Refused
from voxdag.side_by_side.engine import SideBySide
from voxdag.side_by_side.guard import OF_SIGNALS
from voxdag.side_by_side.slots import Slots, devices

DVC = ("dvc", "dvc_objects", "dvc_data")  # its packages, and so its loggers
QUIET = logging.ERROR  # of DVC's own lines
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)  # by how often -v stands there


def parse(words: list[str] | None = None) -> tuple[argparse.Namespace, argparse.Namespace]:
    """Our options, and those of `dvc repro`: all others. Ends the process with a usage for one that is neither's."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        epilog="All other options, and the targets, are those of `dvc repro`: see `dvc repro --help`.",
    )
    parser.add_argument("-j", "--jobs", type=int, default=command.jobs(), metavar="N", help="processors to keep busy")
    parser.add_argument("--devices", metavar="0,1", help="GPUs: one for each stage that may use one")
    ours, others = parser.parse_known_args(words)
    try:
        return ours, dvc.cli.parse_args(["repro", *others])
    except dvc.cli.DvcParserError:  # it has said what is wrong
        sys.exit(2)


def reproduce(ours: argparse.Namespace, asked: argparse.Namespace) -> None:
    """Run what is asked for. Raises Refused for what DVC refuses, and with the stages that failed."""
    try:
        dvc_command = asked.func(asked)  # goes to the folder of --cd
        options = dvc_command._common_kwargs | dvc_command._repro_kwargs
        repo = Repo(_wait_for_lock=True)
        if asked.dry:
            repo.reproduce(**options)
            return
        run = SideBySide(repo, Slots(ours.jobs, devices(ours.devices)), asked.quiet)
        run.reproduce(**options)
    except ReproductionError as error:
        if asked.dry:
            raise Refused(f"{error}: {error.__cause__}") from error
        _show(run, asked.quiet)
        raise Refused("; ".join(f"{name} failed: {run.records[name].error}" for name in run.failed)) from error
    except DvcException as error:
        raise Refused(str(error)) from error
    _show(run, asked.quiet)


def _show(run: SideBySide, quiet: bool) -> None:
    if not quiet:
        print("\n".join(run.table))


def _log(asked: argparse.Namespace) -> None:
    """What DVC says of stages is said here; its warnings stay, and what -v or --dry ask for."""
    level = QUIET if asked.quiet else LEVELS[min(max(asked.verbose, asked.dry), len(LEVELS) - 1)]
    for name in DVC:
        logging.getLogger(name).setLevel(level)


def _end(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(OF_SIGNALS + number)


def main() -> None:
    for name in DVC:
        logging.getLogger(name).propagate = False  # it has handlers of its own
    ours, asked = parse()
    if asked.interactive:
        raise Refused("--interactive: several stages cannot ask at once; `dvc repro --interactive` runs them in turn")
    _log(asked)
    signal.signal(signal.SIGTERM, _end)  # as an interrupt: stages end, dvc.lock is whole
    reproduce(ours, asked)


if __name__ == "__main__":
    command.guarded(main)
