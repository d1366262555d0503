"""Records: read them by any way an auditor asks, and write them so that nothing is lost.

Whatever is written was masked by whoever made the draft, and is scanned here, every byte of it: a
secret stops the write. Many may write at once; each builds on what it finds, and builds again when
somebody was faster.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Final, NamedTuple

from reconciler.core.canonical import NotCanonical, digest
from reconciler.core.git_objects import (
    FILE,
    TREE,
    BadObject,
    TreeEntry,
    Who,
    commit_bytes,
    object_id,
    read_commit,
    read_tag,
    read_tree,
    tag_bytes,
    with_entry,
    with_signature,
    write_tree,
)
from reconciler.core.records.chain import after_break, behind, first_chain, next_chain
from reconciler.core.records.document import (
    FutureRecord,
    NotARecord,
    fields_of,
    read_record,
    record_of,
    with_files,
)
from reconciler.core.records.standing import STATUS, Status, status_after
from reconciler.core.records.story import read_status, status_bytes
from reconciler.core.records.words import message
from reconciler.core.secrets.engine import scanner
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.author import Author
from reconciler.model.base import format_timestamp
from reconciler.model.git import ObjectKind
from reconciler.model.record import DOCUMENT, FOLDER, Chain, Draft, Jump, Record, Recorded
from reconciler.ports import RecordStore, Signer

_ROOT: Final = FOLDER.encode()
_MORE: Final = b"_"
_FLAT: Final = 64
_SHARDS: Final = 1024
"""So many environments lie side by side; later ones lie in small folders of folders, since each
record writes every folder on its way anew."""
_KEPT: Final = 512
_ATTEMPTS: Final = 1000
ANCHORS: Final = "records-anchor/"
"""How the names of anchors begin."""
_DOUBTED: Final = 10_000
_SKEW: Final = timedelta(hours=1)
"""Clocks of machines that write records differ by less."""
_EMPTY: Final = write_tree(())

StatusOf = Callable[[str], Status]
"""An environment's status; the empty name: of the whole."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as it is kept."""

    commit: str
    tree: str
    record: Record
    data: bytes

    @property
    def digest(self) -> str:
        """Of its document."""
        return digest(self.data)


class Anchored(NamedTuple):
    """A tag, and the record that it names."""

    name: str
    kept: Kept
    fresh: bool
    """Whether it was made just now; where not, somebody has to look whether it is good."""


class Broken(ReconcilerError):  # noqa: N818  # a state of what was read, told in words
    """A commit of the branch is no record, or cannot be read."""

    def __init__(self, commit: str, why: str, reason: str = "record-broken") -> None:
        super().__init__(reason, f"{commit[:12]}: {why}", hint=_HINTS[reason], subject=commit)
        self.commit = commit
        self.why = why


_HINTS: Final = {
    "record-broken": "`reconciler audit verify` names everything that is broken",
    "record-missing": "fetch the whole history of records: `git fetch --unshallow`, and no"
    " `--filter`; `git fsck` names what is missing or damaged",
    "record-newer": "a newer program writes records here; use that one",
}


class Objects:
    """Trees and blobs by path, over a store; the last ones are remembered."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._trees: OrderedDict[str, dict[bytes, TreeEntry]] = OrderedDict()

    def tree(self, oid: str) -> dict[bytes, TreeEntry]:
        """A tree's entries."""
        found = self._trees.get(oid)
        if found is None:
            found = read_tree(self._read(oid, "tree"))
            self._keep(oid, found)
        return found

    def blob(self, oid: str) -> bytes:
        """A file's bytes."""
        return self._read(oid, "blob")

    def at(self, tree: str, path: Sequence[bytes]) -> TreeEntry | None:
        """What a path names below a tree."""
        entry: TreeEntry | None = None
        for name in path:
            entry = self.tree(tree).get(name)
            if entry is None:
                return None
            tree = entry.oid.hex()
        return entry

    def files(self, tree: str, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Every file below a tree, with its object."""
        for entry in self.tree(tree).values():
            path = prefix + entry.name.decode("utf-8", "surrogateescape")
            if entry.folder:
                yield from self.files(entry.oid.hex(), path + "/")
            else:
                yield path, entry.oid.hex()

    def edited(self, tree: str | None, edits: Mapping[tuple[bytes, ...], bytes | None]) -> str:
        """The tree with some files written anew or taken away; empty folders go."""
        entries = dict(self.tree(tree)) if tree else {}
        below: dict[bytes, dict[tuple[bytes, ...], bytes | None]] = {}
        for path, data in edits.items():
            if len(path) > 1:
                below.setdefault(path[0], {})[path[1:]] = data
            elif data is None:
                entries = with_entry(entries, path[0], None)
            else:
                oid = bytes.fromhex(self.put("blob", data))
                entries = with_entry(entries, path[0], TreeEntry(path[0], FILE, oid))
        for name, inner in below.items():
            if edits.get((name,)) is not None:
                continue  # a file stands there from now on
            old = entries.get(name)
            after = self.edited(old.oid.hex() if old and old.folder else None, inner)
            entry = TreeEntry(name, TREE, bytes.fromhex(after)) if self.tree(after) else None
            entries = with_entry(entries, name, entry)
        made = self.put("tree", write_tree(entries.values()))
        self._keep(made, entries)
        return made

    def put(self, kind: ObjectKind, data: bytes) -> str:
        """Keep an object."""
        return self._store.write(kind, data)

    def _read(self, oid: str, kind: ObjectKind) -> bytes:
        found, data = self._store.read(oid)
        if found != kind:
            msg = f"{oid[:12]} is a {found} and no {kind}"
            raise BadObject(msg)
        return data

    def _keep(self, oid: str, entries: dict[bytes, TreeEntry]) -> None:
        self._trees[oid] = entries
        while len(self._trees) > _KEPT:
            self._trees.popitem(last=False)


class Records:
    """The records of one repository."""

    def __init__(
        self, store: RecordStore, signer: Signer | None = None, writer: Author | None = None
    ) -> None:
        self.store = store
        self.objects = Objects(store)
        self._signer = signer
        self.writer = writer
        """Whose the key is that signs, where the settings say that it is a program's."""
        self._lock = Lock()
        self._records: OrderedDict[str, Kept] = OrderedDict()
        self._scanned: OrderedDict[str, None] = OrderedDict()
        self._doubted: OrderedDict[str, int] = OrderedDict()
        self._shards: OrderedDict[bytes, dict[str, bytes]] = OrderedDict()

    # -- reading ------------------------------------------------------------------------------

    @property
    def signs_with(self) -> str:
        """The fingerprint of the key that signs; empty: none does."""
        return self._signer.public_key.fingerprint if self._signer is not None else ""

    def tip(self) -> str:
        """The last record's commit; empty when there is none."""
        return self.store.tip()

    def count(self) -> int:
        """How many there are, which is the number of the next one."""
        tip = self.tip()
        return self.kept(tip).record.chain.sequence + 1 if tip else 0

    def kept(self, commit: str) -> Kept:
        """The record of a commit; Broken when it is none."""
        found = self._records.get(commit)
        if found is not None:
            return found
        try:
            kind, raw = self.store.read(commit)
            if kind != "commit":
                raise Broken(commit, f"it is a {kind}")
            taken = read_commit(raw)
            tree = taken.tree
            entry = self.objects.at(tree, (DOCUMENT.encode(),))
            if entry is None:
                raise Broken(commit, f"it has no {DOCUMENT}")
            data = self.objects.blob(entry.oid.hex())
            found = Kept(commit, tree, read_record(data), data)
            parent = found.record.chain.parent
            if taken.parents != ((parent,) if parent else ()):
                raise Broken(commit, "its document belongs behind another commit")
        except LookupError as err:
            why = f"an object is missing or damaged: {err}"
            raise Broken(commit, why, "record-missing") from err
        except FutureRecord as err:
            raise Broken(commit, str(err), "record-newer") from err
        except (BadObject, NotARecord) as err:
            raise Broken(commit, str(err)) from err
        self._remember(found)
        return found

    def ancestor(self, commit: str, sequence: int) -> Kept | None:
        """The record of that number, at or before a commit."""
        kept = self.kept(commit)
        while (chain := kept.record.chain).sequence > sequence:
            near = chain.jump is not None and chain.jump.sequence >= sequence
            at = chain.jump.commit if near and chain.jump else behind(chain)
            if at is None:
                return None
            kept = self.kept(at)
        return kept if kept.record.chain.sequence == sequence else None

    def walk(self, commit: str = "") -> Iterator[Kept]:
        """Each record, newest first."""
        at: str | None = commit or self.tip() or None
        while at is not None:
            kept = self.kept(at)
            yield kept
            at = behind(kept.record.chain)

    def of_environment(self, name: str, commit: str = "") -> Iterator[Kept]:
        """The records about one environment, newest first, without reading any other.

        No name: those about more than one. `commit`: at or before that one.
        """
        yield from self._about(commit or self.tip(), name)

    def _about(self, at: str, name: str) -> Iterator[Kept]:
        while at:
            kept = self.kept(at)
            try:
                number = self._status(kept.tree, name).get("record")
            except (LookupError, BadObject) as err:
                why = f"the status of {name} is missing or damaged: {err}"
                raise Broken(at, why, "record-missing") from err
            if number is None:
                return
            found = self.ancestor(at, number) if type(number) is int else None
            if found is None:
                raise Broken(at, f"the record {number} of {name} cannot be reached")
            yield found
            at = behind(found.record.chain) or ""

    def status(self, name: str) -> Status:
        """What is true now of an environment; of the whole when there is no name."""
        tip = self.tip()
        return self._status(self.kept(tip).tree, name) if tip else {}

    def status_at(self, kept: Kept, name: str) -> Status:
        """The same, as it was at a record."""
        return self._status(kept.tree, name)

    def status_in(self, tree: str, name: str) -> Status:
        """The same, as it is in a tree."""
        return self._status(tree, name)

    def changed(self, old: str, new: str) -> frozenset[str]:
        """The environments of which two trees say different things; empty: no tree."""
        before, after = self._environments_of(old), self._environments_of(new)
        return frozenset(
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        )

    def _environments_of(self, tree: str) -> dict[str, bytes]:
        """Each environment's folder, by name; shards are read once and remembered."""
        root = self.objects.at(tree, (_ROOT,)) if tree else None
        if root is None:
            return {}
        found: dict[str, bytes] = {}
        for entry in self.objects.tree(root.oid.hex()).values():
            if entry.name != _MORE:
                found[entry.name.decode()] = entry.oid
                continue
            for half in self.objects.tree(entry.oid.hex()).values():
                for shard in self.objects.tree(half.oid.hex()).values():
                    inner = self._shards.get(shard.oid)
                    if inner is None:
                        entries = self.objects.tree(shard.oid.hex()).values()
                        inner = {one.name.decode(): one.oid for one in entries}
                        self._shards[shard.oid] = inner
                        while len(self._shards) > _SHARDS:
                            self._shards.popitem(last=False)
                    found |= inner
        return found

    def standing(self, commit: str) -> Status:
        """What was true of the whole at a commit."""
        return self._status(self.kept(commit).tree, "")

    def file(self, name: str, path: str) -> bytes | None:
        """A file of an environment's folder as it is now."""
        tip = self.tip()
        return self.file_at(self.kept(tip), name, path) if tip else None

    def file_at(self, kept: Kept, name: str, path: str) -> bytes | None:
        """The same, as it was at a record."""
        tree = kept.tree
        entry = self.objects.at(tree, (*self.folder(tree, name), *path.encode().split(b"/")))
        return self.objects.blob(entry.oid.hex()) if entry else None

    def environments(self, tree: str) -> Iterator[str]:
        """The names of all environments that records speak of."""
        root = self.objects.at(tree, (_ROOT,))
        if root is None:
            return
        for entry in self.objects.tree(root.oid.hex()).values():
            if entry.name != _MORE:
                yield entry.name.decode()
                continue
            for half in self.objects.tree(entry.oid.hex()).values():
                for shard in self.objects.tree(half.oid.hex()).values():
                    yield from (name.decode() for name in self.objects.tree(shard.oid.hex()))

    def folder(self, tree: str, name: str) -> tuple[bytes, ...]:
        """Where an environment lies, or is to lie; the root when there is no name."""
        if not name:
            return ()
        own = name.encode()
        mark = object_id("blob", own).encode()
        shard = (_ROOT, _MORE, mark[:1], mark[1:2], own)
        root = self.objects.at(tree, (_ROOT,))
        entries = self.objects.tree(root.oid.hex()) if root else {}
        if own in entries:
            return (_ROOT, own)
        if _MORE in entries and self.objects.at(tree, shard) is not None:
            return shard
        return (_ROOT, own) if len(entries) < _FLAT else shard

    def _status(self, tree: str, name: str) -> Status:
        entry = self.objects.at(tree, (*self.folder(tree, name), STATUS.encode()))
        return read_status(self.objects.blob(entry.oid.hex())) if entry else {}

    def _remember(self, kept: Kept) -> None:
        self._records[kept.commit] = kept
        while len(self._records) > _KEPT:
            self._records.popitem(last=False)

    # -- writing ------------------------------------------------------------------------------

    def append(
        self,
        drafts: Sequence[Draft],
        *,
        check: Callable[[StatusOf], None] = lambda _status: None,
        durable: bool = False,
        again: bool = False,
    ) -> tuple[Recorded, ...]:
        """Write records, in order, all or none.

        `check` looks at what is true right before and raises when that does not fit; it is asked
        again whenever somebody else was faster. A draft that was written already is not written
        again: this is seen by itself where an answer was lost; `again` says that somebody who died
        may have written it.
        """
        _fit(drafts)
        with self._lock:
            try:
                return self._append(drafts, check, durable=durable, again=again)
            except Broken as err:
                raise _unwritable(err) from err
            finally:
                self.store.drop()  # what was refused never reaches the disk with the next one

    def _append(
        self,
        drafts: Sequence[Draft],
        check: Callable[[StatusOf], None],
        *,
        durable: bool,
        again: bool,
    ) -> tuple[Recorded, ...]:
        since = self._since(drafts)
        for attempt in range(_ATTEMPTS):
            tip, before = self._followed(fresh=attempt > 0 or since is not None)
            there: dict[str, Recorded] = {}
            if since is not None:
                there = self._there(tip, since, drafts)
            if again and attempt == 0:
                there |= self._long_there(tip, drafts)
            rest = [draft for draft in drafts if draft.id not in there]
            if rest:
                check(partial(self._status_before, before))
                self.store.drop()
                made = self._built(before, rest)
                since = before.record.chain.sequence if before else -1
                self._doubt(rest, since)
                if not self.store.advance(tip, made[-1].commit, durable=durable):
                    continue
                there |= {one.record.id: _recorded(one) for one in made}
            for draft in drafts:
                self._doubted.pop(draft.id, None)
            return tuple(there[draft.id] for draft in drafts)
        raise TransientError(
            "records-busy",
            "others write records all the time, and ours found no place",
            hint="run it again",
        )

    def answer(self, drafts: Sequence[Draft]) -> tuple[Recorded, ...]:
        """Write on a history that is broken: somebody answers for what is wrong with it."""
        with self._lock:
            tip = self.store.tip(fresh=True)
            self.begin()
            good = self.last_good()
            first = None
            if good is None or good.commit != tip:
                chain = good.record.chain if good is not None else None
                first = after_break(tip or None, chain, good.commit if good is not None else "")
            self.store.drop()
            made: list[Kept] = []
            before = good
            for draft in drafts:
                try:
                    before = self._commit(before, draft, first if not made else None)
                except Broken:  # behind a hole: it points to the one before it, and no further
                    if before is None:
                        raise
                    place = after_break(before.commit, before.record.chain, before.commit)
                    before = self._commit(before, draft, place)
                made.append(before)
            if not self.store.advance(tip, made[-1].commit, durable=True):
                raise TransientError(
                    "records-busy", "somebody else wrote records meanwhile", hint="run it again"
                )
        return tuple(Recorded(one.commit, one.record.chain.sequence, one.digest) for one in made)

    def last_good(self) -> Kept | None:
        """The last commit of the branch that is a record, by git's own parents."""
        at = self.store.tip()
        while at:
            try:
                return self.kept(at)
            except Broken:
                pass
            try:
                parents = read_commit(self.store.read(at)[1]).parents
            except (LookupError, BadObject):
                return None
            at = parents[0] if parents else ""
        return None

    def anchor(self, by: Author, seconds: int) -> Anchored:
        """A tag that says how far the history has come.

        One that names the same record counts, whoever made it: it goes where it is missing yet.
        """
        tip = self.tip()
        if not tip:
            raise UsageError("no-records", "there is no record to anchor")
        kept = self.kept(tip)
        name = f"{ANCHORS}{kept.record.chain.sequence}"
        data = self._tagged(name, tip)
        if data is not None:
            self.store.tag(name, data)
            return Anchored(name, kept, fresh=False)
        words = f"Record {kept.record.chain.sequence}: {kept.digest}\n"
        data = tag_bytes(tip, name, Who(by.name, by.email, seconds), words)
        if self._signer is not None:
            data += self._signer.sign(data).encode()
        try:
            self.store.tag(name, data)
        except UsageError:
            if self._tagged(name, tip) is None:  # it was brought here, where it was at the remote
                raise
            return Anchored(name, kept, fresh=False)
        return Anchored(name, kept, fresh=True)

    def _tagged(self, name: str, tip: str) -> bytes | None:
        """The tag of that name that is here, if it names a commit."""
        oid = self.store.tags(name).get(name)
        try:
            kind, data = self.store.read(oid) if oid else ("", b"")
            return data if kind == "tag" and read_tag(data)[0] == tip else None
        except (LookupError, BadObject):
            return None

    def _doubt(self, drafts: Sequence[Draft], since: int) -> None:
        """Until we hear that the branch has moved nobody knows whether it has."""
        for draft in drafts:
            self._doubted[draft.id] = min(since, self._doubted.get(draft.id, since))
        while len(self._doubted) > _DOUBTED + len(drafts):
            self._doubted.popitem(last=False)

    def _since(self, drafts: Sequence[Draft]) -> int | None:
        """The number after which such drafts may stand already; None: nowhere."""
        return min(
            (self._doubted[draft.id] for draft in drafts if draft.id in self._doubted), default=None
        )

    def _there(self, tip: str, since: int, drafts: Sequence[Draft]) -> dict[str, Recorded]:
        """Those of the drafts that were written after a number, wherever: only the answer was lost.

        Somebody else may have written since.
        """
        wanted = {draft.id for draft in drafts}
        found: dict[str, Recorded] = {}
        at: str | None = tip
        while at and wanted - found.keys():
            kept = self.kept(at)
            if kept.record.chain.sequence <= since:
                break
            if kept.record.id in wanted:
                found[kept.record.id] = _recorded(kept)
            at = behind(kept.record.chain)
        return found

    def _long_there(self, tip: str, drafts: Sequence[Draft]) -> dict[str, Recorded]:
        """Those that were written by anybody since they were drafted, however clocks differ."""
        found: dict[str, Recorded] = {}
        for draft in drafts:
            oldest = format_timestamp(draft.at - _SKEW)
            for kept in self._about(tip, draft.environment):
                if kept.record.id == draft.id:
                    found[draft.id] = _recorded(kept)
                if kept.record.at < oldest or draft.id in found:
                    break
        return found

    def _status_before(self, before: Kept | None, name: str) -> Status:
        return self._status(before.tree, name) if before else {}

    def _followed(self, *, fresh: bool) -> tuple[str, Kept | None]:
        """The tip and its record; an error when what we saw before is not behind it any more."""
        seen = self.store.seen()  # before the tip: others write meanwhile
        tip = self.store.tip(fresh=fresh)
        try:
            kept = self._behind(tip, seen)
        except ReconcilerError:
            if fresh:
                raise
            return self._followed(fresh=True)  # we may have looked at an old tip
        if tip and tip != seen:
            self.store.saw(tip)
        return tip, kept

    def gone_back(self) -> ReconcilerError | None:
        """What is wrong when what this machine saw of the branch is not behind it any more.

        For who only reads: what is told of such records may be of long ago, or of somebody else.
        """
        seen = self.store.seen()  # before the tip: others write meanwhile
        try:
            self._behind(self.store.tip(), seen)
        except ReconcilerError as error:
            return error
        return None

    def begin(self) -> None:
        """An error where somebody else has the branch and it is not here.

        What would be written would be a second history, and the next one could not go on: records
        and what was applied would be told in two places.
        """
        found = self.store.elsewhere()
        if found is None:
            return
        name = found.branch
        raise ReconcilerError(
            "records-elsewhere",
            f"the branch `{name}` is at `{found.remote}` and not here: what was applied is not"
            " known, and a record would begin a second history",
            hint=f"`{found.bring}` brings it here. `records: {{remote: {found.remote}}}` in"
            " reconciler.yaml keeps records there, where everybody sees them",
            subject=name,
        )

    def _behind(self, tip: str, seen: str) -> Kept | None:
        if not tip:
            if seen:
                raise _rewritten(f"the branch is gone; it had come to {seen[:12]}", seen)
            self.begin()
            return None
        kept = self.kept(tip)
        if seen and seen != tip:
            known = self.kept(seen)
            there = self.ancestor(tip, known.record.chain.sequence)
            if there is None or there.commit != seen:
                raise _rewritten(f"{seen[:12]} was on it, and is not behind {tip[:12]}", seen)
        return kept

    def _built(self, before: Kept | None, drafts: Sequence[Draft]) -> list[Kept]:
        made: list[Kept] = []
        for draft in drafts:
            before = self._commit(before, draft)
            made.append(before)
        return made

    def _commit(self, before: Kept | None, draft: Draft, place: Chain | None = None) -> Kept:
        try:
            return self._made(before, draft, place)
        except (NotARecord, NotCanonical) as err:
            raise _unfit(draft, str(err)) from err
        except (BadObject, LookupError) as err:
            at = before.commit if before else ""
            why = f"an object is missing or damaged: {err}"
            raise Broken(at, why, "record-missing") from err

    def _made(self, before: Kept | None, draft: Draft, place: Chain | None) -> Kept:
        chain = place or self._place(before)
        tree = before.tree if before else object_id("tree", _EMPTY)
        if before is None:
            self.objects.put("tree", _EMPTY)
        folder = self.folder(tree, draft.environment)
        old = self.objects.at(tree, folder) if folder else None
        changed = self._changed(draft, tree if not folder else old.oid.hex() if old else None)
        fields = fields_of(draft, chain)
        unfinished = record_of(fields)
        status = status_after(self._status(tree, draft.environment), unfinished)
        changed[STATUS] = status_bytes(status)
        prefix = b"/".join(folder).decode()
        paths = {f"{prefix}/{path}" if prefix else path: data for path, data in changed.items()}
        files = {path: None if data is None else digest(data) for path, data in paths.items()}
        record, data = with_files(fields, files, unfinished)
        edits = {tuple(path.encode().split(b"/")): data for path, data in paths.items()}
        root = self.objects.edited(tree, {**edits, (DOCUMENT.encode(),): data})
        commit = self._unsigned(record, draft, root, message(record, digest(data)))
        self._scan({**paths, DOCUMENT: data, "the commit": commit})
        if self._signer is not None:
            commit = with_signature(commit, self._signer.sign(commit))
        kept = Kept(self.objects.put("commit", commit), root, record, data)
        self._remember(kept)
        return kept

    def _place(self, before: Kept | None) -> Chain:
        if before is None:
            return first_chain()
        jump = before.record.chain.jump
        beyond: Jump | None = self.kept(jump.commit).record.chain.jump if jump else None
        return next_chain(before.commit, before.record.chain, before.digest, beyond)

    def _changed(self, draft: Draft, folder: str | None) -> dict[str, bytes | None]:
        """What the draft says that is not so already, by path in its folder."""
        old: dict[str, str] = {}
        for top in {path.split("/", 1)[0].encode() for path in draft.files}:
            entry = self.objects.tree(folder).get(top) if folder else None
            if entry is not None and entry.folder:
                old |= self.objects.files(entry.oid.hex(), top.decode() + "/")
            elif entry is not None:
                old[top.decode()] = entry.oid.hex()
        found: dict[str, bytes | None] = {}
        for path, data in draft.files.items():
            below = path if path.endswith("/") else path + "/"
            gone = {one for one in old if one.startswith(below)}
            if data is None:
                gone |= {path} & old.keys()
            else:
                parts = path.split("/")
                above = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
                gone |= above & old.keys()  # a file that becomes a folder
                if old.get(path) != object_id("blob", data):
                    found[path] = data
            if data is not None or path.endswith("/"):
                found |= {one: None for one in gone if draft.files.get(one) is None}
            elif path in gone:
                found[path] = None
        return found

    def _scan(self, files: Mapping[str, bytes | None]) -> None:
        for path, data in files.items():
            if data is None:
                continue
            mark = digest(data)
            if mark in self._scanned:
                continue
            report = scanner().scan(data)
            hits = [hit for hit in report.hits if not hit.rule.advice]
            if hits or report.problems:
                why = hits[0].rule.title if hits else report.problems[0]
                raise ReconcilerError(
                    "secret-in-record",
                    f"a record was not written: {path} of it holds what must not get out ({why})",
                    hint="take the secret out of what is declared, and make it invalid",
                    subject=path,
                )
            self._scanned[mark] = None
            while len(self._scanned) > _KEPT:
                self._scanned.popitem(last=False)

    def _unsigned(self, record: Record, draft: Draft, tree: str, words: str) -> bytes:
        seconds = int(draft.at.timestamp())
        author = Who(record.actor.name, record.actor.email, seconds)
        writer = self.writer
        committer = Who(writer.name, writer.email, seconds) if writer else author
        parents = (record.chain.parent,) if record.chain.parent else ()
        return commit_bytes(tree, parents, author, committer, words)


def _recorded(kept: Kept) -> Recorded:
    return Recorded(kept.commit, kept.record.chain.sequence, kept.digest)


def _fit(drafts: Sequence[Draft]) -> None:
    """Nothing that git, or another record, would be hurt by."""
    if len({draft.id for draft in drafts}) != len(drafts):
        raise _unfit(drafts[0], "two of them have one id")
    for draft in drafts:
        taken = {STATUS, DOCUMENT} if draft.environment else {STATUS, DOCUMENT, FOLDER}
        for path, data in draft.files.items():
            parts = path.removesuffix("/").split("/") if data is None else path.split("/")
            if parts[0] in taken or not all(map(_safe, parts)):
                raise _unfit(draft, f"{path!a} is no place for a file of it")
            above = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
            if data is not None and any(draft.files.get(one) is not None for one in above):
                raise _unfit(draft, f"{path} lies in a file")


def _safe(name: str) -> bool:
    ordinary = name.isprintable() and not set(name) & set("\\:~")
    return ordinary and name not in ("", ".", "..") and name.lower() not in (".git", ".gitmodules")


def _unfit(draft: Draft, why: str) -> ReconcilerError:
    return ReconcilerError(
        "record-unfit",
        f"a record of {draft.body.get('kind')} was not written: {why}",
        hint="this is a mistake in the program; please report it",
        subject=draft.environment,
    )


def _unwritable(err: Broken) -> ReconcilerError:
    """What a record that cannot be read means for whoever wants to write one."""
    if err.reason == "record-broken":
        return _rewritten(str(err))
    reason = {"record-missing": "records-incomplete", "record-newer": "records-newer"}[err.reason]
    return ReconcilerError(
        reason,
        f"nothing was recorded, since earlier records cannot be read here: {err}",
        hint=err.hint,
        subject=err.commit,
    )


def _rewritten(why: str, seen: str = "") -> ReconcilerError:
    back = f"ask who moved the branch, and put it back to {seen[:12]}; " if seen else ""
    return ReconcilerError(
        "records-rewritten",
        f"the history of records is not what it was: {why}",
        hint=f"{back}`reconciler audit verify` names what is broken; nothing is applied until"
        " somebody answers for it with `reconciler audit acknowledge`",
    )
