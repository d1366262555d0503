"""The note on a merge request: what a tired person sees, and what nobody can make it say."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.model.affected import Affected, Effect
from reconciler.model.approval import Approval, Disregarded, Person
from reconciler.model.check import CheckReport, Impact, ImpactPreview
from reconciler.model.decision import ApprovalNeed, Decision, Judged, Silence, Verdict
from reconciler.model.finding import Location
from reconciler.model.plan import AttributeChange, Plan, ResourceChange
from reconciler.model.review import Review, Unplanned
from reconciler.report import note
from tests.report.made import finding

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BASE, HEAD = "ba5e" * 10, "c0ffee00" * 5
ENGINES = (("policy", "regorus 0.13"), ("secrets", "213 rules"))


def decision(name: str, verdict: Verdict, *judged: Judged, **fields: Any) -> Decision:
    made = Decision(name, verdict, "L1", judged, (), (), (), NOW)
    return replace(made, **fields)


def report(*decisions: Decision, **fields: Any) -> CheckReport:
    touched = tuple(
        Affected(one.environment, f"environments/{one.environment}.yaml", Effect.CHANGED, ("so",))
        for one in decisions
        if one.environment
    )
    return CheckReport(
        fields.pop("base", BASE), fields.pop("head", HEAD), NOW, decisions, ENGINES,
        fields.pop("touched", touched), **fields,
    )  # fmt: skip


def change(address: str = "aws_s3_bucket.data", kind: Any = "update", **fields: Any) -> Any:
    known: dict[str, Any] = {"attributes": (AttributeChange("size", 1, 2),)}
    return ResourceChange(address, "aws_s3_bucket", kind, (kind,), **{**known, **fields})


def plan(name: str, *changes: ResourceChange) -> Plan:
    return Plan(name, changes, (), (), "sha256:" + "5d" * 32, "terraform 1.11.4")


HARD = Judged(finding(), "hard")
NEED = ApprovalNeed(2, ("team-a", "team-b"), humans_only=True, why="risk L3")


# --- what is told


@pytest.mark.parametrize(
    "verdict, line",
    [
        (Verdict.ALLOW, "Nothing speaks against it. 1 environment."),
        (Verdict.NEEDS_APPROVAL, "Somebody has to agree to it. `shop`."),
        (Verdict.INDETERMINATE, "Something could not be judged, so it is not allowed. `shop`."),
        (Verdict.DENY, "It is refused as it is. `shop`."),
    ],
)
def test_the_verdict_stands_first_in_one_line(verdict: Verdict, line: str) -> None:
    lines = note.checked(report(decision("shop", verdict))).splitlines()
    assert lines[0] == f"## {note.MARK[verdict]} {verdict.replace('_', ' ')}"
    assert lines[2] == line


def test_the_table_stands_before_findings_and_the_worst_first() -> None:
    text = note.checked(
        report(
            decision("calm", Verdict.ALLOW),
            decision("shop", Verdict.DENY, HARD),
            decision("slow", Verdict.INDETERMINATE),
        )
    )
    order = ["| `shop` |", "| `slow` |", "| `calm` |", "### Findings", "### What to do next"]
    assert [text.index(one) for one in order] == sorted(text.index(one) for one in order)
    assert "No environment is touched." in note.checked(report())


def test_one_finding_of_many_environments_is_told_once() -> None:
    names = [f"shop-{place}" for place in range(8)]
    judged = (
        decision(name, Verdict.DENY, Judged(finding(environment=name), "hard")) for name in names
    )
    text = note.checked(report(*judged))
    assert text.count("the bucket is public") == 1
    assert "in `shop-0`, `shop-1`, `shop-2`, `shop-3`, `shop-4` and 3 more" in text


def test_a_finding_says_where_what_and_how() -> None:
    text = note.checked(report(decision("shop", Verdict.DENY, HARD)))
    assert "- **`SEC001`** (hard, high) `the bucket is public`" in text
    assert "  - at `terraform/data.tf:7 (rendered)`, in `shop`, fingerprint `SEC001-1`" in text
    assert "  - do: `block public access`" in text
    assert f"`reconciler check --base {BASE[:12]} --head {HEAD[:12]}`" in text
    assert f"`reconciler explain FINGERPRINT --base {BASE[:12]} --head {HEAD[:12]}`" in text


def test_what_advises_or_is_excepted_is_counted() -> None:
    low, waived = Judged(finding("SEC002"), "advisory"), Judged(finding("SEC003"), "hard", "w")
    text = note.checked(report(decision("shop", Verdict.DENY, HARD, low, waived)))
    assert "SEC002" not in text
    assert "SEC003" not in text
    assert "1 finding excepted by waivers." in text
    assert "1 hint not shown: `reconciler check --advice`." in text


def test_who_agreed_who_is_missing_and_what_does_not_count_is_told() -> None:
    ada = Approval(Person("Ada Berg", "", 1), NOW, HEAD, "", "sha256:1", "note 7")
    eve = Disregarded(replace(ada, by=Person("@eve", "")), "no member: ask one")
    made = decision(
        "shop", Verdict.NEEDS_APPROVAL, approvals=(NEED,), missing=(replace(NEED, count=1),),
        agreed=(ada,), disregarded=(eve,), reasons=("risk L3", "frozen by team-a until x: burns"),
    )  # fmt: skip
    text = note.sticky(Review(report(made), 7))
    for words in (
        "- **`shop`**: `agreed: Ada Berg, 2026-06-01T12:00:00Z, note 7`",
        "- **`shop`**: `needs 1 more approval of team-a or team-b, a human: risk L3`",
        "- **`shop`**: `does not count: @eve: no member: ask one`",
        "| 1 approval |",
        "Let somebody of `team-a`, `team-b` who did not make it look at it, and agree",
        "`reconciler mr approve 7`",
        "- `shop`: `frozen by team-a until x: burns`",
        "Wait until the freeze ends",
    ):
        assert words in text


def test_how_to_agree_names_the_plan_without_which_it_would_not_count() -> None:
    made = [
        decision(one, Verdict.NEEDS_APPROVAL, approvals=(NEED,), missing=(NEED,))
        for one in ("shop", "stall")
    ]
    digest = f"shop=sha256:{'5d' * 32}"
    one = Review(report(made[0]), 7, (plan("shop", change()),))
    assert f"`reconciler mr approve 7 --plan {digest}` where it is local" in note.sticky(one)
    assert "`reconciler mr approve 7` where" in note.sticky(replace(one, simulated=True))
    two = Review(report(*made), 7, (plan("shop", change()), plan("stall", change())))
    assert "`reconciler mr approve 7 --plan ENV=DIGEST`, for each plan, where" in note.sticky(two)


def test_a_gate_that_could_not_say_is_told_with_what_to_do() -> None:
    silence = Silence("checkov", "it is away", "`reconciler tools install`")
    made = decision("shop", Verdict.INDETERMINATE, silent=(silence,), reasons=(silence.reason,))
    text = note.sticky(Review(report(made), 7))
    assert "Let it be judged: `` checkov: `reconciler tools install` ``" in text
    assert "`reconciler mr check 7`" in text
    assert "- `shop`: ``the gate checkov could not say" in text


def test_lost_data_is_not_folded_and_plans_are() -> None:
    lost = change("aws_db_instance.main", "replace", loses_data=True)
    made = Review(
        report(decision("shop", Verdict.ALLOW), decision("till", Verdict.INDETERMINATE)),
        7,
        (plan("shop", lost, change()),),
        (Unplanned("till", "no credentials", "log in", failed=True),),
        planning=True,
        simulated=True,
    )
    text = note.sticky(made)
    before, _, folded = text.partition("<details>")
    assert "DATA IS LOST" in before
    assert "- `shop`: `aws_db_instance.main` (replace)" in before
    assert "**SIMULATED**" in before
    assert "1 to change (~), 1 to make anew (±), DATA IS LOST in 1" in before
    assert "changed: so (not planned: no credentials)" in before
    assert "<summary>Plan of shop: 2 changes</summary>" in folded
    assert "  - `size: 1 -> 2`" in folded
    assert "Let `till` be planned: `log in`" in folded


def test_changed_rules_show_what_they_would_do() -> None:
    impact = ImpactPreview(3, (Impact("calm", Verdict.ALLOW, Verdict.DENY, (HARD,), ()),))
    text = note.checked(report(decision("shop", Verdict.ALLOW), impact=impact))
    assert "1 environment of 3 would differ." in text
    assert "| `calm` | ALLOW | ❌ DENY | `SEC001 (hard)` |  |" in text
    same = note.checked(report(impact=ImpactPreview(3, ())))
    assert "The same for all of 3 environments." in same


def test_all_well_says_what_is_left() -> None:
    text = note.sticky(Review(report(decision("shop", Verdict.ALLOW)), 7, draft=True))
    assert "Take it out of draft; then it may be merged." in text


# --- how long it may be


def many(number: int) -> CheckReport:
    judged = [
        Judged(finding(f"SEC{place:04}", message=f"bucket {place} is public"), "hard")
        for place in range(number)
    ]
    return report(
        decision("shop", Verdict.DENY, *judged, missing=(NEED,), approvals=(NEED,)),
        *(decision(f"env-{place}", Verdict.ALLOW) for place in range(200)),
    )


def test_three_thousand_findings_fit() -> None:
    text = note.sticky(Review(many(3000), 7))
    assert len(text) < 1_000_000
    assert text.count("is public`") == 3000
    assert "<summary>2,970 more findings</summary>" in text
    assert "Left out" not in text


@pytest.mark.parametrize("size", [20_000, 60_000, 150_000])
def test_what_is_cut_is_cut_whole_and_told(size: int) -> None:
    job = "https://gitlab.example.com/a/b/-/jobs/7"
    text = note.sticky(Review(many(3000), 7, job=job), size)
    assert len(text) <= size
    (left,) = re.findall(r"for want of space: ([\d,]+) findings", text)
    assert text.count("is public`") == 3000 - int(left.replace(",", ""))
    assert text.count("  - do: ") == text.count("is public`")
    assert f"[the job that says this](<{job}>)" in text
    assert f"`reconciler check --base {BASE[:12]} --head {HEAD[:12]}`" in text
    assert "### Approvals" in text
    assert "### What to do next" in text
    assert text.count("<details>") == text.count("</details>")
    assert "And 141 environments more, ALLOW at worst." in text


def test_a_text_without_end_is_cut() -> None:
    long = Judged(finding(message="x" * 100_000), "hard")
    assert len(note.checked(report(decision("shop", Verdict.DENY, long)))) < 5000


@pytest.mark.parametrize("size", [30_000, 52_000, 200_000])
def test_however_long_everything_is_it_fits_and_says_what_to_do(size: int) -> None:
    long = "x" * 5000
    needs = tuple(ApprovalNeed(place, (long,), humans_only=True, why=long) for place in range(9))
    decisions = [
        decision(
            f"e{place}", Verdict.DENY, Judged(finding(f"R{place}", message=long, fix=long), "hard"),
            missing=needs, approvals=needs, reasons=(f"{place} {long}", "frozen"),
            silent=(Silence("checkov", long, f"{place} {long}"),),
        )
        for place in range(300)
    ]  # fmt: skip
    lost = [change(f"{place} {long}", "delete", loses_data=True) for place in range(300)]
    touched = tuple(
        Affected(one.environment, long, Effect.CHANGED, (long, long)) for one in decisions
    )
    made = Review(
        report(*decisions, touched=touched),
        7,
        tuple(plan(one.environment, *lost) for one in decisions),
        tuple(Unplanned(f"u{place}", long, long, failed=True) for place in range(300)),
        planning=True,
    )
    text = note.sticky(made, size)
    assert len(text) <= size
    for words in ("## ❌ DENY", "DATA IS LOST", "### Approvals", "### What to do next", "Left out"):
        assert words in text
    assert text.count("<details>") == text.count("</details>")


# --- what nobody can make it say


HOSTILE = (
    "`` ` ```",
    "| a | \\| b \\\\|",
    "@all closes #12 !3 $4 ~bug %1 &2 https://example.com <b> [a](javascript:b) ![i](//c)",
    "a\n\n# b\n\n```mermaid\nc\n```\n/merge\n",
    "/close",
    "\n/approve\n",
    "\r/merge\u2028/merge\u0085/merge",
    "</summary></details><script>alert(1)</script>",
    "$`a`$ $$\nb\n$$ &#64;all &commat;all :+1: \\@all",
    "<!-- reconciler:note aaaa -->",
    "[^1]: x\n[a]: http://b\n<http://c>",
    "```",
    "\ud800\u202e\u200b",
    "---\ntitle: x\n---",
)
OURS = {"<details>", "</details>"}


def hostile(words: str) -> Review:
    """A review in which everything that somebody else may choose is these words."""
    who = Approval(Person(words, words), NOW, words, words, words, words)
    needs = (ApprovalNeed(1, (words,), humans_only=True, why=words),)
    judged = Judged(
        finding(
            words or "x", message=words, fix=words, title=words, resource=words, fingerprint=words,
            location=Location(words, 1, words), environment=words,
        ),
        "hard",
    )  # fmt: skip
    made = decision(
        words, Verdict.DENY, judged, missing=needs, approvals=needs, agreed=(who,),
        disregarded=(Disregarded(who, words),), reasons=(words, f"frozen {words}"),
        silent=(Silence("checkov", words, words),),
    )  # fmt: skip
    moving = ResourceChange(
        words, words, "replace", (words,), (AttributeChange(words, words, [words]),),
        loses_data=True,
    )  # fmt: skip
    return Review(
        report(
            made,
            base=words,
            head=words or "x",
            touched=(Affected(words, words, Effect.CHANGED, (words,)),),
            notes=(words,),
            impact=ImpactPreview(
                1, (Impact(words, Verdict.ALLOW, Verdict.DENY, (judged,), (judged,)),)
            ),
        ),
        7,
        (Plan(words, (moving,), (), (), words, words),),
        (Unplanned(words, words, words, failed=True),),
        planning=True,
        job=words,
    )


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


@given(st.text(max_size=60))
@pytest.mark.parametrize("how", ["note", "line"])
def test_hostile_words_stay_words(how: str, words: str) -> None:
    held(how, words)


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("how", ["note", "line"])
def test_known_tricks_do_nothing(how: str, words: str) -> None:
    held(how, words)


@given(st.lists(st.sampled_from("`|\\<>&@#!~$%^*_[](){}:/\n\r\t -+=.ab1"), max_size=30))
@example(list("`/merge"))
def test_no_mixture_of_marks_gets_out(marks: list[str]) -> None:
    held("note", "".join(marks))


def held(how: str, words: str) -> None:
    review = hostile(words)
    judged = review.report.decisions[0].findings[0]
    text = note.sticky(review) if how == "note" else note.on_line(judged)
    assert text.encode()  # no half characters
    for line in text.split("\n"):
        assert not line.lstrip().startswith("/")
        assert not line.startswith(("<!--", "---", "```", "$$", "[^", "#!"))
    assert "\r" not in text
    found = tokens(text)
    blocks = {one.tag for one in found if one.tag}
    assert blocks <= {"h2", "h3", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "p"}
    for one in found:
        if one.type == "html_block":
            assert re.fullmatch(
                r"</details>\n?|<details>\n<summary>[\w ,-]+: [\d,]+ changes?</summary>\n?"
                r"|<details>\n<summary>[\d,]+ more \w+</summary>\n?",
                one.content,
            ), one.content
    inner = [each for one in found for each in one.children or ()]
    assert {one.type for one in inner} <= {"text", "code_inline", "strong_open", "strong_close"}
    # Whatever is not code is ours, and calls nobody.
    ours = "".join(one.content for one in inner if one.type == "text")
    assert not re.search(r"[@#!$%<>&\\`]|~(?!\))|https?:", ours), ours
    if how == "note":
        assert sum(one.tag == "td" for one in found if one.nesting == 1) == 5 + 5
