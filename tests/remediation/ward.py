"""A repository with records and a forge of its own, environments that drift, and their keeper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import GitRecords
from reconciler.app.drift_desk import Desk, concerned
from reconciler.app.proposing import Bot
from reconciler.app.remediation import begin, finish, remedy
from reconciler.core.plan import drift_digest
from reconciler.model.author import Author
from reconciler.model.drift import Drift, Unmanaged
from reconciler.model.merge_request import MergeRequest
from reconciler.model.plan import Drifted, DriftedAttribute
from reconciler.model.remediation import Mend
from tests.forge.local import LocalForges
from tests.repos import Files
from tests.verify.history import World

BOT = Author("controller@example.com", "controller")


def changed(
    path: str = "tags.owner", want: object = "team-web", have: object = "mallory",
    address: str = "aws_lambda_function.api", *, mended: bool = True,
) -> Drifted:  # fmt: skip
    """Something that somebody changed by hand."""
    attributes = (DriftedAttribute(path, want, have),)
    kind = address.partition(".")[0]
    return Drifted(address, kind, "changed", attributes, mended, f"id-of-{address}")


def gone(address: str = "aws_lambda_function.api") -> Drifted:
    return Drifted(address, address.partition(".")[0], "gone", (), mended=True)


@dataclass
class Ward:
    """One repository."""

    world: World
    forges: LocalForges
    told: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """Reasons of what could not be done."""
    forge: Callable[[], Any] | None = None
    """Instead of the local one."""

    @classmethod
    def make(cls, folder: Path, extra: Files | None = None) -> Ward:
        world = World.make(folder, extra)
        return cls(world, LocalForges(world.path, lambda _name: world.path))

    @property
    def now(self) -> datetime:
        return self.world.now

    def desk(self) -> Desk:
        forge = self.forge() if self.forge is not None else self.forges.as_user("controller")
        bot = Bot(forge, "main", lambda name: GitRecords(self.world.path, name), BOT, self.clock)
        recorder = self.world.recorder()
        source = GitSource(self.world.path)
        return Desk(
            bot,
            recorder,
            lambda: source.snapshot("refs/heads/main"),
            lambda: concerned(recorder.records),
            lambda error: self.told.append(error.reason),
            self.said.append,
        )

    def clock(self) -> datetime:
        return self.world.now

    def drifts(self, name: str, *found: Drifted, unmanaged: Iterable[Unmanaged] = ()) -> None:
        """What a look sees; nothing: it is in sync."""
        left = tuple(unmanaged)
        digest = drift_digest(found, [one.arn for one in left])
        drift = Drift(name, found, left, (), 0, digest, "terraform 1.11.4")
        self.world.recorder().drift(drift, self.world.head)

    def looks(self) -> tuple[Mend, ...]:
        return remedy(self.desk(), self.now)

    def mended(self, mend: Mend, result: str = "done") -> None:
        """An apply of the loop's."""
        recorder = self.world.recorder()
        begin(recorder, self.world.head, mend)
        finish(recorder, self.world.head, mend, result)  # type: ignore[arg-type]  # a literal

    def later(self, **by: float) -> None:
        self.world.now += timedelta(**by)

    @property
    def open(self) -> list[MergeRequest]:
        return list(self.forges.as_user("ada").open_ones("main"))

    def merge(self, request: MergeRequest) -> str:
        return self.forges.as_user("ada").merge(request.number, request.head)

    def proposed(self, request: MergeRequest, path: str) -> str:
        """A file as the merge request has it."""
        return self.forges.file(request.source, path) or ""

    @property
    def recorded(self) -> list[str]:
        """Kinds and environments of all records of remediation, oldest first."""
        return [
            f"{one['kind'].removeprefix('remediation-')} {one['mode']} {name}"
            + (f" {one['result']}" if one["result"] else "")
            for name, one in self.bodies
            if one["kind"].startswith("remediation")
        ]

    @property
    def bodies(self) -> list[tuple[str, Mapping[str, Any]]]:
        kept = list(self.world.records().walk()) if "refs/heads/records" in self._refs else []
        return [
            (one.record.environment or "", one.record.body.model_dump(mode="json"))
            for one in reversed(kept)
        ]

    @property
    def _refs(self) -> list[str]:
        return list(self.world.repository.references)

    def limits(self, track: str, text: str) -> None:
        """What the profile lets be mended by itself."""
        path = f"profiles/tracks/{track}.yaml"
        self.world.edit(path, "  drift:\n", f"  drift:\n    automated: {text}\n")

    def mode(self, track: str, old: str, new: str) -> None:
        self.world.edit(f"profiles/tracks/{track}.yaml", f"mode: {old}", f"mode: {new}")
