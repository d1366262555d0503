"""The files that lie beside records, for people and for `git log -p`: JSON, one value a line."""

import json
from typing import Any

from reconciler.core.canonical import plain


def status_bytes(value: Any) -> bytes:
    """A value as such a file."""
    text = json.dumps(plain(value), sort_keys=True, indent=2, ensure_ascii=False)
    return (text + "\n").encode()


def read_status(data: bytes) -> dict[str, Any]:
    """What such a file says; nothing when it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
