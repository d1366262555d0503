"""Whatever a server answers: it is read, or it is refused in words. Never half, never as a bug."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.gitlab import reading
from reconciler.adapters.gitlab.client import Client, Pace
from reconciler.errors import ReconcilerError, UsageError
from tests.fakes.gitlab import show

WHOLE: dict[str, Any] = {
    "iid": 1,
    "title": "A change",
    "description": None,
    "author": {"id": 1, "name": "Ada", "username": "ada"},
    "source_branch": "feature",
    "target_branch": "main",
    "source_project_id": 7,
    "target_project_id": 7,
    "sha": "0" * 40,
    "state": "opened",
    "created_at": "2026-11-21T09:00:00.000Z",
    "updated_at": "2026-11-21T09:00:00.000Z",
    "labels": [],
    "id": "f0",
    "name": "check",
    "notes": [],
    "approved_by": [],
}
FIELDS = (
    *WHOLE,
    "approved_at",
    "body",
    "draft",
    "head_commit_sha",
    "new_line",
    "new_path",
    "position",
    "resolvable",
    "resolved",
    "status",
    "system",
    "user",
    "username",
    "web_url",
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2**70)
    | st.text(max_size=8)
    | st.sampled_from(["opened", "merged", "2026-11-21T09:00:00.000Z", "0001-01-01T00:00:00+14:00"])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=len(FIELDS))
    ),
    max_leaves=40,
)


@pytest.mark.parametrize(
    "read",
    [
        reading.merge_request,
        reading.person,
        reading.status,
        reading.thing,
        lambda body: list(reading.notes(body, {1})),
        lambda body: reading.consents(body, [body], ""),
    ],
)
@given(body=JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=2).map(WHOLE.__or__))
def test_any_answer_is_read_or_refused(read: Callable[[Any], object], body: Any) -> None:
    with suppress(reading.NonsenseError):
        read(body)


FIRST = datetime(2026, 11, 21, 9, tzinfo=UTC)
MOMENTS = st.integers(0, 40).map(lambda tenth: FIRST + timedelta(milliseconds=100 * tenth))


@given(st.lists(MOMENTS, unique=True, min_size=1), MOMENTS)
def test_an_approval_is_never_told_for_a_commit_that_came_after_it(
    pushes: list[datetime], at: datetime
) -> None:
    """Also when the versions come in any order; of the same instant nothing is told."""
    versions = [{"created_at": show.at(when), "head_commit_sha": show.at(when)} for when in pushes]
    who = {"id": 1, "name": "Ben", "username": "ben"}
    approvals = {"approved_by": [{"user": who, "approved_at": show.at(at)}]}
    (found,) = reading.consents(approvals, versions, "")
    before = [when for when in pushes if when < at]
    assert found.head == (show.at(max(before)) if before and at not in pushes else "")


def test_an_approval_without_a_time_is_none() -> None:
    who = {"id": 1, "name": "Ben", "username": "ben"}
    assert reading.consents({"approved_by": [{"user": who, "approved_at": None}]}, [], "") == ()


@given(st.text(min_size=1, max_size=12))
def test_a_name_stays_one_part_of_a_path(name: str) -> None:
    client = Client("https://gitlab.example.com", "a/b", "glpat-x", "GITLAB_TOKEN", Pace())
    if name in (".", ".."):
        with pytest.raises(UsageError):
            client.below("discussions", name, "notes")
        return
    parts = client.below("discussions", name, "notes").split("/")
    assert parts[:4] == ["", "projects", "a%2Fb", "discussions"]
    assert (unquote(parts[4], errors="surrogatepass"), parts[5:]) == (name, ["notes"])


@pytest.mark.parametrize("url", ["http://gitlab.example.com", "ftp://gitlab.example.com", "x"])
def test_a_token_is_sent_nowhere_in_plain(url: str) -> None:
    with pytest.raises(UsageError) as failed:
        Client(url, "a/b", "glpat-x", "GITLAB_TOKEN", Pace())
    assert failed.value.reason == "forge-plain"


def test_a_servers_words_cannot_move_a_screen_or_show_the_token() -> None:
    client = Client("https://gitlab.example.com", "a/b", "glpat-secret", "GITLAB_TOKEN", Pace())
    said = client.safe("no\x1b[2J\n with glpat-secret in it")
    assert isinstance(client.no_project(), ReconcilerError)
    assert ("\x1b" in said, "\n" in said, "glpat-secret" in said) == (False, False, False)


def test_what_is_whole_is_read() -> None:
    assert reading.merge_request(WHOLE).number == 1
