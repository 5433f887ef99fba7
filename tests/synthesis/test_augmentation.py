"""What a discriminator sees: each change by itself, and gradients through all of them."""

import numpy as np
import pytest
import torch

from voxdag.core.errors import Refused
from voxdag.synthesis.augmentation import MOST, Augmentation

SHAPE = (400, 8, 20)


def changed(given=None, seed=0, **changes):
    torch.manual_seed(seed)
    given = torch.rand(SHAPE, generator=torch.Generator().manual_seed(1)) + 1 if given is None else given
    settings = {"probability": 0.5, "roll": 0.0, "cutout": 0.0, "gain": 0.0} | changes
    return given, Augmentation(**settings)(given)


def test_without_a_probability_it_is_the_identity_and_draws_nothing():
    given, found = changed(probability=0.0, roll=1.0, cutout=1.0, gain=1.0)
    state = torch.get_rng_state()
    assert found is given
    torch.manual_seed(0)
    assert torch.equal(state, torch.get_rng_state())


def test_a_roll_is_a_roll_of_all_bands_alike_as_far_as_it_says():
    given, found = changed(roll=0.25)
    shifts = [
        next(k for k in range(-10, 11) if torch.equal(a.roll(k, 1), b)) for a, b in zip(given, found, strict=True)
    ]
    # of 400, half are asked for; uniform over -5..5 but for the rounding at both ends, so 1 in 10 of those is 0
    assert set(shifts) == set(range(-5, 6))
    assert shifts.count(0) / 400 == pytest.approx(0.55, abs=5 * 0.025)
    assert abs(np.mean(shifts)) < 5 * 2.1 / 20


def test_a_gain_is_one_number_an_item_at_most_as_large_as_it_says():
    given, found = changed(gain=0.3)
    gains = (found - given).flatten(1)
    assert gains.std(1).max() < 1e-6 and gains.abs().max() <= 0.3
    moved = gains[:, 0][gains[:, 0].abs() > 1e-6]
    assert len(moved) / 400 == pytest.approx(0.5, abs=5 * 0.025)
    assert moved.std().item() == pytest.approx(0.3 / np.sqrt(3), rel=0.15)


def test_a_cutout_is_one_rectangle_of_nought_at_most_as_large_as_it_says():
    given, found = changed(cutout=0.5)
    holes = found == 0
    assert torch.equal(found[~holes], given[~holes])
    for hole in holes[holes.any(2).any(1)]:
        bands, frames = hole.any(1), hole.any(0)
        assert torch.equal(hole, bands[:, None] & frames) and bands.sum() <= 4 and frames.sum() <= 10
        assert all(run.diff().abs().sum() <= 2 for run in (bands.int(), frames.int()))  # one stretch
    assert holes.any(2).any(1).float().mean().item() == pytest.approx(0.5, abs=5 * 0.025)
    # a quarter of the middles lies so near to either end that a quarter of the span is lost, on the average: 4 - 2 / 4
    # bands and 10 - 2 * 2.5 / 4 frames
    cut = holes[holes.any(2).any(1)]
    assert cut.any(2).sum(1).float().mean().item() == pytest.approx(3.5, abs=0.25)
    assert cut.any(1).sum(1).float().mean().item() == pytest.approx(8.75, abs=0.6)


def test_a_cutout_lies_at_any_band_whatever_its_frames():
    _, found = changed(cutout=0.3)
    holes = (found == 0)[(found == 0).any(2).any(1)].float()
    places = [hole.nonzero().float().mean(0) for hole in holes]  # (band, frame) in the middle of each
    # of 200 that are independent, a correlation has a standard error of 0.07
    assert abs(np.corrcoef(torch.stack(places).T.numpy())[0, 1]) < 0.35


def test_changes_are_drawn_each_for_itself():
    given, found = changed(roll=0.5, gain=0.3)
    louder = (found.flatten(1).mean(1) - given.flatten(1).mean(1)).abs() > 1e-5
    centred = [x - x.mean((1, 2), keepdim=True) for x in (given, found)]
    moved = (centred[0] - centred[1]).abs().amax((1, 2)) > 1e-4
    both, one = (louder & moved).float().mean().item(), (louder ^ moved).float().mean().item()
    # a roll of nought is one in twenty: .5 * .475 of both, about .5 of one alone
    assert both == pytest.approx(0.24, abs=0.11) and one == pytest.approx(0.5, abs=0.13)


def test_gradients_reach_all_that_is_not_cut_out():
    given = torch.rand(50, 8, 20, requires_grad=True)
    torch.manual_seed(3)
    found = Augmentation(0.8, 0.5, 0.4, 0.2)(given)
    found.sum().backward()
    assert set(given.grad.unique().tolist()) == {0.0, 1.0}
    assert given.grad.sum().item() == (found != 0).sum().item()


def test_real_and_fake_recordings_are_changed_alike():
    # the same draws make the same changes of other spectrograms: what is seen tells nothing of the kind
    real, fake = torch.full(SHAPE, 1.0), torch.full(SHAPE, -1.0)
    settings = {"probability": 0.8, "roll": 0.5, "cutout": 0.4, "gain": 0.0}
    _, of_real = changed(real, **settings)
    _, of_fake = changed(fake, **settings)
    assert torch.equal(of_real, -of_fake) and (of_real == 0).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": 0.9}, f"probability is 0.9, expected 0 to {MOST}"),
        ({"probability": -0.1}, "probability is -0.1"),
        ({"roll": 1.5}, "roll is 1.5, expected a share from 0 to 1"),
        ({"cutout": -1.0}, "cutout is -1.0, expected a share"),
        ({"gain": 2.0}, "gain is 2.0, expected a share"),
    ],
)
def test_an_augmentation_that_cannot_be_is_refused(change, message):
    with pytest.raises(Refused, match=message):
        changed(**change)
