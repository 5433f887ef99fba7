"""How a stage comes to be several processes: by words of the environment, its command the same; torchrun and srun."""

import json
import os
import shutil
import stat
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from tests.clone import ROOT
from voxdag.core import artifacts, ranks
from voxdag.core.errors import Refused
from voxdag.data import shards
from voxdag.training import distributed
from voxdag.training.distributed import Place, first_node, joined, launch, place

CPU = torch.device("cpu")
# Stands for Slurm's srun: starts so many tasks on this machine and tells each what srun tells it.
SRUN = """
import os, subprocess, sys
assert sys.argv[1] == "--ntasks"
count, words = int(sys.argv[2]), sys.argv[3:]
tasks = []
for rank in range(count):
    told = {"SLURM_PROCID": rank, "SLURM_LOCALID": rank, "SLURM_STEP_NUM_TASKS": count, "SLURM_JOB_ID": os.getpid()}
    told["SLURM_STEP_NODELIST"] = "localhost"
    tasks.append(subprocess.Popen(words, env=os.environ | {name: str(value) for name, value in told.items()}))
sys.exit(max(task.wait() for task in tasks))
"""


@pytest.fixture(autouse=True)
def unlaunched(monkeypatch):
    for name in (distributed.VARIABLE, distributed.STARTED, *distributed.TORCHRUN, *distributed.SLURM):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def become(monkeypatch):
    """What this process would have become."""
    became = []
    monkeypatch.setattr(os, "execv", lambda program, words: became.append((program, words)))
    return became


def test_without_a_launcher_a_stage_stays_what_it_is(become):
    launch("stages.train", "aasist")
    assert become == [] and place() is None
    with joined(CPU):
        assert (ranks.count(), ranks.rank(), ranks.is_first(), ranks.share(7)) == (1, 0, True, slice(0, 7))
        assert ranks.gathered("a") == ["a"] and ranks.of_first([1.0]) == [1.0]


def test_a_stage_becomes_what_the_words_of_its_launcher_start(become, monkeypatch):
    monkeypatch.setenv(distributed.VARIABLE, f"{sys.executable} --tags 'a b' -m")
    monkeypatch.setenv(distributed.STARTED, "x")  # so that it is taken back when the test ends
    monkeypatch.delenv(distributed.STARTED)
    launch("stages.train", "aasist")
    assert become == [(sys.executable, [sys.executable, "--tags", "a b", "-m", "stages.train", "aasist"])]
    launch("stages.train", "aasist")  # what was started starts nothing
    assert len(become) == 1


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (
            "no_such_program -m",
            "VOXDAG_LAUNCHER is 'no_such_program -m': there is no program no_such_program",
        ),
        ("torchrun --nproc-per-node 4", "VOXDAG_LAUNCHER is 'torchrun --nproc-per-node 4': its last word is 4; exp"),
    ],
)
def test_words_that_start_nothing_are_refused(become, monkeypatch, words, wrong):
    monkeypatch.setenv(distributed.VARIABLE, words)
    with pytest.raises(Refused, match=wrong):
        launch("stages.train", "aasist")
    assert become == []


def test_a_launcher_that_says_nothing_is_refused_so_that_nobody_trains_alone_unnoticed(monkeypatch):
    monkeypatch.setenv(distributed.STARTED, "python -m")
    with pytest.raises(Refused, match="VOXDAG_LAUNCHER is 'python -m', which does not set RANK, WORLD_SIZE"):
        place()


def test_torchrun_and_srun_say_where_a_process_stands(monkeypatch):
    for name, value in zip(distributed.SLURM, "391", strict=True):
        monkeypatch.setenv(name, value)
    assert place() == Place(rank=3, count=9, local=1)
    for name, value in zip(distributed.TORCHRUN, "240", strict=True):
        monkeypatch.setenv(name, value)
    assert place() == Place(rank=2, count=4, local=0)  # torchrun in a job of Slurm


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("a", "a"), ("a,b", "a"), ("n[07-09,12]", "n07"), ("n[3]", "n3"), ("gpu[1-2]-ib,x", "gpu1-ib"), ("a,n[1-2]", "a")],
)
def test_the_first_node_of_a_list_as_slurm_writes_it(nodes, first):
    assert first_node(nodes) == first


def test_one_process_of_a_launcher_is_alone(monkeypatch):
    for name, value in zip(distributed.TORCHRUN, "010", strict=True):
        monkeypatch.setenv(name, value)
    with joined(CPU, timedelta(seconds=1)):
        assert ranks.count() == 1 and not torch.distributed.is_initialized()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [0, 1, 5, 16])
def test_shares_are_neighbours_that_differ_by_one_at_most(monkeypatch, n, count):
    monkeypatch.setattr(ranks, "count", lambda: count)
    shares = []
    for rank in range(count):
        monkeypatch.setattr(ranks, "rank", lambda rank=rank: rank)
        shares.append(list(range(n))[ranks.share(n)])
    assert [i for share in shares for i in share] == list(range(n))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def recordings(count):
    rng = np.random.default_rng(count)
    for i in range(count):
        label = "spoof" if i % 2 else "bonafide"
        wave = rng.normal(0, 2000, 6000) + 3000 * np.sin(np.arange(6000) * (0.1 if i % 2 else 0.4))
        about = {"id": f"u{count}-{i}", "speaker": f"s{i % 3}", "label": label, "attack": "A01" if i % 2 else None}
        yield about, {"wave": wave.astype(np.int16)}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """What training reads, of a system as small as AASIST gets, with dropout."""
    folder = tmp_path_factory.mktemp("workspace")
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    system = tree["systems"]["aasist"]
    system["model"]["changes"] = {"encoder_channels": [2, 2], "graph_channels": [4, 4]}
    system["objective"]["samples"] = system["inference"]["samples"] = 4000
    system["train"] |= {"epochs": 2, "batch_size": 5}
    system["seeds"], tree["num_threads"] = [1, 2], 1
    (folder / "params.yaml").write_text(yaml.safe_dump(tree))
    for split, count in {"train": 12, "dev": 8}.items():
        packed = folder / f"data/features/antispoof/{split}"
        shards.write(packed, recordings(count), shards.wave_at(16000), 100)
        about = pd.DataFrame([row for row, _ in recordings(count)])
        artifacts.write_table(folder / f"data/manifest/antispoof/{split}/utterances.csv", about)
    programs = folder / "bin"
    programs.mkdir()
    (programs / "srun").write_text(f"#!{sys.executable}\n{SRUN}")
    (programs / "srun").chmod(stat.S_IRWXU)
    return folder


def trained(workspace, launcher):
    """The bytes of all that `python -m stages.train aasist` writes under a launcher, and what it says."""
    out = workspace / "data/checkpoints/aasist"
    shutil.rmtree(out, ignore_errors=True)
    paths = {"PYTHONPATH": str(ROOT), "PATH": os.pathsep.join([str(workspace / "bin"), os.environ["PATH"]])}
    said = subprocess.run(
        [sys.executable, "-m", "stages.train", "aasist"],
        cwd=workspace,
        env=os.environ | paths | {distributed.VARIABLE: launcher},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    assert not [path for path in (workspace / "data/resume").rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.*")}, said.stderr


def test_the_stage_under_torchrun_and_under_srun(workspace):
    by_torchrun, said = trained(workspace, "torchrun --standalone --nproc-per-node 2 -m")
    by_srun, _ = trained(workspace, f"srun --ntasks 2 {sys.executable} -m")
    kept = ("averaged.safetensors", "best_eer.safetensors", "events.jsonl", "last.safetensors", "summary.json")
    assert by_torchrun.keys() == {"history.csv", *(f"seed-{seed}/{name}" for seed in (1, 2) for name in kept)}
    assert by_torchrun == by_srun  # dropout and all
    assert said.count("epoch 1 of 2") == 2 and "seed-2: epoch 2 of 2" in said  # of each member, by one process
    assert json.loads(by_torchrun["seed-1/summary.json"])["steps"] == 4
    (record,) = (workspace / "data/runs/aasist").glob("seed-1-*.json")  # one key for both
    assert json.loads(record.read_text())["training_processes"] == 2
