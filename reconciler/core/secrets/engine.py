"""The engine: keywords in one pass (Aho-Corasick), then only their rules' patterns (RE2).

Both are linear in the text whatever stands in it. What is kept from a secret is its masked form and
a keyed hash; the secret itself never leaves this module.
"""

import hmac
import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal

from reconciler.core.secrets.match import Found, Keywords, Pattern, compiled
from reconciler.core.secrets.rule import Rule
from reconciler.core.secrets.rules import RULES
from reconciler.core.secrets.text import decoded, plain

SIZE_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of one file that are looked at; the rest of a longer one is said to be unscanned."""
_CANDIDATES: Final = 10_000
"""Places of one rule in one file; more are said, not looked at."""
_FOUND: Final = 200
"""Secrets of one rule in one file; more are said, not listed."""
_DEPTH: Final = 2
"""How often base64 may be wrapped in base64."""
_GROUP: Final = 12
_KEY_START: Final = 128
"""Characters of a private key that tell it from any other."""

_SAME: Final = "|".join(
    re.escape(char) + "{6}" for char in "abcdefghijklmnopqrstuvwxyz0123456789*-"
)
_PLACEHOLDER: Final = (
    r"example|changeme|change[_-]me|placeholder|dummy|sample|redacted|your[_-]|insert|not[_-]?real"
    r"|my[_-]?(?:secret|token|password)|notasecret|fake|xxxx|\*\*\*|\.\.\.|todo|foobar|deadbeef"
    r"|012345|123456|abcdef[gh]|abcdabcd|<|\{\{|%\(|^%|^\$(?:[A-Z_({]|[a-z]{2})|\$\{|" + _SAME
)
"""Words and runs that a made-up value has and a random one does not; tried on small letters."""
_REFERENCE: Final = (
    r"^[a-z]+(?:[_.:/-]+[a-z]+)*[0-9]{0,2}$|^[A-Z]+(?:[_.:/-]+[A-Z]+)*[0-9]{0,2}$"
    r"|^[A-Z]?[a-z]+(?:[A-Z][a-z]+)*$|^[A-Za-z_]+(?:[.:/\[-]+[A-Za-z_]+)+$"
    r"|^(?:var|local|data|module|each|self|env|os|process|config|settings|secrets?|arn)[.:\[]"
    r"|^[./~]|^-|^[0-9.:/-]+$|^(?:https?|file|git|ssh|oci):|^[A-Za-z_]+=|/[^/]*/[^/]*/"
)
"""Values of a guess that are names, paths or numbers."""
_WRAPPING: Final = re.compile(rb"\\[nrt]|[^A-Za-z0-9+/=_-]")


@dataclass(frozen=True, slots=True)
class Hit:
    """One secret in one text."""

    rule: Rule
    line: int
    secret: bytes
    how: Literal["plain", "base64"]


@dataclass(frozen=True, slots=True)
class Report:
    """What a text holds, and what kept the engine from looking at all of it."""

    hits: tuple[Hit, ...]
    problems: tuple[str, ...]
    """Why something was not looked at; empty = everything was."""
    notes: tuple[str, ...]


def entropy(text: bytes) -> float:
    """Bits for each character, by how often each occurs."""
    size = len(text)
    counts = (text.count(one) for one in set(text))
    return -sum(count / size * math.log2(count / size) for count in counts) if size else 0.0


def fingerprint(key: bytes, rule: str, path: str, secret: bytes) -> str:
    """A keyed hash: the same when lines move, and no way back to the secret without the key."""
    text = b"\0".join((rule.encode(), path.encode("utf-8", "surrogateescape"), secret))
    return hmac.new(key, text, sha256).hexdigest()[:40]


def masked(rule: Rule, secret: bytes) -> str:
    """Only what says the type: at most 4 characters, and never more than a quarter."""
    shown = min(rule.shown, 4, len(secret) // 4)
    return secret[:shown].decode("ascii", "replace") + "****"


_WORD: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


def _starts_a_word(text: bytes, at: int) -> bool:
    """Whether no letter or digit stands before, but for the end of an escape (%3D)."""
    if at == 0 or text[at - 1] not in _WORD:
        return True
    if text[at - 2 : at - 1] == b"\\" and text[at - 1] in b"nrtbf":
        return True
    return at >= 3 and text[at - 3] == 0x25 and {text[at - 1], text[at - 2]} <= _HEX  # noqa: PLR2004  # %3D


_Span = tuple[int, Rule, bytes, bool]
"""Where it begins, what it is, the secret, whether it was encoded."""


class _Taken:
    """Stretches of a text that a rule has found a secret in: an earlier rule keeps them."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def take(self, start: int, end: int) -> bool:
        """Take a stretch; False when a part of it is taken."""
        at = bisect_left(self._spans, (start, end))
        if at < len(self._spans) and self._spans[at][0] < end:
            return False
        if at and self._spans[at - 1][1] > start:
            return False
        self._spans.insert(at, (start, end))
        return True


class Scanner:
    """Rules, made ready. Patterns are compiled when a keyword first asks for them."""

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self._rules = tuple(rules)
        asking: dict[str, tuple[int, ...]] = {}
        for number, rule in enumerate(self._rules):
            for word in rule.keywords:
                asking[word] = (*asking.get(word, ()), number)
        self._keywords = Keywords(asking)

    def scan(self, data: bytes, size: int | None = None) -> Report:
        """All secrets of a file; `size` is its whole length when `data` is only its beginning."""
        whole = len(data) if size is None else size
        problems: list[str] = []
        data = data[:SIZE_LIMIT]
        if whole > len(data):
            problems.append(
                f"only the first {len(data):,} of {whole:,} bytes were looked at: it is too large"
            )
        text = plain(data)
        notes = []
        if text.compressed:
            problems.append("it is compressed: what is inside cannot be seen")
        elif text.binary:
            notes.append("it is binary: only what stands in it as plain text was looked at")
        spans = self._spans(text.data, 0 if text.binary else _DEPTH, problems, binary=text.binary)
        hits = list(_with_lines(text.data, spans))
        if text.raw:
            known = {(hit.rule.id, hit.secret) for hit in hits}
            raw = self._spans(text.raw, 0, problems, binary=True)
            hits += (
                hit for hit in _with_lines(text.raw, raw) if (hit.rule.id, hit.secret) not in known
            )
        return Report(tuple(hits), tuple(dict.fromkeys(problems)), tuple(notes))

    def _spans(self, text: bytes, depth: int, problems: list[str], *, binary: bool) -> list[_Span]:
        found: list[_Span] = []
        taken = _Taken()
        for rule in self._asked(text):
            if not (binary and rule.advice):
                found += self._of_rule(rule, text, taken, problems)
        inner = decoded(text) if depth else None
        if inner is not None:
            found += (
                (inner.origin(start), rule, secret, True)
                for start, rule, secret, _ in self._spans(
                    inner.data, depth - 1, problems, binary=binary
                )
            )
        return found

    def _asked(self, text: bytes) -> Iterator[Rule]:
        """The rules whose keywords stand in the text, in the order of their say."""
        hit = self._keywords.within(text)
        asked = sorted({number for numbers in hit for number in numbers})
        for first in range(0, len(self._rules), _GROUP):
            group = asked[bisect_left(asked, first) : bisect_left(asked, first + _GROUP)]
            if len(group) > _GROUP // 2 and not self._any(first).search(text):
                continue
            for number in group:
                yield self._rules[number]

    def _any(self, first: int) -> Pattern:
        """A pattern that matches where any rule of a group does: for texts full of keywords."""
        group = self._rules[first : first + _GROUP]
        return compiled("|".join(rule.pattern.replace("?P<secret>", "?:") for rule in group))

    def _of_rule(
        self, rule: Rule, text: bytes, taken: _Taken, problems: list[str]
    ) -> Iterator[_Span]:
        found = 0
        for count, match in enumerate(compiled(rule.pattern).finditer(text)):
            if count >= _CANDIDATES:
                problems.append(f"more than {_CANDIDATES:,} places look like {rule.id}")
                return
            start, end = match.span(1)
            secret = text[start:end]
            if (rule.bounded and not _starts_a_word(text, start)) or not self._is_secret(
                rule, secret, match
            ):
                continue
            if not taken.take(start, end):
                continue
            if found >= _FOUND:
                problems.append(f"more than {_FOUND} findings of {rule.id}; the rest is not listed")
                return
            found += 1
            yield start, rule, _identity(secret) if rule.lines else secret, False

    def _is_secret(self, rule: Rule, secret: bytes, match: Found) -> bool:
        if rule.placeholders and compiled(_PLACEHOLDER).search(secret.lower()):
            return False
        if rule.common and secret.lower().decode("latin-1") in rule.common:
            return False
        if rule.advice and compiled(_REFERENCE).search(secret):
            return False
        if rule.unless and compiled(rule.unless).search(match.group()):
            return False
        return entropy(secret[:4096]) >= rule.min_entropy


def _identity(secret: bytes) -> bytes:
    """The beginning of a key: the same however its lines end and whatever stands behind it."""
    return _WRAPPING.sub(b"", secret)[:_KEY_START]


def _with_lines(text: bytes, spans: Sequence[_Span]) -> Iterator[Hit]:
    """Line numbers, counted once through the text."""
    line, at = 1, 0
    for start, rule, secret, encoded in sorted(spans, key=lambda span: span[0]):
        line += text.count(b"\n", at, start)
        at = start
        yield Hit(rule, line, secret, "base64" if encoded else "plain")


@lru_cache(maxsize=1)
def scanner() -> Scanner:
    """All rules, made ready once in a process."""
    return Scanner()
