"""The files that lie beside records, for people and for `git log -p`: JSON, one value a line."""

import json
from typing import Any

from pydantic_core import from_json

from reconciler.core.canonical import plain


def status_bytes(value: Any) -> bytes:
    """A value as such a file."""
    text = json.dumps(plain(value), sort_keys=True, indent=2, ensure_ascii=False)
    return (text + "\n").encode()


def parsed(data: bytes) -> Any:
    """What JSON says, however it is written; ValueError or RecursionError when it is none."""
    try:
        return from_json(data)
    except ValueError:  # it is strict, and knows UTF-8 only
        return json.loads(data)


def read_status(data: bytes) -> dict[str, Any]:
    """What such a file says; nothing when it is none."""
    try:
        value = parsed(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
