"""Whether records are what they say: each by itself, each after the one before, all by the rules.

Nothing here trusts a record: what one says of people, keys and policies is held against the
documents of the target branch, by way of `Bench`. What can be said of one record alone is said in
any order (`alone`); what needs all before it is said in theirs (`Rules`), from few words of each.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from reconciler.core.decide import EXPIRY, ROLLBACK
from reconciler.core.git_objects import RawCommit, Who, object_id, with_signature
from reconciler.core.records.facts import AGREED, APPLIED, DECISION, DRIFT, OUTPUTS, PLAN, safe
from reconciler.core.records.plan import in_numbers
from reconciler.core.records.standing import STATUS, Status, status_after
from reconciler.core.records.story import parsed, status_bytes
from reconciler.core.records.words import message
from reconciler.model.record import (
    FOLDER,
    ApplyEnded,
    ApplyStarted,
    DecisionBody,
    Expiry,
    Override,
    PolicyTaken,
    Record,
    Rollback,
    Stop,
)

_BACK: Final = 60
"""So many seconds two clocks may differ; more is told."""
_SHARDS: Final = f"{FOLDER}/_/"
_MAY_CHANGE: Final[Mapping[str, tuple[str, ...]]] = {
    "decision": (DECISION, PLAN, AGREED),
    "apply-ended": (APPLIED, DRIFT, OUTPUTS),
    "drift-seen": (DRIFT,),
    "drift-gone": (DRIFT,),
}
"""Beside its status, by kind; what ends in `/` with everything below."""

Fault = tuple[str, str]
"""A code and a reason."""


class Doer(NamedTuple):
    """Who says that they did it."""

    name: str
    email: str
    forge_id: int | None
    kind: str
    agent: str


class Ruled(NamedTuple):
    """Policies are taken into use."""

    commit: str
    trees: dict[str, str]


class Judged(NamedTuple):
    """A decision."""

    verdict: str
    target: str
    head: str
    action: str
    track: str
    plan: str
    planned: tuple[object, ...] = ()
    """What the record says that the plan does."""
    rollback: str = ""
    """The record of the fast rollback that it rests on, if it allows by one."""
    expiry: str = ""
    """The record of an end that it rests on, if it lets all be destroyed by one."""


class Back(NamedTuple):
    """Somebody takes an environment back."""

    fast: bool


class Step(NamedTuple):
    """A step of an environment on the way to its end."""

    ended: bool


class Began(NamedTuple):
    """An apply begins."""

    decision: int
    commit: str
    action: str
    plan: str
    planned: tuple[object, ...]


class Ended(NamedTuple):
    """An apply ends."""

    started: int | None
    result: str
    commit: str | None
    action: str
    plan: str


class Halt(NamedTuple):
    """A freeze, or its end."""

    kind: str
    name: str
    scope: str
    subject: str
    because: str
    until: int | None


class Taken(NamedTuple):
    """A human takes something on."""

    what: str
    because: str
    accepts: tuple[str, ...]


Deed = Ruled | Judged | Began | Ended | Halt | Taken | Back | Step | None


class Fact(NamedTuple):
    """What the rules need of one record."""

    commit: str
    parents: tuple[str, ...]
    digest: str
    sequence: int
    parent: str | None
    previous: str | None
    jump: tuple[int, str] | None
    id: str
    at: int
    environment: str
    simulated: bool
    doer: Doer
    run: str
    key: str
    """Whose good signature it has; empty: none."""
    deed: Deed


class Link(NamedTuple):
    """One commit of the branch, with its record."""

    commit: str
    raw: RawCommit
    data: bytes
    """The commit's."""
    record: Record
    digest: str
    """Of the document."""


class Bench(Protocol):
    """What judges records: documents of commits, as the clone has them."""

    def on_target(self, commit: str) -> bool:
        """Whether the target branch has the commit behind it."""
        ...

    def follows(self, later: str, earlier: str) -> bool:
        """Whether one commit has the other behind it, or is it."""
        ...

    def trees(self, commit: str) -> Mapping[str, str]:
        """The object ids of everything that judges."""
        ...

    def signer(self, commit: str, key: str, doer: Doer) -> bool:
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

    def frozen(self, commit: str, environment: str, track: str, at: int) -> str:
        """Why an environment stood still then, by the documents of a commit; empty: it did not."""
        ...

    def disagreement(self, decision: DecisionBody) -> str:
        """Why what was agreed does not suffice, by the documents of the judging commit."""
        ...

    def unwaived(self, decision: DecisionBody) -> str:
        """Why a waiver that it names excepts nothing, by the documents of the judging commit."""
        ...

    def human(self, commit: str, doer: Doer) -> bool:
        """Whether somebody is a person of a team."""
        ...


# ------------------------------------------------------------------------------ one by itself


@lru_cache(maxsize=64)  # a record's is asked for more than once
def seconds(instant: str) -> int:
    """A record's instant as a number; ValueError for a day that no calendar has."""
    return int(datetime.fromisoformat(instant).timestamp())


def alone(link: Link) -> Iterator[Fault]:
    """What is wrong with a commit by itself."""
    record, raw = link.record, link.raw
    if message(record, link.digest).encode("utf-8", "replace") != raw.message:
        yield "message", "the message says something else than the document"
    try:
        at = seconds(record.at)
    except ValueError:
        yield "time", f"there is no such time: {record.at}"
        return
    if raw.author != Who(record.actor.name, record.actor.email, at).line:
        yield "actor", "the commit's author is not the actor of the document, or not at that time"
    if raw.committer.rpartition("> ")[2] != f"{at} +0000":
        yield "time", "the commit's time is not the document's"
    if raw.others:
        yield "message", f"the commit has headers that no record has: {', '.join(raw.others)}"
    elif _written(raw) != link.data:
        yield "message", "the commit's headers are not written as those of a record are"


def _written(raw: RawCommit) -> bytes:
    """The commit as it would be written: nothing can hide between its lines."""
    parents = "".join(f"\nparent {one}" for one in raw.parents)
    head = f"tree {raw.tree}{parents}\nauthor {raw.author}\ncommitter {raw.committer}\n\n"
    plain = head.encode() + raw.message
    return with_signature(plain, raw.signature) if raw.signature else plain


def fact_of(link: Link, key: str) -> Fact:
    """Few words of a record; ValueError when it has a time that is none."""
    record = link.record
    chain, actor = record.chain, record.actor
    return Fact(
        link.commit,
        link.raw.parents,
        link.digest,
        chain.sequence,
        chain.parent,
        chain.previous,
        (chain.jump.sequence, chain.jump.commit) if chain.jump is not None else None,
        record.id,
        seconds(record.at),
        record.environment or "",
        record.simulated,
        Doer(actor.name, actor.email, actor.forge_id, actor.kind, actor.agent or ""),
        record.run or "",
        key,
        deed_of(record),
    )


def deed_of(record: Record) -> Deed:
    """What the rules need of what happened."""
    match record.body:
        case DecisionBody() as body:
            plan = body.plan.digest if body.plan is not None else ""
            rests = [str(body.decision["inputs"].get(one, "")) for one in (ROLLBACK, EXPIRY)]
            told = in_numbers(body.plan) if body.plan is not None else ()
            return Judged(
                body.verdict, body.target, body.head, body.action, body.track, plan, told, *rests
            )
        case Expiry() as body:
            return Step(body.step == "ended")
        case Rollback() as body:
            return Back(body.fast)
        case ApplyStarted() as body:
            told = in_numbers(body.plan)
            return Began(body.decision, body.commit, body.action, body.plan.digest, told)
        case ApplyEnded() as body:
            return Ended(body.started, body.result, body.commit, body.action, body.plan)
        case Stop() as body:
            until = seconds(body.until) if body.until is not None else None
            return Halt(body.kind, body.freeze, body.scope, body.subject, body.because, until)
        case Override() as body:
            return Taken(body.what, body.because, body.accepts)
        case PolicyTaken() as body:
            return Ruled(body.commit, body.trees)
        case _:
            return None


def consistent(record: Record, body: DecisionBody) -> Iterator[Fault]:
    """Whether the parts of a decision say the same: what allows and what was agreed to."""
    inside, inputs = body.decision, body.decision["inputs"]
    plan = body.plan.digest if body.plan is not None else None
    pairs = (
        ("verdict", inside.get("verdict"), body.verdict),
        ("environment", inside.get("environment"), record.environment or None),
        ("risk", inside.get("risk"), body.risk),
        ("commit", inputs.get("commit.head"), body.head),
        ("target", inputs.get("commit.target"), body.target),
        ("plan", inputs.get("plan"), plan),
    )
    for name, one, other in pairs:
        if one != other:
            yield "decision", f"its parts do not say the same: the {name} is {one}, and {other}"
    if body.verdict != "ALLOW":
        return
    if inside.get("missing") or inside.get("silent") or any(one.failure for one in body.gates):
        yield "decision", "it allows, and says that an approval or a gate's answer is missing"
    for one in inside["findings"]:
        if one.get("level") == "hard" and not one.get("waivedBy"):
            yield "decision", f"it allows, with a finding that denies: {one['rule']}"
            return


# ---------------------------------------------------------------------------------- its files


def unexplained(
    changed: Mapping[str, str | None], files: Mapping[str, str | None]
) -> Iterator[str]:
    """Where a tree is changed otherwise than its record says; both by path with digests."""
    if changed == files:
        return
    for path in sorted({*changed, *files}):
        if path not in files:
            yield f"{path} is changed, and the record does not say so"
        elif path not in changed:
            yield f"{path} should be changed, and is not"
        elif changed[path] != files[path]:
            yield f"{path} is not what the record says"


def folders(environment: str) -> tuple[str, str]:
    """Where an environment may lie."""
    shard = object_id("blob", environment.encode("utf-8", "replace"))[:2]
    return f"{FOLDER}/{environment}/", f"{_SHARDS}{shard}/{environment}/"


def foreign(record: Record, prefix: str) -> Iterator[str]:
    """Files that such a record has nothing to do with. `prefix`: of its environment's folder."""
    own = _MAY_CHANGE.get(record.body.kind, ()) if prefix else ()
    for path in record.files:
        rest = path[len(prefix) :] if path.startswith(prefix) else ""
        if rest == STATUS or any(
            rest == one or (one.endswith("/") and rest.startswith(one)) for one in own
        ):
            continue
        yield f"{path} is nothing that such a record changes"


def wrong_status(before: Status, record: Record, data: bytes | None) -> tuple[str, Status]:
    """Why a status is not what comes of the one before and the record; and what it should be."""
    after = status_after(before, record)
    if data is None:
        return f"{STATUS} is missing", after
    try:
        there = parsed(data)
    except (ValueError, RecursionError):
        there = None
    return ("" if there == after else f"{STATUS} is not what comes of the records"), after


def wrong_decision(body: DecisionBody, data: bytes) -> bool:
    """Whether the file beside a decision says something else."""
    try:
        if parsed(data) == body.decision:
            return False
    except (ValueError, RecursionError):
        return True
    return safe(status_bytes(body.decision)) != data  # something in it was hidden


# -------------------------------------------------------------------------------- all in order


class Open(NamedTuple):
    """An apply that has begun."""

    sequence: int
    commit: str
    action: str
    plan: str


@dataclass(frozen=True, slots=True)
class Before:
    """What was known of an environment at the record that was verified last."""

    decision: tuple[int, Judged] | None = None
    opened: Open | None = None
    rollback: str = ""
    """The record of a fast rollback that was not applied yet."""
    expiry: str = ""
    """The record of an end that has come, while what ended is there."""


def nothing_before(_environment: str) -> Before:
    """Everything is read from the beginning."""
    return Before()


class Answer(NamedTuple):
    """Somebody answers for breaks."""

    place: int
    who: str
    accepts: tuple[str, ...]


@dataclass(slots=True)
class Rules:
    """All records, oldest first, against everything that must never happen."""

    bench: Bench
    simulated: bool
    before: Callable[[str], Before] = nothing_before
    """What is known of environments from before, where not everything is read."""
    law: str = ""
    """The commit whose rules are in use."""
    trees: Mapping[str, str] = field(default_factory=dict)
    decisions: dict[str, tuple[int, Judged] | None] = field(default_factory=dict)
    """The last of each environment, with its record's number."""
    opened: dict[str, Open] = field(default_factory=dict)
    backs: dict[str, str] = field(default_factory=dict)
    """Of environments that went back fast, and to which nothing was applied since: the record."""
    ends: dict[str, str] = field(default_factory=dict)
    """Of environments whose end has come, and which are not destroyed: the record of it."""
    stops: dict[str, Halt] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    """Keys that signed, and the number of the last record that they did."""
    signed: int = 0
    unsigned: int = 0
    ids: dict[str, int] = field(default_factory=dict)

    def take(self, fact: Fact, place: int, *, clean: bool) -> Iterator[Fault]:
        """What is wrong with the next record. `clean`: nothing was wrong with it so far."""
        faults = list(self._taken(fact))
        yield from faults
        deed = fact.deed
        # Whoever forges one record must not be able to answer for it with another.
        if isinstance(deed, Taken) and deed.what == "chain" and clean and not faults:
            who = f"{fact.doer.name} <{fact.doer.email}>: {deed.because}"
            self.answers.append(Answer(place, who, deed.accepts))

    def _taken(self, fact: Fact) -> Iterator[Fault]:
        if fact.simulated != self.simulated:
            word = "simulated" if fact.simulated else "real"
            yield "simulated", f"it is {word}, and this is not the branch for that"
        if fact.id in self.ids:
            yield "twice", f"it is the same as record {self.ids[fact.id]}"
        self.ids[fact.id] = fact.sequence
        if isinstance(fact.deed, Ruled):
            yield from self._law(fact.deed)
        elif not self.law:
            yield "law", "nobody had said yet which policies are in use"
        yield from self._signature(fact)
        self._known(fact.environment)
        match fact.deed:
            case Judged() as deed:
                yield from self._decision(fact, deed)
            case Began() as deed:
                yield from self._start(fact, deed)
            case Ended() as deed:
                yield from self._end(fact, deed)
            case Halt() as deed:
                self._stop(deed)
            case Back() | Step() as deed:
                self._stands_for(fact, deed)
            case Taken():
                if not self.law or not self.bench.human(self.law, fact.doer):
                    who = fact.doer.email
                    yield "override", f"{who} is no person of a team, and took this on"
            case _:
                pass

    def _stands_for(self, fact: Fact, deed: Back | Step) -> None:
        """What a decision may rest on from now on in place of people."""
        known = self.backs if isinstance(deed, Back) else self.ends
        known[fact.environment] = str(fact.sequence) if deed[0] else ""

    def _stop(self, deed: Halt) -> None:
        self.stops.pop(deed.name, None)
        if deed.kind == "freeze":
            self.stops[deed.name] = deed

    def _known(self, environment: str) -> None:
        if environment and environment not in self.decisions:
            known = self.before(environment)
            self.decisions[environment] = known.decision
            self.backs[environment] = known.rollback
            self.ends[environment] = known.expiry
            if known.opened is not None:
                self.opened[environment] = known.opened

    def _signature(self, fact: Fact) -> Iterator[Fault]:
        if fact.key:
            if self.law and not self.bench.signer(self.law, fact.key, fact.doer):
                yield "unknown-key", f"it is signed by {fact.key}, which may not write it"
            else:
                self.signed += 1
                self.keys[fact.key] = fact.sequence
            return
        self.unsigned += 1
        if self.law and self.bench.must_sign(self.law):
            yield "unsigned", "it is not signed, and the settings want every record signed"

    def _law(self, deed: Ruled) -> Iterator[Fault]:
        before = self.law
        if self.simulated:  # any commit may be tried there
            self.law, self.trees = deed.commit, deed.trees
            return
        if not self.bench.on_target(deed.commit):
            yield "law", f"{deed.commit[:12]} was never on the target branch"
            return
        if before and not self.bench.follows(deed.commit, before):
            yield "law", f"it goes back from the rules of {before[:12]} to those of an older commit"
            return
        if dict(self.bench.trees(deed.commit)) != deed.trees:
            yield "law", f"{deed.commit[:12]} has other policies than the record names"
        self.law, self.trees = deed.commit, deed.trees

    def _decision(self, fact: Fact, deed: Judged) -> Iterator[Fault]:
        target = deed.target
        if not self.simulated and not self.bench.on_target(target):
            yield "law", f"it was judged by {target[:12]}, which was never on the target branch"
        elif self.law and dict(self.bench.trees(target)) != dict(self.trees):
            yield "law", "it was judged by rules that had not been taken into use"
        if deed.rollback and deed.rollback != self.backs.get(fact.environment):
            yield "decision", f"it rests on record {deed.rollback}, which is no such rollback"
        over = self.ends.get(fact.environment) if deed.action == "destroy" else ""
        if deed.expiry and deed.expiry != over:
            yield "decision", f"it rests on record {deed.expiry}, which is no such end"
        if fact.environment:
            self.decisions[fact.environment] = (fact.sequence, deed)

    def _start(self, fact: Fact, deed: Began) -> Iterator[Fault]:
        name = fact.environment
        number, decision = self.decisions.get(name) or (-1, None)
        if decision is None or number != deed.decision:
            yield (
                "decision",
                f"record {deed.decision} is not the last decision about {name or 'it'}",
            )
        elif not self._allows(decision):
            yield "decision", f"record {deed.decision} does not allow it: {decision.verdict}"
        elif (decision.head, decision.action) != (deed.commit, deed.action):
            yield "decision", f"record {deed.decision} is about another commit, or another act"
        elif decision.plan != deed.plan:
            yield "decision", f"record {deed.decision} allows another plan"
        elif decision.planned != deed.planned:
            yield "plan", f"it says otherwise than record {deed.decision} what that plan does"
        elif self.law and dict(self.bench.trees(decision.target)) != dict(self.trees):
            yield "law", "other rules were taken into use since it was decided"
        if why := self._frozen(fact, decision):
            yield "freeze", f"it began while {name or 'everything'} stood still: {why}"
        if name in self.opened:
            first = self.opened[name].sequence
            yield "outcome", f"the apply of record {first} had not ended"
        self.opened[name] = Open(fact.sequence, deed.commit, deed.action, deed.plan)

    def _allows(self, decision: Judged) -> bool:
        if decision.verdict == "ALLOW":
            return True
        # Nothing in the sandbox is real, so nobody has to agree there.
        return self.simulated and decision.verdict == "NEEDS_APPROVAL"

    def _frozen(self, fact: Fact, decision: Judged | None) -> str:
        track = decision.track if decision is not None else ""
        for stop in self.stops.values():
            if stop.until is not None and stop.until < fact.at:
                continue
            if (
                stop.scope == "everything"
                or (stop.scope == "track" and stop.subject == track)
                or (stop.scope == "environment" and stop.subject == fact.environment)
                or (stop.scope == "agent" and stop.subject == fact.doer.agent)
            ):
                return stop.because
        target = decision.target if decision is not None else self.law
        return self.bench.frozen(target, fact.environment, track, fact.at) if target else ""

    def _end(self, fact: Fact, deed: Ended) -> Iterator[Fault]:
        began = self.opened.pop(fact.environment, None)
        if deed.result == "done":
            self.backs[fact.environment] = ""
            if deed.action == "destroy":
                self.ends[fact.environment] = ""
        if began is None:
            if deed.started is not None or deed.result == "done":
                yield "outcome", "it ended without having begun"
        elif deed.started != began.sequence:
            yield "outcome", f"it says that it began with another record than {began.sequence}"
        elif deed.plan != began.plan:
            yield "outcome", f"another plan was applied than the one of record {began.sequence}"
        elif (deed.commit, deed.action) != (began.commit, began.action):
            yield "outcome", f"another commit or act ended than began with record {began.sequence}"


Place = tuple[int, str | None, str | None, tuple[int, str] | None]
"""Number, parent, digest of the document before, jump."""


@dataclass(slots=True)
class Order:
    """Whether each record stands on the one before it."""

    jumps: Callable[[str], tuple[int, str] | None]
    """The jump of a commit from before what is read; LookupError when it is not known."""
    hole: bool = False
    """Whether nobody knows what came before the first."""
    last: Fact | None = None
    """The record before, however many commits ago."""
    gap: bool = False
    """Whether the commit right before is no record."""
    known: dict[str, tuple[int, str] | None] = field(default_factory=dict)

    def take(self, fact: Fact) -> Iterator[Fault]:
        """What is wrong with the place of the next record."""
        if len(fact.parents) > 1:
            yield "merge", "it has more than one parent: somebody merged here"
        if not self.stands(fact):
            # Whoever writes takes it for no record either, and builds on the last good one.
            yield "order", "it is not made on the commit before it"
            self.gap = True
            return
        if not self.hole:
            yield from self._place(fact)
        last = self.last
        if last is not None and fact.at < last.at - _BACK:
            yield "clock", f"the writer's clock went back by {last.at - fact.at} seconds"
        self.last, self.gap, self.hole = fact, False, False
        self.known[fact.commit] = fact.jump

    @staticmethod
    def stands(fact: Fact) -> bool:
        """Whether its document belongs to this very commit."""
        return fact.parents == ((fact.parent,) if fact.parent else ())

    def _place(self, fact: Fact) -> Iterator[Fault]:
        last = self.last
        if last is None:
            if fact.previous is not None or (fact.jump is not None):
                yield "order", "it is not a first one: records are missing before it"
            elif fact.sequence:
                yield "order", f"its number is {fact.sequence} and should be 0"
            return
        here = (last.sequence, last.commit)
        jump: tuple[int, str] | None = here
        fits = fact.previous is None if self.gap else fact.previous == last.digest
        if not self.gap:
            try:
                jump = self._jump(last)
            except LookupError:  # nobody knows what lies behind the hole that it leads to
                jump = fact.jump
                fits = fits or (fact.previous is None and jump == here)
        if not fits:
            yield "order", "it is not made on the record before it"
        elif fact.sequence != last.sequence + 1:
            yield "order", f"its number is {fact.sequence} and should be {last.sequence + 1}"
        elif fact.jump != jump:
            yield "order", "it jumps to another record than it should"

    def _jump(self, last: Fact) -> tuple[int, str]:
        """Where the next one jumps to: see `chain.next_chain`."""
        if last.jump is not None:
            landing = self._landing(last.jump[1]) or last.jump
            if last.sequence - last.jump[0] == last.jump[0] - landing[0]:
                return landing
        return last.sequence, last.commit

    def _landing(self, commit: str) -> tuple[int, str] | None:
        return self.known[commit] if commit in self.known else self.jumps(commit)
