"""The two libraries that find things in bytes: Aho-Corasick for words, RE2 for patterns.

Both take time in proportion to the text, whatever stands in it. RE2 works on bytes, one character
each, so no encoding can be wrong.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import ahocorasick
import re2

T = TypeVar("T")
_MEMORY = 32 * 1024 * 1024
_BLOCK = 64 * 1024


class Found(Protocol):
    """A match of a pattern."""

    def span(self, group: int = 0) -> tuple[int, int]:
        """Where a group begins and ends."""
        ...

    def group(self, group: int = 0) -> bytes:
        """A group's text."""
        ...


class Pattern(Protocol):
    """A compiled pattern."""

    def finditer(self, text: bytes) -> Iterator[Found]:
        """Matches that do not overlap, from the left."""
        ...

    def search(self, text: bytes) -> Found | None:
        """The first match."""
        ...


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern:
    """A pattern, compiled when it is first asked for."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    options.log_errors = False
    found: Pattern = re2.compile(pattern.encode(), options)
    return found


_COMMON = "etaoinsrhldcumfpgwybvkxjqz"


def _by_use(item: tuple[str, object]) -> tuple[int, str]:
    """Words that begin with frequent letters first: the automaton tries them in this order."""
    word = item[0]
    place = _COMMON.find(word[0])
    return (place if place >= 0 else len(_COMMON), word)


class Keywords(Generic[T]):
    """Words in small letters, each with what it stands for."""

    def __init__(self, words: Mapping[str, T]) -> None:
        self._automaton = ahocorasick.Automaton()
        for word, value in sorted(words.items(), key=_by_use):
            self._automaton.add_word(word, value)
        self._automaton.make_automaton()
        self._overlap = max(map(len, words), default=1) - 1

    def within(self, text: bytes) -> set[T]:
        """What the words stand for that occur in a text, in small or capital letters."""
        found: set[T] = set()
        # In blocks that overlap by a word: what fits a processor's cache is looked at faster.
        for start in range(0, len(text), _BLOCK):
            block = text[start : start + _BLOCK + self._overlap].lower().decode("latin-1")
            found.update([value for _, value in self._automaton.iter(block)])
        return found
