"""A check for people: the verdict first, nothing said twice, nothing that is not told."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reconciler.model.affected import Affected, Effect
from reconciler.model.approval import Approval, Disregarded, Person
from reconciler.model.base import GateLevel
from reconciler.model.check import CheckReport, Impact, ImpactPreview
from reconciler.model.decision import ApprovalNeed, Decision, Judged, Silence, Verdict
from reconciler.model.finding import Finding, Location
from reconciler.model.story import Story
from reconciler.report import check_text

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ENGINES = (("policy", "embedded (regorus 0.13.0)"), ("checkov", "checkov 3.3.30"))
AWAY = Silence("checkov", "Checkov is not installed", "run `reconciler tools install`")


def judged(
    rule: str = "SEC001", level: GateLevel = "hard", waiver: str = "", **fields: Any
) -> Judged:
    known: dict[str, Any] = {
        "gate": "policy",
        "rule": rule,
        "title": "Buckets are private",
        "severity": "high",
        "category": "security",
        "environment": "shop",
        "message": "the bucket is public",
        "location": Location("terraform/data.tf", 7),
        "fix": "block public access",
        "resource": "aws_s3_bucket.a",
        "fingerprint": f"{rule.lower()}0123456789abcdef",
    }
    return Judged(Finding(**{**known, **fields}), level, waiver)


def decision(
    name: str = "shop", verdict: Verdict = Verdict.ALLOW, *found: Judged, **more: Any
) -> Decision:
    own = {
        "approvals": (),
        "reasons": (),
        "silent": (),
        "missing": more.get("approvals", ()),
        **more,
    }
    hard = sorted({one.finding.rule for one in found if one.level == "hard"})
    reasons = (*own["reasons"], *(one.reason for one in own["silent"]))
    if hard:
        reasons = (f"hard: {', '.join(hard)}", *reasons)
    own = {**own, "reasons": reasons}
    return Decision(name, verdict, "L1", found, inputs=(), now=NOW, **own)


def report(*decisions: Decision, head: str = "c0ffee0123456789", **more: Any) -> CheckReport:
    touched = tuple(
        Affected(one.environment, f"environments/{one.environment}.yaml", Effect.CHANGED, ("why",))
        for one in decisions
        if one.environment
    )
    return CheckReport("ba5e000123456789", head, NOW, decisions, ENGINES, touched, **more)


def said(made: CheckReport, *, advice: bool = False) -> str:
    file = StringIO()
    screen = Console(file=file, highlight=False, emoji=False, markup=False, width=80)
    check_text.checked(screen, made, advice=advice)
    return file.getvalue()


def test_a_denied_change_says_what_where_why_and_what_to_do() -> None:
    need = ApprovalNeed(2, ("team-a", "team-b"), humans_only=True, why="a change of risk L3")
    bad = decision(
        "shop",
        Verdict.DENY,
        judged("SEC009", "soft", message="Buckets are private"),
        judged(),
        judged("LOW1", "advisory", severity="low"),
        judged("SEC002", waiver="except-it"),
        approvals=(need,),
        reasons=("frozen by team-a until somebody takes it out: an incident",),
    )
    whole = decision("")
    assert said(report(whole, bad)) == (
        "DENY: 1 environment touched  (c0ffee012345 against ba5e00012345)\n"
        "\n"
        "DENY  shop  risk L1, changed: why\n"
        "  ! frozen by team-a until somebody takes it out: an incident\n"
        "  ✗ SEC001  Buckets are private  [high, hard] sec001012345\n"
        "      at   terraform/data.tf:7 (rendered)  aws_s3_bucket.a\n"
        "      why  the bucket is public\n"
        "      do   block public access\n"
        "  - SEC009  Buckets are private  [high, soft] sec009012345\n"
        "      at   terraform/data.tf:7 (rendered)  aws_s3_bucket.a\n"
        "      do   block public access\n"
        "  ? needs 2 people of team-a or team-b: a change of risk L3\n"
        "\n"
        "ALLOW  the change itself  risk L1\n"
        "\n"
        "More of a finding: `reconciler explain FINGERPRINT`, with the same options.\n"
        "Not shown without `--advice`: 1 hint, 1 excepted by waivers.\n"
        "by  policy: embedded (regorus 0.13.0); checkov: checkov 3.3.30\n"
    )


def test_who_agreed_who_is_missing_and_who_does_not_count() -> None:
    need = ApprovalNeed(2, ("payments-security",), humans_only=True, why="a change of risk L3")
    anybody = ApprovalNeed(3, ("team-a",), humans_only=False, why="soft: SEC009")
    ada = Approval(Person("Ada Berg", "", 1), NOW, "c0ffee", "", "sha256:1", "note 7")
    text = said(
        report(
            decision(
                "shop",
                Verdict.NEEDS_APPROVAL,
                approvals=(need, anybody),
                reasons=(need.why, anybody.why),
                missing=(replace(need, count=1), replace(anybody, count=2)),
                agreed=(ada,),
                disregarded=(
                    Disregarded(
                        replace(ada, by=Person("", "eve@example.com")), "no member: ask one"
                    ),
                    Disregarded(replace(ada, by=Person("", "", 66)), "no member: ask one"),
                    Disregarded(replace(ada, by=Person("E\x1b[2J", "")), "no member: ask one"),
                ),
            )
        )
    )
    assert (
        "  ✓ agreed: Ada Berg, 2026-06-01T12:00:00Z, note 7\n"
        "  ? needs 1 more approval of payments-security, a human: a change of risk L3\n"
        "  ? needs 2 more approvals of team-a, agents count too: findings that are soft: SEC009\n"
        "  · does not count: eve@example.com: no member: ask one\n"
        "  · does not count: user 66: no member: ask one\n"
        "  · does not count: E\\x1b[2J: no member: ask one\n"
    ) in text


def test_who_agreed_is_told_where_all_is_well_too() -> None:
    ada = Approval(Person("Ada Berg", "", 1), NOW, "c0ffee", "", "sha256:1")
    text = said(report(decision("shop", agreed=(ada,)), decision("calm")))
    assert "  ✓ agreed: Ada Berg, 2026-06-01T12:00:00Z\n" in text
    somebody = Disregarded(replace(ada, by=Person("", "")), "ask one")
    assert "does not count: somebody: ask one" in said(report(decision(disregarded=(somebody,))))


def test_advice_shows_hints_and_what_waivers_except() -> None:
    hints = (judged("LOW1", "advisory", severity="low"), judged("SEC002", waiver="except-it"))
    text = said(report(decision("shop", Verdict.ALLOW, *hints)), advice=True)
    assert "  · LOW1  Buckets are private  [low, advisory] low10123" in text
    assert "  · SEC002  Buckets are private  [high, waived by except-it]" in text
    assert text.index("LOW1") < text.index("SEC002")
    assert "Not shown" not in text


@pytest.mark.parametrize(
    "verdicts, whole, words",
    [
        ([], None, "ALLOW: nothing is touched"),
        ([], Verdict.DENY, "DENY: no environment is touched; the change itself is denied"),
        ([Verdict.ALLOW], Verdict.ALLOW, "ALLOW: 1 environment touched  ("),
        ([Verdict.ALLOW] * 3, None, "ALLOW: 3 environments touched  ("),
        ([Verdict.DENY] * 2, None, "DENY: 2 environments touched, 2 denied  ("),
        (
            [Verdict.NEEDS_APPROVAL, Verdict.ALLOW, Verdict.INDETERMINATE],
            Verdict.NEEDS_APPROVAL,
            "INDETERMINATE: 3 environments touched, 1 indeterminate, 1 needs approval, 1 allowed; ",
        ),
        (
            [Verdict.NEEDS_APPROVAL] * 2,
            Verdict.INDETERMINATE,
            "INDETERMINATE: 2 environments touched, 2 need approval; the change itself is indeter",
        ),
    ],
)
def test_the_first_line_tells_everything(
    verdicts: list[Verdict], whole: Verdict | None, words: str
) -> None:
    decisions = [decision(f"e{number}", verdict) for number, verdict in enumerate(verdicts)]
    if whole is not None:
        decisions.append(decision("", whole))
    assert said(report(*decisions)).startswith(words)


def test_what_four_environments_share_is_told_once() -> None:
    names = ["a", "b", "c", "d"]
    many = [
        decision(
            name,
            Verdict.DENY,
            judged(environment=name, location=Location("terraform/data.tf", line)),
            *([judged("OWN1", environment=name)] if name == "b" else []),
            silent=(AWAY,),
        )
        for line, name in enumerate(names, start=1)
    ]
    text = said(report(*many))
    assert text.count("the bucket is public") == 2  # once for all, once for OWN1
    assert text.count("tools install") == 1
    assert (
        "In 4 environments: a, b, c, d\n"
        "  ! the gate checkov could not say: Checkov is not installed\n"
        "      do   run `reconciler tools install`\n"
        "  ✗ SEC001  Buckets are private  [high, hard] sec001012345\n"
        "      at   terraform/data.tf:1 (rendered)  aws_s3_bucket.a  (of a)\n"
    ) in text
    assert text.count("  ✗ SEC001, as above\n  ! checkov could not say, as above\n") == 4
    assert "OWN1  Buckets are private" in text.split("DENY  b ")[1].split("DENY  c ")[0]
    assert "checkov: could not say" in text
    few = said(report(*many[:3]))
    assert "as above" not in few
    assert few.count("tools install") == 3


def test_the_same_rule_about_other_things_is_not_the_same() -> None:
    many = [
        decision(
            name, Verdict.DENY, judged("AUT001", gate="authority", environment=name, message=name)
        )
        for name in "abcde"
    ]
    assert "as above" not in said(report(*many))


def test_more_than_twenty_calm_ones_are_counted() -> None:
    calm = [decision(f"e{number:02}") for number in range(30)]
    text = said(report(*calm))
    assert text.count("ALLOW  e") == 20
    assert "and 10 more that are allowed\n" in text


def test_where_nothing_changes_no_risk_is_told() -> None:
    made = replace(report(decision("shop")), base="working tree", head="working tree")
    text = said(made)
    assert text.startswith("ALLOW: 1 environment checked  (working tree)\n")
    assert "risk" not in text
    broken = replace(made, decisions=(decision("shop"), decision("", Verdict.DENY, judged())))
    assert said(broken).startswith("DENY: 1 environment checked; the repository is denied  (")
    assert "\nDENY  the repository\n" in said(broken)
    empty = replace(made, decisions=())
    assert said(empty).startswith("ALLOW: there is nothing to check")


def test_a_broken_document_is_told_by_its_message() -> None:
    broken = judged(
        "ttl-too-long",
        gate="documents",
        title="Every document can be relied on",
        message="`ttl` is longer than the track allows",
        location=Location("environments/shop.yaml", 12),
        fix="expected: at most 14d",
        resource="",
    )
    text = said(report(decision("shop", Verdict.DENY, broken)))
    assert (
        "  ✗ ttl-too-long  `ttl` is longer than the track allows  [high, hard] ttl-too-long\n"
        "      at   environments/shop.yaml:12\n"
        "      want at most 14d\n"
    ) in text


def test_a_secret_is_told_with_its_commit_and_its_type_once() -> None:
    secret = judged(
        "secret-x",
        gate="secrets",
        title="X token",
        message="X token: xx****",
        location=Location("a.txt", 3, "7944b94c847a7944b94c"),
        resource="",
    )
    text = said(report(decision("", Verdict.DENY, secret)))
    assert "      at   a.txt:3 in commit 7944b94c847a\n      why  xx****\n" in text


def test_the_impact_groups_what_is_alike() -> None:
    found = (judged(),)
    alike = [Impact(name, Verdict.ALLOW, Verdict.DENY, found, ()) for name in ("a", "b")]
    other = Impact("c", Verdict.DENY, Verdict.ALLOW, (), found)
    frozen = Impact("d", Verdict.ALLOW, Verdict.DENY, (), ())
    made = report(decision(""), impact=ImpactPreview(9, (*alike, other, frozen)))
    assert (
        "Under the new rules: of 9 environments, 3 would newly fail, 1 would newly pass\n"
        "  ALLOW -> DENY  a, b\n"
        "      newly fails  SEC001 (hard)\n"
        "  DENY -> ALLOW  c\n"
        "      newly passes  SEC001 (hard)\n"
        "  ALLOW -> DENY  d\n"
        "      no finding differs: a freeze, or a gate that could not say\n"
    ) in said(made)
    calm = report(decision(""), impact=ImpactPreview(9, ()))
    assert "Under the new rules: the same for all of 9 environments\n" in said(calm)


def test_a_story_tells_all_of_a_finding() -> None:
    one = judged()
    story = Story(
        decision("shop", Verdict.DENY, one),
        one,
        "security is hard by the profile demo at the stage dev",
        ((6, "first"), (7, "second")),
        None,
        "kind: Waiver\n",
    )
    file = StringIO()
    screen = Console(file=file, highlight=False, emoji=False, markup=False, width=80)
    check_text.explained(screen, story)
    text = file.getvalue()
    assert "  at           terraform/data.tf:7 (rendered)  aws_s3_bucket.a\n" in text
    assert "  weight       hard: security is hard by the profile demo at the stage dev\n" in text
    assert "  >     7 second\n" in text
    assert "    kind: Waiver\n" in text


@given(words=st.text(max_size=60), advice=st.booleans())
def test_hostile_words_move_no_cursor_and_make_no_line(words: str, *, advice: bool) -> None:
    bad = judged(message=words, fix=words, title=words, resource=words, location=Location(words, 1))
    made = report(
        decision("shop", Verdict.DENY, bad, reasons=(words,), silent=(Silence("policy", words),)),
        notes=(words,),
    )
    text = said(made, advice=advice)
    unseen = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert all(char == "\n" or unicodedata.category(char) not in unseen for char in text)
    plain = said(
        replace(
            made,
            decisions=(
                decision(
                    "shop", Verdict.DENY, judged(), reasons=("x",), silent=(Silence("policy", "x"),)
                ),
            ),
            notes=("x",),
        ),
        advice=advice,
    )
    assert text.count("\n") <= plain.count("\n")
