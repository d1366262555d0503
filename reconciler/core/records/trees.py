"""Two trees of git, and what differs: only the bytes that differ are taken apart.

Strict: a tree that git itself would not write, or that names what no record writes, is none.
"""

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import NamedTuple

from reconciler.core.git_objects import FILE, TREE, BadObject, TreeEntry

_OID = 20
_SMALL = 64
_FEW = 8


class RawTree(NamedTuple):
    """A tree's bytes, and where its entries begin, with the end."""

    data: bytes
    starts: list[int]


EMPTY = RawTree(b"", [0])


def raw_tree(data: bytes) -> RawTree:
    """A tree as git writes it; BadObject for any other."""
    return spliced(EMPTY, data)[0]


def spliced(
    old: RawTree, data: bytes
) -> tuple[RawTree, dict[bytes, TreeEntry], dict[bytes, TreeEntry]]:
    """The new tree, and the entries of both that are not in the other."""
    renewed = _renewed(old, data)
    if renewed is not None:
        return RawTree(data, old.starts), *renewed
    was, starts = old.data, old.starts
    first = bisect_right(starts, _same(was, data)) - 1
    ahead = starts[first]
    tail = min(_same_end(was, data), len(was) - ahead, len(data) - ahead)
    last = bisect_left(starts, len(was) - tail)
    shift = len(data) - len(was)
    gone = _entries(was, ahead, starts[last])[0]
    new, inside = _entries(data, ahead, starts[last] + shift)
    # The entries at both sides were in order before; so that all is, those in between must fit.
    order = [_order(one) for one in new.values()]
    if first:
        order.insert(0, _order(_entry(was, starts[first - 1])))
    if last < len(starts) - 1:
        order.append(_order(_entry(was, starts[last])))
    if any(one >= other for one, other in pairwise(order)):
        msg = "a tree is not in git's order, or has a name twice"
        raise BadObject(msg)
    after = starts[last:] if not shift else [one + shift for one in starts[last:]]
    made = RawTree(data, [*starts[:first], *inside, *after])
    both = [name for name, one in gone.items() if new.get(name) == one]
    for name in both:
        del gone[name], new[name]
    return made, gone, new


def _renewed(
    old: RawTree, data: bytes
) -> tuple[dict[bytes, TreeEntry], dict[bytes, TreeEntry]] | None:
    """What differs where all names and modes are the same, as most records leave them; else None.

    What was in order and well formed stays so: nothing but object ids is taken from the new bytes.
    """
    was, starts = old.data, old.starts
    if not was or len(data) != len(was):
        return None
    gone: dict[bytes, TreeEntry] = {}
    come: dict[bytes, TreeEntry] = {}
    first, last = 0, len(starts) - 1
    if last > _FEW:  # mostly one entry differs: find it
        after = last
        while after - first > 1:
            middle = (first + after) // 2
            if was[starts[first] : starts[middle]] == data[starts[first] : starts[middle]]:
                first = middle
            else:
                after = middle
        if was[starts[after] :] == data[starts[after] :]:
            last = after
    for place in range(first, last):
        begin, end = starts[place], starts[place + 1]
        if was[begin:end] == data[begin:end]:
            continue
        oid = end - _OID
        head = was[begin:oid]
        if head != data[begin:oid]:
            return None
        mode, _, name = head[:-1].partition(b" ")
        gone[name] = TreeEntry(name, mode, was[oid:end])
        come[name] = TreeEntry(name, mode, data[oid:end])
    return gone, come


def _entries(data: bytes, at: int, end: int) -> tuple[dict[bytes, TreeEntry], list[int]]:
    found: dict[bytes, TreeEntry] = {}
    starts: list[int] = []
    while at < end:
        starts.append(at)
        one = _entry(data, at)
        if one.name in found:
            msg = "a tree has a name twice"
            raise BadObject(msg)
        found[one.name] = one
        at += len(one.mode) + len(one.name) + 2 + _OID
    if at != end:
        msg = "a tree is cut off"
        raise BadObject(msg)
    return found, starts


def _entry(data: bytes, at: int) -> TreeEntry:
    space = data.find(b" ", at, at + 7)
    zero = data.find(b"\0", space)
    after = zero + 1 + _OID
    if space < 0 or zero < 0 or after > len(data):
        msg = "a tree is cut off"
        raise BadObject(msg)
    mode, name = data[at:space], data[space + 1 : zero]
    if mode not in (FILE, TREE):
        msg = f"a tree has {name!r} with the mode {mode!r}, which no record has"
        raise BadObject(msg)
    if not name or b"/" in name or name in (b".", b"..") or name.lower() == b".git":
        msg = f"a tree has the name {name!r}, which no record has"
        raise BadObject(msg)
    return TreeEntry(name, mode, data[zero + 1 : after])


def _order(entry: TreeEntry) -> bytes:
    return entry.name + b"/" if entry.folder else entry.name


def _same(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    low, high = 0, min(len(one), len(other))
    while high - low > _SMALL:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    while low < high and one[low] == other[low]:
        low += 1
    return low


def _same_end(one: bytes, other: bytes) -> int:
    """How many bytes both end with."""
    low, high = 0, min(len(one), len(other))
    while high - low > _SMALL:
        middle = (low + high) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle
    while low < high and one[-1 - low] == other[-1 - low]:
        low += 1
    return low
