"""Which approvals count, and what is still missing. Pure, and strict in every doubt.

Each approval is judged by itself: another one never makes it count, nor takes its weight away.
Who somebody is, the documents of the target branch say; a name or an e-mail proves nothing where
they name an id or a key.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Literal

from reconciler.core.authority import is_stopped
from reconciler.core.fingerprint import fingerprint
from reconciler.core.ssh_signature import BadKey, parse_public_key
from reconciler.model.agent import Agent
from reconciler.model.approval import Approval, Disregarded, Person
from reconciler.model.author import Author
from reconciler.model.decision import ApprovalNeed
from reconciler.model.desired import Loaded, Shared
from reconciler.model.freeze import Freeze
from reconciler.model.team import Team

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHORT: Final = 12
ANOTHER_PLAN: Final = "the plan is another one since: look at the new plan, and agree again"
"""Why an approval does not count of which nothing else moved."""
_EVER: Final = datetime.min.replace(tzinfo=UTC)

Mark = tuple[Literal["email", "id", "key"], str]
"""One thing that somebody is known by."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """One person or agent, with everything that any document says of them."""

    name: str
    marks: frozenset[Mark]
    teams: frozenset[str]
    agent: bool
    stopped: bool
    """An agent that may do nothing now."""

    def joined(self, other: "Somebody") -> "Somebody":
        """Two documents that share a mark speak of the same one."""
        return Somebody(
            min(self.name, other.name),
            self.marks | other.marks,
            self.teams | other.teams,
            self.agent or other.agent,
            self.stopped or other.stopped,
        )


@dataclass(frozen=True, eq=False)
class People:
    """Everybody whom the target branch knows; not read before somebody is looked for."""

    teams: Mapping[str, Loaded[Team]] = field(default_factory=dict)
    agents: Mapping[str, Loaded[Agent]] = field(default_factory=dict)
    freezes: Mapping[str, Loaded[Freeze]] = field(default_factory=dict)
    now: datetime = _EVER

    @classmethod
    def of(cls, shared: Shared, now: datetime) -> "People":
        """Everybody whom these documents name, agents as they stand at this instant."""
        return cls(shared.teams, shared.agents, shared.freezes, now)

    @cached_property
    def by_mark(self) -> Mapping[Mark, Somebody]:
        """Who it is that has a mark: one and the same for all marks of one person."""
        found: dict[Mark, Somebody] = {}
        for one in self._named():
            whole = one
            for mark in one.marks:
                if mark in found:
                    whole = whole.joined(found[mark])
            found.update(dict.fromkeys(whole.marks, whole))
        return found

    def _named(self) -> Iterator[Somebody]:
        for team, loaded in self.teams.items():
            for member in loaded.document.spec.members:
                marks = _marks(member.email, member.forge_id, map(key_fingerprint, member.keys))
                yield Somebody(member.name, marks, frozenset({team}), agent=False, stopped=False)
        for name, one in self.agents.items():
            known = one.document.spec.identity
            marks = _marks(known.email, known.forge_id, map(key_fingerprint, known.keys))
            stopped = is_stopped(one.document, self.freezes.values(), self.now)
            yield Somebody(name, marks, frozenset(), agent=True, stopped=stopped)

    @cached_property
    def digest(self) -> str:
        """Of the documents that say who everybody is."""
        documents: list[Loaded[Any]] = [*self.teams.values(), *self.agents.values()]
        return fingerprint(*sorted(f"{one.path} {one.oid}" for one in documents))

    def having(self, marks: Iterable[Mark]) -> frozenset[Somebody]:
        """Everybody who has one of the marks."""
        return frozenset(self.by_mark[mark] for mark in marks if mark in self.by_mark)


NOBODY: Final = People()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an approval has to be about in order to count."""

    heads: frozenset[str]
    """Commits that have what is judged."""
    plan: str
    """Digest; empty: there is no plan."""
    policies: str
    authors: tuple[Person, ...]
    """Everybody who made the change."""
    now: datetime
    plans: frozenset[str] = frozenset()
    """Digests of plans that were agreed to, and that this one is a step of."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the approvals come to."""

    missing: tuple[ApprovalNeed, ...]
    """How many are still wanted, of whom."""
    counted: tuple[Approval, ...]
    """With the names that the documents have: at a forge anybody is called what they like."""
    disregarded: tuple[Disregarded, ...]


def agreement(
    needs: Iterable[ApprovalNeed], approvals: Iterable[Approval], asked: Asked, people: People
) -> Agreement:
    """Which of the needs are met, and by whom. Where nothing is asked, nothing is said."""
    wanted = sorted(set(needs))
    if not wanted:
        return Agreement((), (), ())
    counted: dict[Approval, Somebody] = {}
    disregarded = []
    own = _marks_of_all(asked.authors, people)
    for approval in set(approvals):
        who = _who(approval, own, people)
        why = who if isinstance(who, str) else _not_wanted(who, wanted) or _stale(approval, asked)
        if isinstance(who, str) or why:
            disregarded.append(Disregarded(approval, why))
        else:
            named = replace(approval, by=replace(approval.by, name=who.name))
            counted[named] = who
    missing = []
    for need in wanted:
        agreed = {who for who in counted.values() if _fits(who, need)}
        if len(agreed) < need.count:
            missing.append(replace(need, count=need.count - len(agreed)))
    return Agreement(
        tuple(sorted(set(missing))),
        tuple(sorted(counted, key=_order)),
        tuple(sorted(disregarded, key=lambda one: (_order(one.approval), one.why))),
    )


def is_commit(revision: str) -> bool:
    """Whether it is the whole id of a commit, which nothing can be changed under."""
    return _COMMIT.fullmatch(revision) is not None


def key_fingerprint(key: str) -> str:
    """As `ssh-keygen -l` prints it. What is no key has one that no signature has."""
    try:
        return parse_public_key(key).fingerprint
    except BadKey:
        return key


def _order(one: Approval) -> tuple[datetime, str, str, int, tuple[str, ...]]:
    by = one.by
    rest = (one.head, one.plan, one.policies, one.reference, one.signed_by)
    return one.at, by.name, by.email, -1 if by.forge_id is None else by.forge_id, rest


def _marks(email: str, forge_id: int | None, keys: Iterable[str]) -> frozenset[Mark]:
    found: set[Mark] = {("key", key) for key in keys if key}
    if email.strip():
        found.add(("email", email.strip().lower()))
    if forge_id is not None:
        found.add(("id", str(forge_id)))
    return frozenset(found)


def _marks_of_all(authors: Iterable[Person], people: People) -> frozenset[Mark]:
    """Everything that the authors are known by, also where a commit says only a part.

    Nothing when one of them is known by nothing: it could be anybody.
    """
    found: frozenset[Mark] = frozenset()
    for author in authors:
        said = _marks(author.email, author.forge_id, ())
        if not said:
            return frozenset()
        found = found.union(said, *(one.marks for one in people.having(said)))
    return found


def _who(approval: Approval, authors: frozenset[Mark], people: People) -> Somebody | str:
    """Whose approval it is, when that is proven and they may agree; else why not."""
    by = approval.by
    said = _marks(by.email, by.forge_id, (approval.signed_by,))
    found = people.having(said)
    if not authors:
        return (
            "it cannot be told who made the change, who does not agree to it: "
            "name every author by e-mail address or id"
        )
    if said & authors or any(one.marks & authors for one in found):
        return "who made the change does not agree to it: ask somebody else"
    return recognised(by, approval.signed_by, people)


def recognised(by: Person, signed_by: str, people: People) -> Somebody | str:
    """Who it is, when that is proven and they may do anything at all; else why not."""
    said = _marks(by.email, by.forge_id, (signed_by,))
    found = people.having(said)
    if not found:
        return (
            "no team has this person: ask a member, or add the person to a team in profiles/teams/"
        )
    if len(found) > 1:
        return (
            "its id, e-mail address and key belong to different people: "
            "agree again, under one identity"
        )
    (who,) = found
    if who.stopped:
        return "this agent is stopped, and does nothing: ask a human"
    return _unproven(by, signed_by, who, said) or who


def as_author(by: Person, people: People) -> Author | None:
    """The author that whoever opened a change is beside those of its commits; None: none.

    A commit can name anybody, and the forge knows who brought it. Somebody of a team may bring what
    others made. An agent may not do more by writing another's name, and a number that no document
    has is nobody's, unless the address that the forge tells is of somebody known by nothing else.
    """
    if by.forge_id is None:
        return None
    number: Mark = ("id", str(by.forge_id))
    email: Mark = ("email", by.email.strip().lower())
    known = people.having({number}) or {
        one for one in people.having({email}) if {kind for kind, _ in one.marks} == {"email"}
    }
    if not known:
        return Author(f"number {by.forge_id} at the forge", by.name)
    for one in known:
        if one.agent:
            return Author(min(value for kind, value in one.marks if kind == "email"), one.name)
    return None


def _unproven(by: Person, signed_by: str, who: Somebody, said: frozenset[Mark]) -> str:
    """Why it cannot be told that it was they; empty: it can."""
    proofs = {mark for mark in who.marks if mark[0] != "email"}
    ids = {mark for mark in proofs if mark[0] == "id"}
    if ids and by.forge_id is not None and not ids & said:
        return (
            "its id at the forge is not the one that the team's document names: agree with that "
            "account, or correct `forgeId`"
        )
    if signed_by and ("key", signed_by) not in who.marks:
        return (
            "it is signed with a key that the team's document does not name: sign with one of "
            "those, or add the key to `keys`"
        )
    if proofs and not proofs & said:
        return (
            "an e-mail address proves nobody: agree at the forge with the account of `forgeId`, "
            "or sign it with one of `keys` of the team's document"
        )
    return ""


def _fits(who: Somebody, need: ApprovalNeed) -> bool:
    return bool(who.teams & set(need.teams)) and not (who.agent and need.humans_only)


def _not_wanted(who: Somebody, needs: Iterable[ApprovalNeed]) -> str:
    """Why nobody asks for this one's agreement; empty: somebody does."""
    wanted = list(needs)
    if any(_fits(who, need) for need in wanted):
        return ""
    if who.agent and all(need.humans_only for need in wanted):
        return "an agent does not count where humans are asked for: ask a human"
    teams = sorted({team for need in wanted for team in need.teams})
    who_else = f"somebody of {' or '.join(teams)}" if teams else "the owner's team"
    return f"nobody asks for this person's team: ask {who_else}"


def _stale(approval: Approval, asked: Asked) -> str:
    """What moved since it was given; empty: nothing."""
    # By whole seconds: a judgement is made, recorded and derived again as of one of those.
    if approval.at.replace(microsecond=0) > asked.now:
        return "it is dated in the future: set the clock where it was given, and agree again"
    if approval.head not in asked.heads or not is_commit(approval.head):
        return (
            f"it was given for the commit {approval.head[:_SHORT] or '(none)'}, and another one is "
            "judged: look at that, and agree again"
        )
    if approval.policies != asked.policies or not asked.policies:
        return "the policies are others since: look at what they say now, and agree again"
    if approval.plan == asked.plan or approval.plan in asked.plans:
        return ""
    if not asked.plan:
        return "it was given for a plan, and here is none: it is looked at again with the plan"
    if not approval.plan:
        return "it was given before there was a plan: look at the plan, and agree again"
    return ANOTHER_PLAN
