"""Repositories through pygit2: trees are read from objects, never from a checkout.

Links and submodules are named and never followed; names that no honest repository has are refused;
a large blob is not loaded.
"""

import os
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeVar

import pygit2
from pygit2.enums import CredentialType, FileMode, ObjectType, SortMode

from reconciler.adapters.loose import begin_with, loose_header, read_loose
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.author import Author
from reconciler.model.tree import Entry, EntryKind

_KINDS = {
    int(FileMode.TREE): EntryKind.FOLDER,
    int(FileMode.BLOB): EntryKind.FILE,
    int(FileMode.BLOB_EXECUTABLE): EntryKind.FILE,
    int(FileMode.LINK): EntryKind.LINK,
    int(FileMode.COMMIT): EntryKind.SUBMODULE,
}

_OBJECTS = {
    "blob": int(ObjectType.BLOB),
    "tree": int(ObjectType.TREE),
    "commit": int(ObjectType.COMMIT),
    "tag": int(ObjectType.TAG),
}
_LARGEST = 1024 * 1024 * 1024
"""No loose object beyond this is read; git itself would hardly read it."""
_AFTER_PACKS = 2
"""libgit2 asks packs first, with the same number, and its own reader of loose objects last."""

_LARGEST_DIFF = 1024 * 1024
"""Bytes of a file of which the changed lines are looked for: documents are smaller."""

_T = TypeVar("_T")

_ORDINARY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def safe_name(name: str) -> bool:
    """Whether a name in a tree is one that can stand in a path, on every system."""
    return _ORDINARY.fullmatch(name) is not None or (
        name not in ("", ".", "..")
        and name.lower() != ".git"
        and not any(char in "/\\:" or not char.isprintable() for char in name)
    )


class GitTree:
    """The tree of one commit."""

    def __init__(self, repository: pygit2.Repository, revision: str, tree: pygit2.Tree) -> None:
        self._repository = repository
        self._odb = repository.odb
        self._root = tree
        self._revision = revision
        self._children: dict[str, Sequence[Entry]] = {}

    @property
    def revision(self) -> str:
        """The commit's id."""
        return self._revision

    def children(self, folder: Entry | None) -> Sequence[Entry]:
        """The entries of a folder."""
        key = "" if folder is None else folder.path
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = self._list(folder)
        return found

    def _list(self, folder: Entry | None) -> Sequence[Entry]:
        prefix = "" if folder is None else folder.path + "/"
        entries = []
        for item in self._root if folder is None else self._tree(folder):
            try:
                name = item.name or ""
            except UnicodeDecodeError:
                name = ascii(item.raw_name)
            kind = (
                _KINDS.get(int(item.filemode), EntryKind.OTHER)
                if safe_name(name)
                else EntryKind.OTHER
            )
            entries.append(Entry(prefix + name, str(item.id), kind))
        return tuple(entries)

    def _tree(self, folder: Entry) -> pygit2.Tree:
        try:
            found = self._repository[folder.oid]
        except (KeyError, pygit2.GitError) as err:
            raise _damaged(folder.path, folder.oid) from err
        if not isinstance(found, pygit2.Tree):
            raise _damaged(folder.path, folder.oid)
        return found

    def read(self, entry: Entry, limit: int) -> bytes | None:
        """A file's bytes, or None when it is over the limit."""
        oid = pygit2.Oid(hex=entry.oid)
        try:
            _, size = self._odb.read_header(oid)
            if size > limit:
                return None
            kind, data = self._odb.read(oid)
        except (KeyError, pygit2.GitError) as err:
            raise _damaged(entry.path, entry.oid) from err
        if kind != ObjectType.BLOB:
            raise _damaged(entry.path, entry.oid)
        return data


def _damaged(path: str, oid: str) -> ReconcilerError:
    return ReconcilerError(
        "object-missing",
        f"the repository is damaged or incomplete: {path} ({oid[:10]}) cannot be read",
        hint="run `git fsck`; fetch again if the clone is shallow or partial",
        subject=path,
    )


def open_repository(path: Path) -> pygit2.Repository:
    """The repository around a path."""
    try:
        return pygit2.Repository(pygit2.discover_repository(str(path)) or str(path))
    except (KeyError, pygit2.GitError) as err:
        raise UsageError(
            "not-a-repository",
            f"{path} is not in a git repository",
            hint="go to a clone, name one with `--repo`, or make one with `reconciler init`",
        ) from err


def open_for_reading(path: Path) -> pygit2.Repository:
    """The repository around a path, where an object that was cut off is told and not waited for.

    Nothing can be written by it, and nothing that pygit2 does without Python's lock (remotes, the
    index) may read by it: those take `open_repository`.
    """
    repository = open_repository(path)
    objects = common_folder(Path(repository.path)) / "objects"
    folders = (objects, *_alternates(objects))
    if any(_holds_loose(one) for one in folders):  # every look-up costs more with it
        repository.odb.add_backend(_Loose(folders), _AFTER_PACKS)
    return repository


def _holds_loose(objects: Path) -> bool:
    try:
        return any(len(name) == 2 for name in os.listdir(objects))  # noqa: PLR2004, PTH208  # as 0f/
    except OSError:
        return True


def common_folder(path: Path) -> Path:
    """Where refs and objects lie: a linked worktree has a folder of its own beside them."""
    with suppress(OSError):
        return (path / (path / "commondir").read_text(encoding="utf-8").strip()).resolve()
    return path


def _alternates(objects: Path) -> tuple[Path, ...]:
    """Where else objects lie, as `git clone --shared` says it."""
    try:
        lines = (objects / "info" / "alternates").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(objects / line for line in lines if line and not line.startswith("#"))


class _Loose(pygit2.OdbBackend):
    """Loose objects, read before libgit2 does: it reads one that was cut off for ever."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__()
        self._folders = folders

    def read_cb(self, oid: object) -> tuple[int, bytes]:
        kind, data = self._first(str(oid), lambda folder: read_loose(folder, str(oid), _LARGEST))
        return _OBJECTS[kind], data

    def read_header_cb(self, oid: object) -> tuple[int, int]:
        kind, size = self._first(str(oid), lambda folder: loose_header(folder, str(oid)))
        return _OBJECTS[kind], size

    def read_prefix_cb(self, prefix: object) -> tuple[int, bytes, pygit2.Oid]:
        name = str(prefix)
        found = {one for folder in self._folders for one in begin_with(folder, name)}
        if len(found) != 1:
            raise (ValueError if found else KeyError)(name)
        oid = pygit2.Oid(hex=found.pop())
        return (*self.read_cb(oid), oid)

    def exists_cb(self, oid: object) -> bool:
        """Left to libgit2, which opens nothing for it."""
        del oid
        return False

    def exists_prefix_cb(self, prefix: object) -> NoReturn:
        raise KeyError(str(prefix))

    def refresh_cb(self) -> None:
        """Nothing is remembered."""

    def _first(self, oid: str, read: Callable[[Path], tuple[str, _T] | None]) -> tuple[str, _T]:
        """KeyError lets libgit2 look on; anything else ends its search, and arrives as it is."""
        for folder in self._folders:
            try:
                found = read(folder)
            except LookupError as err:
                raise _unreadable(oid) from err
            if found is not None and found[0] not in _OBJECTS:
                raise _unreadable(oid)
            if found is not None:
                return found
        raise KeyError(oid)


def _unreadable(oid: str) -> ReconcilerError:
    return ReconcilerError(
        "object-damaged",
        f"the repository is damaged: the object {oid} is cut off or changed",
        hint=f"`git fsck` names all of them; take {oid[:2]}/{oid[2:]} out of `.git/objects` and"
        " `git fetch --refetch`, or clone anew",
        subject=oid,
    )


class GitSource:
    """A repository on this machine, bare or not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._repository = open_for_reading(path)

    @property
    def workdir(self) -> Path | None:
        """Where the files lie; None for a bare repository."""
        found = self._repository.workdir
        return Path(found) if found else None

    @property
    def empty(self) -> bool:
        """Whether nothing was ever committed here."""
        return next(iter(self._repository.references), None) is None

    def ignores(self, path: str) -> bool:
        """Whether git leaves a path out of commits."""
        return self._repository.path_is_ignored(path)

    def snapshot(self, revision: str) -> GitTree:
        """The tree of a commit, by any name that git knows it by."""
        try:
            commit = self._repository.revparse_single(revision).peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError) as err:
            empty = self._repository.is_empty
            raise UsageError(
                "unknown-revision",
                f"`{revision}` does not name one commit here",
                hint="there is no commit yet: make the first one"
                if empty
                else "`git log --oneline -5` lists the last ones; fetch if it is elsewhere",
            ) from err
        try:
            root = commit.tree
        except (KeyError, pygit2.GitError) as err:
            raise _damaged(f"the tree of {revision}", str(commit.tree_id)) from err
        return GitTree(self._repository, str(commit.id), root)

    def named(self, *names: str) -> str | None:
        """The first of the names that is a commit here."""
        for name in names:
            try:
                self._repository.revparse_single(name).peel(pygit2.Commit)
            except (KeyError, ValueError, pygit2.GitError):
                continue
            return name
        return None

    def below(self, prefix: str) -> list[str]:
        """What follows a prefix in the names of the refs that are here."""
        names = self._repository.references.iterator()
        return [one.name.removeprefix(prefix) for one in names if one.name.startswith(prefix)]

    def began(self, target: str, head: str) -> str:
        """The commit that a change began at: the newest that both have."""
        one, other = self.snapshot(target).revision, self.snapshot(head).revision
        try:
            found = self._repository.merge_base(pygit2.Oid(hex=one), pygit2.Oid(hex=other))
        except (KeyError, pygit2.GitError):
            found = None
        if found is None:
            raise UsageError(
                "no-common-history",
                f"`{target}` and `{head}` have no commit in common here",
                hint="fetch the whole history: `git fetch --unshallow` (in CI: GIT_DEPTH: 0)",
            )
        return str(found)

    def changed_lines(
        self, before: str, after: str, paths: Collection[str]
    ) -> dict[str, frozenset[int]]:
        """By path: the lines that differ, as the later commit has them; not of very large files."""
        old, new = (self._repository[self.snapshot(one).revision] for one in (before, after))
        found: dict[str, frozenset[int]] = {}
        try:
            diff = old.peel(pygit2.Tree).diff_to_tree(new.peel(pygit2.Tree), context_lines=0)
            for place, delta in enumerate(diff.deltas):
                name = delta.new_file.raw_path.decode("utf-8", "surrogateescape")
                # The size is not told before the file is read; git's own header is.
                if name not in paths or self._size(delta.new_file.id) > _LARGEST_DIFF:
                    continue
                patch = diff[place]
                found[name] = frozenset(
                    line
                    for hunk in (patch.hunks if patch is not None else ())
                    for line in range(hunk.new_start, hunk.new_start + hunk.new_lines)
                )
        except (KeyError, pygit2.GitError) as err:
            raise _damaged("a changed file", after) from err
        return found

    def _size(self, oid: pygit2.Oid) -> int:
        return self._repository.odb.read_header(oid)[1] if oid in self._repository else 0

    def behind(self, commit: str) -> frozenset[str]:
        """Every commit that one has behind it, and itself; those that are here."""
        found = set()
        with suppress(KeyError, ValueError, pygit2.GitError):
            for one in self._repository.walk(pygit2.Oid(hex=commit), SortMode.NONE):
                found.add(str(one.id))
        return frozenset(found)

    def address(self, remote: str) -> str:
        """Where a remote is; empty: there is none of that name."""
        try:
            return self._repository.remotes[remote].url or ""
        except (KeyError, ValueError):
            return ""

    def push_tag(self, remote: str, name: str) -> None:
        """Send a tag to a remote: it, what it names, and nothing else."""
        try:
            found = open_repository(self._path).remotes[remote]
        except (KeyError, ValueError) as err:
            raise UsageError(
                "no-such-remote",
                f"anchors go to the remote `{remote}`, and there is none of that name here",
                hint=f"`git remote add {remote} ...`, then `git push {remote} refs/tags/{name}`",
            ) from err
        told = _Told()
        try:
            found.push([f"refs/tags/{name}"], callbacks=told)
        except pygit2.GitError as err:
            told.refused = told.refused or str(err)
        if told.refused:
            raise TransientError(
                "anchor-not-sent",
                f"the anchor {name} is here, and `{remote}` did not take it: {told.refused}",
                hint=f"send it when it can be reached: `git push {remote} refs/tags/{name}`",
                subject=remote,
            )

    @property
    def branch(self) -> str:
        """The branch that is checked out; empty: none is."""
        if self._repository.head_is_unborn or self._repository.head_is_detached:
            return ""
        return self._repository.head.name.removeprefix("refs/heads/")

    @property
    def author(self) -> Author | None:
        """Who git would say made a commit here."""
        try:
            signature = self._repository.default_signature
        except (KeyError, pygit2.GitError):
            return None
        return Author(signature.email, signature.name)


class _Told(pygit2.RemoteCallbacks):
    """Hears what a server says of a push; keys are those of the agent."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = ""

    def push_update_reference(self, refname: str, message: str | None) -> None:
        del refname
        self.refused = message or self.refused

    def credentials(
        self, url: str, username: str | None, allowed: CredentialType
    ) -> pygit2.KeypairFromAgent:
        del url
        if username and allowed & CredentialType.SSH_KEY:
            return pygit2.KeypairFromAgent(username)
        raise pygit2.Passthrough


def make_repository(root: Path) -> bool:
    """Make a git repository of a folder, unless it is in one; whether it made one."""
    if pygit2.discover_repository(str(root)) is not None:
        return False
    pygit2.init_repository(str(root), initial_head="main")
    return True
