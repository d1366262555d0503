"""A command that came to its end, as whoever called it sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.repos import as_json


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return as_json(self.out)
