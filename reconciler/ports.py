"""What the use cases ask of the outside world, as small Protocols."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

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
