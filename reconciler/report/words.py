"""Small words that every text uses."""

import re
import unicodedata

_UNSAFE = re.compile(r"[^\n\t\x20-\x7e\u00a1-\U0010ffff]")
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def printable(text: str) -> str:
    """Text that cannot move a terminal's cursor or hide what it says."""
    if text.isascii() and not _UNSAFE.search(text):
        return text
    return "".join(
        char
        if char == "\n" or (char != "\t" and unicodedata.category(char) not in _UNSEEN)
        else char.encode("unicode_escape").decode()
        for char in text
    )


def counted(number: int, word: str) -> str:
    """`1 problem`, `2 problems`."""
    if number == 1:
        return f"1 {word}"
    return f"{number:,} {word[:-1]}ies" if word.endswith("y") else f"{number:,} {word}s"


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} KiB"  # noqa: PLR2004  # a KiB
