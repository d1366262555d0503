"""Evidence as CSV (RFC 4180), a line for each record: for spreadsheets, however many there are."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.model.audit import Break
from reconciler.model.evidence import Row, Who
from reconciler.report.words import printable

COLUMNS: Final = (
    "record",
    "at",
    "environment",
    "kind",
    "what_happened",
    "outcome",
    "risk",
    "who",
    "email",
    "forge_id",
    "actor_kind",
    "agent",
    "task",
    "about_commit",
    "plan",
    "policies",
    "decision_record",
    "approved_by",
    "because",
    "until",
    "run",
    "simulated",
    "record_commit",
    "record_digest",
)
UNREADABLE: Final = "unreadable"
"""The kind of a last line that says where reading ended."""
_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  # spreadsheets take the wide ones, too


def lines(rows: Iterable[Row | Break]) -> Iterator[str]:
    """The heads, and a line for each record as it comes."""
    yield _line(COLUMNS)
    for one in rows:
        yield _line(_broken(one) if isinstance(one, Break) else _cells(one))


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    shown = printable(text)
    return f"'{shown}" if text.lstrip(" ").startswith(_FORMULA) else shown


def _line(cells: Iterable[str]) -> str:
    made = io.StringIO()
    csv.writer(made, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(cell, cells))
    return made.getvalue()


def _cells(row: Row) -> tuple[str, ...]:
    return (
        str(row.record),
        row.at,
        row.environment,
        row.kind,
        row.subject,
        row.outcome,
        row.risk,
        row.who.name,
        row.who.email,
        _number(row.who.forge_id),
        row.who.kind,
        row.who.agent,
        row.task,
        row.about,
        row.plan,
        row.policies,
        _number(row.decision),
        "; ".join(map(_person, row.approved)),
        row.because,
        row.until,
        row.run,
        "yes" if row.simulated else "no",
        row.commit,
        row.digest,
    )


def _broken(one: Break) -> tuple[str, ...]:
    said = dict.fromkeys(COLUMNS, "") | {
        "kind": UNREADABLE,
        "what_happened": f"what lies behind this commit cannot be read: {one.why}",
        "record_commit": one.commit,
    }
    return tuple(said.values())


def _number(one: int | None) -> str:
    return "" if one is None else str(one)


def _person(one: Who) -> str:
    forge = "" if one.forge_id is None else f" (forge id {one.forge_id})"
    return f"{one.name} <{one.email}>{forge}"
