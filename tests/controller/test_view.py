"""What is declared and known, from real git: following it comes to the same as starting anew."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.workers import Workers
from reconciler.app.kept import Kept
from reconciler.app.records import Records
from reconciler.app.render import Rendering
from reconciler.app.view import View
from reconciler.wiring import build
from tests.records.drafts import draft
from tests.repos import BOX, LAB, SHOP, Files, GitRepo, edited, environment, small

if TYPE_CHECKING:
    from collections.abc import Iterator

ELSEWHERE: Final = "environments/live/box-one.yaml"
SAID: Final = (
    None,
    "text",
    "a: [",
    "",
    environment("box-one"),
    environment("box-one", "staging"),
    environment("box-one", track="none"),
    environment("box-three"),
)
STEPS = st.one_of(
    st.tuples(st.sampled_from((BOX, ELSEWHERE)), st.sampled_from(SAID)),
    st.tuples(
        st.sampled_from((SHOP, "environments/lab/box-one.yml", "environments/lab/README.md")),
        st.sampled_from((None, "text", environment("box-one"))),
    ),
    st.tuples(st.just(LAB), st.sampled_from((None, "a: [", edited(small(), LAB, "6h", "2h")[LAB]))),
)


@contextmanager
def place() -> Iterator[tuple[GitRepo, Kept]]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        yield GitRepo.make(folder / "repo.git"), Kept(SqliteCache(folder / "kept"), "test")


def view_of(repo: GitRepo, kept: Kept) -> View:
    return View(
        build().repository(repo.path).snapshot,
        Records(GitRecords(repo.path, "records")),
        kept,
        Rendering(Workers(1), 10),
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(STEPS, min_size=1, max_size=3), min_size=1, max_size=5))
def test_following_each_commit_comes_to_the_same_as_starting_anew(
    commits: list[list[tuple[str, str | None]]],
) -> None:
    with place() as (repo, kept):
        files = small()
        following = view_of(repo, kept)
        following.declare(repo.commit(files))
        for steps in commits:
            for path, text in steps:
                files = {name: each for name, each in files.items() if name != path}
                files |= {path: text} if text is not None else {}
            before = dict(following.wanted)
            head = repo.commit(files)
            told = following.declare(head)
            anew = view_of(repo, kept)
            anew.declare(head)
            assert following.wanted == anew.wanted
            moved = {
                name
                for name in before.keys() | anew.wanted.keys()
                if before.get(name) != anew.wanted.get(name)
            }
            assert told is None or moved <= {*told}
            there = {path for path in files if path.startswith("environments/")}
            stems = {Path(path).stem for path in there if not path.endswith(".md")}
            assert stems == anew.wanted.keys()


def seen(files: Files, *more: Files) -> View:
    """A view that followed these commits."""
    with place() as (repo, kept):
        found = view_of(repo, kept)
        for each in (files, *more):
            found.declare(repo.commit(each))
        return found


def test_what_cannot_be_read_is_not_gone_and_says_why() -> None:
    for broken in ("a: [", "", "kind: Nonsense\n", "\0", "x" * 2_000_000):
        for view in (seen({**small(), BOX: broken}), seen(small(), {**small(), BOX: broken})):
            found = view.wanted["box-one"]
            assert found.problem.startswith(BOX)
            assert not found.files


def test_of_two_files_of_one_name_neither_is_meant() -> None:
    both = {**small(), ELSEWHERE: environment("box-one", track="live")}
    for view in (seen(both), seen(small(), both)):
        assert ELSEWHERE in view.wanted["box-one"].problem
    assert not seen(small(), both, small()).wanted["box-one"].problem


def test_a_profile_that_cannot_be_read_breaks_what_rests_on_it_and_loses_nothing() -> None:
    whole = seen(small())
    broken = seen(small(), {**small(), LAB: "a: ["})
    assert broken.names == whole.names
    assert broken.wanted["box-one"].problem
    assert broken.wanted["shop"] == whole.wanted["shop"]


def test_a_commit_that_touches_nothing_declared_changes_nothing() -> None:
    with place() as (repo, kept):
        view = view_of(repo, kept)
        view.declare(repo.commit(small()))
        assert view.declare(repo.commit({**small(), "README.md": "more"})) == set()


def test_records_are_followed_one_by_one_as_from_the_beginning() -> None:
    with place() as (repo, kept):
        following = view_of(repo, kept)
        assert not following.follow("")
        records = Records(GitRecords(repo.path, "records"))
        kinds = ("apply-started", "apply-ended", "drift-seen", "drift-gone")
        for number, kind in enumerate(kinds):
            name = ("box-one", "shop")[number // 2]
            records.append([draft(kind, number, environment=name)])
            told = following.follow(records.tip())
            assert set(told) == {name}
            anew = view_of(repo, kept)
            anew.follow(records.tip())
            assert following.known == anew.known
        assert following.of("box-one").record == 1
        assert following.of("nobody").record == -1
        assert not following.follow(records.tip())
