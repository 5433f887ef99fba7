"""The machine that a run uses: threads, device, class, and the record of a training."""

import json
import os
import subprocess
import sys

import pytest
import torch

from voxdag.core import runtime
from voxdag.core.errors import Refused
from voxdag.core.params import Run

CPU = torch.device("cpu")
AMD = """processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 9R45
flags\t\t: fpu avx2 avx512f avx512_bf16 avx512_vnni

processor\t: 1
vendor_id\t: GenuineIntel
"""
ARM = "processor : 0\nFeatures : fp asimd bf16 i8mm\nCPU implementer : 0x41\n"


@pytest.fixture(autouse=True)
def torch_settings():
    """Puts back what `setup` sets for the process."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    rounded = torch.backends.cudnn.allow_tf32
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = rounded, False


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes the machine one without a GPU whose kernel says `text` of its processors, and gives its class."""

    def make(text, capability="AVX512", version="2.11.0+cpu"):
        (tmp_path / "cpuinfo").write_text(text)
        monkeypatch.setattr(runtime, "CPUINFO", tmp_path / "cpuinfo")
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch, "__version__", version)
        return runtime.machine_class()

    return make


def test_setup_sets_threads_and_determinism():
    assert runtime.setup(Run(seed=1, num_threads=1, device="cpu")) == CPU
    assert torch.get_num_threads() == 1 and torch.are_deterministic_algorithms_enabled()


def roundings():
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


def test_factors_are_rounded_to_tf32_where_that_is_asked_for_and_nowhere_else():
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    runtime.setup(Run(seed=1, num_threads=1, device="cpu"))
    assert roundings() == (False, False)
    with runtime.tf32(True):
        assert roundings() == (True, True)
    assert roundings() == (False, False)
    with pytest.raises(ZeroDivisionError), runtime.tf32(True):
        _ = 1 / 0
    assert roundings() == (False, False)


@pytest.mark.parametrize("there", [True, False])
def test_auto_is_the_gpu_where_there_is_one(monkeypatch, there):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert runtime.setup(Run(seed=1, num_threads=1, device="auto")).type == ("cuda" if there else "cpu")
    assert runtime.setup(Run(seed=1, num_threads=1, device="cpu")).type == "cpu"


def test_a_device_that_is_unknown_or_not_there_and_no_thread_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Refused, match="device is 'tpu', expected one of auto, cpu, cuda"):
        runtime.setup(Run(seed=1, num_threads=1, device="tpu"))
    with pytest.raises(Refused, match="num_threads is 0, expected 1 to 1024"):
        runtime.setup(Run(seed=1, num_threads=0, device="cpu"))
    with pytest.raises(Refused, match="device is cuda, but torch sees no CUDA device"):
        runtime.setup(Run(seed=1, num_threads=1, device="cuda"))


@pytest.mark.parametrize(
    ("variable", "value", "threads", "refused"),
    [
        # tried on 2 threads of torch 2.11: a backward pass ends where OpenMP may start 2 threads or more, else never
        ("OMP_THREAD_LIMIT", "1", 2, True),
        ("OMP_THREAD_LIMIT", "2", 2, False),
        ("OMP_THREAD_LIMIT", "3", 2, False),
        ("OMP_THREAD_LIMIT", "1", 1, False),
        ("OMP_THREAD_LIMIT", "", 2, False),
        ("OMP_DYNAMIC", "TRUE", 2, True),
        ("OMP_DYNAMIC", "true", 1, False),
        ("OMP_DYNAMIC", "false", 2, False),
    ],
)
def test_fewer_threads_than_asked_for_are_refused_since_training_would_never_end(
    monkeypatch, variable, value, threads, refused
):
    monkeypatch.setenv(variable, value)
    if refused:
        with pytest.raises(Refused, match=f"{variable}={value}: .* num_threads, {threads}, .*env -u {variable}"):
            runtime.setup(Run(seed=1, num_threads=threads, device="cpu"))
    else:
        assert runtime.setup(Run(seed=1, num_threads=threads, device="cpu")) == CPU


def test_workers_are_none_on_a_cpu_some_beside_a_gpu_and_as_many_as_asked_for(monkeypatch):
    monkeypatch.delenv("VOXDAG_WORKERS", raising=False)
    assert runtime.workers(CPU) == 0
    assert runtime.workers(torch.device("cuda")) == min(8, os.cpu_count())
    monkeypatch.setenv("VOXDAG_WORKERS", "3")
    assert runtime.workers(CPU) == 3
    monkeypatch.setenv("VOXDAG_WORKERS", "-1")
    with pytest.raises(Refused, match="VOXDAG_WORKERS is '-1', expected a whole number"):
        runtime.workers(CPU)


def test_the_class_of_a_machine_is_maker_instruction_sets_gpu_and_torch(machine):
    expected = {"processor": "AuthenticAMD", "isa": "AVX512 VNNI BF16", "gpu": "none", "torch": "2.11.0"}
    assert machine(AMD) == expected
    assert machine(ARM, "DEFAULT") == expected | {"processor": "0x41", "isa": "DEFAULT I8MM"}


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("AuthenticAMD", "HygonGenuine", False),
        ("avx512_bf16", "", False),
        ("avx512_vnni", "avx512_vnni amx_tile", False),
        ("EPYC 9R45", "EPYC 9654", True),
        ("avx2", "avx2 rdpid", True),
        ("GenuineIntel", "AuthenticAMD", True),  # of the second processor
    ],
)
def test_what_changes_digits_is_another_class_and_nothing_else_is(machine, before, after, same):
    assert before in AMD
    assert (machine(AMD) == machine(AMD.replace(before, after))) == same


def test_kernels_and_versions_of_torch_are_other_classes_its_builds_are_not(machine):
    assert machine(AMD) == machine(AMD, version="2.11.0+cu130")
    assert machine(AMD) != machine(AMD, version="2.12.0")
    assert machine(AMD) != machine(AMD, capability="AVX2")


def test_a_machine_that_says_nothing_has_a_class_too(machine, tmp_path, monkeypatch):
    machine("")
    monkeypatch.setattr(runtime, "CPUINFO", tmp_path / "none")
    monkeypatch.setattr(runtime.platform, "machine", lambda: "arm64")
    assert runtime.machine_class() == {"processor": "arm64", "isa": "AVX512", "gpu": "none", "torch": "2.11.0"}


def test_a_gpu_is_named(machine, monkeypatch):
    machine(AMD)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA A100")
    assert runtime.machine_class()["gpu"] == "NVIDIA A100"


def test_this_machines_class_says_something_of_everything_and_is_stable():
    assert runtime.machine_class() == runtime.machine_class()
    assert all(runtime.machine_class().values())


def test_a_record_says_of_which_fold_and_seed_it_is_with_what_and_where(tmp_path):
    path = tmp_path / "runs/tier1/seed-7.json"
    read = {"train": {"folder": "data/features/emotion/train", "index_sha256": "ab12"}}
    runtime.write_record(path, CPU, fold="3", seed=7, settings={"train": {"lr": 0.003}}, recordings=read)
    record = json.loads(path.read_text())
    assert (record["fold"], record["seed"]) == ("3", 7)
    assert record["settings"] == {"train": {"lr": 0.003}} and record["recordings"] == read
    assert record["machine"] == runtime.machine_class()
    assert record["packages"]["pytest"] == pytest.__version__
    assert record["device"] == "cpu" and record["threads"] == torch.get_num_threads()


def test_a_record_without_fold_or_seed_cannot_be_written(tmp_path):
    with pytest.raises(TypeError, match="'fold' and 'seed'"):
        runtime.write_record(tmp_path / "x.json", CPU, settings={}, recordings={})


def test_a_record_names_the_commit_and_what_was_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runtime.write_record(tmp_path / "x.json", CPU, fold="", seed=1, settings={}, recordings={})
    assert json.loads((tmp_path / "x.json").read_text())["git"] == {"commit": "", "changed_files": []}
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    runtime.write_record(tmp_path / "y.json", CPU, fold="", seed=1, settings={}, recordings={})
    record = json.loads((tmp_path / "y.json").read_text())["git"]
    assert len(record["commit"]) == 40 and record["changed_files"] == ["?? x.json"]


@pytest.mark.parametrize("first", ["stages.train", "voxdag.predict"])
@pytest.mark.parametrize(("asked", "found"), [({}, "5000"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")])
def test_how_threads_wait_is_said_before_torch_is_imported(first, asked, found):
    watch = f"""
import os, sys
class Watch:
    def find_spec(name, *_):
        if name == "torch":
            sys.exit(f"torch after {{os.environ.get('GOMP_SPINCOUNT')}}")
sys.meta_path.insert(0, Watch)
import {first}
"""
    environment = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    ran = subprocess.run([sys.executable, "-c", watch], env=environment | asked, capture_output=True, text=True)
    assert ran.stderr == f"torch after {found}\n"
