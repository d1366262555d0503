"""The everyday form of a document, read line by line: a third of what libyaml's events cost.

Most of a repository is maps of words and numbers, one to a line, and lists of such. That is all
that is read here; of anything else not even a guess is made, and `yaml_reader` reads it with
libyaml. So this must never be the one to say that something is wrong, and what it does read must be
what libyaml reads, to the letter: tests hold the two together.
"""

import re
from math import isfinite
from typing import Any, Final

UNREAD: Final[Any] = object()
"""Not of the everyday form."""

ATOMS: Final[dict[str, object]] = {"": None, "~": None, "null": None, "true": True, "false": False}
NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?")
NUMBER_START: Final = frozenset("-0123456789")

_LONGEST: Final = 16 * 1024
"""So little that no bound of `yaml_reader` on nodes or on a value can be reached."""
_DEEPEST: Final = 8

# A colon inside of a word is a letter; at its end it would make it a field's name. Nothing is
# ended by what may stand in a word, and nothing begins with what the first word begins with.
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_-]{0,99}"
_WORDS: Final = r'(?=[A-Za-z0-9_/])[!"$-~]+(?<!:)(?: [!"$-~]+(?<!:))*'
_QUOTED: Final = r"\"[ !#-\[\]-~]*\"|'[ -&(-~]*'"
_INNER: Final = (
    r"(?:(?=[A-Za-z0-9_/])[A-Za-z0-9_/@=+.:-]+(?<!:)(?: [A-Za-z0-9_/@=+.:-]+(?<!:))*"
    r"|\"(?:[A-Za-z0-9_/@=+.*-][A-Za-z0-9_/@=+.* -]*)?\")"
)
"""A value in a map or list that stands on one line, in brackets."""
_FLOW: Final = (
    rf"\[(?:{_INNER}(?:, {_INNER})*)?\]|\{{(?:{_NAME}: {_INNER}(?:, {_NAME}: {_INNER})*)?\}}"
)
_VALUE: Final = rf"(?:{_WORDS}|{_QUOTED}|{_FLOW})"
_LINE: Final = re.compile(
    rf"^(?:( *)(?:(- )?({_NAME}):(?: ({_VALUE}))?|- ({_VALUE}))(?: +(?:#[ -~]*)?)?|(?: *#[ -~]*)?)"
    r"\n",
    re.MULTILINE,
)


def number(text: str) -> object:
    """The number that a plain scalar is, or the text."""
    match = NUMBER.fullmatch(text)
    if match is None:
        return text
    if match.lastindex is None:
        return int(text)
    found = float(text)
    return found if isfinite(found) else text


def read_plain(data: bytes) -> Any:
    """Dicts, tuples and scalars; UNREAD for what is not of the everyday form."""
    if len(data) > _LONGEST or not data.isascii():
        return UNREAD
    text = data.decode("ascii")
    lines = _LINE.findall(text)
    if len(lines) != text.count("\n") or text[-1:] != "\n":
        return UNREAD
    return _read(lines)


def _read(lines: list[tuple[str, str, str, str, str]]) -> Any:  # noqa: C901, PLR0912  # one pass, for speed
    root: dict[str, Any] = {}
    here, depth = root, 0
    opened: str | None = None  # the field of the line before, which gave it no value
    items: list[Any] | None = None  # the list that a field of `here` is being given
    place = 0  # where its members stand
    around: list[tuple[dict[str, Any], int, list[Any] | None, int]] = []
    lists: list[tuple[dict[str, Any], str, list[Any]]] = []
    for spaces, dash, name, value, item in lines:
        if not name and not item:
            continue
        indent = len(spaces)
        if indent < depth:
            opened = None
            while indent < depth:
                here, depth, items, place = around.pop()
        if dash or item:
            if items is None or indent != place:
                if opened is None:
                    return UNREAD
                items, place = [], indent
                lists.append((here, opened, items))
                opened = None
            if item:
                if (found := _value(item)) is UNREAD:
                    return UNREAD
                items.append(found)
                continue
            around.append((here, depth, items, place))
            here, depth = {}, indent + 2
            items.append(here)
        elif indent > depth:
            if opened is None:
                return UNREAD
            around.append((here, depth, None, 0))
            inner: dict[str, Any] = {}
            here[opened] = inner
            here, depth = inner, indent
        if name in here or name in ATOMS or len(around) > _DEEPEST:
            return UNREAD
        items = None
        if value:
            opened = None
            if (found := _value(value)) is UNREAD:
                return UNREAD
            here[name] = found
        else:
            opened = name
            here[name] = None
    for holder, name, members in lists:
        holder[name] = tuple(members)
    return root or UNREAD


def _value(text: str) -> Any:
    first = text[0]
    if first in "\"'":
        return text[1:-1]
    if first in NUMBER_START:
        return number(text)
    if first == "[":
        return tuple(map(_value, text[1:-1].split(", "))) if text != "[]" else ()
    if first == "{":
        pairs = [one.split(": ", 1) for one in text[1:-1].split(", ")] if text != "{}" else []
        found = {name: _value(value) for name, value in pairs}
        return found if len(found) == len(pairs) and found.keys().isdisjoint(ATOMS) else UNREAD
    return ATOMS.get(text, text)
