"""When an agent is kept from going on, by what was recorded of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from reconciler.model.agent import Agent
from reconciler.model.profile import Profile, QuarantineAfter
from reconciler.model.record import DecisionBody, Record, Refusal, Rollback

DAY: Final = timedelta(days=1)
Offence = Literal["denial", "rollback"]


@dataclass(frozen=True, slots=True)
class Counted:
    """What was recorded of an agent within a day, each thing once."""

    denials: frozenset[str] = frozenset()
    rollbacks: frozenset[str] = frozenset()


def limits_of(agent: Agent, profiles: Iterable[Profile]) -> QuarantineAfter:
    """The strictest of its tracks."""
    found = [
        one.spec.agents.quarantine_after
        for one in profiles
        if one.metadata.name in agent.spec.tracks
    ] or [QuarantineAfter()]
    return QuarantineAfter.model_construct(
        denials=min(one.denials for one in found), rollbacks=min(one.rollbacks for one in found)
    )


def counted(
    agent: Agent, records: Iterable[Record], makers: Mapping[str, frozenset[str]], since: datetime
) -> Counted:
    """What it did since then that was denied or taken back.

    `makers`: who made a commit that was rolled back, by e-mail address. That something stood still
    is nobody's fault, and what is denied again is the same denial.
    """
    email, name = agent.spec.identity.email.lower(), agent.metadata.name
    denials: set[str] = set()
    rollbacks: set[str] = set()
    for record in records:
        if datetime.fromisoformat(record.at) < since:
            continue
        body, own = record.body, record.actor.agent == name or record.actor.email.lower() == email
        if isinstance(body, Refusal) and own:
            denials.add(f"{body.what} {body.commit}")
        elif isinstance(body, DecisionBody) and body.verdict == "DENY" and not _frozen(body):
            authors = {str(one["email"]).lower() for one in body.given.get("authors", ())}
            if own or email in authors:
                denials.add(f"{record.environment} {body.head}")
        elif isinstance(body, Rollback) and email in makers.get(body.bad, frozenset()):
            rollbacks.add(f"{record.environment} {body.bad}")
    return Counted(frozenset(denials), frozenset(rollbacks))


def _frozen(body: DecisionBody) -> bool:
    reasons = body.decision["reasons"]
    return bool(reasons) and all(str(one).startswith("frozen") for one in reasons)


def too_much(found: Counted, limits: QuarantineAfter) -> str:
    """Why it has to stop; empty: it need not."""
    for many, limit, words in (
        (found.denials, limits.denials, "denials"),
        (found.rollbacks, limits.rollbacks, "rollbacks"),
    ):
        if len(many) > limit:
            return f"{len(many)} {words} within a day, and at most {limit} are allowed"
    return ""
