"""Values -> literals of a language, so that a value can never become code.

What a template prints goes through one of these encoders. Each gives a complete literal: a string
with its quotes and everything in it escaped, a list, a map. Characters that a reviewer cannot see
(controls, direction marks, zero-width ones) are written as escapes, by a fixed list: the same on
every Python.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

_HIDDEN: Final = (
    "\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ud800-\uf8ff\ufe00-\ufe0f\ufeff\ufff0-\uffff\U000e0000-\U0010ffff"
)
_HCL_SPECIAL: Final = re.compile(rf'["\\{_HIDDEN}]|\$(?=\$*{{)|%(?=%*{{)')
_QUOTED_SPECIAL: Final = re.compile(rf'["\\{_HIDDEN}]')
_SHARED_COLUMN: Final = re.compile("[\u0300-\U0010ffff]")
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

Encoder = Callable[[object], str]


class UnprintableValue(Exception):  # noqa: N818  # says what it is
    """A value that has no literal in the language that it was printed into."""


class Encoded(str):
    """Text that is code on purpose: from `verbatim`, `identifier` or `multiline`, nowhere else."""

    __slots__ = ()


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    short = _SHORT.get(char)
    if short is not None:
        return short
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004  # the halves of a character
        msg = f"U+{code:04X} is half a character"
        raise UnprintableValue(msg)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # a code plane


def _escape_hcl(match: re.Match[str]) -> str:
    char = match[0]
    if char in "$%":
        # `$${` is a literal `${`; a run of them is ambiguous, so all before the last are escapes.
        return char * 2 if match.string[match.end()] == "{" else f"\\u{ord(char):04x}"
    return _escape(match)


def _number(value: float) -> str:
    if not math.isfinite(value):
        msg = f"{value} is not a number that can be written down"
        raise UnprintableValue(msg)
    mantissa, exponent, power = repr(value).partition("e")
    # YAML 1.1 takes `1e+22` for a text.
    point = ".0" if exponent and "." not in mantissa else ""
    return mantissa + point + exponent + power


def hcl_string(value: str) -> str:
    """A quoted HCL string, without any interpolation left in it."""
    return f'"{_HCL_SPECIAL.sub(_escape_hcl, value)}"'


def yaml_string(value: str) -> str:
    """A double-quoted YAML scalar."""
    return f'"{_QUOTED_SPECIAL.sub(_escape, value)}"'


def _pipeline_string(value: str) -> str:
    if "$" in value:
        msg = "a value printed into a pipeline must not contain `$`: GitLab would expand it"
        raise UnprintableValue(msg)
    return yaml_string(value)


def _language(string: Callable[[str], str], assign: str) -> Encoder:
    def encode(value: object) -> str:
        kind = value.__class__
        if kind is str:
            return string(value)  # type: ignore[arg-type]  # the class was compared
        if kind is int:
            return repr(value)
        if kind is bool:
            return "true" if value else "false"
        if kind is Encoded:
            return value  # type: ignore[return-value]  # the class was compared
        if value is None:
            return "null"
        if isinstance(value, float):
            return _number(value)
        if isinstance(value, tuple | list):
            return f"[{', '.join([encode(item) for item in value])}]"
        if isinstance(value, Mapping):
            inner = ", ".join([string(key) + assign + encode(value[key]) for key in sorted(value)])
            return (
                ("{ " + inner + " }" if assign == " = " else "{" + inner + "}") if inner else "{}"
            )
        if hasattr(value, "_fail_with_undefined_error"):
            return str(value)
        msg = f"a {type(value).__name__} cannot be printed"
        raise UnprintableValue(msg)

    return encode


hcl: Final = _language(hcl_string, " = ")
yaml: Final = _language(yaml_string, ": ")
pipeline: Final = _language(_pipeline_string, ": ")


def multiline_hcl(value: object, indent: int = 0) -> Encoded:
    """A map or list over several lines, as `terraform fmt` lays it out.

    `indent` is the indentation of the line on which the value begins.
    """
    return Encoded(_multiline(value, indent))


def _multiline(value: object, indent: int) -> str:
    inner, outer = " " * (indent + 2), " " * indent
    if isinstance(value, Mapping) and value:
        lines, group = [], []
        for key in sorted(value):
            text = _multiline(value[key], indent + 2)
            group.append((_aligned_key(key), text))
            if "\n" in text:
                lines += _aligned(group, inner)
                group = []
        return "\n".join(["{", *lines, *_aligned(group, inner), outer + "}"])
    if isinstance(value, tuple | list) and value:
        items = [f"{inner}{_multiline(item, indent + 2)}," for item in value]
        return "\n".join(["[", *items, outer + "]"])
    return hcl(value)


def _aligned_key(key: str) -> str:
    """With escapes for what may share a column with its neighbour: `fmt` counts columns."""
    return _SHARED_COLUMN.sub(_escape, hcl_string(key))


def _aligned(group: list[tuple[str, str]], inner: str) -> list[str]:
    """`terraform fmt` aligns `=` within a run of one-line entries; a longer entry stands alone."""
    if group and "\n" in group[-1][1]:
        *short, (name, text) = group
        return [*_aligned(short, inner), f"{inner}{name} = {text}"]
    width = max((len(name) for name, _ in group), default=0)
    return [f"{inner}{name:<{width}} = {text}" for name, text in group]


def identifier(value: object) -> Encoded:
    """A bare name; anything that is not one is refused."""
    if isinstance(value, str) and _IDENTIFIER.fullmatch(value):
        return Encoded(value)
    msg = f"{value!r} is not an identifier"
    raise UnprintableValue(msg)


def verbatim(value: object) -> Encoded:
    """Raw text: the one way in which a value becomes code. Searchable by this name."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        msg = f"`verbatim` takes a text or a number, not a {type(value).__name__}"
        raise UnprintableValue(msg)
    text = Encoded(value)
    text.encode()  # half characters end here
    return text
