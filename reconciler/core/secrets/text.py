"""Bytes of a file -> text in which rules can look: encodings, binary files, base64."""

import base64
import binascii
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from reconciler.core.secrets.match import compiled

_HEAD: Final = 8192
_SMALLEST: Final = 8
_ASCII: Final = bytes({*range(0x20, 0x7F), *b"\t\n\r\f\0"})
_COMPRESSED: Final = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
)
_BOMS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Plain:
    """What rules look at."""

    data: bytes
    raw: bytes = b""
    """The bytes as they lie there, where `data` was made from them: an encoding is a guess."""
    binary: bool = False
    compressed: bool = False


def plain(data: bytes) -> Plain:
    """Text with one byte for each ASCII character; binary files as they are."""
    head = data[:_HEAD]
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return Plain(data[len(mark) :].decode(encoding, "replace").encode(), data)
    if head.startswith(_COMPRESSED):
        return Plain(data, binary=True, compressed=True)
    if b"\0" not in head:
        return Plain(data)
    if len(head) < _SMALLEST:
        return Plain(data, binary=True)
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    for zeros, others, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > half * 0.6 and others < half * 0.1:
            return Plain(data.decode(encoding, "replace").encode(), data)
    return Plain(data, binary=True)


_RUN: Final = compiled(
    r"[A-Za-z0-9+/_-]{32,}(?:(?:\\n|\r?\n[ \t]{0,40})[A-Za-z0-9+/_-]{16,})*={0,2}"
)
"""Runs that may be base64, wrapped or not."""
_BREAKS: Final = re.compile(rb"\\n|\s+")
_URLSAFE: Final = bytes.maketrans(b"-_", b"+/")
_PEEK: Final = 64


def _decoded(run: bytes) -> bytes | None:
    """The text behind base64, or None when it is none: most long words are not."""
    digits = run.rstrip(b"=")
    if b"\n" in digits or b"\\n" in digits:
        digits = _BREAKS.sub(b"", digits)
    if b"-" in digits or b"_" in digits:
        digits = digits.translate(_URLSAFE)
    peek = binascii.a2b_base64(digits[: min(_PEEK, len(digits) // 4 * 4)])
    if len(peek.translate(None, _ASCII)) > len(peek) // 8:
        return None
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + b"=" * (-len(digits) % 4))


def _anywhere(run: bytes) -> bytes | None:
    """The same when letters stand before it, which shift the groups of four."""
    for shift in range(4):
        found = _decoded(run[shift:])
        if found is not None:
            return found
    return None


@dataclass(frozen=True, slots=True)
class Decoded:
    """All texts behind base64 of a text, one after the other, and where each one came from."""

    data: bytes
    starts: tuple[int, ...]
    origins: tuple[int, ...]

    def origin(self, place: int) -> int:
        """Where in the text before decoding the run began."""
        return self.origins[bisect_right(self.starts, place) - 1]


_SEPARATOR: Final = b"\n-\n"


def decoded(text: bytes) -> Decoded | None:
    """What stands behind base64 in a text; None: nothing."""
    pieces: list[bytes] = []
    starts: list[int] = []
    origins: list[int] = []
    size = 0
    for match in _RUN.finditer(text):
        piece = _anywhere(match.group())
        if piece is None:
            continue
        piece = plain(piece).data
        pieces.append(piece)
        starts.append(size)
        origins.append(match.span()[0])
        size += len(piece) + len(_SEPARATOR)
    if not pieces:
        return None
    return Decoded(_SEPARATOR.join(pieces), tuple(starts), tuple(origins))
