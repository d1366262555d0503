"""Requests to the fake: which function answers which path, and how answers are cut into pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

from tests.fakes.gitlab.state import DEVELOPER, Lab, Merge, User

_PAGE, _LARGEST_PAGE, _COUNTED = 20, 100, 10_000


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: object, key: str = "message") -> None:
        super().__init__(message)
        self.status = status
        self.body = {key: message}


@dataclass
class Call:
    """One request, read."""

    lab: Lab
    user: User
    path: str
    """Without `/api/v4`."""
    words: tuple[str, ...]
    """What stands for the variable parts of the path, decoded."""
    query: dict[str, str]
    body: dict[str, Any]

    def needs(self, level: int, *, write: bool = True) -> None:
        if self.user.level < level:
            raise RefusedError(403, "403 Forbidden")
        if write and "api" not in self.user.scopes:
            raise RefusedError(403, "insufficient_scope", "error")

    def merge(self, iid: str) -> Merge:
        """The merge request of that number, as its last push left it."""
        if not iid.isdigit() or int(iid) not in self.lab.merges:
            raise RefusedError(404, "404 Not found")
        self.lab.look(int(iid))
        return self.lab.merges[int(iid)]

    def text(self, name: str) -> str:
        """A field of the body that has to be there."""
        value = self.body.get(name)
        if not isinstance(value, str) or not value.strip():
            raise RefusedError(400, f"{name} is missing", "error")
        return value


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    schema: str = ""
    """GitLab's own schema of such an answer."""


Handler = Callable[[Call], Answer]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Register: `*` stands for one part of a path, which may have `%2F` in it."""

    def kept(handler: Handler) -> Handler:
        pattern = re.escape(path).replace(r"\*", "([^/]+)")
        ROUTES.append((method, re.compile(pattern), handler))
        return handler

    return kept


def find(method: str, path: str) -> tuple[Handler, tuple[str, ...]] | None:
    """Who answers, given the raw path: a decoded one would fall apart at a project's slash."""
    for verb, pattern, handler in ROUTES:
        found = pattern.fullmatch(path)
        if found and verb == method:
            return handler, tuple(unquote(one) for one in found.groups())
    return None


def page(call: Call, rows: Sequence[Any], show: Callable[[Any], Any], schema: str = "") -> Answer:
    """One page; without totals where there are too many rows to count."""
    size = _number(call, "per_page", _PAGE, _LARGEST_PAGE)
    here = _number(call, "page", 1, 1_000_000)
    pages = max(1, -(-len(rows) // size))
    shown = [show(one) for one in rows[(here - 1) * size : here * size]]
    following = str(here + 1) if here < pages else ""
    headers = {
        "X-Page": str(here),
        "X-Per-Page": str(size),
        "X-Next-Page": following,
        "X-Prev-Page": str(here - 1) if here > 1 else "",
    }
    if len(rows) <= _COUNTED:
        headers |= {"X-Total": str(len(rows)), "X-Total-Pages": str(pages)}
    links = {"first": "1"} | ({"next": following} if following else {})
    if len(rows) <= _COUNTED:
        links["last"] = str(pages)
    base = f"{call.lab.url}/api/v4{call.path}"
    headers["Link"] = ", ".join(
        f'<{base}?{urlencode({**call.query, "page": number})}>; rel="{rel}"'
        for rel, number in links.items()
    )
    return Answer(200, shown, headers, schema)


def _number(call: Call, name: str, otherwise: int, most: int) -> int:
    value = call.query.get(name, "")
    if value and not value.isdigit():
        raise RefusedError(400, f"{name} is invalid", "error")
    return min(int(value), most) if value.isdigit() and int(value) else otherwise


def may_write(call: Call) -> None:
    call.needs(DEVELOPER)
