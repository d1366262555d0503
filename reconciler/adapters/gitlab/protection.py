"""Protected branches: whether anybody gets past a merge request, or writes records for others."""

import re
from collections.abc import Iterator
from typing import Any, Final

from reconciler.core.records.words import line
from reconciler.model.merge_request import Advice

DEVELOPER: Final = 30
MAINTAINER: Final = 40
ROLES: Final = {
    0: "no one",
    5: "Minimal Access",
    10: "Guest",
    15: "Planner",
    20: "Reporter",
    30: "Developer",
    40: "Maintainer",
    50: "Owner",
    60: "administrators",
}
PROTECT: Final = "Settings > Repository > Protected branches"


def good(what: str, told: str) -> Advice:
    """It is as it should be."""
    return Advice(what, True, told)  # noqa: FBT003 - the field's meaning is this function's name


def bad(what: str, told: str, hint: str) -> Advice:
    """Somebody has to do something."""
    return Advice(what, False, told, hint)  # noqa: FBT003 - as above


def unclear(what: str, told: str, hint: str = "") -> Advice:
    """It cannot be told, or there is nothing to tell."""
    return Advice(what, None, told, hint)


def target_rule(name: str, rule: dict[str, Any], *, paid: bool) -> Iterator[Advice]:
    """A rule about the branch that is applied."""
    what = f"branch {name}"
    yield from _forced(name, what, rule)
    push, merge = _least(rule, "push_access_levels"), _least(rule, "merge_access_levels")
    if push == 0:
        yield good(what, f"nobody pushes to `{name}` past a merge request")
    else:
        yield bad(
            what,
            f"{_who(rule, 'push_access_levels')} may push to `{name}` past every merge request",
            f"in {PROTECT}, set `Allowed to push and merge` to `No one`",
        )
    if merge is not None and merge <= DEVELOPER and merge != 0:
        who = "the bot's account" if paid else "Maintainers, and make the bot one"
        yield bad(
            what,
            f"every Developer may merge into `{name}`, also what is denied",
            f"in {PROTECT}, set `Allowed to merge` to {who}; what is merged all the same is"
            " judged again, and refused",
        )
    else:
        told = f"{_who(rule, 'merge_access_levels')} may merge into `{name}`"
        yield good(what, told)


def records_rule(name: str, rule: dict[str, Any], *, paid: bool) -> Iterator[Advice]:
    """A rule about the branch of records."""
    what = f"branch {name}"
    yield from _forced(name, what, rule)
    push = _least(rule, "push_access_levels")
    people = _who(rule, "push_access_levels")
    if push == 0:
        yield bad(
            what,
            f"nobody may push to `{name}`: no record can be written",
            f"in {PROTECT}, let the accounts of `spec.records.writers` push",
        )
    elif push is not None and push <= DEVELOPER:
        yield bad(
            what,
            f"{people} may push to `{name}`: anybody could write records",
            f"in {PROTECT}, let only those push who write records"
            + ("" if paid else " (Free: Maintainers)"),
        )
    else:
        yield good(what, f"{people} may push to `{name}`")


def pattern(name: str) -> str:
    """GitLab's wildcards: only `*` is one."""
    return re.sub(r"[?\[]", lambda found: f"[{found[0]}]", name)


def _forced(name: str, what: str, rule: dict[str, Any]) -> Iterator[Advice]:
    if rule.get("allow_force_push"):
        yield bad(
            what,
            f"`{name}` may be force-pushed: its history can be rewritten",
            f"clear `Allowed to force push` in {PROTECT}",
        )


def _levels(rule: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one in rule.get(name) or () if isinstance(one, dict)]


def _least(rule: dict[str, Any], name: str) -> int | None:
    """The lowest role that may; 0: nobody. None: only people or groups that are named."""
    roles = [
        int(one["access_level"])
        for one in _levels(rule, name)
        if isinstance(one.get("access_level"), int)
        and not one.get("user_id")
        and not one.get("group_id")
    ]
    named = len(_levels(rule, name)) - len(roles)
    allowed = [one for one in roles if one]
    if allowed:
        return min(allowed)
    return None if named else 0


def _who(rule: dict[str, Any], name: str) -> str:
    """Whom a rule lets."""
    words = []
    for one in _levels(rule, name):
        role = one.get("access_level")
        known = ROLES.get(role) if isinstance(role, int) else None
        told = one.get("access_level_description") or known or "somebody"
        words.append(line(str(told), 60))
    return ", ".join(words) or "no one"
