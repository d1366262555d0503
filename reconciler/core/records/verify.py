"""Whether records are what they say: each by itself, each after the one before, all by the rules.

Nothing here trusts a record: what one says of people, keys and policies is held against the
documents of the target branch, by way of `Bench`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from reconciler.core.git_objects import RawCommit, Who
from reconciler.core.records.chain import first_chain, next_chain
from reconciler.core.records.words import message
from reconciler.model.base import parse_start
from reconciler.model.record import (
    Actor,
    ApplyEnded,
    ApplyStarted,
    DecisionBody,
    Jump,
    Override,
    PolicyTaken,
    Record,
    Stop,
)
from reconciler.model.verified import Break

_BACK: Final = 60
"""So many seconds two clocks may differ; more is told."""


@dataclass(frozen=True, slots=True)
class Link:
    """One commit of the branch, with its record."""

    commit: str
    raw: RawCommit
    record: Record
    digest: str


class Bench(Protocol):
    """What judges records: documents of commits, as the clone has them."""

    def on_target(self, commit: str) -> bool:
        """Whether the target branch ever had the commit."""
        ...

    def follows(self, later: str, earlier: str) -> bool:
        """Whether one commit has the other behind it, or is it."""
        ...

    def trees(self, commit: str) -> Mapping[str, str]:
        """The object ids of everything that judges."""
        ...

    def signer(self, commit: str, key: str, actor: Actor) -> bool:
        """Whether by the documents of a commit that key may write records of that person."""
        ...

    def signed_by(self, raw: RawCommit) -> str:
        """The fingerprint of the key with a good signature; empty when it is unsigned.

        ValueError when the signature is not good.
        """
        ...

    def must_sign(self, commit: str) -> bool:
        """Whether by the settings of a commit every record has to be signed."""
        ...

    def frozen(self, commit: str, environment: str, track: str, at: str) -> str:
        """Why an environment stood still then, by the documents of a commit; empty: it did not."""
        ...

    def disagreement(self, decision: DecisionBody) -> str:
        """Why what was agreed does not suffice, by the documents of the judging commit."""
        ...

    def human(self, commit: str, actor: Actor) -> bool:
        """Whether somebody is a person of a team."""
        ...


def alone(link: Link) -> Iterator[tuple[str, str]]:
    """What is wrong with a commit by itself: codes and reasons."""
    record, raw = link.record, link.raw
    if message(record, link.digest).encode() != raw.message:
        yield "message", "the message says something else than the document"
    seconds = _seconds(record.at)
    if raw.author != Who(record.actor.name, record.actor.email, seconds).line:
        yield "actor", "the commit's author is not the actor of the document, or not at that time"
    if raw.committer.rpartition("> ")[2] != f"{seconds} +0000":
        yield "time", "the commit's time is not the document's"
    if raw.others:
        yield "message", f"the commit has headers that no record has: {', '.join(raw.others)}"


def linked(before: Link | None, link: Link, beyond: Jump | None) -> Iterator[tuple[str, str]]:
    """What is wrong with its place. `beyond` is the jump of what the record before jumps to."""
    chain = link.record.chain
    expected = (
        first_chain()
        if before is None
        else next_chain(before.commit, before.record.chain, before.digest, beyond)
    )
    if chain.previous != expected.previous or chain.parent != expected.parent:
        words = "it is not made on the record before it"
        yield "order", words if before is not None else "it is not a first one: records are missing"
    elif chain.sequence != expected.sequence:
        yield "order", f"its number is {chain.sequence} and should be {expected.sequence}"
    elif chain.jump != expected.jump:
        yield "order", "it jumps to another record than it should"
    if before is not None and _seconds(link.record.at) < _seconds(before.record.at) - _BACK:
        yield "clock", f"the writer's clock went back, from {before.record.at} to {link.record.at}"


def _seconds(instant: str) -> int:
    return int(parse_start(instant).timestamp())


@dataclass(slots=True)
class _Open:
    """An apply that has begun."""

    sequence: int
    run: str | None
    plan: str


@dataclass(slots=True)
class Rules:
    """All records, oldest first, against everything that must never happen."""

    bench: Bench
    simulated: bool
    since: bool = False
    """Whether only what came after some record is looked at: what began before it is not known."""
    law: str = ""
    """The commit whose rules are in use."""
    trees: Mapping[str, str] = field(default_factory=dict)
    decisions: dict[int, tuple[str, DecisionBody]] = field(default_factory=dict)
    """Of each environment the last, by its record's number."""
    latest: dict[str, int] = field(default_factory=dict)
    opened: dict[str, _Open] = field(default_factory=dict)
    stops: dict[str, Stop] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)
    signed: int = 0
    unsigned: int = 0
    ids: dict[str, int] = field(default_factory=dict)

    def take(self, link: Link) -> Iterator[tuple[str, str]]:
        """What is wrong with the next record: codes and reasons."""
        record = link.record
        if record.simulated != self.simulated:
            word = "simulated" if record.simulated else "real"
            yield "simulated", f"it is {word}, and this is not the branch for that"
        if record.id in self.ids:
            yield "twice", f"it is the same as record {self.ids[record.id]}"
        self.ids[record.id] = record.chain.sequence
        body = record.body
        if isinstance(body, PolicyTaken):
            yield from self._law(body)
        elif not self.law:
            yield "law", "nobody had said yet which policies are in use"
        yield from self._signature(link)
        if self.since and not isinstance(body, Override):
            return
        yield from self._body(record)

    def _body(self, record: Record) -> Iterator[tuple[str, str]]:
        body = record.body
        match body:
            case DecisionBody():
                yield from self._decision(record, body)
            case ApplyStarted():
                yield from self._start(record, body)
            case ApplyEnded():
                yield from self._end(record, body)
            case Stop():
                if body.kind == "freeze":
                    self.stops[body.freeze] = body
                else:
                    self.stops.pop(body.freeze, None)
            case Override():
                yield from self._override(record, body)
            case _:
                pass

    def _signature(self, link: Link) -> Iterator[tuple[str, str]]:
        try:
            key = self.bench.signed_by(link.raw)
        except ValueError as err:
            yield "signature", f"its signature is not good: {err}"
            return
        if key:
            if self.law and not self.bench.signer(self.law, key, link.record.actor):
                yield "unknown-key", f"it is signed by {key}, which may not write it"
            else:
                self.signed += 1
            return
        self.unsigned += 1
        if self.law and self.bench.must_sign(self.law):
            yield "unsigned", "it is not signed, and the settings want every record signed"

    def _law(self, body: PolicyTaken) -> Iterator[tuple[str, str]]:
        before = self.law
        if self.simulated:  # any commit may be tried there
            self.law, self.trees = body.commit, body.trees
            return
        if not self.bench.on_target(body.commit):
            yield "law", f"{body.commit[:12]} was never on the target branch"
            return
        if before and not self.bench.follows(body.commit, before):
            yield "law", f"it goes back from the rules of {before[:12]} to those of an older commit"
            return
        if dict(self.bench.trees(body.commit)) != body.trees:
            yield "law", f"{body.commit[:12]} has other policies than the record names"
        self.law, self.trees = body.commit, body.trees

    def _decision(self, record: Record, body: DecisionBody) -> Iterator[tuple[str, str]]:
        if self.simulated:
            pass  # any commit may be tried there, and nobody has to agree
        elif not self.bench.on_target(body.target):
            yield "law", f"it was judged by {body.target[:12]}, never on the target branch"
        elif self.law and dict(self.bench.trees(body.target)) != dict(self.trees):
            yield "law", "it was judged by rules that had not been taken into use"
        elif body.verdict == "ALLOW" and (why := self.bench.disagreement(body)):
            yield "approval", why
        inside = body.decision
        if (inside.get("verdict"), inside.get("environment")) != (body.verdict, record.environment):
            yield "decision", "its parts do not say the same"
        if record.environment:
            number = record.chain.sequence
            self.decisions.pop(self.latest.get(record.environment, -1), None)
            self.decisions[number] = (record.environment, body)
            self.latest[record.environment] = number

    def _start(self, record: Record, body: ApplyStarted) -> Iterator[tuple[str, str]]:
        name = record.environment or ""
        known, decision = self.decisions.get(body.decision, ("", None))
        if decision is None or known != name:
            yield "decision", f"record {body.decision} is not the last decision about {name}"
        elif not self._allows(decision):
            yield "decision", f"record {body.decision} does not allow it: {decision.verdict}"
        elif (decision.head, decision.action) != (body.commit, body.action):
            yield "decision", f"record {body.decision} is about another commit, or another act"
        elif decision.plan is None or decision.plan.digest != body.plan.digest:
            yield "decision", f"record {body.decision} allows another plan"
        if decision is not None and (why := self._frozen(record, decision)):
            yield "freeze", f"it began while {name} stood still: {why}"
        if name in self.opened:
            first = self.opened[name].sequence
            yield "outcome", f"the apply of record {first} had not ended"
        self.opened[name] = _Open(record.chain.sequence, record.run, body.plan.digest)

    def _allows(self, decision: DecisionBody) -> bool:
        if decision.verdict == "ALLOW":
            return True
        # Nothing in the sandbox is real, so nobody has to agree there.
        return self.simulated and decision.verdict == "NEEDS_APPROVAL"

    def _frozen(self, record: Record, decision: DecisionBody) -> str:
        name, at = record.environment or "", record.at
        for stop in self.stops.values():
            if stop.until is not None and _seconds(stop.until) < _seconds(at):
                continue
            if (
                stop.scope == "everything"
                or (stop.scope == "track" and stop.subject == decision.track)
                or (stop.scope == "environment" and stop.subject == name)
                or (stop.scope == "agent" and stop.subject == record.actor.agent)
            ):
                return stop.because
        return self.bench.frozen(decision.target, name, decision.track, at)

    def _end(self, record: Record, body: ApplyEnded) -> Iterator[tuple[str, str]]:
        began = self.opened.pop(record.environment or "", None)
        if began is None:
            if body.started is not None or body.result == "done":
                yield "outcome", "it ended without having begun"
        elif body.started != began.sequence:
            yield "outcome", f"it says that it began with another record than {began.sequence}"
        elif body.plan != began.plan:
            yield "outcome", f"another plan was applied than the one of record {began.sequence}"

    def _override(self, record: Record, body: Override) -> Iterator[tuple[str, str]]:
        if self.law and not self.bench.human(self.law, record.actor):
            yield "override", f"{record.actor.email} is no person of a team, and took this on"
            return
        if body.what == "chain":
            who = f"{record.actor.name} <{record.actor.email}>: {body.because}"
            self.acknowledged |= dict.fromkeys(body.accepts, who)


def breaks(found: Iterable[tuple[str, str]], commit: str, sequence: int) -> Iterator[Break]:
    """With the place."""
    for code, why in found:
        yield Break(sequence, commit, code, why)


def unexplained(changed: Mapping[str, str | None], files: Mapping[str, Any]) -> Iterator[str]:
    """Where a tree is changed otherwise than its record says; both by path with digests."""
    for path in sorted({*changed, *files}):
        if path not in files:
            yield f"{path} is changed, and the record does not say so"
        elif path not in changed:
            yield f"{path} should be changed, and is not"
        elif changed[path] != files[path]:
            yield f"{path} is not what the record says"
