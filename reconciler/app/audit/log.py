"""`audit log` and `audit show`: the records themselves."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from itertools import islice

from reconciler.app.audit.reading import (
    Trail,
    entry,
    every_record,
    failed,
    readable,
    records_of,
    unknown_environment,
    whole,
)
from reconciler.app.records import Broken, Kept
from reconciler.core.records.query import Wanted, older, wants
from reconciler.core.records.words import message
from reconciler.errors import UsageError
from reconciler.model.audit import Break, Log, RecordView, Related
from reconciler.model.record import Record

_OLD_IN_A_ROW = 64
"""Clocks differ: so many records before the wanted time are looked at before the look ends."""
_RELATED = 20
_SHORTEST = 4

Declared = Callable[[], Collection[str]]
"""The names of the environments that the target branch declares; asked only when it matters."""


def read_log(
    found: Trail, environment: str, wanted: Wanted, limit: int | None, declared: Declared
) -> Log:
    """Records, newest first. With an environment no other environment's record is read."""
    broken: list[Break] = []
    looked: list[str] = []

    def matching() -> Iterator[Kept]:
        old = 0
        for one in records_of(found, environment) if environment else every_record(found):
            if isinstance(one, Break):
                broken.append(one)
                return
            looked.append(one.commit)
            old = old + 1 if older(one.record, wanted.since) else 0
            if old >= _OLD_IN_A_ROW:
                return
            if wants(wanted, one.record):
                yield one

    # One more than is shown: whoever reads must know that there are more.
    kept = list(islice(matching(), None if limit is None else limit + 1))
    if environment and not looked and not broken and environment not in (names := declared()):
        raise unknown_environment(environment, found, names)
    shown = kept if limit is None else kept[:limit]
    return Log(
        found.branch,
        bool(found.records.tip()),
        environment,
        tuple(entry(one) for one in shown),
        len(shown) < len(kept),
        broken[0] if broken else None,
    )


def view(found: Trail, given: str, commit_named: Callable[[str], str | None]) -> RecordView:
    """One record, by its commit, number or digest. `commit_named`: git's own look by prefix."""
    kept = find(found, given, commit_named)
    last = _last(found)
    return RecordView(
        found.branch,
        entry(kept),
        json.loads(kept.data),
        story_of(kept),
        tuple(_related(found, last, kept)),
        last.record.chain.sequence,
    )


def story_of(kept: Kept) -> tuple[str, ...]:
    """The sentences of the message that the record ought to have."""
    try:
        return tuple(message(kept.record, kept.digest).split("\n\n")[1].split("\n"))
    except (AttributeError, LookupError, TypeError, ValueError):
        return ("Its decision is not of the form that this program writes.",)


def find(found: Trail, given: str, commit_named: Callable[[str], str | None]) -> Kept:
    """The record that somebody names: by number, commit or digest."""
    return _named(found, _last(found), given.strip().lower(), commit_named)


def _last(found: Trail) -> Kept:
    tip = found.records.tip()
    if not tip:
        raise UsageError(
            "no-records",
            f"there are no records: there is no branch `{found.branch}`",
            hint="fetch it: `git fetch origin`",
        )
    return _only(readable((found.records.kept(one) for one in (tip,)), tip))


def _only(many: Iterator[Kept | Break]) -> Kept:
    return next(whole(many))


def _named(found: Trail, last: Kept, given: str, commit_named: Callable[[str], str | None]) -> Kept:
    number = given.removeprefix("#")
    if re.fullmatch(r"[0-9]{1,15}", number) and int(number) <= last.record.chain.sequence:
        kept = at_number(found, last, int(number))
        if kept is not None:
            return kept
    if re.fullmatch(r"[0-9a-f]{4,40}", given) and (commit := commit_named(given)):
        kept = _on_branch(found, last, commit)
        if kept is not None:
            return kept
    mark = given.removeprefix("sha256:")
    matches: list[Kept] = []
    if re.fullmatch(r"[0-9a-f]+", mark) and len(mark) >= _SHORTEST:
        matches = [
            one
            for one in whole(every_record(found))
            if one.digest.startswith(f"sha256:{mark}") or one.commit.startswith(given)
        ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(
            "ambiguous-record",
            f"`{given}` begins the names of {len(matches)} records",
            hint=f"more of it: {', '.join(one.commit[:12] for one in matches[:3])} ...",
        )
    raise UsageError(
        "unknown-record",
        f"no record on `{found.branch}` is named `{given}`",
        hint=f"a number from 0 to {last.record.chain.sequence}, or the beginning (four characters"
        " or more) of a commit or a digest; `reconciler audit log` lists them",
        subject=given,
    )


def at_number(found: Trail, last: Kept, number: int) -> Kept | None:
    """The record of that number; an error when it cannot be read."""
    try:
        return found.records.ancestor(last.commit, number)
    except Broken as err:
        raise failed(Break(err.commit, err.why)) from err


def _on_branch(found: Trail, last: Kept, commit: str) -> Kept | None:
    """The record in a commit, if that commit is one of the branch."""
    try:
        kept = found.records.kept(commit)
    except Broken:
        return None
    there = at_number(found, last, kept.record.chain.sequence)
    return there if there is not None and there.commit == commit else None


def refers_to(record: Record) -> frozenset[int]:
    """The numbers of the records that it names."""
    named = (getattr(record.body, name, None) for name in ("decision", "started", "since"))
    return frozenset(one for one in named if isinstance(one, int))


def _related(found: Trail, last: Kept, kept: Kept) -> Iterator[Related]:
    """A decision with what it allowed and what came of that, from whichever end one begins."""
    own = kept.record.chain.sequence
    earlier: dict[int, Kept] = {}
    todo = sorted(refers_to(kept.record))
    while todo and len(earlier) < _RELATED:
        number = todo.pop()
        before = at_number(found, last, number) if number not in earlier and number < own else None
        if before is not None:
            earlier[number] = before
            todo += sorted(refers_to(before.record))
    yield from (Related(True, entry(earlier[number])) for number in sorted(earlier))  # noqa: FBT003  # earlier
    names = {own}
    later: list[Kept] = []
    for one in records_of(found, kept.record.environment or ""):
        if isinstance(one, Break) or one.record.chain.sequence <= own:
            break
        later.append(one)
    for one in reversed(later):
        if refers_to(one.record) & names and len(names) <= _RELATED:
            names.add(one.record.chain.sequence)
            yield Related(False, entry(one))  # noqa: FBT003  # not earlier
