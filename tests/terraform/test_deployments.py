"""Each real apply is a deployment at GitLab, and no apply ever depends on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.app.deployments import Telling
from reconciler.errors import ReconcilerError
from reconciler.model.merge_request import Deployment
from tests.check.project import SETTINGS, Warm, warm
from tests.fakes.gitlab.server import serving
from tests.fakes.gitlab.state import DEVELOPER
from tests.fakes.gitlab.state import Lab as GitLab
from tests.repos import GitRepo, edited
from tests.review.memory_forge import AWAY, MemoryForge
from tests.terraform.lab import SERVICE, Lab, lab

DEV = "acme-portal-dev"
BROKEN = """\
resource "terraform_data" "box" {
  input = [{{ parameters.desired_count }}]
  lifecycle {
    postcondition {
      condition     = self.id == "another"
      error_message = "It is not what was wanted."
    }
  }
}
"""

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    engine = EmbeddedEngine(10, 1)
    yield warm(tmp_path_factory.mktemp("kept"), engine)
    engine.close()


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[GitLab]:
    path = tmp_path / "r.git"
    pygit2.init_repository(str(path), bare=True, initial_head="main")
    with serving(path, "Free") as found:
        found.user("bot", DEVELOPER)
        yield found


@pytest.fixture
def real(
    gitlab: GitLab,
    tmp_path: Path,
    ports: Warm,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Lab:
    """A repository whose merge requests are on the fake, in the real world."""
    repo = GitRepo(gitlab.git.path, gitlab.git.repository)
    where = (
        f"forge: {{kind: gitlab, url: {gitlab.url}, project: {gitlab.project.path},"
        " tokenFrom: GITLAB_TOKEN}"
    )
    files = lab()
    own = [line for line in files[SETTINGS].split("\n") if "kind: local" in line]
    files = edited(files, SETTINGS, f"forge:\n{own[0]}", where)
    repo.commit(dict(files))
    made = Lab(repo, tmp_path / "state", "", files).inside(ports, capsys, monkeypatch)
    monkeypatch.delenv("RECONCILER_SANDBOX")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE00")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush-hush")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-bot")
    return made


def told(gitlab: GitLab) -> list[tuple[str, str, str]]:
    return [(one.environment, one.sha, one.status) for one in gitlab.deployments]


def test_an_apply_and_a_destroy_are_deployments_with_their_outcome(
    real: Lab, gitlab: GitLab
) -> None:
    tip = gitlab.git.tip("main")
    gitlab.asked.clear()
    done = real("apply", DEV, "--yes")
    assert (done.code, "was not told" in done.err) == (0, False), done.err
    assert told(gitlab) == [(DEV, tip, "success")]
    begun = [path for method, path in gitlab.asked if method == "POST"]
    assert len(begun) == 1, "it was shown as running before it was over"
    assert [one.ref for one in gitlab.deployments] == ["main"]
    assert real("apply", DEV, "--yes").code == 0, "nothing to do is no deployment"
    assert len(gitlab.deployments) == 1
    assert real("destroy", DEV, "--yes").code == 0
    assert [one.status for one in gitlab.deployments] == ["success", "success"]


def test_what_failed_is_shown_as_failed(real: Lab, gitlab: GitLab) -> None:
    real.repo.commit({**real.files, SERVICE: BROKEN})
    done = real("apply", DEV, "--yes")
    assert done.code == 1, done.out + done.err
    assert [one.status for one in gitlab.deployments] == ["failed"]


def test_what_is_refused_is_no_deployment(real: Lab, gitlab: GitLab) -> None:
    assert real("apply", "acme-portal", "--yes").code == 11
    assert gitlab.deployments == []


def test_the_sandbox_is_no_deployment(real: Lab, gitlab: GitLab) -> None:
    cloud = Cloud(real.state / "sandbox")
    cloud.start()
    try:
        done = real("apply", DEV, "--yes", "--sandbox")
    finally:
        cloud.stop()
    assert done.code == 0, done.out + done.err
    assert gitlab.deployments == []
    assert not [path for _, path in gitlab.asked if "deployments" in path]


@pytest.mark.parametrize("fault", ["away", "no token", "no such token"])
def test_a_forge_that_cannot_be_told_stops_nothing(
    fault: str, real: Lab, gitlab: GitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "away":
        gitlab.faults.add("503", times=1000)
        monkeypatch.setattr("reconciler.adapters.gitlab.client.time.sleep", lambda _s: None)
    elif fault == "no token":
        monkeypatch.delenv("GITLAB_TOKEN")
    else:
        monkeypatch.setenv("GITLAB_TOKEN", "glpat-nobody")
    done = real("apply", DEV, "--yes", "--format", "json")
    assert (done.code, done.json["result"]) == (0, "done"), done.out
    assert done.err.count("The forge was not told") == 1, done.err
    assert "bug" not in done.err
    assert gitlab.deployments == []
    assert "hush" not in done.err


def test_why_it_was_not_told_is_forgotten_when_it_was_told_later() -> None:
    answers: list[ReconcilerError | None] = [AWAY, None]

    class Flaky(MemoryForge):
        def deployed(self, deployment: Deployment) -> None:
            seen.append(deployment.state)
            answer = answers.pop(0)
            if answer is not None:
                raise answer

    seen: list[str] = []
    telling = Telling(Flaky, Deployment("shop", "a" * 40, "main", "running"))
    telling("running")
    assert telling.untold == AWAY.message
    telling("success")
    assert (telling.untold, seen) == ("", ["running", "success"])


def test_our_own_fault_goes_no_further_either() -> None:
    def broken() -> MemoryForge:
        raise ValueError("no such thing")

    telling = Telling(broken, Deployment("shop", "a" * 40, "main", "running"))
    telling("running")
    assert telling.untold == "our fault: ValueError: no such thing"
