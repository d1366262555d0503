"""What this machine has: Python and its packages, folders that can be written, room on the disk.

Nothing is changed, and nothing that is not asked for is started.
"""

import os
import re
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from reconciler import __version__
from reconciler.model.merge_request import Advice

_REQUIREMENT: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(?P<wanted>[^;]*?)\s*(;\s*(?P<marker>.*))?"
)
_EXTRA: Final = re.compile(r"extra == ['\"](\w+)['\"]")
_LIMIT: Final = re.compile(r"(==|>=|<=|<|>|!=)\s*([0-9.]+)")
_EXTRAS: Final = {
    "sandbox": "a simulated cloud on this machine (`reconciler sandbox`)",
    "traces": "traces over OTLP",
    "engine": "Terraform's engine where neither terraform nor tofu is installed",
}
_LITTLE, _SCARCE = 5 * 2**30, 2**30
"""Bytes: below the first it is told, below the second it is to be mended."""


def program() -> Iterator[Advice]:
    """What runs, and whether its packages are those that it was made with."""
    python = ".".join(map(str, sys.version_info[:3]))
    yield Advice("reconciler", good=True, told=f"{__version__}, {Path(__file__).parents[1]}")
    yield Advice("python", good=True, told=f"{python}, {sys.executable}")
    try:
        stated = requires("reconciler") or []
    except PackageNotFoundError:
        hint = "`pip install reconciler`, or `make setup` in a checkout"
        told = "it is not installed here, so nobody knows which packages it needs"
        yield Advice("packages", None, told, hint)
        return
    wanted: dict[str, list[tuple[str, str]]] = {}
    for one in stated:
        match = _REQUIREMENT.fullmatch(one)
        extra = _EXTRA.search(one)
        if match is not None and (extra is None or extra[1] in _EXTRAS):
            wanted.setdefault(extra[1] if extra else "", []).append(
                (match["name"], match["wanted"])
            )
    yield _packages(wanted.get("", []))
    for name, what in _EXTRAS.items():
        yield _extra(name, what, wanted.get(name, []))


def _packages(wanted: list[tuple[str, str]]) -> Advice:
    wrong = [words for name, limits in wanted if (words := _unfit(name, limits))]
    if not wrong:
        told = f"all {len(wanted)} are here in versions that fit"
        return Advice("packages", good=True, told=told)
    return Advice("packages", good=False, told="; ".join(wrong), hint="`pip install reconciler`")


def _extra(extra: str, what: str, wanted: list[tuple[str, str]]) -> Advice:
    wrong = [words for name, limits in wanted if (words := _unfit(name, limits))]
    if wanted and not wrong:
        return Advice(f"extra {extra}", good=True, told=f"is here: {what}")
    told = f"is not here: {what}"
    return Advice(f"extra {extra}", None, told, f"`pip install 'reconciler[{extra}]'`, if wanted")


def _unfit(name: str, limits: str) -> str:
    """What is wrong with a package; nothing: it is as wanted."""
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is missing"
    return "" if fits(found, limits) else f"{name} is {found}, and {limits} is wanted"


def fits(found: str, limits: str) -> bool:
    """Whether a version is within limits such as `>=8,<9`, by the numbers that it begins with."""
    have = _numbers(found)
    for sign, words in _LIMIT.findall(limits):
        bound = _numbers(words)
        width = max(len(have), len(bound))
        one, other = ((*numbers, *[0] * (width - len(numbers))) for numbers in (have, bound))
        if not {
            "==": one == other,
            "!=": one != other,
            ">=": one >= other,
            "<=": one <= other,
            ">": one > other,
            "<": one < other,
        }[sign]:
            return False
    return True


def _numbers(words: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", words)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def folders(
    places: Mapping[str, tuple[Path | None, str]], complete: Collection[str] = ()
) -> Iterator[Advice]:
    """Whether what is kept can be kept. By what it is for: the folder, and the variable of it.

    `complete`: where all that is wanted is there already, as in an image; nobody has to write it.
    """
    for what, (folder, variable) in places.items():
        if folder is None:
            yield Advice(what, None, "nothing is kept", f"{variable} names a folder")
            continue
        there = _nearest(folder)
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            if what in complete:
                yield Advice(what, good=True, told=f"{folder} has everything; it is not written")
                continue
            hint = f"`chmod u+rwx {there}`, or name another folder in {variable}"
            yield Advice(what, good=False, told=f"{folder} cannot be written", hint=hint)
            continue
        free = shutil.disk_usage(there).free
        told = f"{folder}, {free / 2**30:.1f} GiB free"
        if free < _SCARCE:
            hint = f"make room there, or name another folder in {variable}"
            yield Advice(what, good=False, told=f"the disk is almost full: {told}", hint=hint)
        else:
            yield Advice(what, None if free < _LITTLE else True, told)


def _nearest(folder: Path) -> Path:
    """The folder, or the first one above it that is there."""
    for one in (folder, *folder.absolute().parents):
        if os.path.lexists(one):
            return one
    return Path("/")
