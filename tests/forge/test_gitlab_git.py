"""The commits of merge requests come by git, from a server that asks who we are."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.git_remote import Bounds, same_server, token_credentials
from reconciler.adapters.gitlab.client import Client, Pace
from reconciler.adapters.gitlab.forge import GitLabForge
from reconciler.adapters.remote_fetch import RemoteFetch
from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.merge_request import Proposal
from tests.forge.gitlab_forges import GitLabForges, gitlab_forges
from tests.records.git_server import Server, serving


def forge(forges: GitLabForges, server: Server, token: str) -> GitLabForge:
    client = Client(forges.lab.url, "acme/environments", "glpat-ada", "GITLAB_TOKEN", Pace())
    fetch = RemoteFetch(forges.clone, "origin", server.url, token_credentials(token))
    return GitLabForge(client, fetch)


def test_the_token_fetches_and_nothing_of_the_clone_moves(tmp_path: Path) -> None:
    with gitlab_forges(tmp_path) as forges, serving(tmp_path, "glpat-ada") as server:
        head = forges.push("feature", {"a.txt": "a"})
        ada = forge(forges, server, "glpat-ada")
        made = ada.open(Proposal("A change", "", "feature", "main"))
        assert ada.fetched(made) == head
        clone = pygit2.Repository(str(forges.clone))
        assert pygit2.Oid(hex=head) in clone
        assert sorted(clone.references) == [
            "refs/reconciler/forge/merge-requests/1",
            "refs/remotes/origin/main",
        ]
        given = {one for _, one in server.asked if one}
        assert given == {"Basic " + base64.b64encode(b"oauth2:glpat-ada").decode()}
        ada.end()


def test_a_token_that_may_not_fetch_is_told_and_not_shown(tmp_path: Path) -> None:
    with gitlab_forges(tmp_path) as forges, serving(tmp_path, "glpat-ada") as server:
        forges.push("feature", {"a.txt": "a"})
        ada = forge(forges, server, "glpat-other")
        made = ada.open(Proposal("A change", "", "feature", "main"))
        with pytest.raises(ReconcilerError) as failed:
            ada.fetched(made)
        assert not isinstance(failed.value, TransientError)
        assert "glpat" not in failed.value.message + failed.value.hint
        ada.end()


def test_a_server_that_hangs_up_may_be_asked_again(tmp_path: Path) -> None:
    with gitlab_forges(tmp_path) as forges, serving(tmp_path) as server:
        forges.push("feature", {"a.txt": "a"})
        ada = forge(forges, server, "glpat-ada")
        made = ada.open(Proposal("A change", "", "feature", "main"))
        server.fault = lambda handler, _path: handler.cut()
        with pytest.raises(TransientError):
            ada.fetched(made)
        server.fault = None
        assert ada.fetched(made) == made.head
        ada.end()


@pytest.mark.parametrize(
    "bounds, said", [(Bounds(size=300_000), "more than"), (Bounds(seconds=0), "not done after 0 s")]
)
def test_a_fetch_has_an_end(tmp_path: Path, bounds: Bounds, said: str) -> None:
    """What nobody can pack small, since it is random, and more of it than is let in."""
    with gitlab_forges(tmp_path) as forges, serving(tmp_path, "glpat-ada") as server:
        text = base64.b85encode(hashlib.shake_256(b"").digest(1_000_000)).decode()
        forges.push("feature", {"a.txt": text})
        client = Client(forges.lab.url, "acme/environments", "glpat-ada", "GITLAB_TOKEN", Pace())
        fetch = RemoteFetch(forges.clone, "origin", server.url, token_credentials("glpat-ada"))
        ada = GitLabForge(client, fetch)
        made = ada.open(Proposal("A change", "", "feature", "main"))
        fetch.bounds = bounds
        with pytest.raises(TransientError, match=said) as failed:
            ada.fetched(made)
        assert failed.value.hint
        assert pygit2.Oid(hex=made.head) not in pygit2.Repository(str(forges.clone))
        fetch.bounds = Bounds()
        assert ada.fetched(made) == made.head
        ada.end()


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("https://gitlab.com/a/b.git", "https://gitlab.com", True),
        ("git@gitlab.com:a/b.git", "https://gitlab.com", True),
        ("https://gitlab.com.evil.example/a", "https://gitlab.com", False),
        ("https://gitlab.com@evil.example/a", "https://gitlab.com", False),
        ("../r.git", "https://gitlab.com", False),
    ],
)
def test_only_the_forges_own_server_gets_its_token(one: str, other: str, *, same: bool) -> None:
    assert same_server(one, other) is same
