"""Path patterns of documents: `*` within a folder, `**` over any depth."""

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = []
    for segment in pattern.split("/"):
        if segment == "**":
            parts.append("**")
        else:
            parts.append("[^/]*".join(re.escape(text) for text in segment.split("*")))
    text = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            text += ".*" if last else "(?:.*/)?"
        else:
            text += part if last else part + "/"
    return re.compile(text)


def matches(pattern: str, path: str) -> bool:
    """Whether the pattern is for the path."""
    return _compiled(pattern).fullmatch(path) is not None
