"""Pieces of the page: text of others is text, whatever stands in it."""

import re

import pytest

from voxdag.serving import look, markup
from voxdag.tasks.shown import Fact, Listing

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{constructor}}${alert(1)}`.wav"


@pytest.mark.parametrize(
    "made",
    [
        markup.text("p", HOSTILE),
        markup.text("p", "a", title=HOSTILE),
        markup.facts([Fact(HOSTILE, HOSTILE, HOSTILE, 0.5)]),
        markup.table([HOSTILE], [[HOSTILE]], HOSTILE),
        markup.listing(Listing(HOSTILE, ())),
        markup.player(HOSTILE, b"", HOSTILE),
        markup.download(HOSTILE, "", HOSTILE),
    ],
    ids=["text", "attribute", "facts", "table", "listing", "player", "download"],
)
def test_text_of_others_begins_no_element_attribute_or_template(made):
    assert "<img" not in made and "{" not in made and "$" not in made and "`" not in made
    assert not re.search(r"[\"']'&", made)


def test_a_table_says_what_it_is_and_can_be_scrolled_by_keys():
    made = markup.table(("a", "b"), [("1", "<b>2</b>")], "Two values", marked_up=("b",))
    assert made == (
        '<p class="caption">Two values</p>'
        '<div class="wide" role="region" tabindex="0" aria-label="Two values"><table aria-label="Two values">'
        '<thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>'
        "<tbody><tr><td>1</td><td><b>2</b></td></tr></tbody></table></div>"
    )


@pytest.mark.parametrize(("share", "width"), [(0.726, "72.6%"), (-1.0, "0.0%"), (7.0, "100.0%")])
def test_a_share_is_a_bar_that_is_not_read_aloud(share, width):
    bar = f'<span class="bar" aria-hidden="true"><span style="width:{width}"></span></span>'
    assert bar in markup.facts([Fact("p", "", "", share)])


def test_a_mark_is_a_line_on_the_bar():
    assert '<i style="left:95.0%"></i></span>' in markup.facts([Fact("p", "", "", 0.5, 0.95)])


def luminance(colour):
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_by_hand():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)  # of WCAG's definition
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the known grey that just fails


@pytest.mark.parametrize(
    ("front", "behind"),
    [
        ("#ffffff", look.BLUE),
        ("#ffffff", look.DARK_BLUE),
        (look.SUBDUED, "#ffffff"),
        (look.LINK, "#ffffff"),
        (look.SUBDUED_DARK, "#1f2937"),
        (look.LINK_DARK, "#1f2937"),
    ],
)
def test_small_text_can_be_read(front, behind):
    assert contrast(front, behind) >= 4.5  # WCAG 2.2, 1.4.3, level AA


def test_nothing_in_the_look_comes_from_elsewhere():
    assert "http" not in look.CSS and "@import" not in look.CSS and "url(" not in look.CSS
