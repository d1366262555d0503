"""Leases as refs: moved only from where they were, here and at remotes of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.lease import renewed
from reconciler.errors import UsageError
from tests.leases.places import ELSEWHERE, NOW, Place, lease, place
from tests.records.chains import git


def test_a_lease_is_seen_by_everybody_until_it_is_removed(shared: Place) -> None:
    one, other = shared.machine("one"), shared.machine("other")
    assert other.read("box-one") == ("", None)
    assert other.all() == {}
    where = one.put("box-one", "", lease())
    assert other.read("box-one") == (where, lease())
    assert other.all() == {"box-one": lease()}
    assert shared.refs() == {"box-one": where}
    again = renewed(lease(), NOW)
    moved = other.put("box-one", where, again)
    assert moved not in {"", where}
    assert one.all() == one.all() == {"box-one": again}
    assert not one.remove("box-one", where)
    assert one.remove("box-one", moved)
    assert other.all() == {}
    assert shared.refs() == {}


def test_it_moves_only_from_where_it_was(shared: Place) -> None:
    one, other = shared.machine("one"), shared.machine("other")
    where = one.put("box-one", "", lease())
    assert other.put("box-one", "", lease(fence=5)) == ""
    assert other.put("box-one", "0" * 39 + "1", lease(fence=5)) == ""
    assert other.put("box-two", where, lease("box-two")) == ""
    assert not other.remove("box-two", where)
    assert shared.refs() == {"box-one": where}


def test_a_history_of_renewals_is_not_kept(shared: Place) -> None:
    one, found = shared.machine("one"), lease()
    where = one.put("box-one", "", found)
    for _ in range(3):
        found = renewed(found, NOW)
        where = one.put("box-one", where, found)
    assert git(shared.shared, "rev-list", where).split() == [where]
    assert ELSEWHERE in git(shared.shared, "show", f"{where}:lease.json")
    assert shared.machine("other").all() == {"box-one": found}


@pytest.mark.parametrize("name", ["", "A", "a/b", "../heads/main", "a" * 29, "a b", "a.lock", "ä"])
def test_what_is_no_environment_never_becomes_a_ref(there: Place, name: str) -> None:
    one = there.machine("one")
    for act in (
        lambda: one.put(name, "", lease(name)),
        lambda: one.read(name),
        lambda: one.remove(name, ""),
    ):
        with pytest.raises(UsageError, match="no name"):
            act()
    assert git(there.shared, "for-each-ref") == ""


def test_what_somebody_else_put_there_holds_until_it_stands_still(shared: Place) -> None:
    blob = git(shared.shared, "hash-object", "-w", "--stdin", "-t", "blob", "--literally").strip()
    git(shared.shared, "update-ref", "refs/reconciler/leases/box-one", blob)
    git(shared.shared, "update-ref", "refs/reconciler/leases/odd/box", blob)
    found = shared.machine("one").all()
    assert list(found) == ["box-one"]
    assert "cannot be read" in found["box-one"].holder
    where, same = shared.machine("one").read("box-one")
    assert (where, same) == (blob, found["box-one"])
    assert shared.machine("one").put("box-one", blob, lease())
    assert shared.machine("two").all() == {"box-one": lease()}


def test_a_look_that_finds_nothing_new_asks_once(tmp_path: Path) -> None:
    with place(tmp_path, "http") as shared:
        assert shared.server is not None
        one, other = shared.machine("one"), shared.machine("other")
        one.put("box-one", "", lease())
        one.put("box-two", "", lease("box-two"))
        other.all()
        asked = len(shared.server.asked)
        assert set(other.all()) == {"box-one", "box-two"}
        assert len(shared.server.asked) == asked + 1
