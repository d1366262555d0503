"""What would be refused right before its apply is told where the change is judged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.adapters.git import GitSource
from reconciler.app.environment import whole
from reconciler.app.held import Past, look
from reconciler.app.review import review_all
from reconciler.cli.reviewing import room_of
from reconciler.model.base import format_timestamp, parse_start
from reconciler.model.tree import Entry
from reconciler.ports import RepoTree
from reconciler.wiring import build
from tests.check.project import CUSTOMER, base_files
from tests.docs.scenes import run
from tests.moving.desks import NEW_IMAGE, PORTAL, forge, new_image
from tests.verify.history import World

NAME, BEFORE = "acme-portal", "acme-portal-staging"
INES = pygit2.Signature("Ines Duarte", "ines@example.com", 1_790_000_000, 0)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Both were applied long ago; Ada sits at the keyboard, with her key."""
    quiet = {path: text for path, text in base_files().items() if path == CUSTOMER}
    made = World.make(tmp_path, quiet)
    made.now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
    made.applied(BEFORE)
    made.applied(NAME)
    made.key("ada")
    monkeypatch.setenv("RECONCILER_ACTOR_NAME", "Ada Berg")
    monkeypatch.setenv("RECONCILER_ACTOR_EMAIL", "ada@example.com")
    monkeypatch.setenv("RECONCILER_ACTOR_ID", "1001")
    monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(tmp_path / "key-ada"))
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("CI_JOB_URL", raising=False)
    return made


def by_hand(world: World, old: str = "image: ", new: str = f"image: {NEW_IMAGE}") -> str:
    """Ines changes a line of production's document on a branch."""
    repository = world.repository
    main = repository.references["refs/heads/main"].target
    text = world.text(PORTAL)
    line = next(one.strip() for one in text.splitlines() if one.strip().startswith(old))
    blob = repository.create_blob(text.replace(line, new).encode())
    index = pygit2.Index()
    index.read_tree(repository[main].peel(pygit2.Tree))
    index.add(pygit2.IndexEntry(PORTAL, blob, pygit2.enums.FileMode.BLOB))
    tree = index.write_tree(repository)
    made = repository.create_commit(None, INES, INES, "By hand", tree, [main])
    repository.references.create("refs/heads/by-hand", made, force=True)
    return str(made)


def ran(world: World, hours_ago: float) -> datetime:
    """The new image was applied to staging so long ago."""
    new_image(world)
    world.now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours_ago)
    world.applied(BEFORE)
    (newest, *_) = world.records().of_environment(BEFORE)
    return parse_start(newest.record.at)


def checked(world: World, now: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """The report of the branch, and what it decides about production."""
    _, out, err = run(f"check --head by-hand --format json {now}".strip(), world.path)
    assert out, err
    report: dict[str, Any] = json.loads(out)
    (found,) = [one for one in report["decisions"] if one["environment"] == NAME]
    return report, found


def early(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in found["findings"] if one["rule"] == "AUT009"]


def test_what_is_brought_too_early_is_denied_with_its_time_and_what_to_do(world: World) -> None:
    began = ran(world, 0.5)
    by_hand(world)
    report, found = checked(world)
    (one,) = early(found)
    due = format_timestamp(began + timedelta(hours=1))
    assert one["message"] == (
        f"what this brings does well in {BEFORE} since {format_timestamp(began)}, and the track"
        f" customer asks for 1h in a row: it is not applied before {due}"
    )
    assert one["level"] == "hard"
    assert one["path"] == PORTAL
    assert due in one["fix"]
    assert "/reconciler override AUT009" in one["fix"]
    assert found["verdict"] == report["verdict"] == "DENY"
    assert found["inputs"]["promotion"] == str(world.records().count() - 1)
    again = checked(world, f"--now {due}")[1]
    assert early(again) == []
    assert again["verdict"] == "NEEDS_APPROVAL"
    assert again["inputs"]["promotion"] == found["inputs"]["promotion"]


def test_what_never_ran_before_is_named(world: World) -> None:
    by_hand(world)
    (one,) = early(checked(world)[1])
    assert one["message"] == f"{BEFORE}, which {NAME} follows, never ran what this brings"
    assert one["fix"].startswith(f"let it run in {BEFORE} first")


def test_what_drifted_before_its_time_has_no_time(world: World) -> None:
    began = ran(world, 3)
    world.now = began + timedelta(minutes=20)
    world.drift(BEFORE)
    by_hand(world)
    (one,) = early(checked(world)[1])
    assert f"did well in {BEFORE} for 2" in one["message"]
    assert "not applied before" not in one["message"]
    assert one["fix"].startswith(f"let it do well in {BEFORE}; the controller looks again")


def test_what_brings_nothing_rests_on_no_records(world: World) -> None:
    by_hand(world, "desired_count: ", "desired_count: 5")
    found = checked(world)[1]
    assert early(found) == []
    assert "promotion" not in found["inputs"]


def test_another_change_of_what_waits_already_is_not_blamed_for_it(world: World) -> None:
    new_image(world, PORTAL)
    by_hand(world, "desired_count: ", "desired_count: 5")
    assert early(checked(world)[1]) == []


def test_where_no_records_are_in_reach_it_says_so_and_fails_nothing(world: World) -> None:
    by_hand(world)
    world.repository.references.delete("refs/heads/records")
    report, found = checked(world)
    (note,) = [one for one in report["notes"] if one.startswith("promotion: ")]
    assert f"no records are here, so it was not judged whether {BEFORE} did well" in note
    assert "the controller judges that" in note
    assert found["verdict"] == "NEEDS_APPROVAL"
    assert "promotion" not in found["inputs"]


def test_records_that_cannot_be_read_allow_nothing(world: World) -> None:
    ran(world, 3)
    by_hand(world)
    tip = world.tip
    (world.path / "objects" / tip[:2] / tip[2:]).unlink(missing_ok=True)
    shutil.rmtree(world.path / "objects" / "pack", ignore_errors=True)
    found = checked(world)[1]
    assert found["verdict"] == "INDETERMINATE"
    assert [one["gate"] for one in found["silent"]] == ["authority"]


def test_the_note_on_the_merge_request_tells_it(world: World) -> None:
    began = ran(world, 0.5)
    by_hand(world)
    assert run("mr open --source by-hand --title By-hand", world.path)[0] == 0
    code, _, err = run("mr check 1", world.path)
    assert code == 10, err
    (note,) = [one.text for one in forge(world).notes(1) if "AUT009" in one.text][:1]
    assert f"it is not applied before {format_timestamp(began + timedelta(hours=1))}" in note


def test_it_is_looked_at_again_when_its_time_comes_though_nothing_moved(world: World) -> None:
    ran(world, 0.5)
    by_hand(world)
    assert run("mr open --source by-hand --title By-hand", world.path)[0] == 0
    ports = build()

    def looked(now: datetime) -> str:
        room = room_of(ports, world.path, plan=False, sandbox=False, post=True)
        (found,) = review_all(replace(room, now=now), ports.reviewed(world.path))
        return found.state

    noon = datetime(2000, 1, 1, 12, tzinfo=UTC)  # long before its time
    looked(noon)
    looked(noon)  # what was posted has changed it
    assert looked(noon + timedelta(minutes=9)) == "skipped"
    assert looked(noon + timedelta(minutes=11)) == "reviewed", "it may have failed meanwhile"
    later = datetime(2100, 1, 1, 12, tzinfo=UTC)
    looked(later)
    assert looked(later) == "reviewed", "its time has come"


def test_what_ran_before_is_looked_up_where_it_lies_and_nowhere_else(world: World) -> None:
    """However many environments there are beside it, and however often it was applied."""
    for number in range(4):
        world.change({"notes.md": f"{number}\n"})
        world.applied(BEFORE)
        world.applied(NAME)
    head = by_hand(world)
    listed: list[str] = []

    class Tree:
        def __init__(self, tree: RepoTree) -> None:
            self._tree = tree
            self.revision, self.read = tree.revision, tree.read

        def children(self, folder: Entry | None) -> Sequence[Entry]:
            listed.append(folder.path if folder is not None else "")
            return self._tree.children(folder)

    class Watched(GitSource):
        def snapshot(self, revision: str) -> Any:
            return Tree(super().snapshot(revision))

    filled = whole(GitSource(world.path).snapshot(head), NAME)
    past = Past(world.records(), Watched(world.path), world.tip)
    found = look(past, filled, (filled.profile.document,), datetime.now(UTC))
    assert found is not None
    assert found.early is not None
    assert found.early.longest is None, "it never ran there"
    assert listed.count("") >= 8, "each commit that was applied is looked at"
    assert listed.count("environments/demo") <= 1, "what it follows is looked for once"
