"""Make nothing twice: what an apply began and nobody knows the end of is looked for first."""

from collections.abc import Callable, Collection, Sequence

from reconciler.app.terraform import Planned
from reconciler.core.drift import might_be, searchable, unmanaged
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.drift import Unmanaged
from reconciler.model.plan import ResourceChange
from reconciler.ports import Cloud


def sure_of(
    planned: Planned, cloud: Callable[[], Cloud], make_again: Collection[str]
) -> dict[str, str]:
    """The doubted addresses that may be made, each with why: nothing is there, or a person says so.

    An error when one of them may be there, or when that cannot be told.
    """
    name = planned.plan.environment
    doubted = {one.address for one in planned.doubts}
    for address in make_again:
        if address not in doubted:
            raise UsageError(
                "not-in-doubt",
                f"{address} of {name} is not in doubt",
                hint=f"without `--make-again`; in doubt: {', '.join(sorted(doubted)) or 'nothing'}",
            )
    asked = [one for one in planned.doubts if one.address not in make_again]
    blind = [one for one in asked if not searchable(one.type)]
    if blind:
        raise _unknown(planned, blind, "the search for tags does not know resources of its type")
    if asked:
        left = _left(planned, cloud, asked)
        for one in asked:
            there = might_be(one, left)
            if there:
                raise _there(planned, one, there)
    return {
        one: "a person said so" if one in make_again else "no resource like it was found"
        for one in doubted
    }


def _left(
    planned: Planned, cloud: Callable[[], Cloud], asked: Sequence[ResourceChange]
) -> tuple[Unmanaged, ...]:
    known = planned.state.names if planned.state else frozenset()
    try:
        arns = cloud().tagged(planned.plan.environment)
    except ReconcilerError as err:
        raise _unknown(planned, asked, err.message) from err
    return tuple(unmanaged(arns, known, planned.plan.changes))


def _there(planned: Planned, one: ResourceChange, there: Sequence[Unmanaged]) -> ReconcilerError:
    name = planned.plan.environment
    found = " or ".join(each.arn for each in there)
    return ReconcilerError(
        "made-already",
        f"an earlier apply of {name} began to make {one.address}, and it may be {found},"
        " which no state has: nothing was applied, since it would be made twice",
        hint=f"`reconciler drift {name} --imports` prints what to write to take it over; or delete"
        f" it by hand; or, if it is something else: {_again(name, [one])}",
        subject=name,
    )


def _unknown(planned: Planned, many: Sequence[ResourceChange], why: str) -> ReconcilerError:
    name = planned.plan.environment
    return ReconcilerError(
        "in-doubt",
        f"an earlier apply of {name} began to make {', '.join(one.address for one in many)}, and"
        f" nobody can tell whether it is there: {why}. Nothing was applied",
        hint=f"look in the cloud; import or delete what is there, and then: {_again(name, many)}",
        subject=name,
    )


def _again(name: str, many: Sequence[ResourceChange]) -> str:
    options = " ".join(f"--make-again '{one.address}'" for one in many)
    return f"`reconciler apply {name} {options}`"
