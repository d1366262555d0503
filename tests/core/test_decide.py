"""The decision: properties that hold for every question, and the words that people get."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.decide import Law, Question, decide
from reconciler.model.base import RISKS, Stage
from reconciler.model.decision import STRICTNESS, Decision, GateRun, Verdict
from reconciler.model.finding import Finding, Location
from reconciler.model.freeze import Freeze
from reconciler.model.profile import Profile
from reconciler.model.waiver import Waiver

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GATES = ("documents", "authority", "secrets", "policy", "checkov")
CATEGORIES = ("security", "cost", "compliance", "operational", "pipeline", "authority")


def document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "reconciler/v1",
        "kind": kind,
        "metadata": {"name": name, "owner": "team-web"},
        "spec": spec,
    }


def profile(gates: dict[str, Any] | None = None, approvals: tuple[Any, ...] = ()) -> Profile:
    return Profile.model_validate(
        document(
            "Profile",
            "customer",
            {
                "allowed": {
                    "regions": ("eu-central-1",),
                    "blueprints": ("web",),
                    "stages": ("dev", "staging", "production"),
                },
                "gates": gates or {},
                "approvals": approvals,
                "drift": {"mode": "advisory", "interval": "1h"},
                "rollout": {"strategy": "rolling"},
                "isolation": "shared",
                "agents": {"highestRisk": "L1", "changesPerDay": 1},
            },
        )
    )


def law(rules: Profile | None = None, stage: Stage = "dev") -> Law:
    return Law(rules or profile(), stage)


def waiver(rule: str, expires: str, subject: dict[str, Any] | None = None) -> Waiver:
    return Waiver.model_validate(
        document(
            "Waiver",
            "except",
            {
                "rule": rule,
                "subject": subject or {"tracks": ("customer",)},
                "reason": "There is a reason that somebody wrote down.",
                "expires": expires,
            },
        )
    )


def freeze(scope: dict[str, Any], since: str = "2026-05-01", **more: str) -> Freeze:
    return Freeze.model_validate(
        document(
            "Freeze", "stop", {"scope": scope, "reason": "an incident", "since": since, **more}
        )
    )


def finding(rule: str = "SEC001", category: Any = "security", line: int = 1) -> Finding:
    where = Location("main.tf", line)
    return Finding("policy", rule, "t", "high", category, "shop", "m", where, "f")


def question(**changes: Any) -> Question:
    asked = Question("shop", (law(),), "L1", frozenset(), (), (), (), (("commit", "c0ffee"),), NOW)
    return replace(asked, **changes)


def strictness(decision: Decision) -> int:
    return STRICTNESS.index(decision.verdict)


findings = st.builds(
    finding,
    st.sampled_from(["SEC001", "COST2", "OPS3"]),
    st.sampled_from(CATEGORIES),
    st.integers(1, 3),
)
runs = st.builds(
    GateRun,
    st.sampled_from(GATES),
    st.lists(findings, max_size=3).map(tuple),
    st.sampled_from(["", "", "", "timed out"]),
)
levels = st.fixed_dictionaries(
    {name: st.sampled_from(["advisory", "soft", "hard"]) for name in CATEGORIES}
)
approvals = st.lists(
    st.fixed_dictionaries(
        {
            "stages": st.sampled_from([("dev",), ("production",), ("dev", "production")]),
            "risks": st.sampled_from([("L0",), ("L1", "L2"), ("L3",)]),
            "count": st.integers(1, 3),
        }
    ),
    max_size=2,
).map(tuple)
waivers = st.lists(
    st.builds(
        waiver,
        st.sampled_from(["SEC001", "COST2"]),
        st.sampled_from(["2026-05-31", "2026-06-01", "2027-01-01"]),
    ),
    max_size=2,
).map(tuple)
freezes = st.lists(
    st.builds(
        freeze, st.sampled_from([{"track": "customer"}, {"track": "demo"}, {"everything": True}])
    ),
    max_size=1,
).map(tuple)


def ask(level: Any, rules: Any, risk: Any, wanted: Any, *rest: Any) -> Question:
    ran, waived, frozen = rest
    judge = law(profile({"dev": level}, rules))
    return Question("shop", (judge,), risk, wanted, ran, waived, frozen, (), NOW)


laws = st.builds(
    lambda level, rules: law(profile({"staging": level}, rules), "staging"), levels, approvals
)
questions = st.builds(
    ask,
    levels,
    approvals,
    st.sampled_from(RISKS),
    st.frozensets(st.sampled_from(GATES), max_size=3),
    st.lists(runs, max_size=4).map(tuple),
    waivers,
    freezes,
)


@given(questions, runs)
def test_one_more_run_never_loosens(asked: Question, more: GateRun) -> None:
    # A wanted gate that now runs is news of another kind: it was INDETERMINATE because it had not.
    more_wanted = replace(asked, wanted=asked.wanted - {more.gate})
    before, after = decide(more_wanted), decide(replace(more_wanted, runs=(*asked.runs, more)))
    assert strictness(after) >= strictness(before)


@given(questions, st.data())
def test_order_never_matters(asked: Question, data: st.DataObject) -> None:
    shuffled = replace(
        asked,
        runs=tuple(data.draw(st.permutations(asked.runs))),
        waivers=tuple(data.draw(st.permutations(asked.waivers))),
        freezes=tuple(data.draw(st.permutations(asked.freezes))),
    )
    assert decide(shuffled) == decide(asked)


@given(questions, st.sampled_from(["SEC001", "COST2", "OPS3"]))
def test_an_expired_waiver_is_none(asked: Question, rule: str) -> None:
    expired = waiver(rule, "2026-05-31")
    assert decide(replace(asked, waivers=(*asked.waivers, expired))) == decide(asked)


@given(questions, st.sampled_from(GATES))
def test_a_gate_that_is_missing_never_allows(asked: Question, gate: Any) -> None:
    without = tuple(run for run in asked.runs if run.gate != gate)
    decision = decide(replace(asked, wanted=asked.wanted | {gate}, runs=without))
    assert decision.verdict in (Verdict.INDETERMINATE, Verdict.DENY)
    assert f"the gate {gate} did not run" in decision.reasons


@given(questions)
def test_a_gate_that_failed_never_allows(asked: Question) -> None:
    failed = GateRun("checkov", (), "the process died")
    assert strictness(decide(replace(asked, runs=(*asked.runs, failed)))) >= STRICTNESS.index(
        Verdict.INDETERMINATE
    )


@given(questions, freezes)
def test_a_freeze_never_loosens(asked: Question, more: tuple[Freeze, ...]) -> None:
    frozen = replace(asked, freezes=(*asked.freezes, *more))
    assert strictness(decide(frozen)) >= strictness(decide(asked))


@given(questions, laws)
def test_one_more_law_never_loosens(asked: Question, more: Law) -> None:
    """Who moves to another track is judged by both."""
    assert strictness(decide(replace(asked, laws=(*asked.laws, more)))) >= strictness(decide(asked))


@given(questions, st.integers(0, 9))
def test_a_fast_rollback_stands_for_approvals_and_for_nothing_else(
    asked: Question, record: int
) -> None:
    plain, excused = decide(asked), decide(replace(asked, rolled_back=record))
    assert ("rollback", str(record)) in excused.inputs
    assert excused.findings == plain.findings
    gone = set(plain.reasons) - set(excused.reasons)
    assert gone <= {need.why for need in plain.missing}
    if strictness(excused) != strictness(plain):
        assert plain.verdict is Verdict.NEEDS_APPROVAL


@given(questions)
def test_without_a_law_nothing_is_softer(asked: Question) -> None:
    unwaived = replace(asked, waivers=(), laws=tuple(law(profile({}, ())) for _ in asked.laws))
    lawless = decide(replace(unwaived, laws=()))
    assert {one.level for one in lawless.findings} <= {"hard"}


def test_what_is_low_only_advises_and_documents_always_deny() -> None:
    low = replace(finding(), severity="low")
    assert decide(question(runs=(GateRun("policy", (low,)),))).verdict is Verdict.ALLOW
    broken = replace(low, gate="documents")
    until = waiver("SEC001", "2027-01-01")
    decision = decide(question(runs=(GateRun("documents", (broken,)),), waivers=(until,)))
    assert decision.verdict is Verdict.DENY


def test_a_waiver_for_one_finding_holds_for_it_alone() -> None:
    one, other = replace(finding(), fingerprint="a" * 32), replace(finding(), fingerprint="b" * 32)
    until = waiver("SEC001", "2027-01-01", {"fingerprints": ("a" * 32,)})
    runs = (GateRun("policy", (one, other)),)
    assert [each.waived_by for each in decide(question(runs=runs, waivers=(until,))).findings] == [
        "except",
        "",
    ]
    # The change itself has no track: a waiver for tracks does not reach it, one by mark does.
    change = question(environment="", laws=(), runs=(GateRun("secrets", (one,)),))
    assert decide(replace(change, waivers=(until,))).verdict is Verdict.ALLOW
    for_tracks = waiver("SEC001", "2027-01-01")
    assert decide(replace(change, waivers=(for_tracks,))).verdict is Verdict.DENY


def test_moving_to_another_track_needs_a_waiver_for_both() -> None:
    there = law(profile())
    other = there.profile.model_copy(
        update={"metadata": there.profile.metadata.model_copy(update={"name": "platform"})}
    )
    run = (GateRun("policy", (finding(),)),)
    until = waiver("SEC001", "2027-01-01")
    moved = question(laws=(there, law(other)), runs=run, waivers=(until,))
    assert decide(moved).verdict is Verdict.DENY
    assert decide(replace(moved, laws=(there,))).verdict is Verdict.ALLOW


def test_a_freeze_does_not_stop_the_change_that_takes_it_out() -> None:
    stop = freeze({"everything": True})
    assert decide(question(environment="", laws=(), freezes=(stop,))).verdict is Verdict.ALLOW


def test_a_look_at_what_is_asks_for_no_agreement() -> None:
    rules = profile(approvals=({"stages": ("dev",), "risks": ("L1",), "count": 2},))
    asked = question(laws=(law(rules),))
    assert decide(asked).verdict is Verdict.NEEDS_APPROVAL
    assert decide(replace(asked, changing=False)).verdict is Verdict.ALLOW


def test_nothing_to_say_allows() -> None:
    decision = decide(question(wanted=frozenset({"policy"}), runs=(GateRun("policy"),)))
    assert (decision.verdict, decision.reasons) == (Verdict.ALLOW, ())


def test_levels_of_the_stage_decide() -> None:
    rules = profile({"dev": {"security": "advisory"}, "production": {"security": "soft"}})
    run = (GateRun("policy", (finding(),)),)
    dev = decide(question(laws=(law(rules),), runs=run))
    production = decide(question(laws=(law(rules, "production"),), runs=run))
    assert dev.verdict is Verdict.ALLOW
    assert dev.findings[0].level == "advisory"
    assert production.verdict is Verdict.NEEDS_APPROVAL
    assert production.approvals[0].why == "soft: SEC001"


def test_a_waiver_holds_for_its_rule_subject_and_time() -> None:
    runs = (GateRun("policy", (finding("SEC001"), finding("SEC002"))),)
    until = waiver("SEC001", "2026-06-01")
    decision = decide(question(runs=runs, waivers=(until,)))
    assert [one.waived_by for one in decision.findings] == ["except", ""]
    assert decision.verdict is Verdict.DENY
    later = decide(question(runs=runs, waivers=(until,), now=NOW + timedelta(days=1)))
    assert [one.waived_by for one in later.findings] == ["", ""]
    other = waiver("SEC001", "2027-01-01", {"environments": ("another",)})
    assert not any(one.waived_by for one in decide(question(runs=runs, waivers=(other,))).findings)
    resource = waiver("SEC001", "2027-01-01", {"tracks": ("customer",), "resources": ("x.y",)})
    assert not any(
        one.waived_by for one in decide(question(runs=runs, waivers=(resource,))).findings
    )


def test_approvals_come_from_the_rules_that_match() -> None:
    rules = profile(
        approvals=(
            {"stages": ("dev",), "risks": ("L1",), "count": 2, "teams": ("team-b", "team-a")},
            {"stages": ("dev",), "risks": ("L3",), "count": 5},
            {"stages": ("production",), "risks": ("L1",), "count": 5},
        )
    )
    decision = decide(question(laws=(law(rules),)))
    assert decision.verdict is Verdict.NEEDS_APPROVAL
    (need,) = decision.approvals
    assert (need.count, need.teams, need.humans_only) == (2, ("team-a", "team-b"), True)


def test_a_freeze_says_who_why_and_how_long() -> None:
    stop = freeze({"environment": "shop"}, expires="2026-06-02T00:00:00Z")
    decision = decide(question(freezes=(stop,)))
    assert decision.verdict is Verdict.DENY
    assert decision.reasons == (
        "frozen by team-web since 2026-05-01T00:00:00Z until 2026-06-02T00:00:00Z: an incident",
    )
    assert decide(question(freezes=(stop,), now=NOW + timedelta(days=3))).verdict is Verdict.ALLOW
    tomorrow = freeze({"everything": True}, since="2026-06-02")
    assert decide(question(freezes=(tomorrow,))).verdict is Verdict.ALLOW
