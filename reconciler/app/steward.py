"""What stopping, ending and keeping back take: the target branch, commits of ours, and records.

Whoever runs a command is told apart here, and held to the documents of the target branch as orders
in notes are: a name proves nobody where they name a key or an id.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.app.law import Law
from reconciler.app.proposing import Bot
from reconciler.app.record import Recorder
from reconciler.core.approve import People, Somebody, recognised
from reconciler.core.chat_subjects import member_of
from reconciler.core.chatops import Allowed, entitled
from reconciler.core.fingerprint import fingerprint
from reconciler.core.records.facts import refusal_body
from reconciler.errors import NotAllowedError, ReconcilerError, TransientError, WaitingError
from reconciler.model.approval import Person
from reconciler.model.desired import Loaded
from reconciler.model.environment import Environment
from reconciler.model.record import Actor
from reconciler.model.team import Member


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever runs a command."""

    by: Person
    """As the forge knows them, or as they say."""
    signed_by: str
    """The fingerprint of the key that they have; empty: none."""
    actor: Actor
    """As they say of themselves: whom a refusal names."""


@dataclass(frozen=True, slots=True)
class Steward:
    """Everything that it takes."""

    bot: Bot
    law: Callable[[], Law]
    """The target branch as everybody has it at this moment."""
    recorder: Callable[[Actor | None], Recorder]
    """Writes what somebody does; None: what we do by ourselves."""
    clock: Callable[[], datetime]

    def may(self, caller: Caller, verb: str, path: str, law: Law, subject: str) -> Allowed:
        """Whoever may change what lies at a path; an error for anybody else, and a record of it."""
        now = self.clock()
        who = recognised(caller.by, caller.signed_by, People.of(law.shared, now))
        found = entitled(who, verb, path, law.shared) if isinstance(who, Somebody) else who
        if isinstance(found, Allowed):
            return found
        told = self._refused(caller, f"{verb} {subject}", found, law, now)
        raise NotAllowedError(
            "not-allowed", f"{caller.actor.name} may not {verb} {subject}: {found}", hint=told
        )

    def _refused(self, caller: Caller, what: str, why: str, law: Law, now: datetime) -> str:
        """Recorded once a day, however often they try; what is to be said when it was not."""
        day = now.strftime("%Y-%m-%d")
        mark = mark_of("refusal", what, why, caller.actor.email, day)
        body = refusal_body(f"{what} by a command", why, law.commit, None)
        try:
            self.recorder(caller.actor).once(mark, now, law.commit, body)
        except (ReconcilerError, OSError) as error:
            return f"that this was refused could not be recorded: {error}"
        return ""

    def record(
        self,
        mark: str,
        law: str,
        body: Mapping[str, Any],
        who: Actor | None,
        name: str = "",
        hint: str = "run it again: what is done is not done twice",
    ) -> None:
        """What is done already, once; whoever could not record it comes again with the same.

        `law`: the commit that did it. What it changes of the rules is in use from then on: an apply
        that was judged by the old ones does not begin any more. `name`: the environment it is of.
        """
        try:
            self.recorder(who).once(mark, self.clock(), law, dict(body), name)
        except (TransientError, WaitingError):
            raise
        except ReconcilerError as error:
            raise TransientError(
                "not-recorded",
                f"it is done, and cannot be recorded: {error.message}",
                hint=error.hint or hint,
            ) from error


def owner_of(
    at: Steward, caller: Caller, verb: str, loaded: Loaded[Environment], law: Law
) -> Member:
    """The person, where they are a human of the team that owns the environment."""
    name, owner = loaded.document.metadata.name, loaded.document.metadata.owner
    who = recognised(caller.by, caller.signed_by, People.of(law.shared, at.clock()))
    why = ""
    if not isinstance(who, Somebody):
        why = who
    elif who.agent:
        why = f"an agent does not {verb}: ask a human"
    elif owner not in who.teams:
        why = f"it is {owner}'s: ask somebody of that team"
    if why or not isinstance(who, Somebody):
        raise NotAllowedError(
            "not-allowed", f"{caller.actor.name} may not {verb} {name}: {why}", subject=name
        )
    return member_of(who, owner, law.shared)


def actor_of(member: Member) -> Actor:
    """A person of a team, as records name them."""
    return Actor.model_construct(
        name=member.name,
        email=member.email,
        forge_id=member.forge_id,
        kind="human",
        agent=None,
        task=None,
    )


def member(allowed: Allowed, law: Law) -> Member:
    """Whoever it was, as the documents call them."""
    return member_of(allowed.who, allowed.team, law.shared)


def mark_of(*parts: str) -> str:
    """The number of a record that nobody writes twice."""
    return fingerprint("steward", *parts)[:32]
