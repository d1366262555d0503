"""Plans, outcomes, drift and states for people: what matters stands first, and says what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from reconciler.model.decision import Decision, Verdict
from reconciler.model.drift import Culprit, Drift, Unmanaged
from reconciler.model.plan import (
    SENSITIVE,
    UNKNOWN,
    AttributeChange,
    Drifted,
    DriftedAttribute,
    Kind,
    Plan,
    ResourceChange,
)
from reconciler.model.run import Diagnostic, Event, Outcome, StateMark
from reconciler.model.state import Resource, State
from reconciler.report import plan_text

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DIGEST = "sha256:" + "5d" * 32
GOES_ON = "`reconciler apply shop` goes on from what is true."


def said(show: Callable[[Console], None]) -> str:
    file = StringIO()
    show(Console(file=file, highlight=False, emoji=False, markup=False, width=80))
    return file.getvalue()


def change(kind: Kind = "create", address: str = "aws_sns_topic.a", **more: Any) -> ResourceChange:
    attributes = more.pop("attributes", ())
    return ResourceChange(address, "aws_sns_topic", kind, (kind,), attributes, **more)


def plan(*changes: ResourceChange, **more: Any) -> Plan:
    made = Plan("shop", changes, (), (), DIGEST, "terraform 1.11.4")
    return replace(made, **more)


def decision(verdict: Verdict = Verdict.ALLOW) -> Decision:
    return Decision("shop", verdict, "L1", (), (), (), (), NOW)


def planned(one: Plan, *, whole: bool = False) -> str:
    return said(lambda console: plan_text.planned(console, one, whole=whole))


# ------------------------------------------------------------------------------------------ plan


@pytest.mark.parametrize(
    "kind, words",
    [
        ("create", "1 to make (+)"),
        ("update", "1 to change (~)"),
        ("replace", "1 to make anew (±)"),
        ("delete", "1 to delete (-)"),
        ("forget", "1 to let go (.)"),
        ("move", "1 to move (>)"),
    ],
)
def test_the_counts_explain_the_signs_of_the_lines(kind: Kind, words: str) -> None:
    text = planned(plan(change(kind)))
    assert text.splitlines()[0].startswith(f"shop: {words}  (terraform 1.11.4, sha256:5d5d")
    assert text.splitlines()[1].startswith(f"  {words[-2]} aws_sns_topic.a")


def test_nothing_and_only_outputs_are_said() -> None:
    assert "shop: nothing to do" in planned(plan())
    text = planned(plan(outputs=(AttributeChange("url", None, "x"),)))
    assert "shop: only outputs change" in text
    assert '  output url: "x"' in text


def test_what_loses_data_says_so_in_the_counts_and_on_its_line() -> None:
    text = planned(plan(change("delete", "aws_db_instance.a", loses_data=True), change("delete")))
    assert "2 to delete (-), DATA IS LOST in 1  (" in text
    assert "  - aws_db_instance.a is deleted  DATA IS LOST\n" in text
    assert text.count("DATA IS LOST") == 2


def test_what_loses_data_is_never_left_out_of_a_long_list() -> None:
    many = [change("delete", f"aws_db_instance.a{at:03}", loses_data=True) for at in range(60)]
    text = planned(plan(*many, change("delete", "aws_sns_topic.z")))
    assert text.count("  - aws_db_instance") == 60
    assert "and 1 more: `reconciler plan shop --whole`" in text


def test_a_long_list_is_cut_and_says_how_to_see_it_all() -> None:
    many = [change(address=f"aws_sns_topic.a{at:03}") for at in range(50)]
    assert "  and 10 more: `reconciler plan shop --whole`\n" in planned(plan(*many))
    assert planned(plan(*many), whole=True).count("  + ") == 50


def test_attributes_say_from_what_to_what() -> None:
    attributes = (
        AttributeChange("a", 1, 2),
        AttributeChange("b", "x", None),
        AttributeChange("c", {SENSITIVE: "12"}, {SENSITIVE: "34"}),
        AttributeChange("d", "x", UNKNOWN, replaces=True),
        AttributeChange("e", None, "long" * 40),
    )
    text = planned(plan(change("replace", attributes=attributes)))
    assert "  ± aws_sns_topic.a is deleted and made anew\n" in text
    assert "      a: 1 -> 2\n" in text
    assert '      b: "x" -> (none)\n' in text
    assert "      c: (sensitive) -> (sensitive)\n" in text
    assert 'd: "x" -> (known after it is applied)  (this is why it is made anew)\n' in text
    assert "..." in text
    assert "34" not in text


def test_what_is_new_shows_its_attributes_only_when_asked() -> None:
    one = plan(change(attributes=(AttributeChange("name", None, "x"),)))
    assert "name" not in planned(one)
    assert '      name: "x"\n' in planned(one, whole=True)


def test_what_changed_outside_is_told_with_the_plan() -> None:
    drift = Drifted("aws_sns_topic.a", "aws_sns_topic", "gone", (), mended=True)
    text = planned(plan(change(), drift=(drift,)))
    assert "changed outside of Terraform, 1 resource (`reconciler drift shop` says how):" in text
    assert "    ! aws_sns_topic.a is gone\n" in text


@pytest.mark.parametrize(
    "verdict, simulated, shown",
    [
        (Verdict.ALLOW, False, True),
        (Verdict.ALLOW, True, True),
        (Verdict.NEEDS_APPROVAL, False, False),
        (Verdict.NEEDS_APPROVAL, True, True),
        (Verdict.DENY, True, False),
        (Verdict.INDETERMINATE, True, False),
    ],
)
def test_how_to_apply_stands_only_where_it_may_be(
    verdict: Verdict, *, simulated: bool, shown: bool
) -> None:
    def show(console: Console) -> None:
        plan_text.to_apply(console, plan(change()), decision(verdict), simulated=simulated)

    text = said(show)
    assert (DIGEST in text) is shown
    assert (f"\n  reconciler apply shop --plan {DIGEST}\n" in text) is shown
    assert ("nobody has to agree" in text) is (verdict is Verdict.NEEDS_APPROVAL and simulated)


def test_an_empty_plan_is_not_to_be_applied() -> None:
    def show(console: Console) -> None:
        plan_text.to_apply(console, plan(), decision(), simulated=False)

    assert said(show) == ""


# ----------------------------------------------------------------------------------------- apply


def test_events_tell_what_happens_and_not_what_is_looked_at() -> None:
    def show(console: Console) -> None:
        for kind, action in (("progress", ""), ("start", "create"), ("progress", "create")):
            plan_text.event(console, Event(kind, "a", action, ""), f"{kind} {action}".strip())  # type: ignore[arg-type]  # the kinds of events

    assert said(show) == "  start create\n  progress create\n"


def outcome(**more: Any) -> Outcome:
    made = Outcome("shop", "done", DIGEST, ("a",), (), (), (), (), None, "terraform 1.11.4")
    return replace(made, **more)


def applied(one: Outcome) -> str:
    return said(lambda console: plan_text.applied(console, one))


def test_what_is_done_is_one_line() -> None:
    assert applied(outcome()) == "APPLIED: shop: 1 done\n"
    text = said(lambda console: plan_text.applied(console, outcome(), destroyed=True))
    assert text == "DESTROYED: shop: 1 done\n"


def test_what_failed_says_what_was_done_and_what_was_not() -> None:
    told = Diagnostic("error", "It broke", "first\nsecond", path="main.tf", line=3)
    text = applied(
        outcome(result="failed", failed=("b",), left=("c",), unknown=("d",), diagnostics=(told,))
    )
    assert text.splitlines() == [
        "FAILED: shop: 1 done, 1 failed, 1 unknown, 1 not begun",
        "  ✗ b  failed",
        "  ? d  begun, and nobody knows how it ended",
        "  · c  not begun",
        "  error: main.tf:3: It broke",
        "    first",
        "    second",
        f"Mend it; then {GOES_ON}",
    ]


def test_the_same_error_is_told_once() -> None:
    halted = Diagnostic("error", "execution halted", "")
    text = applied(outcome(result="interrupted", diagnostics=(halted, halted, halted)))
    assert text.count("execution halted") == 1


def test_a_state_that_could_not_be_saved_is_pointed_at() -> None:
    assert "is saved now" in applied(outcome(brought_back=True))
    text = applied(outcome(result="interrupted", kept="runs/shop/1"))
    assert "  kept: runs/shop/1: the state could not be saved\n" in text
    assert text.endswith(f"What is done is done. {GOES_ON}\n")


def test_what_was_asked_to_stop_has_not_failed() -> None:
    halted = Diagnostic("error", "execution halted", "")
    one = outcome(result="interrupted", failed=("b",), left=("c",), diagnostics=(halted,))
    assert applied(one).splitlines() == [
        "STOPPED: shop as it was asked to: 1 done, 1 failed, 1 not begun",
        "  ✗ b  cut off",
        "  · c  not begun",
        "  Terraform: execution halted",
        f"What is done is done, and the state knows it. {GOES_ON}",
    ]
    late = applied(replace(one, late=True))
    assert late.startswith("STOPPED: shop took longer than it may, and was asked to end: 1 done")
    text = said(lambda console: plan_text.applied(console, one, destroyed=True))
    assert "`reconciler destroy shop` goes on" in text


def test_what_was_cut_off_is_told_by_the_next_run() -> None:
    one = outcome(result="interrupted", unknown=("b",), left=("c",))
    text = said(lambda console: plan_text.settled(console, [one]))
    assert "An earlier apply was cut off: 1 resource done, 1 not begun, 1 unknown" in text
    assert "    ? b\n" in text


# ----------------------------------------------------------------------------------------- drift


def drift(**more: Any) -> Drift:
    return replace(Drift("shop", (), (), (), 0, DIGEST, "terraform 1.11.4"), **more)


def drifted(one: Drift) -> str:
    return said(lambda console: plan_text.drifted(console, one))


def test_no_drift_is_one_line_and_in_sync_only_when_all_is_applied() -> None:
    assert drifted(drift()) == "IN SYNC: shop\n"
    assert drifted(drift(pending=2)) == "NO DRIFT: shop: 2 changes declared and not applied\n"


def test_what_drifted_in_the_sandbox_is_mended_there() -> None:
    one = drift(drifted=(Drifted("a.a", "a", "gone", (), mended=True),))

    def there(text: str) -> str:
        return text.replace("shop", "shop --sandbox")

    text = said(lambda console: plan_text.drifted(console, one, again=there))
    assert "`reconciler apply shop --sandbox` puts it back" in text


def test_drift_says_what_by_whom_and_what_to_do() -> None:
    attribute = DriftedAttribute("timeout", 10, 99)
    one = drift(
        drifted=(
            Drifted("a.a", "a", "gone", (), mended=True),
            Drifted("a.b", "a", "changed", (attribute,), mended=False),
        ),
        unmanaged=(Unmanaged("arn:x", ""),),
        culprits=(("a.b", Culprit("sara", "UpdateIt", NOW)),),
        pending=1,
    )
    imports = "`reconciler drift shop --imports` shows how to take over"
    assert drifted(one).splitlines() == [
        "DRIFT: shop: 1 changed, 1 gone, 1 unmanaged  (sha256:5d5d5d5d5d5d)",
        "  ! a.a is gone",
        "  ! a.b differs  (the source does not speak of it: an apply leaves it)",
        "      timeout: want 10, have 99",
        "      by sara, UpdateIt, 2026-06-01T12:00:00Z",
        "  + arn:x carries our tags, and no state has it",
        "  besides: 1 change declared and not applied",
        "  do `reconciler apply shop` puts it back",
        f"  do {imports} what is unmanaged; or delete it by hand",
    ]


# ----------------------------------------------------------------------------------------- state


def test_a_state_shows_what_it_knows() -> None:
    one = State(StateMark("l", 3, 1), (Resource("a.a", "a", "arn:x"),), frozenset())
    text = said(lambda console: plan_text.state(console, "shop", one))
    assert text.splitlines()[0] == "shop: 1 resource, serial 3  (lineage l)"
    assert "a.a      arn:x" in text
    none = said(lambda console: plan_text.state(console, "shop", None))
    assert none == "shop has no state: nothing was applied yet.\n"


def test_text_of_the_cloud_cannot_move_the_cursor() -> None:
    declared = drifted(drift(unmanaged=(Unmanaged("arn:x", "", "aws_sns_topic.news"),)))
    assert "arn:x carries our tags, and no state has it; it is declared as aws_sns" in declared
    text = drifted(drift(unmanaged=(Unmanaged("arn:\x1b[2Jx", ""),)))
    assert "\x1b" not in text
