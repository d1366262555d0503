"""What a rule for one type of secret is, and the few forms that nearly all rules have.

A rule is meant only where one of its keywords stands; its pattern (RE2) names the secret itself in
the group `secret`. Patterns begin with a literal where they can, which RE2 finds fast, and no
repetition that can start at many places is without a bound, which keeps the cost linear.
"""

import re
from dataclasses import dataclass
from typing import Final

from reconciler.model.finding import Severity

END: Final = r"(?:[^A-Za-z0-9_]|$)"
"""After a token: not the middle of a longer word."""
HEX: Final = "[0-9a-f]"
ALNUM: Final = "[A-Za-z0-9]"
WORD: Final = "[A-Za-z0-9_-]"
UUID: Final = f"{HEX}{{8}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{12}}"
ASSIGNED: Final = r"""["'`]?[ \t]{0,8}(?:=>|:=|=|:|,|\()[ \t]{0,8}["'`]?"""
"""Between a name and its value, in any language or file format."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One type of secret: how to know it, how bad it is, and what to do about it."""

    id: str
    title: str
    severity: Severity
    keywords: tuple[str, ...]
    """In small letters; one of them stands in the file, else the rule is not run."""
    pattern: str
    fix: str
    min_entropy: float = 0.0
    """Bits for each character of the secret; less is a word, a counter or a placeholder."""
    advice: bool = False
    """A guess: shown, never a reason to deny."""
    shown: int = 0
    """How many first characters are its type's prefix, so that they may be shown."""
    bounded: bool = True
    """Whether a letter or digit right before the secret means that it is something else."""
    placeholders: bool = True
    """Whether words such as `example` in it mean that it is none."""
    common: frozenset[str] = frozenset()
    """Whole values that are no secret."""
    unless: str = ""
    """A pattern: where it matches the same text, there is no finding."""
    lines: bool = False
    """Whether it goes over several lines; line ends and escapes do not count for its identity."""


def renew(where: str) -> str:
    """What to do about a secret that leaked."""
    return f"revoke it ({where}), keep the new one in a secret store, and take this one out"


def token(
    name: str,
    title: str,
    head: str | tuple[str, ...],
    body: str,
    where: str,
    *,
    severity: Severity = "high",
    entropy: float = 3.0,
    keywords: tuple[str, ...] = (),
    end: str = END,
) -> Rule:
    """A token that says by its first characters what it is."""
    heads = (head,) if isinstance(head, str) else head
    quoted = "|".join(re.escape(one) for one in heads)
    start = quoted if len(heads) == 1 else f"(?:{quoted})"
    return Rule(
        f"secret-{name}",
        title,
        severity,
        keywords or tuple(dict.fromkeys(one.lower() for one in heads)),
        f"(?P<secret>{start}{body}){end}",
        renew(where),
        entropy,
        shown=min(len(one) for one in heads),
    )


def shaped(
    name: str,
    title: str,
    keywords: tuple[str, ...],
    pattern: str,
    where: str,
    *,
    severity: Severity = "high",
    entropy: float = 3.0,
    bounded: bool = True,
    shown: int = 0,
    unless: str = "",
) -> Rule:
    """A secret with a form of its own; the pattern names it."""
    return Rule(
        f"secret-{name}",
        title,
        severity,
        keywords,
        pattern,
        renew(where),
        entropy,
        bounded=bounded,
        shown=shown,
        unless=unless,
    )


def beside(
    name: str,
    title: str,
    words: tuple[str, ...],
    body: str,
    where: str,
    *,
    severity: Severity = "high",
    entropy: float = 2.8,
    names: str = "",
) -> Rule:
    """A value without a form of its own, assigned to a name that says whose it is."""
    any_word = names or "|".join(re.escape(one) for one in words)
    return Rule(
        f"secret-{name}",
        title,
        severity,
        words,
        f"(?i:{any_word})[A-Za-z0-9_.-]{{0,30}}{ASSIGNED}(?P<secret>{body}){END}",
        renew(where),
        entropy,
        bounded=False,
    )
