"""Read records as far as they can be read; where that ends, say so and go no further."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from reconciler.app.records import Broken, Kept, Records
from reconciler.core.records.words import subject
from reconciler.core.suggest import did_you_mean, listed
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.audit import Break, Entry
from reconciler.model.git import ObjectKind
from reconciler.model.record import ApplyEnded, Elsewhere
from reconciler.ports import RecordStore

_UNREADABLE = (LookupError, RecursionError, TypeError, ValueError)
"""What damaged objects and forged files make of reading."""


@dataclass(frozen=True, slots=True)
class Trail:
    """The records that an audit reads, and where they are."""

    records: Records
    branch: str
    """As git names it: `records`, or `origin/records` where only that was fetched."""


class _At:
    """A store whose branch stands still at one commit."""

    def __init__(self, store: RecordStore, tip: str) -> None:
        self._store = store
        self._tip = tip

    def tip(self, *, fresh: bool = False) -> str:
        return self._tip

    def read(self, oid: str) -> tuple[str, bytes]:
        return self._store.read(oid)

    def write(self, kind: ObjectKind, data: bytes) -> str:
        _refuse(f"a {kind}")

    def advance(self, old: str, new: str, *, durable: bool) -> bool:
        _refuse("a record")

    def seen(self) -> str:
        return self._store.seen()

    def drop(self) -> None:
        _refuse("nothing")

    def saw(self, commit: str) -> None:
        _refuse("down what it saw")

    def elsewhere(self) -> Elsewhere | None:
        return None

    def others(self) -> Mapping[str, str]:
        return self._store.others()

    def tags(self, prefix: str) -> Mapping[str, str]:
        return self._store.tags(prefix)

    def tag(self, name: str, data: bytes) -> None:
        _refuse("a tag")


def _refuse(what: str) -> NoReturn:
    msg = f"an audit writes {what}"
    raise AssertionError(msg)


def trail(store: RecordStore, branch: str, remote: str = "") -> Trail:
    """The branch as it is here; as it was fetched, where that is further or all there is.

    Records that are kept at a remote are read as they were fetched from there, since an apply
    goes by those: a branch of that name here may be anything, and is read where nothing was seen.
    One view of it for the whole audit, however many records are written meanwhile.
    """
    others = store.others()
    if remote and (others.get(remote) or store.seen()):
        return Trail(Records(_At(store, others.get(remote, ""))), f"{remote}/{branch}")
    own = store.tip()
    for name, tip in sorted(others.items(), key=lambda one: (one[0] != "origin", one[0])):
        if tip and (not own or _behind(own, tip, store)):
            return Trail(Records(_At(store, tip)), f"{name}/{branch}")
    return Trail(Records(_At(store, own)), branch)


def _behind(own: str, other: str, store: RecordStore) -> bool:
    """Whether the other commit has all that ours has, and more; not where that cannot be told."""
    if own == other:
        return False
    records = Records(_At(store, other))
    try:
        found = records.ancestor(other, records.kept(own).record.chain.sequence)
    except Broken:
        return False
    return found is not None and found.commit == own


def unknown_of(records: Records, name: str) -> frozenset[str]:
    """What the last apply of an environment began, and could not say the end of."""
    last = records.status(name).get("lastApply")
    kept = records.ancestor(records.tip(), last["record"]) if last else None
    body = kept.record.body if kept is not None else None
    return frozenset(body.unknown if isinstance(body, ApplyEnded) else ())


def entry(kept: Kept) -> Entry:
    """A record as reports know it."""
    return Entry(kept.commit, kept.digest, kept.record, subject(kept.record))


def readable(many: Iterable[Kept], begin: str) -> Iterator[Kept | Break]:
    """The records, and at the end the break, if there is one. `begin`: where reading starts."""
    last = begin
    records = iter(many)
    while True:
        try:
            kept = next(records)
        except StopIteration:
            return
        except Broken as err:
            yield Break(err.commit, err.why)
            return
        except _UNREADABLE as err:
            yield Break(last, f"what it points to is missing or damaged: {err}")
            return
        last = kept.commit
        yield kept


def records_of(found: Trail, environment: str) -> Iterator[Kept | Break]:
    """The records of one environment, or those about more than one; newest first."""
    return readable(found.records.of_environment(environment), found.records.tip())


def every_record(found: Trail) -> Iterator[Kept | Break]:
    """All records, newest first."""
    return readable(found.records.walk(), found.records.tip())


def failed(broken: Break) -> ReconcilerError:
    """For what cannot be answered in part."""
    return ReconcilerError(
        "records-broken",
        f"the records cannot be read at {broken.commit[:12]}: {broken.why}",
        hint="`reconciler audit verify` names everything that is wrong with them",
        subject=broken.commit,
    )


@contextmanager
def reading(begin: str) -> Iterator[None]:
    """Where something is read beside records: what is missing or damaged is told."""
    try:
        yield
    except Broken as err:
        raise failed(Break(err.commit, err.why)) from err
    except _UNREADABLE as err:
        raise failed(Break(begin, f"an object is missing or damaged: {err}")) from err


def whole(many: Iterable[Kept | Break]) -> Iterator[Kept]:
    """The records; an error at a break."""
    for one in many:
        if isinstance(one, Break):
            raise failed(one)
        yield one


def known_names(found: Trail) -> frozenset[str]:
    """The environments that records speak of; none where even that cannot be read."""
    tip = found.records.tip()
    try:
        return frozenset(found.records.environments(found.records.kept(tip).tree) if tip else ())
    except (Broken, *_UNREADABLE):
        return frozenset()


def unknown_environment(name: str, found: Trail, declared: Iterable[str]) -> UsageError:
    """Neither records nor the target branch know it."""
    names = known_names(found) | {*declared}
    return UsageError(
        "unknown-environment",
        f"no record on `{found.branch}` is about an environment `{name}`, and none is declared",
        hint=did_you_mean(name, names) or f"there are: {listed(names)}",
        subject=name,
    )
