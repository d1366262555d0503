"""What an environment takes over: the file that says so, and the gate on plans that do. Pure.

To take a thing over is to be able to change and to destroy it. So a plan that does is never let
pass by what somebody wrote: the thing's own tags, as they are in the cloud, have to name this very
environment, and a human has to agree. It holds for every plan, whatever put the block there.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from reconciler.core.fingerprint import fingerprint
from reconciler.core.template.literals import hcl_string
from reconciler.model.decision import ApprovalNeed
from reconciler.model.environment import Import
from reconciler.model.finding import Finding, Location
from reconciler.model.plan import Plan, ResourceChange

FILE: Final = "terraform/imports.tf"
"""Among an environment's rendered files; no blueprint brings one of that name."""
NOT_OURS: Final = "import-not-ours"
NOT_THERE: Final = "import-unknown"
_SHOWN: Final = 3


def imports_file(wanted: Iterable[Import]) -> bytes:
    """The blocks, each value a literal."""
    blocks = (f"import {{\n  to = {one.to}\n  id = {hcl_string(one.id)}\n}}\n" for one in wanted)
    return "\n".join(blocks).encode()


def without_key(address: str) -> str:
    """The resource that an address is one of, by its `count` or `for_each`."""
    return address.partition("[")[0]


def foreign(plan: Plan, declared: Collection[str], path: str, owner: str) -> tuple[Finding, ...]:
    """What a plan takes over and must not. `declared`: addresses of the blueprint's resources.

    `path`, `owner`: the environment's document, and its team. What an environment of that name left
    behind that was another team's is not for the next one of that name.
    """
    return tuple(sorted(_foreign(plan, declared, path, owner)))


def _foreign(plan: Plan, declared: Collection[str], path: str, owner: str) -> Iterator[Finding]:
    for one in plan.changes:
        if not one.importing:
            continue
        if without_key(one.address) not in declared:
            why = "and the blueprint itself has no such resource"
            yield _finding(plan, one, path, NOT_THERE, why)
        if one.belongs != plan.environment:
            whose = f"are {one.belongs}'s" if one.belongs else "do not say whose it is"
            yield _finding(plan, one, path, NOT_OURS, f"and its own tags {whose}")
        elif one.owner not in ("", owner):
            why = f"and its own tags say that it was the team {one.owner}'s"
            yield _finding(plan, one, path, NOT_OURS, why)


def _finding(plan: Plan, one: ResourceChange, path: str, rule: str, why: str) -> Finding:
    message = f"{one.address} would take over `{one.importing}`, {why}"
    return Finding(
        "documents",
        rule,
        "An environment takes over only what is its own",
        "critical",
        "security",
        plan.environment,
        message,
        Location(path),
        "take the entry out of `spec.imports`, or the block out of the blueprint; what it may take"
        f" over is tagged managed-by = reconciler, environment = {plan.environment}",
        resource=one.address,
        fingerprint=fingerprint("documents", rule, path, one.address, one.importing),
    )


def agreement_to(plan: Plan, owner: str) -> tuple[ApprovalNeed, ...]:
    """A human of whoever owns the environment agrees to what it takes over, whatever the track."""
    taken = [one.address for one in plan.changes if one.importing]
    if not taken:
        return ()
    more = f" and {len(taken) - _SHOWN} more" if len(taken) > _SHOWN else ""
    why = f"it takes over what is there already: {', '.join(taken[:_SHOWN])}{more}"
    return (ApprovalNeed(1, (owner,) if owner else (), humans_only=True, why=why),)
