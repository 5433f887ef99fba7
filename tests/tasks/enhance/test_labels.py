"""Labels of a metric discriminator: normalised metrics, a fixed delay, crops without a label, a state to go on from."""

import math

import numpy as np
import pytest
import torch

from tests.executors import Now
from voxdag.scoring import enhancement
from voxdag.tasks.enhance import labels
from voxdag.tasks.enhance.labels import Labels

RNG = np.random.default_rng(0)
TIME = np.arange(16000) / 16000
SPEECH = (0.2 * np.sin(2 * np.pi * 200 * TIME) * (np.sin(2 * np.pi * 3 * TIME) > 0)).astype(np.float32)
NOISY = (SPEECH + RNG.normal(0, 0.02, 16000)).astype(np.float32)


def batch(*waves):
    return torch.from_numpy(np.stack(waves))


def test_a_label_is_the_metric_on_a_scale_from_nothing_to_perfect():
    found = labels.label(SPEECH, NOISY, ["pesq", "stoi", "ssnr"])
    values = enhancement.score(SPEECH, NOISY, 16000)
    expected = [(values["pesq"] - 1) / 3.5, values["stoi"], (values["ssnr"] + 10) / 45]
    assert found == pytest.approx(expected, abs=1e-9)
    both = [enhancement.stoi(SPEECH.astype(float), NOISY.astype(float), extended) for extended in (False, True)]
    assert labels.label(SPEECH, NOISY, ["stoi", "estoi"]) == pytest.approx(both) and both[0] != pytest.approx(both[1])
    assert labels.label(SPEECH, SPEECH, ["pesq"]) == pytest.approx([(4.6439 - 1) / 3.5], abs=1e-4)  # 4.64 is its top


@pytest.mark.parametrize(
    ("clean", "enhanced"),
    [(0 * SPEECH, NOISY), (SPEECH, np.full_like(SPEECH, np.nan)), (SPEECH[:2000], NOISY[:2000])],
    ids=["silent reference", "not finite", "too short for PESQ"],
)
def test_what_is_undefined_has_no_label(clean, enhanced):
    assert math.isnan(labels.label(clean, enhanced, ["pesq"])[0])


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_labels_are_used_a_fixed_number_of_updates_later(delay):
    waiting = Labels(["stoi"], delay, Now())
    sent = [batch(SPEECH, SPEECH * 0), batch(SPEECH, NOISY)]
    for update in range(6):
        waiting.send(batch(SPEECH, SPEECH), sent[update % 2])
        due = waiting.due()
        if update < delay:
            assert due is None
        else:
            (clean, enhanced), values = due
            assert torch.equal(enhanced, sent[(update - delay) % 2]) and clean.shape == (2, 16000)
            assert values[0].item() == pytest.approx(1.0) and values.shape == (2, 1)
            assert values[1].isnan().all() == ((update - delay) % 2 == 0)  # silence has no STOI


def test_what_waits_is_sent_off_again_from_a_state():
    first = Labels(["stoi"], 1, Now())
    first.send(batch(SPEECH), batch(NOISY))
    second = Labels(["stoi"], 1, Now())
    second.load(first.state())
    for one in (first, second):
        one.send(batch(SPEECH), batch(SPEECH))
    assert torch.equal(first.due()[1], second.due()[1])
    assert torch.equal(first.state()[0][1], second.state()[0][1]) and second.executor.done == 2
