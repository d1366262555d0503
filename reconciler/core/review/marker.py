"""The hidden end of a note of ours: by it the note is found again, and it remembers what was shown.

Whoever may edit notes at the forge can write anything into it. So it is read strictly, counts only
in a note of our own account, and where the settings want records signed it is signed, too. Times in
it are those of the forge, which also says when somebody agreed: no two clocks are compared.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reconciler.core.canonical import LARGEST, NotCanonical, canonical, read_canonical
from reconciler.core.difference import packed, unpacked
from reconciler.core.ssh_signature import BadSignature
from reconciler.model.merge_request import NO_FILES, Note
from reconciler.model.review import Memo, Shown
from reconciler.ports import Verify

MOST_SHOWN: Final = 20
MOST_ASKED: Final = 100
LARGEST_MEMO: Final = 24 * 1024
"""Bytes. One more plan than fits is not remembered, so nobody's agreement counts for it."""
RESERVED: Final = 48 * 1024
"""Characters that a note leaves for it."""
_WORDS: Final = 200
_SIGNATURE: Final = 11_000
_LINE: Final = re.compile(
    rf"<!-- reconciler:note ([A-Za-z0-9+/]{{1,{LARGEST_MEMO * 4 // 3 + 4}}}={{0,2}})"
    rf"(?: ([A-Za-z0-9+/]{{1,{_SIGNATURE}}}={{0,2}}))? -->"
)
_PLANS: Final = re.compile(r"<!-- reconciler:plans ([A-Za-z0-9+/]{1,400000}={0,2}) -->")
_LARGEST_PLANS: Final = 256 * 1024
"""Characters of the plans that a note keeps, however long it may be."""
_FRAME: Final = 64
_HIDDEN: Final = re.compile(r"^<!-- reconciler:[a-z]+ [^<>\n]*-->$\n?", re.MULTILINE)
_THREAD: Final = re.compile(r"<!-- reconciler:finding ([0-9a-f]{32})( mended)? -->")
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICRO: Final = timedelta(microseconds=1)

Sign = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe that something was shown."""

    about: str
    """Repository and merge request: what is signed for one says nothing of another."""
    verify: Verify | None = None
    """None: nothing has to be signed."""
    keys: frozenset[str] = frozenset()
    """Fingerprints of the keys that may sign."""

    def believes(self, payload: bytes, armored: str) -> bool:
        """Whether one of us wrote it."""
        if self.verify is None:
            return True
        try:
            return self.verify(signed(self.about, payload), armored).fingerprint in self.keys
        except BadSignature:
            return False


@dataclass(frozen=True, slots=True)
class Found:
    """A note of ours, taken apart."""

    note: Note
    body: str
    memo: Memo
    """With the times of all that was shown; empty when it is not believed."""
    raw: Memo
    """What it says, believed or not."""
    believed: bool
    plans: Mapping[str, bytes]
    """Plans that were shown, by digest. Each has to be read with doubt: anybody may edit a note."""


def signed(about: str, payload: bytes) -> bytes:
    """What is signed: never bytes that could be a commit or a tag."""
    return b"reconciler note\n" + about.encode() + b"\n" + payload


def written(
    body: str,
    memo: Memo,
    about: str,
    sign: Sign | None,
    plans: Mapping[str, bytes] = NO_FILES,
    size: int = 0,
) -> str:
    """A note's text with its hidden end.

    `plans`: those that were shown, by digest, the newest first; kept as far as `size` characters
    take them, so that it can be told later what differs from what was agreed to.
    """
    payload = _payload(memo)
    parts = [b64encode(payload).decode()]
    if sign is not None:
        parts.append(b64encode(sign(signed(about, payload)).encode()).decode())
    text, end = body.rstrip(), f"<!-- reconciler:note {' '.join(parts)} -->"
    space = min(size - len(text) - len(end) - _FRAME, _LARGEST_PLANS) * 3 // 4
    kept = packed(plans, space) if plans and space > 0 else b""
    if kept:
        end = f"<!-- reconciler:plans {b64encode(kept).decode()} -->\n{end}"
    return f"{text}\n\n{end}"


def found(note: Note, trust: Trust) -> Found | None:
    """What our sticky note says; None: it is another one, or somebody else's."""
    body, line = _apart(note.text)
    match = _LINE.fullmatch(line)
    if match is None or not note.ours:
        return None
    body, plans = _plans(body)
    try:
        payload = b64decode(match[1], validate=True)
        armored = b64decode(match[2], validate=True).decode() if match[2] else ""
        raw = _memo(read_canonical(payload))
    except (NotCanonical, binascii.Error, UnicodeDecodeError, ValueError, OverflowError):
        return Found(note, body, Memo(), Memo(), believed=False, plans=plans)
    believed = trust.believes(payload, armored)
    memo = stamped(raw, note.edited) if believed else Memo()
    return Found(note, body, memo, raw, believed, plans)


def sticky(notes: Sequence[Note], trust: Trust) -> list[Found]:
    """Our sticky notes, oldest first. There should be one; two who began at once make two."""
    return [one for note in notes if (one := found(note, trust)) is not None]


def stamped(memo: Memo, edited: datetime) -> Memo:
    """The same, where what stands there now has its time, too.

    Nothing came into a note after it was edited last: a later time is of a clock that was set back
    since, and would keep every agreement from counting.
    """
    shown = tuple(
        replace(one, at=edited if one.at is None else min(one.at, edited)) for one in memo.shown
    )
    return replace(memo, shown=shown)


def grown(memo: Memo, shown: Shown, asked: Sequence[int]) -> Memo:
    """What is remembered when this is shown. `memo`: with all times."""
    shown = fitted(shown)
    past = memo.shown
    if not past or not past[-1].same(shown):
        past = (*past, replace(shown, at=None))
    whole = Memo(past[-MOST_SHOWN:], tuple(dict.fromkeys((*memo.asked, *asked)))[-MOST_ASKED:])
    while len(_payload(whole)) > LARGEST_MEMO and len(whole.shown) > 1:
        whole = replace(whole, shown=whole.shown[1:])
    return whole


def fitted(shown: Shown) -> Shown:
    """As much of it as can be remembered: what is not binds nobody."""
    if len(_payload(Memo((shown,), (LARGEST,) * MOST_ASKED))) <= LARGEST_MEMO:
        return shown
    return replace(shown, plans=())


def seen(note: Note) -> str:
    """What people see of a note at a forge: what we hide in ours is for programs.

    What somebody else hides is shown: it may be meant to be overlooked.
    """
    return _HIDDEN.sub("", note.text).rstrip() if note.ours else note.text


def thread_text(text: str, mark: str, *, mended: bool = False) -> str:
    """What is said about a line, with what it is found by again."""
    return f"{text.rstrip()}\n\n<!-- reconciler:finding {mark}{' mended' if mended else ''} -->"


def thread_mark(note: Note) -> tuple[str, bool] | None:
    """Which finding a note of ours is about, and whether it says that it is mended."""
    match = _THREAD.fullmatch(_apart(note.text)[1])
    return (match[1], bool(match[2])) if match is not None and note.ours else None


def _plans(text: str) -> tuple[str, Mapping[str, bytes]]:
    """What a person reads, and the plans that are kept behind it."""
    body, line = _apart(text)
    match = _PLANS.fullmatch(line)
    if match is None:
        return text, NO_FILES
    try:
        return body, unpacked(b64decode(match[1], validate=True))
    except binascii.Error:
        return body, NO_FILES


def _apart(text: str) -> tuple[str, str]:
    """The text, and its last line: hostile words stand beside words of ours, never alone."""
    body, _, line = text.replace("\r\n", "\n").rstrip().rpartition("\n")
    return body.rstrip(), line


def _payload(memo: Memo) -> bytes:
    return canonical(
        {
            "asked": list(memo.asked),
            "shown": [
                {
                    "at": None if one.at is None else (one.at - _EPOCH) // _MICRO,
                    "head": one.head,
                    "plans": dict(one.plans),
                    "policies": one.policies,
                }
                for one in memo.shown
            ],
        }
    )


def _memo(data: Any) -> Memo:
    """Strictly: exactly what we write, else ValueError."""
    shown, asked = _fields(data, "shown", "asked")
    if not isinstance(shown, list) or not isinstance(asked, list):
        raise _Odd
    if len(shown) > MOST_SHOWN or len(asked) > MOST_ASKED:
        raise _Odd
    if not all(type(one) is int and one > 0 for one in asked):
        raise _Odd
    entries = tuple(_shown(one, last=at == len(shown)) for at, one in enumerate(shown, start=1))
    return Memo(entries, tuple(asked))


def _shown(data: Any, *, last: bool) -> Shown:
    at, head, plans, policies = _fields(data, "at", "head", "plans", "policies")
    timed = (type(at) is int and at >= 0) or (at is None and last)
    if not isinstance(plans, dict) or not timed:
        raise _Odd
    words = [head, policies, *plans.keys(), *plans.values()]
    if not all(isinstance(one, str) and len(one) <= _WORDS for one in words):
        raise _Odd
    when = None if at is None else _EPOCH + at * _MICRO
    return Shown(head, policies, tuple(sorted(plans.items())), when)


def _fields(data: Any, *names: str) -> list[Any]:
    if not isinstance(data, dict) or set(data) != set(names):
        raise _Odd
    return [data[name] for name in names]


class _OddError(ValueError):
    """Not as we write it."""


_Odd: Final = _OddError("not as we write it")
