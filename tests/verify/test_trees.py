"""What differs between two trees, against taking both apart whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.git_objects import BadObject, TreeEntry, read_tree, write_tree
from reconciler.core.records.trees import raw_tree, spliced

NAMES = st.text("ab.-0", min_size=1, max_size=4).filter(lambda one: one not in (".", ".."))
TREES = st.dictionaries(
    NAMES,
    st.tuples(st.sampled_from([b"100644", b"40000"]), st.binary(min_size=20, max_size=20)),
    max_size=40,
)


def tree(found: dict[str, tuple[bytes, bytes]]) -> bytes:
    return write_tree(TreeEntry(name.encode(), mode, oid) for name, (mode, oid) in found.items())


@given(TREES, TREES, st.integers(0, 1))
def test_it_is_what_differs(
    one: dict[str, tuple[bytes, bytes]], other: dict[str, tuple[bytes, bytes]], near: int
) -> None:
    if near:
        other = {**one, **dict(list(other.items())[:1])}
    was, now = tree(one), tree(other)
    before, after = read_tree(was), read_tree(now)
    made, gone, new = spliced(raw_tree(was), now)
    assert made == raw_tree(now)
    assert gone == {name: entry for name, entry in before.items() if after.get(name) != entry}
    assert new == {name: entry for name, entry in after.items() if before.get(name) != entry}


@given(TREES, st.data())
def test_any_other_bytes_are_none_or_another_tree(
    one: dict[str, tuple[bytes, bytes]], data: st.DataObject
) -> None:
    was = tree(one)
    if not was:
        return
    at = data.draw(st.integers(0, len(was) - 1))
    now = was[:at] + bytes([was[at] ^ data.draw(st.integers(1, 255))]) + was[at + 1 :]
    try:
        _, gone, new = spliced(raw_tree(was), now)
    except BadObject:
        return
    assert gone
    assert new


OID = b"o" * 20


@pytest.mark.parametrize(
    "data",
    [
        b"100644 b\0" + OID + b"100644 a\0" + OID,
        b"100644 a\0" + OID + b"100644 a\0" + OID,
        b"100755 a\0" + OID,
        b"120000 a\0" + OID,
        b"160000 a\0" + OID,
        b"040000 a\0" + OID,
        b"100644 a/b\0" + OID,
        b"100644 ..\0" + OID,
        b"40000 .GIT\0" + OID,
        b"100644 \0" + OID,
        b"100644 a\0" + OID[:-1],
        b"100644 a",
        b"100644",
        b"\0" * 30,
    ],
)
def test_what_git_would_not_write_is_no_tree(data: bytes) -> None:
    with pytest.raises(BadObject):
        raw_tree(data)
    with pytest.raises(BadObject):
        spliced(raw_tree(b"100644 0\0" + OID), b"100644 0\0" + OID + data)
