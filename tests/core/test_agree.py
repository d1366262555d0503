"""What approvals do to a decision: they meet its needs, and nothing else of it gives way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.decide import Law, Question, decide
from reconciler.core.veil import veiled
from reconciler.model.approval import Approval, Given, Person
from reconciler.model.decision import STRICTNESS, Decision, GateRun, Verdict
from reconciler.model.finding import Finding, Location
from reconciler.model.freeze import Freeze
from reconciler.model.profile import Profile
from tests.core.people import (
    ADA,
    AUTHOR,
    BOB,
    CARL,
    HEAD,
    MINA,
    NEED,
    NOW,
    OTHER,
    PLAN,
    POLICIES,
    SIGNED,
    WORLD,
    document,
    said,
)

TOKEN = "glpat-" + "Zq7xW2mK9vRt4LpYc3Hd"
INPUTS = (("commit.head", HEAD), ("policies", POLICIES), ("plan", PLAN))


def law(count: int = 2, **gates: str) -> Law:
    spec = {
        "allowed": {"regions": ("eu-central-1",), "blueprints": ("web",), "stages": ("dev",)},
        "gates": {"dev": gates},
        "approvals": ({"stages": ("dev",), "risks": ("L1",), "count": count},),
        "drift": {"mode": "advisory", "interval": "1h"},
        "rollout": {"strategy": "rolling"},
        "isolation": "shared",
        "agents": {"highestRisk": "L1", "changesPerDay": 1},
    }
    return Law(Profile.model_validate(document("Profile", "customer", spec)), "dev")


def question(*approvals: Approval, **changes: Any) -> Question:
    asked = Question(
        "shop", (law(),), "L1", frozenset(), (), (), (), INPUTS, NOW, "team-a",
        approvals=approvals, authors=(AUTHOR,), people=WORLD,
    )  # fmt: skip
    return replace(asked, **changes)


def run(category: Any = "security", severity: Any = "high", failure: str = "") -> GateRun:
    where = Location("main.tf", 1)
    bad = Finding("policy", "SEC001", "t", severity, category, "shop", "m", where, "f")
    return GateRun("policy", (bad,), failure)


def strictness(decision: Decision) -> int:
    return STRICTNESS.index(decision.verdict)


STOP = Freeze.model_validate(
    document(
        "Freeze",
        "stop",
        {"scope": {"everything": True}, "reason": "an incident", "since": "2026-01-01"},
    )
)


def test_enough_approvals_allow_and_the_needs_stay_told() -> None:
    one, two = decide(question(ADA)), decide(question(ADA, MINA))
    (need,) = one.approvals
    assert (one.verdict, one.missing) == (Verdict.NEEDS_APPROVAL, (replace(need, count=1),))
    assert one.reasons == (need.why,)
    assert (two.verdict, two.missing, two.reasons) == (Verdict.ALLOW, (), ())
    assert two.approvals == one.approvals
    assert two.agreed == (ADA, MINA)


def test_a_soft_finding_can_be_agreed_to() -> None:
    soft = question(laws=(law(1, security="soft"),), runs=(run(),))
    assert decide(soft).verdict is Verdict.NEEDS_APPROVAL
    agreed = decide(replace(soft, approvals=(ADA,)))
    assert agreed.verdict is Verdict.ALLOW
    assert [one.level for one in agreed.findings] == ["soft"]


def test_who_was_asked_rests_on_who_is_who() -> None:
    assert "people" not in dict(decide(question()).inputs)
    assert dict(decide(question(ADA)).inputs)["people"] == WORLD.digest


def test_without_a_head_or_policies_nothing_counts() -> None:
    for gone in ("commit.head", "policies"):
        inputs = tuple(one for one in INPUTS if one[0] != gone)
        assert decide(question(ADA, BOB, inputs=inputs)).agreed == ()


def test_no_commit_stands_for_files_as_they_lie_there() -> None:
    loose = (("commit.head", "working tree"), *INPUTS[1:])
    assert decide(question(ADA, heads=frozenset({HEAD}), inputs=loose)).agreed == ()
    assert decide(question(ADA, heads=frozenset({HEAD}))).agreed == (ADA,)


def test_what_was_said_later_stands_in_place_of_what_was_said() -> None:
    given_ = Given((BOB,), (Person("Mina", "", 3),), frozenset({OTHER}))
    heard = question(ADA).heard(given_)
    assert heard.approvals == (BOB,)
    assert heard.authors == (AUTHOR, Person("Mina", "", 3))
    assert decide(heard).agreed == ()
    other = tuple(replace(one, head=OTHER) for one in (ADA, BOB, MINA))
    assert decide(replace(heard, approvals=other)).agreed == other[:2]


def test_nothing_that_looks_secret_leaves_with_an_approval() -> None:
    by = Person(TOKEN, f"{TOKEN}@example.com", 66)
    fields = ("head", "plan", "policies", "reference", "signed_by")
    changes: dict[str, Any] = dict.fromkeys(fields, TOKEN)
    asked = question(
        replace(ADA, by=by, **changes),
        replace(ADA, reference=TOKEN, by=replace(ADA.by, email=TOKEN)),
        needs=(replace(NEED, count=2, why=TOKEN),),
    )
    decision = decide(asked)
    assert (len(decision.agreed), len(decision.disregarded)) == (1, 1)
    assert TOKEN in repr(decision)
    assert TOKEN not in repr(veiled(decision))


def test_the_veil_leaves_ids_and_digests_as_they_are() -> None:
    signed = said("mina", None, signed_by=SIGNED["mina"])
    decision = decide(question(ADA, signed, replace(BOB, head=OTHER)))
    assert decision.disregarded
    assert veiled(decision) == decision


# ------------------------------------------------------------------- what holds for all of them

good = st.sampled_from([ADA, BOB, MINA, CARL])
bad = st.sampled_from(
    [
        said("eve", 66),
        said("ada", 66),
        said("robot", 9),
        said("zoe", 26),
        said("mina", None),
        *(replace(one, head=OTHER) for one in (ADA, MINA)),
        *(replace(one, plan="") for one in (ADA, BOB)),
        *(replace(one, policies="sha256:ff") for one in (BOB, MINA)),
    ]
)
lists = st.lists(st.one_of(good, bad), max_size=5).map(tuple)
RUNS = (run(), run("cost"), run(severity="low"), run(failure="it died"))
questions = st.builds(
    lambda count, level, runs, frozen, wanted, given_: question(
        *given_,
        laws=(law(count, security=level, cost="soft"),),
        runs=runs,
        freezes=frozen,
        wanted=wanted,
    ),
    st.integers(1, 3),
    st.sampled_from(["advisory", "soft", "hard"]),
    st.lists(st.sampled_from(RUNS), max_size=2).map(tuple),
    st.sampled_from([(), (), (STOP,)]),
    st.sampled_from([frozenset(), frozenset({"policy"})]),
    lists,
)


@given(questions, bad)
def test_what_is_disregarded_never_changes_the_verdict(asked: Question, more: Approval) -> None:
    before, after = decide(asked), decide(replace(asked, approvals=(*asked.approvals, more)))
    assert more in {one.approval for one in after.disregarded}
    same = ("verdict", "reasons", "missing", "agreed", "approvals", "findings", "silent", "risk")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]


@given(questions, st.one_of(good, bad))
def test_one_more_never_makes_stricter_and_one_less_never_looser(
    asked: Question, more: Approval
) -> None:
    after = decide(replace(asked, approvals=(*asked.approvals, more)))
    assert strictness(after) <= strictness(decide(asked))


@given(questions, st.data())
def test_order_and_duplicates_never_matter(asked: Question, data: st.DataObject) -> None:
    turned = data.draw(st.permutations([*asked.approvals, *asked.approvals[:2]]))
    assert decide(replace(asked, approvals=tuple(turned))) == decide(asked)


@given(questions)
def test_approvals_only_ever_meet_needs(asked: Question) -> None:
    """Hard findings, freezes and gates that could not say stay what they are."""
    without, found = decide(replace(asked, approvals=())), decide(asked)
    if without.verdict is not Verdict.NEEDS_APPROVAL:
        assert found.verdict is without.verdict
    else:
        assert found.verdict in (Verdict.NEEDS_APPROVAL, Verdict.ALLOW)
    assert (found.findings, found.silent) == (without.findings, without.silent)
    assert set(without.reasons) - set(found.reasons) <= {need.why for need in without.approvals}


@given(questions, lists, st.sampled_from([run(), run(failure="it died"), STOP, "checkov"]))
def test_no_approvals_allow_what_is_denied_or_unknown(
    asked: Question, given_: tuple[Approval, ...], stop: Any
) -> None:
    everybody = (ADA, BOB, MINA, CARL, *given_)
    asked = replace(asked, approvals=everybody, laws=(law(1, security="hard"),))
    if isinstance(stop, GateRun):
        asked = replace(asked, runs=(*asked.runs, stop))
    elif isinstance(stop, Freeze):
        asked = replace(asked, freezes=(stop,))
    else:
        asked = replace(asked, wanted=frozenset({stop}))
    assert decide(asked).verdict in (Verdict.INDETERMINATE, Verdict.DENY)


@given(questions, st.sampled_from(["commit.head", "policies", "plan"]))
def test_whatever_moves_everybody_has_to_agree_again(asked: Question, moved: str) -> None:
    inputs = tuple((name, "c" * 40 if name == moved else value) for name, value in asked.inputs)
    stale = decide(replace(asked, inputs=inputs))
    assert stale.agreed == ()
    assert stale.verdict is decide(replace(asked, approvals=())).verdict


@given(questions, st.sampled_from([ADA, BOB, MINA]))
def test_whoever_made_it_never_helps(asked: Question, own: Approval) -> None:
    made = replace(asked, authors=(AUTHOR, Person("x", own.by.email)))
    without = replace(made, approvals=tuple(one for one in made.approvals if one.by != own.by))
    with_own = replace(made, approvals=(*made.approvals, own))
    assert decide(with_own).verdict is decide(without).verdict


@pytest.mark.parametrize("approval", [ADA, BOB, MINA])
def test_a_plan_asks_again(approval: Approval) -> None:
    static = question(replace(approval, plan=""), laws=(law(1),), inputs=INPUTS[:2])
    assert decide(static).verdict is Verdict.ALLOW
    assert decide(replace(static, inputs=INPUTS)).verdict is Verdict.NEEDS_APPROVAL
