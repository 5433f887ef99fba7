"""What every command line of the product shares: logging to stderr, one-line errors, the number of processes."""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import sys
from collections.abc import Callable

from voxdag.core.errors import Refused

INTERRUPTED, UNREAD = 130, 141  # exit statuses, as shells have them: 128 + SIGINT, SIGPIPE

log = logging.getLogger("voxdag")


def main(stage: Callable[[str], None], kept: str = "") -> None:
    """Run a stage's `main` with the name on the command line; the stage's module docstring is its help.

    kept: what of its work an interrupt does not lose, if it says so.
    """
    parser = argparse.ArgumentParser(
        description=inspect.getmodule(stage).__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="a task or a system of params.yaml")
    arguments = parser.parse_args()
    guarded(lambda: stage(arguments.name), kept)


def guarded(action: Callable[[], None], kept: str = "") -> None:
    """Run `action`; a wrong input ends it with one line that says what was wrong, and exit status 1; Ctrl-C with 130.

    VOXDAG_DEBUG in the environment shows the traceback as well. kept: see `main`.
    """
    log_to_stderr()
    try:
        action()
    except BrokenPipeError:  # who read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would be written at the end
        sys.exit(UNREAD)
    except (Refused, OSError) as error:
        if os.environ.get("VOXDAG_DEBUG"):
            raise
        log.error("error: %s", error)
        sys.exit(1)
    except Exception as error:
        if os.environ.get("VOXDAG_DEBUG") or not _is_out_of_memory(error):
            raise
        log.error(
            "error: out of memory: %s. Smaller batches or samples, or fewer processes (VOXDAG_JOBS)", _line(error)
        )
        sys.exit(1)
    except KeyboardInterrupt:
        log.error("interrupted; start the same command again%s", f": {kept}" if kept else "")
        sys.exit(INTERRUPTED)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether Python, numpy or torch had no memory: on the CPU, torch's own error is known by its words alone."""
    of_gpu = type(error).__name__ == "OutOfMemoryError"
    return isinstance(error, MemoryError) or of_gpu or "DefaultCPUAllocator" in str(error)


def _line(error: Exception) -> str:
    return str(error).split("\n")[0].rstrip(".") or type(error).__name__


def log_to_stderr(whose: str = "") -> None:
    """What a command line logs, in this process and in those it starts; whose: what each line begins with."""
    form = f"{whose}: %(message)s" if whose else "%(message)s"
    logging.basicConfig(level=logging.INFO, format=form, stream=sys.stderr, force=bool(whose))


def jobs() -> int:
    """How many processes to use: VOXDAG_JOBS, or the processors this process may run on. Results never depend on it."""
    asked = os.environ.get("VOXDAG_JOBS")
    if asked is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not (asked.isascii() and asked.isdecimal()) or int(asked) < 1:
        raise Refused(f"VOXDAG_JOBS is {asked!r}, expected a whole number of 1 or more")
    return int(asked)
