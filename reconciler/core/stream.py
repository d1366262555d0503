"""Lines of `terraform ... -json` -> events and diagnostics. Pure; whatever is odd is a note."""

import json
from typing import Any, Final

from reconciler.model.run import Diagnostic, Event

_HOOKS: Final = {
    "apply_start": "start",
    "apply_complete": "done",
    "apply_errored": "failed",
    "apply_progress": "progress",
    "refresh_start": "progress",
}


def read_line(line: bytes) -> Event | Diagnostic | None:
    """What a line says; None for what nobody needs to hear."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    kind = said.get("type")
    if kind == "diagnostic":
        return _diagnostic(said.get("diagnostic") or {})
    message = str(said.get("@message", ""))
    if kind in _HOOKS:
        hook = said.get("hook") or {}
        return Event(
            _HOOKS[kind],  # type: ignore[arg-type]  # the values of the table
            _address(hook),
            str(hook.get("action", "")),
            message,
            float(hook.get("elapsed_seconds") or 0),
        )
    if kind in ("planned_change", "resource_drift"):
        change = said.get("change") or {}
        return Event(
            "planned" if kind == "planned_change" else "drift",
            _address(change),
            str(change.get("action", "")),
            message,
        )
    return None


def _address(where: dict[str, Any]) -> str:
    return str((where.get("resource") or {}).get("addr", ""))


def _diagnostic(said: dict[str, Any]) -> Diagnostic:
    place = said.get("range") or {}
    start = place.get("start") or {}
    return Diagnostic(
        "warning" if said.get("severity") == "warning" else "error",
        str(said.get("summary", "")),
        str(said.get("detail", "")),
        str(said.get("address", "")),
        str(place.get("filename", "")),
        int(start.get("line") or 0),
    )
