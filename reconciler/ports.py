"""What the use cases ask of the outside world, as small Protocols."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from reconciler.model.author import Author
from reconciler.model.policy import Answered, Indeterminate, Lines, Module, Modules, Parsed
from reconciler.model.problem import Problem
from reconciler.model.scan import ScanFailed, Scanned, ScanRequest
from reconciler.model.secret import Blob, Content, ContentChange
from reconciler.model.tree import Entry

T = TypeVar("T")
R = TypeVar("R")


class RepoTree(Protocol):
    """One immutable tree of a repository: content by path, addressed by object id.

    Reading the same path twice gives the same bytes, so functions over a RepoTree are pure. A tree
    never follows a link or a submodule.
    """

    @property
    def revision(self) -> str:
        """The commit, or a word for what it was taken from."""
        ...

    def children(self, folder: Entry | None) -> Sequence[Entry]:
        """The entries of a folder (None: of the root), sorted by name as git sorts."""
        ...

    def read(self, entry: Entry, limit: int) -> bytes | None:
        """A file's bytes, or None when it has more than `limit`; such a file is not loaded."""
        ...


class Cache(Protocol):
    """A store of results by digest. It may forget at any time; deleting it loses nothing."""

    def get(self, kind: str, key: str) -> bytes | None:
        """What was put under the key, if it is still there and whole."""
        ...

    def get_many(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Those of the keys that are there."""
        ...

    def put_many(self, kind: str, items: Iterable[tuple[str, bytes]]) -> None:
        """Remember; a cache that cannot write says nothing."""
        ...


class Workers(Protocol):
    """Processors to spread pure work over."""

    def map(
        self, function: Callable[[T], R], items: Sequence[T], seconds: float, late: Callable[[T], R]
    ) -> Iterator[R]:
        """Results in the order of items; `late` gives the result of one that ran out of time."""
        ...


class PolicyEngine(Protocol):
    """What evaluates Rego. An error, a time-out or an undefined answer is Indeterminate."""

    @property
    def name(self) -> str:
        """Which engine it is, in which version: part of what a decision rests on."""
        ...

    def ask(
        self, modules: Modules, query: str, document: Mapping[str, Any]
    ) -> Answered | Indeterminate:
        """The value of a rule (`data.reconciler...`) for an input."""
        ...

    def close(self) -> None:
        """End what was started."""
        ...


class RegoReader(Protocol):
    """What reads Rego without running it."""

    def parse(self, modules: Sequence[Module]) -> Sequence[Parsed | Problem] | Indeterminate:
        """Each file's syntax tree, or what is wrong with the file."""
        ...

    def compile(self, modules: Modules) -> tuple[Problem, ...] | Indeterminate:
        """What is wrong with the files together."""
        ...

    def coverage(
        self, modules: Modules, queries: Sequence[str]
    ) -> tuple[Lines, ...] | Indeterminate:
        """Which lines the queries reach, each with an empty input."""
        ...


class History(Protocol):
    """What commits do to files. One that is cut off or lacks objects is refused, not skipped."""

    @property
    def root(self) -> str:
        """The id of the first commit; empty when there is none."""
        ...

    def changes(self, revisions: str) -> Iterator[ContentChange]:
        """What each commit of a range does, oldest first."""
        ...

    def authors(self, revisions: str) -> tuple[Author, ...]:
        """Who made the commits of a range, each once."""
        ...

    def accepted(self, revision: str, since: datetime) -> tuple[frozenset[Author], ...]:
        """Of each change that a branch took in since then: who made its commits."""
        ...

    def staged(self) -> ContentChange:
        """What the next commit would do."""
        ...

    def read(self, oid: str, limit: int) -> Content:
        """The beginning of a blob, and the size of the whole."""
        ...


class Files(Protocol):
    """Files as they lie on a disk."""

    def list(self, paths: Sequence[Path]) -> Iterator[Blob]:
        """The files at and below paths, sorted; `oid` is where to read each from."""
        ...

    def read(self, oid: str, limit: int) -> Content:
        """The beginning of a file, and the size of the whole."""
        ...


class Scanner(Protocol):
    """A static scanner of files. It never raises for what it is given: a failure is an answer."""

    def identity(self) -> str | ScanFailed:
        """Changes with anything that a verdict rests on beside the files; cheap to ask."""
        ...

    def scan(self, request: ScanRequest) -> Scanned | ScanFailed:
        """What is wrong with the files, or why nobody knows."""
        ...

    def scan_many(self, requests: Sequence[ScanRequest]) -> Iterator[Scanned | ScanFailed]:
        """The same for many, in order, several at a time."""
        ...
