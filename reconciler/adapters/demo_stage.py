"""The stage of the demonstration: a scratch folder, people with keys, and the program's processes.

No git has to be installed: what people commit and push is written here. Every process that is begun
is known, and ends when the stage is left.
"""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from shlex import quote
from threading import Thread
from typing import Final, NoReturn

import pygit2
from pygit2.enums import FileMode

import reconciler
from reconciler.adapters.ssh_keys import make_key
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.demo import Somebody
from reconciler.settings import become, environment_without_ours

_PATIENCE: Final = 60.0
"""Seconds that the controller has to end what it is at."""
_RECORD: Final = "record.json"
_PROGRAMS: Final = (
    "reconciler.__main__",
    "reconciler.adapters.checkov_server",
    "reconciler.adapters.engine_child",
    "reconciler.adapters.sandbox.",
)
"""What is a program of its own, or is not needed by commands."""


@dataclass
class Stage:
    """One demonstration. Whoever leaves it is asked what is to go on."""

    folder: Path
    main: Callable[[list[str]], None]
    """The program: what runs a command, and ends as a process does."""
    controller: "Background | None" = None
    _environment: dict[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> Path:
        """What everybody pushes to."""
        return self.folder / "environments.git"

    def enter(self) -> None:
        """Make the folder; one that holds anything is somebody's."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(self.folder.iterdir()):
                raise UsageError(
                    "folder-in-use",
                    f"{self.folder} is not empty",
                    hint="name a folder that is not there yet: `--into FOLDER`",
                )
            (self.folder / "as").mkdir(mode=0o700)
        except OSError as err:
            raise ReconcilerError(
                "unwritable", f"{self.folder} cannot be made: {err.strerror}"
            ) from err
        _import_everything()
        self._environment = environment_without_ours()
        program = str(Path(sys.executable).parent)
        self._environment["PATH"] = os.pathsep.join((program, self._environment.get("PATH", "")))

    def leave(self) -> None:
        """End everything, the simulated cloud too."""
        self.end_controller()
        if (self.folder / "state" / "sandbox").is_dir():
            self.run(None, ("sandbox", "stop"))

    # -- people

    def introduce(self, somebody: Somebody) -> str:
        """Give somebody a key, and a file that makes a shell and its git theirs; the public key."""
        key = self.folder / "as" / f"{somebody.word}.key"
        public = make_key(key, somebody.email)
        lines = [f"# Act as {somebody.name}: . {self._shown(key.with_suffix(''))}"]
        for name, value in self._of(somebody).items():
            lines.append(f"export {name}={quote(value)}")
        for role in ("AUTHOR", "COMMITTER"):
            lines.append(f"export GIT_{role}_NAME={quote(somebody.name)}")
            lines.append(f"export GIT_{role}_EMAIL={quote(somebody.email)}")
        lines.append(f"export PATH={quote(str(Path(sys.executable).parent))}:$PATH")
        key.with_suffix("").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return public

    def _of(self, somebody: Somebody | None) -> Mapping[str, str]:
        ours = {
            "RECONCILER_REPO": str(self.repository),
            "RECONCILER_STATE_DIR": str(self.folder / "state"),
            "RECONCILER_SANDBOX": "1",
        }
        if somebody is None:
            return ours
        return {
            **ours,
            "RECONCILER_ACTOR_NAME": somebody.name,
            "RECONCILER_ACTOR_EMAIL": somebody.email,
            "RECONCILER_SIGNING_KEY": str(self.folder / "as" / f"{somebody.word}.key"),
        }

    def _shown(self, path: Path) -> str:
        return quote(str(path))

    # -- processes

    def run(self, who: Somebody | None, argv: Sequence[str], program: str = "") -> tuple[int, str]:
        """A command to its end: its exit code, and everything that it said.

        `program`: a script of the folder, and not the program itself.
        """
        pid = -1
        reader, writer = os.pipe()
        try:
            with _interrupted_later():
                pid = os.fork()
                if not pid:
                    os.close(reader)
                    self._play(writer, self._of(who), argv, program)
                os.close(writer)
            with os.fdopen(reader, "rb") as source:
                said = source.read()
            _, status = os.waitpid(pid, 0)
        except BaseException:
            # It ends by itself what it began; it is asked here, so that it is asked once.
            with suppress(ProcessLookupError, ChildProcessError):
                if pid > 0:
                    os.kill(pid, signal.SIGINT)
                    os.waitpid(pid, 0)
            raise
        return os.waitstatus_to_exitcode(status), said.decode("utf-8", "replace")

    def _play(
        self, sink: int, ours: Mapping[str, str], argv: Sequence[str], program: str
    ) -> NoReturn:
        """In a process that was split off: be that command, as if it had just been started."""
        code = 1
        try:
            os.setsid()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.chdir(self.folder)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for place, descriptor in enumerate((nothing, sink, sink)):
                os.dup2(descriptor, place)
            # What was a file may be a pipe now: what Python knew of it is no longer so.
            sys.stdout, sys.stderr = (
                open(place, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # until it ends
                for place in (1, 2)
            )
            environment = {**self._environment, **ours}
            if program:
                os.execve(sys.executable, [sys.executable, program, *argv], environment)  # noqa: S606  # a list
            become(environment)
            self.main([*argv])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def begin_controller(self, who: Somebody, argv: Sequence[str]) -> None:
        """Have it run beside everything else."""
        with _interrupted_later():
            self.controller = Background(
                [sys.executable, "-P", "-m", "reconciler", *argv],
                self.folder,
                {**self._environment, **self._of(who)},
            )

    def heard(self, seconds: float) -> Iterator[str]:
        """What the controller says from now on, line by line, for so long."""
        if self.controller is not None:
            yield from self.controller.lines(seconds)

    def end_controller(self) -> int:
        """Let what it is at come to its end."""
        running, self.controller = self.controller, None
        return running.end() if running is not None else 0

    # -- what people write

    @staticmethod
    def shipped() -> Mapping[str, bytes]:
        """What belongs to the demonstration alone: path -> bytes."""
        return _files_of(Path(reconciler.__file__).parent / "demo")

    def files(self, name: str) -> Mapping[str, bytes]:
        """Everything in a folder of the folder, but for git's own."""
        return _files_of(self.folder / name)

    def write(self, name: str, data: bytes) -> Path:
        """A file of the folder."""
        path = self.folder / name
        path.write_bytes(data)
        return path

    def begin(self, files: Mapping[str, bytes], who: Somebody) -> None:
        """The repository with a first commit."""
        repository = pygit2.init_repository(str(self.repository), bare=True, initial_head="main")
        self._commit(repository, "main", who, "Start", dict(files), ())

    def text(self, path: str, branch: str = "main") -> str:
        """A file as a branch has it."""
        found = pygit2.Repository(str(self.repository)).revparse_single(f"{branch}:{path}")
        return found.data.decode() if isinstance(found, pygit2.Blob) else ""

    def push(self, who: Somebody, branch: str, message: str, files: Mapping[str, str]) -> str:
        """Somebody commits and pushes; a new branch begins at main. The commit."""
        repository = pygit2.Repository(str(self.repository))
        known = branch if branch in repository.branches.local else "main"
        parent = repository.branches.local[known].target
        edits = {path: text.encode() for path, text in files.items()}
        return self._commit(repository, branch, who, message, edits, (str(parent),))

    @staticmethod
    def _commit(
        repository: pygit2.Repository,
        branch: str,
        who: Somebody,
        message: str,
        edits: Mapping[str, bytes],
        parents: Sequence[str],
    ) -> str:
        index = pygit2.Index()
        ids = [pygit2.Oid(hex=one) for one in parents]
        if ids:
            index.read_tree(repository[ids[0]].peel(pygit2.Tree))
        for path, data in edits.items():
            index.add(pygit2.IndexEntry(path, repository.create_blob(data), FileMode.BLOB))
        tree, author = index.write_tree(repository), pygit2.Signature(who.name, who.email)
        return str(
            repository.create_commit(f"refs/heads/{branch}", author, author, message, tree, ids)
        )

    def forge(self, name: str, branch: str, old: bytes, new: bytes) -> str:
        """A clone in which somebody rewrote history: the last record that says the old, says new.

        Everything after it is put on top again, byte for byte but for the parent. The clone's
        folder.
        """
        place = self.folder / name
        clone = pygit2.clone_repository(str(self.repository), str(place), bare=True)
        for ref in pygit2.Repository(str(self.repository)).references.objects:
            if ref.name.startswith("refs/heads/"):
                clone.references.create(ref.name, ref.target, force=True)
        tip = clone.references[f"refs/heads/{branch}"].peel(pygit2.Commit)
        after: list[pygit2.Commit] = []
        for commit in clone.walk(tip.id):
            document = commit.tree[_RECORD]
            if isinstance(document, pygit2.Blob) and old in document.data:
                break
            after.append(commit)
        else:
            raise ReconcilerError("nothing-to-forge", f"no record says {old.decode()}")
        blob = clone.create_blob(document.data.replace(old, new))
        index = pygit2.Index()
        index.read_tree(commit.tree)
        index.add(pygit2.IndexEntry(_RECORD, blob, FileMode.BLOB))
        made = _replaced(clone, commit, b"tree", str(index.write_tree(clone)))
        for one in reversed(after):
            made = _replaced(clone, one, b"parent", made)
        clone.references.create(f"refs/heads/{branch}", pygit2.Oid(hex=made), force=True)
        return name


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """What ends it waits until what was begun is known: nobody would end that else."""
    waiting: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {
        each: signal.signal(each, lambda number, _frame: waiting.append(number))
        for each in numbers
        if signal.getsignal(each) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        if waiting:
            raise KeyboardInterrupt


def _import_everything() -> None:
    """Once, before processes are split off: else each command would take its second for that."""
    for one in walk_packages(reconciler.__path__, "reconciler."):
        if not one.name.startswith(_PROGRAMS):
            import_module(one.name)


def _files_of(top: Path) -> Mapping[str, bytes]:
    skipped = {".git", "__pycache__"}
    return {
        str(file.relative_to(top)): file.read_bytes()
        for file in sorted(top.rglob("*"))
        if file.is_file() and not skipped & set(file.relative_to(top).parts)
    }


def _replaced(repository: pygit2.Repository, commit: pygit2.Commit, what: bytes, by: str) -> str:
    """The same commit with another tree or parent, signature and all."""
    pattern = re.compile(rb"^" + what + rb" [0-9a-f]{40}$", re.MULTILINE)
    data = pattern.sub(what + b" " + by.encode(), commit.read_raw(), count=1)
    return str(repository.write(pygit2.enums.ObjectType.COMMIT, data))


class Background:
    """A process whose lines are read when somebody waits for them."""

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # A Ctrl-C is for the demonstration, which lets it end what it is at.
            start_new_session=True,
        )
        self._rest = b""
        self._said: deque[str] = deque()

    def lines(self, seconds: float) -> Iterator[str]:
        """Each line as it is said; no more when the time is over, or it has ended."""
        source = self._process.stderr
        until = time.monotonic() + seconds
        while source is not None:
            while self._said:
                yield self._said.popleft()
            left = until - time.monotonic()
            if left <= 0 or not select.select([source], [], [], left)[0]:
                return
            more = os.read(source.fileno(), 65536)
            if not more:
                return
            *lines, self._rest = (self._rest + more).split(b"\n")
            self._said.extend(line.decode("utf-8", "replace") for line in lines)

    def end(self) -> int:
        """Ask it to end, and wait for that; what it still says is read, so that it is not stuck."""
        drain = Thread(target=self._drain, daemon=True)
        drain.start()
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)  # at the next safe point, then
            code = self._process.wait()
        drain.join()
        if self._process.stderr is not None:
            self._process.stderr.close()
        return code

    def _drain(self) -> None:
        if self._process.stderr is not None:
            with suppress(OSError, ValueError):
                while os.read(self._process.stderr.fileno(), 65536):
                    pass
