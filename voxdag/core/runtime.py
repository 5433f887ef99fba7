"""The machine that a run uses: threads, device, determinism, and a record of it beside the outputs (never in them)."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

import torch

from voxdag.core import artifacts
from voxdag.core.allocator import keep_large_blocks
from voxdag.core.errors import Refused
from voxdag.core.params import Run

DEVICES = ("auto", "cpu", "cuda")


def setup(run: Run) -> torch.device:
    """Fix the threads, ask for deterministic algorithms, and give the device.

    Raises Refused for an unknown device, or for CUDA where there is none.
    """
    if run.device not in DEVICES:
        raise Refused(f"device is {run.device!r}, expected one of {', '.join(DEVICES)}")
    if run.device == "cuda" and not torch.cuda.is_available():
        raise Refused("device is cuda, but torch sees no CUDA device; set device: auto or cpu")
    keep_large_blocks()
    torch.set_num_threads(run.num_threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the CUDA context is made
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    cuda = run.device == "cuda" or (run.device == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if cuda else "cpu")


def workers(device: torch.device) -> int:
    """Processes that load batches: VOXDAG_WORKERS, or none on the CPU and up to 8 beside a GPU.

    Results never depend on it.
    """
    asked = os.environ.get("VOXDAG_WORKERS")
    if asked is not None and not asked.isdigit():
        raise Refused(f"VOXDAG_WORKERS is {asked!r}, expected a whole number")
    if asked is not None:
        return int(asked)
    return 0 if device.type == "cpu" else min(8, os.cpu_count() or 1)


def machine_class() -> dict[str, str]:
    """What decides in which digits float sums end: processor, instruction set, GPU and torch."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    isa = torch.backends.cpu.get_cpu_capability()
    return {"processor": _processor(), "isa": isa, "gpu": gpu, "torch": torch.__version__.split("+")[0]}


def write_record(path: Path, device: torch.device, settings: dict) -> None:
    """Record commit, packages, hardware and settings of a run in `path`, which no stage declares."""
    record = {
        "git": {"commit": _git("rev-parse", "HEAD"), "changed_files": _git("status", "--porcelain").splitlines()},
        "python": platform.python_version(),
        "packages": dict(sorted((d.metadata["Name"], d.version) for d in importlib.metadata.distributions())),
        "platform": platform.platform(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "settings": settings,
    }
    artifacts.write_bytes(path, (json.dumps(record, indent=2, default=str) + "\n").encode())


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""  # outside a git checkout; the record says so by an empty commit


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
