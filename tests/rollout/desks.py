"""A trial in a real repository, with signed records and the local forge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from reconciler.adapters.git import GitSource
from reconciler.adapters.git_history import GitHistory
from reconciler.adapters.local_forge import LocalForge
from reconciler.adapters.merge_request_refs import MergeRequestRefs
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.ssh_keys import verify
from reconciler.adapters.workers import Workers
from reconciler.app.carried import Proof
from reconciler.app.environment import find_environment
from reconciler.app.makings import Makings
from reconciler.app.proposing import Bot
from reconciler.app.render import Rendering, render_one
from reconciler.app.rollout import Desk
from reconciler.app.steward import Caller
from reconciler.core.decide import Question, decide
from reconciler.errors import TransientError
from reconciler.model.approval import Person
from reconciler.model.author import Author
from reconciler.model.decision import Verdict
from reconciler.model.health import Complaint
from reconciler.model.rendered import Rendered
from tests.verify.history import ADA, CONTROLLER, World, plan_for

NAME: Final = "identity-dev"
PATH: Final = "environments/platform/identity-dev.yaml"
US: Final = Author("reconciler@example.com", "controller")
TRIED: Final = "444444444444.dkr.ecr.eu-central-1.amazonaws.com/platform/identity:2.0"
MINUTE: Final = timedelta(minutes=1)


def trial(step: int = 1, image: str = TRIED) -> str:
    return f"    canary_image: {image}  # the next release\n    canary_step: {step}\n"


@dataclass
class Patient:
    """How an environment does, as its checks say."""

    complaints: Sequence[Complaint] = ()
    away: bool = False

    def ask(self, environment: str, outputs: Mapping[str, Any]) -> Sequence[Complaint]:
        assert (environment, outputs["alarm_prefix"]) == (NAME, f"{NAME}/")
        if self.away:
            raise TransientError("health-unknown", "the cloud is away")
        return self.complaints


@dataclass
class Trial:
    """A trial that has begun and was applied, by what somebody agreed to."""

    world: World
    patient: Patient = field(default_factory=Patient)
    held: str = ""

    @classmethod
    def begun(cls, folder: Path) -> Trial:
        made = cls.fresh(folder)
        made.world.edit(PATH, "    certificate_arn", f"{trial()}    certificate_arn")
        made.applied()
        return made

    @classmethod
    def fresh(cls, folder: Path) -> Trial:
        """An environment that was applied once, with nothing on trial."""
        made = cls(World.make(folder))
        made.applied()
        return made

    @property
    def makings(self) -> Makings:
        rendering = Rendering(Workers(1), 10)
        return Makings(GitHistory(self.world.path), GitSource(self.world.path), rendering)

    def applied(self, question: Question | None = None) -> None:
        """As it is declared now, by what Ada agreed to or by another answer."""
        world, plan = self.world, plan_for(NAME)
        question = question or world.asked(NAME, plan, (ADA,))
        recorder = world.recorder()
        decision = decide(question)
        assert decision.verdict is Verdict.ALLOW
        made = recorder.decided(decision, question, plan, action="apply")
        intent = recorder.starting(made, plan, world.head, "apply", "run-1")
        found = find_environment(GitSource(world.path).snapshot(world.head), NAME)
        assert found.filled is not None
        rendered = render_one(found.filled, found.renderer, self.makings.rendering)
        assert isinstance(rendered, Rendered)
        recorder.ended(intent, world.outcome(NAME), rendered)

    def forge(self) -> LocalForge:
        refs = MergeRequestRefs(self.world.path, "", None, self.world.key("controller"), verify)
        return LocalForge(refs, Person(US.name, US.email), lambda: self.world.now)

    def desk(self, key: str = "controller") -> Desk:
        world = self.world
        bot = Bot(
            self.forge(),
            "main",
            lambda name: GitRecords(world.path, name),
            US,
            lambda: world.now,
            world.key(key) if key else None,
        )
        return Desk(
            bot,
            world.recorder(),
            self.makings,
            GitSource(world.path).snapshot("refs/heads/main"),
            lambda _filled: self.patient,
            lambda _filled: {"alarm_prefix": f"{NAME}/"},
            Caller(
                Person(US.name, US.email), self.world.key(key or "eve").public_key.text, CONTROLLER
            ),
            lambda _filled: self.held,
        )

    def proof(self) -> Proof:
        store = GitRecords(self.world.path, "main")
        return Proof(
            self.makings,
            lambda commit: store.read(commit)[1],
            verify,
            frozenset({self.world.key("controller").public_key.fingerprint}),
        )

    @property
    def parameters(self) -> dict[str, str]:
        """What the document says of images, line by line."""
        lines = (line.strip() for line in self.world.text(PATH).splitlines())
        pairs = (line.partition(": ") for line in lines)
        return {
            key: value.partition("  #")[0]
            for key, _, value in pairs
            if key in ("image", "canary_image", "canary_step")
        }
