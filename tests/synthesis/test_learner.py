"""A step of a GAN moves what it should."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.synthesis.making import (
    CPU,
    DCGAN,
    GAN,
    MELS,
    gan_of,
    learner_of,
    loop_of,
    packed_in,
    recipe_of,
)
from voxdag.core.errors import Refused
from voxdag.networks.by_name import Further
from voxdag.synthesis.learner import AVERAGE, DISCRIMINATOR, GENERATOR
from voxdag.training.updater import Updater

STEPS = 3  # of an epoch: 12 recordings, 4 of a batch


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
        loss = {"form": form, "mismatched": 0.0}
        one = learner_of(packed, gan_of(loss=loss, augmentation=replace(GAN.augmentation, probability=0.0)))
        logits = iter([torch.tensor([3.0, 1.0, 5.0, 7.0]), torch.tensor([2.0, 1.0, 4.0, 1.0])])
        one.networks[DISCRIMINATOR].forward = lambda *_, one=one, logits=logits: (
            next(logits) + 0 * one.networks[DISCRIMINATOR].logit.bias
        )
        fake = torch.zeros(4, 16, 16)
        said = one._discriminate(fake, fake, torch.zeros(4, 2), Quiet(step=1))
        found[form] = (said["real_accuracy"], said["fake_accuracy"])
    # the middle of 4 and 2 is 3: of real 5 and 7 lie above it, of fakes 2, 1 and 1 below
    assert found == {"relativistic": (0.5, 0.75), "hinge": (1.0, 0.0)}


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_real_recordings_under_the_conditions_of_others_count_as_their_weight_says(packed, weight):
    one = learner_of(packed, gan_of(loss={"mismatched": weight}))
    real, fake, others = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, -1.0]])
    logits = iter([torch.tensor(values) for values in (real, fake, others)])
    one.networks[DISCRIMINATOR].forward = lambda *_: next(logits) + 0 * one.networks[DISCRIMINATOR].logit.bias
    nothing = torch.zeros(2, 16, 16)
    said = one._discriminate(nothing, nothing, torch.eye(2), Quiet(step=1))
    # relativistic: softplus of what is to be lower minus what is to be higher
    expected = np.log1p(np.exp(fake - real)).mean() + weight * np.log1p(np.exp(others - real)).mean()
    assert said[DISCRIMINATOR] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("told", "counted"),
    [([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [0, 1]), ([[0.0, 1.0]] * 3, [])],
    ids=["two of three", "none"],
)
def test_a_recording_whose_neighbour_has_its_own_condition_is_not_under_anothers(packed, told, counted):
    one = learner_of(packed, gan_of(loss={"mismatched": 2.0}))
    real, fake, others = np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 0.3], [3.0, -1.0, 9.0]])
    logits = iter([torch.tensor(values) for values in (real, fake, others)])
    one.networks[DISCRIMINATOR].forward = lambda *_: next(logits) + 0 * one.networks[DISCRIMINATOR].logit.bias
    nothing = torch.zeros(3, 16, 16)
    said = one._discriminate(nothing, nothing, torch.tensor(told), Quiet(step=1))
    of_others = np.log1p(np.exp(others - real))[counted]
    expected = np.log1p(np.exp(fake - real)).mean() + 2 * (of_others.mean() if counted else 0)
    assert said[DISCRIMINATOR] == pytest.approx(expected, rel=1e-6)


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
    real, fake, others, *of_generator = seen
    assert len(of_generator) == 2 and all(torch.equal(told, real) for told in (fake, *of_generator))
    assert torch.equal(others, real.roll(1, 0))  # a real one under the condition of the next
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
