"""Files through several processes: their order, who does the work, with how many threads, and what ends it."""

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from voxdag.core.errors import Refused
from voxdag.core.params import Run
from voxdag.tasks import file_pool
from voxdag.tasks.file_pool import FileRows

RUN = Run(seed=0, num_threads=2, device="auto")


@dataclass(frozen=True)
class Spelling:
    """Says of a file its name, by which process, with how many threads; `slow` s of each; `fatal` ends the process."""

    run: Run
    slow: float = 0.0
    fatal: str = ""

    def with_run(self, run):
        return replace(self, run=run)

    def open(self):
        return Speller(self)


class Speller:
    header, system, weights, hearing = ["path"], "s", "w", None

    def __init__(self, work):
        self.work, self.device = work, torch.device("cpu")

    def __call__(self, jobs, heard=None):
        for path, _ in jobs:
            time.sleep(self.work.slow)
            if path.name == self.work.fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            row = {"path": path.name, "process": os.getpid(), "threads": torch.get_num_threads()}
            yield FileRows(path, [row | {"run": self.work.run}], 1.0, False)


def jobs(count):
    return [(Path(f"{i}.wav"), None) for i in range(count)]


def done(work, count, processes):
    return [one.rows[0] for one in file_pool.rows(work, work.open(), jobs(count), processes)]


def test_rows_are_in_the_files_order_whoever_made_them_and_by_one_thread_each():
    rows = done(Spelling(RUN, slow=0.02), 203, 2)
    assert [row["path"] for row in rows] == [f"{i}.wav" for i in range(203)]
    others = [row for row in rows if row["process"] != os.getpid()]
    assert 0 < len(others) < 203 and {row["threads"] for row in rows} == {1}
    assert {(row["run"].num_threads, row["run"].device) for row in others} == {(1, "cpu")}
    assert rows[0]["process"] == os.getpid()  # the first rows wait for no process to start


def test_one_process_keeps_its_threads():
    before = torch.get_num_threads()
    assert {(row["process"], row["threads"]) for row in done(Spelling(RUN), 3, 1)} == {(os.getpid(), before)}


def test_a_process_that_is_killed_is_named_with_what_it_worked_on():
    with pytest.raises(Refused, match=r"a process was killed while 2.wav( to \d.wav)? was worked on"):
        done(Spelling(RUN, slow=0.2, fatal="2.wav"), 8, 2)


def test_who_stops_reading_waits_for_nobody():
    threads = torch.get_num_threads()
    rows = file_pool.rows(work := Spelling(RUN, slow=0.1), work.open(), jobs(5000), 2)  # minutes
    assert next(rows).path == Path("0.wav")
    start = time.monotonic()
    rows.close()
    assert time.monotonic() - start < 60 and torch.get_num_threads() == threads


def test_without_a_file_nothing_is_done():
    assert done(Spelling(RUN), 0, 1) == [] and file_pool.processes([], 8) == 1


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [([8], 4, 1), ([1, 1, 1], 4, 1), ([5, 5], 4, 2), ([1] * 40, 16, 10), ([100] * 40, 16, 16), ([9, 0, 0], 4, 2)],
)
def test_another_process_is_worth_it_for_as_much_as_it_takes_to_start(tmp_path, monkeypatch, sizes, most, expected):
    monkeypatch.setattr(file_pool, "BYTES_EACH", 4)
    files = [tmp_path / f"{i}" for i in range(len(sizes))]
    for file, size in zip(files, sizes, strict=True):
        file.write_bytes(b"." * size)
    files[-1].unlink() if sizes[-1] == 0 else None
    assert file_pool.processes(files, most) == expected
