"""A repository in which something happened: commits of the target branch, and their records.

Everything has fixed times, so that the same sample gives the same commits and the same answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pygit2

from reconciler.adapters.record_store import GitRecords
from reconciler.app.records import Records
from reconciler.core.canonical import digest
from reconciler.model.base import parse_start
from reconciler.model.record import Actor, Draft, Program, Recorded

PROGRAM: Final = Program(name="reconciler", version="0.1.0", digest="sha256:" + "0" * 64)
FAIR: Final = "environments/demo/trade-fair.yaml"
PORTAL: Final = "environments/customer/acme-portal.yaml"


def person(name: str, forge_id: int) -> Actor:
    email = f"{name.split(maxsplit=1)[0].lower()}@example.com"
    return Actor(name=name, email=email, forgeId=forge_id)


ADA: Final = person("Ada Berg", 1001)
SARA: Final = person("Sara Lind", 3001)
INES: Final = person("Ines Duarte", 2001)
TOM: Final = person("Tom Weber", 2002)
CONTROLLER: Final = Actor(name="reconciler", email="reconciler@example.com", kind="program")
SCOUT: Final = Actor(
    name="scout",
    email="scout@agents.example.com",
    forgeId=9001,
    kind="agent",
    agent="scout",
    task="DEMO-7",
)
BUCKET: Final = """\
resource "aws_s3_bucket_versioning" "uploads" {{
  bucket = "uploads"
  versioning_configuration {{
    status = "{status}"
  }}
}}
"""


def mark(text: str) -> str:
    return digest(text.encode())


def plan(text: str = "plan", **counts: Any) -> dict[str, Any]:
    names = ("create", "update", "replace", "delete", "forget", "imports", "move")
    return {
        "digest": mark(text),
        "engine": "terraform 1.11.4",
        **dict.fromkeys(names, 0),
        "losesData": [],
        **counts,
    }


def agreed(by: Actor, at: str, head: str) -> dict[str, Any]:
    return {
        "name": by.name,
        "email": by.email,
        "forgeId": by.forge_id,
        "at": at,
        "head": head,
        "plan": mark("plan"),
        "policies": mark("policies"),
        "reference": "note 7",
        "signedBy": None,
    }


def decision(head: str, verdict: str = "ALLOW", **more: Any) -> dict[str, Any]:
    """A decision's body; `agreed`, `findings` and so on go into the decision itself."""
    inner: dict[str, Any] = {
        "environment": None,
        "verdict": verdict,
        "risk": "L1",
        "reasons": [],
        "approvals": [],
        "missing": [],
        "agreed": [],
        "disregarded": [],
        "silent": [],
        "findings": [],
        "inputs": {"policies": mark("policies")},
    }
    return {
        "kind": "decision",
        "action": more.pop("action", "apply"),
        "mode": "standing",
        "began": None,
        "target": more.pop("target", head),
        "head": head,
        "verdict": verdict,
        "risk": "L1",
        "now": more.pop("now", "2026-11-02T12:00:00Z"),
        "plan": more.pop("plan", plan(update=1)),
        "gates": [
            {"gate": "policy", "digest": mark("gate"), "failure": "", "hint": "", "findings": 0}
        ],
        "decision": {**inner, **more},
    }


def started(number: int, commit: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "apply-started",
        "action": "apply",
        "decision": number,
        "commit": commit,
        "plan": plan(update=1),
        **more,
    }


def ended(
    number: int | None, commit: str | None, result: str = "done", **more: Any
) -> dict[str, Any]:
    return {
        "kind": "apply-ended",
        "action": "apply",
        "started": number,
        "result": result,
        "commit": commit,
        "plan": mark("plan"),
        "engine": "terraform 1.11.4",
        "counts": {"update": 1} if result == "done" else {},
        "done": ["aws_lambda_function.api"] if result == "done" else [],
        "failed": [] if result == "done" else ["aws_lambda_function.api"],
        "left": [],
        "unknown": [],
        "diagnostics": [],
        "state": None,
        **more,
    }


@dataclass
class Told:
    """A repository, its records, and what is written into both."""

    path: Path
    branch: str = "records"
    count: int = 0
    written: list[Recorded] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.repository = pygit2.Repository(str(self.path))
        self.records = Records(GitRecords(self.path, self.branch))

    def write(
        self,
        at: str,
        environment: str,
        actor: Actor,
        body: Mapping[str, Any],
        files: Mapping[str, bytes | None] | None = None,
    ) -> int:
        """A record; its number."""
        self.count += 1
        name = hashlib.sha256(f"{self.branch} {self.count}".encode()).hexdigest()[:32]
        (made,) = self.records.append(
            [
                Draft(
                    name,
                    parse_start(at),
                    environment,
                    actor,
                    PROGRAM,
                    body,
                    simulated=self.branch.endswith("-sandbox"),
                    files=files or {},
                )
            ]
        )
        self.written.append(made)
        return made.sequence

    def deliver(
        self,
        at: str,
        environment: str,
        actor: Actor,
        commit: str,
        result: str = "done",
        files: Mapping[str, bytes | None] | None = None,
        **more: Any,
    ) -> tuple[int, int, int]:
        """A decision, and the apply that it allows, ten minutes later."""
        later = f"{at[:14]}{int(at[14:16]) + 10:02}{at[16:]}"
        first = self.write(at, environment, CONTROLLER, decision(commit, now=at, **more))
        second = self.write(at, environment, actor, started(first, commit))
        return (
            first,
            second,
            self.write(later, environment, actor, ended(second, commit, result), files),
        )

    @property
    def tip(self) -> str:
        return self.written[-1].commit

    @property
    def head(self) -> str:
        return str(self.repository.branches.local["main"].target)

    def commit(
        self,
        files: Mapping[str, str | None],
        author: Actor,
        at: str,
        message: str,
        *parents: str,
        branch: str | None = "main",
    ) -> str:
        """A commit with some files changed; on the branch, or on none."""
        when = int(parse_start(at).timestamp())
        who = pygit2.Signature(author.name, author.email, when, 0)
        own = parents or (self.head,)
        base = self.repository[own[-1]].peel(pygit2.Commit)
        index = pygit2.Index()
        index.read_tree(base.tree)
        for path, text in files.items():
            if text is None:
                index.remove(path)
                continue
            blob = self.repository.create_blob(text.encode())
            index.add(pygit2.IndexEntry(path, blob, pygit2.enums.FileMode.BLOB))
        tree = index.write_tree(self.repository)
        made = self.repository.create_commit(
            None, who, who, message, tree, [pygit2.Oid(hex=one) for one in own]
        )
        if branch is not None:
            self.repository.references.create(f"refs/heads/{branch}", made, force=True)
        return str(made)

    def text(self, path: str, commit: str = "") -> str:
        """A file as a commit has it."""
        tree = self.repository[commit or self.head].peel(pygit2.Commit).tree
        blob = tree[path]
        assert isinstance(blob, pygit2.Blob)
        return blob.data.decode()

    def merge(self, author: Actor, files: Mapping[str, str | None], at: str, number: int) -> str:
        """A change of one commit, merged two hours later by Ada."""
        before = self.head
        change = self.commit(files, author, at, f"Change {number}", before, branch=None)
        message = (
            f"Merge branch 'change-{number}' into 'main'\n\n"
            f"See merge request shop/environments!{number}\n"
        )
        later = f"{at[:11]}{int(at[11:13]) + 2:02}{at[13:]}"
        return self.commit({}, ADA, later, message, before, change)


def tell(path: Path, branch: str = "records") -> Told:
    """A few weeks of two environments, over the sample repository."""
    told = Told(path, branch)
    first = told.head
    told.write("2026-11-01T08:00:00Z", "", CONTROLLER, policy(first))
    told.deliver(
        "2026-11-01T09:00:00Z",
        "acme-portal",
        CONTROLLER,
        first,
        files={"applied/terraform/main.tf": BUCKET.format(status="Suspended").encode()},
        agreed=[agreed(TOM, "2026-11-01T08:50:00Z", first)],
    )
    portal = told.text(PORTAL).replace("desired_count: 4", "desired_count: 6")
    second = told.merge(INES, {PORTAL: portal}, "2026-11-02T08:00:00Z", 12)
    needs = {"count": 1, "teams": ["team-web"], "humansOnly": True, "why": "a change of risk L1"}
    told.write(
        "2026-11-02T11:00:00Z",
        "acme-portal",
        CONTROLLER,
        decision(
            second,
            "NEEDS_APPROVAL",
            now="2026-11-02T11:00:00Z",
            reasons=["a change of risk L1 at the stage production"],
            approvals=[needs],
            missing=[needs],
        ),
    )
    told.deliver(
        "2026-11-02T12:00:00Z",
        "acme-portal",
        CONTROLLER,
        second,
        "failed",
        agreed=[agreed(TOM, "2026-11-02T11:50:00Z", second)],
    )
    told.deliver(
        "2026-11-02T13:00:00Z",
        "acme-portal",
        CONTROLLER,
        second,
        files={"applied/terraform/main.tf": BUCKET.format(status="Enabled").encode()},
        agreed=[agreed(TOM, "2026-11-02T11:50:00Z", second)],
    )
    fair = told.text(FAIR).replace("size: medium", "size: small")
    third = told.merge(SARA, {FAIR: fair}, "2026-11-03T08:00:00Z", 13)
    told.deliver("2026-11-03T10:30:00Z", "trade-fair", SCOUT, third)
    told.write(
        "2026-11-04T09:00:00Z",
        "trade-fair",
        ADA,
        {
            "kind": "override",
            "what": "lease",
            "subject": "trade-fair",
            "because": "the machine that held it is gone",
            "until": None,
            "accepts": [],
        },
    )
    told.write(
        "2026-11-05T09:00:00Z",
        "acme-portal",
        CONTROLLER,
        {
            "kind": "rollback",
            "bad": second,
            "good": first,
            "because": "the portal answers slowly",
            "mergeRequest": "shop/environments!14",
        },
    )
    return told


def drift(text: str, address: str = "aws_s3_bucket.uploads") -> dict[str, Any]:
    return {
        "kind": "drift-seen",
        "digest": mark(text),
        "commit": "0" * 40,
        "engine": "terraform 1.11.4",
        "drifted": [
            {
                "address": address,
                "type": "aws_s3_bucket",
                "what": "changed",
                "identity": "uploads",
                "attributes": [{"path": "tags", "want": "{}", "have": "null"}],
                "who": "console",
            }
        ],
        "unmanaged": ["arn:aws:s3:::stray"],
    }


def remediation(step: str, text: str, result: str = "") -> dict[str, Any]:
    return {
        "kind": f"remediation-{step}",
        "mode": "automated",
        "drift": mark(text),
        "cause": "somebody changed a tag",
        "mergeRequest": "",
        "result": result,
    }


def stop(kind: str, name: str, scope: str = "everything", subject: str = "") -> dict[str, Any]:
    return {
        "kind": kind,
        "freeze": name,
        "scope": scope,
        "subject": subject,
        "because": "the night of the sale",
        "until": "2026-11-30T00:00:00Z",
        "commit": None,
    }


def more(told: Told) -> Told:
    """Records of every other kind, on the days after."""
    head, portal, fair = told.head, "acme-portal", "trade-fair"
    day = "2026-11-06T"
    told.write(f"{day}09:00:00Z", portal, CONTROLLER, drift("one"))
    told.write(f"{day}10:00:00Z", portal, CONTROLLER, drift("one"))
    told.write(f"{day}10:01:00Z", portal, CONTROLLER, remediation("proposed", "one"))
    told.write(f"{day}10:02:00Z", portal, CONTROLLER, remediation("started", "one"))
    told.write(f"{day}10:09:00Z", portal, CONTROLLER, remediation("ended", "one", "done"))
    gone = {"kind": "drift-gone", "digest": mark("one"), "since": told.count - 5}
    told.write(f"{day}10:10:00Z", portal, CONTROLLER, gone)
    told.write(f"{day}11:00:00Z", fair, CONTROLLER, drift("two"))
    told.write(f"{day}12:00:00Z", "", ADA, stop("freeze", "sale"))
    told.write(f"{day}13:00:00Z", "", ADA, stop("resume", "sale"))
    told.write(f"{day}14:00:00Z", "", ADA, stop("freeze", "mad", "agent", "scout"))
    passed_over = {**agreed(SCOUT, f"{day}14:50:00Z", head), "plan": None}
    first = told.write(
        f"{day}15:00:00Z",
        fair,
        CONTROLLER,
        decision(head, "DENY", now=f"{day}15:00:00Z", disregarded=[
            {"approval": passed_over, "why": "it is of an agent"}
        ]),
    )  # fmt: skip
    told.write(
        f"{day}15:01:00Z",
        fair,
        SCOUT,
        {
            "kind": "refusal",
            "what": "apply without a decision that allows it",
            "why": "it is denied",
            "commit": head,
            "decision": first,
        },
    )
    told.write(
        f"{day}15:02:00Z",
        fair,
        CONTROLLER,
        {
            "kind": "waiver",
            "waiver": "fair-is-public",
            "rule": "SEC001",
            "owner": "team-sales",
            "because": "a fair is public",
            "expires": "2026-12-31T23:59:59Z",
            "fingerprints": ["0123456789abcdef"],
            "decision": first,
        },
    )
    told.write(
        f"{day}16:00:00Z",
        "",
        ADA,
        {
            "kind": "override",
            "what": "chain",
            "subject": "",
            "because": "restored, see INC-7",
            "until": "2026-12-31T23:59:59Z",
            "accepts": [f"law@{told.written[0].commit[:12]}"],
        },
    )
    told.write(
        f"{day}17:00:00Z",
        portal,
        CONTROLLER,
        {
            "kind": "promotion",
            "source": "acme-portal-dev",
            "commit": head,
            "mergeRequest": "shop/environments!15",
        },
    )
    told.write(
        f"{day}18:00:00Z",
        fair,
        CONTROLLER,
        {
            "kind": "expiry",
            "expires": "2026-12-01T00:00:00Z",
            "step": "warned",
            "mergeRequest": "",
        },
    )
    told.write("2026-11-07T08:00:00Z", "", CONTROLLER, policy(head))
    told.write("2026-11-07T09:00:00Z", fair, SCOUT, ended(None, None, "interrupted"))
    told.write("2026-11-07T10:00:00Z", portal, CONTROLLER, started(first, head))
    return told


def policy(commit: str) -> dict[str, Any]:
    return {
        "kind": "policy",
        "commit": commit,
        "policies": mark("policies"),
        "trees": {"policies": "0" * 40},
    }


def when(text: str) -> datetime:
    return parse_start(text).astimezone(UTC)
