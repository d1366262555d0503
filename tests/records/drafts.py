"""Drafts of every kind, as the program would make them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from reconciler.core.records.document import fields_of, record_of, with_files
from reconciler.model.record import Actor, Chain, Draft, Jump, Program, Record, RecordKind

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
ADA = Actor.model_validate({"name": "Ada Berg", "email": "ada@example.com", "forgeId": 7})
ROBOT = Actor.model_validate(
    {
        "name": "Build Robot",
        "email": "robot@example.com",
        "forgeId": 41,
        "kind": "agent",
        "agent": "robot",
        "task": "T-1234",
    }
)
PROGRAM = Program.model_validate(
    {"name": "reconciler", "version": "0.1.0", "digest": "sha256:" + "ab" * 32}
)


def oid(word: str) -> str:
    """A commit that could be."""
    return sha256(word.encode()).hexdigest()[:40]


def mark(word: str) -> str:
    """A digest that could be."""
    return "sha256:" + sha256(word.encode()).hexdigest()


PLAN: dict[str, Any] = {
    "digest": mark("plan"),
    "engine": "terraform 1.9.5",
    "create": 2,
    "update": 1,
    "replace": 0,
    "delete": 1,
    "forget": 0,
    "imports": 0,
    "move": 0,
    "losesData": ["aws_db_instance.main"],
}
REASONS = ["the gate policies has 1 open finding", "team-a has to agree: 1 of 2"]
DECISION: dict[str, Any] = {
    "environment": "box-one",
    "verdict": "NEEDS_APPROVAL",
    "risk": "L2",
    "findings": [
        {
            "gate": "policy",
            "rule": "network.open-to-all",
            "title": "Nothing is open to everybody",
            "severity": "high",
            "category": "security",
            "level": "soft",
            "message": "port 22 is open to „alle“ 🌍",
            "path": "environments/lab/box-one.yaml",
            "line": 12,
            "commit": None,
            "resource": None,
            "fix": "close it",
            "link": None,
            "fingerprint": "ab" * 16,
            "waivedBy": None,
        }
    ],
    "reasons": REASONS,
    "approvals": [{"count": 1, "teams": ["lab"], "humansOnly": True, "why": "soft findings"}],
    "missing": [{"count": 1, "teams": ["lab"], "humansOnly": True, "why": "soft findings"}],
    "inputs": {"policies": mark("policies"), "profiles": mark("profiles")},
    "silent": [],
    "disregarded": [],
    "agreed": [
        {
            "name": "Bo Dahl",
            "email": "bo@example.com",
            "forgeId": 8,
            "at": "2026-07-01T11:58:00Z",
            "head": oid("head"),
            "plan": mark("plan"),
            "policies": mark("policies"),
            "reference": None,
            "signedBy": None,
        },
        {
            "name": "Cy Ek",
            "email": "cy@example.com",
            "forgeId": None,
            "at": "2026-07-01T00:00:00Z",
            "head": oid("head"),
            "plan": None,
            "policies": None,
            "reference": None,
            "signedBy": None,
        },
    ],
}
GATE = {
    "gate": "policies",
    "digest": mark("gate"),
    "failure": "",
    "hint": "",
    "findings": 1,
}
SILENT = {
    "gate": "checkov",
    "digest": "",
    "failure": "it is not installed",
    "hint": "reconciler tools install",
    "findings": 0,
}
DRIFTED = {
    "address": 'module.box["a"].aws_s3_bucket.data',
    "type": "aws_s3_bucket",
    "what": "changed",
    "identity": "arn:aws:s3:::data",
    "attributes": [{"path": "tags.owner", "want": '"team-a"', "have": "null"}],
    "who": "eve",
}
GONE = {**DRIFTED, "address": "aws_sqs_queue.in", "what": "gone", "attributes": [], "who": ""}
STATE = {"lineage": "4f0e8d8c-0000-4000-8000-1234567890ab", "serial": 12, "resources": 9}

BODIES: dict[str, dict[str, Any]] = {
    "decision": {
        "action": "apply",
        "mode": "change",
        "began": oid("began"),
        "target": oid("target"),
        "head": oid("head"),
        "track": "demo",
        "stage": "dev",
        "owner": "lab",
        "verdict": "NEEDS_APPROVAL",
        "risk": "L2",
        "now": "2026-07-01T11:59:58Z",
        "decision": DECISION,
        "given": {"authors": [{"name": "Di", "email": "di@example.com", "forgeId": 9}]},
        "gates": [GATE, SILENT],
        "plan": PLAN,
    },
    "apply-started": {"action": "apply", "decision": 3, "commit": oid("head"), "plan": PLAN},
    "apply-ended": {
        "action": "apply",
        "started": 4,
        "result": "failed",
        "commit": oid("head"),
        "plan": mark("plan"),
        "engine": "terraform 1.9.5",
        "counts": {"create": 1, "update": 1},
        "done": ["aws_vpc.main", "aws_subnet.a"],
        "failed": ["aws_db_instance.main"],
        "left": ["aws_sqs_queue.in"],
        "unknown": ["aws_sns_topic.news"],
        "diagnostics": [
            {
                "severity": "error",
                "summary": "creating DB: quota",
                "detail": "It has 40 of 40.\nAsk for more.",
                "address": "aws_db_instance.main",
            }
        ],
        "state": STATE,
    },
    "drift-seen": {
        "digest": mark("drift"),
        "commit": oid("head"),
        "engine": "terraform 1.9.5",
        "drifted": [DRIFTED, GONE],
        "unmanaged": ["arn:aws:sns:eu-central-1:111111111111:extra"],
    },
    "drift-gone": {"digest": mark("drift"), "since": 5},
    "remediation-proposed": {
        "mode": "assisted",
        "drift": mark("drift"),
        "cause": "a tag was taken away",
        "mergeRequest": "!42",
        "result": "",
    },
    "remediation-started": {
        "mode": "automated",
        "drift": mark("drift"),
        "cause": "a tag was taken away",
        "mergeRequest": "",
        "result": "",
    },
    "remediation-ended": {
        "mode": "automated",
        "drift": mark("drift"),
        "cause": "a tag was taken away",
        "mergeRequest": "",
        "result": "escalated",
    },
    "promotion": {"source": "shop-staging", "commit": oid("head"), "mergeRequest": "!43"},
    "rollback": {
        "bad": oid("head"),
        "good": oid("good"),
        "because": "every tenth request failed",
        "mergeRequest": "",
    },
    "expiry": {"expires": "2026-07-04T12:00:00Z", "step": "warned", "mergeRequest": ""},
    "freeze": {
        "freeze": "stop-all",
        "scope": "track",
        "subject": "lab",
        "because": "It burns money.",
        "until": "2026-07-02T00:00:00Z",
        "commit": oid("freeze"),
    },
    "resume": {
        "freeze": "stop-all",
        "scope": "track",
        "subject": "lab",
        "because": "It is mended.",
        "until": None,
        "commit": None,
    },
    "waiver": {
        "waiver": "no-vpc",
        "rule": "CKV_AWS_117",
        "owner": "team-a",
        "because": "Holds public data only.",
        "expires": "2030-01-01T23:59:59Z",
        "fingerprints": ["0f" * 20, "1e" * 20],
        "decision": 3,
    },
    "override": {
        "what": "chain",
        "subject": "records",
        "because": "A disk died; the backup is a day old.",
        "until": None,
        "accepts": ["12:previous"],
    },
    "refusal": {
        "what": "to apply a commit that nobody judged",
        "why": "there is no decision for it",
        "commit": oid("other"),
        "decision": None,
    },
    "policy": {
        "commit": oid("target"),
        "policies": mark("policies"),
        "trees": {"policies": oid("policies"), "profiles": oid("profiles")},
    },
}
WIDE = frozenset({"freeze", "resume", "policy", "override"})
"""What is about more than one environment."""
BY_ROBOT = frozenset({"apply-started", "drift-seen", "remediation-started"})
FILES: dict[str, Mapping[str, bytes | None]] = {
    "decision": {"decision/plan.json": b'{"create": 2}\n', "decision/": None},
    "apply-ended": {"state.json": b'{"serial": 12}\n'},
    "drift-seen": {"drift.json": b'{"drifted": 2}\n'},
    "drift-gone": {"drift.json": None},
}


def draft(kind: str = "drift-gone", number: int = 0, **changes: Any) -> Draft:
    """A draft of a kind; the same arguments give the same one."""
    given: dict[str, Any] = {
        "id": sha256(f"{kind} {number}".encode()).hexdigest()[:32],
        "at": NOW + timedelta(seconds=number),
        "environment": "" if kind in WIDE else "box-one",
        "actor": ROBOT if kind in BY_ROBOT else ADA,
        "program": PROGRAM,
        "body": {"kind": kind, **BODIES[kind]},
        "run": "run-7" if kind.startswith("apply") else "",
        "simulated": kind == "apply-ended",
        "files": FILES.get(kind, {}),
    }
    return Draft(**given | changes)


def every_kind() -> list[Draft]:
    """One of each kind, in an order that could be."""
    return [draft(kind, number) for number, kind in enumerate(RecordKind)]


CHAIN = Chain(
    sequence=6,
    parent=oid("parent"),
    previous=mark("previous"),
    jump=Jump(sequence=2, commit=oid("jump")),
)


def document(kind: str, chain: Chain = CHAIN, **changes: Any) -> tuple[Record, bytes]:
    """A draft with a place, as a record and as its bytes."""
    files = {f"environments/box-one/{path}": mark(path) for path in ("status.json", "drift.json")}
    fields = fields_of(draft(kind, 6, **changes), chain)
    return with_files(fields, files, record_of(fields))
