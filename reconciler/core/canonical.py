"""One way to write a value as bytes: RFC 8785. The same value has the same digest everywhere."""

import hashlib
import json
from typing import Any, Final

import rfc8785
from pydantic_core import from_json, to_json

LARGEST: Final = 2**53 - 1
"""A larger number is another one in some readers."""
_DEEPEST: Final = 100
"""What is nested deeper is written by nobody and costs every reader its stack."""
_LONG: Final = 10**1000
_ASTRAL: Final = "\ud800"
"""Below it, an order by code points is one by UTF-16, too."""

_FAST: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
)


class NotCanonical(ValueError):  # noqa: N818  # a state of what was given, told in words
    """It has no canonical form, or is not in it."""


def canonical(value: Any) -> bytes:
    """The bytes of a plain value (see `plain`); NotCanonical for any other."""
    easy = _easy(value, 0)
    try:
        # C's writer agrees with the RFC's but for the order of odd names.
        return _FAST.encode(value).encode() if easy else rfc8785.dumps(value)
    except UnicodeEncodeError as err:
        msg = "it has no canonical form: half a character stands in it"
        raise NotCanonical(msg) from err
    except ValueError as err:
        msg = f"it has no canonical form: {err}"
        raise NotCanonical(msg) from err


def read_canonical(data: bytes) -> Any:
    """The value of canonical bytes; NotCanonical for any others, also of the same value."""
    return _at_a_glance(data) or _read(data)


def _at_a_glance(data: bytes) -> Any:
    """The value where it is easy to see that the bytes are canonical; else None.

    A fast reader and writer that keep the order of names: so that the bytes are canonical, the
    writer must come to them again, with names in order and with numbers that are whole and small.
    """
    if not data.isascii() or b"\\u" in data:
        return None
    try:
        value = from_json(data)
        return value if _ordered(value, 0) and to_json(value) == data else None
    except ValueError:
        return None


def _ordered(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind is dict:
        if list(value) != sorted(value):
            return False
        value = value.values()
    elif kind is not list:
        return kind is not float and (kind is not int or -LARGEST <= value <= LARGEST)
    if depth >= _DEEPEST:
        return False
    return all(type(one) is str or _ordered(one, depth + 1) for one in value)


def _read(data: bytes) -> Any:
    try:
        # Python would guess UTF-16 and UTF-32, too.
        value = _STRICT.decode(data.decode())
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as err:
        msg = "it is not JSON"
        raise NotCanonical(msg) from err
    if canonical(value) != data:  # a name that stands twice is read once, so it shows here, too
        msg = "it is not written in the canonical form"
        raise NotCanonical(msg)
    return value


def _easy(value: Any, depth: int) -> bool:
    """Whether all names sort alike everywhere; NotCanonical for what is not plain."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return _sized(value)
    if depth >= _DEEPEST:
        msg = f"it has no canonical form: it is nested deeper than {_DEEPEST}"
        raise NotCanonical(msg)
    easy = True
    if kind is dict:
        for key, one in value.items():
            if type(key) is not str:
                msg = "it has no canonical form: a name in it is no text"
                raise NotCanonical(msg)
            easy &= _easy(one, depth + 1) and (key.isascii() or max(key) < _ASTRAL)
        return easy
    if kind is list or kind is tuple:
        for one in value:
            easy &= _easy(one, depth + 1)
        return easy
    msg = f"it has no canonical form: {kind.__name__} is not plain"
    raise NotCanonical(msg)


def _sized(number: int) -> bool:
    if not -LARGEST <= number <= LARGEST:
        msg = "it has no canonical form: a number is too large for some readers"
        raise NotCanonical(msg)
    return True


def _whole(text: str) -> int:
    number = int(text)
    _sized(number)
    return number


def _fraction(text: str) -> float:
    msg = f"{text} is no whole number"
    raise ValueError(msg)


_STRICT: Final = json.JSONDecoder(parse_int=_whole, parse_float=_fraction, parse_constant=_fraction)


def plain(value: Any) -> Any:
    """The value as records hold it: numbers that are not whole or too large become text.

    Half a character, as a file's odd name brings along, is written out: it must not keep a record
    from being written.
    """
    match value:
        case str():
            return _text(value)
        case bool() | None:
            return value
        case int():
            if -LARGEST <= value <= LARGEST:
                return int(value)
            return str(value) if abs(value) < _LONG else hex(value)  # Python may refuse decimals
        case float():
            return int(value) if value.is_integer() and abs(value) <= LARGEST else repr(value)
        case dict():
            return {_text(str(key)): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    if text.isascii():
        return str(text)
    return text.encode("utf-8", "backslashreplace").decode()


def digest(data: bytes) -> str:
    """`sha256:...` of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
