"""Refs that hold one document: each state is a commit of its own, with one file and nothing behind.

Only the last state is of use, and what is listed at every look has to stay small.
"""

from pathlib import Path

from reconciler.adapters.git import open_repository
from reconciler.adapters.git_refs import GitRefs
from reconciler.adapters.git_remote import Credentials, RemoteRefs, place_of
from reconciler.core.git_objects import (
    FILE,
    TreeEntry,
    Who,
    commit_bytes,
    read_commit,
    read_tree,
    write_tree,
)


class DocumentRefs:
    """In the repository here, or at a remote of it."""

    def __init__(
        self, home: Path, remote: str, credentials: Credentials | None, noun: str, document: bytes
    ) -> None:
        place = place_of(open_repository(home), remote, noun) if remote else None
        self.server: RemoteRefs | None = None
        """Where what it has must be fetched before it can be read."""
        if remote and place is None:
            self.server = RemoteRefs(home, noun)
            self.server.reach(remote, credentials)
        self.refs: GitRefs = self.server or GitRefs(place or home, noun)
        self._document = document

    def read(self, tip: str) -> bytes:
        """The document as of a commit; LookupError or BadObject: it is not there, or is none."""
        tree = read_commit(self._object("commit", tip)).tree
        entry = read_tree(self._object("tree", tree)).get(self._document)
        if entry is None:
            raise LookupError(tip[:12])
        return self._object("blob", entry.oid.hex())

    def put(self, ref: str, old: str, data: bytes, who: Who, words: str) -> str:
        """Write it where the ref is still there: the new commit; empty: it is not."""
        try:
            blob = self.refs.write("blob", data)
            entry = TreeEntry(self._document, FILE, bytes.fromhex(blob))
            tree = self.refs.write("tree", write_tree([entry]))
            made = self.refs.write("commit", commit_bytes(tree, (), who, who, words))
            return made if self.refs.replace(ref, old, made) else ""
        finally:
            self.refs.drop()

    def _object(self, kind: str, oid: str) -> bytes:
        found, data = self.refs.read(oid)
        if found != kind:
            raise LookupError(oid[:12])
        return data
