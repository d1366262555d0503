"""What is read line by line is what libyaml reads; whatever is not everyday is left to libyaml."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.plain_yaml import UNREAD, read_plain
from reconciler.core.yaml_reader import YamlError, read_yaml

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = sorted(ROOT.glob("environments/**/*.yaml"))


def by_libyaml(data: bytes) -> object:
    """The same document, marked as one: that form is nobody's everyday."""
    assert read_plain(b"---\n" + data) is UNREAD
    return read_yaml(b"---\n" + data)


def told_alike(data: bytes) -> None:
    """Unread, or equal to the letter: types and the order of fields too, which repr tells."""
    found = read_plain(data)
    if found is not UNREAD:
        assert repr(found) == repr(by_libyaml(data))
        assert repr(found) == repr(read_yaml(data))


# What a line is made of: each form that is read, and what is close to one and is none.
_NAMES = st.sampled_from(["a", "b", "c-d", "_e", "null", "true", "1", "<<", '"a"', "no", "x y"])
_WORDS = st.text(st.sampled_from("ab01.-_/:#'\",@&*!|>%?[]{}=+~\\ \t\x85\u00e9"), max_size=6)
_SCALARS = _WORDS | st.sampled_from(
    ["x", "two words", "1", "-1", "1.5", "0x1F", "1e5", "1e999", "null", "true", "~", "No",
     "...", "---", "a:b", "a: b", "a #b", "a#b", "it's", '"q"', '"q: #"', "'q'", "''",
     '""', '"\\n"', "'''"]
)  # fmt: skip
_FLOW = st.lists(_SCALARS, max_size=3).map(lambda all_: f"[{', '.join(all_)}]") | st.lists(
    st.tuples(_NAMES, _SCALARS), max_size=3
).map(lambda all_: "{" + ", ".join(f"{name}: {value}" for name, value in all_) + "}")
_VALUES = _SCALARS | _FLOW
_CONTENT = st.one_of(
    _NAMES.map(lambda name: f"{name}:"),
    st.builds("{}: {}".format, _NAMES, _VALUES),
    st.builds("- {}: {}".format, _NAMES, _VALUES),
    _NAMES.map(lambda name: f"- {name}:"),
    _VALUES.map(lambda value: f"- {value}"),
    st.sampled_from(["", "# words", "-", "- - x", "|", "x"]),
)
_ENDS = st.sampled_from(["\n"] * 8 + [" \n", " # c\n", "# c\n", "\r\n", "\n\n", ""])
_LINES = st.builds(
    lambda indent, content, end: " " * indent + content + end,
    st.sampled_from([0, 0, 0, 2, 2, 4, 1, 3, 6]),
    _CONTENT,
    _ENDS,
)


@given(st.lists(_LINES, min_size=1, max_size=8).map("".join))
def test_any_lines_are_read_as_libyaml_reads_them_or_not_at_all(text: str) -> None:
    told_alike(text.encode())


@given(st.sampled_from(ENVIRONMENTS), st.data())
def test_a_document_that_somebody_mangled_too(path: Path, data: st.DataObject) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        lines[place : place + data.draw(st.integers(0, 2))] = [data.draw(_LINES)]
    told_alike("".join(lines).encode())


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_the_samples_are_everyday(path: Path) -> None:
    data = path.read_bytes()
    assert read_plain(data) is not UNREAD
    told_alike(data)


@pytest.mark.parametrize(
    "text",
    [
        "a: b\n",
        "a:\n  b: 1\n  c:\n    d: x\ne: y\n",
        "a:\n  - x\n  - 1\nb:\n- y\n- z\n",
        "a:\n  - b: 1\n    c:\n      - d\n  - b: 2\n",
        "a: {b: c, d: 1}\ne: [x, '1']\n".replace("'", '"'),
        "a: {}\nb: []\nc:\n",
        "# words\n\na: b  # more\n  # and more\nc: d \n",
        "a: it's fine, isn't it? (yes!)\nb: 'x: #y'\n",
    ],
)
def test_everyday_forms(text: str) -> None:
    assert read_plain(text.encode()) is not UNREAD
    told_alike(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "a", "- a\n", "a: b", "a: b\r\n", "\ufeffa: b\n", "a: \u00e9\n", "a:\tb\n",
        "a: b\x00\n",
        "a: b\na: c\n", "a: {b: c, b: d}\n", "a: {null: c}\n", "null: a\n", "1: a\n", "<<: a\n",
        "a: b\n  c\n", "a:\n  - b\n    c\n", "a: |\n  b\n", "a: &b c\n", "a: *b\n", "a: !!str b\n",
        "a: b: c\n", "a: b:\n", "a:\n  b: c\n d: e\n", "a: {b: {c: d}}\n", "a: [b,c]\n",
        'a: "\\n"\n',
        "a: b\n---\nc: d\n", "a: b\n...\n", "%YAML 1.1\n", "? a\n: b\n", "- a: b\n", "a: -1\n",
        "a: ~\n",
        "".join(f"{'  ' * depth}a:\n" for depth in range(12)), "a: " + "b" * 20_000 + "\n",
    ],
)  # fmt: skip
def test_whatever_else_is_left_to_libyaml(text: str) -> None:
    assert read_plain(text.encode()) is UNREAD


def test_a_mistake_has_its_place_as_ever() -> None:
    with pytest.raises(YamlError) as caught:
        read_yaml(b"a: b\nc: d\na: e\n")
    assert (caught.value.line, caught.value.column) == (3, 1)
