"""What the page says of an emotion."""

import math

import pytest

from voxdag.tasks.emotion import page

ROW = {"predicted": "angry", "segments": 1, "expected_error_rate": 0.514} | dict.fromkeys(page.DRAWN, math.nan)


def test_of_several_files_the_next_class_and_the_expected_errors_are_listed():
    row = ROW | {"p_angry": 0.5, "p_happy": 0.2, "p_sad": 0.3}
    assert page.listed(row) == {"Then": "Sad, 30 %", "Expected errors": "51 %"}


@pytest.mark.parametrize(
    ("segments", "why"),
    [
        (1, "dev fitted none for these weights"),
        (
            3,
            "dev's recordings were heard whole; this one was cut into 3 segments, and these are means",
        ),
    ],
)
def test_why_errors_are_not_known_is_said(segments, why):
    fact = page._expected(ROW | {"segments": segments, "expected_error_rate": math.nan})
    assert (fact.value, fact.note) == ("not known", why)
