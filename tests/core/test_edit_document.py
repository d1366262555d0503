"""A document's text changes where it has to, says just what was wanted, and is else untouched."""

from __future__ import annotations

import json
from difflib import ndiff
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reconciler.core.edit_document import GONE, edit_document
from reconciler.core.yaml_reader import YamlError, read_yaml

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "environments").rglob("*.yaml"))

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_LEAVES = (
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | _TEXT
    | st.sampled_from(["1.0.0", "3d", "10.0.0.0/8", "1e5", "no", "0123", "a: b", "x#y", "- a"])
)  # fmt: skip
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_TEXT | st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
_STYLES = {"block": False, "flow": True, "mixed": None}
_MAPS = st.dictionaries(st.sampled_from("abcd") | _TEXT, _VALUES, max_size=4)


def changed(text: str, *path: str, to: object = GONE) -> str:
    return edit_document(text.encode(), {path: to}).decode()


def lines_changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went, and those that came."""
    found = list(ndiff(before.splitlines(), after.splitlines()))
    return [one[2:] for one in found if one[0] == "-"], [one[2:] for one in found if one[0] == "+"]


def said(document: object, *, sort: bool = False) -> str:
    return json.dumps(document, sort_keys=sort)


def expected(document: Any, path: tuple[str, ...], value: Any) -> Any:
    fields = dict(document)
    if len(path) > 1:
        fields[path[0]] = expected(fields[path[0]], path[1:], value)
    elif value is GONE:
        fields.pop(path[0], None)
    else:
        fields[path[0]] = value
    return fields


TEXT = """\
# Of the shop.
kind: Environment  # what it is
spec:
  # What is built:
  blueprint: {name: web, version: 1.0.0}  # carried along
  account: "123456789012"
  owner: 'team-a'
  parameters:
    size: small   # or medium
    hosts:
    - a.example  # the first
    - b.example

    notes: |
      two
      lines

    # count: 1
  ttl: 3d
"""


@pytest.mark.parametrize(
    "path, to, was, now",
    [
        ("spec.blueprint.version", "1.1.0",
         "  blueprint: {name: web, version: 1.0.0}  # carried along",
         "  blueprint: {name: web, version: 1.1.0}  # carried along"),
        ("spec.account", "000000000000",
         '  account: "123456789012"', '  account: "000000000000"'),
        ("spec.owner", "team-b", "  owner: 'team-a'", "  owner: 'team-b'"),
        ("spec.parameters.size", "no", "    size: small   # or medium",
         "    size: no   # or medium"),
        ("spec.parameters.size", True, "    size: small   # or medium",
         "    size: true   # or medium"),
        ("spec.parameters.size", "12", "    size: small   # or medium",
         '    size: "12"   # or medium'),
        ("spec.ttl", "7d", "  ttl: 3d", "  ttl: 7d"),
        ("kind", "Ünïcode: #1", "kind: Environment  # what it is",
         'kind: "Ünïcode: #1"  # what it is'),
    ],
)  # fmt: skip
def test_a_value_changes_where_it_stands(path: str, to: object, was: str, now: str) -> None:
    assert lines_changed(TEXT, changed(TEXT, *path.split("."), to=to)) == ([was], [now])


@pytest.mark.parametrize(
    "path, to, now",
    [
        ("spec.overrides.drift.mode", "advisory", ["  overrides: {drift: {mode: advisory}}"]),
        ("spec.parameters.cidrs", ["10.0.0.0/8"], ["    cidrs: [10.0.0.0/8]"]),
        ("labels", {}, ["labels: {}"]),
        ("spec.parameters.hosts", ["a.example", "c.example"], ["    - c.example"]),
    ],
)
def test_what_is_new_comes_on_a_line_of_its_own(path: str, to: object, now: list[str]) -> None:
    assert lines_changed(TEXT, changed(TEXT, *path.split("."), to=to))[1][-1:] == now


@pytest.mark.parametrize(
    "path, was",
    [
        ("spec.ttl", ["  ttl: 3d"]),
        ("spec.parameters.size", ["    size: small   # or medium"]),
        ("spec.parameters.notes", ["    notes: |", "      two", "      lines"]),
        ("kind", ["kind: Environment  # what it is"]),
    ],
)
def test_what_goes_takes_its_lines_along(path: str, was: list[str]) -> None:
    assert lines_changed(TEXT, changed(TEXT, *path.split("."))) == (was, [])


def test_a_map_changes_field_by_field() -> None:
    after = changed(TEXT, "spec", "blueprint", to={"name": "web", "version": "2.0.0"})
    assert lines_changed(TEXT, after)[1] == [
        "  blueprint: {name: web, version: 2.0.0}  # carried along"
    ]
    less = changed(TEXT, "spec", "parameters", to={"size": "small", "notes": "two\nlines\n"})
    assert lines_changed(TEXT, less) == (
        ["    hosts:", "    - a.example  # the first", "    - b.example"],
        [],
    )


def test_nothing_changes_where_it_is_so_already() -> None:
    assert changed(TEXT, "spec", "ttl", to="3d") == TEXT
    assert changed(TEXT, "spec", "nothing", "here") == TEXT


def test_the_last_field_of_a_map_leaves_it_empty() -> None:
    assert changed("a:\n  b: 1\nc: 2\n", "a", "b") == "a: {}\nc: 2\n"
    assert changed("a: {b: 1} # x\n", "a", "b") == "a: {} # x\n"


@pytest.mark.parametrize(
    "before, path, to, after",
    [
        ("a: 1\r\nb: 2\r\n", "c", "x", "a: 1\r\nb: 2\r\nc: x\r\n"),
        ("a: 1\r\nb: 2\r\n", "a", GONE, "b: 2\r\n"),
        ("\ufeffa: 1\n", "a", 2, "\ufeffa: 2\n"),
        ("a: 1", "b", 2, "a: 1\nb: 2"),
        ("a:\n", "a.b", 1, "a: {b: 1}\n"),
        ('{"a": {"b": 1}, "c": [1, 2]}', "a.b", "x", '{"a": {"b": x}, "c": [1, 2]}'),
        ('{"a": 1, "b": 2}\n', "b", GONE, '{"a": 1}\n'),
        ('{"a": 1, "b": 2}\n', "a", GONE, '{"b": 2}\n'),
        ("a: &x 1\nb: *x\n", "b", 2, "a: &x 1\nb: 2\n"),
        ("a: &x {p: 1, q: 1}\nb: *x\n", "b.q", 2, "a: &x {p: 1, q: 1}\nb: {p: 1, q: 2}\n"),
        ("a: two\n  lines # c\nb: 1\n", "a", "one", "a: one # c\nb: 1\n"),
        ("---\na: 1\n...\n", "a", 2, "---\na: 2\n...\n"),
    ],
)
def test_odd_texts_are_changed_too(before: str, path: str, to: object, after: str) -> None:
    assert changed(before, *path.split("."), to=to) == after


def test_what_an_anchor_names_is_written_out_where_it_has_to_be() -> None:
    after = changed("a: &x 1\nb: *x\n", "a", to=2)
    assert read_yaml(after.encode()) == {"a": 2, "b": 1}


def test_a_field_of_what_is_no_map_is_refused() -> None:
    with pytest.raises(TypeError, match="no map"):
        changed(TEXT, "kind", "more", to=1)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_in_every_sample_one_line_carries_the_version(path: Path) -> None:
    before = path.read_text()
    after = changed(before, "spec", "blueprint", "version", to="9.9.9")
    was, now = lines_changed(before, after)
    assert len(was) == len(now) == 1
    assert now[0] == was[0].replace("1.0.0", "9.9.9")


@st.composite
def edits(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[str, ...], Any]:
    """A document, a place in it, and what is to stand there."""
    document = draw(_MAPS)
    path: list[str] = []
    inside: Any = document
    while True:
        path.append(draw(st.sampled_from([*inside, "new"]) if inside else _TEXT))
        inside = inside.get(path[-1])
        if not isinstance(inside, dict) or draw(st.booleans()):
            return document, tuple(path), draw(_VALUES | st.just(GONE))


def written(document: object, style: str) -> bytes:
    """As another program writes it, where that is YAML as we read it."""
    data = yaml.safe_dump(
        document, default_flow_style=_STYLES[style], sort_keys=False, allow_unicode=True
    )
    try:
        assume(said(read_yaml(data.encode())) == said(document))
    except YamlError:
        assume(False)  # noqa: FBT003  # hypothesis' way
    return data.encode()


@given(edits(), st.sampled_from(sorted(_STYLES)))
@example(({"a": {"b": "x\n\n"}}, ("a", "c"), 1), "block")
@example(({"a": {"": None}}, ("a", "c"), ""), "flow")
@example(({"a": [{"b": 1, "c": 2}]}, ("a",), [{"b": 2}]), "block")
def test_the_text_says_the_document_with_just_that_change(
    edit: tuple[dict[str, Any], tuple[str, ...], Any], style: str
) -> None:
    document, path, value = edit
    after = read_yaml(edit_document(written(document, style), {path: value}))
    assert said(after, sort=True) == said(expected(document, path, value), sort=True)


_PIECES = st.sampled_from(
    [
        ("one", "one: 1  # why"), ("two", "two: {a: 1, b: [x]}"), ("three", "three:\n  a: 1 # a"),
        ("four", "four: |\n  # no comment\n\n"), ("five", "five:\n- a\n# mid\n- b"),
        ("six", "six: 'it''s'"), ("seven", "seven:"), ("eight", "eight: two\n  lines"),
    ]
)  # fmt: skip


@given(st.lists(_PIECES, min_size=2, unique=True), st.data())
def test_what_is_beside_the_change_stays_byte_for_byte(
    pieces: list[tuple[str, str]], data: st.DataObject
) -> None:
    above = [f"# above {name}" for name, _ in pieces]
    text = "".join(f"{note}\n{one}\n" for note, (_, one) in zip(above, pieces, strict=True))
    name = data.draw(st.sampled_from([one for one, _ in pieces]))
    after = changed(text, name, to=data.draw(_LEAVES | st.just(GONE)))
    for note, (other, one) in zip(above, pieces, strict=True):
        assert f"{note}\n" in after
        if other != name:
            assert one in after
