"""Orders on a GitLab: its notes through the genuine client, its webhooks over HTTP."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.webhook_server import Listening, WebhookServer
from reconciler.app.chatops import Desk, answer
from reconciler.app.law import Law
from reconciler.app.watch import Inbox, Look
from reconciler.core.load import load
from reconciler.core.webhook import Secrets
from reconciler.model.author import Author
from tests.chatops.office import finding, report
from tests.fakes.gitlab.state import Merge, User
from tests.forge.gitlab_forges import GitLabForges, gitlab_forges
from tests.verify.history import World, files_of

SIGNING = "whsec_" + b64encode(b"k" * 32).decode()
TOKEN = "a-token-of-some-length"


@dataclass
class Place:
    """A GitLab with the samples in it, one merge request, and a controller."""

    forges: GitLabForges
    world: World
    merge: Merge
    ada: User
    inbox: Inbox = field(default_factory=Inbox)
    told: list[str] = field(default_factory=list)

    def desk(self) -> Desk:
        source = GitSource(self.world.path)
        return Desk(
            self.forges.as_user("bot"),
            "main",
            lambda: Law.of(source.snapshot("refs/heads/main")),
            lambda name: GitRecords(self.world.path, name),
            lambda _request: report(finding("SEC014", "acme-portal")),
            lambda _request: "DENY",
            lambda _mark: None,
            lambda actor: replace(self.world.recorder(), actor=actor),
            lambda: Author("reconciler@example.com", "controller"),
            lambda: datetime.now(UTC),
            lambda _request, _note, _said: None,
            lambda _name: None,
        )

    def listens(self, secret: str) -> WebhookServer:
        listening = Listening(
            Secrets.read(secret),
            self.forges.lab.project.path,
            lambda hint: self.inbox.hint(hint.number),
            self.told.append,
            lambda: datetime.now(UTC),
        )
        server = WebhookServer("127.0.0.1", 0, listening)
        own = {"signing": secret} if secret.startswith("whsec_") else {"token": secret}
        self.forges.lab.hooks.add(f"http://127.0.0.1:{server.port}/", **own)
        return server

    @property
    def answers(self) -> list[tuple[str, str]]:
        """Each with the text that it answers."""
        return [
            (one.notes[0].body, note.body)
            for one in self.merge.discussions
            for note in one.notes[1:]
            if note.author.username == "bot"
        ]

    @property
    def freezes(self) -> list[str]:
        return sorted(load(GitSource(self.world.path).snapshot("main"))[0].shared.freezes)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with gitlab_forges(tmp_path / "gitlab") as forges:
        lab = forges.lab
        ada = lab.user("ada", 40)
        world = World(lab.git.path, tmp_path, datetime.now(UTC).replace(microsecond=0))
        names = ("controller", "ada", "tom", "ines")
        keys = {name: world.key(name).public_key.text for name in names}
        files = {
            path: text.replace("forgeId: 1001", f"forgeId: {ada.id}")
            for path, text in files_of(keys).items()
        }
        forges.push("main", dict(files))
        forges.push("fix", {"environments/demo/trade-fair.yaml": files[
            "environments/demo/trade-fair.yaml"].replace("ttl: 10d", "ttl: 9d")})  # fmt: skip
        merge = lab.opened(lab.user("ines", 30), "fix", "main", "Shorter")
        yield Place(forges, world, merge, ada)


def test_an_order_is_answered_in_its_thread_once(place: Place) -> None:
    text = "/reconciler freeze track demo because the fair burns for 2h"
    place.forges.lab.said(place.merge, place.ada, text)
    assert answer(place.desk(), place.merge.iid) == 1
    ((asked, said),) = place.answers
    assert asked == text
    assert "**Frozen**" in said
    assert len(place.freezes) == 1
    assert answer(place.desk(), place.merge.iid) == 0
    assert len(place.answers) == 1


def test_a_namesake_is_nobody(place: Place) -> None:
    lab = place.forges.lab
    other = lab.user("Ada Berg", 40)
    lab.said(place.merge, other, "/reconciler freeze everything")
    answer(place.desk(), place.merge.iid)
    assert "no team has this person" in place.answers[0][1]
    assert place.freezes == []


def test_what_gitlab_would_obey_is_not_said_by_us(place: Place) -> None:
    lab = place.forges.lab
    lab.said(place.merge, place.ada, "/reconciler freeze because /close @all\n/reconciler x /merge")
    answer(place.desk(), place.merge.iid)
    assert len(place.answers) == 1
    assert not [one for one in lab.commands if one[0] == "bot"]


@pytest.mark.parametrize("secret", [SIGNING, TOKEN], ids=["signed", "token"])
def test_a_note_is_a_hint_where_to_look(secret: str, place: Place) -> None:
    lab = place.forges.lab
    with place.listens(secret):
        lab.said(place.merge, place.ada, "/reconciler check")
        lab.hooks.twice = True
        lab.hooks.send()
        assert [one.status for one in lab.hooks.sent] == [202, 202]
        assert place.inbox.take(0) == Look(numbers=(place.merge.iid,))
        assert place.inbox.take(0) == Look()
    assert place.told == []


def test_a_gitlab_whose_clock_is_an_hour_off_is_told_of(place: Place) -> None:
    lab = place.forges.lab
    with place.listens(SIGNING):
        lab.hooks.skew = 3600
        lab.said(place.merge, place.ada, "/reconciler check")
        lab.hooks.send()
    assert [one.status for one in lab.hooks.sent] == [401]
    assert "clock" in place.told[0]
    assert place.inbox.take(0) == Look()


def test_lost_hooks_and_hooks_out_of_order_lose_no_order(place: Place) -> None:
    lab = place.forges.lab
    with place.listens(SIGNING):
        lab.hooks.lose, lab.hooks.backwards = 1, True
        for _ in range(3):
            lab.said(place.merge, place.ada, "/reconciler check")
        lab.hooks.send()
    assert place.inbox.take(0) == Look(numbers=(place.merge.iid,))
    assert answer(place.desk(), place.merge.iid) == 3
    assert len(place.answers) == 3
