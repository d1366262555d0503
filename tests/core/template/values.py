"""Hostile values: a corpus, and strategies that look for more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

CORPUS = Path(__file__).parents[2] / "data" / "hostile-values" / "values.txt"
_ESCAPE = re.compile(r"\\(n|r|t|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_SHORT = {"n": "\n", "r": "\r", "t": "\t"}


def _unescape(match: re.Match[str]) -> str:
    return _SHORT.get(match[1]) or chr(int(match[1][1:], 16))


HOSTILE = tuple(
    _ESCAPE.sub(_unescape, line) for line in CORPUS.read_text(encoding="utf-8").splitlines()
)

PIECES = ("${", "%{", "$", "%", "{", "}", '"', "\\", "\n", "\r", "'", "#", ": ", "- ", "*/", "EOT")
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=30),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=8).map("".join),
)
"""Texts that are likely to hurt; without halves of characters, which no document can hold."""
numbers = st.one_of(st.integers(-(2**62), 2**62), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)
