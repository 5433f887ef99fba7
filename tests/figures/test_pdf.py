import logging
import re
import time

import pandas as pd
from matplotlib.figure import Figure

from voxdag.figures import confusion
from voxdag.figures.pdf import pdf_bytes
from voxdag.figures.plot import Plot

COUNTS = confusion.table(["a", "a", "b"], ["a", "b", "b"], ["a", "b"])


def test_the_same_table_gives_the_same_bytes_without_date_or_version():
    first = pdf_bytes(confusion.figure(COUNTS))
    time.sleep(1.1)  # dates in a PDF count seconds
    assert pdf_bytes(confusion.figure(COUNTS)) == first
    assert pdf_bytes(confusion.figure(COUNTS.assign(count=COUNTS["count"] + 1))) != first
    assert not re.search(rb"CreationDate|Producer|Creator|[Mm]atplotlib", first)


def test_fonts_do_not_tell_of_their_tables(caplog):
    caplog.set_level(logging.INFO)
    pdf_bytes(confusion.figure(COUNTS))
    assert caplog.records == []


def test_its_text_is_no_type_3_font():
    assert b"/Type3" not in pdf_bytes(confusion.figure(COUNTS))


def test_a_plot_is_saved_as_picture_and_as_vectors_signed_once(tmp_path):
    first, again = (confusion.figure(COUNTS) for _ in range(2))
    Plot(COUNTS, first).save(tmp_path / "one" / "confusion.of.a", "a, eval of simulated_b (simulated)")
    Plot(COUNTS, again).save(tmp_path / "two" / "confusion.of.a", "a, eval of simulated_b (simulated)")
    names = ["confusion.of.a.pdf", "confusion.of.a.png"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert [text.get_text() for text in first.texts] == ["a, eval of simulated_b (simulated)"]


def test_the_words_below_a_figure_say_what_its_intervals_are():
    ends = pd.DataFrame({"low": [0.1, None], "high": [0.2, None]})
    drawn = Plot(ends, Figure(), intervals=True)
    assert drawn.words("a, eval of b", 0.9) == "a, eval of b; 90 % intervals"
    for other in (Plot(ends, Figure()), Plot(ends.tail(1), Figure(), intervals=True)):
        assert other.words("a, eval of b", 0.9) == "a, eval of b"
