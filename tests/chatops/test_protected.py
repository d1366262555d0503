"""Orders where the target branch lives behind a git server, protected or not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.adapters.git import GitSource
from reconciler.adapters.git_remote import token_credentials
from reconciler.adapters.record_store import record_store
from reconciler.app.chatops import answer
from reconciler.app.law import Law
from reconciler.core.load import load
from tests.chatops.office import ADA, NUMBER, Office
from tests.records.git_server import Server, serving

TOKEN = "glpat-made-up"
FREEZE = "/reconciler freeze track demo because the fair burns for 2h"


@pytest.fixture
def server(tmp_path: Path, office: Office) -> Iterator[Server]:
    with serving(tmp_path / "served", TOKEN) as ours:
        there = ours.root / "r.git"
        git = ["git", "-C", str(office.world.path)]
        subprocess.run([*git, "push", "-q", "--force", str(there), "main:main"], check=True)
        subprocess.run([*git, "remote", "add", "origin", ours.url()], check=True)
        yield ours


def protect(server: Server, branch: str) -> None:
    """As GitLab does: the push of that branch is declined by a hook."""
    hook = server.root / "r.git/hooks/update"
    hook.parent.mkdir(exist_ok=True)
    words = "GitLab: You are not allowed to push code to protected branches on this project."
    text = f'#!/bin/sh\n[ "$1" != refs/heads/{branch} ] || {{ echo "{words}" >&2; exit 1; }}\n'
    hook.write_text(text, encoding="utf-8")
    hook.chmod(0o755)


def orders(office: Office, server: Server, text: str) -> str:
    """What is answered by a controller that has only a clone and a token."""
    there = GitSource(server.root / "r.git")
    desk = replace(
        office.desk(),
        law=lambda: Law.of(there.snapshot("refs/heads/main")),
        branch=lambda name: record_store(
            office.world.path, name, "origin", token_credentials(TOKEN)
        ),
    )
    note = office.forge.add(ADA, text)
    office.world.now += timedelta(seconds=30)
    answer(desk, NUMBER)
    return office.answer_to(note)


def freezes(server: Server, branch: str = "main") -> list[str]:
    return sorted(load(GitSource(server.root / "r.git").snapshot(branch))[0].shared.freezes)


def test_a_freeze_is_pushed_where_we_may(office: Office, server: Server) -> None:
    assert "**Frozen**" in orders(office, server, FREEZE)
    assert len(freezes(server)) == 1
    assert "**May move again**" in orders(office, server, "/reconciler unfreeze track demo")
    assert freezes(server) == []


def test_what_the_server_protects_is_proposed_and_that_is_said(
    office: Office, server: Server
) -> None:
    protect(server, "main")
    text = orders(office, server, FREEZE)
    assert "**holds only when it is merged**" in text
    assert freezes(server) == []
    (opened,) = [one for number, one in office.forge.requests.items() if number != NUMBER]
    assert len(freezes(server, opened.source)) == 1
    assert office.recorded == []


def test_a_target_branch_that_moves_meanwhile_loses_nothing(office: Office, server: Server) -> None:
    there = server.root / "r.git"
    moved: list[str] = []

    def somebody_is_faster(_handler: object, path: str) -> bool:
        if "git-receive-pack" in path and not moved:
            moved.append(office.world.change({"README.md": "# meanwhile\n"}))
            command = ["git", "-C", str(office.world.path), "push", "-q", str(there), "main:main"]
            subprocess.run(command, check=True)
        return False

    server.fault = somebody_is_faster
    assert "**Frozen**" in orders(office, server, FREEZE)
    assert moved
    assert len(freezes(server)) == 1
    command = ["git", "-C", str(there), "show", "main:README.md"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"# meanwhile\n"


def test_no_token_is_told(office: Office, server: Server) -> None:
    text = orders(office, server, FREEZE)
    assert all(TOKEN not in one.text for one in office.forge.said)
    assert TOKEN not in text
