"""Look for secrets: in files, in what is staged, in every commit of a range."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from reconciler.core.secrets.engine import (
    SIZE_LIMIT,
    Hit,
    Report,
    Scanner,
    fingerprint,
    masked,
    scanner,
)
from reconciler.core.secrets.rules import BY_ID
from reconciler.core.tree import Change
from reconciler.model.finding import Finding, Location
from reconciler.model.secret import (
    Blob,
    Content,
    ContentChange,
    ScanNote,
    SecretFound,
    SecretScan,
    Unscanned,
)
from reconciler.model.tree import Entry
from reconciler.ports import Files, History, RepoTree

NAME = "(name of a file)"
"""Where a finding in a path is said to be: the path itself would show it."""
MESSAGE = "(commit message)"
"""Where a finding in a commit's message is said to be."""
_KEPT = 4096
"""Reports of blobs that are remembered: the next commit's old blob is this one's new one."""

Step = Callable[[int, int], None]


def fingerprint_key(own: str, root: str) -> bytes:
    """The key for fingerprints: one's own, else one that differs from repository to repository.

    The first commit's id is no secret: whoever has the repository can then try out guesses. It only
    keeps fingerprints of one repository from being compared with another's.
    """
    if own:
        return sha256(b"reconciler secret key\0" + own.encode()).digest()
    return sha256(b"reconciler repository\0" + root.encode()).digest()


class _Reader(Protocol):
    def read(self, oid: str, limit: int) -> Content: ...


@dataclass(slots=True)
class _Scan:
    """One scan on its way."""

    key: bytes
    accepted: Collection[str]
    reader: _Reader
    engine: Scanner
    reports: dict[str, Report] = field(default_factory=dict)
    found: dict[str, SecretFound] = field(default_factory=dict)
    unscanned: dict[str, Unscanned] = field(default_factory=dict)
    notes: dict[ScanNote, None] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    files: int = 0
    size: int = 0
    commits: int = 0

    def report(self, oid: str) -> Report:
        """What a blob holds; each is looked at once."""
        found = self.reports.get(oid)
        if found is None:
            content = self.reader.read(oid, SIZE_LIMIT)
            found = self.engine.scan(content.data, content.size)
            self.files += 1
            self.size += len(content.data)
            if len(self.reports) >= _KEPT:
                self.reports.pop(next(iter(self.reports)))
            self.reports[oid] = found
        return found

    def add(self, hit: Hit, path: str, commit: str, *, removed: bool = False) -> None:
        """Take a secret in, unless the baseline accepts it. The first place of one counts."""
        rule = hit.rule
        mark = fingerprint(self.key, rule.id, path, hit.secret)
        if mark in self.accepted:
            self.known.add(mark)
            return
        before = self.found.get(mark)
        if before is not None and (removed or not before.removed):
            return
        self.found[mark] = SecretFound(
            Location(path, hit.line, commit),
            rule.id,
            rule.title,
            rule.severity,
            rule.advice or removed,
            masked(rule, hit.secret),
            rule.fix,
            mark,
            hit.how,
            removed,
        )

    def tell(self, report: Report, oid: str, path: str, commit: str) -> None:
        """What could not be looked at, or only in a lesser way."""
        place = Location(path, 0, commit)
        for note in report.notes:
            self.notes[ScanNote(place, note)] = None
        for reason in report.problems:
            mark = fingerprint(self.key, "unscanned", path, f"{oid} {reason}".encode())
            if mark in self.accepted:
                self.known.add(mark)
            else:
                self.unscanned.setdefault(mark, Unscanned(place, reason, mark))

    def change(self, one: ContentChange) -> None:
        """What a commit adds and what it takes away; what only moves is neither."""
        olds = [(blob, self.report(blob.oid)) for blob in one.removed]
        news = [(blob, self.report(blob.oid)) for blob in one.added]
        before = {(hit.rule.id, hit.secret) for _, report in olds for hit in report.hits}
        after = {(hit.rule.id, hit.secret) for _, report in news for hit in report.hits}
        for blob, report in news:
            self.tell(report, blob.oid, blob.path, one.commit)
            for hit in report.hits:
                if (hit.rule.id, hit.secret) not in before:
                    self.add(hit, blob.path, one.commit)
        for blob, report in olds:
            for hit in report.hits:
                if (hit.rule.id, hit.secret) not in after:
                    self.add(hit, blob.path, one.commit, removed=True)
        for blob in one.added:
            for hit in self.engine.scan(blob.path.encode("utf-8", "surrogateescape")).hits:
                self.add(hit, NAME, one.commit)
        if one.message:
            report = self.engine.scan(one.message)
            # A message is text; one that cannot be looked at as text is not looked at.
            told = replace(report, problems=(*report.problems, *report.notes), notes=())
            self.tell(told, one.commit, MESSAGE, one.commit)
            for hit in report.hits:
                self.add(hit, MESSAGE, one.commit)
        for note in one.notes:
            self.notes[note] = None
        self.commits += bool(one.commit)

    def result(self, subject: str) -> SecretScan:
        """Everything, in a fixed order: what blocks first."""
        return SecretScan(
            subject,
            tuple(sorted(self.found.values(), key=lambda one: (one.advice, one))),
            tuple(sorted(self.unscanned.values())),
            tuple(sorted(self.notes)),
            len(self.known),
            self.commits,
            self.files,
            self.size,
        )


def _scan(key: bytes, accepted: Collection[str], reader: _Reader) -> _Scan:
    return _Scan(key, accepted, reader, scanner())


def scan_range(
    history: History, revisions: str, key: bytes, accepted: Collection[str] = ()
) -> SecretScan:
    """Every commit of a range by itself, so that what a later one deletes is found too."""
    scan = _scan(key, accepted, history)
    for change in history.changes(revisions):
        scan.change(change)
    return scan.result(revisions)


def scan_staged(history: History, key: bytes, accepted: Collection[str] = ()) -> SecretScan:
    """What the next commit would add."""
    scan = _scan(key, accepted, history)
    scan.change(history.staged())
    return scan.result("staged")


class _OfTrees:
    """Reads what differs between two trees."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[RepoTree, Entry]] = {}

    def blob(self, tree: RepoTree, entry: Entry) -> Blob:
        """The entry, to be read later."""
        self._places[entry.oid] = (tree, entry)
        return Blob(entry.path, entry.oid)

    def read(self, oid: str, limit: int) -> Content:
        """The whole; what is over the limit is only said to be."""
        tree, entry = self._places[oid]
        data = tree.read(entry, limit)
        return Content(b"", limit + 1) if data is None else Content(data, len(data))


def scan_between(
    before: RepoTree,
    after: RepoTree,
    differing: Iterable[Change],
    key: bytes,
    accepted: Collection[str] = (),
) -> SecretScan:
    """What is changed and not committed yet."""
    reader = _OfTrees()
    old = [reader.blob(before, one.base) for one in differing if one.base is not None]
    new = [reader.blob(after, one.head) for one in differing if one.head is not None]
    scan = _scan(key, accepted, reader)
    scan.change(ContentChange("", b"", tuple(new), tuple(old)))
    return scan.result("uncommitted")


def scan_files(
    files: Files,
    paths: Sequence[Path],
    key: bytes,
    accepted: Collection[str] = (),
    step: Step = lambda _done, _total: None,
) -> SecretScan:
    """The files at and below paths, as they lie there."""
    scan = _scan(key, accepted, files)
    blobs = list(files.list(paths))
    for done, blob in enumerate(blobs, start=1):
        report = scan.report(blob.oid)
        # A file's place is not its content: what cannot be read is accepted by path and size.
        scan.tell(report, "", blob.path, "")
        for hit in report.hits:
            scan.add(hit, blob.path, "")
        step(done, len(blobs))
    return scan.result("files")


def message(found: SecretFound) -> str:
    """One sentence about a secret, without it."""
    how = " (in base64)" if found.how == "base64" else ""
    gone = "; this change removes it, but the history keeps it" if found.removed else ""
    return f"{found.title}: {found.masked}{how}{gone}"


def as_findings(scan: SecretScan, environment: str = "") -> Iterator[Finding]:
    """A scan as findings of the secrets gate. What is unscanned makes the gate indeterminate."""
    for one in scan.found:
        yield Finding(
            "secrets",
            one.rule,
            one.title,
            "low" if one.advice else one.severity,
            "security",
            environment,
            message(one),
            one.location,
            one.fix,
            fingerprint=one.fingerprint,
        )


def is_advice(rule: str) -> bool:
    """Whether a rule only advises."""
    return BY_ID[rule].advice
