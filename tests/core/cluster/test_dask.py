"""A Dask cluster of this machine: equal bytes, whatever happens to its workers, and what is said where it cannot be."""

import itertools
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

pytest.importorskip("distributed", reason="no cluster without the packages of requirements-cluster.txt")

from distributed import LocalCluster

from stages import features, prepare, transcode
from tests.core.cluster import work
from tests.speech import spoken
from voxdag.audio.decode import Decoding
from voxdag.core import code, parallel, params
from voxdag.core.cluster import dask, session
from voxdag.core.errors import NotHere, Refused
from voxdag.data import shards
from voxdag.data.layout import SPLITS
from voxdag.data.recordings import Features


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def scheduler():
    """Two workers of one thread each."""
    settings = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **settings) as cluster:
        yield cluster


@pytest.fixture
def cluster(scheduler, tmp_path, monkeypatch):
    """It, named by the environment; the working folder is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(parallel.SCHEDULER, scheduler.scheduler_address)
    return scheduler


@pytest.fixture
def coded_entry(tmp_path):
    """Recordings, and the parameters of an entry of `coded`."""
    for number, split in enumerate(SPLITS):
        made = (
            (
                {"id": f"u{number}{i}", "split": split, "label": "spoof"},
                {"wave": np.round(spoken(0.3, 100 + 20 * i + number) * 20000).astype(np.int16)},
            )
            for i in range(4)
        )
        shards.write(tmp_path / "data/features/antispoof" / split, made, shards.wave_at(16000), 100)
    rule = {"original": True, "versions": 2, "codecs": ["mp3", "gsm"]}
    entry = {"task": "antispoof", "recordings": "features/antispoof", "weights": "inputs/weights/none"}
    entry |= {"settings": {"seed": 1} | dict.fromkeys(SPLITS, rule)}
    tree = {section: {} for section in params.SECTIONS} | {"seed": 1, "num_threads": 1, "device": "cpu"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree | {"coded": {"it": entry}}))


def test_results_come_in_order_from_processes_beside_the_workers(cluster):
    assert parallel.parallel_map(partial(work.square, by=3), [*range(13), 20, 21], 1, "cubes", 2) == [
        n**3 for n in (*range(13), 20, 21)
    ]
    found = parallel.parallel_map(work.whereabouts, range(8), 1, "items", chunk=1, threads=2)
    assert all(folder == str(Path.cwd()) and libraries == {2} for _, _, folder, _, libraries in found)
    workers = {parent for _, parent, *_ in found}
    assert len(workers) == 2 and os.getpid() not in workers


def test_errors_arrive_as_from_processes(cluster):
    with pytest.raises(NotHere, match="^13: no square of 13$"):
        parallel.parallel_map(work.square, [4, 13], 1, "squares")
    with pytest.raises(ZeroDivisionError, match="seventeen") as caught:
        parallel.parallel_map(work.square, [4, 17], 1, "squares")
    assert "while working on 17" in caught.value.__notes__ and "in square" in str(caught.value.__cause__)


def test_a_corpus_and_its_features_have_the_same_bytes_as_without_a_cluster(cluster, tmp_path, monkeypatch):
    """The stages' own mains; features as the program that dvc starts, whose functions are those of __main__."""
    tree = yaml.safe_load((code.ROOT / "params.yaml").read_text())
    options = tree["tasks"]["enhance"]["prepare"]["corpora"]["simulated_noisy"]
    options |= {split: {"speakers": 2, "utterances": 10, "snrs": [0.0]} for split in SPLITS}
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "params.yaml").write_text(yaml.safe_dump(tree))
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path / "here")
        patch.delenv(parallel.SCHEDULER)
        patch.setenv("VOXDAG_JOBS", "1")
        prepare.main("enhance")
        features.main("enhance")
    monkeypatch.chdir(tmp_path / "there")
    prepare.main("enhance")
    stage = [sys.executable, "-m", "stages.features", "enhance"]
    done = subprocess.run(stage, env=os.environ | {"PYTHONPATH": str(code.ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert len(contents(tmp_path / "there/data/corpora")) > 60 and not list(tmp_path.rglob(".voxdag-*"))


def test_coded_speech_has_the_same_bytes_as_without_a_cluster(coded_entry, cluster, tmp_path, monkeypatch):
    transcode.main("it")
    there, kept = contents(tmp_path / "data/coded"), contents(tmp_path / "data/codecs")
    for name in ("coded", "codecs"):
        shutil.rmtree(tmp_path / "data" / name)
    monkeypatch.delenv(parallel.SCHEDULER)
    transcode.main("it")
    assert contents(tmp_path / "data/coded") == there and contents(tmp_path / "data/codecs") == kept


def test_what_a_killed_worker_did_is_done_by_another_to_the_same_bytes(cluster, tmp_path):
    draw = np.random.default_rng(0)
    for i in range(12):
        soundfile.write(tmp_path / f"{i}.wav", draw.uniform(-0.5, 0.5, 2000 + 100 * i), 16000)
    utterances = pd.DataFrame(
        {"id": [f"u{i}" for i in range(12)], "path": [f"{i}.wav" for i in range(12)], "split": "dev"}
    )
    settings = Features(Decoding(16000, 0.1, 1e-4, 0.01), None, 0.5, 1)
    for name, read in (("here", features.read), ("there", work.read_after_the_worker_was_killed_once)):
        read = partial(read, folder=tmp_path, features=settings)
        found = parallel.stream(read, utterances["path"].tolist(), 1, "files", chunk=2, local=name == "here")
        features.pack(utterances, found, tmp_path / name, settings)
    assert (tmp_path / "killed").exists() and contents(tmp_path / "here") == contents(tmp_path / "there")


def test_work_that_kills_every_process_is_a_refusal_that_names_it(cluster):
    with pytest.raises(
        Refused, match=r"^5, or what follows it, was not done: a process on .* ended with status -9, and"
    ):
        parallel.parallel_map(work.end_itself, [5], 1, "items")


def test_a_worker_of_another_commit_is_refused_before_anything_is_done(cluster, tmp_path, monkeypatch):
    other = {**session.surroundings(), "voxdag/audio/decode.py": "0" * 12}
    monkeypatch.setattr(session, "surroundings", lambda: other)
    message = (
        r"^tcp://[\d.:]+, a worker: worker on .*: voxdag/audio/decode.py is [0-9a-f]{12}, at the driver 0{12}: expec"
    )
    with pytest.raises(Refused, match=message):
        parallel.parallel_map(partial(work.wait, folder=tmp_path), [0], 1, "items")
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_comes_later_is_looked_at_as_well(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "_check", lambda *_: None)  # as where nobody was there
    other = {**session.surroundings(), "package numpy": "1.0"}
    monkeypatch.setattr(session, "surroundings", lambda: other)
    with pytest.raises(Refused, match=r"package numpy is \d[.\d]+, at the driver 1.0: expected the same code"):
        parallel.parallel_map(partial(work.wait, folder=tmp_path), [0], 1, "items")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{closed}", "nowhere", "worker"])
def test_where_no_scheduler_answers_it_is_refused_within_ten_seconds(cluster, monkeypatch, address):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    if address == "worker":
        address = cluster.workers[0].worker_address
    monkeypatch.setenv(parallel.SCHEDULER, address.format(closed=closed))
    start = time.monotonic()
    with pytest.raises(Refused, match="^VOXDAG_SCHEDULER is '.*', expected .* of a Dask [sS]cheduler"):
        parallel.parallel_map(work.square, [3], 1, "items")
    assert time.monotonic() - start < 10


def test_without_a_worker_it_is_refused_after_as_long_as_the_environment_says(cluster, monkeypatch):
    with LocalCluster(n_workers=0, dashboard_address=None, silence_logs=logging.CRITICAL) as empty:
        monkeypatch.setenv(parallel.SCHEDULER, empty.scheduler_address)
        monkeypatch.setenv(dask.PATIENCE, "1")
        with pytest.raises(Refused, match="^3, or what follows it, was not done: .* has had no worker for 1 s"):
            parallel.parallel_map(work.square, [3], 1, "items")


@pytest.mark.parametrize("value", ["0", "soon", "-1"])
def test_a_wait_that_is_no_number_of_seconds_is_refused(cluster, monkeypatch, value):
    monkeypatch.setenv(dask.PATIENCE, value)
    with pytest.raises(Refused, match=f"VOXDAG_SCHEDULER_SECONDS is '{value}', expected a whole number of 1 or more"):
        parallel.parallel_map(work.square, [3], 1, "items")


SCRIPT = """
import os, sys
from functools import partial
from pathlib import Path
from tests.core.cluster import work
from voxdag.core.command import guarded
from voxdag.core.parallel import parallel_map

guarded(lambda: parallel_map(partial(work.wait, folder=Path(sys.argv[1])), [60] * 4, 2, "waits", chunk=1))
"""


@pytest.fixture
def driver(scheduler, tmp_path):
    """A process in a group of its own, whose work takes longer than a test, and the two processes that do it."""
    (tmp_path / "seen").mkdir()
    environment = os.environ | {parallel.SCHEDULER: scheduler.scheduler_address, "PYTHONPATH": str(code.ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "seen")],
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(seen := [path for path in (tmp_path / "seen").iterdir() if path.name.isdecimal()]) < 2:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    yield process, [Path("/proc", path.name) for path in seen]
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="asks /proc who is alive")
def test_an_interrupt_ends_what_the_workers_do_and_says_one_line(driver):
    process, working = driver
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 130
    deadline = time.monotonic() + 20
    while any(place.exists() for place in working):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert process.stderr.read() == b"interrupted; start the same command again\n"


ALONE = """
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""


def test_the_loss_of_the_scheduler_is_said_in_one_line(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alone.py").write_text(ALONE)
    with subprocess.Popen(
        [sys.executable, "alone.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        monkeypatch.setenv(parallel.SCHEDULER, process.stdout.readline().strip())
        results = parallel.stream(work.square, itertools.count(20), 1, "items", chunk=1)
        assert next(results) == 400
        process.kill()
        with pytest.raises(
            Refused, match="^2[0-9], or what follows it, was not done: the scheduler .* is gone. Start it"
        ):
            list(results)
    assert capfd.readouterr().err == ""
