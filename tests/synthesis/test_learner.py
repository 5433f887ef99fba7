"""A step of a GAN moves what it should, and a run that is killed and started again ends with the same bytes."""

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.synthesis.making import (
    CPU,
    DCGAN,
    GAN,
    MELS,
    conditions_of,
    gan_of,
    learner_of,
    packed_in,
    recipe_of,
    settings_of,
)
from tests.training.toys import KillAt, Killed, nothing
from voxdag.core.errors import Refused
from voxdag.networks.by_name import Further
from voxdag.networks.frozen import trained_state
from voxdag.synthesis import fit
from voxdag.synthesis.collapse import Collapsed, Limits
from voxdag.synthesis.learner import AVERAGE, DISCRIMINATOR, GENERATOR
from voxdag.training.loop import Loop
from voxdag.training.run_state import RunState
from voxdag.training.updater import Updater

STEPS = 3  # of an epoch: 12 recordings, 4 of a batch
EXTRA = {"extra": 1, "extra_above": 0.0}  # an update of the generator more where both kinds are told sometimes


def parameters(one):
    return {
        name: [parameter.detach().clone() for parameter in network.parameters()]
        for name, network in one.networks.items()
    }


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


class Watched:
    """Updates as a learner makes them; of each, its name, and which networks it moved."""

    def __init__(self, one, step=0):
        self.one, self.updater = one, Updater(one.optimizers, recipe_of(), 1, CPU)
        self.updater.begin(step, 1e-2)
        self.step, self.moved = step, []

    def __call__(self, name, loss):
        before = parameters(self.one)
        value = self.updater(name, loss)
        after = parameters(self.one)
        self.moved.append((name, {network for network in before if not same(before[network], after[network])}))
        return value


def stepped(one, step=0):
    update = Watched(one, step)
    return one.step(next(one.batches(0, 0)), update), update


@pytest.mark.parametrize("loss", [{}, {"form": "hinge", "spectral_norm": True}, {"form": "bce"}])
def test_each_update_moves_its_own_network_alone(packed, loss):
    _, update = stepped(learner_of(packed, gan_of(loss=loss)))
    assert update.moved == [(DISCRIMINATOR, {DISCRIMINATOR}), (GENERATOR, {GENERATOR})]


def test_the_average_follows_the_generator_by_its_share(packed):
    one = learner_of(packed, gan_of(average=0.8))
    before = parameters(one)
    assert same(before[AVERAGE], before[GENERATOR])
    stepped(one)
    after = parameters(one)
    for mean, old, new in zip(after[AVERAGE], before[GENERATOR], after[GENERATOR], strict=True):
        assert torch.allclose(mean, 0.8 * old + 0.2 * new, atol=1e-7)
    assert not same(after[AVERAGE], after[GENERATOR])


def test_the_average_has_the_running_statistics_of_the_generator(packed):
    mels = replace(MELS, frames=64)
    one = learner_of(packed, gan_of(generator=DCGAN[0], discriminator=DCGAN[1]), mels=mels)
    stepped(one)
    for mean, now in zip(one.networks[AVERAGE].buffers(), one.networks[GENERATOR].buffers(), strict=True):
        assert torch.equal(mean, now)


@pytest.mark.parametrize(("extra", "above", "updates"), [(2, 0.0, 3), (2, 1.0, 1), (0, 0.0, 1)])
def test_the_generator_is_updated_more_often_where_the_discriminator_tells_too_many(packed, extra, above, updates):
    one = learner_of(packed, gan_of(extra=extra, extra_above=above, lr_ratios=(1.0, 1.0)))
    one.networks[DISCRIMINATOR].forward = told_by_level(one)
    said, update = stepped(one)
    assert min(said["real_accuracy"], said["fake_accuracy"]) > 0.5
    assert [name for name, _ in update.moved] == [DISCRIMINATOR] + [GENERATOR] * updates


def told_by_level(one):
    """A discriminator that tells real from made-up spectrograms by how much the bands differ, and learns nothing."""
    weight = one.networks[DISCRIMINATOR].logit.bias
    return lambda spectrograms, told: 100 * (spectrograms.std((1, 2)) - 0.1) + 0 * weight


def test_accuracies_of_pairs_are_about_the_middle_and_of_others_about_nought(packed):
    found = {}
    for form in ("relativistic", "hinge"):
        one = learner_of(packed, gan_of(loss={"form": form}, augmentation=replace(GAN.augmentation, probability=0.0)))
        logits = iter([torch.tensor([3.0, 1.0, 5.0, 7.0]), torch.tensor([2.0, 1.0, 4.0, 1.0])])
        one.networks[DISCRIMINATOR].forward = lambda *_, one=one, logits=logits: (
            next(logits) + 0 * one.networks[DISCRIMINATOR].logit.bias
        )
        fake = torch.zeros(4, 16, 16)
        said = one._discriminate(fake, fake, torch.zeros(4, 2), Quiet(step=1))
        found[form] = (said["real_accuracy"], said["fake_accuracy"])
    # the middle of 4 and 2 is 3: of real 5 and 7 lie above it, of fakes 2, 1 and 1 below
    assert found == {"relativistic": (0.5, 0.75), "hinge": (1.0, 0.0)}


class Quiet:
    """Makes no update."""

    def __init__(self, step):
        self.step = step

    def __call__(self, name, loss):
        return float(loss.detach())


def test_the_discriminator_sees_real_recordings_and_fakes_under_the_same_conditions(packed):
    one, seen = learner_of(packed), []
    forward = one.networks[DISCRIMINATOR].forward
    one.networks[DISCRIMINATOR].forward = lambda shown, told: seen.append(told) or forward(shown, told)
    stepped(one, step=5)
    assert len(seen) == 4 and all(torch.equal(told, seen[0]) for told in seen)
    batch = next(one.batches(0, 0))
    labels = one.conditions.labels[batch["labels"].numpy()]
    off = seen[0].numpy() - labels
    assert (off != 0).all() and np.abs(off).max() < 5 * one.conditions.spread.max()


def test_learning_rates_have_their_ratios_and_fade_by_epochs(packed, tmp_path):
    one, used = learner_of(packed, gan_of(decay=0.5)), []
    loop, step = loop_of(one, tmp_path), one.step

    def remember(batch, update):
        said = step(batch, update)
        used.append([one.optimizers[name].param_groups[0]["lr"] for name in (GENERATOR, DISCRIMINATOR)])
        return said

    one.step = remember
    loop.run()
    again = learner_of(packed, gan_of(decay=0.5))
    resumed = loop_of(again, tmp_path)
    resumed.resume()
    loop.updater.begin(8, 1.0), resumed.updater.begin(8, 1.0)
    assert again.optimizers[GENERATOR].param_groups[0]["lr"] == one.optimizers[GENERATOR].param_groups[0]["lr"] == 0.25
    expected = [[loop.schedule(k) * ratio * 0.5 ** (k // STEPS) for ratio in (1.0, 0.5)] for k in range(3 * STEPS)]
    np.testing.assert_allclose(used, expected, rtol=1e-12)


def loop_of(one, folder):
    return Loop(one, recipe_of(), 1, CPU, RunState(folder, 0.0, {}))


def test_nothing_is_chosen_on_dev_and_the_history_says_what_was_seen(packed, tmp_path):
    loop = loop_of(learner_of(packed), tmp_path)
    progress = loop.run()
    assert progress.best == {} and not list(tmp_path.glob("best_*")) and progress.epoch == 3
    assert loop.columns() == [
        "epoch", "step", "lr", "train_real_accuracy", "train_fake_accuracy", "train_discriminator", "train_generator",
        "grad_norm_discriminator", "grad_norm_generator", "skipped",
    ]  # fmt: skip


def test_what_goes_in_is_noise_and_a_condition(packed):
    one = learner_of(packed)
    noise, told = one.inputs(next(one.batches(0, 0)))
    assert noise.shape == (4, 6) and told.shape == (4, 2)
    assert one.networks[AVERAGE](noise, told).shape == (4, 16, 16)


def test_diversity_is_a_share_of_trains(packed):
    one = learner_of(packed)
    config, scaled, real = one.networks[AVERAGE].config, one.spectrograms, []
    one.spectrograms = lambda waves: real.append(scaled(waves)) or real[-1]
    one.networks[AVERAGE] = Given(config, torch.zeros(12, 16, 16))
    assert one.diversity() == 0
    one.networks[AVERAGE] = Given(config, 0.5 * real[0])
    assert one.diversity() == pytest.approx(0.5)
    one.networks[AVERAGE] = Given(config, torch.full((12, 16, 16), torch.nan))
    assert np.isnan(one.diversity())


class Given:
    """A generator that makes what it is given."""

    def __init__(self, config, made):
        self.config, self.made = config, made

    def __call__(self, noise, told):
        assert noise.shape == (len(self.made), self.config.noise) and told.shape == (len(self.made), 2)
        return self.made


def test_recordings_that_all_sound_the_same_are_refused(tmp_path):
    one = learner_of(packed_in(tmp_path, 4, samples=(2300, 2301)))
    one.spectrograms = lambda waves: torch.zeros(len(waves), 16, 16)
    with pytest.raises(Refused, match="4 recordings of train sound the same: a generator has nothing to learn"):
        one.diversity()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generator": Further("mel_generator", "quick", {})}, "makes 64 bands x 128 frames, mels has 16 x 16"),
        ({"generator": Further("aasist", "aasist_s", {})}, "generator.network is aasist, which takes .*noise and cond"),
        ({"discriminator": Further("mel_probe", "quick", {})}, "discriminator.network is mel_probe, which takes spec"),
        ({"discriminator": DCGAN[1]}, "discriminator dcgan_discriminator takes no 16 bands x 16 frames: mat1 and mat2"),
    ],
)
def test_networks_that_are_no_gans_are_refused(packed, change, message):
    with pytest.raises(Refused, match=message):
        learner_of(packed, gan_of(**change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr_ratios": (1.0, 0.0)}, r"lr_ratios is \(1.0, 0.0\), expected more than 0"),
        ({"lr_ratios": (1.0, 1.0, 1.0)}, r"lr_ratios is \[1.0, 1.0, 1.0\], expected two: of generator and discrim"),
        ({"decay": 0.0}, "decay is 0.0, expected more than 0"),
        ({"decay": 1.1}, "decay is 1.1, expected 0 to 1"),
        ({"average": 1.0}, "average is 1.0, expected from 0 to below 1"),
        ({"extra": -1}, "extra is -1, expected 0 or more"),
        ({"extra_above": 1.5}, "extra_above is 1.5, expected 0 to 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    with pytest.raises(Refused, match=message):
        gan_of(**change)


# A run that is killed and started again

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
