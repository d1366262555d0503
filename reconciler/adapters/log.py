"""Lines about what is done: for people, or as JSON for machines that read them.

Each line says when, what, and of which run. Whatever looks like a secret is taken out, and nothing
in a value can begin a line of its own.
"""

import json
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, Self, TextIO

import structlog

from reconciler.core.records.words import line
from reconciler.core.redact import hidden

_LONGEST: Final = 2000
_FIRST: Final = ("at", "level", "event", "run")
_CLEAR: Final = re.compile(r'[^\s="]+')
"""What can be told from the words around it."""


class Log:
    """Writes lines. It never fails: a stream that is gone is written to no more."""

    def __init__(self, *, as_json: bool, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._quiet = quiet
        show = structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else _plain
        self._log: Any = structlog.wrap_logger(
            structlog.WriteLogger(stream or sys.stderr),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
                _safe,
                show,
            ],
            wrapper_class=structlog.BoundLogger,
        )

    def bound(self, **words: str) -> Self:
        """The same, which says these words in each line: such as the run."""
        made = object.__new__(type(self))
        made._log = self._log.bind(**words)
        made._quiet = self._quiet
        return made

    def said(self, event: str, **words: object) -> None:
        """What happens; who wants it quiet is not told."""
        if not self._quiet:
            self._write("info", event, words)

    def warned(self, event: str, **words: object) -> None:
        """What somebody should look at."""
        self._write("warning", event, words)

    def failed(self, event: str, **words: object) -> None:
        """What went wrong."""
        self._write("error", event, words)

    def _write(self, level: str, event: str, words: Mapping[str, object]) -> None:
        try:
            getattr(self._log, level)(event, **words)
        except (OSError, ValueError):
            return


def _safe(_log: Any, _level: str, words: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """In one order, and fit to be seen."""
    names = [*(one for one in _FIRST if one in words), *sorted(set(words) - set(_FIRST))]
    return {name: _shown(words[name]) for name in names}


def _shown(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return hidden(line(str(value), _LONGEST))


def _plain(_log: Any, _level: str, words: MutableMapping[str, Any]) -> str:
    """For people: when, what, and the rest as name=value, in quotes where it could be misread."""
    at, level, event = (words.pop(name, "") for name in ("at", "level", "event"))
    mark = "" if level == "info" else f"{level}: "
    more = "".join(f" {name}={_word(value)}" for name, value in words.items())
    return f"{at} {mark}{event}{more}"


def _word(value: object) -> str:
    text = str(value)
    return text if _CLEAR.fullmatch(text) else json.dumps(text, ensure_ascii=False)
