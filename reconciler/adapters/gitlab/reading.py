"""GitLab's JSON -> our values. Whatever is missing or of another kind is told, never guessed."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from reconciler.errors import TransientError
from reconciler.model.approval import Person
from reconciler.model.merge_request import (
    Consent,
    MergeRequest,
    MergeRequestState,
    Note,
    Place,
    Status,
    StatusState,
)

T = TypeVar("T")

_STATES: Final[Mapping[str, MergeRequestState]] = {
    "opened": "open",
    "locked": "open",  # while it is being merged
    "closed": "closed",
    "merged": "merged",
}
_SHOWN: Final[Mapping[str, StatusState]] = {
    "created": "running",
    "pending": "running",
    "running": "running",
    "success": "success",
}
_MARK: Final = re.compile(r"\n\n<!-- reconciler:said:[0-9a-f]+ -->\s*\Z")
_ORDER: Final = re.compile(r"^([ \t]*)(\\*)/", re.MULTILINE)
_SAFE: Final = re.compile(r"^([ \t]*)\\(\\*)/", re.MULTILINE)


class NonsenseError(TransientError):
    """An answer that is not one of GitLab's."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "forge-nonsense",
            f"GitLab's answer cannot be read: {what}",
            hint="is `spec.forge.url` of reconciler.yaml the address of a GitLab, and is that"
            " GitLab 16 or newer?",
        )


def field(body: Any, name: str, kind: type[T]) -> T:
    """A field that is there and of its kind."""
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise NonsenseError(f"`{name}` is missing or of another kind")
    return value


def words(body: Any, name: str) -> str:
    """A text that may be missing."""
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""


def thing(body: Any) -> dict[str, Any]:
    """One thing, and not a list or a word."""
    if not isinstance(body, dict):
        raise NonsenseError("one thing was asked for, and it is none")
    return body


def moment(text: Any) -> datetime:
    """An instant."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (OverflowError, TypeError, ValueError):
        raise NonsenseError("a time that is none") from None


def person(body: Any) -> Person:
    """An account; its e-mail address is its own business."""
    return Person(words(body, "name") or field(body, "username", str), "", field(body, "id", int))


def merge_request(body: Any) -> MergeRequest:
    """One, as a listing or a look at it tells."""
    state = field(body, "state", str)
    if state not in _STATES:
        raise NonsenseError("a state that nobody knows")
    return MergeRequest(
        number=field(body, "iid", int),
        title=field(body, "title", str),
        description=words(body, "description"),
        author=person(field(body, "author", dict)),
        source=field(body, "source_branch", str),
        target=field(body, "target_branch", str),
        head=words(body, "sha"),
        state=_STATES[state],
        opened=moment(field(body, "created_at", str)),
        updated=moment(field(body, "updated_at", str)),
        draft=bool(body.get("draft")),
        # A fork that is gone has no id: still nothing of ours.
        fork=body.get("source_project_id") != field(body, "target_project_id", int),
        labels=tuple(sorted(str(one) for one in field(body, "labels", list))),
        merged=merged(body) if state == "merged" else "",
        link=words(body, "web_url"),
    )


def merged(body: Any) -> str:
    """What brought it into the target; a fast-forward leaves nothing but its own last commit."""
    names = ("merge_commit_sha", "squash_commit_sha", "sha")
    return next((found for name in names if (found := words(body, name))), "")


def notes(body: Any, ours: Collection[int]) -> Iterable[Note]:
    """What was said in one thread; not what GitLab notes down."""
    thread = field(body, "id", str)
    for one in field(body, "notes", list):
        if thing(one).get("system"):
            continue
        by = person(field(one, "author", dict))
        text = field(one, "body", str)
        yield Note(
            id=str(field(one, "id", int)),
            thread=thread,
            by=by,
            at=moment(field(one, "created_at", str)),
            edited=moment(field(one, "updated_at", str)),
            text=unguarded(text),
            ours=by.forge_id in ours,
            place=_place(one.get("position")),
            resolved=bool(one.get("resolved")) if one.get("resolvable") else None,
        )


def _place(position: Any) -> Place | None:
    if not isinstance(position, dict):
        return None
    # A bool is a number to Python.
    path, at = position.get("new_path"), position.get("new_line")
    return Place(path, at) if isinstance(path, str) and type(at) is int else None


def guarded(text: str) -> str:
    """A text in which GitLab finds no order: `/merge` at the start of a line would be obeyed."""
    return _ORDER.sub(r"\1\\\2/", text)


def unguarded(text: str) -> str:
    """A text as it was meant, without our mark; one that has none was written by somebody else."""
    bare, ours = _MARK.subn("", text)
    return _SAFE.sub(r"\1\2/", bare) if ours else text


def marked(text: str, nonce: str = "0") -> str:
    """A text for GitLab: nothing in it is obeyed, and a mark that nobody sees finds it again."""
    return f"{guarded(text)}\n\n<!-- reconciler:said:{nonce} -->"


def has_mark(body: Any, nonce: str) -> bool:
    """Whether it is the text with that mark."""
    return f"<!-- reconciler:said:{nonce} -->" in words(body, "body")


def consents(approvals: Any, versions: Iterable[Any], link: str) -> tuple[Consent, ...]:
    """Who agrees, each with the commit that was the last one then.

    GitLab binds an approval to no commit. What is known is when it was given, and when each version
    of the merge request came: the newest that was there before is what was agreed to. Of the same
    instant nobody can tell, so nothing is told.
    """
    known = sorted(
        (moment(field(one, "created_at", str)), words(one, "head_commit_sha")) for one in versions
    )
    found = []
    for one in field(approvals, "approved_by", list):
        said = words(one, "approved_at")
        if not said:
            continue  # nobody can tell what it is about
        at = moment(said)
        before = [head for when, head in known if when < at]
        same = any(when == at for when, _ in known)
        head = "" if same or not before else before[-1]
        found.append(Consent(person(field(one, "user", dict)), at, head, reference=link))
    return tuple(found)


def status(body: Any) -> Status:
    """What a gate said; whatever is neither good nor under way is bad."""
    state = _SHOWN.get(words(body, "status"), "failed")
    text, link = words(body, "description"), words(body, "target_url")
    return Status(field(body, "name", str), state, text, link)
