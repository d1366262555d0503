"""A Slack-compatible incoming webhook. Nothing that somebody chose is obeyed there."""

import json
from typing import Final

from reconciler.adapters.speakers.post import Poster
from reconciler.model.notice import Notice

_LONGEST: Final = 2800
"""Slack cuts a text at 3,000 characters."""
_OBEYED: Final = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "@": "@\u200b",  # Mattermost and Rocket.Chat read @all in plain text
        **{mark: f"\u200b{mark}" for mark in "*_~`[]|#!"},
    }
)
_QUOTED: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'", "@": "@\u200b"})
_SIGNS: Final = {
    "denied": ":no_entry:",
    "approval-needed": ":raised_hand:",
    "applied": ":white_check_mark:",
    "failed": ":x:",
    "drift": ":ocean:",
    "expiring": ":hourglass:",
    "frozen": ":snowflake:",
    "bypass": ":rotating_light:",
    "quarantined": ":lock:",
}


class SlackSpeaker:
    """Speaks in one channel."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    def tell(self, notice: Notice) -> None:
        """Say it."""
        self._poster.post(json.dumps({"text": mrkdwn(notice)}).encode(), {})


def mrkdwn(notice: Notice) -> str:
    """The notice as Slack shows it."""
    parts = [f"{_SIGNS[notice.event]} {notice.title.translate(_OBEYED)}"]
    if notice.text:
        parts.append(f"```\n{_cut(notice.text.translate(_QUOTED))}\n```")
    if notice.link:
        parts.append(f"<{notice.link.translate(_LINKED)}|look at it>")
    return "\n".join(parts)


_LINKED: Final = str.maketrans({"&": "&amp;", "<": "%3C", ">": "%3E", "|": "%7C"})


def _cut(text: str) -> str:
    """At a whole line, so that no escape is cut in two."""
    if len(text) <= _LONGEST:
        return text
    whole = text[:_LONGEST].rpartition("\n")[0]
    return (whole or text[:_LONGEST].rpartition(" ")[0]) + "\n…"
