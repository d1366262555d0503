"""The fake GitLab keeps to the facts of its README."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes.gitlab import schemas
from tests.fakes.gitlab.state import DEVELOPER, Lab, Merge
from tests.forge.gitlab_forges import GitLabForges, gitlab_forges

PROJECT = "/api/v4/projects/acme%2Fenvironments"


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


def ask(lab: Lab, method: str, path: str, body: Any = None, who: str = "ada") -> Answered:
    parts = urlsplit(lab.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    headers = {"PRIVATE-TOKEN": f"glpat-{who}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    connection.request(method, path, data, headers)
    answer = connection.getresponse()
    found = Answered(
        answer.status,
        {name.lower(): value for name, value in answer.getheaders()},
        answer.read().decode(),
    )
    connection.close()
    return found


@pytest.fixture
def forges(tmp_path: Path) -> Iterator[GitLabForges]:
    with gitlab_forges(tmp_path) as made:
        yield made


@pytest.fixture
def lab(forges: GitLabForges) -> Lab:
    return forges.lab


@pytest.fixture
def merge(forges: GitLabForges) -> Merge:
    forges.push("feature", {"a.txt": "1\n2\n3\n"})
    return forges.lab.opened(user(forges.lab, "ada"), "feature")


def user(lab: Lab, name: str) -> Any:
    return next(one for one in lab.users.values() if one.username == name)


def one(number: int = 1, *parts: str) -> str:
    return "/".join((PROJECT, "merge_requests", str(number), *parts))


def test_a_project_is_found_by_number_and_by_path_and_by_nothing_else(lab: Lab) -> None:
    assert ask(lab, "GET", "/api/v4/projects/7").status == 200
    assert ask(lab, "GET", PROJECT).status == 200
    assert ask(lab, "GET", "/api/v4/projects/acme/environments").status == 404
    assert ask(lab, "GET", "/api/v4/projects/8").status == 404
    assert ask(lab, "GET", PROJECT, who="nobody").status == 401


def test_mergeability_is_found_out_after_somebody_looked(lab: Lab, merge: Merge) -> None:
    seen = [
        ask(lab, "GET", one()).body["detailed_merge_status"] for _ in range(6) if merge.iid == 1
    ]
    kinds = list(dict.fromkeys(seen))
    assert kinds == ["preparing", "checking", "mergeable"]


def test_merging_answers_in_gitlabs_order(forges: GitLabForges, lab: Lab, merge: Merge) -> None:
    lab.user("dev", DEVELOPER)
    lab.project.protected["main"] = {"merge_access_levels": [{"access_level": 40}]}
    forges.push("main", {"a.txt": "other"})
    merge.title, wrong = "Draft: it", {"sha": "0" * 40}
    # everything is wrong at once; each is mended in its turn
    assert ask(lab, "PUT", one(1, "merge"), wrong, who="dev").status == 401
    assert ask(lab, "PUT", one(1, "merge"), wrong).status == 405
    merge.title = "it"
    assert ask(lab, "PUT", one(1, "merge"), wrong).status == 422
    forges.push("feature", {"a.txt": "1\n2\n3\n"}, anew=True)
    assert ask(lab, "PUT", one(1, "merge"), wrong).status == 409
    done = ask(lab, "PUT", one(1, "merge"), {"sha": forges.tip("feature")})
    assert (done.status, done.body["state"]) == (200, "merged")
    assert ask(lab, "PUT", one(1, "merge"), {"sha": forges.tip("feature")}).status == 405


def test_what_a_merge_leaves_behind(forges: GitLabForges, lab: Lab, merge: Merge) -> None:
    lab.project.merge_method = "ff"
    done = ask(lab, "PUT", one(1, "merge"), {"sha": merge.head}).body
    assert (done["merge_commit_sha"], done["squash_commit_sha"]) == (None, None)
    lab.project.merge_method, lab.project.squash = "merge", True
    forges.push("second", {"b.txt": "b"})
    lab.opened(user(lab, "ada"), "second")
    done = ask(lab, "PUT", one(2, "merge"), {"sha": forges.tip("second")}).body
    assert done["merge_commit_sha"] == forges.tip("main")
    assert done["squash_commit_sha"] != done["merge_commit_sha"]


def test_approvals_go_with_the_patch_and_not_at_once(
    forges: GitLabForges, lab: Lab, merge: Merge
) -> None:
    assert ask(lab, "POST", one(1, "approve"), {"sha": "0" * 40}).status == 409
    assert ask(lab, "POST", one(1, "approve"), {"sha": merge.head}).status == 201
    assert ask(lab, "POST", one(1, "approve"), {"sha": merge.head}).status == 401
    lab.patience = 2
    forges.push("feature", {"b.txt": "b"})
    assert len(ask(lab, "GET", one(1, "approvals")).body["approved_by"]) == 1
    lab.settle()
    assert ask(lab, "GET", one(1, "approvals")).body["approved_by"] == []
    assert len(ask(lab, "GET", one(1, "versions")).body) == 2


def test_a_status_cannot_become_what_it_is(lab: Lab, merge: Merge) -> None:
    path = f"{PROJECT}/statuses/{merge.head}"
    assert ask(lab, "POST", path, {"state": "running", "name": "x"}).status == 201
    again = ask(lab, "POST", path, {"state": "running", "name": "x"})
    assert again.status == 400
    assert again.body["message"].startswith("Cannot transition status via :run from :running")
    for _ in range(2):  # what is over begins anew
        assert ask(lab, "POST", path, {"state": "success", "name": "x"}).status == 201
    listed = ask(lab, "GET", f"{PROJECT}/repository/commits/{merge.head}/statuses").body
    assert [found["status"] for found in listed] == ["success"]


def test_pages_have_no_totals_when_there_are_too_many(lab: Lab) -> None:
    lab.project.approval_rules = [{"id": number} for number in range(10_001)]
    lab.tier = "Premium"
    path = f"{PROJECT}/approval_rules"
    found = ask(lab, "GET", path)
    assert (len(found.body), found.headers["x-next-page"]) == (20, "2")
    assert "x-total" not in found.headers
    assert 'rel="last"' not in found.headers["link"]
    lab.project.approval_rules.pop()
    found = ask(lab, "GET", f"{path}?per_page=1000&page=100")
    assert (len(found.body), found.headers["x-total"]) == (100, "10000")
    assert (found.headers["x-next-page"], 'rel="next"' in found.headers["link"]) == ("", False)


def test_diffs_are_cut(forges: GitLabForges, lab: Lab) -> None:
    forges.push("large", {"large.txt": "a line\n" * 1000})
    lab.opened(user(lab, "ada"), "large")
    (found,) = ask(lab, "GET", one(1, "diffs")).body
    assert (found["diff"], found["too_large"]) == ("", True)


def test_orders_are_obeyed_and_taken_out(lab: Lab, merge: Merge) -> None:
    assert merge.iid == 1
    assert ask(lab, "POST", one(1, "notes"), {"body": "/close"}).status == 202
    assert ask(lab, "POST", one(1, "notes"), {"body": "fine\n/merge\n"}).body["body"] == "fine\n"
    assert lab.commands == [("ada", "/close"), ("ada", "/merge")]


def test_a_note_has_an_end(lab: Lab, merge: Merge) -> None:
    assert merge.iid == 1
    assert ask(lab, "POST", one(1, "notes"), {"body": "x" * 1_000_000}).status == 201
    assert ask(lab, "POST", one(1, "notes"), {"body": "x" * 1_000_001}).status == 400


def test_a_limit_is_told_in_plain_text(lab: Lab) -> None:
    lab.faults.add("429", retry_after="9")
    found = ask(lab, "GET", PROJECT)
    assert (found.status, found.headers["retry-after"]) == (429, "9")
    assert found.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("tier, answers", [("Free", 0), ("Premium", 1), ("Ultimate", 2)])
def test_a_tier_is_what_answers(tmp_path: Path, tier: str, answers: int) -> None:
    with gitlab_forges(tmp_path, tier) as forges:  # type: ignore[arg-type]  # a parameter
        found = [
            ask(forges.lab, "GET", f"{PROJECT}/{path}").status
            for path in ("approval_rules", "external_status_checks")
        ]
        assert sum(status == 200 for status in found) == answers
        assert ask(forges.lab, "GET", "/api/v4/license").status == 403


# ------------------------------------------------------------------------------- webhooks


@dataclass
class Heard:
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def listener() -> Iterator[tuple[str, list[Heard]]]:
    heard: list[Heard] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            heard.append(
                Heard({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(size))
            )
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", heard
    server.shutdown()
    thread.join()
    server.server_close()


def test_webhooks_are_signed_over_id_time_and_body(
    lab: Lab, merge: Merge, listener: tuple[str, list[Heard]]
) -> None:
    url, heard = listener
    key = b"0123456789abcdef"
    lab.hooks.add(f"{url}/hook", token="t", signing="whsec_" + base64.b64encode(key).decode())
    lab.said(merge, user(lab, "ben"), "hello")
    lab.hooks.send()
    (one,) = heard
    said = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    mark = base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
    assert one.headers["webhook-signature"] == f"v1,{mark}"
    assert one.headers["x-gitlab-token"] == "t"
    payload = json.loads(one.body)
    assert (payload["object_kind"], payload["merge_request"]["iid"]) == ("note", merge.iid)


def test_webhooks_get_lost_come_twice_and_in_another_order(
    lab: Lab, merge: Merge, listener: tuple[str, list[Heard]]
) -> None:
    url, heard = listener
    lab.hooks.add(f"{url}/hook")
    lab.hooks.lose = 1
    lab.hooks.twice = lab.hooks.backwards = True
    for text in ("lost", "one", "two"):
        lab.said(merge, user(lab, "ben"), text)
    lab.hooks.send()
    notes = [json.loads(one.body)["object_attributes"]["note"] for one in heard]
    assert notes == ["two", "two", "one", "one"]
    assert len({one.headers["idempotency-key"] for one in heard}) == 2


def test_a_hook_that_fails_four_times_is_over(
    lab: Lab, merge: Merge, listener: tuple[str, list[Heard]]
) -> None:
    url, heard = listener
    lab.hooks.add(f"{url}/broken")
    for number in range(6):
        lab.said(merge, user(lab, "ben"), f"{number}")
        lab.hooks.send()
    assert len(heard) == 4  # and none of them came again


# -------------------------------------------------------------------------------- schemas


def test_answers_are_held_against_gitlabs_own_schemas() -> None:
    if schemas.folder() is None:
        pytest.skip(f"{schemas.VARIABLE} names no folder")
    assert any("iid" in one for one in schemas.wrong("merge_request", {"iid": "x"}))
    assert schemas.wrong("metadata", {"version": "18"})
