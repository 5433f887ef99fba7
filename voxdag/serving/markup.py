"""Pieces of HTML. Whatever text comes from elsewhere, such as the name of a file, is escaped here; pictures, audio and
tables are within the page itself, so that nothing of them is kept by the server."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape as escape_html

from voxdag.figures import png
from voxdag.tasks.shown import Fact, Listing, Picture

INCH = 116  # CSS pixels on the page, of an inch in print: so that small print can be read
TEMPLATES = str.maketrans({sign: f"&#{ord(sign)};" for sign in "{}$`"})  # what begins a place in the framework's own


def escape(words: str) -> str:
    """Text that is neither HTML nor a place of a template, in an element or an attribute."""
    return escape_html(words).translate(TEMPLATES)


def text(tag: str, words: str, kind: str = "", **attributes: str) -> str:
    """An element that holds text."""
    return element(tag, escape(words), kind, **attributes)


def element(tag: str, inner: str | Iterable[str], kind: str = "", **attributes: str) -> str:
    """An element that holds HTML; kind: its class, attributes: `_` stands for `-`, and ends a name that Python has."""
    named = ({"class": kind} if kind else {}) | {name.strip("_").replace("_", "-"): v for name, v in attributes.items()}
    written = "".join(f' {name}="{escape(value)}"' for name, value in named.items())
    return f"<{tag}{written}>{inner if isinstance(inner, str) else ''.join(inner)}</{tag}>"


def facts(listed: Iterable[Fact]) -> str:
    """Numbers by their words, with what they mean, and a bar where they are a share of something."""
    return element("dl", map(_fact, listed), "facts")


def _fact(fact: Fact) -> str:
    bar = ""
    if fact.share is not None:
        filled = element("span", "", style=f"width:{_per_cent(fact.share)}")
        marked = "" if fact.mark is None else element("i", "", style=f"left:{_per_cent(fact.mark)}")
        bar = element("span", filled + marked, "bar", aria_hidden="true")
    note = text("span", fact.note, "note") if fact.note else ""
    value = element("dd", text("span", fact.value, "value") + bar + note)
    return element("div", text("dt", fact.words) + value)


def _per_cent(share: float) -> str:
    return f"{100 * min(max(share, 0), 1):.1f}%"


def picture(shown: Picture) -> str:
    """A figure with its caption, and its words for who cannot see it."""
    source = data("image/png", png.png_bytes(shown.figure))
    width = f"{shown.figure.get_figwidth() * INCH:.0f}"
    image = f'<img src="{source}" alt="{escape(shown.words)}" width="{width}">'
    return element("figure", image + text("figcaption", shown.caption))


def listing(shown: Listing) -> str:
    """A table with its caption, or the caption alone."""
    if not shown.columns:
        return text("p", shown.caption, "caption")
    return table(shown.columns, shown.rows, shown.caption)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str, marked_up: Sequence[str] = ()) -> str:
    """A table that scrolls by itself where it is wide, and can be scrolled by keys; its caption does not scroll.

    marked_up: the columns whose cells are HTML.
    """
    head = element("tr", (text("th", name, scope="col") for name in columns))
    body = (
        element(
            "tr",
            (
                element("td", cell if name in marked_up else escape(cell))
                for name, cell in zip(columns, row, strict=True)
            ),
        )
        for row in rows
    )
    whole = element("table", element("thead", head) + element("tbody", body), aria_label=caption)
    return text("p", caption, "caption") + element(
        "div", whole, "wide", role="region", tabindex="0", aria_label=caption
    )


def player(words: str, content: bytes, name: str) -> str:
    """Audio to listen to, and to save as `name`; content: of a FLAC file."""
    source = data("audio/flac", content)
    label = escape(words)
    audio = f'<audio controls preload="metadata" src="{source}" aria-label="{label}"></audio>'
    return element("div", text("span", words, "words") + audio + _saved(source, "Save", name), "player")


def download(words: str, content: str, name: str) -> str:
    """A link that saves a table as `name`."""
    return _saved(data("text/csv;charset=utf-8", content.encode()), words, name)


def _saved(source: str, words: str, name: str) -> str:
    return f'<a class="save" href="{source}" download="{escape(name)}">{escape(words)}</a>'


def data(kind: str, content: bytes) -> str:
    """The address of what stands in the page itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
