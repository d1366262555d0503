"""What commits do to files: every blob that a range adds or takes away, commit by commit.

A commit is compared with all its parents: what no parent has at a path is added, so a merge brings
in only what it changes itself. A history that is cut off or lacks objects is refused.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType, SortMode

from reconciler.adapters.git import open_for_reading, open_repository
from reconciler.adapters.merging import merge_of
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.author import Author
from reconciler.model.commit import Commit
from reconciler.model.finding import Location
from reconciler.model.secret import Blob, Content, ContentChange, ScanNote

_READ_LIMIT = 256 * 1024 * 1024
"""A blob over this is not read at all: git would load the whole of it."""
_NULL = "0" * 40
_OLD_IN_A_ROW = 100


class GitHistory:
    """The history of one repository."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._repository = open_for_reading(path)
        self._odb = self._repository.odb

    @property
    def root(self) -> str:
        """The id of the first commit, by first parents: what names a repository for ever."""
        try:
            head = self._repository.head.target
        except pygit2.GitError:
            return ""
        last = ""
        try:
            walker = self._repository.walk(head, SortMode.NONE)
            walker.simplify_first_parent()
            for commit in walker:
                last = str(commit.id)
        except (KeyError, pygit2.GitError):
            # Cut off: another name, so nothing that was accepted before is accepted by mistake.
            return last
        return last

    @property
    def workdir(self) -> Path | None:
        """Where the files lie; None for a bare repository."""
        found = self._repository.workdir
        return Path(found) if found else None

    def ignores(self, path: str) -> bool:
        """Whether git leaves a path out of commits."""
        return self._repository.path_is_ignored(path)

    def changes(self, revisions: str) -> Iterator[ContentChange]:
        """What each commit of `A..B` does, oldest first; `B` alone: since the beginning."""
        base, dots, head = revisions.rpartition("..")
        if base.endswith("."):
            raise UsageError(
                "usage", f"`{revisions}` is not a range", hint="two dots: `--range main..HEAD`"
            )
        start = self._commit(head or "HEAD")
        walker = self._repository.walk(start.id, SortMode.TOPOLOGICAL | SortMode.REVERSE)
        if dots and base != _NULL:
            walker.hide(self._commit(base or "HEAD").id)
        try:
            for commit in walker:
                yield self._change(commit)
        except (KeyError, pygit2.GitError) as err:
            raise _cut_off(str(err)) from err

    def authors(self, revisions: str) -> tuple[Author, ...]:
        """Who made the commits of `A..B`, each once."""
        return tuple(sorted({_author(commit) for commit in self._range(revisions)}))

    def made(self, revisions: str) -> Iterator[tuple[Author, bytes]]:
        """Each commit of `A..B`: who it says made it, and its bytes."""
        for commit in self._range(revisions):
            yield _author(commit), self._odb.read(commit.id)[1]

    def _range(self, revisions: str) -> Iterator[pygit2.Commit]:
        base, _, head = revisions.rpartition("..")
        walker = self._repository.walk(self._commit(head).id, SortMode.TOPOLOGICAL)
        walker.hide(self._commit(base).id)
        try:
            yield from walker
        except (KeyError, pygit2.GitError) as err:
            raise _cut_off(str(err)) from err

    def accepted(self, revision: str, since: datetime) -> tuple[frozenset[Author], ...]:
        """Of each change that a branch took in since then: who made its commits.

        A date in a commit can be any; many old ones in a row are wanted before the look ends.
        """
        found: list[frozenset[Author]] = []
        old = 0
        try:
            commit: pygit2.Commit | None = self._commit(revision)
            while commit is not None and old < _OLD_IN_A_ROW:
                parents = [str(one) for one in commit.parent_ids]
                if commit.commit_time >= since.timestamp():
                    old = 0
                    found.append(frozenset(self._brought(commit)))
                else:
                    old += 1
                # A shallow clone ends somewhere, which is no reason to know nothing of today.
                commit = (
                    self._commit(parents[0]) if parents and parents[0] in self._repository else None
                )
        except (KeyError, pygit2.GitError) as err:
            raise _cut_off(str(err)) from err
        return tuple(found)

    def _brought(self, commit: pygit2.Commit) -> Iterator[Author]:
        """The authors of what one step of a branch brought in; a merge itself has no author."""
        if len(commit.parent_ids) < 2:  # noqa: PLR2004  # no merge
            yield _author(commit)
            return
        walker = self._repository.walk(commit.id, SortMode.TOPOLOGICAL)
        walker.hide(commit.parent_ids[0])
        yield from (_author(one) for one in walker if one.id != commit.id)

    def commit(self, revision: str) -> Commit:
        """What a commit says of itself, with parents that a shallow clone lacks."""
        found = self._commit(revision)
        _, raw = self._odb.read(found.id)
        head = raw.partition(b"\n\n")[0].split(b"\n")
        return Commit(
            str(found.id),
            tuple(line[7:].decode() for line in head if line.startswith(b"parent ")),
            _author(found),
            _time(found.author.time),
            _time(found.commit_time),
            found.raw_message.decode("utf-8", "replace"),
        )

    def at(self, revision: str, when: datetime) -> str | None:
        """The last commit of a branch at a time, by first parents and the dates in commits."""
        found: pygit2.Commit | None = self._commit(revision)
        while found is not None and found.commit_time > when.timestamp():
            parents = [str(one) for one in found.parent_ids]
            there = parents and parents[0] in self._repository
            found = self._commit(parents[0]) if there else None
        return None if found is None else str(found.id)

    def contains(self, revision: str, commit: str) -> bool | None:
        """Whether a commit is in a revision's history; None where either is not here."""
        try:
            later, earlier = self._commit(revision).id, self._commit(commit).id
            return later == earlier or self._repository.descendant_of(later, earlier)
        except (KeyError, UsageError, pygit2.GitError):
            return None

    def before(self, revision: str, path: str) -> str:
        """The newest commit behind one, by first parents, with nothing at a path."""
        found = self._commit(revision)
        try:
            while self.lies(str(found.id), path) is not None:
                if not found.parent_ids:
                    return ""
                found = found.parents[0]
        except (KeyError, pygit2.GitError) as err:
            raise _cut_off(str(err)) from err
        return str(found.id)

    def makers(self, began: str, head: str, paths: Collection[str] = ()) -> tuple[Author, ...]:
        """Who made the commits between two that change something at one of the paths."""
        walker = self._repository.walk(self._commit(head).id, SortMode.TOPOLOGICAL)
        if began:
            walker.hide(self._commit(began).id)
        try:
            return tuple(sorted({_author(one) for one in walker if self._makes(one, paths)}))
        except (KeyError, pygit2.GitError) as err:
            raise _cut_off(str(err)) from err

    def _makes(self, commit: pygit2.Commit, paths: Collection[str]) -> bool:
        """Whether it brings in something of its own."""
        here, parents = str(commit.id), [str(one.id) for one in commit.parents]
        for path in paths:
            now = self.lies(here, path)
            if all(self.lies(one, path) != now for one in parents) and (parents or now):
                break
        else:
            if paths:
                return False
        return not self._made_by_git(commit)

    def merged_by_git(self, revision: str) -> bool:
        """Whether it is a merge of two commits that came out as git makes it."""
        return self._made_by_git(self._commit(revision))

    def _made_by_git(self, commit: pygit2.Commit) -> bool:
        """Whether nobody had a hand in a merge: git comes to the same tree by itself."""
        if len(commit.parent_ids) != 2:  # noqa: PLR2004  # no merge, or one that git cannot repeat
            return False
        one, other = (str(parent) for parent in commit.parent_ids)
        try:
            made = merge_of(open_repository(self._path), one, other)
        except ReconcilerError:
            return False
        return made is not None and made.tree == str(commit.tree_id)

    def lies(self, revision: str, path: str) -> str | None:
        """The object that lies at a path of a commit: a file or a folder."""
        found = self._commit(revision).tree_id
        for name in path.split("/"):
            try:  # step by step: git does not tell a lost folder from a name that is not there
                folder = self._repository[found]
            except (KeyError, pygit2.GitError) as err:
                raise ReconcilerError(
                    "object-missing",
                    f"the repository is damaged or incomplete: {path} cannot be read"
                    f" in {revision[:12]}",
                    hint="run `git fsck`; fetch again if the clone is shallow or partial",
                    subject=path,
                ) from err
            if not isinstance(folder, pygit2.Tree) or name not in folder:
                return None
            found = folder[name].id
        return str(found)

    def patch(self, before: str, after: str) -> str:
        """What differs between two commits, as git prints it."""
        old, new = self._commit(before), self._commit(after)
        try:
            diff = self._repository.diff(old, new)
            diff.find_similar()
            return "".join(
                (one.data.decode("utf-8", "replace") if one is not None else "") for one in diff
            )
        except (KeyError, pygit2.GitError) as err:
            raise _cut_off(str(err)) from err

    def staged(self) -> ContentChange:
        """What the next commit would do."""
        here = open_repository(self._path)
        index = here.index
        index.read(force=True)
        if index.conflicts is not None:
            raise ReconcilerError(
                "conflicts", "the index holds conflicts", hint="resolve them and `git add` them"
            )
        try:
            tree = self._repository.head.peel(pygit2.Tree)
        except pygit2.GitError:  # no commit yet
            tree = here[here.TreeBuilder().write()].peel(pygit2.Tree)
        return _described("", b"", [tree.diff_to_index(index, context_lines=0)])

    def _commit(self, revision: str) -> pygit2.Commit:
        try:
            return self._repository.revparse_single(revision).peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError) as err:
            raise UsageError(
                "unknown-revision",
                f"`{revision}` does not name one commit here",
                hint="fetch it first; in CI, fetch with enough depth (GIT_DEPTH: 0)",
            ) from err

    def _change(self, commit: pygit2.Commit) -> ContentChange:
        # The raw object: a shallow clone hides the parents that it lacks.
        _, raw = self._odb.read(commit.id)
        head, _, message = raw.partition(b"\n\n")
        parents = [line[7:].decode() for line in head.split(b"\n") if line.startswith(b"parent ")]
        diffs = []
        for parent in parents:
            if parent not in self._repository:
                raise _cut_off(f"the parent {parent[:10]} of {str(commit.id)[:10]} is not here")
            old = self._repository[parent].peel(pygit2.Commit)
            diffs.append(old.tree.diff_to_tree(commit.tree, context_lines=0))
        if not parents:
            diffs.append(commit.tree.diff_to_tree(swap=True, context_lines=0))
        return _described(str(commit.id), message, diffs)

    def read(self, oid: str, limit: int) -> Content:
        """The beginning of a blob, and the size of the whole."""
        name = pygit2.Oid(hex=oid)
        try:
            kind, size = self._odb.read_header(name)
            if kind != ObjectType.BLOB:
                raise _cut_off(f"{oid[:10]} is not a file's content")
            if size > _READ_LIMIT:
                return Content(b"", size)
            return Content(self._odb.read(name)[1][:limit], size)
        except (KeyError, pygit2.GitError) as err:
            raise _cut_off(f"the object {oid[:10]} is not here") from err


def _described(commit: str, message: bytes, diffs: list[pygit2.Diff]) -> ContentChange:
    """One commit's differences from each of its parents, taken together."""
    olds: set[Blob] = set()
    notes: list[ScanNote] = []
    new_of: list[dict[str, Blob]] = []
    for diff in diffs:
        news: dict[str, Blob] = {}
        for delta in diff.deltas:
            before, after = delta.old_file, delta.new_file
            for file, is_new in ((before, False), (after, True)):
                name = file.raw_path.decode("utf-8", "surrogateescape")
                if file.mode == FileMode.COMMIT:
                    if is_new:
                        notes.append(
                            ScanNote(
                                Location(name, 0, commit),
                                "it is a submodule: its content is in another repository",
                            )
                        )
                elif file.mode != FileMode.UNREADABLE and str(file.id) != _NULL:
                    blob = Blob(name, str(file.id))
                    if is_new:
                        news[name] = blob
                    else:
                        olds.add(blob)
        new_of.append(news)
    added = [
        blob
        for path, blob in new_of[0].items()
        if all(other.get(path) == blob for other in new_of[1:])
    ]
    return ContentChange(
        commit,
        message,
        tuple(sorted(added, key=lambda blob: blob.path)),
        tuple(sorted(olds, key=lambda blob: (blob.path, blob.oid))),
        tuple(dict.fromkeys(notes)),
    )


def _time(seconds: int) -> datetime:
    """A date that no calendar has is one of git's beginning: it orders nothing."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OSError, OverflowError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def _author(commit: pygit2.Commit) -> Author:
    by = commit.author
    try:
        return Author(by.email, by.name)
    except (LookupError, UnicodeError):  # a commit can claim any encoding
        email, name = (one.decode("utf-8", "replace") for one in (by.raw_email, by.raw_name))
        return Author(email, name)


def _cut_off(why: str) -> ReconcilerError:
    return ReconcilerError(
        "history-incomplete",
        f"the history is incomplete, so it cannot be scanned: {why}",
        hint="fetch the whole of it: `git fetch --unshallow` (in CI: GIT_DEPTH: 0), `git fsck`",
    )
