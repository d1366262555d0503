"""What records know of an environment, taken out of its status. A forged status may hold any."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.core.records.standing import Status, refused_of
from reconciler.model.decision import Verdict
from reconciler.model.run import StateMark
from reconciler.model.work import Known, Refused

_YEARS: Final = range(2000, 3000)
"""Of any other no record tells, and it could not be reckoned with."""


def known_of(name: str, status: Status) -> Known:
    """What is known; nothing of what does not look as records leave it."""
    applied, last = _part(status, "applied"), _part(status, "lastApply")
    opened, drift = _part(status, "applying"), _part(status, "drift")
    expiry, state = _part(status, "expiry"), _part(status, "state")
    resources = state.get("resources")
    return Known(
        name,
        record=_whole(status.get("record"), -1),
        files=_text(applied, "files"),
        commit=_text(applied, "commit"),
        since=_instant(applied, "since") or _instant(applied, "at"),
        applied=_instant(applied, "at"),
        opened=_instant(opened, "at"),
        result=_text(last, "result"),
        tried=_text(last, "files"),
        failures=_whole(last.get("failures"), 1 if _text(last, "result") != "done" else 0),
        ended=_instant(last, "at"),
        verdict=_text(_part(status, "decision"), "verdict"),
        otherwise=_text(_part(status, "decision"), "otherwise"),
        waits=_text(_part(status, "decision"), "plan") if _waits(status) else "",
        drift=_text(drift, "digest"),
        drifted=_instant(drift, "since"),
        seen=_instant(drift, "at"),
        warned=_instant(expiry, "at") if expiry.get("step") == "warned" else None,
        expiry=_text(expiry, "step"),
        destroyed=last.get("action") == "destroy" and last.get("result") == "done",
        refused=_refused(status),
        there=bool(applied or opened or (isinstance(resources, int) and resources)),
        state=_mark(state),
    )


def _refused(status: Status) -> Refused | None:
    found = refused_of(status)
    files = _text(found, "files")
    if not files:
        return None
    return Refused(
        files,
        _text(found, "commit"),
        _instant(found, "since"),
        _text(found, "why"),
        _text(found, "of"),
        found.get("passes") is True,
    )


def _part(status: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = status.get(key)
    return found if isinstance(found, dict) else {}


def _mark(part: Mapping[str, Any]) -> StateMark | None:
    lineage, serial = _text(part, "lineage"), _whole(part.get("serial"), -1)
    if not lineage or serial < 0:
        return None
    return StateMark(lineage, serial, _whole(part.get("resources"), 0))


def _waits(status: Mapping[str, Any]) -> bool:
    """Whether somebody has to agree before it is applied."""
    found = _part(status, "decision")
    return (found.get("action"), found.get("verdict")) == ("apply", Verdict.NEEDS_APPROVAL)


def _text(part: Mapping[str, Any], key: str) -> str:
    found = part.get(key)
    return found if isinstance(found, str) else ""


def _whole(found: object, otherwise: int) -> int:
    return found if isinstance(found, int) and not isinstance(found, bool) else otherwise


def _instant(part: Mapping[str, Any], key: str) -> datetime | None:
    try:
        found = datetime.strptime(_text(part, key), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return found if found.year in _YEARS else None
