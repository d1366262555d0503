"""Plans, outcomes, drift and states for people. What loses data stands first, and in words."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.console import Console

from reconciler.model.base import format_timestamp
from reconciler.model.decision import Decision, Verdict
from reconciler.model.drift import Drift, Unlooked
from reconciler.model.plan import SENSITIVE, UNKNOWN, AttributeChange, Plan, ResourceChange
from reconciler.model.run import Event, Outcome
from reconciler.model.state import State
from reconciler.report.text import Table, line
from reconciler.report.words import counted, printable

_SIGN: Final = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "replace": ("±", "red"),
    "delete": ("-", "red"),
    "forget": (".", "yellow"),
    "import": ("<", "cyan"),
    "move": (">", "cyan"),
}
_WORD: Final = {
    "replace": "is deleted and made anew",
    "delete": "is deleted",
    "forget": "is let go, and stays in the cloud",
    "import": "is taken over as it is",
    "move": "gets another address",
}
"""Where the sign beside the counts does not say it all."""
NOBODY_HAS_TO_AGREE: Final = (
    "In the sandbox nobody has to agree; in a real account it is asked for."
)
_BROUGHT_BACK: Final = "Terraform could not save its state; it was brought back, and is saved now."
_LONG: Final = 80
_ATTRIBUTES: Final = 12
_LISTED: Final = 40
_RESULT: Final = {"done": "bold green", "failed": "bold red", "interrupted": "bold yellow"}


def simulated(console: Console) -> None:
    """Stands on every screen of the sandbox."""
    line(console, ("SIMULATED: ", "bold cyan"), "the sandbox, and no real account")


def counts(plan: Plan) -> str:
    """`2 to make (+), 1 to change (~)`, or that nothing is: the signs explain the lines below."""
    found = plan.counts
    words = [
        f"{number:,} to {word} ({sign})"
        for number, word, sign in (
            (found.create, "make", "+"),
            (found.update, "change", "~"),
            (found.replace, "make anew", "±"),
            (found.delete, "delete", "-"),
            (found.imports, "take over", "<"),
            (found.forget, "let go", "."),
            (sum(1 for one in plan.changes if one.kind == "move"), "move", ">"),
        )
        if number
    ]
    if plan.loses_data:
        words.append(f"DATA IS LOST in {len(plan.loses_data):,}")
    if not words:
        return "only outputs change" if plan.outputs else "nothing to do"
    return ", ".join(words)


def planned(
    console: Console, plan: Plan, *, whole: bool = False, again: Callable[[str], str] = str
) -> None:
    """`reconciler plan`. `again` adds to a command what it needs to mean the same target."""
    line(
        console,
        (f"{plan.environment}: ", "bold"),
        counts(plan),
        (f"  ({plan.engine}, {plan.digest[:19]})", "dim"),
    )
    # Those that lose data are the first, and all of them are told.
    shown = plan.changes if whole else plan.changes[: max(_LISTED, len(plan.loses_data))]
    for one in shown:
        _change(console, one, whole=whole)
    if len(shown) < len(plan.changes):
        left = len(plan.changes) - len(shown)
        line(console, again(f"  and {left:,} more: `reconciler plan {plan.environment} --whole`"))
    for output in plan.outputs:
        line(console, ("  output ", "dim"), f"{output.path}: {_from_to(output)}")
    if plan.drift:
        many = counted(len(plan.drift), "resource")
        how = again(f"`reconciler drift {plan.environment}` says how")
        line(console, f"  changed outside of Terraform, {many} ({how}):")
        for drifted in plan.drift if whole else plan.drift[:_LISTED]:
            what = "is gone" if drifted.kind == "gone" else "differs"
            line(console, ("    ! ", "yellow"), f"{drifted.address} {what}")
        if not whole and len(plan.drift) > _LISTED:
            line(console, f"    and {len(plan.drift) - _LISTED:,} more")


def doubted(console: Console, many: Sequence[ResourceChange]) -> None:
    """What the plan makes, and may be there already."""
    for one in many:
        line(
            console,
            ("  ? ", "bold yellow"),
            (one.address, "bold"),
            " was begun by an earlier apply, and nobody knows whether it is there:"
            " `apply` looks for it first, and makes nothing twice",
        )


def to_apply(
    console: Console,
    plan: Plan,
    decision: Decision,
    *,
    simulated: bool,
    ahead_of: str = "",
    again: Callable[[str], str] = str,
) -> None:
    """How this very plan is applied; nothing where it may not be, or where it does nothing.

    `ahead_of`: the target branch, where that does not have what was planned.
    """
    allowed = decision.verdict is Verdict.ALLOW
    if simulated and decision.verdict is Verdict.NEEDS_APPROVAL:
        line(console, f"{NOBODY_HAS_TO_AGREE}")
        allowed = True
    if allowed and not plan.empty:
        command = again(f"`reconciler apply {plan.environment} --plan {plan.digest}`")
        if ahead_of:
            line(
                console,
                f"`{ahead_of}` does not have this yet, and `apply` takes what is there: commit it"
                " to a branch, and propose it with `reconciler mr open`.",
            )
            line(console, ("Once it is merged, to apply this very plan:", "dim"))
        else:
            line(console, ("To apply this very plan:", "dim"))
        line(console, f"  {command.strip('`')}")


def _change(console: Console, one: ResourceChange, *, whole: bool) -> None:
    sign, style = _SIGN.get(one.kind, ("?", ""))
    more = f" (imports {one.importing})" if one.importing else ""
    more += f" (was {one.previous_address})" if one.previous_address else ""
    words = f" {_WORD[one.kind]}" if one.kind in _WORD else ""
    lost = "  DATA IS LOST" if one.loses_data else ""
    line(
        console,
        (f"  {sign} ", style),
        (one.address, "bold"),
        f"{words}{more}",
        (lost, "bold red"),
    )
    if one.kind == "create" and not whole:
        return
    shown = one.attributes if whole else one.attributes[:_ATTRIBUTES]
    for attribute in shown:
        why = "  (this is why it is made anew)" if attribute.replaces else ""
        line(console, (f"      {attribute.path}: ", "dim"), _from_to(attribute), (why, "red"))
    if len(shown) < len(one.attributes):
        line(console, (f"      and {len(one.attributes) - len(shown):,} more", "dim"))


def _from_to(one: AttributeChange) -> str:
    if one.before is None:
        return value(one.after)
    return f"{value(one.before)} -> {value(one.after)}"


def value(one: Any) -> str:
    """A value in short; never one that is sensitive."""
    if one == UNKNOWN:
        return "(known after it is applied)"
    if isinstance(one, dict) and SENSITIVE in one:
        return "(sensitive)"
    if one is None:
        return "(none)"
    text = json.dumps(one, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONG else text[: _LONG - 3] + "..."


def event(console: Console, one: Event, message: str) -> None:
    """One line for each thing that happens to a resource; that it is looked at is none."""
    if one.kind == "progress" and not one.action:
        return
    style = {"done": "green", "failed": "red", "start": "dim"}.get(one.kind, "dim")
    if one.kind in ("start", "done", "failed", "progress", "note"):
        line(console, (f"  {message}", style))


def unplanned(decision: Decision) -> str:
    """Why there is a decision and no plan."""
    why = "deny it" if decision.verdict is Verdict.DENY else "could not all say that it may be"
    return f"There is no plan: the gates that come before {why}, and then nothing of it is run."


def settled(console: Console, many: Sequence[Outcome]) -> None:
    """What came of runs that were cut off."""
    for one in many:
        line(
            console,
            ("An earlier apply was cut off: ", "bold yellow"),
            f"{counted(len(one.done), 'resource')} done, {len(one.left)} not begun, "
            f"{len(one.unknown)} unknown; what is true is planned anew",
        )
        for address in one.unknown:
            line(console, ("    ? ", "yellow"), address)
        if one.brought_back:
            line(console, f"  {_BROUGHT_BACK}")


def _outputs(console: Console, one: Outcome) -> None:
    for name, found in one.outputs:
        line(console, ("  output ", "dim"), f"{name}: {value(found)}")


def applied(
    console: Console,
    one: Outcome,
    *,
    destroyed: bool = False,
    simulated: bool = False,
    again: Callable[[str], str] = str,
) -> None:
    """`reconciler apply` and `destroy`, when they have ended."""
    done = "DESTROYED" if destroyed else "APPLIED"
    word = {"done": done, "failed": "FAILED", "interrupted": "STOPPED"}[one.result]
    stopped = one.result == "interrupted"
    why = ""
    if stopped:
        why = (
            " took longer than it may, and was asked to end" if one.late else " as it was asked to"
        )
    parts = [f"{len(one.done)} done"]
    parts += [f"{len(one.failed)} failed"] if one.failed else []
    parts += [f"{len(one.unknown)} unknown"] if one.unknown else []
    parts += [f"{len(one.left)} not begun"] if one.left else []
    unreal = ("SIMULATED ", "bold cyan") if simulated else ""
    line(
        console,
        unreal,
        (f"{word}: ", _RESULT[one.result]),
        f"{one.environment}{why}: {', '.join(parts)}",
    )
    for mark, many, words in (
        ("✗", one.failed, "cut off" if stopped else "failed"),
        ("?", one.unknown, "begun, and nobody knows how it ended"),
        ("·", one.left, "not begun"),
    ):
        for address in many:
            line(console, (f"  {mark} ", "red"), address, (f"  {words}", "dim"))
    _outputs(console, one)
    # An interrupted apply says the same for each resource that was in its way.
    for said in dict.fromkeys(one.diagnostics):
        if said.severity == "error":
            place = f"{said.path}:{said.line}: " if said.path else ""
            head = ("  Terraform: ", "dim") if stopped else ("  error: ", "red")
            line(console, head, f"{place}{said.summary}")
            for text in said.detail.splitlines():
                line(console, (f"    {text}", "dim"))
    if one.brought_back:
        line(console, f"  {_BROUGHT_BACK}")
    if one.kept:
        line(console, ("  kept: ", "bold yellow"), f"{one.kept}: the state could not be saved")
    if one.result == "done":
        return
    command = "destroy" if destroyed else "apply"
    on = again(f"`reconciler {command} {one.environment}` goes on from what is true.")
    if stopped and not one.kept:
        line(console, f"What is done is done, and the state knows it. {on}")
    elif stopped:
        line(console, f"What is done is done. {on}")
    else:
        line(console, f"Mend it; then {on}")


def drifted(console: Console, one: Drift, *, again: Callable[[str], str] = str) -> None:
    """`reconciler drift ENV`. `again` adds to a command what it needs to mean the same target."""
    pending = f": {counted(one.pending, 'change')} declared and not applied" if one.pending else ""
    if one.in_sync:
        word = "NO DRIFT: " if pending else "IN SYNC: "
        line(console, (word, "bold green"), f"{one.environment}{pending}")
        return
    gone = sum(1 for each in one.drifted if each.kind == "gone")
    changed = len(one.drifted) - gone
    numbers = ((changed, "changed"), (gone, "gone"), (len(one.unmanaged), "unmanaged"))
    told = ", ".join(f"{number:,} {word}" for number, word in numbers if number)
    line(
        console,
        ("DRIFT: ", "bold yellow"),
        f"{one.environment}: {told}",
        (f"  ({one.digest[:19]})", "dim"),
    )
    culprits = dict(one.culprits)
    for each in one.drifted:
        what = "is gone" if each.kind == "gone" else "differs"
        mends = "" if each.mended else "  (the source does not speak of it: an apply leaves it)"
        line(console, ("  ! ", "yellow"), (each.address, "bold"), f" {what}{mends}")
        for attribute in each.attributes:
            line(
                console,
                (f"      {attribute.path}: ", "dim"),
                f"want {value(attribute.want)}, have {value(attribute.have)}",
            )
        who = culprits.get(each.address)
        if who is not None:
            when = format_timestamp(who.when)
            line(console, ("      by ", "dim"), f"{who.who}, {who.what}, {when}")
    for left in one.unmanaged:
        line(
            console,
            ("  + ", "yellow"),
            (left.arn, "bold"),
            " carries our tags, and no state has it",
            f"; it is declared as {left.declared}" if left.declared else "",
        )
    if pending:
        line(console, f"  besides{pending}")
    if any(each.mended for each in one.drifted):
        line(console, ("  do ", "dim"), again(f"`reconciler apply {one.environment}` puts it back"))
    if one.unmanaged:
        words = again(f"`reconciler drift {one.environment} --imports` shows how to take over")
        line(console, ("  do ", "dim"), f"{words} what is unmanaged; or delete it by hand")


def removed(console: Console, gone: Sequence[str], kept: Sequence[tuple[str, str]]) -> None:
    """What of the unmanaged was deleted, and what was not."""
    for arn in gone:
        line(console, ("removed ", "green"), (arn, "bold"))
    for arn, why in kept:
        line(console, ("kept    ", "yellow"), (arn, "bold"), f": {why}")


def importing(one: Drift) -> str:
    """What to write into the document to take over what is unmanaged."""
    known = [each for each in one.unmanaged if each.importing]
    lines = ["spec:", "  imports:"] if known else []
    for each in known:
        if not each.declared:
            lines.append("    # the blueprint needs this resource first:")
        lines.append(f"    {printable(each.importing.rstrip())}")
    lines += [
        f"# nothing is known here to write for {printable(each.arn)}"
        for each in one.unmanaged
        if not each.importing
    ]
    return "".join(f"{one}\n" for one in lines)


def not_looked_at(console: Console, many: Sequence[Unlooked]) -> None:
    """What could not be looked at: an error that all share is told once, with their names."""
    alike: dict[tuple[str, str, str], list[Unlooked]] = {}
    for one in many:
        alike.setdefault((one.reason, one.message, one.hint), []).append(one)
    for (_, message, hint), those in alike.items():
        line(console, ("error: ", "bold red"), message)
        if hint:
            line(console, ("  try: ", "dim"), hint)
        names = ", ".join(one.environment for one in those)
        line(console, (f"  {counted(len(those), 'environment')} not looked at: ", "dim"), names)


def state(console: Console, name: str, one: State | None) -> None:
    """`reconciler state ENV`."""
    if one is None:
        line(console, f"{name} has no state: nothing was applied yet.")
        return
    line(
        console,
        (f"{name}: ", "bold"),
        f"{counted(one.mark.resources, 'resource')}, serial {one.mark.serial}",
        (f"  (lineage {one.mark.lineage})", "dim"),
    )
    table = Table("ADDRESS", "IN THE CLOUD")
    for resource in one.resources:
        table.add_row(resource.address, resource.identity)
    if one.resources:
        table.print(console)
