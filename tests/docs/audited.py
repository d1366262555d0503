"""What `audit` prints about a repository with a story, also where its records are damaged."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pygit2

from reconciler.model.author import Author
from tests.audit.story import ADA, BUCKET, CONTROLLER, PORTAL, Told, more, policy, tell
from tests.docs.scenes import run
from tests.repos import GitRepo, shipped
from tests.verify.history import World, override

LINES: Final = (
    "log",
    "log trade-fair --limit 1",
    "show 0",
    "show 6",
    "who-did trade-fair",
    "blame acme-portal spec.parameters.desired_count",
    "dora --since 2026-11-01 --until 2026-11-14",
)
FREEZE: Final = """\
apiVersion: reconciler/v1
kind: Freeze
metadata: {name: stop, owner: team-platform}
spec: {scope: {agent: scout}, reason: It went mad., since: 2026-11-06}
"""


def audited() -> Iterator[dict[str, Any]]:
    """Every kind of document, with every field of it filled somewhere."""
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        repo = GitRepo.make(Path(name))
        repo.commit(shipped())
        told = tell(repo.path)
        for line in LINES:
            yield _said(line, repo.path)
        told.commit({"policies/freezes/stop.yaml": FREEZE}, ADA, "2026-11-06T08:00:00Z", "Stop")
        told.write("2026-11-06T08:05:00Z", "", CONTROLLER, policy(told.head))
        yield _said("who-could trade-fair --at 2026-11-06T09:00:00Z", repo.path)
        yield from _several(told)
        yield from _exported(more(told))
        _damage(repo, told)
        yield _export(told)
        yield _said("log", repo.path)
        yield _said("who-did acme-portal", repo.path)
        yield _said("dora --since 2026-11-03", repo.path)
    yield from _verified()


def _verified() -> Iterator[dict[str, Any]]:
    """A history with a break that somebody answered for, an anchor and an apply that goes on."""
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        world = World.make(Path(name))
        world.applied("acme-portal")
        world.records().anchor(Author("ada@example.com", "Ada Berg"), int(world.now.timestamp()))
        made = world.recorder(name="").happened("", world.head, override("lease", "x"))
        broken = [f"unsigned@{made.commit[:12]}"]
        world.recorder(ADA, "ada").acknowledged(world.head, broken, "The key was away.")
        world.started("acme-portal")
        yield _said("verify", world.path)
        yield _said("replay 1", world.path)
        with patch.dict(os.environ, _as_ada(world)):
            yield from _written(world)


def _as_ada(world: World) -> dict[str, str]:
    """Who writes: a person of a team, with that person's key."""
    world.key("ada")
    return {
        "RECONCILER_ACTOR_NAME": "Ada Berg",
        "RECONCILER_ACTOR_EMAIL": "ada@example.com",
        "RECONCILER_ACTOR_ID": "1001",
        "RECONCILER_SIGNING_KEY": str(world.folder / "key-ada"),
    }


def _written(world: World) -> Iterator[dict[str, Any]]:
    """What the commands that write say."""
    world.recorder(name="").happened("", world.head, override("lease", "y"))
    yield _said("acknowledge --all --because 'The key was away again.'", world.path)
    yield _said("settle acme-portal --because 'The runner was lost.'", world.path)
    yield _said("anchor", world.path)


def _said(line: str, folder: Path) -> dict[str, Any]:
    _, out, err = run(f"audit {line} --format json", folder)
    assert err == "", err
    found: dict[str, Any] = json.loads(out)
    return found


def _several(told: Told) -> Iterator[dict[str, Any]]:
    """Two changes that were applied at once."""
    for day in (6, 7):
        text = told.text(PORTAL) + f"# {day}\n"
        told.commit({PORTAL: text}, ADA, f"2026-11-0{day}T10:00:00Z", "Change")
    files = {"applied/terraform/main.tf": BUCKET.format(status="Disabled").encode()}
    told.deliver("2026-11-08T08:00:00Z", "acme-portal", CONTROLLER, told.head, files=files)
    name = "aws_s3_bucket_versioning.uploads.versioning_configuration.status"
    yield _said(f"blame acme-portal {name}", told.path)


def _exported(told: Told) -> Iterator[dict[str, Any]]:
    """The chain of the story is not whole, and one break of it is answered for."""
    told.records.anchor(Author("ada@example.com", "Ada Berg"), 1_794_000_000)
    yield _export(told)


def _export(told: Told) -> dict[str, Any]:
    line = "export --format json --since 2026-11-01 --until 2026-11-14"
    code, out, err = run(f"audit {line}", told.path)
    assert (code, "BROKEN" in err) == (1, True), err
    found: dict[str, Any] = json.loads(out)
    return found


def _damage(repo: GitRepo, told: Told) -> None:
    tree = told.repository[told.written[2].commit].peel(pygit2.Commit).tree
    repo.forget(str(tree["record.json"].id))
