"""One way to write a value as bytes: RFC 8785. The same value has the same digest everywhere."""

import hashlib
import json
from typing import Any, Final

import rfc8785

LARGEST: Final = 2**53 - 1
"""A larger number is another one in some readers."""

_FAST: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
)


class NotCanonical(ValueError):  # noqa: N818  # a state of what was given, told in words
    """It has no canonical form, or is not in it."""


def canonical(value: Any) -> bytes:
    """The bytes of a plain value (see `plain`); NotCanonical for what has no such form."""
    try:
        fast = _FAST.encode(value)
        # C's writer agrees with the RFC's where all is ASCII and every number is whole.
        if fast.isascii() and not _fractions(value):
            return fast.encode()
        return rfc8785.dumps(value)
    except (
        rfc8785.CanonicalizationError,
        RecursionError,
        TypeError,
        UnicodeEncodeError,
        ValueError,
    ) as err:
        msg = f"it has no canonical form: {err}"
        raise NotCanonical(msg) from err


def read_canonical(data: bytes) -> Any:
    """The value of canonical bytes; NotCanonical for any others, also of the same value."""
    odd = False

    def fraction(text: str) -> float:
        nonlocal odd
        odd = True
        return float(text)

    try:
        value = json.loads(data, parse_float=fraction, parse_constant=_constant)
    except (ValueError, RecursionError) as err:
        msg = "it is not JSON"
        raise NotCanonical(msg) from err
    if not odd and data.isascii() and _FAST.encode(value).encode() == data:
        return value
    if canonical(value) != data:
        msg = "it is not written in the canonical form"
        raise NotCanonical(msg)
    return value


def _fractions(value: Any) -> bool:
    """Whether any number is not a whole one that every reader knows, or any name no text."""
    match value:
        case bool() | None | str():
            return False
        case int():
            return not -LARGEST <= value <= LARGEST
        case dict():
            return any(not isinstance(key, str) or _fractions(one) for key, one in value.items())
        case list() | tuple():
            return any(_fractions(one) for one in value)
        case _:
            return True


def _constant(text: str) -> float:
    msg = f"{text} is no JSON"
    raise ValueError(msg)


def plain(value: Any) -> Any:
    """The value as records hold it: numbers that are not whole or too large become text."""
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if -LARGEST <= value <= LARGEST else str(value)
        case float():
            return int(value) if value.is_integer() and abs(value) <= LARGEST else repr(value)
        case dict():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case _:
            return str(value)


def digest(data: bytes) -> str:
    """`sha256:...` of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
