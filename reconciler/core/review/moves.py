"""What should be there, and what is -> the fewest moves that make it so. Nothing to do: no move.

Level-triggered: each look compares anew, so a move that was lost is made by the next look, and one
that was made is not made again. Two who look at once may both say the same; whoever looks after
them keeps the older one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reconciler.core.review.marker import (
    Found,
    Trust,
    grown,
    sticky,
    thread_mark,
    thread_text,
)
from reconciler.core.review.wanted import Wanted
from reconciler.model.approval import Person
from reconciler.model.merge_request import Note, Place, Status
from reconciler.model.review import Memo, Thread

DOUBLE: Final = (
    "Two reviews began to say this at the same time. What is true stands in the older note above."
)
MENDED: Final = "Mended: this finding does not stand any more."


@dataclass(frozen=True, slots=True)
class Say:
    """The sticky note, for the first time."""

    body: str
    memo: Memo


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The sticky note, where it says something else by now."""

    note: str
    body: str
    memo: Memo


@dataclass(frozen=True, slots=True)
class Retell:
    """Another note of ours."""

    note: str
    text: str


@dataclass(frozen=True, slots=True)
class SayAt:
    """A finding on its line."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Settle:
    """A thread, settled or not."""

    thread: str
    resolved: bool


@dataclass(frozen=True, slots=True)
class Show:
    """A status."""

    status: Status


@dataclass(frozen=True, slots=True)
class Label:
    """Labels, given and taken."""

    add: frozenset[str]
    remove: frozenset[str]


@dataclass(frozen=True, slots=True)
class Suggest:
    """Ask people to look."""

    people: tuple[Person, ...]


Move = Say | Rewrite | Retell | SayAt | Settle | Show | Label | Suggest


@dataclass(frozen=True, slots=True)
class There:
    """What stands at the forge."""

    notes: Sequence[Note]
    statuses: Mapping[str, Status]
    labels: Collection[str]


def moves(wanted: Wanted, there: There, trust: Trust, *, signs: bool) -> tuple[Move, ...]:
    """In the order to make them in. `signs`: whether what we write would be believed."""
    return (
        *_note(wanted, sticky(there.notes, trust), signs=signs),
        *(Show(one) for one in wanted.statuses if not _shows(there.statuses.get(one.name), one)),
        *_threads(wanted.threads, there.notes),
        *_labels(wanted, there.labels),
    )


def memory(notes: Sequence[Note], trust: Trust) -> Memo:
    """What was shown and asked before, as far as it is believed."""
    return next((one.memo for one in sticky(notes, trust)), Memo())


def _note(wanted: Wanted, ours: Sequence[Found], *, signs: bool) -> Iterator[Move]:
    """People are asked first: only who was asked is remembered as asked."""
    first = ours[0] if ours else None
    # Whom we asked is believed as it stands: at worst somebody is not asked, and may look anyway.
    memo = replace(first.memo, asked=first.raw.asked) if first is not None else Memo()
    new = tuple(one for one in wanted.people if one.forge_id not in memo.asked)
    if new:
        yield Suggest(new)
    ids = tuple(one.forge_id for one in new if one.forge_id is not None)
    after = grown(memo, wanted.shown, ids)
    if first is None:
        yield Say(wanted.body, after)
        return
    if not _says(first, wanted, signs=signs) or ids:
        yield Rewrite(first.note.id, wanted.body, after)
    if first.note.resolved is not None and first.note.resolved != wanted.well:
        yield Settle(first.note.thread, wanted.well)
    for other in ours[1:]:
        if other.note.resolved is False:
            yield Settle(other.note.thread, resolved=True)
        yield Retell(other.note.id, DOUBLE)


def _says(first: Found, wanted: Wanted, *, signs: bool) -> bool:
    """Whether the note says it all already, in a way that is believed as far as we can."""
    shown = first.raw.shown
    same = first.body == wanted.body.rstrip() and bool(shown) and shown[-1].same(wanted.shown)
    return same and (first.believed or not signs)


def _shows(there: Status | None, wanted: Status) -> bool:
    """Whether a reader learns nothing more; where a link leads is no news."""
    return there is not None and (there.state, there.text) == (wanted.state, wanted.text)


def _threads(wanted: Sequence[Thread], notes: Sequence[Note]) -> Iterator[Move]:
    said: dict[str, tuple[Note, bool]] = {}
    for note in notes:
        known = thread_mark(note)
        if known is None:
            continue
        mark, mended = known
        if mark in said:  # two began at once: the older one goes on
            if note.resolved is False:
                yield Settle(note.thread, resolved=True)
            yield Retell(note.id, DOUBLE)
        else:
            said[mark] = (note, mended)
    texts = {one.mark: thread_text(one.text, one.mark) for one in wanted}
    for one in wanted:
        if one.mark not in said:
            yield SayAt(one.place, texts[one.mark])
    for mark, (note, mended) in said.items():
        stands = mark in texts
        if note.resolved is not None:
            if note.resolved == stands:
                yield Settle(note.thread, not stands)
        elif mended == stands:  # nothing that can be settled, so it says so itself
            text = texts[mark] if stands else thread_text(MENDED, mark, mended=True)
            yield Retell(note.id, text)


def _labels(wanted: Wanted, labels: Collection[str]) -> Iterator[Move]:
    there = frozenset(labels)
    add, remove = wanted.labels - there, (there & wanted.ours) - wanted.labels
    if add or remove:
        yield Label(frozenset(add), frozenset(remove))
