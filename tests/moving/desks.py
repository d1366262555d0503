"""Desks over a real repository with signed records and its local forge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pygit2

from reconciler.adapters.git import GitSource
from reconciler.adapters.local_forge import LocalForge
from reconciler.adapters.merge_request_refs import MergeRequestRefs
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.ssh_keys import verify
from reconciler.app.moving import Desk
from reconciler.app.proposing import Bot
from reconciler.app.steward import Caller
from reconciler.model.approval import Person
from reconciler.model.author import Author
from reconciler.model.merge_request import MergeRequest
from reconciler.model.record import Actor, Record
from tests.verify.history import CONTROLLER, World

US = Author("reconciler@example.com", "controller")
STAGING = "environments/customer/acme-portal-staging.yaml"
PORTAL = "environments/customer/acme-portal.yaml"
NEW_IMAGE = "222222222222.dkr.ecr.eu-central-1.amazonaws.com/acme/web@sha256:" + "1" * 64


def forge(world: World) -> LocalForge:
    refs = MergeRequestRefs(world.path, "", None, world.key("controller"), verify)
    return LocalForge(refs, Person(US.name, US.email), lambda: world.now)


def desk(world: World, actor: Actor = CONTROLLER, key: str = "controller") -> Desk:
    bot = Bot(
        forge(world),
        "main",
        lambda name: GitRecords(world.path, name),
        US,
        lambda: world.now,
    )
    tree = GitSource(world.path).snapshot("refs/heads/main")
    by = Person(actor.name, actor.email, actor.forge_id)
    caller = Caller(by, world.key(key).public_key.fingerprint, actor)
    return Desk(bot, world.recorder(actor, key), tree, caller)


def later(world: World, hours: float = 2) -> None:
    world.now += timedelta(hours=hours)


def new_image(world: World, path: str = STAGING, image: str = NEW_IMAGE) -> str:
    """Somebody declares another image, and comments on it."""
    text = world.text(path)
    old = next(line for line in text.splitlines() if line.startswith("    image: "))
    return world.edit(path, old, f"    image: {image}  # the next release")


@dataclass
class Proposed:
    """A merge request as it lies in git."""

    world: World
    request: MergeRequest

    @property
    def commit(self) -> pygit2.Commit:
        return self.world.repository[self.request.head].peel(pygit2.Commit)

    def text(self, path: str) -> str:
        blob = self.commit.tree[path]
        assert isinstance(blob, pygit2.Blob)
        return blob.data.decode()

    def paths(self) -> list[str]:
        """What it changes."""
        diff = self.world.repository.diff(self.commit.parents[0], self.commit)
        assert isinstance(diff, pygit2.Diff)
        return [one.new_file.path for one in diff.deltas]


def lines_changed(before: str, after: str) -> list[str]:
    """The lines that came."""
    old = before.splitlines()
    return [one for one in after.splitlines() if one not in old]


def recorded(world: World, name: str, kind: str) -> list[Record]:
    """Records of a kind about an environment, newest first."""
    return [one.record for one in world.records().of_environment(name)
            if one.record.body.kind == kind]  # fmt: skip
