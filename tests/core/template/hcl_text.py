"""A reader of HCL literals, written from HCL's specification and not from our encoder."""

from __future__ import annotations

import re
from typing import Any

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


class NotALiteral(ValueError):  # noqa: N818  # says what it is
    """The text is more, or less, than one literal."""


def read_literal(text: str) -> Any:
    """The value of a text that is one literal from its first to its last character."""
    value, at = _value(text, 0)
    if at != len(text):
        raise NotALiteral(text[at:])
    return value


def unquote(text: str) -> str:
    """The value of one quoted string."""
    value, at = _string(text, 0)
    if at != len(text):
        raise NotALiteral(text[at:])
    return value


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \n":
        at += 1
    return at


def _value(text: str, at: int) -> tuple[Any, int]:
    for word, value in (("true", True), ("false", False), ("null", None)):
        if text.startswith(word, at):
            return value, at + len(word)
    if text[at] == '"':
        return _string(text, at)
    if text[at] == "[":
        return _list(text, at + 1)
    if text[at] == "{":
        return _map(text, at + 1)
    match = _NUMBER.match(text, at)
    if match is None:
        raise NotALiteral(text[at:])
    number = match[0]
    return (float(number) if match[1] or match[2] else int(number)), match.end()


def _list(text: str, at: int) -> tuple[list[Any], int]:
    items = []
    at = _skip(text, at)
    while text[at] != "]":
        item, at = _value(text, at)
        items.append(item)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif text[at] != "]":
            raise NotALiteral(text[at:])
    return items, at + 1


def _map(text: str, at: int) -> tuple[dict[str, Any], int]:
    items: dict[str, Any] = {}
    at = _skip(text, at)
    while text[at] != "}":
        key, at = _string(text, at)
        at = _skip(text, at)
        if text[at] != "=":
            raise NotALiteral(text[at:])
        items[key], at = _value(text, _skip(text, at + 1))
        newline = "\n" in text[at : _skip(text, at)]
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif text[at] != "}" and not newline:
            raise NotALiteral(text[at:])
    return items, at + 1


def _string(text: str, at: int) -> tuple[str, int]:
    if text[at] != '"':
        raise NotALiteral(text[at:])
    at += 1
    found: list[str] = []
    while text[at] != '"':
        char = text[at]
        if char == "\n":
            raise NotALiteral("a line break in a string")
        if char == "\\":
            kind = text[at + 1]
            if kind in "uU":
                digits = 4 if kind == "u" else 8
                found.append(chr(int(text[at + 2 : at + 2 + digits], 16)))
                at += 2 + digits
            else:
                found.append(_ESCAPES[kind])
                at += 2
        elif char in "$%":
            run = re.compile(re.escape(char) + "+").match(text, at)
            assert run is not None
            if text.startswith("{", run.end()):
                if run.end() - at != 2:
                    raise NotALiteral(f"an interpolation, or unclear: {text[at:]}")
                found.append(char)
            else:
                found.append(run[0])
            at = run.end()
        else:
            found.append(char)
            at += 1
    return "".join(found), at + 1
