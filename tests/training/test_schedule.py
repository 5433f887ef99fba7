import math
from itertools import pairwise

import pytest

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
