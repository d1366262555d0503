"""A real repository with the shipped samples, changes to it, and a warm program to check them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pygit2

from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.program import program_digest
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.adapters.workers import Workers
from reconciler.app.kept import Kept
from reconciler.cli.checking import Asked, run
from reconciler.model.check import CheckReport
from reconciler.model.decision import Decision, Judged
from reconciler.model.policy import EngineChoice
from reconciler.settings import ProcessSettings
from reconciler.wiring import Policies, Ports
from tests.repos import Files, GitRepo, Raw, edited, shipped

NOW: Final = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PITCH: Final = "environments/demo/pitch-acme.yaml"
FAIR: Final = "environments/demo/trade-fair.yaml"
PORTAL: Final = "environments/customer/acme-portal.yaml"
PORTAL_DEV: Final = "environments/customer/acme-portal-dev.yaml"
PORTAL_STAGING: Final = "environments/customer/acme-portal-staging.yaml"
IDENTITY: Final = "environments/platform/identity.yaml"
DEMO: Final = "profiles/tracks/demo.yaml"
CUSTOMER: Final = "profiles/tracks/customer.yaml"
PLATFORM: Final = "profiles/tracks/platform.yaml"
SETTINGS: Final = "reconciler.yaml"
SERVERLESS: Final = "templates/serverless-demo/1.0.0/"
QUIET: Final = "scanners: {dev: [], staging: [], production: []}"


def signature(name: str, email: str) -> pygit2.Signature:
    return pygit2.Signature(name, email, int(NOW.timestamp()) - 3600, 0)


ADA: Final = signature("Ada Berg", "ada@example.com")  # team-platform
SARA: Final = signature("Sara Lind", "sara@example.com")  # team-sales
INES: Final = signature("Ines Duarte", "ines@example.com")  # team-web
MINA: Final = signature("Mina Sato", "mina@example.com")  # team-security
SCOUT: Final = signature("scout", "scout@agents.example.com")
STRANGER: Final = signature("Eve", "eve@elsewhere.example.com")


def quiet(files: Files) -> Files:
    """No stage asks for Checkov: where it is not the point, it need not run."""
    for path in (DEMO, CUSTOMER, PLATFORM):
        files = edited(files, path, "\n  gates:\n", f"\n  {QUIET}\n  gates:\n")
    return files


HEAD: Final = """\
{% include "_shared/versions.tf.j2" %}

{% include "_shared/provider.tf.j2" %}

locals {
  size = {{ parameters.size }}
}
"""
TABLE: Final = """
resource "aws_dynamodb_table" "items" {
  name = "${local.name}-items"
}

resource "aws_cloudwatch_log_group" "logs" {
  retention_in_days = 14
}
"""
COUNT: Final = """
locals {
  count = {{ parameters.desired_count }}
}
"""
NAMING: Final = '\n{% include "_shared/naming.tf.j2" %}\n'
PIPELINE: Final = "default: {image: {{ parameters.ci_image }}}\njob: {script: [echo]}\n"


def slim(files: Files) -> Files:
    """The same documents and policies over blueprints that are soon rendered and read."""
    found: Files = {
        path: text
        for path, text in files.items()
        if "/terraform/" not in path and "/pipeline/" not in path.replace("policies/pipeline/", "")
    }
    for name, more in (
        ("serverless-demo", NAMING + TABLE),
        ("web-service", COUNT),
        ("platform-core", ""),
    ):
        found[f"templates/{name}/1.0.0/terraform/main.tf.j2"] = HEAD + more
        found[f"templates/{name}/1.0.0/pipeline/.gitlab-ci.yml.j2"] = PIPELINE
    return found


def base_files() -> Files:
    return slim(quiet(shipped()))


def without(files: Mapping[str, str], *paths: str) -> Files:
    """The files without those at or below the paths."""
    return {
        path: text
        for path, text in files.items()
        if not any(path == one or path.startswith(one + "/") for one in paths)
    }


@dataclass(frozen=True)
class Warm(Ports):
    """The program's own ports, with an engine that stays."""

    engine: EmbeddedEngine | None = None

    def policies(self, choice: EngineChoice, url: str | None, seconds: float) -> Policies:
        """The engine that is here already, unless another one is asked for."""
        if choice == "opa" or seconds != 10 or self.engine is None:
            return super().policies(choice, url, seconds)
        return _Staying(self.engine, self.engine, "kept for tests")


class _Staying(Policies):
    def close(self) -> None:
        """Not yet."""


def warm(folder: Path, engine: EmbeddedEngine) -> Warm:
    """Ports that keep their results in a folder."""
    kept = Kept(SqliteCache(folder), program_digest())
    return Warm(ProcessSettings(), kept, Workers(1), engine)


@dataclass
class Project:
    """One repository; each change is a branch of its own, so tests do not meet."""

    repo: GitRepo
    ports: Warm
    trees: dict[object, pygit2.Oid] = field(default_factory=dict)
    """What was written already: most files of two changes are the same."""

    @classmethod
    def make(cls, path: Path, ports: Warm, *, bare: bool = True) -> Project:
        return cls(GitRepo.make(path, bare=bare), ports)

    def commit(
        self,
        files: Mapping[str, str | bytes | Raw],
        parent: str = "",
        author: pygit2.Signature = ADA,
        message: str = "Change",
    ) -> str:
        """A commit on no branch."""
        parents = [pygit2.Oid(hex=parent)] if parent else []
        made = self.repo.repository.create_commit(
            None, author, author, message, self._tree(files), parents
        )
        return str(made)

    def _blob(self, content: str | bytes | Raw) -> pygit2.Oid:
        assert not isinstance(content, Raw)
        return self.repo.blob(content)

    def _tree(self, files: Mapping[str, str | bytes | Raw]) -> pygit2.Oid:
        if any(isinstance(one, Raw) for one in files.values()):
            return self.repo.tree(files)
        key = frozenset(files.items())
        if key not in self.trees:
            tops: dict[str, dict[str, str | bytes | Raw]] = {}
            for path, text in files.items():
                top, _, rest = path.partition("/")
                tops.setdefault(top, {})[rest] = text
            entries = [
                Raw(top.encode(), b"40000", self._tree(inner))
                if "" not in inner
                else Raw(top.encode(), b"100644", self._blob(inner[""]))
                for top, inner in tops.items()
            ]
            self.trees[key] = self.repo.raw_tree(entries)
        return self.trees[key]

    def check(self, base: str, head: str, *environments: str, now: datetime = NOW) -> CheckReport:
        asked = Asked(self.repo.path, base, head, everything=False, environments=environments,
                      now=now)  # fmt: skip
        return run(self.ports, asked)

    def all(self, head: str, *environments: str) -> CheckReport:
        return run(self.ports, Asked(self.repo.path, None, head, True, environments, NOW))  # noqa: FBT003

    def change(
        self,
        before: Mapping[str, str],
        after: Mapping[str, str | bytes | Raw],
        author: pygit2.Signature = ADA,
    ) -> CheckReport:
        """What is said of a change of one commit."""
        base = self.commit(before)
        return self.check(base, self.commit(after, base, author))


def about(report: CheckReport, name: str = "") -> Decision:
    """The decision about an environment; without a name: about the change itself."""
    (found,) = [one for one in report.decisions if one.environment == name]
    return found


def rules(decision: Decision, level: str = "") -> set[str]:
    """The rules that stand against it."""
    return {
        one.finding.rule
        for one in decision.findings
        if not one.waived_by and (not level or one.level == level)
    }


def every(report: CheckReport) -> list[Judged]:
    return [one for decision in report.decisions for one in decision.findings]


def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
