"""Where every record has to be signed, nothing begins without a key that may sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.cli.building import settings_of
from reconciler.cli.recording import recorder_of
from reconciler.core.records.verify import Doer
from reconciler.errors import UsageError
from reconciler.wiring import build
from tests.records.chains import git
from tests.verify.history import ADA, World, override

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.conftest import Run


def begin(world: World, patch: pytest.MonkeyPatch, key: str, who: str) -> str:
    """What is said to whoever begins; empty: nothing."""
    if key:
        world.key(key)
        patch.setenv("RECONCILER_SIGNING_KEY", str(world.folder / f"key-{key}"))
    else:
        patch.delenv("RECONCILER_SIGNING_KEY", raising=False)
    patch.setenv("RECONCILER_ACTOR_NAME", who)
    patch.setenv("RECONCILER_ACTOR_EMAIL", f"{who}@example.com")
    patch.setenv("RECONCILER_ACTOR_ID", {"ada": "1001", "tom": "2002"}.get(who, "7"))
    ports = build()
    tree = ports.repository(world.path).snapshot(world.head)
    try:
        recorder_of(ports, world.path, tree, settings_of(tree), simulated=False)
    except UsageError as error:
        return f"{error.reason}: {error.hint}"
    return ""


def test_nothing_begins_without_a_key_that_may_sign(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = begin(fresh, monkeypatch, "", "ada")
    assert said == "no-signing-key: name its file in RECONCILER_SIGNING_KEY"
    assert begin(fresh, monkeypatch, "stranger", "ada").startswith("unknown-signing-key")
    assert begin(fresh, monkeypatch, "tom", "ada").startswith("unknown-signing-key")
    assert not begin(fresh, monkeypatch, "ada", "ada")
    assert not begin(fresh, monkeypatch, "controller", "ada")


def acting(world: World, patch: pytest.MonkeyPatch, key: str, email: str) -> str:
    """What whoever has a key and says an address is taken for."""
    world.key(key)
    patch.setenv("RECONCILER_SIGNING_KEY", str(world.folder / f"key-{key}"))
    patch.setenv("RECONCILER_ACTOR_NAME", "whoever")
    patch.setenv("RECONCILER_ACTOR_EMAIL", email)
    patch.delenv("RECONCILER_ACTOR_ID", raising=False)
    ports = build()
    tree = ports.repository(world.path).snapshot(world.head)
    spec = settings_of(tree)
    return recorder_of(ports, world.path, tree, spec, simulated=False).actor.kind


def test_a_program_is_known_by_its_key_and_no_person_becomes_one(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert acting(fresh, monkeypatch, "controller", "Reconciler@example.com") == "program"
    assert acting(fresh, monkeypatch, "controller", "ada@example.com") == "human"
    with pytest.raises(UsageError, match="may not sign"):
        acting(fresh, monkeypatch, "ada", "reconciler@example.com")


def test_a_key_that_is_a_persons_makes_nobody_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World.make(tmp_path, writer="ada")
    assert acting(world, monkeypatch, "ada", "reconciler@example.com") == "human"


@pytest.mark.parametrize("kind, may", [("human", True), ("program", False), ("agent", False)])
def test_what_a_person_signs_is_a_persons(fresh: World, kind: str, *, may: bool) -> None:
    doer = Doer("Ada Berg", "ada@example.com", 1001, kind, "")
    key = fresh.key("ada").public_key.fingerprint
    assert build().bench(fresh.path, fresh.head).signer(fresh.head, key, doer) is may


COMMANDS = {
    "acknowledge": ("audit", "acknowledge", "--all", "--because", "see INC-7"),
    "settle": ("audit", "settle", "acme-portal", "--because", "it is gone"),
    "anchor": ("audit", "anchor"),
}


@pytest.mark.parametrize("command", sorted(COMMANDS))
@pytest.mark.parametrize("key", ["", "stranger", "tom"])
def test_nothing_is_written_with_a_key_that_may_not_sign(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch, command: str, key: str
) -> None:
    if command == "acknowledge":
        world.happened(override("lease", "trade-fair"), "trade-fair", ADA, "eve")
    else:
        world.started("acme-portal")
    if key:
        world.key(key)
        monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(world.folder / f"key-{key}"))
    else:
        monkeypatch.delenv("RECONCILER_SIGNING_KEY")
    was = git(world.path, "for-each-ref")
    done = run(*COMMANDS[command])
    assert done.code == 2
    assert ("no key to sign with" if not key else "may not sign") in done.err
    assert git(world.path, "for-each-ref") == was
    monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(world.folder / "key-ada"))
    assert run(*COMMANDS[command]).code == 0
