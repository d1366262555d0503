"""Make the moves at the forge: each by itself, so that one that fails loses no other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from reconciler.core.difference import kept_plan
from reconciler.core.redact import hidden
from reconciler.core.review.marker import Sign, Trust, sticky, written
from reconciler.core.review.moves import (
    Label,
    Move,
    Retell,
    Rewrite,
    Say,
    SayAt,
    Settle,
    Show,
    Suggest,
    There,
    moves,
)
from reconciler.core.review.wanted import Wanted
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.merge_request import MergeRequest
from reconciler.model.review import Memo, Mishap
from reconciler.ports import Forge

_WORDS: Final[dict[type[Move], str]] = {
    Say: "the note",
    Rewrite: "the note, anew",
    Retell: "an older note, anew",
    SayAt: "a finding on its line",
    Settle: "a thread",
    Show: "a status",
    Label: "labels",
    Suggest: "who should look at it",
}


@dataclass(frozen=True, slots=True)
class Posting:
    """Where and how to post."""

    forge: Forge
    request: MergeRequest
    wanted: Wanted
    there: There
    trust: Trust
    sign: Sign | None
    signs: bool


def post(to: Posting, todo: Sequence[Move]) -> tuple[tuple[str, ...], tuple[Mishap, ...]]:
    """Make the moves; what was done, and what was not and why."""
    done: list[str] = []
    mishaps: list[Mishap] = []
    unasked: frozenset[int] = frozenset()

    def make(one: Move) -> bool:
        try:
            _make(to, _without(one, unasked))
        except ReconcilerError as err:
            mishaps.append(Mishap(words(one), hidden(err.message), hidden(err.hint)))
            return False
        done.append(words(one))
        return True

    said = False
    for one in todo:
        made = make(one)
        if isinstance(one, Suggest) and not made:
            unasked = frozenset(each.forge_id for each in one.people if each.forge_id is not None)
        said = said or (made and isinstance(one, Say | SayAt))
    if said:
        for one in _doubles(to, mishaps):
            make(one)
    return tuple(done), tuple(mishaps)


def words(one: Move) -> str:
    """What a move posts, for people."""
    match one:
        case Show(status):
            return f"the status {status.name}"
        case Settle(_, resolved):
            return "a thread settled" if resolved else "a thread opened again"
        case Label(add, remove):
            signs = [
                *(f"+{name}" for name in sorted(add)),
                *(f"-{name}" for name in sorted(remove)),
            ]
            return f"labels {' '.join(signs)}"
        case SayAt(place):
            return f"a finding on {place.path}:{place.line}"
        case _:
            return _WORDS[type(one)]


def _without(one: Move, unasked: frozenset[int]) -> Move:
    """Nobody is remembered as asked who was not."""
    if not unasked or not isinstance(one, Say | Rewrite):
        return one
    asked = tuple(each for each in one.memo.asked if each not in unasked)
    return replace(one, memo=replace(one.memo, asked=asked))


def _doubles(to: Posting, mishaps: list[Mishap]) -> list[Move]:
    """Somebody else may have begun to say the same at the same time: only then it stands twice."""
    try:
        notes = to.forge.notes(to.request.number)
    except ReconcilerError as err:
        mishaps.append(
            Mishap("looking whether it stands twice", hidden(err.message), hidden(err.hint))
        )
        return []
    there = replace(to.there, notes=notes)
    again = moves(to.wanted, there, to.trust, signs=to.signs)
    return [one for one in again if isinstance(one, Retell | Settle)]


def _make(to: Posting, one: Move) -> None:
    forge, number = to.forge, to.request.number
    match one:
        case Say(body, memo):
            forge.say(number, _text(to, body, memo))
        case Rewrite(note, body, memo):
            text = _text(to, body, memo)
            if not forge.rewrite(number, note, text):  # somebody deleted it meanwhile
                forge.say(number, text)
        case Retell(note, text):
            forge.rewrite(number, note, text)
        case SayAt(place, text):
            forge.say(number, text, place=place)
        case Settle(thread, resolved):
            forge.settle(number, thread, resolved=resolved)
        case Show(status):
            forge.show_status(to.request, status)
        case Label(add, remove):
            forge.labelled(number, add, remove)
        case Suggest(people):
            forge.suggest(number, people)


def _plans(to: Posting, memo: Memo) -> dict[str, bytes]:
    """The plans that somebody may have agreed to, as far as they are known, the newest first."""
    known: dict[str, bytes] = {}
    for one in sticky(to.there.notes, to.trust):
        known |= one.plans
    for plan in to.wanted.plans:
        data = kept_plan(plan)
        if data is not None:
            known[plan.digest] = data
    shown = (digest for one in reversed(memo.shown) for _, digest in one.plans)
    return {digest: known[digest] for digest in shown if digest in known}


def _text(to: Posting, body: str, memo: Memo) -> str:
    size = to.forge.writes_size
    text = written(body, memo, to.trust.about, to.sign, _plans(to, memo), size)
    if len(text) > to.forge.writes_size:
        raise UsageError(
            "note-too-long",
            f"the note has {len(text):,} characters, and {to.forge.name} takes"
            f" {to.forge.writes_size:,}",
            hint="`reconciler check --format markdown` prints the whole of it",
        )
    return text
