"""What a shell offers for names: environments, tracks, teams, agents, merge requests.

Somebody waits for it at each press of a key, so it is bounded in time, reads nothing but files and
refs of this machine, and where it cannot tell it offers nothing and says nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

if TYPE_CHECKING:
    from reconciler.wiring import Ports

_SECONDS: Final = 1.0
_MOST: Final = 500
"""A shell that is handed thousands of names asks whether to show them."""


class Named(StringParamType):
    """A text that names one of the things that are there."""

    def __init__(self, find: Callable[[Ports, Path], Iterable[str]]) -> None:
        self._find = find

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Those that begin so; none, when that takes too long or fails."""
        del param
        found: list[str] = []

        def look() -> None:
            from reconciler.wiring import build

            try:
                repo = ctx.params.get("repo") or Path()
                found.extend(one for one in self._find(build(), repo) if one.startswith(incomplete))
            except Exception:  # noqa: BLE001  # nobody wants words about it while they type
                found.clear()

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        looking.join(_SECONDS)
        return [CompletionItem(one) for one in sorted(set(found))[:_MOST]]


def _documents(folder: str) -> Named:
    """Documents are named as their files are."""

    def find(ports: Ports, repo: Path) -> Iterable[str]:
        from reconciler.core.tree import files_below

        tree = ports.repository(repo).snapshot(None)
        names = (entry.name for entry in files_below(tree, folder))
        return [one.removesuffix(".yaml") for one in names if one.endswith(".yaml")]

    return Named(find)


def _requests(ports: Ports, repo: Path) -> Iterable[str]:
    return ports.repository(repo).git.below("refs/reconciler/merge-requests/")


_ENVIRONMENTS: Final = _documents("environments")
_BY_NAME: Final = {
    "environment": _ENVIRONMENTS,
    "environments": _ENVIRONMENTS,
    "env": _ENVIRONMENTS,
    "only": _ENVIRONMENTS,
    "promoted_from": _ENVIRONMENTS,
    "track": _documents("profiles/tracks"),
    "owner": _documents("profiles/teams"),
    "team": _documents("profiles/teams"),
    "agent": _documents("profiles/agents"),
    "number": Named(_requests),
}
"""What a parameter of that name names, in every command."""


def offered(command: click.Command) -> None:
    """Teach a command's parameters what to offer. A choice does so by itself."""
    for one in command.params:
        named = _BY_NAME.get(one.name or "")
        if named is not None and one.type is click.STRING:
            one.type = named
