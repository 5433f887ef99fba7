"""Processors and GPUs, and which share of them a stage gets."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voxdag.core.errors import Refused

VISIBLE = "CUDA_VISIBLE_DEVICES"  # the GPUs that CUDA lets a process see
JOBS = "VOXDAG_JOBS"
THREADS, DEVICE = "num_threads", "device"  # settings of params.yaml


@dataclass(frozen=True)
class Needs:
    """What a stage computes with: threads of the tensor library, and perhaps a GPU."""

    threads: int = 1
    gpu: bool = False


@dataclass(frozen=True)
class Share:
    """What a stage gets: so many processors, the processes that it may start, a GPU (None: none of its own)."""

    processors: int
    jobs: int
    device: str | None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that say so to its commands."""
        return {JOBS: str(self.jobs)} | ({} if self.device is None else {VISIBLE: self.device})


def needs(settings: Mapping[str, Any]) -> Needs:
    """What a stage with these settings needs: params that it depends on, dotted name -> value.

    Its threads are those of the run (num_threads), or of its own system (systems.<system>.num_threads) where that has
    them; a stage without that setting has one. It may use a GPU where it has the setting `device`, and that is not cpu.
    """
    own = [value for name, value in settings.items() if name.endswith(f".{THREADS}") and value is not None]
    threads = own[0] if own else settings.get(THREADS, 1)
    return Needs(threads=max(1, int(threads)), gpu=settings.get(DEVICE, "cpu") != "cpu")


class Slots:
    """Processors and GPUs, shared out.

    processors  that all stages together may keep busy
    devices     names of GPUs, as CUDA_VISIBLE_DEVICES has them; one that stands twice serves two stages at once.
                Without any, all stages see what this process sees
    """

    def __init__(self, processors: int, devices: Sequence[str] = ()):
        if processors < 1:
            raise Refused(f"-j {processors}, expected a whole number of 1 or more")
        self.processors = processors
        self._free, self._devices, self._with_devices = processors, list(devices), bool(devices)

    def take(self, needs: Needs, at_once: int) -> Share | None:
        """The share of one of `at_once` stages that run or could, or None where too little is free.

        A stage that wants more processors than there are takes all.
        """
        wanted = min(needs.threads, self.processors)
        takes_device = needs.gpu and self._with_devices
        if wanted > self._free or (takes_device and not self._devices):
            return None
        self._free -= wanted
        return Share(
            processors=wanted,
            jobs=max(wanted, self.processors // min(at_once, self.processors)),
            device=self._devices.pop(0) if takes_device else None,
        )

    def give_back(self, share: Share) -> None:
        """Let others have it."""
        self._free += share.processors
        if share.device is not None:
            self._devices.append(share.device)


def devices(asked: str | None) -> list[str]:
    """The GPUs that stages get one each of: those asked for ("0,1"), those in CUDA_VISIBLE_DEVICES, or all there are.

    Raises Refused for a list with a name left out.
    """
    named = os.environ.get(VISIBLE) if asked is None else asked
    if named is None:
        return _all_devices()
    names = [name.strip() for name in named.split(",")] if named.strip() else []
    if not all(names):
        raise Refused(f"devices are {named!r}, expected names with commas between them, as in 0,1")
    return names


def _all_devices() -> list[str]:
    """Numbers of the GPUs that the driver lists; none where there is no driver."""
    if not shutil.which("nvidia-smi"):
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(i) for i in range(len(listed.stdout.splitlines()))] if listed.returncode == 0 else []
