"""Rules of who hears what, as the settings have them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from reconciler.model.settings import Notification

EVERYTHING: Final = (
    "denied",
    "approval-needed",
    "applied",
    "failed",
    "drift",
    "expiring",
    "bypass",
)
SLACK: Final = {"kind": "slack", "urlFrom": "SLACK_URL"}


def rule(name: str = "on-call", events: Sequence[str] = EVERYTHING, **more: Any) -> Notification:
    """One; to a chat unless it says otherwise."""
    fields = {"name": name, "events": list(events), "target": SLACK, **more}
    return Notification.model_validate_json(json.dumps(fields))
