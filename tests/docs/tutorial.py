"""The tutorial as a terminal: typed from the beginning to the end, and what comes back compared.

A block `<!-- transcript -->` has lines behind `$` (and `>` for what goes on with one), and what
they print. A line that ends in `# exit code N` has to end so, every other one well. `...` stands
for whatever is left out. What differs from run to run (ids, times, ports, folders) is made up, the
same way in the page and in what comes back.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.settings import ProcessSettings
from tests.docs.commands import BLOCK, prompted
from tests.docs.scenes import ROOT

PAGE: Final = ROOT / "docs" / "tutorial.md"
SANDBOX: Final = "<!-- from here on in the sandbox -->"
_MADE_UP: Final = (
    (re.compile(r"\b20\d\d-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"), "2026-12-01T09:00:00Z"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d(:\d\d)?"), "2026-12-01 09:00"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:4566"),
    (re.compile(r"\b\d+(\.\d+)? ?s\b"), "3 s"),
    (re.compile(r"(terraform|tofu) \d+\.\d+\.\d+"), "terraform 1.11.4"),
)


@dataclass(frozen=True)
class Typed:
    """One command, what it is to print, and how it is to end."""

    command: str
    shown: str

    @property
    def code(self) -> int:
        found = re.search(r"# exit code (\d+)$", self.command)
        return int(found[1]) if found else 0


def transcripts(text: str) -> Iterator[re.Match[str]]:
    for match in BLOCK.finditer(text):
        if match["mark"] == "transcript":
            yield match


def typed(body: str) -> list[Typed]:
    """The commands of a transcript."""
    pieces = re.split(r"^(\$ .*\n(?:>(?: .*)?\n)*)", body, flags=re.MULTILINE)
    assert pieces[0] == "", "a transcript begins with a command"
    return [
        Typed(prompted(command)[0], shown)
        for command, shown in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def told(text: str, salt: str = "") -> str:
    """What a command printed, without what differs from run to run."""
    known: dict[str, str] = {}

    def made_up(match: re.Match[str]) -> str:
        word = match[0]
        if word.isdigit() or word.isalpha():
            return word
        number = known.setdefault(word[:7], str(len(known)))
        return hashlib.sha256(f"{salt} {number}".encode()).hexdigest()[: len(word)]

    for pattern, instead in _MADE_UP:
        text = pattern.sub(instead, text)
    text = re.sub(r"\b[0-9a-f]{7,64}\b", made_up, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def same(shown: str, came: str) -> bool:
    """Whether that is what came back; `...` stands for any number of lines."""
    wanted = [re.escape(line) for line in told(shown).splitlines()]
    pattern = "\n".join(r"(?:.*\n)*?.*" if line == re.escape("...") else line for line in wanted)
    # Ids are made up by their order, which depends on what is left out: their length is held.
    length = re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b")
    return (
        re.fullmatch(
            length.sub(lambda one: "#" * len(one[0]), pattern),
            length.sub(lambda one: "#" * len(one[0]), told(came)),
        )
        is not None
    )


def at_a_terminal(commands: list[str], folder: Path) -> list[tuple[int, str]]:
    """Type all of it into one shell: how each ended, and what it printed."""
    mark = "--8<--"
    script = "".join(f"{{ {command}\n}} 2>&1\nprintf '\\n{mark}%s\\n' $?\n" for command in commands)
    home = folder / "home"
    home.mkdir()
    settings = ProcessSettings()
    done = subprocess.run(
        ["sh", "-s"],
        input=script,
        cwd=folder,
        env={
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "RECONCILER_TOOLS_DIR": str(settings.tools_folder()),
            "XDG_STATE_HOME": str(folder / "state"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.stderr == "", done.stderr
    pieces = re.split(rf"\n{mark}(\d+)\n", done.stdout)
    here = re.compile(re.escape(str(folder)))
    return [
        (int(code), here.sub("/home/sara", out))
        for out, code in zip(pieces[0::2], pieces[1::2], strict=False)
    ]


def renewed(text: str, came: list[tuple[int, str]]) -> str:
    """The page with what came back; where something is left out that stays so, if it still fits."""
    pieces, at, results = [], 0, iter(came)
    for match in transcripts(text):
        body = ""
        for one in typed(match["body"]):
            code, out = next(results, (one.code, one.shown))
            assert code == one.code, f"{one.command}: {code}\n{out}"
            fits = "..." in one.shown.splitlines() and same(one.shown, out)
            lines = one.command.split("\n")
            body += f"$ {lines[0]}\n" + "".join(f"> {line}".rstrip() + "\n" for line in lines[1:])
            plain = told(out, one.command).strip("\n")
            body += one.shown if fits else f"{plain}\n" if plain else ""
        start, end = match.span("body")
        pieces += [text[at:start], body]
        at = end
    return "".join([*pieces, text[at:]])
