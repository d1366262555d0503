"""The reader gives plain data or a YamlError with a place; nothing else, and never for long."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reconciler.core.yaml_reader import (
    MAX_ALIASES,
    MAX_DEPTH,
    MAX_NODES,
    MAX_SCALAR,
    Position,
    YamlError,
    find_positions,
    read_yaml,
)

HOSTILE = Path(__file__).parents[1] / "data" / "hostile-yaml"


def outcome(data: bytes) -> object:
    """What was read, or the refusal, which has a place and words."""
    try:
        return read_yaml(data)
    except YamlError as err:
        error = err
    assert error.line >= 1
    assert error.column >= 1
    assert error.message
    return error


def refused(data: bytes | str) -> YamlError:
    with pytest.raises(YamlError) as caught:
        read_yaml(data.encode() if isinstance(data, str) else data)
    return caught.value


def where(error: YamlError) -> tuple[int, int]:
    return error.line, error.column


# ------------------------------------------------------------------------------ plain scalars


@pytest.mark.parametrize(
    "text",
    [
        "no", "yes", "on", "off", "No", "YES", "On", "y", "n", "Y", "N",
        "True", "TRUE", "False", "FALSE", "Null", "NULL", "None",
        "12:30:00", "1:20", "190:20:30", "0o17", "0O17", "0123", "0x1F", "0b101", "00",
        "2026-01-01", "2026-01-01T12:00:00Z", "2026-01-01 12:00:00",
        "1_000", "1_0.0", ".inf", "-.inf", ".Inf", ".nan", ".NaN", "nan", "inf",
        ".5", "5.", "+1", "1e", "e5", "--1", "1.2.3", "1,000", "0.", "=",
        "1234567890123456789", "12345678901234567890123456789", "1e1000",
        "\u0661", "\uff11\uff12",
    ],
)  # fmt: skip
def test_what_yaml_would_turn_into_something_else_stays_text(text: str) -> None:
    assert read_yaml(f"a: {text}".encode()) == {"a": text}


@pytest.mark.parametrize(
    "text, value",
    [
        ("null", None), ("~", None), ("", None), ("true", True), ("false", False),
        ("0", 0), ("-0", 0), ("7", 7), ("-12", -12), ("123456789012345678", 123456789012345678),
        ("0.5", 0.5), ("-1.25", -1.25), ("1e3", 1000.0), ("1E+3", 1000.0), ("2.5e-3", 0.0025),
    ],
)  # fmt: skip
def test_null_booleans_and_json_numbers_are_values(text: str, value: object) -> None:
    got = read_yaml(f"a: {text}".encode())
    assert got == {"a": value}
    assert isinstance(got, dict)
    assert type(got["a"]) is type(value)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1.5e309"])
def test_a_number_that_no_computer_holds_is_never_infinity(text: str) -> None:
    value = read_yaml(f"a: {text}".encode())
    assert value == {"a": text}


@pytest.mark.parametrize("word", ["null", "true", "1", "1.5", "~", "<<", ""])
def test_what_is_quoted_is_text(word: str) -> None:
    assert read_yaml(f"a: '{word}'".encode()) == {"a": word}
    assert read_yaml(f'a: "{word}"'.encode()) == {"a": word}


def test_blocks_and_folds_are_text() -> None:
    assert read_yaml(b"a: |\n  1\n  2\nb: >-\n  true\n  false\n") == {
        "a": "1\n2\n",
        "b": "true false",
    }


def test_lists_are_tuples_and_maps_keep_their_order() -> None:
    value = read_yaml(b"b: [1, [2]]\na: {z: 1, y: 2}\n")
    assert value == {"b": (1, (2,)), "a": {"z": 1, "y": 2}}
    assert isinstance(value, dict)
    assert list(value) == ["b", "a"]


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter() -> None:
    assert read_yaml(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - x\r\n") == {"a": 1, "b": ("x",)}


def test_one_document_may_be_marked_as_such() -> None:
    assert read_yaml(b"---\na: 1\n...\n") == {"a": 1}


def test_an_alias_gives_what_was_anchored() -> None:
    assert read_yaml(b"a: &x {b: [1]}\nc: *x\nd: &y word\ne: [*y, *y]\n") == {
        "a": {"b": (1,)},
        "c": {"b": (1,)},
        "d": "word",
        "e": ("word", "word"),
    }


def test_a_later_anchor_of_the_same_name_counts_from_there_on() -> None:
    assert read_yaml(b"a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}


# ---------------------------------------------------------------------------- refused, and where


@pytest.mark.parametrize(
    "data, place, words",
    [
        (b"a: 1\nb: 2\na: 3\n", (3, 1), "`a` stands twice"),
        (b"x:\n  - y: {a: 1, a: 2}\n", (2, 15), "`a` stands twice"),
        (b'a: 1\n"a": 2\n', (2, 1), "`a` stands twice"),
        (b"a: !!str 1\n", (1, 4), "tags"),
        (b"a:\n  !x b: 1\n", (2, 3), "tags"),
        (b"a: !<x> [1]\n", (1, 4), "tags"),
        (b"a: ! b\n", (1, 4), "tags"),
        (b"b: &b {x: 1}\na:\n  <<: *b\n", (3, 3), "merge keys"),
        (b"a: [b, *c]\n", (1, 8), "`*c` is not defined above"),
        (b"a: *b\nb: &b 1\n", (1, 4), "is not defined above"),
        (b"a: &a\n  - *a\n", (2, 5), "`*a` contains itself"),
        (b"a: &a {b: *a}\n", (1, 11), "contains itself"),
        (b"a: 1\n---\nb: 2\n", (2, 1), "second document"),
        (b"%YAML 1.2\n---\na: 1\n", (1, 1), "directives"),
        (b"%TAG ! tag:x,2026:\n---\na: 1\n", (1, 1), "directives"),
        (b"a:\n  1: x\n", (2, 3), "`1` is not text"),
        (b"true: x\n", (1, 1), "`true` is not text"),
        (b"{1.5: x}\n", (1, 2), "`1.5` is not text"),
        (b"~: x\n", (1, 1), "`~` is not text"),
        (b"? [a]\n: 1\n", (1, 3), "cannot be a field name"),
        (b"a: {{b: c}: d}\n", (1, 5), "cannot be a field name"),
        (b"a: &a 1\n*a : 2\n", (2, 1), "a field name must be text"),
        (b"", (1, 1), "the file is empty"),
        (b"# a comment\n", (1, 1), "the file is empty"),
        (b"\xef\xbb\xbf", (1, 1), "the file is empty"),
        (b"a:\n\tb: 1\n", (2, 1), "tabs cannot indent"),
        (b"a: @b\n", (1, 4), "quote text that starts with @"),
        (b"a: b: c\n", (1, 5), "not valid YAML"),
        (b"a: [1\nb: 2\n", (2, 2), "not valid YAML"),
        (b"ok: 1\na: caf\xe9\n", (2, 7), "not UTF-8"),
        ("a: 1\n".encode("utf-16"), (1, 1), "not UTF-8"),
        ("é: é\né: ".encode() + b"\xff", (2, 4), "not UTF-8"),
    ],
)  # fmt: skip
def test_each_refusal_names_its_place(data: bytes, place: tuple[int, int], words: str) -> None:
    error = refused(data)
    assert words in error.message
    assert where(error) == place


@pytest.mark.parametrize("character", [*range(9), 11, 12, *range(14, 32), 127])
def test_control_characters_are_refused(character: int) -> None:
    assert "control characters" in refused(b"a: b%cc\n" % character).message


def test_the_second_byte_order_mark_is_no_way_in() -> None:
    error = refused(b"\xef\xbb\xbf" + "a: 1\n".encode("utf-16"))
    assert where(error) == (1, 1)


# --------------------------------------------------------------------------------------- bounds


def test_depth_is_bounded() -> None:
    assert read_yaml(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
    error = refused(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    assert (error.message, where(error)) == ("nested too deeply", (1, MAX_DEPTH + 1))


def test_the_count_of_values_is_bounded() -> None:
    fits = b"[" + b",".join([b"1"] * (MAX_NODES - 1)) + b"]"
    value = read_yaml(fits)
    assert isinstance(value, tuple)
    assert len(value) == MAX_NODES - 1
    assert "too much" in refused(b"[1," + fits[1:]).message


def test_field_names_count_too() -> None:
    fields = b"".join(b"k%d: 1\n" % n for n in range(MAX_NODES // 2 + 1))
    assert "too much" in refused(fields).message


def test_the_length_of_one_value_is_bounded() -> None:
    assert read_yaml(b"a: " + b"x" * MAX_SCALAR) == {"a": "x" * MAX_SCALAR}
    assert where(refused(b"a: " + b"x" * (MAX_SCALAR + 1))) == (1, 4)
    assert where(refused(b"'" + b"x" * (MAX_SCALAR + 1) + b"'")) == (1, 1)


def test_aliases_are_counted() -> None:
    def aliases(count: int) -> bytes:
        return b"a: &a 1\nb: [" + b", ".join([b"*a"] * count) + b"]\n"

    assert read_yaml(aliases(MAX_ALIASES)) == {"a": 1, "b": (1,) * MAX_ALIASES}
    assert "too many aliases" in refused(aliases(MAX_ALIASES + 1)).message


def test_what_aliases_expand_to_is_counted() -> None:
    lists = ["a: &l0 [" + ", ".join(["x"] * 100) + "]"]
    lists += [f"b{n}: &l{n} [*l{n - 1}, *l{n - 1}, *l{n - 1}]" for n in range(1, 8)]
    assert "too much" in refused("\n".join(lists)).message


# ------------------------------------------------------------------------------------- hostile


def huge() -> dict[str, bytes]:
    return {
        "brackets": b"[" * 200_000,
        "braces": b"{" * 200_000,
        "dashes": b"- " * 100_000,
        "questions": b"? " * 100_000,
        "colons": b":" * 200_000,
        "anchors": b"".join(b"&a%d " % n for n in range(30_000)),
        "many anchors": b"".join(b"- &a%d x\n" % n for n in range(15_000)),
        "exclamation marks": b"!" * 200_000,
        "quotes": b"'" * 200_000,
        "double quotes": b'"' * 200_001,
        "backslashes": b'a: "' + b"\\" * 200_000,
        "a long word": b"a" * 250_000,
        "a long key": b"a" * 250_000 + b": 1",
        "spaces": b" " * 250_000,
        "empty lines": b"\n" * 250_000,
        "comments": b"#\n" * 120_000,
        "commas": b"[" + b"," * 200_000,
        "documents": b"---\n" * 60_000,
        "a stair": b"".join(b" " * n + b"a:\n" for n in range(700)),
        "flow keys": b"{" + b"a: {" * 60_000,
        "fields": b"".join(b"k%d:\n" % n for n in range(35_000)),
        "folded": b"a: >\n" + b"  x\n\n" * 50_000,
        "percents": b"%" * 200_000,
        "pipes": b"|" * 200_000,
    }


@pytest.mark.parametrize("name", sorted(huge()))
def test_a_huge_hostile_file_is_refused_or_read_soon(name: str) -> None:
    data = huge()[name]
    started = time.process_time()
    value = outcome(data)
    assert isinstance(value, YamlError | str | dict | tuple)
    assert time.process_time() - started < 2


FILES = sorted(file.name for file in HOSTILE.glob("*.yaml"))


def test_the_corpus_is_all_there() -> None:
    assert len(FILES) > 60


@pytest.mark.parametrize("name", FILES)
def test_every_hostile_file_is_refused_with_a_place(name: str) -> None:
    data = (HOSTILE / name).read_bytes()
    error = refused(data)
    assert error.message
    assert 1 <= error.line <= data.count(b"\n") + 2
    assert error.column >= 1


# ---------------------------------------------------------------------------------- properties

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# PyYAML writes these bare, and reads them back as spaces itself.
_FOLDED = frozenset("\x85\u2028\u2029\ufeff")
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18) + 1, 10**18 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


def frozen(value: Any) -> Any:
    """Lists as tuples, as the reader gives them."""
    if isinstance(value, list):
        return tuple(frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: frozen(item) for key, item in value.items()}
    return value


def alike(left: Any, right: Any) -> bool:
    """Equal, and of equal types: True is not 1."""
    if type(left) is not type(right):
        return False
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(alike(left[key], right[key]) for key in left)
    return bool(left == right)


@given(_VALUES)
@example({"\ufeff": "\x85", "\u2028": "\x7f"})
def test_what_json_writes_is_read_back(value: Any) -> None:
    # JSON leaves DEL and a few more bare, which YAML does not take: escaped, both agree.
    text = json.dumps(value)
    wide = any(ord(char) > 0xFFFF for char in json.dumps(value, ensure_ascii=False))
    if not wide:  # \ud83d\ude00 is JSON's own way, and no YAML
        assert alike(read_yaml(text.encode()), frozen(value))


def _written_otherwise(value: Any) -> bool:
    """Whether PyYAML writes something else than what was given, or a float as YAML 1.1 does."""
    if isinstance(value, float):
        return "e" in repr(value)
    if isinstance(value, str):
        return not _FOLDED.isdisjoint(value)
    if isinstance(value, list):
        return any(map(_written_otherwise, value))
    if isinstance(value, dict):
        return any(map(_written_otherwise, [*value, *value.values()]))
    return False


@given(_VALUES, st.sampled_from([None, True, False]))
def test_what_pyyaml_writes_is_read_back(value: Any, flow: bool | None) -> None:  # noqa: FBT001  # a column of hypothesis
    assume(not _written_otherwise(value))
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow)
    assert alike(read_yaml(text.encode()), frozen(value))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    _read_or_refuse(data)


_YAMLISH = st.text(
    st.sampled_from("ab01  \n\n\t::--?,[]{}#&*!|>'\"%@`~<.=\\\r\u00e9\u2028\ufeff\x85"), max_size=60
)


@given(_YAMLISH)
@example("&a x: 1\nb: {*a : 2}\n")
@example("? &a x\n: *a\n")
def test_no_text_raises_anything_else_and_every_value_has_a_place(text: str) -> None:
    _read_or_refuse(text.encode())


def _read_or_refuse(data: bytes) -> None:
    value = outcome(data)
    if isinstance(value, YamlError):
        return
    positions = find_positions(data)
    assert () in positions.values
    for path in _paths(value):
        if not _through_alias(data):
            assert path in positions.values
            assert path[-1:] == () or isinstance(path[-1], int) or path in positions.names


def _through_alias(data: bytes) -> bool:
    return b"*" in data


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, tuple):
        pairs = list(enumerate(value))
    return [path, *(deep for key, inner in pairs for deep in _paths(inner, (*path, key)))]


@given(_VALUES, st.sampled_from([None, True, False]))
def test_places_are_those_that_pyyaml_finds(value: Any, flow: bool | None) -> None:  # noqa: FBT001  # a column of hypothesis
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow)
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    assert node is not None
    values: dict[tuple[str | int, ...], Position] = {}
    names: dict[tuple[str | int, ...], Position] = {}

    def visit(at: yaml.Node, path: tuple[str | int, ...]) -> None:
        values[path] = Position(at.start_mark.line + 1, at.start_mark.column + 1)
        if isinstance(at, yaml.MappingNode):
            for key, inner in at.value:
                names[(*path, key.value)] = Position(
                    key.start_mark.line + 1, key.start_mark.column + 1
                )
                visit(inner, (*path, key.value))
        elif isinstance(at, yaml.SequenceNode):
            for number, inner in enumerate(at.value):
                visit(inner, (*path, number))

    visit(node, ())
    found = find_positions(text.encode())
    assert found.values == values
    assert found.names == names


def test_a_name_given_by_an_alias_has_the_alias_s_place() -> None:
    data = b"&a foo: 1\nx: {*a : 2}\n"
    assert read_yaml(data) == {"foo": 1, "x": {"foo": 2}}
    positions = find_positions(data)
    assert positions.of_name(("x", "foo")) == Position(2, 5)
    assert positions.of_value(("x", "foo")) == Position(2, 10)


def test_a_place_that_is_not_there_is_that_of_the_nearest_thing_around_it() -> None:
    positions = find_positions(b"a:\n  b:\n    - c: 1\n")
    assert positions.of_value(("a", "b", 0, "d", "e")) == Position(3, 7)
    assert positions.of_name(("a", "b", 0, "d")) == Position(3, 7)
    assert positions.of_name(("a", "b")) == Position(2, 3)
    assert positions.of_value(("q",)) == Position(1, 1)
