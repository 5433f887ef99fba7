"""The machine that a run uses: threads, device, determinism, and a record of it beside the outputs (never in them)."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.utils.deterministic

from voxdag.core import artifacts, ranks
from voxdag.core.allocator import keep_large_blocks
from voxdag.core.errors import Refused
from voxdag.core.params import Run

CPUINFO = Path("/proc/cpuinfo")
VENDOR = ("vendor_id", "CPU implementer")  # of x86, of ARM
# Flags of a processor beyond what torch names, by which oneDNN chooses kernels (its cpu_isa_t) -> names of ours
EXTENSIONS = {"avx512_vnni": "VNNI", "avx512_bf16": "BF16", "avx512_fp16": "FP16", "amx_tile": "AMX", "i8mm": "I8MM"}


def setup(run: Run) -> torch.device:
    """Fix the threads, ask for deterministic algorithms and for products of whole floats, and give the device.

    Raises Refused for CUDA where there is none, and where OpenMP may not start `num_threads` threads.
    """
    check_openmp(run.num_threads)
    if run.device == "cuda" and not torch.cuda.is_available():
        raise Refused("device is cuda, but torch sees no CUDA device; set device: auto or cpu")
    keep_large_blocks()
    torch.set_num_threads(run.num_threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the CUDA context is made
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would load the compiler, for a second
    # With deterministic algorithms torch fills what it allocates, for those who read what they never wrote: up to a
    # tenth of the time of a training step on a GPU.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # of a module's class
    torch.backends.cudnn.benchmark = False
    _allow_tf32(False)
    cuda = run.device == "cuda" or (run.device == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if cuda else "cpu")


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether a GPU may round the factors of products and convolutions to TF32, which has 10 bits behind the point
    where float32 has 23: torch's own default for convolutions. On a CPU it changes nothing."""
    _allow_tf32(allowed)
    try:
        yield
    finally:
        _allow_tf32(False)


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed


def check_openmp(num_threads: int) -> None:
    """Raises Refused where OpenMP may start fewer threads than `num_threads`, as some batch systems tell it to.

    oneDNN's kernels cut their work into as many parts as threads were asked for, and the threads that there are wait
    for the parts of those that there are not: the first backward pass would never end. OpenMP reads these variables
    once, when torch is loaded.
    """
    limit, dynamic = os.environ.get("OMP_THREAD_LIMIT", "").strip(), os.environ.get("OMP_DYNAMIC", "").strip()
    too_low = limit.isdecimal() and int(limit) < num_threads
    if num_threads > 1 and (too_low or dynamic.lower() == "true"):
        found = f"OMP_THREAD_LIMIT={limit}" if too_low else f"OMP_DYNAMIC={dynamic}"
        raise Refused(
            f"environment variable {found}: OpenMP may start fewer threads than num_threads, {num_threads}, and then "
            f"training never ends; unset it (env -u {found.partition('=')[0]} ...), or set num_threads: 1"
        )


def workers(device: torch.device) -> int:
    """Processes that load batches: VOXDAG_WORKERS, or none on the CPU and up to 8 beside a GPU.

    Results never depend on it.
    """
    asked = os.environ.get("VOXDAG_WORKERS")
    if asked is not None and not (asked.isascii() and asked.isdigit()):
        raise Refused(f"VOXDAG_WORKERS is {asked!r}, expected a whole number")
    if asked is not None:
        return int(asked)
    return 0 if device.type == "cpu" else min(8, os.cpu_count() or 1)


def machine_class() -> dict[str, str]:
    """What decides in which digits float sums end: the processor's maker and instruction sets, the GPU, and torch.

    Libraries choose their kernels by these, so machines of one class give the same bytes where caches do not decide how
    sums are cut; the model name is left out, since it tells apart what computes alike.
    """
    cpu = _cpuinfo()
    vendor = next((cpu[name] for name in VENDOR if name in cpu), platform.machine())
    flags = f"{cpu.get('flags', '')} {cpu.get('Features', '')}".split()
    isa = [torch.backends.cpu.get_cpu_capability(), *(name for flag, name in EXTENSIONS.items() if flag in flags)]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {"processor": vendor, "isa": " ".join(isa), "gpu": gpu, "torch": torch.__version__.split("+")[0]}


def write_record(
    path: Path, device: torch.device, *, fold: str, seed: int, settings: Mapping, recordings: Mapping
) -> None:
    """Record commit, packages, hardware, fold, seed, settings and recordings of a training in `path`, which no stage
    declares."""
    record = {
        "git": {"commit": _git("rev-parse", "HEAD"), "changed_files": _git("status", "--porcelain").splitlines()},
        "python": platform.python_version(),
        "packages": dict(sorted((d.metadata["Name"], d.version) for d in importlib.metadata.distributions())),
        "platform": platform.platform(),
        "machine": machine_class(),
        "processor": _cpuinfo().get("model name", platform.processor()),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "training_processes": ranks.count(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "fold": fold,
        "seed": seed,
        "settings": settings,
        "recordings": recordings,
    }
    artifacts.write_bytes(path, (json.dumps(record, indent=2, default=str) + "\n").encode())


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""  # outside a git checkout; the record says so by an empty commit


def _cpuinfo() -> dict[str, str]:
    """What Linux says of the first processor; nothing elsewhere."""
    try:
        first = CPUINFO.read_text().partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
