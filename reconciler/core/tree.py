"""Walking and comparing trees. Equal object ids mean equal content, so cost follows change."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reconciler.errors import ReconcilerError
from reconciler.model.tree import Entry, EntryKind
from reconciler.ports import RepoTree

MAX_DEPTH: Final = 32
MAX_ENTRIES: Final = 200_000
"""Files and folders below one folder: a small tree object can stand for ever so many."""


@dataclass(frozen=True, slots=True)
class Change:
    """A path whose content differs between two trees; None = it is not there on that side."""

    path: str
    base: Entry | None
    head: Entry | None


def walk(tree: RepoTree, folder: Entry | None) -> Iterator[Entry]:
    """All entries below a folder that are not folders themselves, in the order of git."""
    todo = list(reversed(tree.children(folder)))
    seen = 0
    while todo:
        entry = todo.pop()
        seen += 1
        if seen > MAX_ENTRIES:
            where = folder.path if folder else "the repository"
            raise _too_large(f"{where} holds more than {MAX_ENTRIES:,} files and folders")
        if entry.kind is EntryKind.FOLDER:
            check_depth(entry.path)
            todo += reversed(tree.children(entry))
        else:
            yield entry


def check_depth(path: str) -> None:
    """A tree that anybody may push must not be deeper than anybody needs."""
    if path.count("/") >= MAX_DEPTH:
        raise _too_large(f"folders are nested more than {MAX_DEPTH} deep: {path[:60]}...")


def _too_large(message: str) -> ReconcilerError:
    return ReconcilerError(
        "tree-too-large", message, hint="no environments repository needs this; look at who made it"
    )


def find(tree: RepoTree, path: str) -> Entry | None:
    """The entry at a path, without following anything."""
    folder: Entry | None = None
    for depth, name in enumerate(parts := path.split("/"), start=1):
        found = next((entry for entry in tree.children(folder) if entry.name == name), None)
        if found is None or depth == len(parts):
            return found
        if found.kind is not EntryKind.FOLDER:
            return None
        folder = found
    return None


def files_below(tree: RepoTree, path: str) -> tuple[Entry, ...]:
    """Everything below a folder that is not a folder; empty when there is no such folder."""
    folder = find(tree, path)
    if folder is None:
        return ()
    if folder.kind is not EntryKind.FOLDER:
        return (folder,)
    return tuple(walk(tree, folder))


def changes(base: RepoTree, head: RepoTree) -> Iterator[Change]:
    """What differs, by path within each folder. Equal subtrees are not looked into."""
    yield from _compare(base, None, head, None)


def _compare(
    base: RepoTree, base_folder: Entry | None, head: RepoTree, head_folder: Entry | None
) -> Iterator[Change]:
    olds = {entry.name: entry for entry in base.children(base_folder)}
    news = {entry.name: entry for entry in head.children(head_folder)}
    for name in sorted(olds.keys() | news.keys()):
        old, new = olds.get(name), news.get(name)
        if old is not None and new is not None and (old.oid, old.kind) == (new.oid, new.kind):
            continue
        old_is_folder = old is not None and old.kind is EntryKind.FOLDER
        new_is_folder = new is not None and new.kind is EntryKind.FOLDER
        if old_is_folder and new_is_folder:
            check_depth(f"{new.path if new else name}")
            yield from _compare(base, old, head, new)
            continue
        old_files = {e.path: e for e in walk(base, old)} if old_is_folder else _single(old)
        new_files = {e.path: e for e in walk(head, new)} if new_is_folder else _single(new)
        for path in sorted(old_files.keys() | new_files.keys()):
            yield Change(path, old_files.get(path), new_files.get(path))


def _single(entry: Entry | None) -> dict[str, Entry]:
    return {} if entry is None else {entry.path: entry}
