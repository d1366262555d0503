"""A repository with signed records, and what ends, stops and keeps back in it; fast, no command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pygit2

from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import GitRecords
from reconciler.app.law import Law
from reconciler.app.proposing import Bot
from reconciler.app.record import Recorder
from reconciler.app.steward import Caller, Steward
from reconciler.core.load import load
from reconciler.errors import ReconcilerError
from reconciler.model.approval import Person
from reconciler.model.author import Author
from reconciler.model.desired import Shared
from reconciler.model.merge_request import MergeRequest, Note, Place
from reconciler.model.record import Actor, Record
from reconciler.ports import RecordStore
from tests.chatops.office import US, MemoryForge, Refusing
from tests.repos import Files
from tests.verify.history import ADA, World


@dataclass
class OwnForge(MemoryForge):
    """One with merge requests of ours, which are listed and closed."""

    def say(self, number: int, text: str, *, thread: str = "", place: Place | None = None) -> Note:
        return self.add(US, text, thread=thread, ours=True)

    def open_ones(self, target: str) -> list[MergeRequest]:
        return [
            one for one in self.requests.values() if (one.target, one.state) == (target, "open")
        ]

    def close(self, number: int) -> MergeRequest:
        self.requests[number] = replace(self.requests[number], state="closed")
        return self.requests[number]


@dataclass
class Home:
    """One repository, and everything that happens in it."""

    world: World
    forge: OwnForge
    protected: bool = False
    keyless: bool = False
    """Whether nothing can be recorded."""

    @classmethod
    def make(cls, folder: Path, extra: Files | None = None) -> Home:
        world = World.make(folder, extra)
        return cls(world, OwnForge(lambda: world.now))

    def branch(self, name: str) -> RecordStore:
        store: RecordStore = GitRecords(self.world.path, name)
        return Refusing(store) if self.protected and name == "main" else store

    def steward(self) -> Steward:
        def recorder(actor: Actor | None) -> Recorder:
            if self.keyless:
                raise ReconcilerError("keyless", "there is no key to sign with")
            own = self.world.recorder()
            return own if actor is None else replace(own, actor=actor)

        me = Author("reconciler@example.com", "controller")
        clock = lambda: self.world.now  # noqa: E731  # one word of the world
        bot = Bot(self.forge, "main", self.branch, me, clock)  # type: ignore[arg-type]  # as much as is needed
        return Steward(bot, self.law, recorder, clock)

    def law(self) -> Law:
        return Law.of(GitSource(self.world.path).snapshot("refs/heads/main"))

    def caller(self, actor: Actor = ADA) -> Caller:
        """Whoever runs a command, with a key of their own."""
        name = actor.name.split(maxsplit=1)[0].lower()
        signed = self.world.key(name).public_key.fingerprint
        return Caller(Person(actor.name, actor.email, actor.forge_id), signed, actor)

    @staticmethod
    def at_forge(actor: Actor) -> Caller:
        """Whoever runs a command, known by the number of the account at the forge."""
        return Caller(Person(actor.name, actor.email, actor.forge_id), "", actor)

    def agent_commits(self, files: Files) -> str:
        """What scout made, on the target branch."""
        repository = self.world.repository
        self.world.change(dict(files))
        made = repository[self.world.head].peel(pygit2.Commit)
        scout = pygit2.Signature("scout", "scout@agents.example.com", made.commit_time, 0)
        parents = [one.id for one in made.parents]
        oid = repository.create_commit(None, scout, scout, "Change", made.tree.id, parents)
        repository.references["refs/heads/main"].set_target(oid)
        return str(oid)

    def passes(self, **how: float) -> None:
        self.world.now += timedelta(**how)

    @property
    def shared(self) -> Shared:
        return load(GitSource(self.world.path).snapshot("refs/heads/main"))[0].shared

    @property
    def head(self) -> pygit2.Commit:
        return self.world.repository[self.world.head].peel(pygit2.Commit)

    @property
    def records(self) -> list[Record]:
        """All but the policies that are taken into use, oldest first."""
        if "refs/heads/records" not in self.world.repository.references:
            return []
        found = [one.record for one in self.world.records().walk()]
        return [one for one in reversed(found) if one.body.kind != "policy"]

    def kinds(self) -> list[str]:
        return [one.body.kind for one in self.records]

    def last(self) -> Any:
        return self.records[-1].body
