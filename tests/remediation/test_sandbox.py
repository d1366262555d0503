"""Drift made by hand in the sandbox: put back by merging, or kept by merging what is offered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.app.drift_desk import Desk, concerned
from reconciler.app.proposing import Bot
from reconciler.app.remediation import begin, finish, remedy
from reconciler.cli.building import settings_of
from reconciler.model.merge_request import MergeRequest, Proposal
from reconciler.model.remediation import Mend
from reconciler.settings import ProcessSettings
from tests.check.project import DEMO, Warm, warm
from tests.forge.local import LocalForges
from tests.remediation.ward import BOT
from tests.repos import GitRepo, edited
from tests.terraform.lab import Lab, whole

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

NAME = "pitch-acme"
PATH = f"environments/demo/{NAME}.yaml"


@dataclass
class Sandbox:
    run: Lab
    ports: Warm

    @property
    def forges(self) -> LocalForges:
        return LocalForges(self.run.repo.path, lambda _name: self.run.repo.path)

    def desk(self) -> Desk:
        repo = self.run.repo.path
        source = GitSource(repo)
        tree = source.snapshot("refs/heads/main")
        ports = Warm(ProcessSettings(), self.ports.kept, self.ports.workers, self.ports.engine)
        records = ports.records(repo, settings_of(tree), simulated=True)
        recorder = ports.recorder(repo, records, [], simulated=True)
        forge = self.forges.as_user("controller")
        bot = Bot(forge, "main", lambda name: GitRecords(repo, name), BOT, self.now)
        return Desk(
            bot,
            recorder,
            lambda: source.snapshot("refs/heads/main"),
            lambda: concerned(recorder.records),
        )

    @staticmethod
    def now() -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    def looks(self) -> tuple[Mend, ...]:
        """Look at the cloud, and at what is to be done about it."""
        assert self.run("drift", NAME, "--record").code in (0, 12)
        return remedy(self.desk(), self.now())

    def apply(self, mend: Mend | None = None) -> None:
        desk, law = self.desk(), self.forges.tip("main")
        if mend is not None:
            begin(desk.recorder, law, mend)
        assert self.run("apply", NAME, "--yes").code == 0
        if mend is not None:
            finish(desk.recorder, law, mend, "done")

    @property
    def open(self) -> list[MergeRequest]:
        return list(self.forges.as_user("ada").open_ones("main"))

    def merge(self, source: str) -> None:
        ada = self.forges.as_user("ada")
        request = ada.open(Proposal("Yes", "", source, "main"))
        ada.merge(request.number, request.head)

    def time_out(self, seconds: int) -> None:
        self.run.aws.client("lambda").update_function_configuration(
            FunctionName=NAME, Timeout=seconds
        )


@pytest.fixture
def sandbox(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    engine, cloud = EmbeddedEngine(10, 1), Cloud(tmp_path / "state" / "sandbox")
    (tmp_path / "state").mkdir(exist_ok=True)
    ports = warm(tmp_path / "kept", engine)
    repo = GitRepo.make(tmp_path / "repo.git")
    files = edited(whole(), DEMO, "mode: automated", "mode: assisted")
    repo.commit(dict(files))
    made = Lab(repo, tmp_path / "state", cloud.start(), files)
    yield Sandbox(made.inside(ports, capsys, monkeypatch), ports)
    cloud.stop()
    engine.close()


def test_what_was_changed_by_hand_is_put_back_or_kept(sandbox: Sandbox) -> None:
    sandbox.apply()
    assert (sandbox.looks(), sandbox.open) == ((), [])

    sandbox.time_out(29)
    assert sandbox.looks() == ()
    (request,) = sandbox.open
    assert "timeout" in request.title
    sandbox.merge(request.source)
    (mend,) = sandbox.looks()
    sandbox.apply(mend)
    assert (sandbox.looks(), sandbox.open) == ((), [])
    assert sandbox.run("drift", NAME).code == 0

    sandbox.time_out(28)
    sandbox.looks()
    (request,) = sandbox.open
    offered = request.source.replace("/drift/", "/adopt/")
    assert offered in request.description
    before = sandbox.forges.file("main", PATH)
    assert before is not None
    sandbox.merge(offered)
    after = sandbox.forges.file("main", PATH)
    assert after is not None
    assert "timeout_seconds: 28" in after
    sandbox.apply()
    assert sandbox.run("drift", NAME).code == 0
    got = sandbox.run.aws.client("lambda").get_function_configuration(FunctionName=NAME)
    assert got["Timeout"] == 28
    assert (sandbox.looks(), sandbox.open) == ((), [])
