"""Where every record has to be signed, nothing begins without a key that may sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.cli.building import settings_of
from reconciler.cli.recording import recorder_of
from reconciler.errors import UsageError
from reconciler.wiring import build

if TYPE_CHECKING:
    from tests.verify.history import World


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
