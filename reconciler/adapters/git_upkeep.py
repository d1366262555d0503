"""What months of fetching and recording leave behind: thousands of small files, made into one.

Every fetch leaves a pack, and every look-up goes through all of them. Nothing is ever thrown away
here, neither what nothing points to nor what cannot be read: objects only move into one pack, which
is on the disk before anything else goes. Whoever could read them can, and nobody else: what is
another one's, or read by others, stays.
"""

import fcntl
import os
import socket
import stat
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final, NamedTuple

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
"""A pack that is larger stays as it is, and so does an object, and a pack that holds such a one:
whoever pushes what comes to gigabytes only wants to take our memory."""
_TOLD: Final = (".keep", ".promisor", ".bitmap", ".mtimes")
"""A pack with one of these beside it is somebody's."""
_GITS: Final = ("multi-pack-index", "multi-pack-index.d")
"""With one of these `git maintenance` looks after all packs."""
_LASTS: Final = 12 * 3600
"""Whoever looks after a repository for longer than this is gone: as git says."""
_WORK: Final = "tmp_upkeep_"
_READ: Final = 0o444
_TWO: Final = 2


class _Found(NamedTuple):
    """What the same people can read, and what comes to one pack."""

    packs: Mapping[Path, Sequence[str]]
    """By index: the objects in it."""
    alone: Collection[str]
    mode: int
    """Who may read it."""


def gather(path: Path) -> int:
    """Make one pack of what lies alone, where that is much: how many objects; 0: it is not much."""
    repository = open_repository(path)
    common = common_folder(Path(repository.path))
    objects = common / "objects"
    try:
        if not _may(repository, objects) or not _is_much(objects, _small(objects)):
            return 0
        with _looking_after(common) as ours:
            return _gathered(repository, objects) if ours else 0
    except (OSError, ValueError, pygit2.GitError) as err:
        raise ReconcilerError(
            "not-tidied",
            f"many small packs in {objects} could not be made one: {line(str(err), 200)}",
            hint="nothing is lost, every look-up is slower; is the disk full? `git gc` does the"
            " same",
            subject=str(objects),
        ) from err
    finally:
        repository.free()  # each pack that was read is an open file


def _may(repository: pygit2.Repository, objects: Path) -> bool:
    """Whether files may go there though their objects stay."""
    config, precious = repository.config, "extensions.preciousObjects"
    if precious in config and config.get_bool(precious):
        return False
    if "gc.auto" in config and config.get_int("gc.auto") <= 0:
        return False  # somebody told git to leave it alone
    packs = objects / "pack"
    if packs.is_symlink() or not os.access(objects, os.W_OK):
        return False
    return not any((packs / one).exists() for one in _GITS)


def _is_much(objects: Path, packs: Collection[Path]) -> bool:
    sample = objects / "17"  # names are drawn like lots: one folder tells of all
    alone = sum(1 for _ in sample.iterdir()) * 256 if sample.is_dir() else 0
    return alone > _ALONE or len(packs) > _PACKS


def _small(objects: Path) -> list[Path]:
    """The indices of packs that nobody said anything about."""
    found = []
    for index in sorted((objects / "pack").glob("pack-*.idx")):
        pack = _file(index.with_suffix(".pack"))
        if pack is not None and pack.st_size < _SMALL and not _is_told(index):
            found.append(index)
    return found


def _is_told(index: Path) -> bool:
    return any(index.with_suffix(told).exists() for told in _TOLD)


def _file(path: Path) -> os.stat_result | None:
    """What is known of a file; None: it is none, or only leads to one."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _gathered(repository: pygit2.Repository, objects: Path) -> int:
    for left in objects.glob(f"{_WORK}*"):
        rmtree(left, ignore_errors=True)
    work = Path(mkdtemp(prefix=_WORK, dir=objects))
    try:
        found = _alike(repository.odb, objects, work)
        if not _is_much(objects, found.packs) or len(found.packs) + len(found.alone) < _TWO:
            return 0
        wanted = dict.fromkeys(oid for held in found.packs.values() for oid in held)
        wanted |= dict.fromkeys(found.alone)
        kept = _packed(repository, objects, work, tuple(wanted), found.mode)
    finally:
        rmtree(work, ignore_errors=True)
    there = set(names(kept.read_bytes()))
    if not there.issuperset(wanted):
        msg = "the new pack does not hold everything"
        raise ValueError(msg)
    for one in found.packs:
        if one != kept and not _is_told(one):
            # The index first: a pack without one is not there.
            for suffix in (".idx", ".rev", ".pack"):
                one.with_suffix(suffix).unlink(missing_ok=True)
    for oid in found.alone:
        (objects / oid[:2] / oid[2:]).unlink(missing_ok=True)
    return len(there)


def _alike(odb: pygit2.Odb, objects: Path, work: Path) -> _Found:
    """Everything that can be put together; where some of it is read by others, the most of it.

    `work`: a folder of ours, which has the owner and the group of whatever we make there.
    """
    ours = _owner(work.stat())
    packs: dict[int, dict[Path, Sequence[str]]] = {}
    alone: dict[int, list[str]] = {}
    for index in _small(objects):
        pack = _file(index.with_suffix(".pack"))
        if pack is not None and _owner(pack) == ours and (held := _held(odb, index)):
            packs.setdefault(pack.st_mode & _READ, {})[index] = held
    folders = {one.name for one in objects.iterdir() if not one.is_symlink()}
    for oid in loose_objects(objects):
        file = _file(objects / oid[:2] / oid[2:]) if oid[:2] in folders else None
        if file is not None and _owner(file) == ours and _is_whole(objects, oid):
            alone.setdefault(file.st_mode & _READ, []).append(oid)
    mode = max(
        packs.keys() | alone.keys(),
        key=lambda one: len(packs.get(one, ())) * _ALONE + len(alone.get(one, ())),
        default=0,
    )
    return _Found(packs.get(mode, {}), alone.get(mode, ()), mode)


def _owner(found: os.stat_result) -> tuple[int, int]:
    return found.st_uid, found.st_gid


def _held(odb: pygit2.Odb, index: Path) -> Sequence[str]:
    """What a pack holds; nothing: one of it is too large."""
    oids = names(index.read_bytes())
    try:
        large = any(odb.read_header(pygit2.Oid(hex=oid))[1] > _SMALL for oid in oids)
    except KeyError as err:
        msg = f"{index.name} names {err}, which cannot be read"
        raise ValueError(msg) from err
    return () if large else oids


def _is_whole(objects: Path, oid: str) -> bool:
    """What is damaged stays where `git fsck` finds it; libgit2 would read it for ever."""
    try:
        return read_loose(objects, oid, _SMALL) is not None
    except LookupError:
        return False


def _packed(
    repository: pygit2.Repository, objects: Path, work: Path, oids: Sequence[str], mode: int
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
        part.chmod(mode | stat.S_IRUSR)
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
def _looking_after(common: Path) -> Iterator[bool]:
    """Whether nobody else does, git neither: it knows this file, and we know git's."""
    path = common / "gc.pid"
    if not _taken(common, path):
        yield False
        return
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)


def _taken(common: Path, path: Path) -> bool:
    """One at a time: a second one would take away what the first one has just made."""
    with (common / "reconciler.lock").open("a") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if _is_held(path):
            return False
        path.unlink(missing_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {socket.gethostname()}")
        except FileExistsError:
            return False
    return True


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
