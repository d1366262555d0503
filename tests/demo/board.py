"""A stage on which nothing happens but what was told, and a screen that remembers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.model.demo import Somebody


@dataclass
class Fake:
    folder: Path
    code: int
    said: str
    lines: tuple[str, ...] = ()

    def run(self, who: Somebody | None, argv: Sequence[str], program: str = "") -> tuple[int, str]:
        return self.code, self.said

    def begin_controller(self, who: Somebody, argv: Sequence[str]) -> None:
        raise NotImplementedError

    def heard(self, seconds: float) -> Iterator[str]:
        yield from self.lines

    def end_controller(self) -> int:
        return 0

    def introduce(self, somebody: Somebody) -> str:
        raise NotImplementedError

    def shipped(self) -> Mapping[str, bytes]:
        raise NotImplementedError

    def files(self, name: str) -> Mapping[str, bytes]:
        raise NotImplementedError

    def write(self, name: str, data: bytes) -> Path:
        raise NotImplementedError

    def begin(self, files: Mapping[str, bytes], who: Somebody) -> None:
        raise NotImplementedError

    def text(self, path: str, branch: str = "main") -> str:
        raise NotImplementedError

    def push(self, who: Somebody, branch: str, message: str, files: Mapping[str, str]) -> str:
        raise NotImplementedError

    def forge(self, name: str, branch: str, old: bytes, new: bytes) -> str:
        raise NotImplementedError


@dataclass
class Board:
    lines: list[str] = field(default_factory=list)

    def chapter(self, number: int, title: str) -> None:
        self.lines.append(f"{number}. {title}")

    def say(self, words: str) -> None:
        self.lines.append(words)

    def command(self, line: str) -> None:
        self.lines.append(f"$ {line}")

    def output(self, lines: Iterable[str]) -> None:
        self.lines.extend(lines)
