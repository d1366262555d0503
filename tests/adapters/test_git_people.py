"""Who made a range's commits, what a branch took in since, where a change began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.git import GitSource
from reconciler.adapters.git_history import GitHistory
from reconciler.errors import UsageError
from reconciler.model.author import Author
from tests.repos import GitRepo

DAY = datetime(2026, 11, 21, tzinfo=UTC)
ADA, SARA, BOT = (Author(f"{name}@example.com", name) for name in ("ada", "sara", "bot"))


class Story:
    """A repository whose commits are told one by one."""

    def __init__(self, path: Path) -> None:
        self.repo = GitRepo.make(path)
        self.count = 0

    def commit(self, author: Author, *parents: str, at: datetime = DAY, by: str = "forge") -> str:
        self.count += 1
        when = int(at.timestamp())
        made = self.repo.repository.create_commit(
            None,
            pygit2.Signature(author.name, author.email, when, 0),
            pygit2.Signature(by, f"{by}@example.com", when, 0),
            "Change",
            self.repo.tree({"a": str(self.count)}),
            [pygit2.Oid(hex=one) for one in parents],
        )
        return str(made)

    @property
    def history(self) -> GitHistory:
        return GitHistory(self.repo.path)

    @property
    def source(self) -> GitSource:
        return GitSource(self.repo.path)

    def branch(self, name: str, commit: str) -> None:
        self.repo.repository.references.create(name, pygit2.Oid(hex=commit))


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path / "repo.git")


def test_authors_are_those_of_the_range_and_not_who_committed(story: Story) -> None:
    first = story.commit(ADA)
    second = story.commit(SARA, first)
    third = story.commit(BOT, second)
    fourth = story.commit(SARA, third)
    assert story.history.authors(f"{first}..{fourth}") == (BOT, SARA)
    assert story.history.authors(f"{first}..{second}") == (SARA,)
    assert story.history.authors(f"{fourth}..{fourth}") == ()
    assert story.history.authors(f"{fourth}..{first}") == ()


def test_what_was_merged_into_the_change_counts_unless_the_target_has_it(story: Story) -> None:
    first = story.commit(ADA)
    target = story.commit(ADA, first)
    mine = story.commit(SARA, first)
    theirs = story.commit(BOT, first)
    merged = story.commit(SARA, mine, theirs)
    assert story.history.authors(f"{target}..{merged}") == (BOT, SARA)
    caught_up = story.commit(SARA, mine, target)
    assert story.history.authors(f"{target}..{caught_up}") == (SARA,)


def test_each_change_that_a_branch_took_in_counts_once(story: Story) -> None:
    first = story.commit(ADA, at=DAY - timedelta(days=2))
    one = story.commit(BOT, first)
    two = story.commit(BOT, one)
    merge = story.commit(ADA, first, two)  # two commits, one change
    squashed = story.commit(BOT, merge)
    side = story.commit(SARA, merge, at=DAY - timedelta(days=1))
    last = story.commit(ADA, squashed, side)
    found = story.history.accepted(last, DAY)
    assert found == (frozenset({SARA}), frozenset({BOT}), frozenset({BOT}))
    assert story.history.accepted(last, DAY + timedelta(seconds=1)) == ()
    assert len(story.history.accepted(last, DAY - timedelta(days=3))) == 4


def test_one_commit_with_a_wrong_clock_hides_no_others(story: Story) -> None:
    at = [DAY, DAY - timedelta(days=900), DAY]
    commit = ""
    for when in at:
        commit = story.commit(BOT, *([commit] if commit else []), at=when)
    assert len(story.history.accepted(commit, DAY)) == 2


def test_a_change_began_where_both_part(story: Story) -> None:
    first = story.commit(ADA)
    target, head = story.commit(ADA, first), story.commit(SARA, first)
    assert story.source.began(target, head) == first
    assert story.source.began(head, head) == head
    assert story.source.began(first, head) == first
    with pytest.raises(UsageError, match="no commit in common") as err:
        story.source.began(story.commit(BOT), head)
    assert err.value.hint
    assert "GIT_DEPTH" in err.value.hint
    with pytest.raises(UsageError, match="does not name one commit"):
        story.source.began("nowhere", head)


def test_the_first_name_that_there_is(story: Story) -> None:
    commit = story.commit(ADA)
    story.branch("refs/heads/main", commit)
    names = ("refs/remotes/origin/main", "refs/heads/main")
    assert story.source.named(*names) == "refs/heads/main"
    story.branch("refs/remotes/origin/main", commit)
    assert story.source.named(*names) == "refs/remotes/origin/main"
    assert story.source.named("refs/heads/nowhere", "") is None
    blob = str(story.repo.blob("x"))
    assert story.source.named(blob) is None


@pytest.mark.parametrize("encoding", ["bogus", "rot13", "utf-8", "utf-16"])
def test_a_commit_may_claim_any_encoding_and_still_has_an_author(
    tmp_path: Path, encoding: str
) -> None:
    story = Story(tmp_path)
    raw = (
        f"tree {story.repo.tree({'a': '1'})}\n".encode()
        + b"author E\xffe <eve@example.com> 1 +0000\n"
        + b"committer E\xffe <eve@example.com> 1 +0000\n"
        + f"encoding {encoding}\n\nChange\n".encode()
    )
    made = str(story.repo.repository.odb.write(pygit2.enums.ObjectType.COMMIT, raw))
    eve = Author("eve@example.com", "E\ufffde")
    assert story.history.commit(made).author == eve
    assert story.history.makers("", made, ("a",)) == (eve,)
