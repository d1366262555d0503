"""Verify: read every commit of the branch of records, oldest first, and name what is not right.

Nothing crashes on what it reads, and nothing is taken on trust: `core.records.verify` has the
rules, `Bench` the documents that they are held against.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reconciler.app.records import ANCHORS, Objects, Records
from reconciler.core.canonical import digest
from reconciler.core.git_objects import BadObject, RawCommit, TreeEntry, read_commit, read_tag
from reconciler.core.records.document import FutureRecord, NotARecord, read_record
from reconciler.core.records.verify import Bench, Link, Rules, alone, linked, unexplained
from reconciler.model.record import DOCUMENT, Actor, Jump
from reconciler.model.verified import Anchor, Break, Verified

_DOCUMENT: Final = DOCUMENT.encode()

Step = Callable[[int, int], None]


@dataclass(slots=True)
class _Walk:
    """Commits from the first to the last, and why the walk ended before the first."""

    commits: list[str] = field(default_factory=list)
    start: str = ""
    """The commit that it stopped at since it was verified before."""
    hole: Break | None = None


def verify(
    records: Records,
    bench: Bench,
    branch: str,
    step: Step = lambda _done, _total: None,
    *,
    simulated: bool = False,
    since: str = "",
) -> Verified:
    """Everything that can be said about the records of a clone.

    `since`: a commit up to which everything was verified before; then only what comes after it is
    looked at, and not whether it fits what began before.
    """
    tip = records.tip()
    walk = _walked(records, tip, since)
    places = {commit: number for number, commit in enumerate(walk.commits)}
    rules = Rules(bench, simulated, since=bool(walk.start))
    if walk.start:
        places[walk.start] = -1
        known = records.standing(walk.start).get("policy", {})
        rules.law, rules.trees = known.get("commit", ""), known.get("trees", {})
    found = [] if walk.hole is None else [walk.hole]
    total = len(walk.commits)
    for number, faults in enumerate(_each(records, walk, rules)):
        found += (Break(number, walk.commits[number], code, why) for code, why in faults)
        if number % 1000 == 0:
            step(number, total)
    step(total, total)
    anchors: tuple[Anchor, ...] = ()
    if not walk.start:
        anchors, lost = _anchors(records, bench, rules, places)
        found += lost
    found += _rewritten(records, places)
    notes = []
    if rules.unsigned:
        notes.append(f"{rules.unsigned} of {total} records are not signed")
    if total and not anchors and not walk.start:
        notes.append("there is no anchor: a history that was rewritten as a whole looks whole")
    return Verified(
        branch,
        tip,
        total,
        rules.signed,
        tuple(sorted(found)),
        tuple(sorted(rules.acknowledged.items())),
        anchors,
        tuple(sorted((name, one.sequence) for name, one in rules.opened.items())),
        tuple(notes),
    )


def _walked(records: Records, tip: str, since: str) -> _Walk:
    """By git's own parents, whatever the documents say."""
    walk, at = _Walk(), tip
    while at:
        if at == since:
            walk.start = at
            break
        walk.commits.append(at)
        try:
            raw = _commit(records, at)
        except (LookupError, BadObject):
            # Told again where it is looked at; what lies behind it cannot be reached.
            last = walk.commits[-2] if len(walk.commits) > 1 else ""
            walk.commits.pop()
            walk.hole = Break(0, at, "hole", _hole(last))
            break
        at = raw.parents[0] if raw.parents else ""
    walk.commits.reverse()
    return walk


def _hole(last: str) -> str:
    where = f"the commit before {last[:12]}" if last else "the last commit"
    return (
        f"{where} is missing or damaged: fetch the whole history (`git fetch --unshallow`),"
        " and run `git fsck`"
    )


def _commit(records: Records, oid: str) -> RawCommit:
    kind, data = records.store.read(oid)
    if kind != "commit":
        raise BadObject(kind)
    return read_commit(data)


def _each(records: Records, walk: _Walk, rules: Rules) -> Iterator[list[tuple[str, str]]]:
    """Of each commit, what is wrong with it."""
    objects = Objects(records.store)
    before: Link | None = _read(records, objects, walk.start, []) if walk.start else None
    jumps: dict[str, Jump | None] = {}

    def jump_of(commit: str) -> Jump | None:
        if commit not in jumps:
            jumps[commit] = records.kept(commit).record.chain.jump if walk.start else None
        return jumps[commit]

    sure = walk.hole is None  # whether what comes before is known
    for commit in walk.commits:
        faults: list[tuple[str, str]] = []
        link = _read(records, objects, commit, faults)
        if link is None:
            before, sure = None, False
            yield faults
            continue
        chain = link.record.chain
        if len(link.raw.parents) > 1:
            faults.append(("merge", "it has more than one parent: somebody merged here"))
        faults += alone(link)
        if sure or before is not None:
            last = before.record.chain.jump if before else None
            faults += linked(before, link, jump_of(last.commit) if last else None)
        elif chain.parent != (link.raw.parents[0] if link.raw.parents else None):
            faults.append(("order", "it is not made on the commit before it"))
        faults += _files(objects, before, link)
        faults += rules.take(link)
        jumps[commit] = chain.jump
        before, sure = link, True
        yield faults


def _read(
    records: Records, objects: Objects, commit: str, faults: list[tuple[str, str]]
) -> Link | None:
    try:
        raw = _commit(records, commit)
        entry = objects.tree(raw.tree).get(_DOCUMENT)
        if entry is None:
            faults.append(("not-a-record", f"it has no {DOCUMENT}"))
            return None
        data = objects.blob(entry.oid.hex())
        return Link(commit, raw, read_record(data), digest(data))
    except LookupError as err:
        faults.append(("damaged", f"an object of it is missing or damaged: {err}"))
    except FutureRecord as err:
        faults.append(("future", str(err)))
    except (BadObject, NotARecord) as err:
        faults.append(("not-a-record", str(err)))
    return None


def _files(objects: Objects, before: Link | None, link: Link) -> Iterator[tuple[str, str]]:
    """Whether the tree changed as the record says."""
    if before is None and link.raw.parents:
        return  # nobody knows what it was before
    try:
        old = before.raw.tree if before is not None else None
        changed = dict(_changed(objects, old, link.raw.tree, ""))
    except (LookupError, BadObject) as err:
        yield "damaged", f"its tree is missing or damaged: {err}"
        return
    changed.pop(DOCUMENT, None)
    for why in unexplained(changed, link.record.files):
        yield "tree", why


def _changed(
    objects: Objects, old: str | None, new: str | None, prefix: str
) -> Iterator[tuple[str, str | None]]:
    """Each file that differs between two trees, with the digest that it has now."""
    was: Mapping[bytes, TreeEntry] = objects.tree(old) if old else {}
    now: Mapping[bytes, TreeEntry] = objects.tree(new) if new else {}
    for name in was.keys() | now.keys():
        one, other = was.get(name), now.get(name)
        if one == other:
            continue
        path = prefix + name.decode("utf-8", "backslashreplace")
        folders = [
            entry.oid.hex() if entry is not None and entry.folder else None
            for entry in (one, other)
        ]
        if any(folders):
            yield from _changed(objects, folders[0], folders[1], path + "/")
        if other is not None and not other.folder:
            if path == DOCUMENT:
                continue
            mark = digest(objects.blob(other.oid.hex()))
            yield path, mark if other.mode == b"100644" else f"mode {other.mode.decode()}"
        elif one is not None and not one.folder:
            yield path, None


def _anchors(
    records: Records, bench: Bench, rules: Rules, places: Mapping[str, int]
) -> tuple[tuple[Anchor, ...], list[Break]]:
    found: list[Anchor] = []
    lost: list[Break] = []
    for name, oid in records.store.tags(ANCHORS).items():
        try:
            _, data = records.store.read(oid)
            commit, inside, signed, armored = read_tag(data)
        except (LookupError, BadObject) as err:
            lost.append(Break(0, "", "anchor", f"{name} cannot be read: {err}"))
            continue
        key = ""
        if armored:
            try:
                key = bench.signed_by(replace(_UNSIGNED, signature=armored, signed=signed))
            except ValueError as err:
                lost.append(Break(0, commit, "anchor", f"{name}: its signature is not good: {err}"))
                continue
            if rules.law and not bench.signer(rules.law, key, NOBODY):
                lost.append(Break(0, commit, "anchor", f"{name} is signed by {key}, not by ours"))
                continue
        if inside != name:
            lost.append(Break(0, commit, "anchor", f"{name} was made as {inside}"))
        elif commit not in places:
            why = f"{name} names {commit[:12]}, which the history does not have any more"
            lost.append(Break(0, commit, "anchor", why))
        else:
            found.append(Anchor(name, commit, places[commit], key))
    return tuple(sorted(found, key=lambda one: one.sequence)), lost


_UNSIGNED: Final = RawCommit("", (), "", "", "", (), b"", b"")
NOBODY: Final = Actor.model_validate({"name": "", "email": ""})


def _rewritten(records: Records, places: Mapping[str, int]) -> Iterator[Break]:
    """Whether others, or we before, saw a history that is not this one."""
    tip = records.tip()
    seen = records.store.seen()
    if seen and seen not in places:
        yield Break(0, seen, "rewritten", f"the branch had come to {seen[:12]}, and has it no more")
    for name, other in records.store.others().items():
        if other in places or other == tip:
            continue
        if not _ahead(records, other, tip):
            why = f"`{name}` has {other[:12]}, which is another history than the one here"
            yield Break(0, other, "rewritten", why)


def _ahead(records: Records, other: str, tip: str) -> bool:
    """Whether another repository only has more than this one."""
    at = other
    while at:
        if at == tip:
            return True
        try:
            parents: Sequence[str] = _commit(records, at).parents
        except (LookupError, BadObject):
            return False
        at = parents[0] if parents else ""
    return False
