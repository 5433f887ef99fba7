"""Two processes that train together: the weights are those of one but for rounding, kills included; one of them writes.

What is compared with one process is in float64, where sums in another order differ by some 1e-16 of their size. Adam
divides a gradient by its own size, to which 1e-8 is added: of one that is 0 but for rounding, 1e-17, it makes a step of
1e-9 of the learning rate. So BOUND, 1e-9, is generous to rounding; a mean of means of shares of 3 and 2 rows, batch
norm within a share, or a loss of a share alone are off by 1e-2 and more. The mean of weights is kept in float32, where
numbers of size 1 lie 1e-7 apart: BOUND_OF_MEANS.
"""

import functools
import os
import signal
import time

import numpy as np
import pytest
import torch
from torch import nn

from tests.training import toys
from tests.training.together import SECONDS, ended, start, together
from voxdag.core import ranks
from voxdag.core.errors import Refused
from voxdag.networks import by_name
from voxdag.tasks import scoring_loop
from voxdag.tasks.affect.learner import concordance
from voxdag.training.batches import Batches, EpochOrder, LoaderSettings, whole
from voxdag.training.distributed import share, sum_gradients
from voxdag.training.early_stopping import StoppingRules

BOUND, BOUND_OF_MEANS = 1e-9, 1e-6
UNEVEN = 5  # recordings of a batch: 3 and 2


def undropped(network):
    """Without dropout of any kind, in float64."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if hasattr(module, "share"):  # DropPath
            module.share = 0.0
    return network.double()


class Exact(toys.Regression):
    """In float64, without dropout; `torn` rows have no target."""

    def __init__(self, made, torn=()):
        super().__init__(made, network=undropped(toys.small_network()))
        self.x, self.y = self.x.double(), self.y.double()
        targets = self.y.clone()
        targets[list(torn)] = torch.nan
        self._batches = Batches(toys.Rows(x=self.x, y=targets), LoaderSettings(UNEVEN, 0, toys.CPU, 0))


class Accumulating(toys.Accumulating, Exact):
    pass


class Concordant(Exact):
    def loss(self, batch):
        return 1 - concordance(batch["y"], self.network(batch["x"])).mean()


class TwoHeaded(toys.TwoHeaded):
    def __init__(self, made):
        columns = {name: value.double() if value.is_floating_point() else value for name, value in self.three().items()}
        super().__init__(made, columns)
        self.network.double()

    @staticmethod
    def three():
        return toys.two_heads()


class Gan(toys.Gan):
    def __init__(self, made):
        super().__init__(made)
        self.real, self.past = self.real.double(), self.past.double()
        for network in self.networks.values():
            undropped(network)

    def batches(self, epoch, first):
        return ({name: rows.double() for name, rows in batch.items()} for batch in super().batches(epoch, first))

    def criteria(self):
        made = self.networks["generator"](torch.linspace(-1, 1, 96).double().view(32, 3))
        return {"mse": ((made.mean(0) - self.real.mean(0)) ** 2).mean().item()}


LEARNERS = {
    "one loss": Exact,
    "several losses of an update": Accumulating,
    "a loss of the batch as one": Concordant,
    "targets of two heads": TwoHeaded,
    "a GAN": Gan,
    "targets that are not there": functools.partial(Exact, torn=[3, 17]),
}


def trained(folder, name):
    """All numbers that a learner's training ends with."""
    size = {"targets of two heads": 3, "a GAN": toys.BATCH}.get(name, UNEVEN)
    finished = toys.loop(folder / name, LEARNERS[name], batch_size=size, epochs=2, max_nonfinite=9)
    progress = finished.run()
    networks = {of: network.state_dict() for of, network in finished.learner.networks.items()}
    given = {f"{of} {key}": value.clone() for of, network in networks.items() for key, value in network.items()}
    finished.load_average()
    given |= {f"averaged {key}": value.clone() for key, value in finished.network.state_dict().items()}
    rows = [[float(value) for value in row.values()] for row in progress.history]
    return given | {"history": torch.tensor(rows, dtype=torch.float64)}


NETWORKS = {
    "aasist": ("aasist", "aasist_s", {}, [(12000,)]),
    "layer_pooling": ("layer_pooling", "quick", {}, [(12000,)]),
    "tier1": ("tier1", "tier1_2d", {}, [(64, 60), 60]),
    "ast": ("ast", "quick", {}, [(64, 128), 128]),
    "bsrnn": ("bsrnn", "quick", {"norm": "batch"}, [(8000,), 8000]),
    "metric_discriminator": ("metric_discriminator", "half", {}, [(257, 40), (257, 40)]),
}


def gradients(folder, name):
    """Of a network's parameters, for a loss that no row of a batch has alone, and its buffers, after two passes."""
    torch.manual_seed(0)
    module, config, changes, shapes = NETWORKS[name]
    network = undropped(by_name.build(module, config, changes, 2 if name != "bsrnn" else 1)).train()
    share([network])
    rng = np.random.default_rng(1)
    for _ in range(2):
        inputs = [
            torch.tensor(rng.normal(size=(UNEVEN, *shape)))
            if isinstance(shape, tuple)
            else torch.tensor([shape, shape // 2, shape, shape - 7, shape])
            for shape in shapes
        ]
        given = network(*inputs)
        outputs = given[-1] if isinstance(given, tuple) else given
        (outputs.std(0).mean() + outputs.square().mean()).backward()
    sum_gradients(network.parameters())
    found = {key: value.grad for key, value in network.named_parameters() if value.grad is not None}
    return {f"gradient {key}": value for key, value in found.items()} | dict(network.named_buffers())


def drawn(folder):
    """What dropout leaves of ones, what is drawn after it, and the same again."""
    network = nn.Sequential(nn.Dropout(0.5))
    share([network])
    given = {}
    for name in ("first", "again"):
        torch.manual_seed(1)
        given |= {name: network(torch.ones(4, 200)), f"after {name}": torch.rand(3)}
    return given


class Recordings(list):
    """Of which one batch of two is one recording."""


def scored(folder, batches):
    """Of five recordings, what a network says, in float32."""
    torch.manual_seed(3)
    network = nn.Linear(40, 2)
    rng = np.random.default_rng(2)
    recordings = Recordings(np.int16(rng.normal(0, 3000, 40)) for _ in range(5))
    size = -(-5 // int(batches))
    return torch.from_numpy(
        scoring_loop.score(
            network,
            recordings,
            scoring_loop.in_order(recordings, size),
            functools.partial(scoring_loop.crops, length=40),
            lambda waves, lengths, rows: network(waves),
            toys.CPU,
        )
    )


def joined_batch(folder):
    """A batch of which each process has a share: rows of other lengths, and what has none."""
    first = ranks.is_first()
    rows = torch.arange(6).view(2, 3) if first else torch.tensor([[7]])
    return whole({"rows": rows, "of": torch.ones(len(rows), dtype=torch.bool), "epoch": torch.tensor(int(first))})


def dealt(folder):
    """(epoch, i) of the batches of an epoch, as this process is given them."""
    return [[list(item) for item in batch] for batch in EpochOrder(17, UNEVEN, 3)]


def too_few(folder):
    with pytest.raises(Refused, match="batch_size is 1, expected 2 or more: one item for each process"):
        EpochOrder(17, 1, 3)


def unlike(folder):
    """Each process has come to weights of its own, and reads a folder of its own."""
    run = toys.loop(folder / f"unlike-{ranks.rank()}", toys.Regression)
    with pytest.raises(Refused, match="the hash of the weights after epoch 1 is '.*' in process 0 and '.*' in process"):
        with torch.no_grad():
            run.network[0].bias += ranks.rank()
        run.run()
    toys.loop(folder / "ahead", toys.Regression, epochs=1).run()
    with pytest.raises(Refused, match="the step at which training begins is 6 in process 0 and 0 in process 1: exp"):
        toys.loop(folder / ("ahead" if ranks.is_first() else "empty"), toys.Regression).run()


def rows_of_others(folder):
    """Networks that give something else than a row for each recording."""
    for given in (lambda x: x.sum(), lambda x: (x, x[:1].repeat(7, 1)), lambda x: 3):
        network = toys.Lambda(given)
        share([network])
        with pytest.raises(Refused, match="Lambda gives .* of . recordings: with several processes expected"):
            network(torch.ones(4, 2))


def everything(folder):
    """Each of the above that needs no more than two processes."""
    given = {f"trained {name}": trained(folder, name) for name in LEARNERS}
    given |= {f"gradients {name}": gradients(folder, name) for name in NETWORKS}
    given |= {f"scored {batches}": scored(folder, batches) for batches in "135"}
    for check in (too_few, unlike, rows_of_others):
        check(folder)
    return given | {"drawn": drawn(folder), "joined": joined_batch(folder), "dealt": dealt(folder)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def two(folder):
    return together(everything, folder)


def check_close(found, expected):
    assert found.keys() == expected.keys() and found
    for name, value in expected.items():
        size = value.abs().nan_to_num().max().clamp(min=1).item() if value.is_floating_point() else 1.0
        bound = size * (BOUND_OF_MEANS if name.startswith("averaged") else BOUND)
        torch.testing.assert_close(found[name], value, rtol=0, atol=bound, equal_nan=True, msg=f"{name}: {{}}".format)


@pytest.mark.parametrize("name", LEARNERS)
def test_two_processes_train_as_one_does(two, tmp_path, name):
    alone = trained(tmp_path, name)
    for of_process in two:
        check_close(of_process[f"trained {name}"], alone)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_statistics_of_the_networks_are_those_of_one_process(two, tmp_path, name):
    alone = gradients(tmp_path, name)
    for of_process in two:
        check_close(of_process[f"gradients {name}"], alone)


def test_processes_end_with_equal_bytes(two):
    for name in LEARNERS:
        first, second = (of_process[f"trained {name}"] for of_process in two)
        assert all(torch.equal(value.nan_to_num(), second[key].nan_to_num()) for key, value in first.items())


def test_an_update_without_a_target_of_one_process_is_skipped_in_all(two):
    # 4 batches of 5 of 24: each of two epochs has rows 3 and 17 but where they are left out; the last column but one
    for of_process in two:
        history = of_process["trained targets that are not there"]["history"]
        assert history[:, -2].sum() >= 2


def test_one_process_writes(two, folder):
    # the other's folder of weights that differ has been made by nobody
    assert (folder / "one loss/state.pt").is_file()
    assert (folder / "ahead").is_dir() and not (folder / "empty").exists() and not (folder / "unlike-1").exists()


def test_processes_drop_other_rows_and_draw_alike_elsewhere(two):
    first, second = (of_process["drawn"] for of_process in two)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    kept = first["first"]
    assert torch.equal(kept, first["again"]) and torch.equal(first["after first"], first["after again"])
    assert not torch.equal(kept[:2], kept[2:]) and set(kept.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("batches", "135")
def test_what_is_scored_has_the_bytes_of_one_process(two, tmp_path, batches):
    alone = scored(tmp_path, batches)
    assert all(torch.equal(of_process[f"scored {batches}"], alone) for of_process in two)


def test_a_batch_is_put_together_in_the_order_of_the_processes(two):
    for of_process in two:
        joined = of_process["joined"]
        assert joined["rows"].tolist() == [[0, 1, 2], [3, 4, 5], [7, 0, 0]]
        assert joined["of"].tolist() == [True] * 3 and joined["epoch"].item() == 1


def test_processes_share_out_the_batches_of_one(two, tmp_path):
    shares = [of_process["dealt"] for of_process in two]
    assert [[len(batch) for batch in of_process] for of_process in shares] == [[3] * 3, [2] * 3]
    assert [a + b for a, b in zip(*shares, strict=True)] == dealt(tmp_path)


def killed(folder, at, *which):
    """Train until a process of `which` is killed before its `at`-th step; of 0: to the end."""
    steps = iter(range(1, 10_000))

    def fault():
        if next(steps) == int(at) and str(ranks.rank()) in which:
            os.kill(os.getpid(), signal.SIGKILL)

    run = toys.loop(folder / "state", lambda made: toys.Regression(made, fault))
    run.run()
    own = folder / f"process-{ranks.rank()}"
    own.mkdir(exist_ok=True)
    *weights, _events = toys.all_bytes(run, own)
    events = (folder / "state/events.jsonl").read_bytes()  # which the first process has written
    return [torch.frombuffer(bytearray(part), dtype=torch.uint8) for part in [*weights, events]]


def in_bytes(of_process):
    return [part.numpy().tobytes() for part in of_process]


def test_a_run_whose_processes_are_killed_goes_on_to_the_bytes_of_an_unbroken_one(tmp_path):
    (tmp_path / "unbroken").mkdir()
    unbroken, same = map(in_bytes, together(killed, tmp_path / "unbroken", "0"))
    assert unbroken == same
    first, second = start(killed, tmp_path, "4", "1")  # 3 steps are done
    assert second.wait(SECONDS) == -signal.SIGKILL
    died = time.monotonic()
    ((status, said),) = ended([first])
    assert status == 1 and time.monotonic() - died < 60
    lines = [line for line in said.splitlines() if "error" in line]
    assert len(lines) == 1 and "error: another process has ended, or has not answered for 5 minutes" in lines[0]
    second.communicate()
    (first, _), (second, said) = ended(start(killed, tmp_path, "5", "0"))  # 4 more
    assert (first, second) == (-signal.SIGKILL, 1) and "process 1 of 0 to 1: error: another process has" in said
    both = ended(start(killed, tmp_path, "6", "0", "1"))
    assert [status for status, _ in both] == [-signal.SIGKILL] * 2
    resumed = together(killed, tmp_path, "0")
    assert in_bytes(resumed[0]) == unbroken == in_bytes(resumed[1])


def hang(folder):
    if not ranks.is_first():
        time.sleep(3600)
    ranks.meet()


def test_a_process_that_hangs_is_waited_for_no_longer_than_the_bound(tmp_path):
    first, second = start(hang, tmp_path, seconds=3)
    try:
        ((status, said),) = ended([first])
        assert status == 1 and "error: another process has ended, or has not answered for 0.05 minutes" in said
        assert second.poll() is None
    finally:
        second.kill()
        second.communicate()


def raise_own(folder):
    if not ranks.is_first():
        raise Refused("shard 3 is cut off")
    ranks.meet()


def test_what_is_wrong_in_one_process_is_said_by_it(tmp_path):
    (first, said), (second, own) = ended(start(raise_own, tmp_path))
    assert (first, second) == (1, 1) and "another process has ended" in said
    assert own.strip().endswith("process 1 of 0 to 1: error: shard 3 is cut off")


def test_undefined_targets_leave_a_rule_something_to_look_at():
    # what the comparison above rests on: the toy's criterion does not see the targets that are taken away
    learner = Exact(toys.recipe(batch_size=UNEVEN, stopping=StoppingRules("mse", None, 0.0, 0.0, 1)), torn=[3])
    assert np.isfinite(learner.criteria()["mse"])
