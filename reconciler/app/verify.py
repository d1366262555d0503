"""Verify: read every commit of the branch of records, oldest first, and name what is not right.

Nothing crashes on what it reads, and nothing is taken on trust: `core.records.verify` has the
rules, `Bench` the documents that they are held against. What can be said of a commit and the one
before it is said by whoever has a processor free; the rest in order.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeVar

from reconciler.app.bench import Bench
from reconciler.app.records import ANCHORS, Broken, Kept, Records
from reconciler.core.canonical import digest
from reconciler.core.expiry import ended_by
from reconciler.core.git_objects import (
    TREE,
    BadObject,
    RawCommit,
    TreeEntry,
    read_commit,
    read_tag,
    read_tree,
)
from reconciler.core.plan import plan_digest
from reconciler.core.records.document import FutureRecord, NotARecord, read_record
from reconciler.core.records.facts import AGREED, DECISION, PLAN
from reconciler.core.records.plan import in_numbers, plan_of, plan_summary
from reconciler.core.records.standing import STATUS, Status
from reconciler.core.records.story import read_status
from reconciler.core.records.trees import EMPTY, RawTree, raw_tree, spliced
from reconciler.core.records.verify import (
    Before,
    Fact,
    Fault,
    Halt,
    Judged,
    Link,
    Open,
    Order,
    Rules,
    alone,
    consistent,
    deed_of,
    fact_of,
    folders,
    foreign,
    seconds,
    unexplained,
    wrong_decision,
    wrong_status,
)
from reconciler.errors import ReconcilerError
from reconciler.model.record import DOCUMENT, DecisionBody, Record
from reconciler.model.verified import Anchor, Break, Verified
from reconciler.ports import Workers

_T = TypeVar("_T")
_DOCUMENT: Final = f" {DOCUMENT}\0".encode()
_TREE: Final = len("tree ") + 40 + 1
_PARENT: Final = len("parent ") + 40 + 1
_KEPT: Final = 4096
_HELD: Final = 16_384
"""So many commits are not read twice; it takes a kilobyte for each, in every process."""
_ROW: Final = 1024
"""So many in a row are read by one worker: each knows the trees and status of the one before."""
_SECONDS: Final = 120.0
"""For one record; a plan may be large."""
_ODD: Final = (
    AttributeError,
    KeyError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a forged document may make of reading it."""

_LOSES: Final = frozenset({"hole", "damaged", "future", "not-a-record"})
"""A record with one of these is not known."""
_MISFIT: Final = frozenset({"order", "tree", "plan"})
"""So does the next one break."""
_CONFUSED: Final = frozenset({"decision", "law", "outcome", "override"})
"""So do any later ones, for want of what was not read."""

Step = Callable[[int, int], None]
_Item = tuple[str, str, bytes]
"""A commit, the one before it, and its bytes where they are at hand."""


@dataclass(slots=True)
class _Walk:
    """Commits from the first to the last, and why the walk ended before the first."""

    commits: list[str] = field(default_factory=list)
    start: str = ""
    """The commit that it stopped at since it was verified before."""
    hole: Break | None = None
    data: list[bytes] = field(default_factory=list)
    """The commits themselves, of the last so many."""
    places: dict[str, int] = field(default_factory=dict)
    number: int = 0
    """The number that the first should have."""

    @property
    def items(self) -> list[_Item]:
        """Each commit with the one before it."""
        before = [self.start, *self.commits]
        missing = [b""] * (len(self.commits) - len(self.data))
        return list(zip(self.commits, before, [*missing, *self.data], strict=False))


class Seen(NamedTuple):
    """What there is to say about one commit without knowing all before it."""

    faults: list[Fault]
    fact: Fact | None


def verify(
    records: Records,
    bench: Bench,
    branch: str,
    step: Step = lambda _done, _total: None,
    *,
    simulated: bool = False,
    since: str = "",
    workers: Workers | None = None,
) -> Verified:
    """Everything that can be said about the records of a clone.

    `since`: a commit up to which everything was verified before; then only what comes after it is
    looked at.
    """
    known = records.store.seen()  # before the tip: others write meanwhile
    walk = _walked(records, records.tip(), since)
    reader = _Reader(records, bench)
    rules, order = _from(records, bench, walk, simulated=simulated)
    found = [] if walk.hole is None else [walk.hole]
    laws: list[str] = []
    total = len(walk.commits)
    for place, (commit, seen) in enumerate(
        zip(walk.commits, _seen(reader, walk, workers), strict=True)
    ):
        faults = seen.faults
        number = walk.number + place if walk.hole is None else None
        if seen.fact is None:
            order.gap = True
        else:
            number = seen.fact.sequence
            faults = [*faults, *order.take(seen.fact)]
            if order.stands(seen.fact):
                more = _judged(rules, seen.fact, place, clean=not faults)
                faults += _once(faults, more)
        found += (Break(number, commit, code, why) for code, why in faults)
        laws.append(rules.law)
        if place % 1000 == 0:
            step(place, total)
    step(total, total)
    anchors: tuple[Anchor, ...] = ()
    ahead: list[str] = []
    if not walk.start:
        anchors, lost = _anchors(records, bench, laws, walk.places)
        found += lost
        ahead += () if lost else _beyond(anchors, total)
    found += _rewritten(records, walk, known, ahead)
    answered, gone = _answered(rules, found, walk)
    breaks = _in_order({*found, *gone}, walk.places)
    return Verified(
        branch,
        records.tip(),
        total,
        rules.signed,
        breaks,
        tuple(sorted(answered.items())),
        anchors,
        tuple(sorted((name, one.sequence) for name, one in rules.opened.items())),
        (*_notes(rules, bench, total, whole=not walk.start), *ahead),
    )


# --------------------------------------------------------------------------------- where it leads


def _walked(records: Records, tip: str, since: str) -> _Walk:
    """By git's own parents, whatever the documents say."""
    walk, at = _Walk(), tip
    while at:
        if at == since:
            walk.start = at
            break
        try:
            data = _of_kind(records, at, "commit")
        except (LookupError, BadObject):
            last = walk.commits[-1] if walk.commits else ""
            walk.hole = Break(None, at, "hole", _hole(last))
            break
        walk.commits.append(at)
        if len(walk.data) < _HELD:
            walk.data.append(data)
        at = _parent(data)
    walk.commits.reverse()
    walk.data.reverse()
    if walk.start:
        walk.number = records.kept(walk.start).record.chain.sequence + 1
    walk.places.update((commit, place) for place, commit in enumerate(walk.commits))
    return walk


def _parent(data: bytes) -> str:
    """A commit's first parent; empty: none."""
    if data[_TREE : _TREE + 7] == b"parent ":
        return data[_TREE + 7 : _TREE + _PARENT - 1].decode("ascii", "replace")
    try:
        parents = read_commit(data).parents
    except BadObject:
        return ""
    return parents[0] if parents else ""


def _hole(last: str) -> str:
    where = f"the commit before {last[:12]}" if last else "the last commit"
    return (
        f"{where} is missing or damaged: fetch the whole history (`git fetch --unshallow`),"
        " and run `git fsck`"
    )


def _commit(records: Records, oid: str) -> tuple[RawCommit, bytes]:
    data = _of_kind(records, oid, "commit")
    return read_commit(data), data


def _of_kind(records: Records, oid: str, kind: str) -> bytes:
    found, data = records.store.read(oid)
    if found != kind:
        msg = f"{oid[:12]} is a {found} and no {kind}"
        raise BadObject(msg)
    return data


def _from(records: Records, bench: Bench, walk: _Walk, *, simulated: bool) -> tuple[Rules, Order]:
    """What is known before the first that is read."""
    start = walk.start

    def jump(commit: str) -> tuple[int, str] | None:
        try:
            found = records.kept(commit).record.chain.jump
        except Broken as err:
            raise LookupError(commit) from err
        return (found.sequence, found.commit) if found is not None else None

    rules = Rules(bench, simulated)
    order = Order(jump, hole=walk.hole is not None)
    if not start:
        return rules, order
    kept = records.kept(start)
    raw, data = _commit(records, start)
    order.last = fact_of(Link(start, raw, data, kept.record, kept.digest), "")
    known = records.standing(start)
    policy = known.get("policy", {})
    rules.law, rules.trees = policy.get("commit", ""), policy.get("trees", {})
    for name, one in known.get("freezes", {}).items():
        until = seconds(one["until"]) if one["until"] is not None else None
        rules.stops[name] = Halt(
            "freeze", name, one["scope"], one["subject"], one["because"], until
        )
    rules.before = lambda name: _before(records, kept, name)
    return rules, order


def _before(records: Records, kept: Kept, name: str) -> Before:
    status = records.status_at(kept, name)
    decision, opened = status.get("decision"), status.get("applying")
    found = records.ancestor(kept.commit, decision["record"]) if decision else None
    deed = deed_of(found.record) if found is not None else None
    return Before(
        (decision["record"], deed) if decision and isinstance(deed, Judged) else None,
        Open(opened["record"], opened["commit"], opened["action"], opened["plan"])
        if opened
        else None,
        _back(status),
        str(ended) if (ended := ended_by(status)) is not None else "",
    )


def _back(status: Status) -> str:
    """The record of a fast rollback to which nothing was applied since."""
    back, last = status.get("rollback") or {}, status.get("lastApply") or {}
    done = last.get("result") == "done" and last["record"] > back.get("record", -1)
    return str(back["record"]) if "agreed" in back and not done else ""


# ------------------------------------------------------------------------------- one and one before


def _seen(reader: "_Reader", walk: _Walk, workers: Workers | None) -> Iterator[Seen]:
    items = walk.items
    if workers is None:
        return map(reader.look, items)
    return workers.map(reader.look, items, _SECONDS, _late, row=_ROW)


def _late(_item: _Item) -> Seen:
    return Seen([("damaged", "it could not be read in time")], None)


class _Good(NamedTuple):
    """A commit that is a record, and its tree."""

    commit: str
    tree: str | None


class _Reader:
    """Looks at one commit after the other; what the last ones had is not read again."""

    def __init__(self, records: Records, bench: Bench) -> None:
        self._records = records
        self._bench = bench
        self._last = _Good("", None)
        self._recent = ("", b"")
        self._trees: OrderedDict[str, tuple[str, RawTree]] = OrderedDict()
        self._statuses: OrderedDict[str, tuple[bytes, Status]] = OrderedDict()
        self._folders: dict[str, str] = {}
        self._plans: OrderedDict[str, tuple[str, tuple[object, ...]]] = OrderedDict()

    def look(self, item: _Item) -> Seen:
        """What there is to say about a commit, with the one before it."""
        commit, before, data = item
        faults: list[Fault] = []
        try:
            link = self._link(commit, data, faults)
            if link is None:
                return Seen(faults, None)
            faults += alone(link)
            key = self._key(link, faults)
            faults += self._files(link, before)
            if isinstance(link.record.body, DecisionBody):
                faults += self._decision(link.record, link.record.body)
            fact = fact_of(link, key)
        except ReconcilerError as err:
            faults.append(("unjudged", f"it cannot be judged: {err}"))
            return Seen(faults, None)
        except _ODD as err:
            faults.append(("not-a-record", f"nobody can make anything of it: {err!r:.200}"))
            return Seen(faults, None)
        self._last = _Good(commit, link.raw.tree)
        return Seen(faults, fact)

    def _link(self, commit: str, data: bytes, faults: list[Fault]) -> Link | None:
        try:
            data = data or _of_kind(self._records, commit, "commit")
            raw = read_commit(data)
            oid = _document(self._tree(raw.tree))
            if not oid:
                faults.append(("not-a-record", f"it has no {DOCUMENT}"))
                return None
            document = self._blob(oid)
            return Link(commit, raw, data, read_record(document), digest(document))
        except LookupError as err:
            faults.append(("damaged", f"an object of it is missing, damaged or too large: {err}"))
        except FutureRecord as err:
            faults.append(("future", str(err)))
        except (BadObject, NotARecord, ValueError) as err:
            faults.append(("not-a-record", str(err)))
        return None

    def _key(self, link: Link, faults: list[Fault]) -> str:
        try:
            return self._bench.signed_by(link.raw)
        except ValueError as err:
            faults.append(("signature", f"its signature is not good: {err}"))
            return ""

    def _decision(self, record: Record, body: DecisionBody) -> Iterator[Fault]:
        yield from consistent(record, body)
        if body.verdict == "ALLOW" and self._bench.trees(body.target):
            if why := self._bench.disagreement(body):
                yield "approval", why
            if why := self._bench.unwaived(body):
                yield "waiver", why

    # -- files

    def _files(self, link: Link, before: str) -> Iterator[Fault]:
        """Whether the tree changed as the record says, and to what comes of it."""
        base = self._base(before)
        if base is None:
            return  # nobody knows what it was before
        record = link.record
        was: dict[str, TreeEntry] = {}
        now: dict[str, TreeEntry] = {}
        try:
            self._changed(base.tree, link.raw.tree, "", was, now)
            now.pop(DOCUMENT, None)
            was.pop(DOCUMENT, None)
            blobs = {path: self._blob(one.oid.hex()) for path, one in now.items()}
            marks: dict[str, str | None] = dict.fromkeys(was)
            marks.update((path, digest(data)) for path, data in blobs.items())
            for why in unexplained(marks, record.files):
                yield "tree", why
            prefix = self._folder(record, base.tree)
            for why in foreign(record, prefix):
                yield "tree", why
            yield from self._status(record, prefix, was, now, blobs)
            if isinstance(record.body, DecisionBody) and prefix:
                yield from self._beside(record.body, link.raw.tree, prefix, now, blobs)
        except (LookupError, BadObject) as err:
            yield "damaged", f"its tree is missing, damaged or too large: {err}"

    def _base(self, before: str) -> _Good | None:
        """The last commit that is a record; None when nobody knows what was before."""
        if before == self._last.commit:
            return self._last
        while before:
            if self._link(before, b"", []) is not None:
                return _Good(before, _commit(self._records, before)[0].tree)
            try:
                before = _parent(self._records.store.read(before)[1])
            except LookupError:
                return None
        return _Good("", None)

    def _folder(self, record: Record, tree: str | None) -> str:
        name = record.environment
        if not name:
            return ""
        known = self._folders.get(name)
        if known is None:
            if tree is None:
                return folders(name)[0]
            place = self._records.folder(tree, name)
            known = b"/".join(place).decode("utf-8", "replace") + "/"
            self._folders[name] = known
        return known

    def _status(
        self,
        record: Record,
        prefix: str,
        was: Mapping[str, TreeEntry],
        now: Mapping[str, TreeEntry],
        blobs: Mapping[str, bytes],
    ) -> Iterator[Fault]:
        path = prefix + STATUS
        before: Status = {}
        if (old := was.get(path)) is not None:
            kept = self._statuses.get(prefix)
            known = kept is not None and kept[0] == old.oid
            before = kept[1] if kept and known else read_status(self._blob(old.oid.hex()))
        why, after = wrong_status(before, record, blobs.get(path))
        if why:
            yield "tree", f"{prefix}{why}"
        else:
            _keep(self._statuses, prefix, (now[path].oid, after))

    def _beside(
        self,
        body: DecisionBody,
        tree: str,
        prefix: str,
        now: Mapping[str, TreeEntry],
        blobs: Mapping[str, bytes],
    ) -> Iterator[Fault]:
        """Whether the files beside a decision say the same as the record."""
        data = self._at(tree, prefix, DECISION, now, blobs)[1]
        if data is not None and wrong_decision(body, data):
            yield "tree", f"{prefix}{DECISION} says something else than the record"
        oid, data = self._at(tree, prefix, PLAN, now, blobs)
        if data is None:
            return
        if body.plan is None:
            yield "tree", f"{prefix}{PLAN} is there, and the decision has no plan"
        elif (planned := self._planned(oid, data))[0] != body.plan.digest:
            yield "plan", f"{prefix}{PLAN} is another plan than the record names"
        elif planned[1] != in_numbers(body.plan):
            yield "plan", f"the record says otherwise than {prefix}{PLAN} what that plan does"
        if body.otherwise is None and prefix + AGREED not in now:
            return  # nothing of it was written
        oid, data = self._at(tree, prefix, AGREED, now, blobs)
        found = self._planned(oid, data)[0] if data is not None else None
        if found != (body.otherwise.agreed if body.otherwise is not None else None):
            yield "plan", f"{prefix}{AGREED} is another plan than was agreed to"

    def _at(
        self,
        tree: str,
        prefix: str,
        name: str,
        now: Mapping[str, TreeEntry],
        blobs: Mapping[str, bytes],
    ) -> tuple[str, bytes | None]:
        path = prefix + name
        if path in now:
            return now[path].oid.hex(), blobs[path]
        entry = self._records.objects.at(tree, path.encode().split(b"/"))
        if entry is None:
            return "", None
        oid = entry.oid.hex()
        return oid, self._blob(oid)

    def _planned(self, oid: str, data: bytes) -> tuple[str, tuple[object, ...]]:
        """Digest and counts of a plan's file, from what stands in it; empty when it is none."""
        found = self._plans.get(oid)
        if found is None:
            try:
                plan = plan_of(data)
                digest = plan_digest(plan.environment, plan.changes, plan.outputs)
                found = digest, in_numbers(plan_summary(plan))
            except (ValueError, TypeError, RecursionError):
                found = "", ()
            _keep(self._plans, oid, found)
        return found

    # -- objects

    def _changed(
        self,
        old: str | None,
        new: str | None,
        prefix: str,
        was: dict[str, TreeEntry],
        now: dict[str, TreeEntry],
    ) -> None:
        """Every file that differs, as it was and as it is."""
        before = self._raw(old, prefix) if old else EMPTY
        made, gone, come = spliced(before, self._tree(new) if new else b"")
        if new:
            _keep(self._trees, prefix, (new, made))
        for name in come if come.keys() == gone.keys() else {**gone, **come}:
            one, other = gone.get(name), come.get(name)
            path = prefix + _text(name)
            old_folder = new_folder = None
            if one is not None:
                if one.mode == TREE:
                    old_folder = one.oid.hex()
                else:
                    was[path] = one
            if other is not None:
                if other.mode == TREE:
                    new_folder = other.oid.hex()
                else:
                    now[path] = other
            if old_folder or new_folder:
                self._changed(old_folder, new_folder, path + "/", was, now)

    def _raw(self, oid: str, prefix: str = "") -> RawTree:
        kept = self._trees.get(prefix)
        if kept is not None and kept[0] == oid:
            return kept[1]
        return raw_tree(self._tree(oid))

    def _tree(self, oid: str) -> bytes:
        if self._recent[0] != oid:  # the root is looked at twice
            self._recent = (oid, _of_kind(self._records, oid, "tree"))
        return self._recent[1]

    def _blob(self, oid: str) -> bytes:
        return _of_kind(self._records, oid, "blob")


def _document(tree: bytes) -> str:
    """The object of the document; the whole tree is taken apart later."""
    at = tree.find(_DOCUMENT)
    if at < 0:
        return ""
    entry = read_tree(tree).get(DOCUMENT.encode())
    return entry.oid.hex() if entry is not None and not entry.folder else ""


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as err:
        msg = f"a tree has the name {name!r}, which is no text"
        raise BadObject(msg) from err


def _keep(many: OrderedDict[str, _T], key: str, value: _T) -> None:
    many[key] = value
    if len(many) > _KEPT:
        many.popitem(last=False)


# ------------------------------------------------------------------------------------- all in order


def _judged(rules: Rules, fact: Fact, place: int, *, clean: bool) -> list[Fault]:
    faults: list[Fault] = []
    try:
        faults.extend(rules.take(fact, place, clean=clean))
    except (ReconcilerError, *_ODD) as err:
        faults.append(("unjudged", f"it cannot be judged: {err}"))
    return faults


def _once(before: Sequence[Fault], more: Sequence[Fault]) -> list[Fault]:
    """A signature that is not good is named as that, and not as one that is missing, too."""
    badly_signed = any(code == "signature" for code, _ in before)
    return [one for one in more if not (badly_signed and one[0] == "unsigned")]


def _answered(
    rules: Rules, found: Collection[Break], walk: _Walk
) -> tuple[dict[str, str], list[Break]]:
    """Breaks that somebody answered for, and those answered for that do not show any more.

    Nobody answers for what comes after: a break that is made later could be given an old name.
    """
    last: dict[str, tuple[int, str]] = {}
    for one in rules.answers:
        last.update((name, (one.place, one.who)) for name in one.accepts)
    answered: dict[str, str] = {}
    open_ones = set()
    for each in found:
        answer = last.get(each.name)
        if answer is None or walk.places.get(each.commit, -1) >= answer[0]:
            open_ones.add(each.name)
        else:
            answered[each.name] = answer[1]
    answered = {name: who for name, who in answered.items() if name not in open_ones}
    there = {one.name for one in found}
    gone = []
    for name, (place, who) in last.items():
        if name not in there:
            code, _, commit = name.partition("@")
            why = "somebody answered for it; it does not show from here any more"
            short = commit.partition("-")[0]
            gone.append(Break(walk.number + place, short, code, why, known_by=name))
            answered[name] = who
    return answered, gone


def _in_order(found: Collection[Break], places: Mapping[str, int]) -> tuple[Break, ...]:
    """As the history goes, so that a cause stands before what follows from it.

    A record that is lost takes others along: the next one does not fit, and nobody knows any more
    what had been decided, what had begun, and whose rules were in use.
    """
    last = len(places)

    def place(one: Break) -> int:
        return -1 if one.code == "hole" else places.get(one.commit, last)

    lost = sorted({place(one) for one in found if one.code in _LOSES})
    told = []
    for one in sorted(found, key=lambda one: (place(one), one.commit, one.code, one.why)):
        at = place(one)
        before = at < last and bool(lost) and lost[0] < at
        follows = (one.code in _CONFUSED and before) or (one.code in _MISFIT and at - 1 in lost)
        told.append(replace(one, follows=follows))
    return tuple(told)


def _notes(rules: Rules, bench: Bench, total: int, *, whole: bool) -> Iterator[str]:
    if rules.unsigned:
        yield f"{rules.unsigned} of {total} records are not signed"
    for key, number in sorted(rules.keys.items()):
        if whole and not bench.known(key):
            yield (
                f"no document names the key {key} any more, which signed up to record {number}:"
                " only an anchor tells whether that was before it was taken away"
            )


def _beyond(anchors: Sequence[Anchor], total: int) -> Iterator[str]:
    """What nobody can see here, as no anchor is behind it."""
    if total and not anchors:
        yield (
            "there is no anchor: a history that was rewritten as a whole, or that lost its newest"
            " records, looks whole"
        )
    elif total and anchors[-1].sequence < total - 1:
        yield (
            f"no anchor is newer than record {anchors[-1].sequence}: that later ones are lost, or"
            " were written anew by a writer's key, shows only where they were seen before"
        )


# ---------------------------------------------------------------------------------------- elsewhere


def _anchors(
    records: Records, bench: Bench, laws: list[str], places: Mapping[str, int]
) -> tuple[tuple[Anchor, ...], list[Break]]:
    found: list[Anchor] = []
    lost: list[Break] = []
    for name, oid in sorted(records.store.tags(ANCHORS).items()):
        try:
            commit, inside, signed, armored = read_tag(_of_kind(records, oid, "tag"))
        except (LookupError, BadObject) as err:
            lost.append(Break(None, oid, "anchor", f"{name} cannot be read: {err}"))
            continue
        place = places.get(commit)
        # By the rules of then; where the commit is gone, by those of the target branch.
        law = (laws[place] if place is not None else "") or bench.target
        key, why = "", ""
        if armored:
            raw = RawCommit("", (), "", "", armored, (), b"", signed)
            try:
                key = bench.signed_by(raw)
            except ValueError as err:
                why = f"its signature is not good: {err}"
            else:
                if not bench.anchors(law, key):
                    why = f"it is signed by {key}, which is no key of ours"
        elif bench.must_sign(law):
            why = "it is not signed, and the settings want everything signed"
        if not why and inside != name:
            why = f"it was made as {inside}"
        if not why and place is None:
            why = f"it names {commit[:12]}, which the history does not have any more"
        if why or place is None:
            lost.append(Break(place, oid, "anchor", f"{name}: {why}"))
        else:
            found.append(Anchor(name, commit, place, key))
    return tuple(sorted(found, key=lambda one: one.sequence)), lost


def _rewritten(records: Records, walk: _Walk, seen: str, ahead: list[str]) -> Iterator[Break]:
    """Whether others, or we before, saw a history that is not this one."""
    tip = records.tip()
    if seen and not _behind(records, seen, walk):
        yield Break(
            None, seen, "rewritten", f"the branch had come to {seen[:12]}, and has it no more"
        )
    for name, other in sorted(records.store.others().items()):
        if not other or _behind(records, other, walk):
            continue
        more = _ahead(records, other, tip) if tip else None
        if more is None:
            why = f"`{name}` has {other[:12]}, which is another history than the one here"
            yield Break(None, other, "rewritten", why)
        else:
            ahead.append(f"`{name}` has {more} more, which are not looked at here")


def _behind(records: Records, commit: str, walk: _Walk) -> bool:
    """Whether the history has a commit."""
    if commit in walk.places or commit == walk.start:
        return True
    if not walk.start:
        return False
    try:
        known = records.kept(commit).record.chain.sequence
        found = records.ancestor(walk.start, known)
    except Broken:
        return False
    return found is not None and found.commit == commit


def _ahead(records: Records, other: str, tip: str) -> int | None:
    """By how many records another repository is further; None: it has another history."""
    at, more = other, 0
    while at != tip:
        try:
            kind, data = records.store.read(at)
        except LookupError:
            return None
        at = _parent(data) if kind == "commit" else ""
        if not at:
            return None
        more += 1
    return more
