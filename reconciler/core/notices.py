"""Which records somebody is to hear of, who that is, and in what words. Pure.

A record is told once. What says the same as the last one of its kind within a day is not told
again, and much of one kind at once is told as one: whoever is called too often stops listening.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.core.records.words import drifted, line, person, sentences, subject
from reconciler.core.redact import hidden
from reconciler.model.base import parse_start
from reconciler.model.notice import Notice
from reconciler.model.record import (
    ApplyEnded,
    DecisionBody,
    DriftGone,
    DriftSeen,
    Expiry,
    Override,
    Record,
    Refusal,
    Remediation,
    Rollback,
    Stop,
)
from reconciler.model.settings import Event, Notification

WINDOW: Final = timedelta(days=1)
"""The same is told again after so long."""
MANY: Final = 5
"""More of one kind at once are told as one."""
_LISTED: Final = 30
_LINES: Final = 20
_LINE: Final = 300
_TITLE: Final = 150
_SHORT: Final = 12


@dataclass(frozen=True, slots=True)
class About:
    """What is known of the environment that a record is about."""

    track: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    event: Event
    same: str
    """The same thing has the same."""
    title: str
    next: str
    """What to do."""


def notice_of(record: Record, about: About, link: str = "") -> Notice | None:
    """What somebody is to hear of a record; None: nobody need."""
    found = _told(record)
    if found is None:
        return None
    body = record.body
    name, track = record.environment or "", about.track
    if isinstance(body, Stop) and body.scope == "track":
        track = body.subject
    said = [*_few(sentences(record)), f"Record {record.chain.sequence}, by {person(record.actor)}."]
    if found.next:
        said.append(f"Next: {found.next}")
    sandbox = "(sandbox) " if record.simulated else ""
    return Notice(
        event=found.event,
        key=f"{found.event}:{name}:{found.same}",
        title=hidden(line(sandbox + found.title, _TITLE)),
        text=hidden("\n".join(line(one, _LINE) for one in said)),
        environment=name,
        track=track,
        owner=about.owner,
        at=record.at,
        link=link,
    )


def repeats(notice: Notice, earlier: Iterable[Notice]) -> bool:
    """Whether the last one of its kind about the same environment said the same within a day.

    `earlier`: newest first. An apply that went well ends what was before it.
    """
    if notice.event == "applied":
        return False
    now = _when(notice.at)
    for one in earlier:
        then = _when(one.at)
        if now is None or then is None or then < now - WINDOW or one.event == "applied":
            return False
        if one.event == notice.event:
            return one.key == notice.key
    return False


def hears(rule: Notification, notice: Notice) -> bool:
    """Whether a rule is about it. Where nobody knows the track or the team, everybody hears."""
    return (
        notice.event in rule.events
        and (not rule.tracks or not notice.track or notice.track in rule.tracks)
        and (not rule.teams or not notice.owner or notice.owner in rule.teams)
    )


def routed(
    rules: Sequence[Notification], notices: Sequence[Notice]
) -> tuple[tuple[str, Notice], ...]:
    """What each rule's target is told, by the rule's name; each thing once, in few words."""
    once = {one.key: one for one in notices}
    return tuple(
        (rule.name, notice)
        for rule in rules
        for notice in folded([one for one in once.values() if hears(rule, one)])
    )


def folded(notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """Many of one kind on one track as one; in the order in which each kind comes first."""
    groups: dict[tuple[str, str], list[Notice]] = {}
    for one in notices:
        groups.setdefault((one.event, one.track), []).append(one)
    return tuple(
        each
        for group in groups.values()
        for each in ([_one_of(group)] if len(group) > MANY else group)
    )


def link_to(root: str, record: Record) -> str:
    """Where a person looks at it; `root`: the project's pages, empty where there are none."""
    if not root:
        return ""
    request = str(getattr(record.body, "merge_request", "") or "").lstrip("!")
    if request.isascii() and request.isdigit():
        return f"{root}/-/merge_requests/{request}"
    commit = getattr(record.body, "head", None) or getattr(record.body, "commit", None)
    return f"{root}/-/commit/{commit}" if isinstance(commit, str) else ""


def _one_of(group: Sequence[Notice]) -> Notice:
    first, last = group[0], group[-1]
    owners = {one.owner for one in group}
    where = f" of {first.track}" if first.track else ""
    titles = [f"- {one.title}" for one in group[:_LISTED]]
    more = len(group) - len(titles)
    return Notice(
        event=first.event,
        key=f"{first.event}:many:{first.key}:{last.key}:{len(group)}",
        title=f"{len(group)} times{where}: {first.event}",
        text="\n".join([*titles, *([f"and {more} more"] if more else [])]),
        track=first.track,
        owner=owners.pop() if len(owners) == 1 else "",
        at=last.at,
    )


def _when(at: str) -> datetime | None:
    """None: a day that no calendar has, which the form of records allows."""
    try:
        return parse_start(at)
    except ValueError:
        return None


def _few(said: Iterator[str]) -> list[str]:
    found = [one for _, one in zip(range(_LINES + 1), said, strict=False)]
    return found if len(found) <= _LINES else [*found[:_LINES], "…"]


def _told(record: Record) -> _Told | None:
    name, body = record.environment or "all", record.body
    match body:
        case DecisionBody():
            return _of_decision(name, body)
        case ApplyEnded():
            return _of_apply(name, body, subject(record))
        case DriftSeen():
            return _Told(
                "drift",
                body.digest,
                f"{name} drifted: {drifted(body)}",
                "find out who changed it; what becomes of it the profile's drift mode says",
            )
        case DriftGone():
            return _Told("drift", f"gone:{body.digest}", f"{name} is as declared again", "")
        case Remediation():
            return _of_remediation(name, body)
        case Expiry():
            return _of_expiry(name, body)
        case Stop():
            return _of_stop(body)
        case Refusal():
            what = f"{name}: refused: {body.what}"
            return _Told(
                "bypass", f"{body.what}:{body.commit}", what, "find out who tried, and why"
            )
        case Override():
            what = f"{name}: a human takes on {body.what} {body.subject}"
            return _Told("bypass", f"{body.what}:{body.subject}", what, "")
        case Rollback():
            what = f"{name} goes back to {body.good[:_SHORT]}"
            return _Told("failed", f"rollback:{body.bad}:{body.good}", what, "find out what failed")
        case _:
            return None


def _of_decision(name: str, body: DecisionBody) -> _Told | None:
    same = f"{body.action}:{body.head}"
    to = "" if body.action == "check" else f" to {body.action}"
    match body.verdict:
        case "DENY":
            return _Told(
                "denied",
                same,
                f"{name} is denied{to}, risk {body.risk}",
                "mend what is named above, and merge that; `reconciler check` tells it before",
            )
        case "NEEDS_APPROVAL":
            plan = body.plan.digest if body.plan is not None else ""
            return _Told(
                "approval-needed",
                f"{same}:{plan}",
                f"{name} needs approval{to}, risk {body.risk}",
                f"{_asked(body.decision)} may approve what brought commit {body.head[:_SHORT]}",
            )
        case "INDETERMINATE":
            silent = [one for one in body.gates if one.failure]
            return _Told(
                "failed",
                same,
                f"{name} could not be judged" + (f": {silent[0].gate}" if silent else ""),
                next((one.hint for one in silent if one.hint), "it is tried again by itself"),
            )
        case "ALLOW":
            return None


def _asked(decision: Mapping[str, Any]) -> str:
    """The teams that have to agree; a forged decision may hold anything."""
    teams: dict[str, None] = {}
    for need in _listed(decision, "missing") or _listed(decision, "approvals"):
        found = _listed(need, "teams") if isinstance(need, dict) else []
        teams.update(dict.fromkeys(str(one) for one in found))
    return ", ".join(teams) or "whoever the profile names"


def _listed(found: Mapping[str, Any], key: str) -> list[Any]:
    value = found.get(key)
    return value if isinstance(value, list) else []


def _of_apply(name: str, body: ApplyEnded, words: str) -> _Told:
    did = words.partition(": ")[2]
    deed = "destroyed" if body.action == "destroy" else "applied"
    if body.result == "done":
        return _Told("applied", f"{body.action}:{body.started}", f"{name} is {deed}: {did}", "")
    return _Told(
        "failed",
        f"{body.action}:{body.commit}:{body.result}:{','.join(sorted(body.failed))}",
        f"{name} could not be {deed}: {did}",
        "mend what is named above; what may pass by itself is tried again",
    )


def _of_remediation(name: str, body: Remediation) -> _Told | None:
    if body.kind == "remediation-proposed" and body.merge_request:
        what = f"{name}: {body.merge_request} mends drift: {body.cause}"
        return _Told("drift", f"mend:{body.merge_request}", what, "look at it, and merge or close")
    if body.result in ("failed", "escalated"):
        what = f"{name}: drift is not mended by itself ({body.result}): {body.cause}"
        return _Told("failed", f"mend:{body.drift}:{body.result}", what, "mend it by hand")
    return None


def _of_expiry(name: str, body: Expiry) -> _Told:
    words = {
        "warned": (f"{name} ends at {body.expires}", "extend it, or let it go"),
        "extended": (f"{name} ends later: at {body.expires}", ""),
        "kept": (
            f"{name} has come to its end, and is kept: {body.because}",
            "extend it, or let a merge request take it out",
        ),
        "ended": (f"{name} has come to its end, and is taken out", ""),
        "destroyed": (f"{name} has ended, and is destroyed", ""),
    }
    title, then = words[body.step]
    return _Told("expiring", f"{body.step}:{body.expires}", title, then)


def _of_stop(body: Stop) -> _Told:
    who = f"{body.scope} {body.subject}" if body.subject else "everything"
    event: Event = "quarantined" if body.scope == "agent" else "frozen"
    still = "stands still" if body.kind == "freeze" else "may move again"
    title = f"{who} {still}: {body.because}"
    then = f"it ends at {body.until}" if body.kind == "freeze" and body.until else ""
    return _Told(event, f"{body.freeze}:{body.kind}:{body.commit}", title, then)
