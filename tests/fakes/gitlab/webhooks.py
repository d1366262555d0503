"""Webhooks as GitLab sends them: once, signed, in order, unless something goes wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.fakes.gitlab.state import Lab, Merge, Note

_ENOUGH = 4
_PATIENCE = 10


@dataclass
class Hook:
    url: str
    token: str = ""
    """Sent as it is: what GitLab before 19 does."""
    signing: str = ""
    """`whsec_` and the key, base64."""
    failures: int = 0
    """In a row."""

    @property
    def disabled(self) -> bool:
        return self.failures >= _ENOUGH


@dataclass
class Delivery:
    hook: Hook
    kind: str
    payload: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: int = 0
    """What it was answered; 0: nothing."""


@dataclass
class Hooks:
    """Those of the project. Nothing is sent before `send`, unless `at_once`."""

    hooks: list[Hook] = field(default_factory=list)
    waiting: list[Delivery] = field(default_factory=list)
    sent: list[Delivery] = field(default_factory=list)
    at_once: bool = False
    lose: int = 0
    """So many are never sent."""
    twice: bool = False
    backwards: bool = False
    skew: float = 0.0
    """How many seconds the sender's clock is ahead."""
    _sender: ThreadPoolExecutor | None = None
    _last: Future[None] | None = None

    def add(self, url: str, token: str = "", signing: str = "") -> Hook:
        made = Hook(url, token, signing)
        self.hooks.append(made)
        return made

    def event(
        self,
        lab: Lab,
        kind: str,
        merge: Merge,
        action: str,
        note: Note | None = None,
        oldrev: str = "",
    ) -> None:
        """Something happened."""
        for hook in self.hooks:
            if hook.disabled:
                continue
            if self.lose > 0:
                self.lose -= 1
                continue
            payload = _payload(lab, kind, merge, action, note, oldrev)
            self.waiting.append(Delivery(hook, kind, payload))
        if self.at_once and self.waiting:
            self._sender = self._sender or ThreadPoolExecutor(1)
            batch, self.waiting = self.waiting, []
            self._last = self._sender.submit(self._send, batch)

    def send(self) -> None:
        """Deliver what waits."""
        batch, self.waiting = self.waiting, []
        self._send(batch)

    def drain(self) -> None:
        """Wait for what is on its way."""
        if self._last is not None:
            self._last.result(timeout=_PATIENCE)

    def close(self) -> None:
        if self._sender is not None:
            self._sender.shutdown(wait=True, cancel_futures=True)

    def _send(self, batch: list[Delivery]) -> None:
        if self.backwards:
            batch.reverse()
        for one in batch:
            for _ in range(2 if self.twice else 1):
                self._post(one)

    def _post(self, one: Delivery) -> None:
        body = json.dumps(one.payload).encode()
        parts = urlsplit(one.hook.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
        try:
            connection.request("POST", parts.path or "/", body, self.headers(one, body))
            one.status = connection.getresponse().status
        except OSError:
            one.status = 0
        finally:
            connection.close()
        one.hook.failures = 0 if 200 <= one.status < 300 else one.hook.failures + 1
        self.sent.append(one)

    def headers(self, one: Delivery, body: bytes) -> dict[str, str]:
        """What comes with a body; a hook without a signing key has only its token."""
        names = {"merge_request": "Merge Request Hook", "note": "Note Hook", "push": "Push Hook"}
        found = {
            "Content-Type": "application/json",
            "X-Gitlab-Event": names[one.kind],
            "X-Gitlab-Event-UUID": one.id,
            "Idempotency-Key": one.id,
            "User-Agent": "GitLab/18.9.0",
        }
        if one.hook.token:
            found["X-Gitlab-Token"] = one.hook.token
        if one.hook.signing:
            at = str(int(datetime.now(UTC).timestamp() + self.skew))
            key = base64.b64decode(one.hook.signing.removeprefix("whsec_"))
            said = f"{one.id}.{at}.".encode() + body
            mark = base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
            found |= {
                "webhook-id": one.id,
                "webhook-timestamp": at,
                "webhook-signature": f"v1,{mark}",
            }
        return found


def _payload(
    lab: Lab, kind: str, merge: Merge, action: str, note: Note | None, oldrev: str
) -> dict[str, Any]:
    project = {
        "id": lab.project.id,
        "path_with_namespace": lab.project.path,
        "web_url": f"{lab.url}/{lab.project.path}",
        "default_branch": lab.project.default_branch,
    }
    about = {
        "id": 1000 + merge.iid,
        "iid": merge.iid,
        "source_branch": merge.source,
        "target_branch": merge.target,
        "title": merge.title,
        "state": merge.state,
        "last_commit": {"id": merge.head},
    }
    actor = note.author if note else merge.author
    user = {"id": actor.id, "username": actor.username, "name": actor.name}
    base: dict[str, Any] = {
        "object_kind": kind,
        "event_type": kind,
        "user": user,
        "project": project,
    }
    if note is not None:
        said = {"id": note.id, "note": note.body, "noteable_type": "MergeRequest"}
        return base | {"object_attributes": said | {"action": action}, "merge_request": about}
    changed = {"oldrev": oldrev} if oldrev else {}
    return base | {"object_attributes": about | {"action": action} | changed}
