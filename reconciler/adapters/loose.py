"""Loose objects, read by ourselves: libgit2 reads a file that was cut off for ever.

It also reads whatever size somebody made it; here that ends at a limit.
"""

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

_HEADER = 64


def loose_objects(objects: Path) -> frozenset[str]:
    """The names of those that are there now."""
    return frozenset(_names(objects))


def _names(objects: Path) -> Iterator[str]:
    for folder in objects.glob("[0-9a-f][0-9a-f]"):
        for file in folder.iterdir():
            yield folder.name + file.name


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
