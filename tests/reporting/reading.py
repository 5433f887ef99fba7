"""A page as a browser takes it in, as far as tests ask: tags, attributes, tables."""

from html.parser import HTMLParser

VOID = {"meta", "img", "line", "circle", "br", "hr", "link"}


class Page(HTMLParser):
    """tags: (tag, attributes) in order; tables: caption -> rows of (text, values of <data>) of each cell."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.tables, self.words = [], [], {}, []
        self._caption, self._cell, self._rows = None, None, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        self.tags.append((tag, about))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td"):
            self._rows[-1].append(["", []])
        elif tag == "data":
            self._rows[-1][-1][1].append(float(about["value"]))

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()
        if tag == "table":
            self.tables.setdefault(self._caption.strip(), self._rows)
            self._rows = None

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)
        if self._rows is None:
            return
        if self.open[-1] == "caption":
            self._caption += data
        elif self._rows and self._rows[-1] and {"td", "th"} & set(self.open):
            self._rows[-1][-1][0] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def of(self, tag):
        return [about for name, about in self.tags if name == tag]

    def row(self, caption, head):
        """The cells of a row of a table: (text, values), without its head."""
        (row,) = [row for row in self.tables[caption] if row[0][0].startswith(head)]
        return row[1:]
