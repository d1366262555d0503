"""The canonical form: the same as an independent writer's, and the only one that is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.canonical import LARGEST, NotCanonical, canonical, plain, read_canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAF = st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXT
VALUES = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)
ANYTHING = st.recursive(
    LEAF | st.integers() | st.floats() | st.text() | st.dates() | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.sets(LEAF, max_size=2)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
)


@given(VALUES)
@example({"\ue000": 1, "😀": 2, "€": 3})
@example({"": {"\ud7ff": "\x7f\u2028/\b\x1f"}})
def test_the_form_is_the_standards(value: Any) -> None:
    data = canonical(value)
    assert data == rfc8785.dumps(value)
    assert read_canonical(data) == value
    assert canonical(read_canonical(data)) == data


@given(ANYTHING)
@example({"a": [1.0, -0.0, 1e300, float("nan"), 2**60, 10**5000, "\ud800", "\udc80é"]})
def test_whatever_is_made_plain_has_a_form(value: Any) -> None:
    made = plain(value)
    assert read_canonical(canonical(made)) == made
    assert plain(made) == made


@given(ANYTHING)
def test_what_has_no_form_is_said_in_one_way(value: Any) -> None:
    try:
        data = canonical(value)
    except NotCanonical:
        return
    assert canonical(read_canonical(data)) == data


@given(VALUES, st.data())
def test_no_other_spelling_is_read(value: Any, data: st.DataObject) -> None:
    spelled = json.dumps(
        value,
        indent=data.draw(st.sampled_from([None, 1])),
        separators=data.draw(st.sampled_from([(",", ":"), (", ", ":"), (",", ": ")])),
        ensure_ascii=data.draw(st.booleans()),
        sort_keys=data.draw(st.booleans()),
    ).encode(data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])))
    if spelled != canonical(value):
        with pytest.raises(NotCanonical):
            read_canonical(spelled)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":2,"a":2}',
        b'{"a":1,"\\u0061":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b' {"a":1}',
        b'{"a":1}\n',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\u001F"',
        b'"\\ud800"',
        b'["\\ud83d\\ude00"]',
        b'{"\\ud800":1}',
        b"1.0",
        b"1.5",
        b"1e2",
        b"1E2",
        b"-0",
        b"01",
        b"+1",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"9" * 10_000,
        b"[" * 100_000,
        b"[" * 2000 + b"]" * 2000,
        b"[" * 101 + b"]" * 101,
        b"[1," + b"[" * 100 + b"]" * 100 + b"]",
        b'["\\u001f\\ud800"]',
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'\xef\xbb\xbf{"a":1}',
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        '"a"'.encode("utf-16"),
        '"a"'.encode("utf-32-le"),
        b"",
        b"\0",
        b"1 2",
        b'"\n"',
    ],
)
def test_an_odd_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        read_canonical(data)


@given(st.binary(max_size=30))
def test_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = read_canonical(data)
    except NotCanonical:
        return
    assert canonical(value) == data


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), {1: 2}, {"a": b"b"}, {"a", "b"}, 2**53, object(), "\ud800"]
)
def test_what_is_not_plain_has_no_form(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


def test_a_value_within_itself_has_no_form() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotCanonical):
        canonical(value)
