"""Every rule finds what it is for and leaves alone what only looks like it."""

from __future__ import annotations

import re

import pytest

from reconciler.core.secrets.engine import scanner
from reconciler.core.secrets.match import compiled
from reconciler.core.secrets.rule import Rule
from reconciler.core.secrets.rules import BY_ID, FAMILIES, RULES
from tests.core.secrets.samples import forms, sample

by_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def found(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [hit.rule.id for hit in scanner().scan(data).hits]


def secret_in(rule: Rule, text: str) -> str:
    (hit,) = scanner().scan(text.encode()).hits
    assert hit.rule is rule
    return hit.secret.decode()


def test_there_are_at_least_120_rules_that_block_nearly_all() -> None:
    assert len([rule for rule in RULES if not rule.advice]) >= 120
    assert len(BY_ID) == len(RULES)
    assert set(forms()) == set(BY_ID)
    assert len(FAMILIES) == 11


@by_rule
def test_a_rule_is_well_made(rule: Rule) -> None:
    assert re.fullmatch(r"secret-[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    assert rule.keywords
    assert all(word == word.lower() and word.isascii() and len(word) > 1 for word in rule.keywords)
    assert rule.pattern.count("(?P<secret>") == 1
    assert re.compile(rule.pattern).groups == 1  # so that it is the first
    assert rule.title
    assert len(rule.fix) > 20
    assert rule.advice == rule.id.startswith("secret-generic-")


@by_rule
@pytest.mark.parametrize("seed", range(4))
def test_must_find(rule: Rule, seed: int) -> None:
    text = sample(rule.id, seed)
    assert found(text) == [rule.id]
    assert found(f"# one\r\n\tx = 1\r\n{text}\r\nend") == [rule.id]
    assert any(word in text.lower() for word in rule.keywords)


@by_rule
def test_must_not_find_a_placeholder(rule: Rule) -> None:
    text = sample(rule.id)
    secret = next(iter(compiled(rule.pattern).finditer(text.encode()))).group(1).decode()
    kept = secret[: rule.shown]
    for body in ("x", "0", "A"):
        made_up = kept + re.sub(r"[A-Za-z0-9]", body, secret[len(kept) :])
        assert rule.id not in found(text.replace(secret, made_up)), made_up


@by_rule
def test_must_not_find_what_is_cut_short(rule: Rule) -> None:
    text = sample(rule.id)
    secret = next(iter(compiled(rule.pattern).finditer(text.encode()))).group(1).decode()
    assert rule.id not in found(text.replace(secret, secret[: min(rule.shown or 2, 3)]))
    assert rule.id not in found(text.replace(secret, "${SECRET}"))
    assert rule.id not in found(text.replace(secret, "<your-secret-here>"))


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.bounded and rule.shown], ids=lambda rule: rule.id
)
def test_must_not_find_the_middle_of_a_word(rule: Rule) -> None:
    text = sample(rule.id)
    assert rule.id not in found(f"value{secret_in(rule, text)}")
    assert found(f"\\n{secret_in(rule, text)}") in ([rule.id], [])


@pytest.mark.parametrize(
    "text",
    [
        "aws_access_key_id = AKIA" + "IOSFODNN7" + "EXAMPLE",
        'password = "${var.db_password}"',
        "password: changeme",
        'password = var.password\nsecret = "aws_secretsmanager_secret.db.arn"',
        "postgres://postgres:postgres@localhost:5432/app",
        "postgres://user:password@db.corp.internal/app",
        "postgres://${USER}:${PASSWORD}@db.corp.internal/app",
        "https://user:hunter2@example.com/",
        "https://gitlab-ci-token:${CI_JOB_TOKEN}@gitlab.com/a/b.git",
        "https://registry.example.com/a/-/a-1.0.0.tgz:80@x",
        "token: str = Field(default=None)",
        "api_key: YOUR_API_KEY_GOES_HERE",
        "secret_name: platform/identity/database-password",
        "token_endpoint: https://login.corp.internal/oauth2/v2.0/token",
        "sha256:" + "0123456789abcdef" * 4,
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 8,
        "password = random_password.master.result",
        'secret_key_base = ENV["SECRET_KEY_BASE"]',
    ],
)
def test_must_not_find(text: str) -> None:
    assert found(text) == []
