"""Drifted environments, their profiles and histories, now -> what is to be done. Pure.

Nothing is mended by itself unless everything speaks for it: one reason against it, and a human is
asked. The same values give the same answer, so whoever asks twice is told the same.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from reconciler.core.causes import parts
from reconciler.core.discard import against_removal
from reconciler.core.risk import HOLDS_DATA
from reconciler.core.suggest import listed
from reconciler.core.suppress import LetBe, let_be
from reconciler.model.base import RISKS, DriftMode, Risk
from reconciler.model.plan import Plan
from reconciler.model.remediation import Action, Case, Doing, Limits, Memory, Part
from reconciler.model.suppression import Suppression

OFTEN: Final = 3
"""Mended so often, and there again: somebody or something else wants it that way."""
WITHIN: Final = timedelta(days=7)
_HOUR: Final = timedelta(hours=1)
_LOOK: Final = "it was mended, and nobody has looked since"


def remediate(
    cases: Iterable[Case],
    suppressions: Collection[Suppression],
    begun: Iterable[tuple[str, datetime]],
    now: datetime,
) -> tuple[Action, ...]:
    """What is to be done about each cause in each environment, by environment.

    `begun`: track and time of what was mended by itself, in whatever environment.
    """
    recent = Counter(track for track, at in begun if now - _HOUR < at <= now)
    found: list[Action] = []
    # Who drifts longest comes first, where not everybody can.
    for case in sorted(cases, key=lambda one: (one.seen.since, one.environment)):
        kept = let_be(case.seen, case.track, suppressions, now)
        if kept.nothing_left:
            why = f"let be by {listed(kept.names)}"
            found += _each(case, parts(case.seen), "leave", case.mode, why)
            continue
        made = list(_of(case, kept, recent[case.track], now))
        mends = any(one.doing == "mend" and one.mode == "automated" for one in made)
        if mends and not _under_way(case, [one.part for one in made]):
            recent[case.track] += 1
        found += made
    return tuple(sorted(found, key=lambda one: (one.environment, one.part.cause)))


def _of(case: Case, kept: LetBe, recent: int, now: datetime) -> Iterator[Action]:
    whole = parts(kept.rest)
    if case.ordered:
        if _over(case, whole):
            yield from _each(case, whole, "look", "assisted", _LOOK)
        else:
            yield from _each(case, whole, "mend", "assisted", "a merge request asked for it")
        return
    if case.mode == "advisory":
        yield from _each(case, whole, "tell", "advisory", "the profile only wants it told")
        return
    if case.mode == "automated":
        if _over(case, whole):
            yield from _each(case, whole, "look", "automated", _LOOK)
            return
        against = tuple(_against(case, kept, recent, now))
        if not against and case.frozen:
            yield from _each(case, whole, "leave", "automated", "it is frozen")
            return
        if not against:
            yield from _each(case, whole, "mend", "automated", "low risk, by the profile")
            return
        new = [part for part in whole if not _escalated(case, part)]
        yield from _each(case, new, "escalate", "automated", "; ".join(against))
    yield from (_proposed(case, part, _beside(kept)) for part in whole)


def _each(
    case: Case, whole: Sequence[Part], doing: Doing, mode: DriftMode, why: str
) -> Iterator[Action]:
    return (Action(doing, case.environment, part, mode, why) for part in whole)


def _beside(kept: LetBe) -> str:
    """What an apply would do beside what anybody wants."""
    if not kept.reverted:
        return ""
    return f"an apply also puts back {listed(kept.reverted, 3)}, let be by {listed(kept.names, 3)}"


def _proposed(case: Case, part: Part, beside: str) -> Action:
    """A merge request, where there is anything that it could change."""
    if _declined(case, part):
        return Action("leave", case.environment, part, "assisted", "a person closed the proposal")
    if part.cause.mark in case.adoptable or revertible(part):
        return Action("propose", case.environment, part, "assisted", beside)
    why = (
        "the blueprint has nothing that it could become: a human takes it away, or adds it there"
        if part.unmanaged
        else "no apply puts it back, and no parameter stands for it"
    )
    return Action("tell", case.environment, part, "assisted", why)


def revertible(part: Part) -> bool:
    """Whether an apply puts anything of it back."""
    return any(one.mended for one in part.resources)


def current(case: Case, part: Part) -> Memory | None:
    """What was done about it since it was seen: what came before was about other drift."""
    memory = case.memory.get(part.cause.mark)
    return memory if memory is not None and memory.record > case.seen.record else None


def _over(case: Case, whole: Sequence[Part]) -> bool:
    """Whether just this drift was mended, and not looked at since."""
    memories = [current(case, part) for part in whole]
    return any(one is not None and one.result == "done" for one in memories)


def _under_way(case: Case, whole: Sequence[Part]) -> bool:
    """Whether mending just this drift has begun: then it is counted already."""
    memories = [current(case, part) for part in whole]
    return any(one is not None and one.step == "started" for one in memories)


def _declined(case: Case, part: Part) -> bool:
    """Whether a person said no to it, and the environment drifts ever since."""
    memory = case.memory.get(part.cause.mark)
    return memory is not None and memory.result == "declined" and memory.record > case.seen.first


def _escalated(case: Case, part: Part) -> bool:
    """Whether a human was asked already, about this drift."""
    memory = current(case, part)
    return _declined(case, part) or (
        memory is not None and (memory.result == "escalated" or memory.step == "proposed")
    )


def _against(case: Case, kept: LetBe, recent: int, now: datetime) -> Iterator[str]:
    """Every reason why nobody but a human may have it mended."""
    limits, whole = case.limits, parts(kept.rest)
    if kept.reverted:
        yield _beside(kept)
    if any(_escalated(case, part) for part in whole):
        yield "a human was asked about it before"
    unmended = [one.address for one in case.seen.drifted if not one.mended]
    if not case.seen.drifted:
        yield from _against_removal(case, kept.rest.unmanaged)
    elif unmended:
        yield f"no apply puts {listed(unmended, 3)} back"
    risk = risk_of_drift(case)
    allowed = min(limits.highest_risk, "L2", key=RISKS.index)
    if RISKS.index(risk) > RISKS.index(allowed):
        yield f"mending it is {risk}, and by itself only up to {allowed} is mended"
    count = len(case.seen.drifted)
    if count > limits.resources:
        yield f"{count} resources drifted, and by itself at most {limits.resources} are mended"
    if recent >= limits.per_hour and not _under_way(case, whole):
        yield (
            f"{recent} environments of the track {case.track} were mended by themselves within"
            f" an hour, and the profile allows {limits.per_hour}"
        )
    for part in whole:
        if _often(case.memory.get(part.cause.mark), now) and not _under_way(case, whole):
            yield f"it was mended {OFTEN} times and is there again ({part.cause.type})"


def removed_by(case: Case, whole: Iterable[Part]) -> tuple[str, ...]:
    """What is to be taken away when all of this is mended by itself: all of it, or nothing."""
    arns = tuple(arn for part in whole for arn in part.unmanaged)
    return () if any(_against_removal(case, arns)) else arns


def _against_removal(case: Case, arns: Collection[str]) -> Iterator[str]:
    return against_removal(arns, case.seen.imports, case.limits.removals)


def _often(memory: Memory | None, now: datetime) -> bool:
    return memory is not None and sum(1 for at in memory.mended if now - WITHIN < at) >= OFTEN


def risk_of_drift(case: Case) -> Risk:
    """How much mending it can break, as far as the drift tells; the plan can only raise it."""
    if not case.seen.drifted and not case.seen.unmanaged:
        return "L0"
    lost = any(one.what == "gone" and one.type in HOLDS_DATA for one in case.seen.drifted)
    if lost or (case.stage == "production" and case.track == "platform"):
        return "L3"
    return "L2" if case.stage == "production" else "L1"


def too_much(plan: Plan, limits: Limits, risk: Risk) -> tuple[str, ...]:
    """Why a plan is not one that may mend drift by itself; nothing: it may be applied.

    The last word, on the plan that is about to be applied: between the look and the deed anything
    may have happened.
    """
    drifted = {one.address: one.kind for one in plan.drift}
    found = []
    allowed = min(limits.highest_risk, "L2", key=RISKS.index)
    if RISKS.index(risk) > RISKS.index(allowed):
        found.append(f"mending it is {risk}, and by itself only up to {allowed} is mended")
    others = sorted(
        one.address
        for one in plan.changes
        if one.importing or not _mends(one.kind, drifted, one.address)
    )
    if others:
        found.append(f"it would do more than mend what drifted: {listed(others, 3)}")
    if len(plan.changes) > limits.resources:
        found.append(
            f"it would change {len(plan.changes)} resources, and by itself at most"
            f" {limits.resources} are mended"
        )
    return tuple(found)


def _mends(kind: str, drifted: Mapping[str, str], address: str) -> bool:
    """What is gone is made again; what changed is changed back where it stands."""
    if address not in drifted:
        return kind == "update" and "gone" in drifted.values()  # it names what is made anew
    return kind == {"gone": "create", "changed": "update"}[drifted[address]]
