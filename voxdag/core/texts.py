"""Text files that people bring: protocols, score files, tables, as spreadsheets and editors save them.

They are UTF-8 or, with the mark that says so, UTF-16. A byte order mark is no part of the text: neither at its
beginning nor at that of a later line, where files were joined.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from voxdag.core.errors import Refused

OPENERS: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open}
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
MARK = "\ufeff"  # a byte order mark, once decoded
GIT_LFS = b"version https://git-lfs.github.com/spec/"  # how a pointer begins that a clone holds without Git LFS
LONGEST = 10_000  # characters of a line: beyond, this is no protocol, table or score file
MOST = 2**30  # characters of a text: beyond, a compressed file is made to fill the memory
BLANK = 10_000  # blank lines in a row: the same
DELIMITERS = ",;\t"
DELIMITER_LINE = "sep="  # begins a line above the header, in which spreadsheets name the delimiter


def lines(path: Path, errors: str = "strict") -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of each line that is not blank, without its end. .gz and .xz files are opened.

    errors: "replace" lets characters pass that are not in the text's encoding.

    Raises Refused, with the file, for what is no text, is in another encoding, is damaged or far too long; and OSError.
    """
    with OPENERS.get(path.suffix, open)(path, "rb") as file:
        try:
            yield from _lines(file, path, errors)
        except (lzma.LZMAError, zlib.error, gzip.BadGzipFile, EOFError) as reason:
            raise Refused(f"{path} cannot be read as {path.suffix}: {reason}") from None
        except UnicodeDecodeError as reason:
            raise Refused(
                f"{path} is not in {reason.encoding.upper()}: {reason.reason}; expected a text in UTF-8"
            ) from None


def rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Place and cells, in the order of `columns`, of each row of a table with a header.

    Cells are separated by commas, semicolons or tabs, whichever finds the columns in the header. Blank rows are passed
    over.

    Raises Refused, with file and column, for a header without one of `columns`, and with the line for a row that ends
    before one; and as `lines` does.
    """
    texts = lines(path)
    number, header = next(texts, (1, ""))
    if header.startswith(DELIMITER_LINE):
        number, header = next(texts, (2, ""))
    names = {delimiter: _cells(header, delimiter) for delimiter in DELIMITERS}
    delimiter = max(names, key=lambda delimiter: sum(column in names[delimiter] for column in columns))
    lacking = [column for column in columns if column not in names[delimiter]]
    if lacking:
        raise Refused(f"{path}:{number}: no column {lacking[0]} in the header {header!r}")
    places = [names[delimiter].index(column) for column in columns]
    for number, text in texts:
        cells = _cells(text, delimiter)
        if not any(cells):
            continue
        if len(cells) <= max(places):
            raise Refused(f"{path}:{number}: {text!r} has {len(cells)} cells, expected {len(names[delimiter])}")
        yield f"{path}:{number}", [cells[place] for place in places]


def _lines(file: IO[bytes], path: Path, errors: str) -> Iterator[tuple[int, str]]:
    head = file.read(len(GIT_LFS))
    if head == GIT_LFS:
        raise Refused(f"{path} is a pointer of Git LFS in the file's place: `git lfs pull` fetches the file")
    file.seek(0)
    encoding = next((name for mark, name in MARKS.items() if head.startswith(mark)), "utf-8")
    texts, number, size, last = io.TextIOWrapper(file, encoding, errors), 0, 0, 0
    while text := texts.readline(LONGEST + 1):
        number, size = number + 1, size + len(text)
        if len(text) > LONGEST:
            raise Refused(f"{path}:{number}: a line of more than {LONGEST} characters, expected a text table")
        if size > MOST:
            raise Refused(f"{path}: more than {MOST} characters, expected a text table")
        if "\0" in text:
            raise Refused(f"{path}:{number}: a character of value 0, expected a text in UTF-8")
        text = text.rstrip("\n").lstrip(MARK)
        if text.strip():
            yield number, text
            last = number
        elif number - last >= BLANK:
            raise Refused(f"{path}:{number}: {BLANK} blank lines in a row, expected a text table")


def _cells(text: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter), [])]
