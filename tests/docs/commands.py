"""Every shell command that README, CONTRIBUTING and docs/ show, and how it is held.

A block of shell (`sh`, `console`) says in a comment above it what becomes of it:

    <!-- runs -->           its commands run, in order, in a repository with the page's files
    <!-- runs: exit 0 10 -->  the same; the last one may end with these codes
    <!-- parsed: why -->    its commands exist, with these options and arguments; why none is run
    <!-- transcript -->     a terminal's: tests/docs/tutorial.py runs the whole page

What stands in running text or in a help's examples is parsed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from reconciler.cli.main import cli
from tests.docs.scenes import ROOT, pages, parts

SHELL: Final = ("sh", "console")
MARKS: Final = ("runs", "parsed", "transcript")
FOREIGN: Final = (
    "cat",
    "cd",
    "cp",
    "echo",
    "export",
    "git",
    "grep",
    "head",
    "jq",
    "ls",
    "make",
    "mkdir",
    "openssl",
    "pip",
    "podman",
    "python",
    "python3",
    "rm",
    "sed",
    "sh",
    "terraform",
)
"""Programs of others, which are not parsed; `make`'s targets are."""
TESTED: Final = ROOT / "docs" / "tested.md"
BLOCK: Final = re.compile(
    r"^(?:<!-- (?P<mark>[a-z]+)(?:: (?P<argument>[^\n]*?))? -->\n)?"
    r"(?P<fence>`{3,})(?P<language>[a-z]*)\n(?P<body>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)
_HELD: Final = (click.Choice, click.IntRange, click.types.IntParamType)
_OPERATORS: Final = ("&&", "||", ";", "|", "&")
_REDIRECTIONS: Final = (">", ">>", "<", "2>", "2>&1")


@dataclass(frozen=True)
class Block:
    """One block of shell in a page."""

    page: str
    mark: str
    argument: str
    language: str
    body: str

    def lines(self) -> list[str]:
        return prompted(self.body) if self.language == "console" else list(_whole_lines(self.body))


def prompted(body: str) -> list[str]:
    """What is typed in a terminal's transcript: behind `$`, and behind `>` what goes on with it."""
    found: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif line[:2] in (">", "> ") and found:
            found[-1] += f"\n{line[2:]}"
    return found


def _whole_lines(body: str) -> Iterator[str]:
    for line in body.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def with_shell() -> list[Path]:
    """Every page that shows people what to type."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *pages()]


def blocks(page: Path) -> Iterator[Block]:
    name = str(page.relative_to(ROOT))
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if match["language"] in SHELL:
            yield Block(
                name, match["mark"] or "", match["argument"] or "", match["language"], match["body"]
            )


def simple_commands(line: str) -> Iterator[list[str]]:
    """The programs that a line of shell starts, each with its arguments."""
    words = shlex.shlex(line.partition("<<")[0], posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = "#"
    command: list[str] = []
    skip = False
    for word in words:
        if word in _OPERATORS:
            yield command
            command = []
        elif skip:
            skip = False
        elif word in _REDIRECTIONS:
            skip = True
        elif command or not re.match(r"[A-Z_]+=", word):
            command.append(word)
    if command:
        yield command


def whole_command(words: list[str]) -> None:
    """Hold a command line of ours to the program, without doing anything: else a UsageError."""
    command, context, rest = _leaf(words)
    values, left, _ = command.make_parser(context).parse_args(list(rest))
    if left:
        raise click.UsageError(f"nothing takes {left}", context)
    for parameter in command.params:
        given: Any = values.get(parameter.name or "")
        if not given or not isinstance(given, str | tuple | list):
            if parameter.required:
                raise click.MissingParameter(param=parameter, ctx=context)
            continue
        for one in (given,) if isinstance(given, str) else given:
            if isinstance(parameter.type, _HELD) and not _placeholder(str(one)):
                parameter.type.convert(one, parameter, context)


def mentioned_command(words: list[str]) -> None:
    """The same for what stands in a sentence, where arguments are left out."""
    command, context, rest = _leaf(words)
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    known |= {"--help", "-h"}
    for word in rest:
        name = word.partition("=")[0]
        if name.startswith("-") and name != "--" and name not in known:
            raise click.NoSuchOption(name, ctx=context)


def _placeholder(word: str) -> bool:
    return bool(re.fullmatch(r"[A-Z][A-Z_]*|\.\.\.", word))


def _context(
    command: click.Command, name: str | None, parent: click.Context | None = None
) -> click.Context:
    # With what the command says of its contexts: it keeps the option for help that is made here.
    return click.Context(command, info_name=name, parent=parent, **command.context_settings)


def _leaf(words: list[str]) -> tuple[click.Command, click.Context, list[str]]:
    """Go down the groups: the command, its context, and what is left of the words."""
    command: click.Command = cli
    context = _context(cli, "reconciler")
    rest = list(words)
    while isinstance(command, click.Group):
        _, rest, _ = command.make_parser(context).parse_args(rest)
        if not rest:
            break
        _, found, rest = command.resolve_command(context, rest)
        if found is None:
            raise click.UsageError(f"there is no command {words}", context)
        command = found
        context = _context(command, command.name, context)
    return command, context, rest


def spans(page: Path) -> Iterator[list[str]]:
    """Commands of ours in running text, as words."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for span in re.findall(r"`reconciler ([^`]+)`", text):
        words = shlex.split(re.sub(r"[][]|\.\.\.", "", span.partition(" | ")[0]))
        if not _placeholder(words[0]):
            yield words


def examples(page: Path) -> Iterator[list[str]]:
    """Commands of ours in the examples of shown help texts, as words."""
    for part in parts(page.read_text(encoding="utf-8")):
        if part.what != "help":
            continue
        found = re.search(r"^  Examples?:\n((?:    .*\n)+)", part.body, re.MULTILINE)
        for line in _whole_lines(found[1] if found else ""):
            # What it does may stand beside it, in a column of its own.
            for command in simple_commands(line.partition("  ")[0]):
                if command[:1] == ["reconciler"]:
                    yield command[1:]


def overview() -> str:
    """docs/tested.md: which commands are run, and which are only known to exist."""
    rows = []
    count = dict.fromkeys(MARKS, 0)
    for page in with_shell():
        found = list(blocks(page))
        for one in found:
            count[one.mark] = count.get(one.mark, 0) + len(one.lines())
        if found:
            why = "; ".join(dict.fromkeys(one.argument for one in found if one.mark == "parsed"))
            by = {
                mark: sum(len(one.lines()) for one in found if one.mark == mark) for mark in MARKS
            }
            link = page.name if page.parent.name == "docs" else ""
            link = link or str(Path("..") / page.relative_to(ROOT)).replace("../docs/", "")
            cells = (str(by["runs"] + by["transcript"] or ""), str(by["parsed"] or ""), why)
            rows.append(f"| [{page.relative_to(ROOT)}]({link}) | " + " | ".join(cells) + " |\n")
    run = count["runs"] + count["transcript"]
    held = "".join(f"| {what} | {how} |\n" for what, how in _HELD_BY.items())
    return (
        f"{_HEAD}{held}\nOf the commands in blocks of shell {run} are run and {count['parsed']} "
        f"only parsed:\n\n| page | run | only parsed | why |\n|---|---|---|---|\n{''.join(rows)}"
    )


_HEAD: Final = """\
# How these pages are held

Made by `python -m tests.docs.field_tables`; a test compares it.

| what stands in a page | how it is held |
|---|---|
"""
_HELD_BY: Final = {
    "a command's help, tables of fields, rules, metrics and what the sandbox keeps": (
        "made from the code, compared by a test"
    ),
    "documents, changes to them, and what the program then says": (
        "laid over the sample repository; the program is asked, its words are compared"
    ),
    "JSON documents": (
        "each field of each example is held against what commands print, and the other way round"
    ),
    "[the tutorial](tutorial.md), and the transcript of README": (
        "run from the beginning to the end, its output compared: "
        "until the sandbox by `make test`, whole by `make soak`"
    ),
    "shell commands that are **run**": (
        "in a repository with the page's files, by `make test`; "
        "those that ask Checkov, which takes long, by `make soak`"
    ),
    "shell commands that are **only parsed**": (
        "program, commands, options and arguments are there. "
        "What they need is not: a forge, an account, a terraform"
    ),
    "commands in running text, and examples of `--help`": "parsed",
    "links and anchors": "followed, by a test and by the site's build (`make site`)",
    "codes, reasons, limits, exit codes, variables": "held against the code by a test for each",
}
