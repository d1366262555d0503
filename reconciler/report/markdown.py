"""Markdown that hostile text cannot get out of, for forges that obey more than Markdown.

A forge looks for people, references, commands and formulas in what Markdown has become, where an
entity is the character again. Only code is left alone, so whatever is not ours stands in code.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.report.words import printable

LONGEST: Final = 600
"""Characters of one text: whoever writes a longer one is not read to its end anyway."""
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._/-]*)?")


def code(text: str) -> str:
    """A code span that its text cannot end. A bar would end a table's cell, even in code."""
    shown = printable(text).replace("|", "¦")
    if len(shown) > LONGEST:
        shown = f"{shown[: LONGEST - 3]}..."
    if not shown:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    space = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{space}{shown}{space}{fence}"


def codes(texts: Sequence[str], most: int) -> str:
    """The first of several, and how many more there are."""
    shown = ", ".join(code(one) for one in texts[:most])
    return f"{shown} and {len(texts) - most:,} more" if len(texts) > most else shown


def row(cells: Iterable[str]) -> str:
    """A line of a table; cells that are not ours are code already."""
    return f"| {' | '.join(cells)} |"


def folded(summary: str, lines: Sequence[str]) -> list[str]:
    """Lines that are seen when somebody opens them. The summary is HTML: only words of ours."""
    return ["", "<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>"]


def named(text: str, otherwise: str) -> str:
    """A name where no code can stand, when it is as plain as ours are."""
    return text if _NAME.fullmatch(text) else otherwise


def link(words: str, address: str) -> str:
    """A link of ours; nothing when the address is not a plain one."""
    return f"[{words}](<{address}>)" if _ADDRESS.fullmatch(address) else ""
