"""A signed webhook, as Standard Webhooks has it: id, time, and HMAC-SHA256 over both and the body.

The id of a notice is always the same, so that a receiver knows one that came twice.
"""

import json
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from reconciler.adapters.speakers.post import Poster
from reconciler.core.webhook import BadSecret, Secrets, sign
from reconciler.errors import UsageError
from reconciler.model.notice import Notice


class WebhookSpeaker:
    """Speaks to one receiver."""

    def __init__(self, poster: Poster, key: bytes, clock: Callable[[], datetime]) -> None:
        self._poster = poster
        self._key = key
        self._clock = clock

    def tell(self, notice: Notice) -> None:
        """Say it."""
        body, name = payload(notice), id_of(notice)
        when = str(int(self._clock().timestamp()))
        headers = {
            "Webhook-Id": name,
            "Webhook-Timestamp": when,
            "Webhook-Signature": sign(self._key, name, when, body),
        }
        self._poster.post(body, headers)


def key_of(secret: str, name: str) -> bytes:
    """The key that messages are signed with: the first, where a new and an old one are given."""
    try:
        found = Secrets.read(secret)
    except BadSecret as err:
        raise UsageError(
            "bad-signing-secret",
            f"the variable {name} holds no good secret to sign with: {err}",
            hint=f"put `whsec_...` or any long secret into {name}, and the same at the receiver",
            subject=name,
        ) from None
    return (*found.keys, *found.tokens)[0]


def id_of(notice: Notice) -> str:
    """The same for the same thing."""
    return sha256(f"{notice.key} {notice.at}".encode()).hexdigest()[:32]


def payload(notice: Notice) -> bytes:
    """The notice as JSON."""
    found = {
        "at": notice.at,
        "environment": notice.environment,
        "event": notice.event,
        "link": notice.link,
        "owner": notice.owner,
        "schema": "reconciler.notice/v1",
        "text": notice.text,
        "title": notice.title,
        "track": notice.track,
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
