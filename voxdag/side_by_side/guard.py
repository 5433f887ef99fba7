"""Run a command that ends with the process that watches over it, however that process ends.

Usage:  python guard.py PIPE COMMAND...    PIPE: a number, the end of a pipe whose other end the watching process holds

A process that is killed with SIGKILL can end nothing itself, but the kernel closes its end of the pipe. This process
then kills its process group: itself, the command, and what the command has started. It is a program of its own that
imports nothing of ours, so it starts at once.
"""

import os
import signal
import subprocess
import sys
from threading import Thread

OF_SIGNALS = 128  # the exit status of a command that a signal ended, as shells have it: so much, and the signal


def _end_with(pipe: int) -> None:
    os.read(pipe, 1)  # nobody writes: this returns when the other end is closed
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    pipe, command = int(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGTERM):  # the whole group gets these, and the command decides
        signal.signal(number, lambda *_: None)  # caught, not ignored: the command would inherit that it is
    child = subprocess.Popen(command)
    Thread(target=_end_with, args=(pipe,), daemon=True).start()
    status = child.wait()
    sys.exit(OF_SIGNALS - status if status < 0 else status)


if __name__ == "__main__":
    main()
