"""An answer as HTML: of one file all that its task shows of it, of several a table; both with a CSV file to save."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from voxdag.core.rows import Rows
from voxdag.serving import markup
from voxdag.serving.answers import Answer, OfFile

LISTENED = 150  # seconds of a recording, at most, that can be listened to; what was enhanced can be, however long
LISTEN = "Listen"  # the column of players
SHORTENED = "Numbers are shortened; the CSV file has all columns and all digits."
SIMULATED = "What it says of real recordings is no evidence."


def of_answers(answers: Iterable[Answer]) -> str:
    """What was said by each system that was asked."""
    return markup.element("div", (_of_answer(answer) for answer in answers), "voxdag")


def refused(reason: str) -> str:
    """Why nothing was scored."""
    return markup.element("div", markup.text("p", reason, "error", role="alert"), "voxdag")


def _of_answer(answer: Answer) -> str:
    inner = _alone(answer) if len(answer.files) == 1 else _several(answer)
    return markup.element("section", _heading(answer) + inner, aria_label=answer.offered.label)


def _heading(answer: Answer) -> str:
    offered = answer.offered
    trained = f"Trained on {offered.corpus}." if offered.corpus else ""
    said = [offered.page.ABOUT, trained, SIMULATED if offered.simulated else ""]
    words = markup.text("p", " ".join(filter(None, said)), "about")
    return markup.text("h2", f"{offered.page.TITLE}: {offered.name}") + words


def _alone(answer: Answer) -> str:
    (one,) = answer.files
    if one.shown is None:
        return _error(one)
    parts = [_result(answer, one), markup.facts(one.shown.facts), *_players(one)]
    parts += [markup.picture(picture) for picture in one.shown.pictures]
    parts += [markup.listing(listing) for listing in one.shown.listings]
    return "".join([*parts, _row_as_predict_has_it(answer, one)])


def _result(answer: Answer, one: OfFile) -> str:
    seconds = f"{one.row['seconds']:.2f} s"
    words = markup.text("span", f"{one.name}, {seconds}", "file")
    return markup.element("p", words + markup.text("strong", answer.offered.page.headline(one.row)), "result")


def _error(one: OfFile) -> str:
    return markup.text("p", f"{one.name} has no output: {one.error}.", "error", role="alert")


def _players(one: OfFile) -> list[str]:
    made = "After" in one.audio
    if not made and one.row["seconds"] > LISTENED:
        return []
    listed = [(words, one.audio[words]) for words in one.audio if one.row["seconds"] <= LISTENED or words == "After"]
    return [markup.player(words, content, _saved_as(one.name, words)) for words, content in listed]


def _saved_as(name: str, words: str) -> str:
    ending = re.sub(r"\W+", "_", words.lower())
    return f"{name.rpartition('.')[0] or name}_{ending}.flac"


def _row_as_predict_has_it(answer: Answer, one: OfFile) -> str:
    """All columns, to read and to save, and those of segments."""
    content = as_csv(answer.columns, [one.row])
    values = dict(zip(answer.columns, cells(content)[0], strict=True))
    rows = [(name, value) for name, value in values.items() if value != ""]
    table = markup.table(("Column", "Value"), rows, "The row that voxdag.predict gives of this file.")
    links = [markup.download("Save the row as CSV", content, _csv_name(answer))]
    if one.segments:
        of_segments = as_csv(answer.segment_columns, one.segments)
        links.append(markup.download("Save a row per segment as CSV", of_segments, _csv_name(answer, "_segments")))
    summary = markup.text("summary", "All values, and CSV")
    return markup.element("details", summary + table + markup.element("p", links, "links"))


def _several(answer: Answer) -> str:
    content = as_csv(answer.columns, [one.row for one in answer.files])
    failed = sum(bool(one.error) for one in answer.files)
    caption = f"{len(answer.files)} files" + (f", {failed} without output" if failed else "")
    link = markup.download("Save the table as CSV", content, _csv_name(answer))
    table = _table([_line(answer, one) for one in answer.files], f"{caption}. {SHORTENED}")
    return markup.element("div", table, "files") + markup.element("p", link, "links")


def _table(lines: Sequence[Mapping[str, str]], caption: str) -> str:
    """What lines have, by column, in the order of the line that has most; what one lacks is empty."""
    columns = list(dict.fromkeys(name for line in sorted(lines, key=len, reverse=True) for name in line))
    return markup.table(columns, [[line.get(name, "") for name in columns] for line in lines], caption, (LISTEN,))


def _line(answer: Answer, one: OfFile) -> dict[str, str]:
    """Of one of several files: what is asked first comes first."""
    if one.error:
        return {"File": one.name, "Result": f"no output: {one.error}"}
    page = answer.offered.page
    players = [markup.player(words, content, _saved_as(one.name, words)) for words, content in one.audio.items()]
    heard = {LISTEN: "".join(players)} if players else {}
    said = {"File": one.name, "Result": page.headline(one.row)} | heard | page.listed(one.row)
    return said | {"Seconds": f"{one.row['seconds']:.2f}"}


def _csv_name(answer: Answer, what: str = "") -> str:
    return f"{answer.offered.name}{what}.csv"


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """The rows as `voxdag.predict` prints them."""
    file = io.StringIO(newline="")
    writer = Rows(file, columns, as_json=False)
    for row in rows:
        writer.write(row)
    return file.getvalue()


def cells(content: str) -> list[list[str]]:
    """The rows of such a text, without its first."""
    return list(csv.reader(io.StringIO(content, newline="")))[1:]
