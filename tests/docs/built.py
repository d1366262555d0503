"""What commands print, made by hand: builds would take minutes, and nothing hands approvals in."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reconciler.core.lease import unreadable
from reconciler.model.approval import Approval, Disregarded, Person
from reconciler.model.check import CheckReport
from reconciler.model.decision import ApprovalNeed, Decision, Verdict
from reconciler.model.difference import Difference, OtherAttribute, OtherResource
from reconciler.model.doctor import Part
from reconciler.model.drift import Culprit, Drift, Unlooked, Unmanaged
from reconciler.model.freeze import Frozen, Stopped
from reconciler.model.lease import Lease
from reconciler.model.life import AgentStanding, Expired, Held, Waiting
from reconciler.model.merge_request import (
    Advice,
    Consent,
    MergeRequest,
    Note,
    Place,
    Status,
    Unreadable,
)
from reconciler.model.move import Good, Green, Move, Promoted, RolledBack
from reconciler.model.plan import (
    AttributeChange,
    Drifted,
    DriftedAttribute,
    Plan,
    ResourceChange,
)
from reconciler.model.record import Recorded
from reconciler.model.remediation import Cause, Group
from reconciler.model.review import Mishap, Review, Unplanned
from reconciler.model.review import Outcome as Looked
from reconciler.model.run import Diagnostic, Outcome, StateMark
from reconciler.model.state import Resource, State
from reconciler.model.work import Condition, Job, Standing, Task
from reconciler.report import (
    causes,
    check_json,
    doctor,
    freezing,
    lease_json,
    life,
    merge_request_json,
    moves,
    plan_json,
    review_json,
    status,
)

NOW: Final = datetime(2026, 12, 1, 9, tzinfo=UTC)
ENGINE: Final = "terraform 1.11.4"
ADDRESS: Final = "aws_lambda_function.api"
ARN: Final = "arn:aws:lambda:eu-central-1:111111111111:function:trade-fair"
MARK: Final = StateMark("f0c2", 18, 17)


def _examination() -> dict[str, Any]:
    advice = Advice("branch records", good=False, told="`records` is open", hint="protect it")
    found: dict[str, Any] = json.loads(
        doctor.as_json([Part("forge: gitlab.example.com", (advice,))])
    )
    return found


def _stopped() -> Iterator[dict[str, Any]]:
    """A freeze that stands, and one that is only proposed."""
    sara = Person("Sara Lind", "sara@example.com")
    frozen = (Frozen("stop", "track", "demo", NOW, NOW), Frozen("all", "everything", "", NOW, None))
    asked = MergeRequest(7, "Stop", "", sara, "stop", "main", "4f" * 20, "open", NOW, NOW, link="x")
    yield json.loads(freezing.as_json(Stopped("freeze", frozen, "It burns.", "main", "4f" * 20)))
    proposed = Stopped("unfreeze", frozen, "It is out.", "main", proposed=asked)
    yield json.loads(freezing.as_json(proposed))
    alone = replace(proposed, proposed=replace(asked, link=""))
    yield json.loads(freezing.as_json(alone))
    extended = Expired("shop", "extended", NOW, "4f" * 20)
    yield json.loads(life.extended_json(extended, "main"))
    for one in (asked, replace(asked, link="")):
        unpushed = replace(extended, commit="", proposed=one)
        yield json.loads(life.extended_json(unpushed, "main"))
    goes = Waiting("shop", "4f" * 20, "3f" * 20, "environments/demo/shop.yaml")
    waits = Waiting("fair", "", "", "", "it cannot be told what took it out")
    yield json.loads(life.waiting_json([goes, waits]))
    yield from _agents(asked)


def _agents(asked: MergeRequest) -> Iterator[dict[str, Any]]:
    """One that goes on, one that does not, and what was done to it."""
    free = AgentStanding("scout", "team-sales", ("demo",), "", 2, 0, (20, 3))
    stopped = replace(free, stopped="in quarantine: It repeats itself")
    yield json.loads(life.agents_json([free, stopped]))
    held = Held("scout", "quarantine", "It repeats itself", "4f" * 20)
    yield json.loads(life.held_json(held, "main"))
    for one in (asked, replace(asked, link="")):
        proposed = replace(held, verb="release", commit="", proposed=one)
        yield json.loads(life.held_json(proposed, "main"))


def _leases() -> Iterator[dict[str, Any]]:
    ends = NOW + timedelta(seconds=90)
    held = Lease("acme-portal", "reconciler run on web-1, process 7", "apply", NOW, NOW, ends, 42)
    odd = unreadable("globex-shop", "4f2a91c05b7b")
    both = [(held, True), (odd, False)]
    made = Recorded("4f2a91c05b7be1e0a6b1a3d1f0c9e8d7a6b5c4d3", 42, "sha256:" + "ab" * 32)
    for text in (
        lease_json.listed(both, simulated=False),
        lease_json.shown("acme-portal", both[:1], simulated=False),
        lease_json.shown("acme-portal", both[1:], simulated=False),
        lease_json.shown("acme-portal", [], simulated=False),
        lease_json.broken(made, "The machine burnt", held),
    ):
        found: dict[str, Any] = json.loads(text)
        yield found


def _standings() -> Iterator[dict[str, Any]]:
    """One that is worked on, and one whose document is gone and that nobody touches."""
    ends = NOW + timedelta(seconds=90)
    held = Lease("acme-portal", "reconciler on web-1, process 7", "apply", NOW, NOW, ends, 42)
    moving = Standing(
        "acme-portal",
        "customer",
        "production",
        "team-web",
        (Condition("Reconciling", NOW, "it is declared otherwise"),),
        Task("acme-portal", Job.APPLY, NOW),
        "4f" * 20,
    )
    gone = Standing("globex-shop", "", "", "", (Condition("Stalled", None, "too many"),))
    text = status.as_json([moving, gone], {"acme-portal": held}, simulated=False)
    found: dict[str, Any] = json.loads(text)
    yield found


def built() -> Iterator[dict[str, Any]]:
    """Every kind of document, with every field of it filled somewhere."""
    yield from _merge_requests()
    yield from _leases()
    yield from _standings()
    yield from _stopped()
    yield from _moved()
    yield _examination()
    change = ResourceChange(
        ADDRESS,
        "aws_lambda_function",
        "update",
        ("update",),
        (AttributeChange("timeout", 99, 10),),
        identity=ARN,
    )
    drifted = Drifted(
        ADDRESS,
        "aws_lambda_function",
        "changed",
        (DriftedAttribute("timeout", 10, 99),),
        mended=True,
        identity=ARN,
    )
    output = AttributeChange("service_url", None, "https://shop.example.com")
    plan = Plan("trade-fair", (change,), (drifted,), (output,), "sha256:5d", ENGINE)
    cut_off = _outcome("interrupted", unknown=(ADDRESS,))
    yield json.loads(plan_json.planned(plan, _decision(), [cut_off], simulated=False))
    failed = Diagnostic("error", "It broke", "why", ADDRESS, "api.tf", 1)
    for one in (
        _outcome("done", done=(ADDRESS,), brought_back=True, outputs=(("url", "x"),)),
        _outcome("failed", failed=(ADDRESS,), diagnostics=(failed,), kept="runs/1", state=None),
    ):
        yield json.loads(plan_json.applied(one, [cut_off], simulated=True))
    yield json.loads(check_json.refused(_decision(Verdict.DENY)))
    yield json.loads(check_json.refused(_decision(Verdict.NEEDS_APPROVAL), _otherwise()))
    group = Group(
        Cause("aws_lambda_function", "changed", (("timeout", "10", "99"),), "0f3a5c7e9b1d"),
        ("trade-fair",),
        1,
        "2026-12-01T08:58:11Z",
        "2026-12-01T08:58:11Z",
        1,
        ("let-be",),
    )
    yield json.loads(causes.as_json([group], simulated=False))
    drift = Drift(
        "trade-fair",
        (drifted,),
        (Unmanaged("arn:aws:sns:eu-central-1:111111111111:x", "- {to: aws_sns_topic.x, id: x}\n"),),
        ((ADDRESS, Culprit("sara", "UpdateFunctionConfiguration20150331v2", NOW)),),
        0,
        "sha256:5d",
        ENGINE,
    )
    unlooked = Unlooked("shop", "credentials", "there are none", "log in")
    yield json.loads(plan_json.drifted([drift], [unlooked], simulated=False))
    state = State(MARK, (Resource(ADDRESS, "aws_lambda_function", ARN),), frozenset())
    for known in (state, None):
        yield json.loads(plan_json.state("trade-fair", known, simulated=False))
    yield json.loads(check_json.checked(_approved()))
    yield json.loads(review_json.reviewed(_reviewed(plan)))
    yield json.loads(
        plan_json.sandbox("http://127.0.0.1:4566", "2026-12-01T09:00:00Z", {"aws_sns_topic": 1}, 0)
    )
    yield json.loads(plan_json.sandbox(None, None, {}, 259200))


def _otherwise() -> Difference:
    attribute = OtherAttribute("timeout", (10, 20), (99, 20))
    new, gone = OtherAttribute("timeout", None, (99, 20)), OtherAttribute("url", (1, 2), None)
    return Difference(
        "sha256:" + "a" * 64,
        "sha256:" + "b" * 64,
        (
            OtherResource(ADDRESS, "", "update", "update", (attribute,)),
            OtherResource(ADDRESS, "1f2e", "", "update", (new,)),
            OtherResource(ADDRESS, "2f2e", "delete", "", ()),
        ),
        (attribute, new, gone),
    )


def _decision(verdict: Verdict = Verdict.ALLOW) -> Decision:
    return Decision("trade-fair", verdict, "L1", (), (), (), (), NOW)


def _outcome(result: Any, **more: Any) -> Outcome:
    given = {"done": (), "failed": (), "left": (), "unknown": (), "diagnostics": (), "state": MARK}
    fields: dict[str, Any] = {**given, **more, "plan": "sha256:5d", "engine": ENGINE}
    return Outcome("trade-fair", result, **fields)


def _approved() -> CheckReport:
    """A decision that one has agreed to, one cannot, and one still has to."""
    need = ApprovalNeed(2, ("team-web",), humans_only=True, why="a change of risk L2")
    by = Person("Ines Duarte", "ines@example.com", 2001)
    one = Approval(by, NOW, "c0ffee", "sha256:5d", "sha256:1", "note 7", "SHA256:x")
    bare = Approval(Person("Eve", ""), NOW, "c0ffee", "", "sha256:1")
    decision = Decision(
        "acme-portal", Verdict.NEEDS_APPROVAL, "L2", (), (need,), (need.why,), (), NOW,
        missing=(replace(need, count=1),), agreed=(one,),
        disregarded=(Disregarded(bare, "no team has this person: ask a member"),),
    )  # fmt: skip
    return CheckReport("ba5e", "c0ffee", NOW, (decision,), ())


def _moved() -> Iterator[dict[str, Any]]:
    """A promotion that is proposed, at a forge with addresses, and one of which nothing is left."""
    sara = Person("Sara Lind", "sara@example.com")
    request = MergeRequest(
        7, "More", "", sara, "more", "main", "4f" * 20, "open", NOW, NOW, link="https://x"
    )
    green = Green("4f" * 20, 41, NOW)
    change = Move("spec.parameters.allowed_cidrs", None, ("10.0.0.0/8",))
    one = Promoted("a-staging", "a", "production", green, (change,), ("size",), request=request)
    for found in (one, replace(one, moves=(), request=None)):
        yield json.loads(moves.promoted_json(found))
    good = Good("5f" * 20, 41)
    back = RolledBack("a", "4f" * 20, good, "5xx", (change,), (), ("the team b",), request)
    named = replace(back, good=replace(good, record=-1), request=None, commit="6f" * 20)
    for taken in (back, named):
        yield json.loads(moves.rolled_back_json(taken))
    yield json.loads(moves.agreed_json("a", 52))


def _merge_requests() -> Iterator[dict[str, Any]]:
    sara, omar = Person("Sara Lind", "sara@example.com"), Person("Omar Haddad", "", 3002)
    head, note = "4f" * 20, "3f" * 20
    one = MergeRequest(
        7, "More", "It is slow.", sara, "more", "main", head, "open", NOW, NOW, labels=("risk::L1",)
    )
    other = replace(one, author=omar, head="", merged=head, link="https://x", odd=("3f: no event",))
    lost = Unreadable(9, "its history is not what it was", "ask who rewrote it")
    yield json.loads(merge_request_json.listed("the local forge", "main", [one, other], [lost]))
    consents = (
        Consent(omar, NOW, "", None),
        Consent(sara, NOW, head, (("trade-fair", "sha256:5d"),), "sha256:90", note, "SHA256:84"),
    )
    notes = (
        Note(note, note, sara, NOW, NOW, "Why?", place=Place("a.yaml", 7), resolved=False),
        Note(head, head, omar, NOW, NOW, "So."),
    )
    gates = (Status("a", "success", "fine"), Status("b", "failed", "bad", "https://x"))
    statuses = {gate.name: gate for gate in gates}
    for request in (one, other):
        told = merge_request_json.Told(request, consents, notes, statuses)
        yield json.loads(merge_request_json.shown(told))
    yield json.loads(merge_request_json.differing(7, note, head, "diff --git a/x b/x"))
    yield json.loads(merge_request_json.merged(one, "", "NEEDS_APPROVAL", ["shop: why"]))
    yield json.loads(merge_request_json.merged(one, head, None, ()))


def _reviewed(plan: Plan) -> list[Looked]:
    """One that was looked at, with everything that can be said of it, and one that is gone."""
    report = CheckReport("7f" * 20, "0f" * 20, NOW, (_decision(),), ())
    review = Review(report, 7, (plan,), (Unplanned("shop", "it comes from a fork"),))
    return [
        Looked(
            7,
            "Give the fair more time",
            "reviewed",
            review=review,
            text="## ALLOW",
            posted=("the note",),
            mishaps=(Mishap("labels", "the forge answers 502", "try again"),),
            notes=("this machine has no key",),
            link="https://gitlab.example.com/7",
        ),
        Looked(8, "Another", "gone", "its branch is gone", "push it again"),
    ]
