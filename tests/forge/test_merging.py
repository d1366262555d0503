"""What a merge would make is what it makes: whoever judges one judges the other."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pygit2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.git import GitTree
from reconciler.adapters.merging import Merging
from reconciler.core.tree import files_below, walk
from reconciler.errors import UsageError
from reconciler.model.merge_request import Proposal
from tests.forge.local import LocalForges, bare

LINES = [f"line {n}" for n in range(12)]
SIDES = st.dictionaries(
    st.sampled_from(["a.txt", "b/c.txt", "new.txt"]),
    st.one_of(
        st.none(),
        st.dictionaries(st.integers(0, 11), st.sampled_from(["x", "y"]), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


def text(edits: dict[int, str]) -> str:
    return "".join(f"{edits.get(n, one)}\n" for n, one in enumerate(LINES))


def written(side: dict[str, dict[int, str] | None]) -> dict[str, str | None]:
    files = {path: None if edits is None else text(edits) for path, edits in side.items()}
    return {path: one for path, one in files.items() if path != "new.txt" or one is not None}


def ids(tree: GitTree) -> set[tuple[str, str]]:
    return {(one.path, one.oid) for one in walk(tree, None)}


@settings(max_examples=10)
@given(ours=SIDES, theirs=SIDES)
def test_what_is_judged_is_what_is_made(
    ours: dict[str, dict[int, str] | None], theirs: dict[str, dict[int, str] | None]
) -> None:
    with TemporaryDirectory() as folder:
        forges = bare(Path(folder) / "bare.git")
        forges.push("main", {"a.txt": text({}), "b/c.txt": text({})})
        change = {**written(theirs), "always.txt": "here\n"}
        forges.push("feature", change)
        forges.push("main", {**written(ours), "also.txt": "there\n"})
        ada = forges.as_user("ada")
        head = ada.open(Proposal("x", "", "feature", "main")).head
        target = forges.tip("main")
        before = forges.repository.references["refs/heads/main"].target
        would = Merging(forges.path).tree(target, head)
        assert forges.repository.references["refs/heads/main"].target == before
        if isinstance(would, tuple):
            with pytest.raises(UsageError, match="changed the same") as failed:
                ada.merge(1, head, onto=target)
            assert all(path in failed.value.message for path in would)
            assert Merging(forges.path).met(target, head) != ""
            return
        made = ada.merge(1, head, onto=target)
        assert would.revision == head
        commit = forges.repository[made].peel(pygit2.Commit)
        assert ids(would) == ids(GitTree(forges.repository, made, commit.tree))
        assert files_below(would, "always.txt")


def test_where_they_meet_is_told_apart_from_where_they_do_not(tmp_path: Path) -> None:
    forges: LocalForges = bare(tmp_path / "bare.git")
    head = forges.push("feature", {"a.txt": "a\n"})
    began = forges.tip("main")
    assert Merging(forges.path).met(began, head) == ""
    forges.push("main", {"other.txt": "o\n"})
    assert Merging(forges.path).met(forges.tip("main"), head) == ""
    forges.push("main", {"a.txt": "b\n"})
    first = Merging(forges.path).met(forges.tip("main"), head)
    forges.push("main", {"a.txt": "c\n"})
    assert len({"", first, Merging(forges.path).met(forges.tip("main"), head)}) == 3
    # one that nobody fetched yet may come
    assert Merging(forges.path).met(began, "a" * 40) == "not here"
