"""The examples in docs/ as small repositories: files, changes to them, and what commands then say.

A page marks the fenced block that follows a comment:

    <!-- file: PATH -->       the whole file at that path
    <!-- change: PATH -->     a diff of a file: what stands there, and what stands there instead
    <!-- output: COMMAND -->  what the command prints (generated)
    <!-- problems -->         the problems that `reconciler validate` tells (generated)
    <!-- help: COMMAND -->    a command's help (generated)
    <!-- runs -->             commands that a test runs there: tests/docs/commands.py

Files and changes are laid over the sample repository. Those under `## Example` stay for the rest of
the page; those under any other heading hold until the next heading. In a page that says
`<!-- files stay -->` all of them stay.
"""

import hashlib
import io
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final
from unittest.mock import patch

import pygit2

from reconciler.cli.main import cli, main
from tests.audit.story import tell

ROOT: Final = Path(__file__).parents[2]
SAMPLES: Final = ("environments", "policies", "profiles", "templates", "reconciler.yaml")
_PART: Final = re.compile(
    r"^(?P<heading>#{1,6} [^\n]*)$"
    r"|^(?P<mark><!-- (?P<what>file|change|output|problems|help|runs)"
    r"(?:: (?P<argument>[^\n]*?))? -->\n)"
    r"(?P<open>(?P<fence>`{3,})(?P<language>[^\n]*)\n)(?P<body>.*?)^(?P=fence)$"
    r"|^(?P<plain>`{3,})[^\n]*\n.*?^(?P=plain)$",
    re.DOTALL | re.MULTILINE,
)
_COMMIT: Final = "7f2b00f53672"
"""Else every page would change with every sample."""
_VARIABLES: Final = ("FORCE_COLOR", "RECONCILER_FORMAT", "RECONCILER_REPO", "TTY_COMPATIBLE")


def pages() -> list[Path]:
    """Every page that may have generated parts."""
    return sorted((ROOT / "docs").rglob("*.md"))


def run(arguments: str, folder: Path, cache: str = "none") -> tuple[int, str, str]:
    """A command line of `reconciler` in a folder: exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, {"RECONCILER_CACHE_DIR": cache}),
        chdir(folder),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        for name in _VARIABLES:
            os.environ.pop(name, None)
        try:
            main(shlex.split(arguments))
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1 if stop.code else 0
        else:
            code = 0
    return code, out.getvalue(), err.getvalue()


def help_of(command: str) -> str:
    """A command's help, 80 columns wide; `reconciler` for the program's own."""
    out = io.StringIO()
    arguments = [*command.split()[1:], "--help"]
    with redirect_stdout(out):
        cli.main(arguments, prog_name="reconciler", standalone_mode=False, terminal_width=80)
    return out.getvalue()


def changed(text: str, diff: str) -> str:
    """A text after a diff without line numbers: context and `-` lines stand in it exactly once."""
    lines = [line or " " for line in diff.splitlines()]
    assert {line[0] for line in lines} <= {" ", "-", "+"}, diff
    old = "".join(line[1:] + "\n" for line in lines if line[0] != "+")
    new = "".join(line[1:] + "\n" for line in lines if line[0] != "-")
    found = f"\n{text}".count(f"\n{old}")
    assert found == 1, f"this stands {found} times in the file:\n{old}"
    return f"\n{text}".replace(f"\n{old}", f"\n{new}")[1:]


def commit_all(folder: Path) -> None:
    """Commit everything that lies there, always by the same person at the same time."""
    repository = pygit2.Repository(str(folder))
    repository.index.add_all()
    who = pygit2.Signature("Ada Berg", "ada@example.com", 1_700_000_000, 0)
    parents = [] if repository.head_is_unborn else [repository.head.target]
    tree = repository.index.write_tree()
    repository.create_commit("HEAD", who, who, "Start", tree, parents)


def with_made_up_ids(text: str) -> str:
    """Ids by the order in which they stand there: the real ones change with every sample."""
    known: dict[str, str] = {}

    def made_up(match: re.Match[str]) -> str:
        if match[0].isdigit():
            return match[0]  # an account
        number = known.setdefault(match[0][:12], str(len(known)))
        return hashlib.sha256(number.encode()).hexdigest()[: len(match[0])]

    return re.sub(r"\b[0-9a-f]{12,64}\b", made_up, text)


class Scene:
    """Files laid over the sample repository."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def text(self, path: str) -> str:
        """A file as the scene has it."""
        return self.files.get(path) or (ROOT / path).read_text(encoding="utf-8")

    @contextmanager
    def repository(self) -> Iterator[Path]:
        """A git repository with the samples committed by Ada, and these files in the working tree.

        Who works there is Sara: her team owns demos.
        """
        with tempfile.TemporaryDirectory(prefix="docs-") as name:
            folder = Path(name)
            for sample in SAMPLES:
                source = ROOT / sample
                copy = shutil.copytree if source.is_dir() else shutil.copyfile
                copy(source, folder / sample)
            repository = pygit2.init_repository(name, initial_head="main")
            repository.config["user.name"] = "Sara Lind"
            repository.config["user.email"] = "sara@example.com"
            commit_all(folder)
            for path, text in self.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text, encoding="utf-8")
            yield folder

    def run(self, arguments: str) -> tuple[int, str, str]:
        """A command line in a repository of its own, whose commit has always the same id.

        What `audit` reads is there, too, and its ids are told apart and nothing else.
        """
        with self.repository() as folder:
            if arguments.startswith("audit "):
                tell(folder)
                code, out, err = run(arguments, folder)
                return code, with_made_up_ids(out), err
            code, out, err = run(arguments, folder)
            own = str(pygit2.Repository(str(folder)).head.target)
            return code, out.replace(own[:12], _COMMIT), err

    def problems(self) -> str:
        """What `reconciler validate` says is wrong, without its first and last words."""
        code, out, _ = self.run("validate")
        assert code == 1, out
        _, body, _ = out.split("\n\n")
        return body + "\n"


class Part:
    """One marked block of a page, in its scene."""

    def __init__(self, match: re.Match[str], heading: str, scene: Scene) -> None:
        self.match = match
        self.heading = heading
        self.scene = scene
        self.what: str = match["what"]
        self.argument: str = match["argument"] or ""
        self.body: str = match["body"]

    def wanted(self) -> str:
        """What ought to stand in the block."""
        match self.what:
            case "output":
                _, out, err = self.scene.run(self.argument.removeprefix("reconciler "))
                return out + err
            case "problems":
                return self.scene.problems()
            case "help":
                return help_of(self.argument)
            case _:
                return self.body


def parts(page: str) -> Iterator[Part]:
    """The marked blocks of a page, in order."""
    heading, base, files = "", dict[str, str](), dict[str, str]()
    stay = "<!-- files stay -->" in page
    for match in _PART.finditer(page):
        if match["heading"]:
            heading = match["heading"].lstrip("#").strip()
            files = dict(base)
            continue
        if match["plain"]:
            continue
        part = Part(match, heading, Scene(dict(files)))
        if part.what == "file":
            files[part.argument] = part.body
        elif part.what == "change":
            files[part.argument] = changed(part.scene.text(part.argument), part.body)
        if stay or heading == "Example":
            base = dict(files)
        part.scene = Scene(dict(files))
        yield part


def with_outputs(page: str) -> str:
    """A page whose generated blocks are as they ought to be."""
    pieces, at = [], 0
    for part in parts(page):
        start, end = part.match.span("body")
        pieces += [page[at:start], part.wanted()]
        at = end
    return "".join([*pieces, page[at:]])
