import math
from itertools import pairwise

import pytest
import torch

from voxdag.training.schedule import Cosine


def test_the_published_schedule_of_aasist():
    # clovaai/aasist: lr 1e-4, lr_min 5e-6, cosine per step over 100 epochs of 1057 steps: 5e-6 + 9.5e-5 (1 + cos) / 2.
    lr = Cosine(peak=1e-4, floor=5e-6, warmup=0, total=105_700)
    assert lr(0) == pytest.approx(1e-4, rel=1e-12)
    assert lr(52_850) == pytest.approx(5.25e-5, rel=1e-12)  # half-way: the mean of peak and floor
    assert lr(26_425) == pytest.approx(5e-6 + 9.5e-5 * (1 + math.sqrt(0.5)) / 2, rel=1e-12)
    assert lr(105_700) == pytest.approx(5e-6, rel=1e-12)


def test_warm_up_is_linear_and_ends_at_the_peak():
    lr = Cosine(peak=1.0, floor=0.0, warmup=4, total=8)
    assert [lr(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert lr(4) == 1.0


def test_it_never_rises_after_warm_up_and_stays_at_the_floor():
    lr = Cosine(peak=1e-3, floor=1e-5, warmup=10, total=200)
    trace = [lr(step) for step in range(10, 400)]
    assert all(a >= b for a, b in pairwise(trace))
    assert trace[-1] == 1e-5


def test_no_steps_at_all_is_the_floor_not_a_division_by_zero():
    assert Cosine(peak=1.0, floor=0.1, warmup=0, total=0)(0) == pytest.approx(1.0)
    assert Cosine(peak=1.0, floor=0.1, warmup=0, total=0)(1) == pytest.approx(0.1)


def test_stacked_schedulers_collapse_on_a_resume_where_ours_does_not():
    # github.com/kananmittal/Unitree-bot, ser/train.py: a cosine over 30 epochs to 1e-6, then a warm-up over the first 5
    # epochs beside it, whose constructor sets the rate to 1e-3 * 0. A resume without optimizer state starts there, and
    # after epoch 5 the warm-up is never stepped again: the cosine grows from 0, lr_t = 1e-6 (1 - cos(pi t / 30)) / 2.
    # The run that it is reported of printed 2.45e-08 at epoch 9.
    steps = 23  # in an epoch; any number
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30, eta_min=1e-6)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / (5 * steps)))
    stacked = {}
    for epoch in range(7, 13):  # resumed after epoch 6
        optimizer.step()
        cosine.step()
        stacked[epoch] = optimizer.param_groups[0]["lr"]
    assert stacked[7] == pytest.approx(2.74e-9, rel=2e-3)
    assert stacked[9] == pytest.approx(2.45e-8, rel=2e-3)
    assert stacked[12] == pytest.approx(9.6e-8, rel=1e-2)

    ours = Cosine(peak=1e-3, floor=1e-6, warmup=5 * steps, total=30 * steps)
    unbroken = [ours(step) for step in range(30 * steps)]
    resumed = Cosine(peak=1e-3, floor=1e-6, warmup=5 * steps, total=30 * steps)  # nothing was saved, nothing restored
    assert [resumed(step) for step in range(6 * steps, 30 * steps)] == unbroken[6 * steps :]
    assert unbroken[9 * steps] > 9e-4 and min(unbroken) >= 1e-6
