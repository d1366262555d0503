"""HTML that hostile text cannot get out of: a text is escaped unless it was made here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from reconciler.report.words import printable


@dataclass(frozen=True, slots=True)
class Html:
    """Markup as it is; only this module makes it of texts."""

    source: str


Child = Html | str


def words(text: str, *, lines: bool = False) -> Html:
    """A text, with nothing in it that a browser, a screen or a reader would obey."""
    return Html(escape(printable(text, lines=lines)))


def tag(name: str, *children: Child, **attributes: str) -> Html:
    """An element. Names are ours; `class_` is `class`, `aria_label` is `aria-label`."""
    head = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(printable(value))}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{head}>{joined(children).source}</{name}>")


def joined(children: Iterable[Child], between: str = "") -> Html:
    """One after the other; with a text between them."""
    parts = (one.source if isinstance(one, Html) else words(one).source for one in children)
    return Html(words(between).source.join(parts))


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], **attributes: str
) -> Html:
    """A table whose first column names the row."""
    head = tag("tr", *(tag("th", one, scope="col") for one in heads))
    body = (tag("tr", *(_cell(at, one) for at, one in enumerate(row))) for row in rows)
    return tag(
        "table", tag("caption", caption), tag("thead", head), tag("tbody", *body), **attributes
    )


def _cell(at: int, one: Child) -> Html:
    return tag("td", one) if at else tag("th", one, scope="row")
