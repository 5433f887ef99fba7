"""What the tests of clusters have done elsewhere: functions that processes import by their module's name."""

import os
import signal
import time
from pathlib import Path

from threadpoolctl import threadpool_info

from voxdag.core.errors import NotHere
from voxdag.core.parallel import parallel_map


def square(number, by=2):
    """Refuses 13, and has a bug at 17."""
    if number == 13:
        raise NotHere(f"no square of {number}")
    if number == 17:
        raise ZeroDivisionError("seventeen")
    return number**by


def whereabouts(_):
    """The process, its parent, its folder, its variables, and the threads of its libraries."""
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    ours = {name: value for name, value in os.environ.items() if name.startswith(("VOXDAG_", "OMP_"))}
    libraries = {library["num_threads"] for library in threadpool_info()}
    return os.getpid(), os.getppid(), str(Path.cwd()), ours, libraries


def wait(seconds, folder):
    """Say in the folder who waits, and wait."""
    (folder / f"{os.getpid()}").touch()
    time.sleep(seconds)


def read_after_the_worker_was_killed_once(path, folder, features):
    """As the stage features reads a file, after killing the worker, as a machine that is taken away, where none was."""
    from stages.features import read  # loads torch, which the others need not wait for

    try:
        (folder / "killed").touch(exist_ok=False)
    except FileExistsError:
        return read(path, folder, features)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def end_itself(_):
    """Kill this process, as a system without memory does."""
    os.kill(os.getpid(), signal.SIGKILL)


def squares_of_squares(number):
    """A parallel map within one."""
    return sum(parallel_map(square, range(number), 2, "numbers"))
