"""Loose objects, read by ourselves: libgit2 reads a file that was cut off for ever.

It also reads whatever size somebody made it; here that ends at a limit.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

_HEADER = 64
_NAME = 40
_BEGINNING = 4096
"""So much of a file holds its header, however badly it was packed."""


def loose_objects(objects: Path) -> frozenset[str]:
    """The names of those that are there now."""
    return frozenset(_names(objects))


def _names(objects: Path) -> Iterator[str]:
    for folder in objects.glob("[0-9a-f][0-9a-f]"):
        for file in folder.iterdir():
            yield folder.name + file.name


def begin_with(objects: Path, prefix: str) -> list[str]:
    """The names of those that begin so: two letters or more.

    pygit2 asks for a whole name in this way whenever an object is read, one in a pack too: that
    costs a look at one file, and not a list of its folder.
    """
    if len(prefix) == _NAME:
        found = os.path.lexists(f"{objects}/{prefix[:2]}/{prefix[2:]}")
        return [prefix] if found else []
    try:
        there = [file.name for file in (objects / prefix[:2]).iterdir()]
    except OSError:
        return []
    return [prefix[:2] + name for name in there if name.startswith(prefix[2:])]


def loose_header(objects: Path, oid: str) -> tuple[str, int] | None:
    """An object's kind and size, as it says itself; None and LookupError as in reading."""
    try:
        with (objects / oid[:2] / oid[2:]).open("rb") as file:
            packed = file.read(_BEGINNING)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise LookupError(oid[:12]) from err
    try:
        head, zero, _ = zlib.decompressobj().decompress(packed, _HEADER).partition(b"\0")
    except zlib.error as err:
        raise LookupError(oid[:12]) from err
    kind, _, size = head.partition(b" ")
    if not zero or not size.isdigit():
        raise LookupError(oid[:12])
    return kind.decode("ascii", "replace"), int(size)


def read_loose(objects: Path, oid: str, limit: int) -> tuple[str, bytes] | None:
    """An object's kind and bytes; None when it is not there, LookupError when it is damaged."""
    try:
        packed = (objects / oid[:2] / oid[2:]).read_bytes()
    except FileNotFoundError:
        return None  # `git gc` has packed it meanwhile
    except OSError as err:
        raise LookupError(oid[:12]) from err
    try:
        stream = zlib.decompressobj()
        whole = stream.decompress(packed, limit + _HEADER)
    except zlib.error as err:
        raise LookupError(oid[:12]) from err
    head, zero, data = whole.partition(b"\0")
    kind, _, size = head.partition(b" ")
    if size.isdigit() and int(size) > limit:
        msg = f"{oid[:12]} is too large: {int(size)} bytes"
        raise LookupError(msg)
    found = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    if not zero or not stream.eof or size != b"%d" % len(data) or found != oid:
        raise LookupError(oid[:12])
    return kind.decode("ascii", "replace"), data
