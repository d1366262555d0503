"""What months of fetching and recording leave behind: thousands of small files, made into one.

Every fetch leaves a pack, and every look-up goes through all of them. Nothing is ever thrown away
here, neither what nothing points to nor what cannot be read: objects only move into one pack, which
is on the disk before anything else goes.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final

import pygit2

from reconciler.adapters.git import common_folder, open_repository
from reconciler.adapters.loose import loose_objects, read_loose
from reconciler.core.git_pack import names
from reconciler.core.records.words import line
from reconciler.errors import ReconcilerError

_PACKS: Final = 50
_ALONE: Final = 6_700
"""As many as `git gc --auto` lets be."""
_SMALL: Final = 32 * 1024 * 1024
"""A pack that is larger stays as it is, and so does an object."""
_TOLD: Final = (".keep", ".promisor", ".bitmap")
"""A pack with one of these beside it is somebody's."""
_LASTS: Final = 12 * 3600
"""Whoever looks after a repository for longer than this is gone: as git says."""
_WORK: Final = "tmp_upkeep_"


def gather(path: Path) -> int:
    """Make one pack of what lies alone, where that is much: how many objects; 0: it is not much."""
    repository = open_repository(path)
    common = common_folder(Path(repository.path))
    objects = common / "objects"
    if not _is_much(objects):
        return 0
    with _looking_after(common / "gc.pid") as ours:
        if not ours:
            return 0
        try:
            return _gathered(repository, objects)
        except (OSError, ValueError, pygit2.GitError) as err:
            raise ReconcilerError(
                "not-tidied",
                f"many small packs in {objects} could not be made one: {line(str(err), 200)}",
                hint="nothing is lost, every look-up is slower; is the disk full? `git gc` does the"
                " same",
                subject=str(objects),
            ) from err


def _is_much(objects: Path) -> bool:
    if (objects / "pack" / "multi-pack-index").exists():
        return False  # `git maintenance` looks after it
    sample = objects / "17"  # names are drawn like lots: one folder tells of all
    alone = sum(1 for _ in sample.iterdir()) * 256 if sample.is_dir() else 0
    return alone > _ALONE or len(_small(objects)) > _PACKS


def _small(objects: Path) -> list[Path]:
    """The indices of packs that nobody said anything about."""
    found = []
    for index in sorted((objects / "pack").glob("pack-*.idx")):
        with suppress(OSError):
            small = index.with_suffix(".pack").stat().st_size < _SMALL
            if small and not any(index.with_suffix(told).exists() for told in _TOLD):
                found.append(index)
    return found


def _gathered(repository: pygit2.Repository, objects: Path) -> int:
    for left in objects.glob(f"{_WORK}*"):
        rmtree(left, ignore_errors=True)
    packs = _small(objects)
    alone = [oid for oid in loose_objects(objects) if _is_whole(objects, oid)]
    wanted = dict.fromkeys(oid for one in packs for oid in names(one.read_bytes()))
    wanted |= dict.fromkeys(alone)
    work = Path(mkdtemp(prefix=_WORK, dir=objects))
    try:
        kept = _packed(repository, objects, work, tuple(wanted))
    finally:
        rmtree(work, ignore_errors=True)
    there = set(names(kept.read_bytes()))
    if not there.issuperset(wanted):
        msg = "the new pack does not hold everything"
        raise ValueError(msg)
    for one in packs:
        if one != kept:
            # The index first: a pack without one is not there.
            for suffix in (".idx", ".rev", ".pack"):
                one.with_suffix(suffix).unlink(missing_ok=True)
    for oid in alone:
        (objects / oid[:2] / oid[2:]).unlink(missing_ok=True)
    return len(there)


def _is_whole(objects: Path, oid: str) -> bool:
    """What is damaged stays where `git fsck` finds it; libgit2 would read it for ever."""
    try:
        return read_loose(objects, oid, _SMALL) is not None
    except LookupError:
        return False


def _packed(
    repository: pygit2.Repository, objects: Path, work: Path, oids: tuple[str, ...]
) -> Path:
    """One more pack, on the disk; its index."""

    def add(builder: pygit2.PackBuilder) -> None:
        for oid in oids:
            builder.add(pygit2.Oid(hex=oid))

    repository.pack(path=str(work), pack_delegate=add, n_threads=1)
    (index,) = work.glob("*.idx")
    folder = objects / "pack"
    folder.mkdir(exist_ok=True)
    for suffix in (".pack", ".idx"):
        part = index.with_suffix(suffix)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.rename(folder / part.name)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return folder / index.name


@contextmanager
def _looking_after(path: Path) -> Iterator[bool]:
    """Whether nobody else does, git neither: it knows this file, and we know git's."""
    if _is_held(path):
        yield False
        return
    try:
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except OSError:
        yield False
        return
    try:
        os.write(handle, f"{os.getpid()} {socket.gethostname()}".encode())
        os.close(handle)
        yield True
    finally:
        path.unlink(missing_ok=True)


def _is_held(path: Path) -> bool:
    try:
        since = path.stat().st_mtime
        pid, _, host = path.read_text(encoding="utf-8").partition(" ")
    except (OSError, UnicodeDecodeError):
        return False
    if time.time() - since > _LASTS or not pid.isdigit():
        return False
    if host.strip() != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
