"""`reconciler lease`: who works on what, and a human who takes it away."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.adapters.lease_refs import LeaseRefs
from reconciler.adapters.memory import FileMemory
from reconciler.app.leases import break_lease, holding
from reconciler.app.records import Records
from reconciler.cli.main import main
from reconciler.errors import WaitingError
from reconciler.model.lease import Lease
from reconciler.model.record import Override, Recorded
from tests.leases.places import LASTS, ME, Place, lease, me
from tests.verify.history import World

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(fresh: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `reconciler lease` in the repository, as Ada, with her key."""
    monkeypatch.chdir(fresh.path)
    fresh.key("ada")
    for name, value in {
        "ACTOR_NAME": "Ada Berg",
        "ACTOR_EMAIL": "ada@example.com",
        "ACTOR_ID": "1001",
        "SIGNING_KEY": str(fresh.folder / "key-ada"),
        "STATE_DIR": str(fresh.folder / "state"),
    }.items():
        monkeypatch.setenv(f"RECONCILER_{name}", value)

    def ran(*args: str) -> tuple[int, str, str]:
        code = 0
        try:
            main(["lease", *args])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


@pytest.fixture
def leases(fresh: World) -> LeaseRefs:
    folder = fresh.folder / "seen"
    return LeaseRefs(fresh.path, "", None, ME, lambda name: FileMemory(folder / name))


def held_now(name: str = "acme-portal") -> Lease:
    now = datetime.now(UTC)
    return replace(lease(name), since=now, beat=now, expires=now + LASTS)


def overrides(records: Records) -> list[Override]:
    found = (one.record.body for one in records.walk())
    return [body for body in found if isinstance(body, Override)]


def test_a_human_breaks_a_lease_and_it_is_recorded_before(
    fresh: World, run: Run, leases: LeaseRefs
) -> None:
    assert "Nothing is held" in run("list")[1]
    fresh.applied("acme-portal")
    with holding(
        leases,
        "acme-portal",
        "apply 5d1b",
        me(),
        fence_after=fresh.records().count(),
        lasts=LASTS,
        clock=lambda: datetime.now(UTC),
        beat=False,
    ) as held:
        assert "apply 5d1b" in run("list")[1]
        assert held.holder in run("show", "acme-portal")[1].replace("\n", " ")
        assert "held by nobody" in run("show", "acme-shop")[1]
        found = json.loads(run("list", "--format", "json")[1])
        assert [one["holder"] for one in found["leases"]] == [held.holder]
        assert not found["leases"][0]["over"]
        code, out, err = run("break", "acme-portal", "--because", "The machine burnt")
        assert (code, err) == (0, ""), err
        assert held.holder in " ".join(out.split())
        with pytest.raises(WaitingError, match="took the lease of acme-portal away"):
            held.confirm()
    assert leases.all() == {}
    (body,) = overrides(fresh.records())
    assert (body.what, body.accepts, body.because) == (
        "lease",
        (held.holder,),
        "The machine burnt",
    )
    assert fresh.verify().whole


def test_what_is_not_held_cannot_be_broken(fresh: World, run: Run) -> None:
    fresh.applied("acme-portal")
    before = fresh.tip
    code, _, err = run("break", "acme-portal", "--because", "The machine burnt")
    assert (code, "held by nobody" in err) == (2, True)
    assert "reconciler lease list" in err
    assert run("break", "Not a name", "--because", "The machine burnt")[0] == 2
    assert fresh.tip == before


def test_only_people_break_a_lease(
    fresh: World, run: Run, leases: LeaseRefs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.applied("acme-portal")
    leases.put("acme-portal", "", held_now())
    fresh.key("controller")
    monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(fresh.folder / "key-controller"))
    monkeypatch.delenv("RECONCILER_ACTOR_ID")
    monkeypatch.setenv("RECONCILER_ACTOR_NAME", "controller")
    monkeypatch.setenv("RECONCILER_ACTOR_EMAIL", "reconciler@example.com")
    code, _, err = run("break", "acme-portal", "--because", "I want it")
    assert (code, "no person of a team" in err) == (10, True), err
    assert set(leases.all()) == {"acme-portal"}
    assert overrides(fresh.records()) == []


def test_whoever_took_it_meanwhile_keeps_it(there: Place) -> None:
    one, other = there.machine("one"), there.machine("other")
    where = one.put("box-one", "", lease())

    def record(found: Lease) -> Recorded:
        assert found == lease()
        other.put("box-one", where, lease(holder="somebody else", fence=9))
        return Recorded("0" * 40, 1, "")

    with pytest.raises(WaitingError, match="somebody else"):
        break_lease(one, "box-one", record)
    assert set(there.refs()) == {"box-one"}


def test_the_leases_of_the_sandbox_are_kept_by_themselves(
    fresh: World, run: Run, leases: LeaseRefs
) -> None:
    del fresh
    leases.put("acme-portal", "", held_now())
    assert "Nothing is held" in run("list", "--sandbox")[1]
    assert "acme-portal" in run("list")[1]
