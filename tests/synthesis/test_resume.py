"""A GAN that is killed anywhere and started again ends with the same bytes: weights, history, recordings."""

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.synthesis.making import (
    CPU,
    DCGAN,
    MELS,
    conditions_of,
    gan_of,
    learner_of,
    loop_of,
    settings_of,
)
from tests.training.toys import KillAt, Killed, nothing
from voxdag.networks.frozen import trained_state
from voxdag.synthesis import fit
from voxdag.synthesis.collapse import Collapsed, Limits
from voxdag.synthesis.learner import AVERAGE, DISCRIMINATOR, GENERATOR

EXTRA = {"extra": 1, "extra_above": 0.0}  # an update of the generator more where both kinds are told sometimes


FORMS = {
    "relativistic": gan_of(**EXTRA),
    "hinge with spectral norm": gan_of(loss={"form": "hinge", "spectral_norm": True, "r2": 0.0}),
    "bce with dropout and batch norm": gan_of(generator=DCGAN[0], discriminator=DCGAN[1], loss={"form": "bce"}),
}


def mels_of(gan):
    return replace(MELS, frames=64) if gan.generator is DCGAN[0] else MELS


def breaking(packed, folder, gan=FORMS["relativistic"], fault=nothing):
    """A loop that saves after every step, and calls `fault` before every update and before every saved state."""
    one = learner_of(packed, gan, mels=mels_of(gan))
    loop = loop_of(one, folder / "state")
    step, save = one.step, loop.run_state.save

    def broken_step(batch, update):
        def broken(name, loss):
            fault()
            return update(name, loss)

        broken.step = update.step
        return step(batch, broken)

    def broken_save(*words):
        fault()
        save(*words)

    one.step, loop.run_state.save = broken_step, broken_save
    return loop


def bytes_of(packed, loop, gan):
    """All that a finished run leaves: weights, what it carries, the history, and the recordings that it makes."""
    parts = [
        tensor.numpy().tobytes()
        for network in loop.learner.networks.values()
        for tensor in trained_state(network).values()
    ]
    settings = settings_of(gan=gan, mels=mels_of(gan))
    made = list(fit.recordings(loop.learner, conditions_of(packed), settings, CPU))
    parts += [json.dumps([about for about, _ in made]).encode(), *(wave.tobytes() for _, wave in made)]
    return [*parts, json.dumps([loop.progress.history, loop.learner.state()]).encode()]


def killed_and_resumed(packed, folder, kill_at, gan=FORMS["relativistic"], before_resume=nothing):
    fault = KillAt(kill_at)
    with contextlib.suppress(Killed):
        breaking(packed, folder, gan, fault).run()
    assert fault.calls == kill_at, "the run was not killed"
    torch.manual_seed(kill_at)  # as in another process
    resumed = breaking(packed, folder, gan)
    before_resume(resumed)
    resumed.run()
    return bytes_of(packed, resumed, gan)


@pytest.fixture(scope="module")
def unbroken(packed, tmp_path_factory):
    found = {}
    for name, gan in FORMS.items():
        calls = KillAt(-1)
        loop = breaking(packed, tmp_path_factory.mktemp("unbroken"), gan, calls)
        loop.run()
        found[name] = bytes_of(packed, loop, gan), calls.calls
    return found


def test_the_runs_have_the_calls_that_they_are_killed_at(unbroken):
    # two updates a step, and in some one more of the generator; 9 states of steps, 3 of epochs
    assert [calls for _, calls in unbroken.values()][1:] == [18 + 12] * 2
    assert 18 + 12 < unbroken["relativistic"][1] <= 27 + 12


DRAWN = np.random.default_rng(5).permutation(np.arange(1, 31))[:20].tolist()


@pytest.mark.parametrize("call", DRAWN)
def test_a_run_killed_anywhere_ends_with_the_same_bytes(packed, tmp_path, unbroken, call):
    assert killed_and_resumed(packed, tmp_path, call) == unbroken["relativistic"][0]


@pytest.mark.parametrize(("name", "call"), list(zip(list(FORMS)[1:], (8, 18), strict=True)))
def test_other_forms_end_with_the_same_bytes(packed, tmp_path, unbroken, name, call):
    assert killed_and_resumed(packed, tmp_path, call, FORMS[name]) == unbroken[name][0]


@pytest.mark.parametrize(
    "forget",
    [
        lambda run: setattr(run.learner, "load", nothing),
        lambda run: setattr(run.learner.networks[AVERAGE], "load_state_dict", nothing),
        lambda run: setattr(run.learner.networks[DISCRIMINATOR], "load_state_dict", nothing),
        lambda run: setattr(run.learner.optimizers[DISCRIMINATOR], "load_state_dict", nothing),
        lambda run: setattr(run.learner.optimizers[GENERATOR], "load_state_dict", nothing),
    ],
    ids=["the watch", "the average", "the discriminator", "the discriminator's optimizer", "the generator's optimizer"],
)
def test_control_without_a_part_of_the_state_the_run_differs(packed, tmp_path, unbroken, forget):
    assert killed_and_resumed(packed, tmp_path, 20, before_resume=forget) != unbroken["relativistic"][0]


def test_a_collapse_is_told_in_the_same_epoch_after_a_kill(packed, tmp_path):
    gan = gan_of(collapse=Limits(accuracy=0.0, epochs=3, diversity=0.0))  # some of both kinds are told in every epoch

    def epochs_seen(loop):
        with pytest.raises(Collapsed, match="for 3 epochs the discriminator told more than 0"):
            loop.run()
        return loop.progress.epoch

    assert epochs_seen(breaking(packed, tmp_path / "unbroken", gan)) == 2
    fault = KillAt(18)  # in the second epoch
    with contextlib.suppress(Killed):
        breaking(packed, tmp_path / "killed", gan, fault).run()
    resumed = breaking(packed, tmp_path / "killed", gan)
    assert epochs_seen(resumed) == 2
    control = breaking(packed, tmp_path / "killed", gan)
    control.learner.load = nothing
    assert control.run().epoch == 3


def test_another_seed_gives_other_bytes(packed, tmp_path, unbroken):
    one = learner_of(packed, FORMS["relativistic"], seed=2)
    loop = loop_of(one, tmp_path)
    loop.run()
    assert bytes_of(packed, loop, FORMS["relativistic"]) != unbroken["relativistic"][0]
