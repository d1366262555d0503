"""What a webhook asks us to look at. Authenticated before it is parsed; nothing in it is believed.

Whoever sends one can only shorten a wait: what is there is read from the forge and from git.
"""

import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeGuard

LARGEST: Final = 1024 * 1024
"""Bytes of a body; GitLab's own are far smaller."""
FRESH: Final = 300
"""Seconds that a signed message is good for, by its sender's clock."""
_DEEPEST: Final = 24
_LONGEST_NAME: Final = 500
_SHORTEST: Final = 16
_SIGNS: Final = "whsec_"
_VERSION: Final = "v1,"
_MANY: Final = 16
"""Signatures of one message: one for each key that is in use."""
_WHEN: Final = re.compile(r"[0-9]{1,12}")
_ID: Final = re.compile(r"[!-~]{1,200}")
_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)

Headers = Mapping[str, str]
"""By names in small letters, each once; values are bytes, read as Latin-1."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Where to look."""

    number: int = 0
    """The merge request; 0: everywhere."""
    project: str = ""
    """The path of the project that it says it is about; empty: it does not say."""
    project_id: int = 0

    def about(self, project: str) -> bool:
        """Whether it may be about a project, by path or id; one that does not say may be."""
        if project.isascii() and project.isdigit():
            return self.project_id in (0, int(project))
        return not self.project or self.project.lower() == project.lower()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request gets no hearing. The words are ours: nothing of the sender is in them."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that was really sent by whoever has the secret."""

    hint: Hint | None
    """None: there is nothing to look at."""
    id: str = ""
    """The sender's own number of it, to know it again; empty: it has none."""


class BadSecret(ValueError):  # noqa: N818  # a state of what was given, told in words
    """A secret that protects nothing, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What proves a sender: signing keys and tokens. There is at least one."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)
    tokens: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, text: str) -> "Secrets":
        """Secrets, separated by spaces: the new and the old one while they are exchanged.

        `whsec_...` is a key that messages are signed with, anything else a token that is sent.
        """
        keys, tokens = [], []
        for word in text.split():
            if word.startswith(_SIGNS):
                keys.append(_key(word.removeprefix(_SIGNS)))
            else:
                tokens.append(_long_enough(word.encode("utf-8", "replace")))
        if not keys and not tokens:
            msg = "it is empty"
            raise BadSecret(msg)
        return cls(tuple(keys), tuple(tokens))


def _key(text: str) -> bytes:
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        msg = f"what stands behind `{_SIGNS}` is not Base64"
        raise BadSecret(msg) from None
    return _long_enough(key)


def _long_enough(secret: bytes) -> bytes:
    if len(secret) < _SHORTEST:
        msg = f"it has less than {_SHORTEST} bytes, and could be guessed"
        raise BadSecret(msg)
    return secret


def admitted(headers: Headers, secrets: Secrets, now: datetime) -> Refusal | None:
    """Why the body need not even be read; None: it has to be."""
    if _signed(headers):
        return _stale(headers, now) if secrets.keys else _token(headers, secrets)
    return _token(headers, secrets)


def heard(headers: Headers, body: bytes, secrets: Secrets, now: datetime) -> Heard | Refusal:
    """What a whole request asks for, or why it is refused."""
    if len(body) > LARGEST:
        return Refusal(413, "the body is too large")
    if _signed(headers) and secrets.keys:
        # Who signs is held to it: a token beside a wrong signature mends nothing.
        refused = _stale(headers, now) or _signature(headers, body, secrets.keys)
        name = headers.get("webhook-id", "")
    else:
        refused = _token(headers, secrets)
        name = headers.get("idempotency-key", "")
        name = name if _ID.fullmatch(name) else ""
    if refused is not None:
        return refused
    read = _read(body)
    return read if isinstance(read, Refusal) else Heard(_hint(read), name)


def sign(key: bytes, name: str, when: str, body: bytes) -> str:
    """The signature of a message, as it stands in the header."""
    message = name.encode() + b"." + when.encode() + b"." + body
    return _VERSION + b64encode(hmac.digest(key, message, "sha256")).decode()


def _signed(headers: Headers) -> bool:
    return "webhook-signature" in headers


def _stale(headers: Headers, now: datetime) -> Refusal | None:
    when = headers.get("webhook-timestamp", "")
    if not _WHEN.fullmatch(when) or not _ID.fullmatch(headers.get("webhook-id", "")):
        return Refusal(401, "a signed message without its id or its time")
    apart = int(when) - int(now.timestamp())
    if apart > FRESH:
        return Refusal(401, "a signed message from the future: is this machine's clock right?")
    if apart < -FRESH:
        return Refusal(401, "a signed message that is old: is this machine's clock right?")
    return None


def _signature(headers: Headers, body: bytes, keys: Sequence[bytes]) -> Refusal | None:
    given = [
        one.encode("latin-1", "replace")
        for one in headers["webhook-signature"].split()[:_MANY]
        if one.startswith(_VERSION)
    ]
    good = False
    for key in keys:
        right = sign(key, headers["webhook-id"], headers["webhook-timestamp"], body).encode()
        for one in given:
            # All of them, so that the time taken says nothing.
            good |= hmac.compare_digest(one, right)
    return None if good else Refusal(401, "the signature is wrong")


def _token(headers: Headers, secrets: Secrets) -> Refusal | None:
    given = headers.get("x-gitlab-token", "").encode("latin-1", "replace")
    good = False
    for token in secrets.tokens:
        good |= hmac.compare_digest(given, token)
    if good:
        return None
    return Refusal(401, "the token is wrong" if given else "it is neither signed nor has a token")


def _read(body: bytes) -> dict[str, Any] | Refusal:
    """The body as JSON: of small depth, every name once, every number a number."""
    depth = 0
    for token in _TOKENS.finditer(body):
        match token[0]:
            case b"[" | b"{":
                depth += 1
            case b"]" | b"}":
                depth -= 1
        if depth > _DEEPEST:
            return Refusal(400, "the body is nested too deeply")
    try:
        found = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return Refusal(400, "the body is not JSON")
    if not isinstance(found, dict):
        return Refusal(400, "the body is not a JSON object")
    return found


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a name stands twice"
        raise ValueError(msg)
    return found


def _no_number(text: str) -> float:
    msg = f"{text} is no number"
    raise ValueError(msg)


def _hint(body: Mapping[str, Any]) -> Hint | None:
    """Where to look. What is of a known kind and an odd form is looked for everywhere."""
    project = _part(body, "project")
    path, number = project.get("path_with_namespace"), project.get("id")
    known = Hint(
        0,
        path if isinstance(path, str) and len(path) <= _LONGEST_NAME else "",
        number if _is_number(number) else 0,
    )
    match body.get("object_kind"):
        case "merge_request":
            return _at(known, _part(body, "object_attributes"))
        case "note":
            if _part(body, "object_attributes").get("noteable_type") != "MergeRequest":
                return None
            return _at(known, _part(body, "merge_request"))
        case "pipeline":
            # A pipeline of a branch shows no status that is ours.
            return _at(known, _part(body, "merge_request")) if body.get("merge_request") else None
        case "push":
            return known
        case _:
            return None


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _at(known: Hint, what: Mapping[str, Any]) -> Hint:
    number = what.get("iid")
    return Hint(number if _is_number(number) else 0, known.project, known.project_id)


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
