"""Processes that train together on this machine, as a launcher starts them, each with a function of a test module."""

import importlib
import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import torch

from tests.clone import ROOT
from voxdag.core import command, ranks
from voxdag.training.distributed import joined

SECONDS = 600  # that a test waits for processes: beside other work they take a minute to start


def start(function, folder, *words, count=2, seconds=300):
    """The processes, which call `function(folder, *words)`, of the top level of its module, each for itself.

    seconds: that each waits for the others
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    ours = {key: value for key, value in os.environ.items() if not key.startswith("VOXDAG")}
    arguments = [function.__module__, function.__name__, str(seconds), str(folder), *words]
    return [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.together", *arguments],
            env=ours | where | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]


def ended(processes):
    """(exit status, what was written to stderr) of each."""
    said = [process.communicate(timeout=SECONDS)[1] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def together(function, folder, *words, count=2):
    """What `function` gave in each process: it has to be something that torch saves."""
    for status, said in ended(start(function, folder, *words, count=count)):
        assert status == 0, said
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(count)]


def main():
    module, name, seconds, folder, *words = sys.argv[1:]
    torch.set_num_threads(1)
    with joined(torch.device("cpu"), timedelta(seconds=float(seconds))):
        given = getattr(importlib.import_module(module), name)(Path(folder), *words)
        torch.save(given, Path(folder) / f"{ranks.rank()}.pt")


if __name__ == "__main__":
    command.guarded(main)
