"""Markdown from names and numbers that may hold anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from voxdag.reporting.cells import Difference, Row, Table, Value

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def text(value: object) -> str:
    """A text that Markdown shows as it is, in one line."""
    return SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def cell(one: Value | Difference | str) -> str:
    """What a cell of a report's table is in Markdown: the value with its interval in brackets, and the verdict."""
    if isinstance(one, Difference):
        return f"{cell(one.value)} **{one.verdict}**" if one.verdict else cell(one.value)
    if isinstance(one, Value):
        notes = f" ({', '.join(one.notes)})" if one.notes else ""
        return f"{one.text}{f' ({one.interval})' if one.interval else ''}{notes}"
    return text(one)


def table(one: Table) -> str:
    """A table with its caption above; columns of numbers to the right."""
    rows = [
        [f"{text(row.head)}{' (baseline)' if row.baseline else ''}{_note(row)}", *map(cell, row.cells)]
        for row in one.rows
    ]
    rule = ["---", *(["---:"] * (len(one.head) - 1))]
    said = [text(one.note), ""] if one.note else []
    return "\n".join([f"*{text(one.caption)}*", "", *said, *map(_line, [list(map(text, one.head)), rule, *rows])])


def items(lines: Iterable[object]) -> str:
    """A list of lines."""
    return "\n".join(f"- {text(line)}" for line in lines)


def fenced(content: str, language: str = "") -> str:
    """A block of code, behind a fence that is longer than any in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", content)), default=0))
    return f"{fence}{language}\n{content.rstrip()}\n{fence}"


def _note(row: Row) -> str:
    return f" ({text(row.note)})" if row.note else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
