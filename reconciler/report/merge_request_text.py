"""Merge requests for people."""

from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console

from reconciler.model.approval import Person
from reconciler.model.base import format_timestamp
from reconciler.model.merge_request import Consent, MergeRequest, Note, Unreadable
from reconciler.report.merge_request_json import Told
from reconciler.report.text import Table, line

_SHORT: Final = 12
_NOTE: Final = 8
_STYLES: Final = {"open": "green", "closed": "red", "merged": "magenta"}


def listed(
    console: Console,
    target: str,
    many: Sequence[MergeRequest],
    unreadable: Sequence[Unreadable],
) -> None:
    """`reconciler mr list`."""
    _table(console, target, many)
    for one in unreadable:
        line(console, (f"!{one.number} ", "bold"), ("cannot be read: ", "red"), one.why)
        line(console, ("  try: ", "dim"), one.hint)


def _table(console: Console, target: str, many: Sequence[MergeRequest]) -> None:
    if not many:
        line(console, f"No merge request to `{target}` is open.")
        return
    table = Table("NUMBER", "TITLE", "FROM", "BY", "UPDATED", "LABELS")
    for one in many:
        labels = ", ".join(one.labels)
        source = f"{one.source} (fork)" if one.fork else one.source
        when = format_timestamp(one.updated)
        table.add_row(f"!{one.number}", one.title, source, one.author.name, when, labels)
    table.print(console)


def done(console: Console, one: MergeRequest, what: str) -> None:
    """What a command did to one."""
    line(console, (f"!{one.number} ", "bold"), f"{what}: {one.title}")
    line(console, f"  {one.source} -> {one.target}, at {one.head[:_SHORT] or 'no commit'}")
    if one.link:
        line(console, f"  {one.link}")


def next_step(console: Console, one: MergeRequest, again: Callable[[str], str] = str) -> None:
    """What is to be done with one that was opened just now."""
    line(console, "Next: " + again(f"`reconciler mr check {one.number}`").strip("`"))


def shown(console: Console, told: Told) -> None:
    """`reconciler mr show`."""
    one = told.request
    draft = "  (draft)" if one.draft else ""
    line(console, (f"!{one.number} ", "bold"), one.title, (f"  {one.state}", _STYLES[one.state]))
    line(console, f"  {_who(one.author)} opened it {format_timestamp(one.opened)}{draft}")
    line(console, f"  {one.source} -> {one.target}, at {one.head or 'no commit: it is gone'}")
    if one.merged:
        line(console, f"  merged by {one.merged}")
    if one.labels:
        line(console, f"  labels: {', '.join(one.labels)}")
    if one.link:
        line(console, f"  {one.link}")
    for odd in one.odd:
        line(console, ("  ignored: ", "yellow"), odd)
    if one.description.strip():
        console.print()
        _text(console, one.description)
    _agreed(console, told)
    for name, status in sorted(told.statuses.items()):
        line(console, f"  {name}: {status.state}: {status.text}")
    for note in told.notes:
        _said(console, note)


def _agreed(console: Console, told: Told) -> None:
    console.print()
    if not told.consents:
        line(console, "Nobody has agreed to it.")
    for one in told.consents:
        line(console, f"{_who(one.by)} agreed {format_timestamp(one.at)}, {_signed(one)}")
        now = one.head == told.request.head
        stale = "" if now else ", which is not the last one any more"
        line(console, f"  to {one.head[:_SHORT] or 'a commit that is not told'}{stale}")
        _plans(console, one)


def agreed(
    console: Console, request: MergeRequest, one: Consent, *, again: bool, doubt: str = ""
) -> None:
    """`reconciler mr approve`: exactly what was agreed to. `again`: it had been before.

    `doubt`: why it counts nowhere as things are.
    """
    agrees = f"agreed already, {format_timestamp(one.at)}," if again else "agrees"
    line(console, f"{_who(one.by)} {agrees} to !{request.number}, {_signed(one)}: {request.title}")
    line(console, f"  commit    {one.head}")
    _plans(console, one)
    line(console, f"  policies  {one.policies or 'not said'}")
    if doubt:
        line(console, f"It does not count: {doubt}")
        return
    line(console, "Anything that moves makes it stale. Whether it counts, teams and profiles say.")


def _plans(console: Console, one: Consent) -> None:
    for name, digest in one.plans or ():
        line(console, f"  plan      {name} {digest}")
    if one.plans == ():
        line(console, "  plan      none: where there is one, it is asked for")


def _said(console: Console, note: Note) -> None:
    console.print()
    answer = "" if note.thread == note.id else f", in {note.thread[:_NOTE]}"
    settled = {None: "", True: ", settled", False: ", open"}[note.resolved]
    place = f" about {note.place.path}:{note.place.line}" if note.place else ""
    when = format_timestamp(note.at)
    line(console, (note.id[:_NOTE], "dim"), f" {_who(note.by)}{place}, {when}{answer}{settled}")
    _text(console, note.text)


def _text(console: Console, text: str) -> None:
    for each in text.splitlines():
        line(console, f"  {each}")


def merged(console: Console, one: MergeRequest, commit: str, *, already: bool) -> None:
    """`reconciler mr merge`. `already`: it was merged before, and nothing was done."""
    if commit and already:
        line(console, f"!{one.number} was merged into {one.target} already: {one.title}")
        line(console, f"  {commit}; nothing was done now")
        return
    if commit:
        line(console, ("MERGED ", "bold magenta"), f"!{one.number} into {one.target}: {one.title}")
        line(console, f"  {commit}")
        return
    console.print()
    line(console, ("NOT MERGED ", "bold red"), f"!{one.number}: {one.title}")
    line(console, f"  `reconciler mr show {one.number}` says who agreed to what.")


def _who(one: Person) -> str:
    return f"{one.name} <{one.email}>" if one.email else one.name


def _signed(one: Consent) -> str:
    return f"signed with {one.signed_by}" if one.signed_by else "not signed"
