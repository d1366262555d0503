"""Agents that are kept from going on: by rule, by a human, and released by a human only.

Quarantine stands in the agent's document on the target branch: whoever judges a change reads it
there. It is recorded as a stop of that agent.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from reconciler.app.law import Law
from reconciler.app.proposing import Wish
from reconciler.app.records import Records
from reconciler.app.steward import Caller, Steward, actor_of, mark_of, member
from reconciler.core.approve import People, Somebody, recognised
from reconciler.core.authority import is_stopped
from reconciler.core.chat_subjects import sound
from reconciler.core.chatops import Allowed
from reconciler.core.edit_document import GONE, edit_document
from reconciler.core.expiry import instant_of
from reconciler.core.quarantine import DAY, Counted, counted, limits_of, too_much
from reconciler.core.records.facts import stop_body
from reconciler.core.suggest import did_you_mean
from reconciler.core.tree import find
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.agent import Agent
from reconciler.model.author import Author
from reconciler.model.base import format_timestamp
from reconciler.model.desired import Loaded
from reconciler.model.life import AgentStanding, Held
from reconciler.model.merge_request import MergeRequest
from reconciler.model.profile import QuarantineAfter
from reconciler.model.record import Actor, Record, Rollback
from reconciler.model.tree import DOCUMENT_LIMIT
from reconciler.ports import Commits

STOP: Final = "agents/"
"""How records call the stop of an agent; no document of a freeze has such a name."""
_WORDS: Final = 500


def standings(law: Law, records: Records, git: Commits, now: datetime) -> tuple[AgentStanding, ...]:
    """Every agent, and how it did within a day."""
    today = _today(records, now)
    makers = _makers(today, git)
    found = []
    for name, loaded in sorted(law.shared.agents.items()):
        document = loaded.document
        limits = _limits(document, law)
        done = counted(document, today, makers, _since(name, records, now))
        found.append(
            AgentStanding(
                name,
                document.metadata.owner,
                tuple(document.spec.tracks),
                _stopped(document, law, now),
                len(done.denials),
                len(done.rollbacks),
                (limits.denials, limits.rollbacks),
            )
        )
    return tuple(found)


def _stopped(document: Agent, law: Law, now: datetime) -> str:
    if document.spec.quarantine is not None:
        return f"in quarantine: {document.spec.quarantine.reason}"
    return "frozen" if is_stopped(document, law.shared.freezes.values(), now) else ""


def quarantine(at: Steward, git: Commits) -> tuple[Held, ...]:
    """Put whoever did too much that was denied or taken back in quarantine; once for each time."""
    law, now = at.law(), at.clock().replace(microsecond=0)
    records = at.recorder(None).records
    _noted(at, law, records)
    free = {
        name: one
        for name, one in sorted(law.shared.agents.items())
        if one.document.spec.quarantine is None
    }
    if not free:
        return ()
    today = _today(records, now)
    makers = _makers(today, git)
    made = []
    for name, loaded in free.items():
        done: Counted = counted(loaded.document, today, makers, _since(name, records, now))
        why = too_much(done, _limits(loaded.document, law))
        if why:
            made.append(_held(at, law, loaded, why, at.bot.me, None))
    return tuple(made)


def _noted(at: Steward, law: Law, records: Records) -> None:
    """What merge requests did to quarantines is recorded as if somebody had ordered it."""
    known = records.status("").get("freezes", {})
    for key in sorted(known):
        name = key.removeprefix(STOP)
        loaded = law.shared.agents.get(name)
        if key.startswith(STOP) and (loaded is None or loaded.document.spec.quarantine is None):
            since = str(known[key].get("record", ""))
            body = stop_body("resume", key, "agent", name, "its document says so", None, None)
            at.record(mark_of("released", name, since), law.commit, body, None)
    for name, loaded in sorted(law.shared.agents.items()):
        held = loaded.document.spec.quarantine
        if held is not None and f"{STOP}{name}" not in known:
            body = stop_body("freeze", f"{STOP}{name}", "agent", name, held.reason, None, None)
            at.record(_mark(name, held.since), law.commit, body, None)


# -- by a human


def hold(at: Steward, caller: Caller, name: str, because: str) -> Held:
    """Put an agent in quarantine, by its owner or whoever owns its document."""
    law = at.law()
    loaded = _agent(law, name)
    own = _person(at, caller, "quarantine", loaded, law, owner_too=True)
    if loaded.document.spec.quarantine is not None:
        raise UsageError("held-already", f"{name} is in quarantine already", subject=name)
    at.recorder(own)  # what could not be recorded is not begun
    return _held(at, law, loaded, because, Author(own.email, own.name), own)


def release(at: Steward, caller: Caller, name: str, because: str) -> Held:
    """Let an agent go on; only a human does, whatever put it there."""
    law = at.law()
    loaded = _agent(law, name)
    own = _person(at, caller, "release", loaded, law, owner_too=False)
    if loaded.document.spec.quarantine is None:
        raise UsageError("not-held", f"{name} is not in quarantine", subject=name)
    records = at.recorder(own).records
    text = _read(law, loaded.path)
    changed = edit_document(text, {("spec", "quarantine"): GONE})
    sound(loaded.path, changed.decode(), "Agent")
    wish = Wish(
        f"release/{name}",
        f"Release the agent {name}",
        because,
        {loaded.path: changed},
        Author(own.email, own.name),
    )
    put = at.bot.put(wish, lambda _tip: _read(at.law(), loaded.path) == text)
    if isinstance(put, MergeRequest):
        return Held(name, "release", because, proposed=put)
    known = records.status("").get("freezes", {}).get(f"{STOP}{name}", {})
    body = stop_body("resume", f"{STOP}{name}", "agent", name, because, None, put or None)
    mark = mark_of("released", name, str(known.get("record", put)))
    at.record(mark, put or law.commit, body, own)
    return Held(name, "release", because, put)


# -- what they have in common


def _held(
    at: Steward, law: Law, loaded: Loaded[Agent], because: str, by: Author, who: Actor | None
) -> Held:
    now, name = at.clock().replace(microsecond=0), loaded.document.metadata.name
    text = _read(law, loaded.path)
    value = {"reason": because[:_WORDS], "since": format_timestamp(now)}
    changed = edit_document(text, {("spec", "quarantine"): value})
    sound(loaded.path, changed.decode(), "Agent")
    wish = Wish(
        f"quarantine/{name}",
        f"Put the agent {name} in quarantine",
        because,
        {loaded.path: changed},
        by,
    )
    put = at.bot.put(wish, lambda _tip: _read(at.law(), loaded.path) == text)
    if isinstance(put, MergeRequest):
        return Held(name, "quarantine", because, proposed=put)
    if put:
        body = stop_body("freeze", f"{STOP}{name}", "agent", name, because, None, put)
        at.record(_mark(name, now), put, body, who)
    return Held(name, "quarantine", because, put)


def _mark(name: str, since: datetime) -> str:
    return mark_of("held", name, format_timestamp(since))


def _agent(law: Law, name: str) -> Loaded[Agent]:
    if name not in law.shared.agents:
        raise UsageError(
            "unknown-agent",
            f"there is no agent {name}",
            hint=did_you_mean(name, law.shared.agents),
            subject=name,
        )
    return law.shared.agents[name]


def _person(
    at: Steward, caller: Caller, verb: str, loaded: Loaded[Agent], law: Law, *, owner_too: bool
) -> Actor:
    """A human who may; an error for anybody else, and a record of it."""
    owner = loaded.document.metadata.owner
    if owner_too:
        who = recognised(caller.by, caller.signed_by, People.of(law.shared, at.clock()))
        if isinstance(who, Somebody) and not who.agent and owner in who.teams:
            return actor_of(member(Allowed(who, owner), law))
    what = f"the agent {loaded.document.metadata.name}"
    return actor_of(member(at.may(caller, verb, loaded.path, law, what), law))


def _limits(document: Agent, law: Law) -> QuarantineAfter:
    names = [one for one in document.spec.tracks if one in law.shared.profiles]
    return limits_of(document, [law.shared.profiles[one].document for one in names])


def _today(records: Records, now: datetime) -> Sequence[Record]:
    found = []
    for kept in records.walk():
        if datetime.fromisoformat(kept.record.at) < now - DAY:
            break
        found.append(kept.record)
    return found


def _since(name: str, records: Records, now: datetime) -> datetime:
    """What was before a release counts no more."""
    released = instant_of(records.status("").get("released", {}).get(name))
    return max(now - DAY, released) if released is not None else now - DAY


def _makers(records: Iterable[Record], git: Commits) -> dict[str, frozenset[str]]:
    """Who made what was rolled back, by commit."""
    found: dict[str, frozenset[str]] = {}
    for record in records:
        if isinstance(record.body, Rollback) and record.body.bad not in found:
            bad = record.body.bad
            try:
                parents = git.commit(bad).parents
                made = git.makers(parents[0] if parents else "", bad)
            except ReconcilerError:
                continue  # a commit that is not here was nobody's that we know
            found[bad] = frozenset(one.email.lower() for one in made)
    return found


def _read(law: Law, path: str) -> bytes:
    entry = find(law.tree, path)
    return (law.tree.read(entry, DOCUMENT_LIMIT) or b"") if entry is not None else b""
