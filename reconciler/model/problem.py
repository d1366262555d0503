"""Problem: one thing that is wrong with what somebody wrote."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, where, what was expected and what to write instead.

    Lines and columns count from 1; 0 means the file as a whole.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    expected: str = ""
    suggestion: str = ""

    @property
    def place(self) -> str:
        """`path:line:column`, as editors and terminals link it."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path
