"""Training in several processes, each with its own GPU or its share of the processors, started by a launcher.

    batch        each process loads its share of the rows, and is told the others': all have the whole batch
    network      hears its process's rows, and gives what all processes' networks gave: (B, ...) again
    batch norm   over the rows of all processes
    loss         of the whole batch, in every process, whatever it is: a mean, a concordance, a discriminator's
    gradients    in each process those by way of its own rows; their sum over the processes is the loss's gradient

So a learner does not know of it: weights are those of one process but for rounding. Another is what networks draw while
they are trained (dropout): each process draws for its rows. All else is drawn alike in every process.

VOXDAG_LAUNCHER holds the words that start a program in several processes, as `torchrun --nproc-per-node 4 -m` or `srun
python -m`. A stage that is started without them becomes what these words start, so its command in dvc.yaml, which is a
part of dvc.lock, is the same for one process and for many.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from models import shared_batch_norm
from voxdag.core import command, ranks
from voxdag.core.errors import Refused
from voxdag.networks.frozen import trained_state
from voxdag.training.seeding import seed_global

log = logging.getLogger(__name__)

VARIABLE, STARTED = "VOXDAG_LAUNCHER", "VOXDAG_LAUNCHED"  # the second: by which words this process was started
TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
SLURM = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")
TIMEOUT = timedelta(minutes=10)  # that a process waits for the others: longer than a state takes to be written
PORTS, FIRST_PORT = 10_000, 20_000  # of jobs of Slurm, which tells none
OWN = ("gloo", "nccl")  # in the message of an error of theirs that has no class of its own


@dataclass(frozen=True)
class Place:
    """Which of `count` processes this one is, and which of those on its machine."""

    rank: int
    count: int
    local: int


def launch(module: str, name: str) -> None:
    """Become what VOXDAG_LAUNCHER starts `python -m module name` with; nothing where it is not set, or has done so.

    Raises Refused for words that start nothing.
    """
    words = shlex.split(os.environ.get(VARIABLE, ""))
    if not words or STARTED in os.environ:
        return
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which(words[0], path=beside)
    if program is None or words[-1] != "-m":
        wrong = f"there is no program {words[0]}" if program is None else f"its last word is {words[-1]}"
        raise Refused(
            f"{VARIABLE} is {shlex.join(words)!r}: {wrong}; expected such as 'torchrun --nproc-per-node 4 -m'"
        )
    os.environ[STARTED] = shlex.join(words)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(program, [*words, module, name])


def place() -> Place | None:
    """That which torchrun or srun gave this process; None where neither started it.

    Raises Refused where VOXDAG_LAUNCHER started it and said nothing.
    """
    for names in (TORCHRUN, SLURM):
        if all(name in os.environ for name in names):
            return Place(*(int(os.environ[name]) for name in names))
    if STARTED in os.environ:
        expected = " or ".join(", ".join(names) for names in (TORCHRUN, SLURM))
        raise Refused(f"{VARIABLE} is {os.environ[STARTED]!r}, which does not set {expected}, as torchrun or srun does")
    return None


@contextmanager
def joined(device: torch.device, timeout: timedelta = TIMEOUT) -> Iterator[None]:
    """Train together, within, with the other processes that the launcher started; alone where there are none.

    The first one writes and reports; the others say what is wrong, and who they are. Where another process has ended or
    does not answer, this one says so and ends here, with status 1: what would tidy up behind it may wait for the other.
    """
    here = place()
    if here is None or here.count == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(here.local % torch.cuda.device_count())
    if here.rank:
        command.log_to_stderr(f"process {here.rank} of 0 to {here.count - 1}")
        logging.getLogger().setLevel(logging.WARNING)
    try:
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, _meeting(), timeout, here.count, here.rank)
        yield
        dist.destroy_process_group()
    except Exception as error:
        if not _is_of_another(error) or os.environ.get("VOXDAG_DEBUG"):
            raise
        said, minutes = str(error).strip().split("\n")[0], timeout.total_seconds() / 60
        log.error("error: another process has ended, or has not answered for %g minutes: %s", minutes, said)
        sys.stderr.flush()
        os._exit(1)


def _meeting() -> str:
    """Where the processes meet: at MASTER_ADDR and MASTER_PORT, which torchrun sets; of a job of Slurm, at its first
    node and a port by its number."""
    if "MASTER_ADDR" in os.environ and "MASTER_PORT" in os.environ:
        return "env://"
    nodes, job = os.environ.get("SLURM_STEP_NODELIST", socket.gethostname()), os.environ.get("SLURM_JOB_ID", "0")
    host = os.environ.get("MASTER_ADDR", first_node(nodes))
    port = os.environ.get("MASTER_PORT", FIRST_PORT + int(job) % PORTS)
    return f"tcp://{host}:{port}"


def first_node(nodes: str) -> str:
    """The first of a list as Slurm writes it: a of "a,b", n07 of "n[07-09,12]"."""
    head, bracket, rest = nodes.partition("[")
    if not bracket or "," in head:
        return head.split(",")[0]
    numbers, _, suffix = rest.partition("]")
    return head + numbers.split(",")[0].split("-")[0] + suffix.split(",")[0]


def _is_of_another(error: Exception) -> bool:
    """Whether an error is of what processes send one another."""
    ours = isinstance(error, (RuntimeError, dist.DistError)) and not isinstance(error, torch.OutOfMemoryError)
    return ours and (isinstance(error, dist.DistError) or any(name in str(error).lower() for name in OWN))


def share(networks: Iterable[nn.Module]) -> None:
    """Have each network hear the rows of its process alone, and give those of all; nothing where there is one."""
    if ranks.count() == 1:
        return
    for network in networks:
        shared_batch_norm.share(network)
        several = isinstance(network, (nn.ModuleDict, nn.ModuleList))  # which have no forward of their own
        for heard in network.children() if several else [network]:
            rows = _Rows()
            heard.register_forward_pre_hook(rows.before)
            heard.register_forward_hook(rows.behind)


class _Rows:
    """Hooks of a network whose inputs and outputs have the batch's rows as their first axis.

    A network in evaluation hears what it is given: dev is shared out by batches, not by rows (`tasks.scoring_loop`).
    """

    def __init__(self) -> None:
        self.rows, self.key = 0, 0

    def before(self, network: nn.Module, inputs: Sequence) -> tuple | None:
        """Its process's rows; what the network draws is this process's own."""
        self.rows = len(inputs[0]) if any(module.training for module in network.modules()) else 0
        if not self.rows:
            return None
        self.key = int(torch.randint(2**62, ()))
        seed_global(self.key, "rows", ranks.rank())
        own = ranks.share(self.rows)
        return tuple(value[own] if isinstance(value, Tensor) else value for value in inputs)

    def behind(self, network: nn.Module, inputs: Sequence, output: object) -> object:
        """All rows; what is drawn next is drawn alike everywhere."""
        if not self.rows:
            return None
        seed_global(self.key, "behind")
        return self.of_all(network, output)

    def of_all(self, network: nn.Module, output: object) -> object:
        """All rows of a tensor, and of each in a tuple, list or dict. Raises Refused for what has other rows."""
        if isinstance(output, Mapping):
            return {name: self.of_all(network, part) for name, part in output.items()}
        if isinstance(output, (tuple, list)):
            return type(output)(self.of_all(network, part) for part in output)
        own = ranks.share(self.rows)
        if isinstance(output, Tensor) and output.ndim and len(output) == own.stop - own.start:
            return whole(output, self.rows)
        given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise Refused(
            f"{type(network).__name__} gives {given} of {own.stop - own.start} recordings: with several processes "
            "expected tensors with a row for each, or tuples, lists or dicts of such"
        )


class _Whole(torch.autograd.Function):
    """This process's rows -> those of all. What comes back to the others' rows goes back in their processes."""

    @staticmethod
    def forward(ctx, own: Tensor, rows: int) -> Tensor:
        ctx.own = ranks.share(rows)
        most = -(-rows // ranks.count())
        sent = own.new_zeros(most, *own.shape[1:])
        sent[: len(own)] = own
        parts = [torch.empty_like(sent) for _ in range(ranks.count())]
        dist.all_gather([part.view(torch.uint8) for part in parts], sent.view(torch.uint8))
        least, more = divmod(rows, ranks.count())
        return torch.cat([part[: least + (i < more)] for i, part in enumerate(parts)])

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient[ctx.own], None


def whole(own: Tensor, rows: int) -> Tensor:
    """The `rows` rows of all processes, of which this one has `own`."""
    return _Whole.apply(own, rows)


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Make the gradients of each parameter the sum over the processes. One that no process has stays away."""
    parameters = list(parameters)
    if ranks.count() == 1:
        return
    there = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.int32)
    dist.all_reduce(there, dist.ReduceOp.MAX)
    chosen = [parameter for parameter, is_there in zip(parameters, there.tolist(), strict=True) if is_there]
    for parameter in chosen:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    for _, group in groupby(chosen, key=lambda parameter: (parameter.dtype, parameter.device)):
        gradients = [parameter.grad for parameter in group]
        flat = torch.cat([gradient.flatten() for gradient in gradients])  # type: ignore[union-attr]
        dist.all_reduce(flat)
        for gradient, summed in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):  # type: ignore[union-attr]
            gradient.copy_(summed.view_as(gradient))  # type: ignore[union-attr]


def check_alike(networks: Mapping[str, nn.Module], when: str) -> None:
    """Raises Refused where processes have come to other weights than the first."""
    if ranks.count() == 1:
        return
    digest = hashlib.sha256()
    for network in networks.values():
        for tensor in trained_state(network).values():
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]
    ranks.agree(f"the hash of the weights {when}", digest.hexdigest()[:12])
