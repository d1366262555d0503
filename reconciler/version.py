"""Which version this is: what git's tags say, of a checkout as of what was built from it.

A commit with the tag `v1.2.3` is 1.2.3. Any other is `NEXT.dev0+g<commit>`: it says that nobody
released it, and which commit it is. That depends on nothing but the commit and its own tags, so a
shallow clone, a full one and an archive of the same commit say the same.

It is read from the files of `.git`: git need not be installed, nor any package, since the build
asks this very module (`tool.hatch.version`). What it cannot read makes a version unreleased, never
released. Results and records also carry a digest of the code: a version is for people.
"""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

NEXT: Final = "0.1.0"
"""The release that the commits after the last one lead to."""

_TAG: Final = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:(a|b|rc)(\d+))?")
_ID: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_TAGS: Final = "refs/tags/"
_INDEX: Final = b"\377tOc\0\0\0\2"
_PACKED_TAG: Final = 4
_FIRST: Final = 4096
"""Of a tag's object no more is read: what it names stands in its first line."""


def program_version() -> str:
    """Of this very program, installed or in a checkout."""
    root = Path(__file__).resolve().parents[1]
    if (root / "pyproject.toml").is_file():
        return source_version(root)
    from importlib.metadata import version  # noqa: PLC0415  # `--help` does without

    return version("reconciler")


def source_version(root: Path) -> str:
    """Of a checkout, an archive of a commit, or a source distribution."""
    try:
        found = _checked_out(root) or _archived(root)
        if found is None:
            (stated,) = re.findall(r"^Version: (\S+)$", _text(root / "PKG-INFO"), re.MULTILINE)
            return str(stated)
    except (OSError, ValueError, zlib.error):
        return f"{NEXT}.dev0+unknown"
    commit, tags = found
    releases = [match for match in map(_TAG.fullmatch, tags) if match]
    if releases:
        return max(releases, key=_order)[0][1:]
    return f"{NEXT}.dev0+g{commit[:12]}"


def _order(tag: re.Match[str]) -> tuple[int, int, int, str, int]:
    """The order of versions: a release stands behind its candidates."""
    major, minor, patch, kind, number = tag.groups()
    return int(major), int(minor), int(patch), kind or "z", int(number or 0)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _archived(root: Path) -> tuple[str, list[str]] | None:
    """What `git archive` wrote into the file that asks for it."""
    path = root / ".git_archival.txt"
    words = dict(line.split(": ", 1) for line in _text(path).splitlines() if ": " in line)
    if not _ID.fullmatch(words.get("node", "")):
        return None
    names = words.get("ref-names", "").split(", ")
    return words["node"], [one.removeprefix("tag: ") for one in names if one.startswith("tag: ")]


# -------------------------------------------------------------------------------------- git's files


def _checked_out(root: Path) -> tuple[str, list[str]] | None:
    """The commit of HEAD and its tags; None: `root` is no checkout itself."""
    git = root / ".git"
    if not git.exists():
        return None
    if git.is_file():  # a linked worktree, or a submodule
        git = root / _text(git).strip().removeprefix("gitdir: ")
    common = git / "commondir"
    shared = git / _text(common).strip() if common.is_file() else git
    refs, peeled = _packed(shared)
    head = _text(git / "HEAD").strip()
    if head.startswith("ref: "):
        name = head.removeprefix("ref: ")
        loose = shared / name
        head = _text(loose).strip() if loose.is_file() else refs.get(name, "")
    if not _ID.fullmatch(head):
        raise ValueError(head)
    top = shared / _TAGS
    for loose in top.rglob("v*"):
        if loose.is_file():
            name = str(loose.relative_to(shared))
            refs[name] = _text(loose).strip()
            peeled.pop(name, None)
    mine = [
        name.removeprefix(_TAGS)
        for name, target in refs.items()
        if name.startswith(_TAGS)
        and _TAG.fullmatch(name.removeprefix(_TAGS))
        and head in (target, peeled.get(name) or _tagged(shared / "objects", target))
    ]
    return head, mine


def _packed(shared: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The refs of `packed-refs`, and what those that are tags with words of their own point at."""
    refs: dict[str, str] = {}
    peeled: dict[str, str] = {}
    path = shared / "packed-refs"
    name = ""
    for line in _text(path).splitlines() if path.is_file() else ():
        if line.startswith("^"):
            peeled[name] = line[1:]
        elif not line.startswith("#"):
            target, _, name = line.partition(" ")
            refs[name] = target
    return refs, peeled


def _tagged(objects: Path, name: str) -> str | None:
    """The commit that an annotated tag names; None: it is none, or cannot be read."""
    if not _ID.fullmatch(name):
        return None
    loose = objects / name[:2] / name[2:]
    if loose.is_file():
        data = zlib.decompressobj().decompress(loose.read_bytes(), _FIRST)
        kind, _, data = data.partition(b"\0")
        if not kind.startswith(b"tag "):
            return None
    else:
        data = next(
            (data for data in _in_packs(objects / "pack", bytes.fromhex(name)) if data), b""
        )
    match = re.match(rb"object ([0-9a-f]{40,64})\n", data)
    return match[1].decode() if match else None


def _in_packs(folder: Path, name: bytes) -> Iterator[bytes]:
    """The beginning of the tag of that id, from each pack that has it whole."""
    for index in sorted(folder.glob("*.idx")):
        with index.open("rb") as file:
            offset = _place(file, name)
        if offset is not None:
            with index.with_suffix(".pack").open("rb") as file:
                file.seek(offset)
                yield _whole(file.read(_FIRST))


def _place(file: BinaryIO, name: bytes) -> int | None:
    """Where in the pack an object is, by the pack's index."""
    if file.read(8) != _INDEX:
        return None
    fan = [int.from_bytes(file.read(4), "big") for _ in range(256)]
    first, last, total = (fan[name[0] - 1] if name[0] else 0), fan[name[0]], fan[255]
    names = 8 + 256 * 4
    file.seek(names + first * len(name))
    position = next((at for at in range(first, last) if file.read(len(name)) == name), None)
    if position is None:
        return None
    offsets = names + total * (len(name) + 4)
    file.seek(offsets + position * 4)
    offset = int.from_bytes(file.read(4), "big")
    if offset >> 31:  # a pack of more than 2 GiB
        file.seek(offsets + total * 4 + (offset & 0x7FFFFFFF) * 8)
        offset = int.from_bytes(file.read(8), "big")
    return offset


def _whole(data: bytes) -> bytes:
    """A tag as it is in a pack; empty: another kind, or kept as a difference from another one."""
    end = next(at for at, byte in enumerate(data) if not byte & 0x80) + 1
    if data[0] >> 4 & 7 != _PACKED_TAG:
        return b""
    return zlib.decompressobj().decompress(data[end:], _FIRST)
