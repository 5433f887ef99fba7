"""What the page says of ratings."""

import math

import numpy as np
import pytest

from voxdag.tasks.enhance import page
from voxdag.tasks.shown import Enhanced


def row(seconds, **more):
    return {"seconds": seconds, "clipped": 0} | dict.fromkeys(page.MEASURED, 2.0) | more


@pytest.mark.parametrize(("seconds", "said"), [(2.4, False), (60.0, False), (60.1, True)])
def test_that_only_the_start_is_rated_is_said_of_longer_files_alone(seconds, said):
    wave = np.zeros((1600, 1))
    notes = [fact.note for fact in page.shown(Enhanced(row(seconds), wave, wave, 16_000)).facts]
    assert ["of the first 60 s" in note for note in notes] == [said] * 3


def test_of_several_files_the_ratings_that_the_headline_lacks_are_listed():
    assert page.listed(row(2.4, dnsmos_bak_after=math.nan, clipped=3)) == {
        "Speech": "2.00 → 2.00",
        "Background": "not defined",
        "Clipped": "3",
    }
