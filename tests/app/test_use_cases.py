"""The cache changes no result, and cost follows the change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from reconciler.adapters.cache import SqliteCache
from reconciler.app.environment import find_environment
from reconciler.app.init import starting_files
from reconciler.app.kept import Kept, identity
from reconciler.app.render import Outcome, Rendering, render_all, render_into
from reconciler.errors import UsageError
from reconciler.model.rendered import Rendered
from tests.repos import BOX, LAB, Files, MemoryTree, edited, problems, small

T = TypeVar("T")
R = TypeVar("R")


class Here:
    """Workers that work here, and count; items in `late_ones` run out of time."""

    def __init__(self, *late_ones: str) -> None:
        self.done: list[str] = []
        self._late = late_ones

    def map(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        seconds: float,
        late: Callable[[T], R],
        *,
        row: int = 1,
    ) -> Iterator[R]:
        assert seconds == 5
        for item in items:
            name: Any = item
            name = name.environment.document.metadata.name
            self.done.append(name)
            yield late(item) if name in self._late else function(item)


def kept(folder: Path | None) -> Kept:
    return Kept(SqliteCache(folder), "this program")


def rendered(files: Files, cache: Path | None, workers: Here | None = None) -> tuple[Outcome, ...]:
    return render_all(
        MemoryTree(files), kept(cache), Rendering(workers or Here(), 5), lambda _done, _total: None
    )


def test_an_unchanged_revision_is_not_rendered_again(tmp_path: Path) -> None:
    first, workers = rendered(small(), tmp_path), Here()
    assert rendered(small(), tmp_path, workers) == first == rendered(small(), None)
    assert workers.done == []
    assert len(first) == 5
    assert all(one.summary is not None for one in first)


@pytest.mark.parametrize(
    "path, old, new, expected",
    [
        (BOX, "image: box:1", "image: box:2", ["box-one"]),
        (LAB, "To try things out", "To play", ["box-one", "box-two"]),
        ("templates/box/1.0.0/terraform/main.tf.j2", "note ", "nota ",
         ["box-one", "box-two", "shop", "shop-dev", "shop-staging"]),
        ("profiles/teams/team-b.yaml", "cc-1", "cc-2", []),
        ("policies/waivers/no-vpc.yaml", "2030", "2031", []),
    ],
)  # fmt: skip
def test_only_what_a_change_reaches_is_rendered_again(
    tmp_path: Path, path: str, old: str, new: str, expected: list[str]
) -> None:
    rendered(small(), tmp_path)
    files, workers = edited(small(), path, old, new), Here()
    assert rendered(files, tmp_path, workers) == rendered(files, None)
    assert sorted(workers.done) == expected


def test_files_for_a_folder_are_those_of_the_summary() -> None:
    got: list[Rendered] = []
    outcomes = render_into(
        MemoryTree(small()), Rendering(Here(), 5), got.append, lambda _done, _total: None
    )
    assert [one.summary() for one in got] == [
        one.summary for path in (item.environment for item in got) for one in outcomes
        if one.name == path
    ]  # fmt: skip
    assert len(got) == 5


def test_one_that_runs_out_of_time_is_told_and_tried_again(tmp_path: Path) -> None:
    outcomes = rendered(small(), tmp_path, Here("box-one"))
    (late,) = [one for one in outcomes if one.summary is None]
    assert (late.name, late.problems[0].code) == ("box-one", "out-of-time")
    assert "5 seconds" in late.problems[0].message
    workers = Here()
    assert all(one.summary for one in rendered(small(), tmp_path, workers))
    assert workers.done == ["box-one"]


def test_progress_ends_with_all() -> None:
    steps: list[tuple[int, int]] = []
    render_all(
        MemoryTree(edited(small(), BOX, "size: small", "size: huge")),
        kept(None), Rendering(Here(), 5), lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    assert steps[-1] == (5, 5)
    assert steps == sorted(steps)
    assert {total for _, total in steps} == {5}


def test_the_identity_of_a_tree_is_that_of_what_the_program_reads() -> None:
    before = identity(MemoryTree(small()))
    assert identity(MemoryTree({**small(), "README.md": "x", "src/a.py": "x"})) == before
    for path in small():
        assert identity(MemoryTree({**small(), path: small()[path] + "\n"})) != before


def test_one_environment_costs_its_own_document_and_the_shared_ones() -> None:
    tree = MemoryTree(small())
    found = find_environment(tree, "box-one")
    assert found.filled is not None
    read = {path for path in tree.read_paths if path.startswith("environments/")}
    assert read == {BOX}


def test_an_environment_of_two_files_is_no_environment() -> None:
    files = {**small(), "environments/z/box-one.yaml": small()[BOX]}
    with pytest.raises(UsageError) as caught:
        find_environment(MemoryTree(files), "box-one")
    assert caught.value.reason == "ambiguous-environment"


def test_what_init_writes_is_a_valid_repository() -> None:
    shipped = {path: text.encode() for path, text in small().items()}
    files = starting_files(shipped.items())
    assert problems(files) == ()
    # A name on a public index may be anybody's.
    assert b"pip install" not in files[".gitlab-ci.yml"]
    assert b"@sha256:" + b"0" * 64 in files[".gitlab-ci.yml"]
    assert all(not path.startswith("/") and ".." not in path.split("/") for path in files)
