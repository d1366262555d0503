"""What happened, as bodies of records and as the files beside them. Everything is masked here.

What a plan marks as sensitive never gets this far; what looks secret all the same, in a message or
a file, is taken out, so that the scan of what is written has nothing left to find.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from reconciler.core.difference import difference
from reconciler.core.records.decision import person_fields
from reconciler.core.records.plan import plan_bytes, plan_summary
from reconciler.core.records.story import status_bytes
from reconciler.core.redact import hidden
from reconciler.model.approval import Given
from reconciler.model.base import DriftMode, format_timestamp
from reconciler.model.decision import Decision, GateRun
from reconciler.model.difference import Difference
from reconciler.model.drift import Drift
from reconciler.model.plan import Plan
from reconciler.model.record import Stood
from reconciler.model.rendered import Rendered
from reconciler.model.run import Outcome
from reconciler.model.waiver import Waiver

Action = Literal["check", "apply", "destroy"]
Body = dict[str, Any]
Files = dict[str, bytes | None]

DECISION: Final = "decision.json"
PLAN: Final = "plan.json"
AGREED: Final = "agreed.json"
"""The plan that people agreed to, while the decision is about another one."""
DRIFT: Final = "drift.json"
APPLIED: Final = "applied/"
OUTPUTS: Final = "outputs.json"
"""What an environment puts out for others; nothing that is sensitive, and whole values only."""
_LONGEST: Final = 2000
_MOST: Final = 2000
"""So many addresses are named one by one; the plan has them all."""


def decision_body(
    decision: Decision,
    decided: Mapping[str, Any],
    runs: Sequence[GateRun],
    plan: Plan | None,
    given: Given,
    *,
    action: Action,
    began: str | None,
    place: tuple[str, str, str],
    agreed: Plan | None = None,
) -> Body:
    """A decision. `place`: the environment's track, stage and owner.

    `agreed`: the plan that people agreed to, where it is another one.
    """
    inputs = dict(decision.inputs)
    track, stage, owner = place
    since = difference(agreed, plan) if agreed is not None and plan is not None else None
    return {
        "kind": "decision",
        "action": action,
        "mode": "standing" if began is None else "change",
        "began": began,
        "target": inputs.get("commit.target", ""),
        "head": inputs.get("commit.head", ""),
        "track": track,
        "stage": stage,
        "owner": owner,
        "verdict": str(decision.verdict),
        "risk": decision.risk,
        "now": format_timestamp(decision.now),
        "decision": decided,
        "given": {
            "authors": [person_fields(one) for one in given.authors],
            "heads": sorted(given.heads),
            **({"plans": sorted(given.plans)} if given.plans else {}),
        },
        "gates": [
            {
                "gate": one.gate,
                "digest": one.digest,
                "failure": _words(one.failure),
                "hint": _words(one.hint),
                "findings": len(one.findings),
            }
            for one in sorted(runs, key=lambda one: one.gate)
        ],
        "plan": plan_summary(plan).model_dump(mode="json") if plan is not None else None,
        **({"otherwise": otherwise_fields(since)} if since is not None else {}),
    }


def otherwise_fields(since: Difference) -> dict[str, Any]:
    """What differs from the plan that was agreed to, by name; both plans lie beside."""
    return {
        "agreed": since.agreed,
        "more": [one.address for one in since.of("more")][:_MOST],
        "less": [one.address for one in since.of("less")][:_MOST],
        "otherwise": [one.address for one in since.of("otherwise")][:_MOST],
        "outputs": [one.path for one in since.outputs][:_MOST],
    }


def decision_files(
    decided: Mapping[str, Any], plan: Plan | None, agreed: Plan | None = None
) -> Files:
    """What lies in the environment's folder after a decision."""
    return {
        DECISION: safe(status_bytes(decided)),
        PLAN: safe(plan_bytes(plan)) if plan is not None else None,
        AGREED: safe(plan_bytes(agreed)) if agreed is not None else None,
    }


def started_body(
    plan: Plan,
    commit: str,
    decision: int,
    action: Action,
    fence: int | None = None,
    holder: str = "",
) -> Body:
    """An apply that begins. `fence`, `holder`: of the lease, where there is one."""
    held = {} if fence is None else {"fence": fence, "holder": holder}
    return held | {
        "kind": "apply-started",
        "action": action,
        "decision": decision,
        "commit": commit,
        "plan": plan_summary(plan).model_dump(mode="json"),
    }


def ended_body(
    outcome: Outcome,
    kinds: Mapping[str, str],
    *,
    commit: str | None,
    started: int | None,
    action: Action,
    files: str | None = None,
) -> Body:
    """What an apply came to. `kinds`: what was planned for each address.

    `files`: the digest of what was applied; None: nobody knows.
    """
    counts: dict[str, int] = {}
    for address in outcome.done:
        kind = kinds.get(address)
        if kind is not None:
            counts[kind] = counts.get(kind, 0) + 1
    mark = outcome.state
    return {
        "kind": "apply-ended",
        "action": action,
        "started": started,
        "result": outcome.result,
        "commit": commit,
        "files": files,
        "plan": outcome.plan,
        "engine": outcome.engine,
        "counts": counts,
        "done": list(outcome.done[:_MOST]),
        "failed": list(outcome.failed[:_MOST]),
        "left": list(outcome.left[:_MOST]),
        "unknown": list(outcome.unknown[:_MOST]),
        "diagnostics": [
            {
                "severity": one.severity,
                "summary": _words(one.summary),
                "detail": _words(one.detail),
                "address": one.address,
            }
            for one in outcome.diagnostics[:_MOST]
        ],
        "state": None
        if mark is None
        else {"lineage": mark.lineage, "serial": mark.serial, "resources": mark.resources},
    }


def ended_files(outcome: Outcome, rendered: Rendered, action: Action) -> Files:
    """What is true of an environment after an apply: only one that is done changes it."""
    if outcome.result != "done":
        return {}
    files: Files = {APPLIED: None, DRIFT: None, OUTPUTS: None}
    if action == "apply":
        files |= {f"{APPLIED}{one.path}": safe(one.content) for one in rendered.files}
        told = {name: value for name, value in outcome.outputs if _tellable(value)}
        if told:
            files[OUTPUTS] = safe(status_bytes(told))
    return files


def _tellable(value: object) -> bool:
    """Whether a value can stand for a parameter as it is."""
    return isinstance(value, str | bool | int) and len(str(value)) <= _LONGEST


def drift_body(drift: Drift, commit: str) -> Body:
    """Drift that is seen."""
    who = dict(drift.culprits)
    return {
        "kind": "drift-seen",
        "digest": drift.digest,
        "commit": commit,
        "engine": drift.engine,
        "drifted": [
            {
                "address": one.address,
                "type": one.type,
                "what": one.kind,
                "identity": one.identity,
                "attributes": [
                    {"path": each.path, "want": _value(each.want), "have": _value(each.have)}
                    for each in one.attributes
                ],
                "who": _words(who[one.address].who) if one.address in who else "",
                "mended": one.mended,
            }
            for one in drift.drifted
        ],
        "unmanaged": [one.arn for one in drift.unmanaged],
        "imports": {one.arn: one.declared for one in drift.unmanaged if one.declared},
    }


def drift_files(body: Body) -> Files:
    """What lies in the environment's folder while it drifts."""
    told = ("drifted", "unmanaged", "imports")
    return {DRIFT: safe(status_bytes({key: body[key] for key in told}))}


def gone_body(digest: str, since: int) -> Body:
    """Drift that is gone."""
    return {"kind": "drift-gone", "digest": digest, "since": since}


def remediation_body(
    step: Literal["proposed", "started", "ended"],
    mode: DriftMode,
    drift: str,
    cause: str,
    marks: Iterable[str],
    *,
    merge_request: str = "",
    result: str = "",
    because: str = "",
) -> Body:
    """What is done about drift of an environment. `marks`: of the causes."""
    return {
        "kind": f"remediation-{step}",
        "mode": mode,
        "drift": drift,
        "cause": _words(cause),
        "mergeRequest": merge_request,
        "result": result,
        "because": _words(because),
        "marks": sorted(marks),
    }


def waiver_bodies(
    decision: Decision, waivers: Iterable[Waiver], known: Iterable[tuple[str, str]], number: int
) -> list[Body]:
    """Waivers that except something for the first time; `known`: those that did before."""
    used: dict[tuple[str, str], list[str]] = {}
    for one in decision.findings:
        if one.waived_by:
            used.setdefault((one.waived_by, one.finding.rule), []).append(one.finding.fingerprint)
    by_name = {one.metadata.name: one for one in waivers}
    before = set(known)
    return [
        {
            "kind": "waiver",
            "waiver": name,
            "rule": rule,
            "owner": by_name[name].metadata.owner,
            "because": _words(by_name[name].spec.reason),
            "expires": format_timestamp(by_name[name].spec.expires),
            "fingerprints": sorted(set(marks)),
            "decision": number,
        }
        for (name, rule), marks in sorted(used.items())
        if (name, rule) not in before and name in by_name
    ]


def waived_in(decided: Mapping[str, Any]) -> set[tuple[str, str]]:
    """What a written decision says was excepted: waivers and rules."""
    return {
        (str(one["waivedBy"]), str(one["rule"]))
        for one in decided.get("findings", ())
        if one.get("waivedBy")
    }


def policy_body(commit: str, trees: Mapping[str, str]) -> Body:
    """Rules that are taken into use."""
    return {
        "kind": "policy",
        "commit": commit,
        "policies": trees.get("policies", ""),
        "trees": dict(trees),
    }


def refusal_body(
    what: str,
    why: str,
    commit: str | None,
    decision: int | None,
    declared: Stood | None = None,
) -> Body:
    """Somebody was stopped. `declared`: what the target branch declares all the same."""
    there = {}
    if declared is not None:
        there = {"files": declared.files, "by": _words(declared.by), "passes": declared.passes}
    return there | {
        "kind": "refusal",
        "what": _words(what),
        "why": _words(why),
        "commit": commit,
        "decision": decision,
    }


def override_body(
    what: str, subject: str, because: str, accepts: Sequence[str], until: str | None = None
) -> Body:
    """A human takes something on."""
    return {
        "kind": "override",
        "what": what,
        "subject": subject,
        "because": _words(because),
        "until": until,
        "accepts": list(accepts),
    }


def promotion_body(source: str, commit: str, where: str) -> Body:
    """What runs in one environment is to run in the next."""
    return {"kind": "promotion", "source": source, "commit": commit, "mergeRequest": where}


def rollback_body(bad: str, good: str, because: str, where: str, *, fast: bool) -> Body:
    """Back to what was good."""
    return {
        "kind": "rollback",
        "bad": bad,
        "good": good,
        "because": _words(because),
        "mergeRequest": where,
        "fast": fast,
    }


def stop_body(
    kind: Literal["freeze", "resume"],
    name: str,
    scope: str,
    subject: str,
    because: str,
    until: str | None,
    commit: str | None,
) -> Body:
    """A freeze begins or ends."""
    return {
        "kind": kind,
        "freeze": name,
        "scope": scope,
        "subject": subject,
        "because": _words(because),
        "until": until,
        "commit": commit,
    }


def safe(data: bytes) -> bytes:
    """A file without what looks secret."""
    try:
        return hidden(data.decode()).encode()
    except UnicodeDecodeError:
        return data  # what is no text is scanned when it is written


def _words(text: str) -> str:
    return hidden(text)[:_LONGEST]


def _value(value: object) -> str:
    return _words(json.dumps(value, sort_keys=True, ensure_ascii=False))
