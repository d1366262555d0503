"""`reconciler mr watch` on a local forge: real merge requests, signed notes, real webhooks."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.cli import attending, mr_watch
from reconciler.core.chatops import mark_of
from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.review import Outcome
from reconciler.settings import ProcessSettings
from tests.chatops.yard import Yard, files_with_keys, make_yard
from tests.check.project import FAIR, Warm, warm
from tests.repos import edited

STOP = "/reconciler freeze environment trade-fair because the fair burns for 2h"


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    engine = EmbeddedEngine(10, 1)
    yield warm(tmp_path_factory.mktemp("kept"), engine)
    engine.close()


@pytest.fixture
def yard(
    tmp_path: Path,
    ports: Warm,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Yard:
    files = files_with_keys(tmp_path)
    made, origin = make_yard(tmp_path, files, capsys, monkeypatch)
    changed = edited(files, FAIR, "  ttl: 10d\n", "  ttl: 9d\n")
    first = origin.repository.references["refs/heads/main"].target
    origin.repository.references.create("refs/heads/fix", first)
    origin.commit(dict(changed), branch="fix")
    subprocess.run(["git", "fetch", "-q"], cwd=made.clone, check=True)

    def build() -> Warm:
        return Warm(ProcessSettings(), ports.kept, ports.workers, ports.engine)

    monkeypatch.setattr(mr_watch, "build", build)
    made.be("Sara Lind", "sara@example.com")
    code, _, err = made.run("mr", "open", "--source", "fix", "--title", "Shorter")
    assert code == 0, err
    return made


def test_a_signed_order_is_done_answered_and_recorded_once(yard: Yard) -> None:
    yard.ada_says(STOP)
    assert "!1" in yard.watched()
    (answer,) = yard.answers
    assert "**Frozen**" in answer
    (name,) = yard.freezes
    assert name in answer
    assert yard.recorded == ["freeze(trade-fair): the fair burns"]
    yard.watched()
    yard.watched()
    assert len(yard.answers) == 1
    yard.ada_says("/reconciler unfreeze environment trade-fair")
    yard.watched()
    assert yard.freezes == []
    assert len(yard.answers) == 2
    assert yard.recorded[-1].startswith("resume(trade-fair)")


def test_a_name_alone_orders_nothing(yard: Yard) -> None:
    yard.be("Ada Berg", "ada@example.com")
    assert yard.run("mr", "comment", "1", STOP)[0] == 0
    yard.watched()
    (answer,) = yard.answers
    assert "an e-mail address proves nobody" in answer
    assert yard.freezes == []
    assert [one.partition(":")[0] for one in yard.recorded] == ["refusal(all)"]
    # ... and Ada is not written down as who did it.
    assert yard.actors == [("unknown, in the name of Ada Berg", "")]


def test_who_signs_in_the_name_of_somebody_else_is_written_down(yard: Yard) -> None:
    yard.be("Ada Berg", "ada@example.com", "eve")
    assert yard.run("mr", "comment", "1", STOP)[0] == 0
    yard.watched()
    assert yard.freezes == []
    assert yard.actors == [("unknown, in the name of Ada Berg", "")]
    yard.be("Ines Duarte", "ines@example.com", "ada")
    assert yard.run("mr", "comment", "1", STOP)[0] == 0
    yard.watched()
    assert yard.freezes == []
    assert yard.actors[1:] == [("Ada Berg", "ada@example.com")]


def test_who_operates_it_may_be_who_watches(yard: Yard) -> None:
    yard.ada_says(STOP)
    yard.be("Ada Berg", "ada@example.com", "ada")
    for _ in range(3):
        code, _, err = yard.run("mr", "watch", "--once")
        assert code == 0, err
    assert len(yard.answers) == 1
    assert "**Frozen**" in yard.answers[0]
    assert len(yard.freezes) == 1


def test_nobody_answers_in_the_name_of_who_watches(yard: Yard) -> None:
    """An answer that somebody forged would let the emergency stop go unheard."""
    yard.ada_says(STOP)
    (order,) = json.loads(yard.run("mr", "show", "1", "--format", "json")[1])["notes"]
    yard.be("Ada Berg", "ada@example.com")
    forged = f"Done.\n\n{mark_of(order['id'])}"
    assert yard.run("mr", "comment", "1", forged, "--thread", order["id"])[0] == 0
    yard.be("Ada Berg", "ada@example.com", "ada")
    assert yard.run("mr", "watch", "--once")[0] == 0
    assert len(yard.freezes) == 1


@pytest.mark.parametrize(
    "how",
    [
        TransientError("forge-away", "it is away"),
        ReconcilerError("forbidden", "the token may not write"),
        SystemExit(9),
    ],
    ids=["away", "forbidden", "killed"],
)
def test_an_order_that_could_not_be_answered_is_answered_by_the_next_look(
    how: BaseException, yard: Yard, request: pytest.FixtureRequest
) -> None:
    case = request.node.callspec.id
    yard.watched()
    yard.ada_says("/reconciler check")

    def fail(*_: object) -> int:
        raise how

    with yard.patch.context() as patch:
        patch.setattr(attending, "answer", fail)
        yard.be("controller", "reconciler@example.com")
        code, _, err = yard.run("mr", "watch", "--once")
        assert code == {"away": 1, "forbidden": 1, "killed": 9}[case]
        assert case == "killed" or str(how) in err
    assert yard.answers == []
    # Nothing about it changed since it was looked at, but the order stands.
    yard.watched()
    assert len(yard.answers) == 1
    yard.watched()
    assert "!1" not in yard.watched()


def test_a_rule_is_explained_and_a_check_is_made(yard: Yard) -> None:
    yard.ada_says("/reconciler explain SEC014\n/reconciler check")
    yard.watched()
    (answer,) = yard.answers
    assert "No secret stands in user data or a variable" in answer
    assert "Looked at again: `" in answer


@pytest.mark.parametrize(
    "words, said",
    [
        (("--listen", "8080"), "is not HOST:PORT"),
        (("--listen", "127.0.0.1:99999"), "is not HOST:PORT"),
        (("--listen", "127.0.0.1:0"), "the local forge sends no webhooks"),
    ],
)
def test_where_nobody_can_listen_it_says_so(words: tuple[str, ...], said: str, yard: Yard) -> None:
    code, _, err = yard.run("mr", "watch", *words)
    assert code == 2
    assert said in err


GITLAB = """\
  forge: {kind: gitlab, project: a/b%s}
"""


@pytest.mark.parametrize(
    "more, value, said",
    [
        ("", None, "names no secret for webhooks"),
        (", webhookSecretFrom: HOOK", None, "holds no good secret for webhooks: it is empty"),
        (", webhookSecretFrom: HOOK", "short", "could be guessed"),
        (", webhookSecretFrom: HOOK", "whsec_%%%%%%%%", "is not Base64"),
    ],
)
def test_without_a_good_secret_nobody_listens(
    more: str, value: str | None, said: str, yard: Yard
) -> None:
    text = (yard.clone / "reconciler.yaml").read_text(encoding="utf-8")
    text = text.replace("  forge:\n    kind: local\n", GITLAB % more)
    (yard.clone / "reconciler.yaml").write_text(text, encoding="utf-8")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run([*git, "commit", "-qam", "GitLab"], cwd=yard.clone, check=True)
    subprocess.run([*git, "push", "-q", "origin", "HEAD:main"], cwd=yard.clone, check=True)
    if value is not None:
        yard.patch.setenv("HOOK", value)
    code, _, err = yard.run("mr", "watch", "--listen", "127.0.0.1:0")
    assert code == 2, err
    assert said in err
    assert value is None or value not in err


def test_a_webhook_hurries_it_and_sigterm_ends_it(yard: Yard) -> None:
    """A process of its own, with the local forge behind the ear of GitLab."""
    yard.watched()
    program = yard.folder / "watch.py"
    program.write_text(PROGRAM, encoding="utf-8")
    environment = os.environ | {
        "RECONCILER_ACTOR_NAME": "controller",
        "RECONCILER_ACTOR_EMAIL": "reconciler@example.com",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    environment.pop("RECONCILER_SIGNING_KEY", None)
    watching = subprocess.Popen(
        [sys.executable, str(program), str(yard.clone)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    answered = threading.Event()
    try:
        assert watching.stderr is not None
        said = watching.stderr.readline()
        assert "listening at" in said, said + watching.stderr.read()
        port = int(said.rsplit(maxsplit=1)[1])
        yard.ada_says("/reconciler check")
        thread = threading.Thread(target=_read, args=(watching, lines.append, answered.set))
        thread.start()
        body = json.dumps({"object_kind": "merge_request", "object_attributes": {"iid": 1}})
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/", body, {"X-Gitlab-Token": "a-token-of-some-length"})
        assert connection.getresponse().status == 202
        connection.close()
        assert answered.wait(60)
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(30) == 0
        thread.join(30)
    finally:
        watching.kill()
        watching.wait()
        for stream in (watching.stdout, watching.stderr):
            if stream is not None:
                stream.close()
    assert "Looked at again" in yard.answers[0]


def _read(
    process: subprocess.Popen[str], line: Callable[[str], None], done: Callable[[], None]
) -> None:
    assert process.stdout is not None
    for text in process.stdout:
        line(text)
        if "!1" in text:
            done()


PROGRAM = """\
import sys
from datetime import UTC, datetime
from reconciler.adapters.webhook_server import Listening, WebhookServer
from reconciler.cli.main import main
from reconciler.core.webhook import Secrets
from reconciler.wiring import Ports

def webhook_server(self, host, port, spec, hint, tell):
    secrets = Secrets.read("a-token-of-some-length")
    ear = Listening(secrets, "a/b", lambda one: hint(one.number), tell, lambda: datetime.now(UTC))
    return WebhookServer(host, port, ear)

Ports.webhook_server = webhook_server
if __name__ == "__main__":
    main(["mr", "watch", "-C", sys.argv[1], "--listen", "127.0.0.1:0"])
"""


def test_what_stays_as_it_was_is_not_said_again(capsys: pytest.CaptureFixture[str]) -> None:
    voice = mr_watch._Voice()
    away = Outcome(7, "More\x1b[2J", "failed", "it is broken")
    for _ in range(3):
        voice.outcome(away)
        voice.complaint(ReconcilerError("forbidden", "the token may not write"))
    said = capsys.readouterr()
    assert said.out.count("it is broken") == 1
    assert said.err.count("may not write") == 1
    assert "\x1b" not in said.out
    voice.outcome(replace(away, told="it is broken otherwise"))
    assert "otherwise" in capsys.readouterr().out
    assert voice.complained
