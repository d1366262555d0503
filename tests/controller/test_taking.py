"""Parameters that follow what others put out: by commits, once, and agreed to where asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.git import GitSource
from reconciler.adapters.workers import Workers
from reconciler.app.kept import Kept
from reconciler.app.render import Rendering
from reconciler.app.taking import take
from reconciler.app.view import View
from reconciler.core.tree import find
from tests.life.home import Home

DEMO = "environments/demo/pitch-acme.yaml"
LIVE = "environments/customer/acme-portal.yaml"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.make(tmp_path)


def follows(home: Home, path: str, key: str, other: str) -> None:
    """Let a parameter of an environment follow an output of another."""
    text = read(home, path)
    text += f"  takes: {{{key}: {{environment: {other}, output: seconds}}}}\n"
    home.world.change({path: text})


def read(home: Home, path: str) -> str:
    tree = home.law().tree
    entry = find(tree, path)
    assert entry is not None
    return (tree.read(entry, 100_000) or b"").decode()


def puts(home: Home, name: str, **outputs: Any) -> None:
    """Somebody applied it, and that is what it puts out."""
    outcome = home.world.outcome

    def told(which: str, *args: Any, **more: Any) -> Any:
        return replace(outcome(which, *args, **more), outputs=tuple(sorted(outputs.items())))

    home.world.outcome = told  # type: ignore[method-assign,assignment]  # with outputs
    home.world.applied(name)
    home.world.outcome = outcome  # type: ignore[method-assign]


def view(home: Home, tmp_path: Path) -> View:
    kept = Kept(SqliteCache(tmp_path / "cache"), "test")
    found = View(
        GitSource(home.world.path).snapshot, home.world.records(), kept, Rendering(Workers(1), 20)
    )
    found.declare(home.world.head)
    found.follow(home.world.records().tip())
    return found


def test_a_new_value_is_written_once_where_nobody_has_to_agree(home: Home, tmp_path: Path) -> None:
    follows(home, DEMO, "timeout_seconds", "trade-fair")
    puts(home, "trade-fair", seconds=42)
    seen = view(home, tmp_path)
    assert seen.untaken("pitch-acme") == (("timeout_seconds", 42),)
    before = home.world.head
    (said,) = take(home.steward(), seen, ["pitch-acme"])
    assert "pitch-acme" in said
    assert home.world.head != before
    assert "timeout_seconds: 42" in read(home, DEMO)
    again = view(home, tmp_path)
    assert again.untaken("pitch-acme") == ()
    assert take(home.steward(), again, ["pitch-acme"]) == ()


def test_where_people_have_to_agree_it_is_a_merge_request(home: Home, tmp_path: Path) -> None:
    follows(home, LIVE, "max_count", "trade-fair")
    puts(home, "trade-fair", seconds=7)
    before = home.world.head
    for _ in range(2):
        take(home.steward(), view(home, tmp_path), ["acme-portal"])
    assert home.world.head == before
    (opened,) = home.forge.open_ones("main")
    assert opened.source == "reconciler/take/acme-portal"
    assert opened.title == "Let acme-portal have what others put out"


def test_what_was_never_put_out_or_cannot_stand_in_a_document_is_not_taken(
    home: Home, tmp_path: Path
) -> None:
    follows(home, DEMO, "timeout_seconds", "trade-fair")
    assert view(home, tmp_path).untaken("pitch-acme") == ()
    puts(home, "trade-fair", seconds={"__sensitive__": "0123"})
    assert view(home, tmp_path).untaken("pitch-acme") == ()
