"""Many objects as one pack and its index, as git keeps them: one file to sync instead of hundreds.

Nothing is a delta here: gathering makes it small. Pure: the adapter writes the files.
"""

import hashlib
import zlib
from collections.abc import Mapping
from typing import Final

from reconciler.model.git import ObjectKind

_TYPES: Final[dict[str, int]] = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_LEVEL: Final = 1
_LARGE: Final = 2**31
_IDX: Final = b"\xfftOc\0\0\0\2"
_NAMES: Final = len(_IDX) + 256 * 4
_NAME: Final = 20


def pack(objects: Mapping[str, tuple[ObjectKind, bytes]]) -> tuple[str, bytes, bytes]:
    """The name, the pack and the index of some objects, given by their ids."""
    parts = [b"PACK\0\0\0\2" + len(objects).to_bytes(4, "big")]
    at = len(parts[0])
    places: dict[str, tuple[int, int]] = {}
    for oid, (kind, data) in objects.items():
        entry = _head(_TYPES[kind], len(data)) + zlib.compress(data, _LEVEL)
        places[oid] = (at, zlib.crc32(entry))
        parts.append(entry)
        at += len(entry)
    body = b"".join(parts)
    seal = _sha1(body)
    return seal.hex(), body + seal, _index(places, seal)


def names(index: bytes) -> tuple[str, ...]:
    """The objects that a pack holds, by its index; ValueError: it is none that we know."""
    if not index.startswith(_IDX) or len(index) < _NAMES:
        msg = "not the index of a pack"
        raise ValueError(msg)
    count = int.from_bytes(index[_NAMES - 4 : _NAMES], "big")
    if len(index) < _NAMES + count * (_NAME + 8) + 2 * _NAME:
        msg = "the index of a pack is cut off"
        raise ValueError(msg)
    if _sha1(index[:-_NAME]) != index[-_NAME:]:
        msg = "the index of a pack is damaged"
        raise ValueError(msg)
    text = index[_NAMES : _NAMES + count * _NAME].hex()
    return tuple(text[at : at + 2 * _NAME] for at in range(0, len(text), 2 * _NAME))


def _head(kind: int, size: int) -> bytes:
    """An entry's type and length, seven bits at a time."""
    first, size = kind << 4 | size & 15, size >> 4
    out = bytearray()
    while size:
        out.append(first | 128)
        first, size = size & 127, size >> 7
    out.append(first)
    return bytes(out)


def _index(places: Mapping[str, tuple[int, int]], seal: bytes) -> bytes:
    if max((at for at, _ in places.values()), default=0) >= _LARGE:
        msg = "a pack this large is never written"
        raise ValueError(msg)
    oids = sorted(places)
    counts = [0] * 256
    for oid in oids:
        counts[int(oid[:2], 16)] += 1
    fanout, total = [], 0
    for count in counts:
        total += count
        fanout.append(total.to_bytes(4, "big"))
    body = b"".join(
        (
            _IDX,
            *fanout,
            *(bytes.fromhex(oid) for oid in oids),
            *(places[oid][1].to_bytes(4, "big") for oid in oids),
            *(places[oid][0].to_bytes(4, "big") for oid in oids),
            seal,
        )
    )
    return body + _sha1(body)


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()
