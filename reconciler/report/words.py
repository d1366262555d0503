"""Small words that every text uses."""

import unicodedata

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def printable(text: str, *, lines: bool = False) -> str:
    """Text that cannot move a terminal's cursor, hide what it says, or pass for a line of ours.

    `lines` keeps line breaks: only for whole files, never for a part of a sentence.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char
        if (char == "\n" and lines) or unicodedata.category(char) not in _UNSEEN
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
