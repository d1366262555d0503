"""What goes wrong, on demand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "429", "500", "502", "503", "cut", "hang", "drip", "huge", "locked", "redirect", "not json"
]


@dataclass
class Fault:
    kind: Kind
    method: str = ""
    """Of requests of this method; empty: of any."""
    path: str = ""
    """Of requests whose path matches."""
    times: int = 1
    after: bool = False
    """Whether what was asked for is done before the answer gets lost."""
    retry_after: str = "1"
    skip: int = 0
    """So many go well first."""
    target: str = ""
    """Of a redirect."""


@dataclass
class Faults:
    """Those that wait for their request."""

    waiting: list[Fault] = field(default_factory=list)

    def add(self, kind: Kind, method: str = "", path: str = "", **more: object) -> Fault:
        one = Fault(kind, method, path)
        for name, value in more.items():
            setattr(one, name, value)
        self.waiting.append(one)
        return one

    def next(self, method: str, path: str) -> Fault | None:
        """The one that this request meets."""
        for one in self.waiting:
            if one.method not in ("", method) or not re.search(one.path, path):
                continue
            if one.skip > 0:
                one.skip -= 1
                continue
            one.times -= 1
            if one.times <= 0:
                self.waiting.remove(one)
            return one
        return None
