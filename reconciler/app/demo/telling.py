"""How the demonstration is told: a command is shown, run, shown what it said, and held to it.

Nothing is told that did not happen. What a command says is shortened only where that is said, and
one that ends otherwise than it should ends the demonstration.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join
from textwrap import wrap
from typing import Final, Protocol

from reconciler.errors import ReconcilerError
from reconciler.model.demo import Somebody

PATIENCE: Final = 120.0
"""Seconds for what the controller is to do; it takes a few."""
_NUMBER: Final = re.compile(r"!(\d+)")
_PLAN: Final = re.compile(r"sha256:[0-9a-f]{64}")


class Stage(Protocol):
    """Where it happens: a folder, its repository, and the processes of the program."""

    folder: Path

    def run(self, who: Somebody | None, argv: Sequence[str], program: str = "") -> tuple[int, str]:
        """A command to its end: its exit code, and everything that it said."""
        ...

    def begin_controller(self, who: Somebody, argv: Sequence[str]) -> None:
        """Have it run beside everything else."""
        ...

    def heard(self, seconds: float) -> Iterator[str]:
        """What the controller says from now on, line by line, for so long."""
        ...

    def end_controller(self) -> int:
        """Let what it is at come to its end."""
        ...

    def introduce(self, somebody: Somebody) -> str:
        """Give somebody a key; the public one."""
        ...

    def shipped(self) -> Mapping[str, bytes]:
        """What belongs to the demonstration alone: path -> bytes."""
        ...

    def files(self, name: str) -> Mapping[str, bytes]:
        """Everything in a folder of the folder."""
        ...

    def write(self, name: str, data: bytes) -> Path:
        """A file of the folder."""
        ...

    def begin(self, files: Mapping[str, bytes], who: Somebody) -> None:
        """The repository with a first commit."""
        ...

    def text(self, path: str, branch: str = "main") -> str:
        """A file as a branch has it."""
        ...

    def push(self, who: Somebody, branch: str, message: str, files: Mapping[str, str]) -> str:
        """Somebody commits and pushes; a new branch begins at main. The commit."""
        ...

    def forge(self, name: str, branch: str, old: bytes, new: bytes) -> str:
        """A clone in which somebody rewrote the last record that says the old; its folder."""
        ...


class Screen(Protocol):
    """Where it is told."""

    def chapter(self, number: int, title: str) -> None:
        """A step begins; whoever wants to look first is waited for."""
        ...

    def say(self, words: str) -> None:
        """What is about to happen, or just did."""
        ...

    def command(self, line: str) -> None:
        """What is about to be run, as one would type it."""
        ...

    def output(self, lines: Iterable[str]) -> None:
        """What it said."""
        ...


@dataclass
class Teller:
    """Tells it, step by step."""

    stage: Stage
    screen: Screen
    who: Somebody | None = field(default=None)

    def run(
        self,
        who: Somebody,
        *argv: str,
        code: int = 0,
        words: Sequence[str] = (),
        shown: int = 12,
        last: int = 0,
    ) -> str:
        """One command of the program. `shown`: lines of it, of which so many are the `last`."""
        if who is not self.who:
            self.who = who
            self.screen.command(f". as/{who.word}    # {who.name}, {who.what}")
        line = f"reconciler {join(argv)}"
        self.screen.command(line)
        ended, said = self.stage.run(who, argv)
        self.screen.output(shortened(said, shown, last))
        self._held(line, ended, said, code, words)
        return said

    def script(self, name: str, *argv: str, words: Sequence[str]) -> None:
        """Something that is no command of ours."""
        line = f"python {name} {join(argv)}"
        self.screen.command(line)
        ended, said = self.stage.run(None, argv, name)
        self.screen.output(shortened(said, 5, 0))
        self._held(line, ended, said, 0, words)

    def commits(
        self, who: Somebody, branch: str, message: str, path: str, *edits: tuple[str, str]
    ) -> str:
        """Somebody edits one document and pushes it; the commit."""
        begun = branch != "main" and bool(_in_branch(self.stage, path, branch))
        before = self.stage.text(path, branch if begun else "main")
        after = before
        for old, new in edits:
            if old not in after:
                raise ReconcilerError("demo-does-not-fit", f"{path} does not say {old!r}")
            after = after.replace(old, new, 1)
        self.screen.say(f"{who.name} commits to `{branch}` and pushes: {message}")
        gone = [one for one in before.splitlines() if one not in after.splitlines()]
        come = [one for one in after.splitlines() if one not in before.splitlines()]
        self.screen.output([path, *(f"- {one}" for one in gone), *(f"+ {one}" for one in come)])
        return self.stage.push(who, branch, message, {path: after})

    def _held(self, line: str, ended: int, said: str, code: int, words: Sequence[str]) -> None:
        missing = next((one for one in words if one not in said), None)
        if ended == code and missing is None:
            return
        what = (
            f"it was to end with {code}, and ended with {ended}"
            if ended != code
            else f"it was to say `{missing}`, and did not"
        )
        self.screen.say("Everything that it said:")
        self.screen.output(said.rstrip().splitlines())
        raise ReconcilerError(
            "demo-went-otherwise",
            f"`{line}` went otherwise than it should: {what}",
            hint=f"look around in {self.stage.folder}; `. as/ada` there, then commands as above",
        )

    @property
    def endpoint(self) -> str:
        """Where the simulated cloud is, as its own command says."""
        _, said = self.stage.run(None, ("sandbox", "status", "--format", "json"))
        return str(json.loads(said)["endpoint"])

    def branch_of(self, number: str) -> str:
        """What a merge request would bring in, as its own command says."""
        _, said = self.stage.run(None, ("mr", "show", number, "--format", "json"))
        return str(json.loads(said)["source"])

    def hears(self, *words: str) -> None:
        """Wait until the controller has said each of these, in whatever order."""
        left = list(words)
        for line in self.stage.heard(PATIENCE):
            self.screen.output([f"controller: {_without_time(line)}"])
            left = [one for one in left if not _all_in(one, line)]
            if not left:
                return
        raise ReconcilerError(
            "demo-went-otherwise",
            f"the controller was to say `{left[0]}`, and did not within {PATIENCE:.0f} seconds",
        )


def number_in(said: str) -> str:
    """The first merge request that is named."""
    found = _NUMBER.search(said)
    if found is None:
        raise ReconcilerError("demo-went-otherwise", "no merge request was named there")
    return found[1]


def plan_in(said: str) -> str:
    """The digest of the one plan that is shown."""
    found = _PLAN.search(said)
    if found is None:
        raise ReconcilerError("demo-went-otherwise", "no plan was shown there")
    return found[0]


def folded(text: str, width: int) -> list[str]:
    """A line in as many as it takes, each further one indented; what has no gap is not broken.

    A table gives up its columns first: a row in one line is read more easily.
    """
    bare = text.lstrip()
    indent = " " * (len(text) - len(bare))
    if len(text) > width:
        text = indent + re.sub(r" {2,}", "  ", bare)
    if len(text) <= width:
        return [text]
    gap = f"{indent}    "
    return wrap(text, width, subsequent_indent=gap, break_long_words=False, break_on_hyphens=False)


def typed(command: str, width: int) -> str:
    """A command as one would type it: a long one goes on in a new line before an option."""
    if len(command) <= width:
        return command
    return command.replace(" --", " \\\n    --")


def shortened(said: str, shown: int, last: int) -> list[str]:
    """Its lines; of many the first and the last ones, and how many are left out."""
    lines = said.rstrip().splitlines()
    if len(lines) <= shown + 1:
        return lines
    gap = len(lines) - shown
    head, tail = lines[: shown - last], lines[len(lines) - last :] if last else []
    return [*head, f"[{gap} more lines]", *tail]


def _in_branch(stage: Stage, path: str, branch: str) -> str:
    try:
        return stage.text(path, branch)
    except KeyError:
        return ""


def _all_in(words: str, line: str) -> bool:
    return set(words.split()) <= set(line.replace('"', " ").split())


def _without_time(line: str) -> str:
    """Without the instant that each line of the log begins with."""
    return line.partition(" ")[2] if re.match(r"\d{4}-\d\d-\d\dT", line) else line
