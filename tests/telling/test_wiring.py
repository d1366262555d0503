"""From settings and variables to somebody who hears: all real, over TLS on loopback."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.record_store import record_store
from reconciler.app.records import Records
from reconciler.app.telemetry import NullTelemetry
from reconciler.app.telling import Told, tell_news
from reconciler.errors import UsageError
from reconciler.model.settings import SettingsSpec
from reconciler.wiring import build, pages_of
from tests.records import drafts
from tests.repos import GitRepo
from tests.telling.rules import rule
from tests.telling.servers import certificate, receiving

SECRET = "whsec_" + "bWFkZS11cC1zZWNyZXQtb2YtdGhlLXRlc3Rz"


def spec(forge: dict[str, Any], notifications: list[dict[str, Any]]) -> SettingsSpec:
    fields = {"forge": forge, "state": {"backend": "local"}, "notifications": notifications}
    return SettingsSpec.model_validate_json(json.dumps(fields))


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RECONCILER_ACTOR_NAME", "Bot")
    monkeypatch.setenv("RECONCILER_ACTOR_EMAIL", "bot@example.com")
    for name in ("HTTPS_PROXY", "https_proxy", "RECONCILER_SMTP_HOST", "SLACK_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_record_reaches_whoever_the_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tls").mkdir()
    context, _ = certificate(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls" / "cert.pem"))
    monkeypatch.setenv("HOOK_SECRET", SECRET + "\n")
    home = GitRepo.make(tmp_path / "home").path
    records = Records(record_store(home, "records"))
    with receiving(context) as receiver:
        monkeypatch.setenv("SLACK_URL", receiver.url)
        target = {"kind": "webhook", "url": receiver.url, "secretFrom": "HOOK_SECRET"}
        settings = spec(
            {"kind": "gitlab", "url": "https://gitlab.example.com", "project": "a/b"},
            [
                {"name": "hook", "events": ["drift"], "target": target},
                {
                    "name": "chat",
                    "events": ["drift"],
                    "target": {"kind": "slack", "urlFrom": "SLACK_URL"},
                },
            ],
        )

        def tells() -> Told:
            complaints: list[str] = []
            desk = build().telling(
                home, settings, NullTelemetry(), complaints.append, simulated=False
            )
            found = tell_news(desk)
            assert complaints == []
            return found

        records.append([drafts.draft("policy", 1)])
        tells()
        records.append([drafts.draft("drift-seen", 2, at=drafts.NOW + timedelta(seconds=2))])
        assert tells() == Told(sent=2)
        assert tells() == Told()
    hook, chat = (json.loads(body) for _, _, body in receiver.posts)
    head = drafts.BODIES["drift-seen"]["commit"]
    assert hook["link"] == f"https://gitlab.example.com/a/b/-/commit/{head}"
    assert hook["title"] in chat["text"]


@pytest.mark.parametrize(
    "target, missing",
    [
        ({"kind": "slack", "urlFrom": "SLACK_URL"}, "SLACK_URL"),
        (
            {"kind": "webhook", "url": "https://x.example.com", "secretFrom": "NOT_SET"},
            "NOT_SET",
        ),
        ({"kind": "email", "to": ["a@example.com"]}, "RECONCILER_SMTP_HOST"),
    ],
)
def test_what_is_not_set_up_is_named(target: dict[str, Any], missing: str) -> None:
    with pytest.raises(UsageError, match=f"{missing} is not set"):
        build().speaker(rule(target=target))


def test_pages_are_known_where_the_project_has_a_path() -> None:
    gitlab = {"kind": "gitlab", "url": "https://gitlab.example.com/", "project": "a/b"}
    assert pages_of(spec(gitlab, [])) == "https://gitlab.example.com/a/b"
    assert pages_of(spec(gitlab | {"project": "42"}, [])) == ""
    assert pages_of(spec({"kind": "local"}, [])) == ""
