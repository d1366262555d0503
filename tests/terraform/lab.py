"""A repository whose blueprints are soon built, and the program called as a person calls it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from reconciler.adapters.building import repository_name
from reconciler.adapters.git_history import GitHistory
from reconciler.cli import (
    apply_command,
    check_command,
    drift_command,
    plan_command,
    sandbox_command,
    state_command,
)
from reconciler.cli.main import main
from reconciler.settings import ProcessSettings
from tests.check.project import CUSTOMER, DEMO, PITCH, Warm, quiet
from tests.done import Done
from tests.repos import ROOT, Files, GitRepo, edited, shipped
from tests.sandbox.conftest import Aws

ACCOUNT: Final = "111111111111"
REGION: Final = "eu-central-1"
HEAD: Final = """\
{% include "_shared/versions.tf.j2" %}

{% include "_shared/provider.tf.j2" %}

{% include "_shared/naming.tf.j2" %}

"""
LITTLE: Final = """\
resource "aws_sns_topic" "news" {
  name         = "${local.name}-news"
  display_name = sensitive("hush-${sha256(local.name)}")
}

resource "aws_cloudwatch_log_group" "logs" {
  name              = "/lab/${local.name}"
  retention_in_days = 14
}

resource "aws_dynamodb_table" "items" {
  name         = "${local.name}-items"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"

  attribute {
    name = "pk"
    type = "S"
  }
}

output "hidden" {
  value     = aws_sns_topic.news.display_name
  sensitive = true
}
"""
REAL: Final = """\
{% include "_shared/naming.tf.j2" %}

resource "terraform_data" "box" {
  input = [local.name, {{ parameters.desired_count }}]
}
"""
TEMPLATE: Final = "templates/serverless-demo/1.0.0/terraform/main.tf.j2"
SERVICE: Final = "templates/web-service/1.0.0/terraform/main.tf.j2"
NAMES: Final = tuple(
    f"lab-{word}"
    for word in (
        "one",
        "two",
        "data",
        "frozen",
        "cut",
        "never",
        "again",
        "lost",
        "fault",
        "denied",
        "broken",
        "told",
        "twice",
    )
)
SOMEBODY: Final = {
    "RECONCILER_ACTOR_NAME": "Ada Berg",
    "RECONCILER_ACTOR_EMAIL": "ada@example.com",
}
"""Who runs the commands: not every machine has a name for git."""
_AT_A_TERMINAL: Final = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
_GATES: Final = "security: hard, cost: hard"
_COMMANDS: Final = (
    apply_command,
    check_command,
    drift_command,
    plan_command,
    sandbox_command,
    state_command,
)


def own_gates(files: Files, path: str, stages: tuple[str, ...]) -> Files:
    """Only documents are strict: what is looked at here is what is built, not what is found."""
    kinds = ("security", "cost", "compliance", "operational", "pipeline", "authority")
    loose = "{" + ", ".join(f"{kind}: advisory" for kind in kinds) + "}"
    lines = files[path].split("\n")
    begin = lines.index("  gates:")
    for place in range(begin + 1, begin + 1 + len(stages)):
        stage = lines[place].strip().partition(":")[0]
        assert stage in stages
        lines[place] = f"    {stage}: {loose}"
    return {**files, path: "\n".join(lines)}


def lab() -> Files:
    """The samples, with little blueprints, and some more environments on the track of demos."""
    files = {path: text for path, text in quiet(shipped()).items() if "/terraform/" not in path}
    files = own_gates(files, DEMO, ("dev", "staging"))
    files = own_gates(files, CUSTOMER, ("dev", "staging", "production"))
    files = edited(files, DEMO, "environmentsPerTeam: 10", "environmentsPerTeam: 100")
    files = edited(files, DEMO, "perTeam: 200", "perTeam: 2000")
    windows = '  changeWindows:\n    - {days: [mon, tue, wed, thu], start: "07:00", end: "16:00"}\n'
    files = edited(files, CUSTOMER, windows, "")
    for name in NAMES:
        text = files[PITCH].replace("name: pitch-acme", f"name: {name}")
        files[f"environments/demo/{name}.yaml"] = text
    files[TEMPLATE] = HEAD + LITTLE
    files[SERVICE] = REAL
    return files


@dataclass
class Lab:
    """One repository, one folder of states, one simulated cloud."""

    repo: GitRepo
    state: Path
    endpoint: str
    files: Files
    account: str = ACCOUNT
    _said: pytest.CaptureFixture[str] | None = field(default=None, repr=False)
    _patch: pytest.MonkeyPatch | None = field(default=None, repr=False)

    def inside(
        self, warm: Warm, said: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> Lab:
        """The same for one test: commands run in this process, with an engine that is warm."""
        patch.setenv("RECONCILER_STATE_DIR", str(self.state))
        patch.setenv("RECONCILER_LOCK_SECONDS", "0")
        patch.setenv("RECONCILER_SANDBOX", "1")
        for name, value in SOMEBODY.items():
            patch.setenv(name, value)
        patch.delenv("RECONCILER_SECRET_KEY", raising=False)
        for module in _COMMANDS:

            def build() -> Warm:
                return Warm(ProcessSettings(), warm.kept, warm.workers, warm.engine)

            patch.setattr(module, "build", build)
        return Lab(self.repo, self.state, self.endpoint, self.files, self.account, said, patch)

    def real(self) -> Lab:
        """The same in the real world, where somebody is known to the cloud."""
        assert self._patch is not None
        self._patch.delenv("RECONCILER_SANDBOX")
        self._patch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE00")
        self._patch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush-hush")
        for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
            self._patch.delenv(name, raising=False)
        return self

    def __call__(self, *argv: str, typed: str = "") -> Done:
        assert self._said is not None
        assert self._patch is not None
        self._said.readouterr()
        self._patch.setattr(sys, "stdin", io.StringIO(typed))
        try:
            main(_in(self.repo.path, argv))
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        said = self._said.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "bug:" not in said.err, said.err
        return Done(code, said.out, said.err)

    def process(self, *argv: str, **more: str) -> subprocess.Popen[str]:
        """The same as a process of its own, in a group of its own."""
        return self._begun((), argv, more, subprocess.DEVNULL, subprocess.PIPE)

    def at_a_terminal(self, terminal: int, *argv: str, **more: str) -> subprocess.Popen[str]:
        """The same at a terminal of its own."""
        return self._begun(("-c", _AT_A_TERMINAL), argv, more, terminal, terminal)

    def _begun(
        self,
        how: tuple[str, ...],
        argv: tuple[str, ...],
        more: Mapping[str, str],
        reads: int,
        writes: int,
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *how, "-m", "reconciler", *_in(self.repo.path, argv)],
            stdin=reads,
            stdout=writes,
            stderr=writes,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "RECONCILER_STATE_DIR": str(self.state),
                "RECONCILER_SANDBOX": "1",
                **SOMEBODY,
                **more,
            },
            start_new_session=True,
        )

    def commit(self, files: Files, branch: str) -> str:
        """A commit on top of main, on a branch of its own."""
        repository = self.repo.repository
        main_at = repository.references["refs/heads/main"].target
        if f"refs/heads/{branch}" not in repository.references:
            repository.references.create(f"refs/heads/{branch}", main_at)
        return self.repo.commit(dict(files), branch)

    def apart(self, folder: Path) -> Lab:
        """The same with a repository of its own: what other tests did is not known there."""
        repo = GitRepo.make(folder / "apart.git")
        repo.commit({**self.files, "README.md": f"{folder}\n"})
        return replace(self, repo=repo)

    @property
    def known(self) -> Path:
        """What is kept of this repository."""
        return self.state / repository_name(GitHistory(self.repo.path).root, self.repo.path)

    @property
    def aws(self) -> Aws:
        return Aws(self.endpoint, self.account, REGION)

    def runs(self, name: str) -> list[Path]:
        """Everything that was ever made to run something for an environment."""
        return [
            path
            for folder in self.known.glob(f"*/runs/{name}")
            for path in (folder, *folder.iterdir())
        ]

    def state_file(self, name: str, world: str = "sandbox-*") -> Path:
        (found,) = self.known.glob(f"{world}/states/{name}.tfstate")
        return found

    def tables(self, start: str) -> list[str]:
        names = self.aws.client("dynamodb").list_tables()["TableNames"]
        return [name for name in names if name.startswith(start)]


def _in(path: Path, argv: tuple[str, ...]) -> list[str]:
    """The command line, for that repository."""
    words = 2 if argv[0] in {"audit", "lease", "mr", "removal"} else 1
    return [*argv[:words], "--repo", str(path), *argv[words:]]


def whole() -> Files:
    """The samples as they are shipped, without Checkov: it has tests of its own."""
    return quiet(shipped())


def client(endpoint: str, service: str, **more: Any) -> Any:
    """boto3 with credentials that nobody checks."""
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id="someone",
        aws_secret_access_key="someone",
        **more,
    )


def remains(folder: Path, secret: str, *besides: str) -> list[Path]:
    """Files that hold a text, but for those that must."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in besides and secret.encode() in path.read_bytes()
    ]
