"""Where one is in a language's text: what the readers of each language share."""

import re
from typing import Final, Protocol


class Refused(Exception):  # noqa: N818  # says what it is
    """Text or a value that must not stand where it does; `line` counts within the text, from 0."""

    def __init__(self, message: str, expected: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.line = line


def matched(pattern: re.Pattern[str], text: str, at: int = 0) -> re.Match[str]:
    match = pattern.match(text, at)
    if match is None:
        raise Refused("text that is not clear", "plainer text")
    return match


class State(Protocol):
    """Where in the language's text one is."""

    def text(self, data: str) -> "State":
        """After static text; Refused when the text touches a value before it, or is not clear."""
        ...

    def value(self, *, raw: bool) -> "State":
        """After a printed value; Refused where none may stand."""
        ...

    def branch(self) -> "State":
        """Where a branch or a loop begins or ends; Refused where none may."""
        ...

    def include(self) -> "State":
        """After another template's text; Refused where none may stand."""
        ...

    def end(self) -> None:
        """The end of the template; Refused when something is open."""
        ...


TOUCHING: Final = ("two values are printed without anything between them", "{{ a ~ b }}")
ALONE: Final = "a value that stands alone"
