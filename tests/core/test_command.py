"""What a command line prints when it cannot go on, and with which exit status."""

import os
import subprocess
import sys

import pytest

from voxdag.core import command
from voxdag.core.errors import Refused

BUG = "import numpy; command.guarded(lambda: numpy.ones(2) @ numpy.ones(3))"
REFUSAL = "command.guarded(lambda: command.jobs())"


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", f"from voxdag.core import command; {code}"],
        env={**os.environ, "VOXDAG_DEBUG": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bug_shows_its_traceback():
    ended = run(BUG)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback") and "ValueError: matmul" in ended.stderr


def test_a_refusal_is_one_line():
    ended = run(REFUSAL, VOXDAG_JOBS="many")
    assert ended.returncode == 1
    assert ended.stderr == "error: VOXDAG_JOBS is 'many', expected a whole number of 1 or more\n"


def test_a_refusal_shows_its_traceback_where_that_is_asked_for():
    ended = run(REFUSAL, VOXDAG_JOBS="many", VOXDAG_DEBUG="1")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback") and "Refused: VOXDAG_JOBS is 'many'" in ended.stderr


@pytest.mark.parametrize(
    "demand",
    ["import numpy; numpy.empty(10**14)", "import torch; torch.empty(10**14)", "raise MemoryError"],
)
def test_where_memory_does_not_suffice_a_line_says_so(demand):
    ended = run(f"command.guarded(lambda: exec({demand!r}))")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: out of memory: ") and ended.stderr.count("\n") == 1
    assert "Smaller batches" in ended.stderr


def test_a_file_that_cannot_be_opened_is_one_line(caplog, monkeypatch, tmp_path):
    monkeypatch.delenv("VOXDAG_DEBUG", raising=False)
    with pytest.raises(SystemExit, match="1"):
        command.guarded(lambda: (tmp_path / "a.csv").read_text())
    assert caplog.messages == [f"error: [Errno 2] No such file or directory: '{tmp_path / 'a.csv'}'"]


@pytest.mark.parametrize("asked", ["0", "-1", "1.5", "", "two", "\N{SUPERSCRIPT TWO}"])
def test_a_number_of_processes_that_is_none_is_named(monkeypatch, asked):
    monkeypatch.setenv("VOXDAG_JOBS", asked)
    with pytest.raises(Refused, match=f"VOXDAG_JOBS is {asked!r}, expected a whole number of 1 or more"):
        command.jobs()


def test_the_number_of_processes_is_what_is_asked_or_what_there_are(monkeypatch):
    monkeypatch.setenv("VOXDAG_JOBS", "7")
    assert command.jobs() == 7
    monkeypatch.delenv("VOXDAG_JOBS")
    assert command.jobs() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert command.jobs() == 5


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        ("", "interrupted; start the same command again"),
        ("it goes on", "interrupted; start the same command again: it goes on"),
    ],
)
def test_an_interrupt_is_one_line_that_says_what_is_kept(kept, line):
    ended = run(f"import os, signal; command.guarded(lambda: os.kill(os.getpid(), signal.SIGINT), {kept!r})")
    assert (ended.returncode, ended.stderr) == (130, f"{line}\n")


def test_a_stage_says_what_an_interrupt_does_not_lose():
    stop = "def stage(name):\n    raise KeyboardInterrupt"
    ended = run(f"import sys; sys.argv = ['stage', 'a']\n{stop}\ncommand.main(stage, kept='it goes on')")
    assert (ended.returncode, ended.stderr) == (130, "interrupted; start the same command again: it goes on\n")


def test_a_reader_who_has_seen_enough_ends_it_without_a_word():
    many = "command.guarded(lambda: [print('a' * 9999, flush=True) for _ in range(99)])"
    program = [sys.executable, "-c", f"from voxdag.core import command; {many}"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait(timeout=30) == 141


def test_an_interrupt_while_modules_are_imported_is_one_line(tmp_path):
    (tmp_path / "torch.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command_line = [sys.executable, "-m", "voxdag.predict", "a.wav"]
    ended = subprocess.run(command_line, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (130, "interrupted; start the same command again\n")
