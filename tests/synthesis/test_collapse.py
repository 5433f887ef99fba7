"""A GAN that has collapsed is told, with what was seen of it; one that has not is left alone."""

import math
from dataclasses import replace

import pytest
import torch

from tests.synthesis.making import (
    DCGAN,
    MELS,
    RATE,
    conditions_of,
    gan_of,
    packed_in,
    place_in,
    recipe_of,
    settings_of,
)
from voxdag.core.errors import Refused
from voxdag.networks.by_name import Further
from voxdag.synthesis import fit
from voxdag.synthesis.collapse import Collapsed, Limits, Watch, distance

LIMITS = Limits(accuracy=0.98, epochs=3, diversity=0.2)


def watched(history, limits=LIMITS):
    """The 1-based epoch in which a watch says that a GAN has collapsed; history: (real, fake) of each epoch."""
    watch = Watch()
    for epoch, (real, fake) in enumerate(history, start=1):
        for offset in (-0.005, 0.005):  # two steps, whose mean it is
            watch.add(real + offset, fake + offset, 0.25, 7.5)
        try:
            watch.end_epoch(limits, None)
        except Collapsed:
            return epoch
    return None


TOLD, NOT = (0.99, 0.99), (0.99, 0.97)


@pytest.mark.parametrize(
    ("history", "epoch"),
    [
        ([TOLD] * 4, 3),
        ([TOLD, TOLD, NOT, TOLD, TOLD, TOLD], 6),  # in a row
        ([TOLD, TOLD, NOT] * 3, None),
        ([(1.0, 0.9)] * 9, None),  # both kinds
        ([(0.98, 0.98)] * 9, None),  # above the limit, not at it
        ([(math.nan, math.nan)] * 9, None),
    ],
)
def test_a_discriminator_that_tells_all_for_so_many_epochs_is_a_collapse(history, epoch):
    assert watched(history) == epoch


def test_it_says_what_it_saw():
    watch = Watch(in_a_row=2)
    watch.add(1.0, 0.99, 0.001, 98.7)
    message = (
        "the GAN has collapsed: for 3 epochs the discriminator told more than 0.98 of real and of fake recordings "
        r"\(now 1.000 and 0.990\), losses 0.001 \(discriminator\) and 98.7 \(generator\): the generator learns nothing"
    )
    with pytest.raises(Collapsed, match=message):
        watch.end_epoch(LIMITS, None)


@pytest.mark.parametrize(("diversity", "collapsed"), [(0.19, True), (math.nan, True), (0.2, False), (1.4, False)])
def test_one_thing_of_any_noise_is_a_collapse(diversity, collapsed):
    watch = Watch()
    watch.add(0.5, 0.5, 0.7, 0.7)
    if not collapsed:
        watch.end_epoch(LIMITS, diversity)
        return
    with pytest.raises(Collapsed, match=rf"two recordings that it makes lie {diversity:.3g} as far apart .*is 0.2\)"):
        watch.end_epoch(LIMITS, diversity)


def test_an_epoch_begins_anew():
    watch = Watch()
    watch.add(1.0, 1.0, 3.0, 4.0)
    watch.end_epoch(LIMITS, None)
    assert watch == Watch(in_a_row=1)


def test_the_distance_is_of_each_to_the_next():
    # 0 to 3, 3 to 3, 3 to 0: root mean squares 3, 0 and 3
    levels = torch.tensor([0.0, 3.0, 3.0])
    assert distance(levels[:, None, None].expand(3, 2, 5)) == pytest.approx(2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accuracy": 1.1}, "accuracy is 1.1, expected a share"),
        ({"epochs": 0}, "epochs is 0, expected 1 or more"),
        ({"diversity": -0.1}, "diversity is -0.1, expected a share"),
    ],
)
def test_limits_that_cannot_be_are_refused(change, message):
    with pytest.raises(Refused, match=message):
        replace(LIMITS, **change)


# The published GAN and the default form on the same recordings


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return packed_in(tmp_path_factory.mktemp("tones"), 24, samples=(9000, 12000))


def made(packed, folder, **changes):
    mels = replace(MELS, frames=64)
    settings = settings_of(mels=mels, train=recipe_of(epochs=6, batch_size=8, lr=2e-3, warmup=0), **changes)
    return list(fit.make(packed.track("wave"), conditions_of(packed), RATE, settings, place_in(folder, 1e9)))


LIMITS_SHORT = Limits(accuracy=0.95, epochs=2, diversity=0.2)


def test_the_published_gan_on_z_scores_collapses(tones, tmp_path):
    generator, discriminator = DCGAN
    loss = {"form": "bce", "r1": 0.0, "r2": 0.0}
    gan = gan_of(
        generator=generator, discriminator=discriminator, loss=loss, collapse=LIMITS_SHORT, lr_ratios=(0.1, 1.0),
        augmentation=replace(gan_of().augmentation, probability=0.0), decay=1.0,
    )  # fmt: skip
    with pytest.raises(Collapsed, match="told more than 0.95 of real and of fake recordings"):
        made(tones, tmp_path, gan=gan, range="z_score")


def test_the_default_form_on_the_same_recordings_does_not(tones, tmp_path):
    generator = Further(
        "mel_generator", "quick", {"bands": 16, "frames": 64, "noise": 8, "channels": 8, "cell": 4, "style": 8}
    )
    discriminator = Further("mel_discriminator", "quick", {"channels": 8, "cell": 4, "hidden": 8})
    gan = gan_of(
        generator=generator, discriminator=discriminator, collapse=LIMITS_SHORT, lr_ratios=(1.0, 1.0), decay=1.0
    )
    assert len(made(tones, tmp_path, gan=gan)) == 5
