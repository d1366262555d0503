"""Events -> how a merge request stands. Pure: the same events are the same state, for everybody.

An event that makes no sense where it stands changes nothing: whoever wants to write it is told why,
and so is whoever reads one that somebody else wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from reconciler.core.forge.events import instant, person
from reconciler.model import forge_event as kinds
from reconciler.model.approval import Person
from reconciler.model.forge_event import Body, Event
from reconciler.model.merge_request import Consent, Note, Place, Status

DRAFT: Final = "draft:"
OTHER_KEY: Final = "that is signed with another key than this"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it was kept."""

    commit: str
    event: Event
    signed_by: str
    """The fingerprint of the key that signed it, verified; empty: nobody did."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That it was merged, as somebody says: only git can show it."""

    target: str
    head: str
    commit: str


@dataclass(frozen=True, slots=True)
class Folded:
    """A merge request, as far as its events say."""

    number: int
    title: str
    description: str
    author: Person
    source: str
    target: str
    base: str
    """Where the target was when it was proposed to it."""
    head: str
    """The last commit of the source that anything was said about."""
    opened: datetime
    updated: datetime
    closed: bool = False
    claims: tuple[Claim, ...] = ()
    """A false one takes nothing away from the others, which are believed when git shows them."""
    labels: tuple[str, ...] = ()
    consents: tuple[Consent, ...] = ()
    notes: Mapping[str, Note] = field(default_factory=dict)
    signers: Mapping[str, str] = field(default_factory=dict)
    """Note -> the key that signed it."""
    invited: tuple[Person, ...] = ()
    statuses: Mapping[tuple[str, str], Status] = field(default_factory=dict)
    """(commit, gate) -> what it says."""

    @property
    def draft(self) -> bool:
        """Whether its title says so."""
        return self.title.lower().startswith(DRAFT)


def same(one: Person, other: Person) -> bool:
    """Whether two are the same, by what they say of themselves."""
    return one.email.strip().lower() == other.email.strip().lower()


def too_late(body: Body) -> bool:
    """Whether it cannot happen any more once the target has it."""
    late = kinds.Edited, kinds.Closed, kinds.Reopened, kinds.Approved, kinds.Unapproved
    return isinstance(body, late)


def begun(entry: Entry) -> Folded | str:
    """The state after the first event; else why it is none."""
    body = entry.event.body
    if not isinstance(body, kinds.Opened):
        return f"a merge request begins by being opened, not {body.kind}"
    at = instant(entry.event)
    return Folded(
        entry.event.number,
        body.title,
        body.description,
        person(entry.event.by),
        body.source,
        body.target,
        body.base,
        body.head,
        at,
        at,
        labels=tuple(sorted(set(body.labels))),
    )


def after(state: Folded, entry: Entry) -> Folded | str:
    """The state after one more event; else why it makes no sense here."""
    if entry.event.number != state.number:
        return f"it is about !{entry.event.number}"
    found = _moved(state, entry)
    if isinstance(found, str):
        return found
    # Clocks here count seconds, and whoever looked within one must see that something changed.
    later = state.updated + timedelta(microseconds=1)
    return replace(found, updated=max(later, instant(entry.event)))


def _moved(state: Folded, entry: Entry) -> Folded | str:
    body = entry.event.body
    match body:
        case kinds.Said():
            return _said(state, entry, body)
        case kinds.Rewritten():
            return _rewritten(state, entry, body)
        case kinds.Settled():
            return _settled(state, body)
        case kinds.Labelled():
            labels = (set(state.labels) - set(body.remove)) | set(body.add)
            return replace(state, labels=tuple(sorted(labels)))
        case kinds.Invited():
            new = [person(one) for one in body.people]
            fresh = [one for one in new if not any(same(one, old) for old in state.invited)]
            return replace(state, invited=(*state.invited, *fresh))
        case kinds.Shown():
            status = Status(body.name, body.state, body.text, body.link)
            return replace(state, statuses={**state.statuses, (body.head, body.name): status})
        case _:
            return _stands(state, entry)


def _stands(state: Folded, entry: Entry) -> Folded | str:
    body = entry.event.body
    match body:
        case kinds.Merged():
            claim = Claim(state.target, body.head, body.commit)
            claims = state.claims if claim in state.claims else (*state.claims, claim)
            return replace(state, claims=claims)
        case kinds.Reopened():
            return replace(state, closed=False)
        case kinds.Closed():
            return replace(state, closed=True)
        case kinds.Edited():
            return _edited(state, body)
        case kinds.Unapproved():
            return _unapproved(state, entry)
        case kinds.Approved():
            return _approved(state, entry, body)
        case _:
            return "it is opened already"


def _edited(state: Folded, body: kinds.Edited) -> Folded | str:
    if (body.target is None) != (body.base is None):
        return "it names another target, and not where that was"
    return replace(
        state,
        title=state.title if body.title is None else body.title,
        description=state.description if body.description is None else body.description,
        target=body.target or state.target,
        base=body.base or state.base,
    )


def _approved(state: Folded, entry: Entry, body: kinds.Approved) -> Folded | str:
    if state.closed:
        return "it is closed: there is nothing to agree to"
    environments = [one.environment for one in body.plans]
    if len(set(environments)) != len(environments):
        return "it names two plans of one environment"
    by = person(entry.event.by)
    # What somebody without the key writes in another's name must not take theirs away.
    others = tuple(
        one for one in state.consents if not (same(one.by, by) and one.signed_by == entry.signed_by)
    )
    made = Consent(
        by,
        instant(entry.event),
        body.head,
        tuple(sorted((one.environment, one.digest) for one in body.plans)),
        body.policies,
        entry.commit,
        entry.signed_by,
    )
    return replace(state, head=body.head, consents=(*others, made))


def _unapproved(state: Folded, entry: Entry) -> Folded | str:
    """Only the key that signed an approval takes it back: else anybody could stop everybody."""
    by = person(entry.event.by)
    own = [one for one in state.consents if same(one.by, by)]
    taken = [one for one in own if one.signed_by in ("", entry.signed_by)]
    if own and not taken:
        return f"it takes back an approval, and {OTHER_KEY}"
    return replace(state, consents=tuple(one for one in state.consents if one not in taken))


def _said(state: Folded, entry: Entry, body: kinds.Said) -> Folded | str:
    root = state.notes.get(body.thread) if body.thread else None
    if body.thread and (root is None or root.thread != root.id):
        return "it answers a note that is not there"
    at = instant(entry.event)
    place = Place(body.place.path, body.place.line) if body.place else None
    note = Note(
        entry.commit,
        body.thread or entry.commit,
        person(entry.event.by),
        at,
        at,
        body.text,
        place=place,
        resolved=root.resolved if root is not None else False if place else None,
        signed_by=entry.signed_by,
        rewritten=False,
    )
    signers = {**state.signers, entry.commit: entry.signed_by} if entry.signed_by else state.signers
    return replace(state, notes={**state.notes, note.id: note}, signers=signers)


def _rewritten(state: Folded, entry: Entry, body: kinds.Rewritten) -> Folded | str:
    note = state.notes.get(body.note)
    if note is None:
        return "it rewrites a note that is not there"
    if not same(note.by, person(entry.event.by)):
        return "it rewrites a note of somebody else"
    if state.signers.get(note.id, entry.signed_by) != entry.signed_by:
        return "it rewrites a signed note, and is not signed with that key"
    edited = max(note.at, instant(entry.event))
    changed = replace(note, text=body.text, edited=edited, rewritten=True)
    return replace(state, notes={**state.notes, note.id: changed})


def _settled(state: Folded, body: kinds.Settled) -> Folded | str:
    root = state.notes.get(body.thread)
    if root is None or root.thread != root.id or root.resolved is None:
        return "it settles what is no thing to settle"
    notes = {
        key: replace(one, resolved=body.resolved) if one.thread == root.id else one
        for key, one in state.notes.items()
    }
    return replace(state, notes=notes)
