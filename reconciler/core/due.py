"""What an environment wants to have done, from what is declared and what is known. Pure.

It looks at nothing but states: whoever asks twice gets the same answer, and whoever was killed in
between finds out from records what is left to do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from reconciler.model.work import (
    Condition,
    Halt,
    Job,
    Known,
    Memory,
    Refused,
    Standing,
    Task,
    Tried,
    Wanted,
)

FIRST: Final = timedelta(seconds=10)
"""So long it waits before it tries again for the first time."""
AT_IT: Final = timedelta(seconds=15)
"""So long while somebody else is at it."""
_SHORT: Final = 12
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_STAGES: Final = {"production": 0, "staging": 1, "dev": 2}
_RANKS: Final = {Job.DESTROY: 0, Job.APPLY: 10, Job.ROLL: 13, Job.LOOK: 20}
_SETTLED: Final = timedelta(days=1)
"""Whether an older apply did well, nobody asks who was not there."""
WITHOUT_ONE: Final = 5
"""The rank of what is of no single environment: behind what removes, before everything else."""


@dataclass(frozen=True, slots=True)
class Law:
    """What holds for every environment alike."""

    digest: str
    """Of everything that judges and builds."""
    retry: timedelta
    """The longest that it waits before it tries again."""
    frozen: Mapping[str, Halt]
    """Environments that stand still, and by what."""
    kept: Mapping[str, str]
    """Environments without a document that must not be destroyed, and why."""


def standing(
    name: str,
    wanted: Wanted | None,
    known: Known,
    law: Law,
    memory: Memory,
    waiting: str,
    now: datetime,
) -> Standing:
    """Everything that is so of an environment, and what is to be done next.

    `waiting`: for another environment that has to be there first, or gone first; empty: none.
    """
    task = _task(name, wanted, known, law, memory, waiting, now)
    conditions = tuple(_conditions(wanted, known, law, memory, waiting, task, now))
    track, stage, owner = (wanted.track, wanted.stage, wanted.owner) if wanted else ("", "", "")
    return Standing(name, track, stage, owner, conditions, task, known.commit, known.lost)


def waits(
    name: str,
    wanted: Mapping[str, Wanted],
    of: Callable[[str], Known],
    dependents: Iterable[str],
    untaken: Callable[[str], Sequence[tuple[str, object]]],
) -> str:
    """What has to be there before an environment, or gone before it goes; empty: nothing.

    `dependents`: what needs it; `untaken`: parameters that do not follow others yet.
    """
    one = wanted.get(name)
    if one is None:
        return next((other for other in sorted(dependents) if of(other).there), "")
    for other in one.after:
        needed = wanted.get(other)
        if needed is None or not needed.files or of(other).files != needed.files:
            return other
    left = untaken(name) if one.takes else ()
    return f"what others put out, for {', '.join(key for key, _ in left)}" if left else ""


def wants(wanted: Wanted | None, known: Known, memory: Memory) -> tuple[Job, str] | None:
    """What would make it as declared, and why; None: it is."""
    if wanted is None:
        return (Job.DESTROY, "its document is gone") if known.there else None
    if wanted.problem:
        return None
    if known.opened is not None:
        return Job.APPLY, "nobody said how its last apply ended"
    if known.result not in ("", "done"):
        # Also of something else than is declared now: nobody knows what of it was done.
        return Job.APPLY, f"its last apply {known.result}"
    if known.lost:
        return Job.APPLY, known.lost
    if wanted.files != known.files:
        if known.commit:
            return Job.APPLY, "it is declared otherwise"
        was = (
            "it was destroyed, and is still declared" if known.destroyed else "it was never applied"
        )
        return Job.APPLY, was
    if memory.mend and memory.mend == known.drift:
        return Job.APPLY, "its drift is to be mended"
    return None


def key_of(job: Job, wanted: Wanted | None, known: Known, law: Law) -> str:
    """What a task is done with: while nothing of it changes, trying again changes nothing."""
    own = (wanted.oid, wanted.files) if wanted is not None else ("", "")
    words = (job, *own, law.digest, str(known.record), known.lost)
    return sha256("\0".join(words).encode()).hexdigest()[:16]


def rank_of(job: Job, wanted: Wanted | None) -> int:
    """What is removed goes first, production before what is tried out, looking last."""
    base = _RANKS.get(job, WITHOUT_ONE)
    return base + (_STAGES[wanted.stage] if wanted is not None else 0)


def later(failures: int, retry: timedelta) -> timedelta:
    """Twice as long as the time before, and never longer than `retry`."""
    doublings = min(max(failures - 1, 0), 20)
    return min(FIRST * (1 << doublings), retry)


def slot(name: str, every: timedelta, now: datetime) -> datetime:
    """The last time that drift was to be looked for.

    Each environment has its own place in the interval, the same on every machine: nothing comes in
    a rush, and nobody has to remember when it was.
    """
    share = int(sha256(name.encode()).hexdigest()[:8], 16) / 0x1_0000_0000
    seconds = max(every.total_seconds(), 1.0)
    begin = _EPOCH + timedelta(seconds=share * seconds)
    return begin + timedelta(seconds=((now - begin).total_seconds() // seconds) * seconds)


def _task(
    name: str,
    wanted: Wanted | None,
    known: Known,
    law: Law,
    memory: Memory,
    waiting: str,
    now: datetime,
) -> Task | None:
    found = wants(wanted, known, memory)
    if found is not None:
        job, why = found
        stopped = law.frozen.get(name) or (law.kept.get(name) if job is Job.DESTROY else "")
        if not stopped and not waiting:
            due = _due(job, wanted, known, law, memory, now)
            if due is not None:
                key = key_of(job, wanted, known, law)
                return Task(name, job, due, why, rank_of(job, wanted), key)
    if wanted is None or wanted.problem or not known.commit or known.opened is not None:
        return None
    if known.lost:
        return None  # there is nothing to look at
    look = _looking(wanted, known, law, memory, now)
    roll = None
    if found is None and name not in law.frozen:
        roll = _rolling(name, wanted, known, law, memory, now)
    return roll if roll is not None and roll.due <= look.due else look


def _rolling(
    name: str, wanted: Wanted, known: Known, law: Law, memory: Memory, now: datetime
) -> Task | None:
    """What was applied is seen to until it did well, or was taken back."""
    if known.applied is None or known.applied == memory.rolled:
        return None
    if not (wanted.trial or (wanted.checked and now - known.applied < _SETTLED)):
        return None
    due = now if memory.roll is None else memory.roll
    tried = memory.tried
    if tried is not None and tried.job is Job.ROLL and tried.state != "done":
        due = max(due, _next(tried, law, now))
    why = "its trial goes on" if wanted.trial else "whether the change did well"
    return Task(name, Job.ROLL, due, why, rank_of(Job.ROLL, wanted), "roll")


def _looking(wanted: Wanted, known: Known, law: Law, memory: Memory, now: datetime) -> Task:
    name = known.name
    last = slot(name, wanted.look_every, now)
    looked = min(memory.looked, now)  # a clock that was set back must not keep us from looking
    due = last if last > looked else last + wanted.look_every
    why = "it is time"
    if _mended(known, memory):
        due, why = min(due, now), "whether its drift is gone"
    tried = memory.tried
    if tried is not None and tried.job is Job.LOOK and tried.state != "done":
        due = max(due, _next(tried, law, now))
    return Task(name, Job.LOOK, due, why, rank_of(Job.LOOK, wanted), "look")


def _mended(known: Known, memory: Memory) -> bool:
    """Whether something was applied since drift was seen, and nobody looked since then."""
    if not known.drift or known.seen is None or known.ended is None:
        return False
    return known.ended >= known.seen and (memory.seen is None or memory.seen < known.ended)


def _due(
    job: Job, wanted: Wanted | None, known: Known, law: Law, memory: Memory, now: datetime
) -> datetime | None:
    """From when on; None: not before something changes."""
    tried = memory.tried
    if tried is not None and tried.job is job and tried.key == key_of(job, wanted, known, law):
        return None if tried.state == "stuck" else _next(tried, law, now)
    if wanted is not None and known.tried == wanted.files and known.failures and known.ended:
        # Another controller tried it, or this one before it was started again.
        return min(known.ended, now) + later(known.failures, law.retry)
    return now


def _next(tried: Tried, law: Law, now: datetime) -> datetime:
    at = min(tried.at, now)
    if tried.state in ("held", "waiting"):
        return at + (min(AT_IT, law.retry) if tried.state == "held" else law.retry)
    return at + later(tried.failures, law.retry)


def _refused(wanted: Wanted | None, known: Known) -> Refused | None:
    """What was stopped, while just that is declared; what is being applied was let in."""
    found = known.refused
    if wanted is None or found is None or found.files != wanted.files or known.opened is not None:
        return None
    return found


def _stalled(
    name: str, wanted: Wanted | None, kept: str, refused: Refused | None
) -> Condition | None:
    """What no controller may go on with before people did something about it."""
    why = kept if wanted is None else wanted.problem
    if why:
        return Condition("Stalled", None, why)
    if refused is None or refused.passes:
        return None
    commit = refused.commit[:_SHORT]
    why = f"{commit} got to the target branch around its gates, and goes no further: {refused.why}"
    hint = (
        f"revert {commit}, or bring it again by a merge request;"
        f" `reconciler audit log {name} --kind refusal` names its record,"
        " and `reconciler audit show` what is in that"
    )
    return Condition("Stalled", refused.since, why, refused.by, hint=hint)


def _why(wish: tuple[Job, str], known: Known, tried: Tried | None, refused: Refused | None) -> str:
    """Why something is to be done, and what keeps it from being done."""
    if refused is not None:
        return f"{wish[1]}; {refused.why}"
    if tried is not None and tried.job is wish[0] and tried.state != "done":
        return f"{wish[1]}; {tried.why}"
    if known.otherwise:
        differs = f"what was agreed to is another plan: {known.otherwise}"
        return f"{wish[1]}; {differs}; `reconciler plan {known.name}` shows it, and how to agree"
    return wish[1]


def _conditions(
    wanted: Wanted | None,
    known: Known,
    law: Law,
    memory: Memory,
    waiting: str,
    task: Task | None,
    now: datetime,
) -> list[Condition]:
    name = known.name
    found: list[Condition] = []
    wish = wants(wanted, known, memory)
    frozen = law.frozen.get(name)
    kept = law.kept.get(name, "") if wanted is None else ""
    tried = memory.tried
    refused = _refused(wanted, known) if wish is not None else None
    if frozen is not None:
        found.append(Condition("Frozen", frozen.since, frozen.why, frozen.by, frozen.until))
    stalled = _stalled(name, wanted, kept, refused)
    if stalled is not None:
        found.append(stalled)
    elif wish is not None and frozen is None:
        stuck = task is None or task.job is not wish[0]
        if waiting:
            found.append(Condition("Reconciling", None, f"waits for {waiting}"))
        elif stuck and tried is not None:
            found.append(Condition("Stalled", tried.at, tried.why))
        else:
            failed = known.ended if known.result not in ("", "done") else None
            since = known.opened or failed
            if refused is not None and since is None:
                since = refused.since
            found.append(Condition("Reconciling", since, _why(wish, known, tried, refused)))
    elif wish is None and wanted is not None and not known.drift:
        found.append(Condition("Ready", known.applied, "it is as declared"))
    if known.drift and wanted is not None:
        found.append(Condition("Drifted", known.drifted, "the cloud is not as declared"))
    if wanted is not None and wanted.ttl is not None and known.since is not None:
        end = known.since + wanted.ttl
        if known.warned is not None or end <= now:
            found.append(
                Condition("Expiring", known.warned, f"it ends at {end:%Y-%m-%d %H:%M} UTC")
            )
    return found
