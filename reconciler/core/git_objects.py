"""Git's objects as bytes: trees and commits, taken apart and put together. Pure.

Records are written and judged by their very bytes, so that a signature is over what was read.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from reconciler.model.git import ObjectKind

FILE: Final = b"100644"
TREE: Final = b"40000"
_OID: Final = 20
_HEADERS: Final = (b"tree", b"parent", b"author", b"committer")
_USUAL: Final = re.compile(
    rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)author ([^\n]*)\ncommitter ([^\n]*)\n"
    rb"(?:gpgsig ([^\n]+\n(?: [^\n]*\n)*))?\n"
)


class BadObject(ValueError):  # noqa: N818  # a state of what was read, told in words
    """It is not what its kind says."""


class TreeEntry(NamedTuple):
    """One name in a tree."""

    name: bytes
    mode: bytes
    oid: bytes

    @property
    def folder(self) -> bool:
        """Whether it is a tree itself."""
        return self.mode == TREE


@dataclass(frozen=True, slots=True)
class Who:
    """Who made or wrote a commit, and when."""

    name: str
    email: str
    seconds: int

    @property
    def line(self) -> str:
        """As it stands in a commit."""
        name = _without(self.name, "<>") or "unknown"
        email = _without(self.email, "<> ")
        return f"{name} <{email}> {max(self.seconds, 0)} +0000"  # git knows no time before 1970


class RawCommit(NamedTuple):
    """A commit, taken apart."""

    tree: str
    parents: tuple[str, ...]
    author: str
    committer: str
    signature: str
    """Armoured; empty when there is none."""
    others: tuple[str, ...]
    """Names of headers that we never write."""
    message: bytes
    signed: bytes
    """What the signature is over."""


def object_id(kind: ObjectKind, data: bytes) -> str:
    """The name that git gives an object."""
    head = f"{kind} {len(data)}\0".encode()
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()


def read_tree(data: bytes) -> dict[bytes, TreeEntry]:
    """The entries, in the order that they stand in."""
    found: dict[bytes, TreeEntry] = {}
    at, end = 0, len(data)
    while at < end:
        space = data.find(b" ", at)
        zero = data.find(b"\0", space)
        after = zero + 1 + _OID
        if space < 0 or zero < 0 or after > end:
            msg = "a tree is cut off"
            raise BadObject(msg)
        name = data[space + 1 : zero]
        if name in found:
            msg = "a tree has a name twice"
            raise BadObject(msg)
        found[name] = TreeEntry(name, data[at:space], data[zero + 1 : after])
        at = after
    return found


def write_tree(entries: Iterable[TreeEntry]) -> bytes:
    """The bytes of a tree, in git's order: a folder sorts as if its name ended in `/`."""
    return b"".join(
        one.mode + b" " + one.name + b"\0" + one.oid for one in sorted(entries, key=_order)
    )


def _order(entry: TreeEntry) -> bytes:
    return entry.name + b"/" if entry.folder else entry.name


def with_entry(
    entries: Mapping[bytes, TreeEntry], name: bytes, entry: TreeEntry | None
) -> dict[bytes, TreeEntry]:
    """The same tree with one name changed, or without it."""
    after = {key: one for key, one in entries.items() if key != name}
    if entry is not None:
        after[name] = entry
    return after


def commit_bytes(
    tree: str, parents: Iterable[str], author: Who, committer: Who, message: str
) -> bytes:
    """An unsigned commit."""
    lines = [f"tree {tree}", *(f"parent {one}" for one in parents)]
    lines += [f"author {author.line}", f"committer {committer.line}", "", message]
    return "\n".join(lines).encode()


def with_signature(commit: bytes, armored: str) -> bytes:
    """The commit with a signature over all the rest of it."""
    head, blank, message = commit.partition(b"\n\n")
    lines = armored.rstrip("\n").split("\n")
    return head + b"\ngpgsig " + "\n ".join(lines).encode() + blank + message


def read_commit(data: bytes) -> RawCommit:
    """A commit's parts; BadObject when it is none."""
    usual = _USUAL.match(data)
    return _usual(data, usual) if usual is not None else any_commit(data)


def any_commit(data: bytes) -> RawCommit:
    """The same of a commit that anybody may have written, line by line."""
    head, blank, message = data.partition(b"\n\n")
    if not blank:
        msg = "a commit has no message"
        raise BadObject(msg)
    kept, signature = _unsigned(head)
    fields: dict[bytes, list[str]] = {}
    for line in kept:
        key, _, value = line.partition(b" ")
        if key:  # else the line goes on with the one before it
            fields.setdefault(key, []).append(_text(value))
    once = [fields.get(key, []) for key in (b"tree", b"author", b"committer")]
    if any(len(values) != 1 for values in once):
        msg = "a commit lacks its tree, author or committer, or has one twice"
        raise BadObject(msg)
    return RawCommit(
        once[0][0],
        tuple(fields.get(b"parent", ())),
        once[1][0],
        once[2][0],
        signature,
        tuple(_text(key) for key in fields if key not in _HEADERS),
        message,
        b"\n".join(kept) + blank + message,
    )


def _usual(data: bytes, found: re.Match[bytes]) -> RawCommit:
    """A commit as records have it, in one go: nothing but what `read_commit` finds in it."""
    tree, parents, author, committer, signature = found.groups()
    message = data[found.end() :]
    return RawCommit(
        _text(tree),
        tuple(_text(one) for one in parents.split()[1::2]),
        _text(author),
        _text(committer),
        _text(signature.replace(b"\n ", b"\n")) if signature else "",
        (),
        message,
        data[: found.end(4) + 1] + b"\n" + message if signature else data,
    )


def _unsigned(head: bytes) -> tuple[list[bytes], str]:
    """The lines without the signature, and the signature."""
    kept: list[bytes] = []
    signature: list[str] = []
    inside = False
    for line in head.split(b"\n"):
        if line[:1] == b" " and inside:
            signature.append(_text(line[1:]))
            continue
        inside = line.startswith(b"gpgsig ")
        if not inside:
            kept.append(line)
        elif signature:
            msg = "a commit is signed twice"
            raise BadObject(msg)
        else:
            signature.append(_text(line[7:]))
    return kept, "\n".join(signature) + "\n" if signature else ""


def tag_bytes(target: str, name: str, tagger: Who, message: str) -> bytes:
    """An unsigned tag of a commit."""
    lines = [f"object {target}", "type commit", f"tag {name}", f"tagger {tagger.line}", "", message]
    return "\n".join(lines).encode()


def read_tag(data: bytes) -> tuple[str, str, bytes, str]:
    """A tag's target, name, what its signature is over, and the signature (which stands last)."""
    head, _, _ = data.partition(b"\n\n")
    fields = dict(line.partition(b" ")[::2] for line in head.split(b"\n"))
    if fields.get(b"type") != b"commit" or b"object" not in fields:
        msg = "a tag is not one of a commit"
        raise BadObject(msg)
    begin = data.find(b"-----BEGIN SSH SIGNATURE-----")
    signed, armored = (data, "") if begin < 0 else (data[:begin], _text(data[begin:]))
    return _text(fields[b"object"]), _text(fields.get(b"tag", b"")), signed, armored


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@lru_cache(maxsize=1024)
def _without(text: str, chars: str) -> str:
    return "".join(
        char for char in " ".join(text.split()) if char not in chars and char.isprintable()
    )
