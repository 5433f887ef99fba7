"""One process at a time: who waits says for whom, and a lock goes with its process."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

from voxdag.core.alone import alone

WITH_PATH = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in (str(Path.cwd()), *sys.path) if path)}


def test_who_waits_for_another_process_says_for_which(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    hold = f"""
from pathlib import Path
from voxdag.core.alone import alone
with alone(Path({str(tmp_path / "corpus")!r})):
    print("held", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", hold], env=WITH_PATH, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        entered = []

        def enter():
            with alone(tmp_path / "corpus"):
                entered.append(time.monotonic())

        waiting = Thread(target=enter)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive() and not entered
        holder.stdin.write("\n")
        holder.stdin.flush()
        waiting.join(20)
        assert len(entered) == 1
    assert caplog.messages == [f"waiting for another process ({holder.pid}), which is at work on {tmp_path / 'corpus'}"]
    caplog.clear()
    with alone(tmp_path / "corpus"):
        assert caplog.messages == []  # nobody is there
    assert (tmp_path / ".corpus.lock").read_text() == str(os.getpid())


def test_a_lock_goes_with_a_process_that_was_killed(tmp_path):
    hold = f"""
import os, signal
from pathlib import Path
from voxdag.core.alone import alone
with alone(Path({str(tmp_path / "a")!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", hold], env=WITH_PATH, check=False).returncode == -signal.SIGKILL
    with alone(tmp_path / "a"):
        pass
