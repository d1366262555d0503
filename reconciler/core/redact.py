"""Take out of a text what must not be seen: values that a plan marks, and whatever looks secret."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from reconciler.core.secrets.engine import scanner

HIDDEN: Final = "(sensitive)"
_SHORTEST: Final = 4
"""A shorter value would take half of every text with it; it is no secret either."""


@lru_cache(maxsize=8192)
def hidden(text: str) -> str:
    """The text without what the gate of secrets would call a secret."""
    for hit in scanner().scan(text.encode("utf-8", "surrogatepass")).hits:
        if hit.rule.advice:
            continue
        if hit.how != "plain":
            return HIDDEN  # what it was encoded from does not stand there to be taken out
        text = text.replace(hit.secret.decode("utf-8", "replace"), HIDDEN)
    return text


class Redactor:
    """Hides what it knows. What it does not know it looks for, as the gate of secrets does."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = {one for one in values if len(one) >= _SHORTEST}
        # The longest first: one value may be a part of another.
        self._values = sorted(known, key=lambda one: (-len(one), one))

    def __call__(self, text: str) -> str:
        """The text, safe to show."""
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return hidden(text)
