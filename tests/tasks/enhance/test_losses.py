"""The reconstruction loss by hand, gradients at silence, the schedule of the adversarial weight, masked labels."""

import math

import numpy as np
import pytest
import torch

from voxdag.core.errors import Refused
from voxdag.tasks.enhance import losses
from voxdag.tasks.enhance.losses import Adversarial, Weights

REFERENCE = Adversarial(weight=0.3, start=72, warmup=20)
TONE = 0.25 * torch.sin(2 * torch.pi * 1000 * torch.arange(16000) / 16000)[None]  # a bin of its own: 32 of 257


def test_terms_of_a_tone_beside_its_half_are_those_by_hand():
    # within the recording |S| of a sine of amplitude a is a * 256 / 2 in its bin (Hann sums to 256) and half of it in
    # both neighbours; the half differs by half of it
    frame = losses.magnitudes(losses.spectrum(TONE))[0, :, 60]
    expected = torch.tensor([16.0, 32.0, 16.0]) ** 0.3
    assert frame[31:34].tolist() == pytest.approx(expected.tolist(), rel=1e-3)
    inside = losses.spectrum(TONE)[0, :, 60] - losses.spectrum(TONE / 2)[0, :, 60]  # (F, 2)
    assert inside.square().sum(-1).sqrt()[31:34].tolist() == pytest.approx([8, 16, 8], rel=1e-3)
    parts = losses.terms(TONE / 2, TONE)
    assert parts["time"].item() == pytest.approx(0.125 / math.tan(math.pi / 16) / 8, rel=1e-4)  # of |sin|, 16 a period
    whole = losses.reconstruction(parts, Weights(0.45, 0.45, 0.1))
    by_hand = sum(w * parts[name] for name, w in {"real_imaginary": 0.45, "magnitude": 0.45, "time": 0.1}.items())
    assert whole.item() == pytest.approx(by_hand.item())


def test_terms_are_those_of_numpy():
    rng = np.random.default_rng(0)
    enhanced, clean = rng.normal(0, 0.1, (2, 2, 3000)).astype(np.float32)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)

    def bins(wave):
        padded = np.pad(wave, 256)
        return np.stack([np.fft.rfft(padded[i : i + 512] * window) for i in range(0, len(wave) + 1, 128)])

    parts = losses.terms(torch.from_numpy(enhanced), torch.from_numpy(clean))
    for i in range(2):
        made, wanted = bins(enhanced[i]), bins(clean[i])
        gap = made - wanted
        assert parts["real_imaginary"][i].item() == pytest.approx(
            np.mean([np.abs(gap.real), np.abs(gap.imag)]), rel=1e-4
        )
        powers = np.abs(np.abs(made) ** 0.3 - np.abs(wanted) ** 0.3)
        assert parts["magnitude"][i].item() == pytest.approx(powers.mean(), rel=1e-3)
        assert parts["time"][i].item() == pytest.approx(np.abs(enhanced[i] - clean[i]).mean(), rel=1e-4)


@pytest.mark.parametrize("level", [0.0, 1e-12, 1e-8, 1e-5, 1.0])
def test_gradients_are_finite_and_small_down_to_silence(level):
    # of (m^2 + 1e-10)^0.15 by m: at most 0.3 * 0.77^0.35... * (1e-10)^-0.35 = 950 by the recipe's authors' constant
    bins = torch.full((1, 1, 1, 2), level, requires_grad=True)
    losses.magnitudes(bins).sum().backward()
    assert bins.grad.isfinite().all() and bins.grad.abs().max() < 1000
    wave = (level * torch.ones(1, 2000)).requires_grad_()
    losses.reconstruction(losses.terms(wave, torch.zeros(1, 2000)), Weights(0.45, 0.45, 0.1)).sum().backward()
    assert wave.grad.isfinite().all()


def test_the_weight_is_nothing_then_rises_then_stays():
    epochs = [0, 71.99, 72, 73, 82, 91, 92, 100, 249]
    expected = [0, 0, 0, 0.015, 0.15, 0.285, 0.3, 0.3, 0.3]
    assert [REFERENCE.at(epoch) for epoch in epochs] == pytest.approx(expected)


def test_without_a_warm_up_the_weight_is_whole_at_once():
    sudden = Adversarial(weight=0.3, start=2, warmup=0)
    assert [sudden.at(epoch) for epoch in (0, 1.9, 2, 3)] == [0, 0, 0.3, 0.3]
    assert Adversarial(weight=0.3, start=0, warmup=4).at(1) == pytest.approx(0.075)


@pytest.mark.parametrize("field", ["weight", "start", "warmup"])
def test_a_schedule_that_cannot_be_is_refused(field):
    with pytest.raises(Refused, match=f"{field} is -1, expected 0 or more"):
        Adversarial(**{"weight": 0.3, "start": 1, "warmup": 1} | {field: -1})


def test_what_has_no_label_has_no_part_in_loss_or_gradient():
    said = torch.tensor([[0.5, 0.25], [1.0, 3.0]], requires_grad=True)
    loss = losses.judged(said, torch.tensor([[1.0, math.nan], [0.5, 1.0]]))
    # (0.5^2 + 0.5^2 + 2^2) / 3
    assert loss.item() == pytest.approx(1.5)
    loss.backward()
    assert said.grad.flatten().tolist() == pytest.approx([-1 / 3, 0, 1 / 3, 4 / 3])
    nothing = losses.judged(said, torch.full((2, 2), math.nan))
    assert nothing.item() == 0
