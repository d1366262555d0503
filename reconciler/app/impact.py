"""What a change of the rules would do to every environment that is there: old rules against new.

The environments are the change's; the rules are the target branch's on one side and the change's on
the other. Nothing is decided by this: the change is judged by the old rules alone.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.app.judge import Judge, Subject
from reconciler.app.world import Seen, World
from reconciler.core.decide import LEVELS, Law, Question, decide
from reconciler.core.grounds import as_finding, laws_of
from reconciler.core.load import load_environments
from reconciler.core.veil import veiled
from reconciler.model.check import Impact, ImpactPreview
from reconciler.model.decision import Decision, GateRun, Judged, Verdict
from reconciler.model.desired import Loaded
from reconciler.model.environment import Environment

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Regime:
    """The rules of one side: what renders and what judges."""

    world: World
    judge: Judge
    policies: str
    """Digest of the policies."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One environment under one regime."""

    seen: Seen
    laws: tuple[Law, ...]

    def subject(self, *, scan: bool) -> Subject | None:
        """What the gates look at, when there is something."""
        if self.seen.filled is None or self.seen.rendered is None:
            return None
        return Subject(self.seen.filled, self.seen.rendered, self.laws, scan=scan)


def preview(old: Regime, new: Regime, now: datetime, progress: Progress) -> ImpactPreview:
    """Every environment under both; those that differ in what counts, or cannot be told."""
    environments = tuple(load_environments(new.world.tree, []))
    excepted = _exceptions(old) != _exceptions(new)
    pairs: list[tuple[_Side, _Side, bool]] = []
    for loaded in environments:
        before, after = _side(loaded, old), _side(loaded, new)
        same_files = before.seen.rendered == after.seen.rendered
        same_law = before.laws == after.laws
        if same_files and same_law and not excepted and old.policies == new.policies:
            continue
        pairs.append((before, after, not (same_files and same_law and not excepted)))
    total = 2 * len(pairs)
    olds = _decisions(((one, scan) for one, _, scan in pairs), old, now, progress, (0, total))
    news = _decisions(
        ((one, scan) for _, one, scan in pairs), new, now, progress, (len(pairs), total)
    )
    found = [
        one
        for before, after in zip(olds, news, strict=True)
        if (one := _compared(before, after)) is not None
    ]
    return ImpactPreview(len(environments), tuple(sorted(found)))


def _side(loaded: Loaded[Environment], regime: Regime) -> _Side:
    return _Side(regime.world.see(loaded), laws_of([loaded.document], regime.world.shared))


def _exceptions(regime: Regime) -> tuple[object, ...]:
    shared = regime.world.shared
    return (
        *(one.document for one in shared.waivers.values()),
        *(one.document for one in shared.freezes.values()),
    )


def _decisions(
    sides: Iterable[tuple[_Side, bool]],
    regime: Regime,
    now: datetime,
    progress: Progress,
    place: tuple[int, int],
) -> list[Decision]:
    """What the gates that look at rendered files come to, under one regime."""
    start, total = place
    listed = list(sides)
    subjects = [side.subject(scan=scan) for side, scan in listed]
    runs = regime.judge.runs(
        [one for one in subjects if one is not None], lambda done: progress(start + done, total)
    )
    return [
        veiled(decide(_question(side, _ran(side, subject, runs), regime, now)))
        for (side, _), subject in zip(listed, subjects, strict=True)
    ]


def _ran(
    side: _Side, subject: Subject | None, runs: Iterator[tuple[GateRun, ...]]
) -> tuple[GateRun, ...]:
    if subject is not None:
        return next(runs)
    name = side.seen.loaded.document.metadata.name if side.seen.loaded else ""
    return (GateRun("documents", tuple(as_finding(one, name) for one in side.seen.problems)),)


def _question(side: _Side, runs: tuple[GateRun, ...], regime: Regime, now: datetime) -> Question:
    shared = regime.world.shared
    return Question(
        environment=side.seen.loaded.document.metadata.name if side.seen.loaded else "",
        laws=side.laws,
        risk="L0",
        wanted=frozenset(),
        runs=runs,
        waivers=tuple(one.document for one in shared.waivers.values()),
        freezes=tuple(one.document for one in shared.freezes.values()),
        inputs=(),
        now=now,
        changing=False,
    )


def _compared(before: Decision, after: Decision) -> Impact | None:
    olds, news = _open(before), _open(after)
    failing = tuple(sorted(one for key, one in news.items() if _weighs(one, olds.get(key))))
    passing = tuple(sorted(one for key, one in olds.items() if _weighs(one, news.get(key))))
    known = after.verdict is not Verdict.INDETERMINATE
    if known and not failing and not passing and before.verdict == after.verdict:
        return None
    return Impact(after.environment, before.verdict, after.verdict, failing, passing)


def _weighs(one: Judged, other: Judged | None) -> bool:
    """Whether it stands where the other does not, or weighs more."""
    return other is None or LEVELS.index(one.level) > LEVELS.index(other.level)


def _open(decision: Decision) -> dict[str, Judged]:
    """What stands against it: not waived, and more than advice."""
    return {
        one.finding.fingerprint: one
        for one in decision.findings
        if not one.waived_by and one.level != "advisory"
    }
