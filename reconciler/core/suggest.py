"""`Did you mean`: the nearest of the words that would have been right."""

from collections.abc import Iterable
from difflib import get_close_matches


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that somebody who wrote `word` most likely meant, if one is near enough."""
    by_plain: dict[str, str] = {}
    for choice in choices:
        by_plain.setdefault(_plain(choice), choice)
    plain = _plain(word)
    if plain in by_plain:
        return by_plain[plain]
    found = get_close_matches(plain, by_plain, n=1, cutoff=0.65)
    return by_plain[found[0]] if found else None


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """The suggestion as a sentence, or nothing."""
    best = nearest(word, choices) if isinstance(word, str) else None
    return f"did you mean `{best}`?" if best is not None and best != word else ""


def listed(choices: Iterable[str], limit: int = 8) -> str:
    """`a, b, c` for a message; long lists are cut and say so."""
    names = sorted(choices)
    if not names:
        return "none is defined"
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
