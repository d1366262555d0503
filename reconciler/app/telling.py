"""Tell people what happened: read new records, claim them, and send what the settings ask for.

Which records are told of is claimed by compare-and-swap, so that of several controllers one tells.
What is to be sent lies on the disk before it is claimed: whoever is killed loses nothing, and finds
out by the claim whether it was theirs. What cannot be sent is sent later, for a day.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from reconciler.app.records import Broken, Kept, Records
from reconciler.core.notices import WINDOW, About, link_to, notice_of, repeats, routed
from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.base import format_timestamp
from reconciler.model.notice import Batch, Claim, Letter, Notice
from reconciler.model.record import DecisionBody, Stop
from reconciler.model.settings import Notification
from reconciler.ports import Claims, Memory, Outbox, Speaker, Telemetry

GIVEN_UP: Final = timedelta(days=1)
"""What could not be sent for so long is not sent any more, and that is said."""
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=1)
MOST_LETTERS: Final = 1000
"""So many wait at most; the oldest are given up."""
MOST_NEWS: Final = 1000
"""Records at once; more are older than anybody wants to hear of."""
_EARLIER: Final = 20
"""So many records of an environment are looked at for what was told before."""
_TRIES: Final = 5
_AT_ONCE: Final = 50
"""Letters in one go: whoever calls has other things to do."""


@dataclass(frozen=True)
class Desk:
    """Everything that telling needs."""

    records: Records
    claims: Claims
    known: Memory
    """The last record that this machine knows to be told of."""
    outbox: Outbox
    rules: Sequence[Notification]
    speaker: Callable[[Notification], Speaker]
    """What speaks to a rule's target; a UsageError when it is not set up."""
    pages: str
    """Where the project's pages are; empty: it has none."""
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    """Each sorts behind the one before."""
    telemetry: Telemetry
    complain: Callable[[str], None]
    """Told, in words, what nobody will hear of, and why."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it."""

    sent: int = 0
    waiting: int = 0
    given_up: int = 0


def tell_news(desk: Desk, tip: str = "") -> Told:
    """Everything that is new, and what waits; nothing when another process here is at it.

    `tip`: the last record as the caller saw it; where it was told of, nobody else is asked. What
    waits is sent also while the records are away; then that is raised.
    """
    if not desk.rules:
        return Told()
    with desk.outbox.alone() as ours:
        if not ours:
            return Told()
        away: ReconcilerError | None = None
        try:
            _follow(desk, tip)
        except ReconcilerError as error:
            away = error
        told = _send(desk)
        if away is not None:
            raise away
        return told


def _follow(desk: Desk, tip: str) -> None:
    """Settle what is open, and take what is new."""
    open_ones = [one for one in desk.outbox.all() if not one.ours]
    if not open_ones and tip and desk.known.get() == tip:
        return
    claim = desk.claims.read()
    for batch in open_ones:
        _settle(desk, batch, claim)
    desk.known.put(_take(desk, claim))


def _settle(desk: Desk, batch: Batch, claim: Claim) -> None:
    """A batch whose claim nobody saw the end of: ours, or somebody else's by now."""
    mine = batch.id in claim.batches
    desk.outbox.keep(replace(batch, ours=True) if mine else replace(batch, letters=()))


def _take(desk: Desk, claim: Claim) -> str:
    """Claim what is new, and write what is to be said of it. The last record that is told of."""
    for _ in range(_TRIES):
        tip = desk.records.store.tip(fresh=True)
        if not tip or tip == claim.until:
            return tip
        if not claim.until:  # nobody wants to hear of everything that ever was
            if desk.claims.move(claim, tip, desk.new_id()):
                return tip
            claim = desk.claims.read()
            continue
        now = desk.clock()
        letters = tuple(
            Letter(rule, notice, now, now)
            for rule, notice in routed(desk.rules, _news(desk, tip, claim.until))
        )
        batch = Batch(desk.new_id(), tip, ours=False, letters=letters)
        desk.outbox.keep(batch)
        if desk.claims.move(claim, tip, batch.id):
            desk.outbox.keep(replace(batch, ours=True))
            return tip
        desk.outbox.keep(replace(batch, letters=()))
        claim = desk.claims.read()
    return claim.until


def _news(desk: Desk, tip: str, until: str) -> list[Notice]:
    """What there is to tell of the records behind one, oldest first."""
    fresh: list[Kept] = []
    gap = f"the record {until[:12]}, which was told of last, is not behind {tip[:12]}"
    try:
        for kept in desk.records.walk(tip):
            if kept.commit == until:
                gap = ""
                break
            if len(fresh) >= MOST_NEWS:
                gap = f"more than {MOST_NEWS:,} records are new"
                break
            fresh.append(kept)
    except Broken as error:
        gap = f"not all records can be read: {error.message}"
    if gap:
        # Verifying names what is broken, and whoever writes records stops at it.
        desk.complain(f"{gap}: only the last {MOST_NEWS:,} of one day are told of")
        oldest = format_timestamp(desk.clock() - WINDOW)
        fresh = [one for one in fresh if one.record.at >= oldest]
    found = []
    for kept in reversed(fresh):
        notice = _notice(desk, kept)
        if notice is not None and not repeats(notice, _earlier(desk, kept)):
            found.append(notice)
    return found


def _notice(desk: Desk, kept: Kept) -> Notice | None:
    record = kept.record
    return notice_of(record, _about(desk, kept), link_to(desk.pages, record))


def _about(desk: Desk, kept: Kept) -> About:
    """What the last decision before a record says of its environment."""
    record = kept.record
    if isinstance(record.body, DecisionBody):
        return About(record.body.track, record.body.owner)
    name, body = record.environment or "", record.body
    if isinstance(body, Stop) and body.scope == "environment":
        name = body.subject
    with suppress(Broken, LookupError, ValueError):
        known = desk.records.status_at(kept, name).get("decision") if name else None
        number = known.get("record") if isinstance(known, dict) else None
        decided = desk.records.ancestor(kept.commit, number) if type(number) is int else None
        if decided is not None and isinstance(decided.record.body, DecisionBody):
            return About(decided.record.body.track, decided.record.body.owner)
    return About()


def _earlier(desk: Desk, kept: Kept) -> Iterator[Notice]:
    """What was told of the same environment before, newest first."""
    name, parent = kept.record.environment, kept.record.chain.parent
    if not name or parent is None:
        return
    with suppress(Broken):
        about = desk.records.of_environment(name, parent)
        for one, _ in zip(about, range(_EARLIER), strict=False):
            found = notice_of(one.record, About())
            if found is not None:
                yield found


def _send(desk: Desk) -> Told:
    """What is due. A target that fails once is left alone until the next time."""
    now, sent, given_up, waiting, tried = desk.clock(), 0, 0, 0, 0
    rules = {one.name: one for one in desk.rules}
    speakers: dict[str, Speaker] = {}
    away: set[str] = set()
    batches = [one for one in desk.outbox.all() if one.ours]
    spare = sum(len(one.letters) for one in batches) - MOST_LETTERS
    for batch in batches:
        left: list[Letter] = []
        sure = False
        for number, letter in enumerate(batch.letters):
            why = _hopeless(letter, rules, now, crowded=spare > 0)
            if why:
                spare, given_up = spare - 1, given_up + 1
                _give_up(desk, rules, letter, why)
                continue
            if letter.due > now or letter.rule in away or tried >= _AT_ONCE:
                left.append(letter)
                continue
            if not sure:
                desk.outbox.keep(batch)  # a full disk says so before anybody hears, and not after
                sure = True
            tried += 1
            error = _told_to(desk, rules[letter.rule], speakers, letter)
            if error is None:
                sent += 1
                rest = (*left, *batch.letters[number + 1 :])
                desk.outbox.keep(replace(batch, letters=rest))  # at once: nobody hears twice
            else:
                away.add(letter.rule)
                left.append(_later(letter, now, error))
        if tuple(left) != batch.letters:
            desk.outbox.keep(replace(batch, letters=tuple(left)))
        waiting += len(left)
    desk.telemetry.stands("outbox", waiting)
    return Told(sent, waiting, given_up)


def _told_to(
    desk: Desk, rule: Notification, speakers: dict[str, Speaker], letter: Letter
) -> ReconcilerError | None:
    try:
        if rule.name not in speakers:
            speakers[rule.name] = desk.speaker(rule)
        speakers[rule.name].tell(letter.notice)
    except ReconcilerError as error:
        desk.telemetry.counted("notices", target=rule.target.kind, result="failed")
        if letter.tries == 0:
            desk.complain(f"`{rule.name}` could not be told, and is tried again: {error.message}")
        return error
    desk.telemetry.counted("notices", target=rule.target.kind, result="sent")
    return None


def _later(letter: Letter, now: datetime, error: ReconcilerError) -> Letter:
    """Twice as long as before; what only a human can mend is not tried often."""
    doubled = FIRST_WAIT * 2 ** min(letter.tries, 10)
    wait = min(doubled, LONGEST_WAIT) if isinstance(error, TransientError) else LONGEST_WAIT
    return replace(letter, due=now + wait, tries=letter.tries + 1)


def _hopeless(
    letter: Letter, rules: Mapping[str, Notification], now: datetime, *, crowded: bool
) -> str:
    """Why nobody will hear of it."""
    if letter.rule not in rules:
        return "the settings have no such rule any more"
    if now - letter.written > GIVEN_UP:
        return "it could not be sent for a day"
    return f"more than {MOST_LETTERS:,} wait" if crowded else ""


def _give_up(desk: Desk, rules: Mapping[str, Notification], letter: Letter, why: str) -> None:
    rule = rules.get(letter.rule)
    kind = rule.target.kind if rule is not None else "none"
    desk.telemetry.counted("notices", target=kind, result="given-up")
    desk.complain(f"`{letter.rule}` is not told of `{letter.notice.title}`: {why}")
