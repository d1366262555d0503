"""`reconciler mr watch` on a fake GitLab: command, genuine client, git and webhooks, all of it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.git import GitSource
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.app.telemetry import NullTelemetry
from reconciler.app.watch import Inbox
from reconciler.cli import deed, mr_watch
from reconciler.cli.main import main
from reconciler.core.load import load
from reconciler.model.work import Job
from reconciler.settings import ProcessSettings
from tests.check.project import FAIR, Warm, base_files, warm
from tests.forge.gitlab_forges import GitLabForges, gitlab_forges

SECRET = "a-token-of-some-length"
SETTINGS = """\
  forge:
    kind: gitlab
    url: {url}
    project: {project}
    webhookSecretFrom: HOOK_SECRET
"""


@pytest.fixture
def forges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLabForges]:
    with gitlab_forges(tmp_path / "gitlab") as made:
        lab = made.lab
        ada = lab.user("ada-berg", 40)
        files = base_files()
        settings = SETTINGS.format(url=lab.url, project=lab.project.path)
        text = files["reconciler.yaml"].replace("  forge:\n    kind: local\n", settings)
        files["reconciler.yaml"] = text.replace("poll: 1m", "poll: 900000s")
        path = "profiles/teams/team-platform.yaml"
        files[path] = files[path].replace("forgeId: 1001", f"forgeId: {ada.id}")
        made.push("main", dict(files))
        made.push("fix", {FAIR: files[FAIR].replace("ttl: 10d", "ttl: 9d")})
        lab.opened(lab.user("sara", 30), "fix", "main", "Shorter")
        clone = tmp_path / "work"
        git = ["git", "-c", "protocol.file.allow=always"]
        subprocess.run([*git, "clone", "-q", str(lab.git.path), str(clone)], check=True)
        engine = EmbeddedEngine(10, 1)
        ports = warm(tmp_path / "kept", engine)

        def build() -> Warm:
            return Warm(ProcessSettings(), ports.kept, ports.workers, ports.engine)

        monkeypatch.setattr(mr_watch, "build", build)
        for name, value in {
            "RECONCILER_STATE_DIR": str(tmp_path / "state"),
            "RECONCILER_REPO": str(clone),
            "RECONCILER_ACTOR_NAME": "controller",
            "RECONCILER_ACTOR_EMAIL": "reconciler@example.com",
            "GITLAB_TOKEN": "glpat-bot",
            "HOOK_SECRET": SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        yield made
        engine.close()


def says(forges: GitLabForges, text: str) -> None:
    ada = next(one for one in forges.lab.users.values() if one.username == "ada-berg")
    forges.lab.said(forges.lab.merges[1], ada, text)


def answers(forges: GitLabForges) -> list[str]:
    return [
        note.body
        for one in forges.lab.merges[1].discussions
        for note in one.notes
        if note.author.username == "bot" and "reconciler:answered" in note.body
    ]


def freezes(forges: GitLabForges) -> list[str]:
    return sorted(load(GitSource(forges.lab.git.path).snapshot("main"))[0].shared.freezes)


def watched() -> int:
    try:
        main(["mr", "watch", "--once"])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    return 0


def test_a_look_reviews_answers_and_freezes(forges: GitLabForges) -> None:
    says(forges, "/reconciler check\n/reconciler freeze because the fair burns for 2h")
    assert watched() == 0
    (answer,) = answers(forges)
    assert "Looked at again" in answer
    assert "**Frozen**" in answer
    assert len(freezes(forges)) == 1
    assert watched() == 0
    assert watched() == 0
    assert len(answers(forges)) == 1


def test_a_webhook_brings_the_answer_before_the_next_look(
    forges: GitLabForges, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It polls every ten days; it ends when the order was answered."""
    ready, boxes = threading.Event(), list[Inbox]()

    class Box(Inbox):
        def __init__(self) -> None:
            super().__init__()
            boxes.append(self)

        def take(self, seconds: float) -> object:  # type: ignore[override]  # as it is
            if seconds > 0:
                ready.set()  # the first look is over
            if answers(forges):
                self.stop()
            return super().take(seconds)

    def speak() -> None:
        assert ready.wait(60)
        port = int(capfd.readouterr().err.partition("port ")[2].split()[0])
        hook = forges.lab.hooks.add(f"http://127.0.0.1:{port}/", token=SECRET)
        says(forges, "/reconciler explain SEC014")
        forges.lab.hooks.send()
        assert not hook.failures

    monkeypatch.setattr(mr_watch, "Inbox", Box)
    speaker = threading.Thread(target=speak)
    speaker.start()
    main(["mr", "watch", "--listen", "127.0.0.1:0"])
    speaker.join(30)
    assert "No secret stands in user data or a variable" in answers(forges)[0]


def test_a_merged_one_whose_commits_are_gone_keeps_no_other_from_being_looked_at(
    forges: GitLabForges, tmp_path: Path
) -> None:
    """GitLab throws the refs of a merge request away some time after it was merged."""
    lab = forges.lab
    merge = lab.merges[1]
    merge.state, merge.merged_at = "merged", lab.now()
    lab.git.repository.references.delete("refs/merge-requests/1/head")
    digest = f"sha256:{'b' * 64}"
    says(forges, f"/reconciler approve trade-fair at {merge.head} plan {digest} policies {digest}")
    forges.push("more", {FAIR: base_files()[FAIR].replace("ttl: 10d", "ttl: 8d")})
    other = lab.opened(lab.user("sara", 30), "more", "main", "Shorter yet")
    order = deed.Order(tmp_path / "work", False, False, "", Job.REVIEW, awaited=(1,))  # noqa: FBT003
    came = deed.carry_out(vars(mr_watch)["build"](), order, NullTelemetry())
    assert came.state == "held"
    assert "!1 has another last commit" in came.why
    assert any("reconciler" in note.body for one in other.discussions for note in one.notes)
