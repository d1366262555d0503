"""What differs from the plan that people agreed to, for people, for notes and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Console

from reconciler.model.difference import Difference, OtherAttribute, OtherResource, Step
from reconciler.report.plan_text import value
from reconciler.report.text import line

_WHOLE: Final = ("create", "delete", "forget", "move", "import")
"""What happens to all of a resource: its attributes tell nothing more."""
_SIGN: Final = {"more": "+", "less": "-", "otherwise": "~"}
_STYLE: Final = {"more": "green", "less": "red", "otherwise": "yellow"}
_LISTED: Final = 40
_ATTRIBUTES: Final = 12
_SHORT: Final = 19
UNKNOWN: Final = (
    "What differs from the plan that was agreed to cannot be shown: that plan is kept nowhere."
)


def words(one: Difference) -> str:
    """How much differs, in a few words."""
    parts = [
        (sum(1 for _ in one.of("more")), "more"),
        (sum(1 for _ in one.of("less")), "no longer"),
        (sum(1 for _ in one.of("otherwise")), "otherwise"),
    ]
    told = [f"{number:,} {word}" for number, word in parts if number]
    if one.outputs:
        told.append("1 output" if len(one.outputs) == 1 else f"{len(one.outputs):,} outputs")
    return ", ".join(told) or "nothing"


def shown(console: Console, one: Difference) -> None:
    """Beside a plan that was not agreed to."""
    line(
        console,
        ("Not as it was agreed to: ", "bold"),
        words(one),
        (f"  ({one.agreed[:_SHORT]} was agreed to, {one.now[:_SHORT]} is planned)", "dim"),
    )
    for each in one.resources[:_LISTED]:
        line(
            console,
            (f"  {_SIGN[each.way]} ", _STYLE[each.way]),
            (name(each), "bold"),
            f" {what(each)}",
        )
        for told in attributes(each):
            line(console, f"      {told}")
    if len(one.resources) > _LISTED:
        line(console, f"  and {len(one.resources) - _LISTED:,} more; `--format json` has all")
    for output in one.outputs[:_LISTED]:
        line(console, ("  output ", "dim"), attribute(output))
    if len(one.outputs) > _LISTED:
        line(console, f"  and {len(one.outputs) - _LISTED:,} more outputs")


def name(one: OtherResource) -> str:
    """Which."""
    return f"{one.address} (deposed {one.deposed})" if one.deposed else one.address


def what(one: OtherResource) -> str:
    """What happens to it, and what was to."""
    if one.way == "more":
        return f"({one.now}) was not in it"
    if one.way == "less":
        return f"({one.agreed}) is not in the plan any more"
    if one.agreed != one.now:
        return f"was {one.agreed}, is {one.now}"
    return f"({one.now}) differs"


def attributes(one: OtherResource, most: int = _ATTRIBUTES) -> Iterator[str]:
    """Each attribute that differs, as far as they tell more than what happens."""
    if one.way != "otherwise" and (one.now or one.agreed) in _WHOLE:
        return
    yield from map(attribute, one.attributes[:most])
    if len(one.attributes) > most:
        yield f"and {len(one.attributes) - most:,} more"


def attribute(one: OtherAttribute) -> str:
    """One attribute, or output."""
    if one.agreed is None:
        return f"{one.path}: {_step(one.now)}, and was not to change"
    if one.now is None:
        return f"{one.path}: was {_step(one.agreed)}, and does not change any more"
    return f"{one.path}: was {_step(one.agreed)}, is {_step(one.now)}"


def _step(one: Step | None) -> str:
    if one is None:
        return ""
    before, after = one
    return value(after) if before is None else f"{value(before)} -> {value(after)}"


def as_fields(one: Difference | None) -> dict[str, Any] | None:
    """For JSON; null where nothing was agreed to, or nothing differs."""
    if one is None:
        return None
    return {
        "agreed": one.agreed,
        "resources": [
            {
                "address": each.address,
                "deposed": each.deposed or None,
                "way": each.way,
                "agreed": each.agreed or None,
                "now": each.now or None,
                "attributes": _fields(each.attributes),
            }
            for each in one.resources
        ],
        "outputs": _fields(one.outputs),
    }


def _fields(many: Sequence[OtherAttribute]) -> list[dict[str, Any]]:
    return [
        {"path": one.path, "agreed": _change(one.agreed), "now": _change(one.now)} for one in many
    ]


def _change(one: Step | None) -> dict[str, Any] | None:
    return None if one is None else {"before": one[0], "after": one[1]}
