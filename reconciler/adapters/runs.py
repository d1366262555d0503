"""Run directories, and what is remembered between runs: on this machine, in folders of ours alone.

A run directory is made from rendered files, never from a checkout, and kept until what it did is
known. Plans and states hold secrets in clear text, so nobody else may read here.
"""

import json
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from reconciler.adapters.locks import RETRY, held, taken
from reconciler.errors import ReconcilerError, WaitingError
from reconciler.model.rendered import Rendered
from reconciler.model.run import StateMark

Phase = Literal["planning", "applying", "settled"]
_SOURCE: Final = "terraform"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run of one environment."""

    path: Path

    @property
    def source(self) -> Path:
        """Where the source lies."""
        return self.path / _SOURCE

    def read(self) -> dict[str, Any]:
        """What was written of it; nothing when nobody could finish writing."""
        try:
            found = json.loads((self.path / "run.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, phase: Phase, **more: Any) -> None:
        """Note how far it is, before it goes on; a crash cannot lose this."""
        _write(self.path / "run.json", {**self.read(), "phase": phase, **more})

    def keep(self) -> None:
        """Something in it is still wanted: nobody removes it."""
        (self.path / "keep").touch()

    def unkeep(self) -> None:
        """Nothing in it is wanted any more, but to be told of."""
        (self.path / "keep").unlink(missing_ok=True)

    def remove(self) -> None:
        """Everything in it is known."""
        shutil.rmtree(self.path, ignore_errors=True)


class Runs:
    """All runs of one repository on this machine. `jobs`: how many may run at once."""

    def __init__(self, root: Path, jobs: int) -> None:
        self.root = root
        self._jobs = jobs
        try:
            for name in ("runs", "locks", "slots", "marks", "doubts", "states"):
                (root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            root.chmod(0o700)
        except OSError as err:
            raise ReconcilerError(
                "unwritable",
                f"{root} cannot be written: {err.strerror}",
                hint="set RECONCILER_STATE_DIR to a folder of your own",
                subject=str(root),
            ) from err

    @property
    def states(self) -> Path:
        """Where local states lie."""
        return self.root / "states"

    @contextmanager
    def alone(self, environment: str, what: str, seconds: float) -> Iterator[None]:
        """Nobody else on this machine works on the environment meanwhile."""
        path = self.root / "locks" / f"{environment}.lock"
        with held(path, what, seconds, lambda who: _held(environment, who)):
            yield

    @contextmanager
    def slot(self) -> Iterator[None]:
        """One of the runs that this machine can do at once; waits for its turn."""
        files = [(self.root / "slots" / f"{place}").open("wb") for place in range(self._jobs)]
        try:
            while not any(taken(file.fileno()) for file in files):
                time.sleep(RETRY)
            yield
        finally:
            for file in files:
                file.close()

    def new(self, environment: str, rendered: Rendered, more: Mapping[str, bytes]) -> RunFolder:
        """A folder with the rendered source in it, and nothing else."""
        name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(4)}"
        run = RunFolder(self.root / "runs" / environment / name)
        try:
            run.source.mkdir(parents=True, mode=0o700)
            prefix = f"{_SOURCE}/"
            for file in rendered.files:
                if file.path.startswith(prefix):
                    _put(run.source, file.path.removeprefix(prefix), file.content)
            for inner, content in more.items():
                _put(run.source, inner, content)
            run.write("planning", environment=environment, pid=os.getpid())
        except OSError as err:
            run.remove()
            raise ReconcilerError(
                "unwritable",
                f"the run directory of {environment} cannot be written: {err.strerror}",
                hint="is the disk full?",
                subject=str(run.path),
            ) from err
        return run

    def unsettled(self, environment: str) -> tuple[RunFolder, ...]:
        """Runs that began to apply and were never told to have ended; oldest first."""
        folder = self.root / "runs" / environment
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return tuple(
            run for path in found if (run := RunFolder(path)).read().get("phase") == "applying"
        )

    def kept(self, environment: str) -> tuple[RunFolder, ...]:
        """Runs in which something is still wanted; oldest first."""
        folder = self.root / "runs" / environment
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return tuple(RunFolder(path) for path in found if (path / "keep").exists())

    def sweep(self, environment: str) -> None:
        """Remove what only planned and is over. Only while the environment is ours alone."""
        folder = self.root / "runs" / environment
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            run = RunFolder(path)
            if run.read().get("phase") != "applying" and not (path / "keep").exists():
                run.remove()

    def mark(self, environment: str) -> StateMark | None:
        """How far the environment's state had come when we last saw it."""
        return mark_in(self.root, environment)

    def remember(self, environment: str, mark: StateMark | None) -> None:
        """From now on this is how far it has come; None: there is nothing to remember."""
        path = self.root / "marks" / f"{environment}.json"
        if mark is None:
            with suppress(FileNotFoundError):
                path.unlink()
        else:
            _write(path, asdict(mark))

    def doubts(self, environment: str) -> frozenset[str]:
        """What was begun to be made, and nobody knows whether it is there."""
        path = self.root / "doubts" / f"{environment}.json"
        try:
            return frozenset(map(str, json.loads(path.read_bytes())["addresses"]))
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError, TypeError, KeyError) as err:
            raise ReconcilerError(
                "unreadable",
                f"{path} cannot be read, and it says what must not be made twice",
                hint="look for resources that no state has (`drift`), then remove the file",
                subject=environment,
            ) from err

    def doubt(self, environment: str, addresses: Collection[str]) -> None:
        """From now on these are in doubt, and no others."""
        path = self.root / "doubts" / f"{environment}.json"
        if addresses:
            _write(path, {"addresses": sorted(addresses)})
        else:
            path.unlink(missing_ok=True)


def mark_in(root: Path, environment: str) -> StateMark | None:
    """What a folder of runs remembers of a state; a folder that is not there is not made."""
    try:
        return StateMark(**json.loads((root / "marks" / f"{environment}.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _held(environment: str, who: str) -> WaitingError:
    return WaitingError(
        "environment-busy",
        f"{environment} is being worked on: {who}",
        hint="wait for it, or stop it with Ctrl-C there",
        subject=environment,
    )


def _put(folder: Path, name: str, content: bytes) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ReconcilerError("bad-path", f"`{name}` does not stay in its folder", subject=name)
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.write_bytes(content)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all, also when the power goes."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(json.dumps(dict(value), sort_keys=True).encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as err:
        with suppress(OSError):
            beside.unlink()
        raise ReconcilerError(
            "unwritable",
            f"{path} cannot be written: {err.strerror}",
            hint="is the disk full?",
            subject=str(path),
        ) from err
