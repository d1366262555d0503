"""Notes and threads of a merge request: what we say is said once, and nothing in it is an order."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final
from uuid import uuid4

from reconciler.adapters.gitlab import reading
from reconciler.adapters.gitlab.client import Client, RefusedError, UnsureError
from reconciler.core.records.words import line
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.approval import Person
from reconciler.model.merge_request import Note, Place

LONGEST: Final = 999_000
"""GitLab takes a million characters; our mark and what we guard need a few."""
_TRIES: Final = 2
_BAD: Final = 400
_FORBIDDEN: Final = 403
_NOT_THERE: Final = 404
_UNFIT: Final = (400, 422, 500)
"""What GitLab says of a line that cannot be spoken about, by its version."""


class Talk:
    """What is said in the merge requests of a project."""

    def __init__(
        self, client: Client, me: Callable[[], Person], accounts: Collection[int] = ()
    ) -> None:
        self._client = client
        self._me = me
        self._accounts = frozenset(accounts)
        """Others that speak for us."""

    def notes(self, number: int) -> Sequence[Note]:
        """Everything that was said, oldest first."""
        ours = self._ours()
        with self._about(number):
            rows = list(self._rows(number, "discussions"))
        found = [note for body in rows for note in reading.notes(body, ours)]
        return sorted(found, key=lambda one: (one.at, int(one.id)))

    def _ours(self) -> frozenset[int]:
        me = self._me().forge_id
        assert me is not None  # noqa: S101 - an account of GitLab has an id
        return self._accounts | {me}

    def say(self, number: int, text: str, *, thread: str = "", place: Place | None = None) -> Note:
        """Say something, once: a mark that nobody sees tells whether it came through."""
        if len(text) > LONGEST:
            raise _too_long(len(text))
        nonce = uuid4().hex
        body: dict[str, object] = {"body": reading.marked(text, nonce)}
        parts: tuple[object, ...] = ("merge_requests", number, "discussions")
        if thread:
            parts = (*parts, thread, "notes")
        position = self._position(number, place) if place is not None and not thread else None
        failure: ReconcilerError = given_up("said")
        for _ in range(_TRIES):
            try:
                path = self._client.below(*parts)
                more: dict[str, object] = {"position": position} if position else {}
                made = self._client.post(path, {**body, **more})
            except UnsureError as err:
                failure = err
                found = self._said(number, nonce)
                if found is not None:
                    return found
            except RefusedError as err:
                failure = self._unsaid(number, thread, err)
                if position is None or err.status not in _UNFIT:
                    raise failure from None
                position = None  # that line cannot be spoken about: say it by itself
            else:
                return self._note({"id": thread, "notes": [made]} if thread else made)
        raise failure

    def _note(self, thread: Any) -> Note:
        found = list(reading.notes(thread, self._ours()))
        if not found:
            raise reading.NonsenseError("a note that says nothing")
        return found[0]

    def _said(self, number: int, nonce: str) -> Note | None:
        """What we said, if it came through."""
        for body in self._rows(number, "discussions"):
            for one in body.get("notes") or ():
                if reading.has_mark(one, nonce):
                    return self._note({"id": body.get("id"), "notes": [one]})
        return None

    def _unsaid(self, number: int, thread: str, err: RefusedError) -> ReconcilerError:
        if err.status != _NOT_THERE:
            return self._client.refusal(err, f"a note on !{number}")
        if not thread:
            return no_such(number)
        return UsageError(
            "no-such-thread",
            f"!{number} has no thread {line(thread, 60)} any more",
            hint="somebody deleted it: say it by itself",
        )

    def _position(self, number: int, place: Place) -> dict[str, object] | None:
        """A line of the newest version, as GitLab wants it told."""
        with self._about(number):
            newest = next(self._rows(number, "versions"), None)
        if newest is None:
            return None
        return {
            "position_type": "text",
            "base_sha": newest.get("base_commit_sha"),
            "start_sha": newest.get("start_commit_sha"),
            "head_sha": newest.get("head_commit_sha"),
            "old_path": place.path,
            "new_path": place.path,
            "new_line": place.line,
        }

    def rewrite(self, number: int, note: str, text: str) -> bool:
        """Let a note of ours say something else."""
        if len(text) > LONGEST:
            raise _too_long(len(text))
        path = self._client.below("merge_requests", number, "notes", note)
        try:
            self._client.put(path, body=reading.marked(text))
        except RefusedError as err:
            if err.status == _NOT_THERE:
                return False
            if err.status == _FORBIDDEN and self._accounts:
                raise self._theirs(number) from None
            raise self._client.refusal(err, f"a note on !{number}") from None
        return True

    def _theirs(self, number: int) -> ReconcilerError:
        return ReconcilerError(
            "forge-denied",
            f"the note on !{number} is of another account of ours, and {self._client.host} lets"
            " only Maintainers write it anew",
            hint="make the account of the token a Maintainer, or run this as the account that wrote"
            " the note",
            subject=f"!{number}",
        )

    def settle(self, number: int, thread: str, *, resolved: bool) -> None:
        """Mark a thread; what is gone, or is no thing to settle, needs nothing."""
        path = self._client.below("merge_requests", number, "discussions", thread)
        try:
            self._client.put(path, resolved=resolved)
        except RefusedError as err:
            if err.status not in (_BAD, _NOT_THERE):
                raise self._client.refusal(err, f"a thread of !{number}") from None

    def _about(self, number: int) -> AbstractContextManager[None]:
        return self._client.about(f"!{number}", no_such(number))

    def _rows(self, *parts: object) -> Iterator[dict[str, Any]]:
        return self._client.rows(self._client.below("merge_requests", *parts))


def no_such(number: int) -> UsageError:
    """There is none of that number."""
    return UsageError(
        "no-such-merge-request",
        f"there is no merge request !{number}",
        hint="`reconciler mr list` lists those that are open",
        subject=f"!{number}",
    )


def given_up(what: str) -> ReconcilerError:
    """Nothing came of it."""
    return TransientError("forge-away", f"nothing was {what}", hint="it is tried again")


def _too_long(size: int) -> ReconcilerError:
    return ReconcilerError(
        "note-too-long",
        f"a note of {size:,} characters is not said: GitLab takes {LONGEST:,}",
        hint="say less, with a link to the rest",
    )
