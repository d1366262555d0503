"""What was agreed to for a trial holds for its steps, which are commits of our own.

The profile says which steps there are, and whoever agreed to the first one agreed to that. A commit
is a step when our own key signed it, when it changes one file, and there nothing but what the step
is. From the commit that is to be applied back to the one that began the trial there may be nothing
else that makes an environment what it is; and that one has to have been applied under a decision
that allowed it. Anything else is agreed to anew, by people.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from reconciler.app.agreed import Applied
from reconciler.app.makings import Makings
from reconciler.app.records import Broken, Kept, Records
from reconciler.core.git_objects import BadObject, RawCommit, read_commit
from reconciler.core.program import signed_by
from reconciler.core.records.decision import agreed_of, person_of
from reconciler.core.rollout import step_between
from reconciler.core.tree import changes
from reconciler.errors import ReconcilerError
from reconciler.model.approval import Given
from reconciler.model.plan import Plan
from reconciler.model.record import ApplyEnded, ApplyStarted, DecisionBody
from reconciler.model.rollout import Move
from reconciler.ports import Verify

_FAR: Final = 10_000
"""So many commits back nobody looks for the beginning."""


@dataclass(frozen=True)
class Proof:
    """What tells whether commits are ours, and what they are."""

    makings: Makings
    read: Callable[[str], bytes]
    """A commit's bytes."""
    verify: Verify
    writers: Collection[str]
    """Fingerprints of the keys that are ours: those of `records.writers`."""

    @cached_property
    def _raw(self) -> dict[str, RawCommit]:
        return {}

    def raw(self, commit: str) -> RawCommit:
        """A commit's parts."""
        if commit not in self._raw:
            self._raw[commit] = read_commit(self.read(commit))
        return self._raw[commit]

    def step(self, commit: str, name: str, path: str) -> Move | None:
        """The step of a trial that a commit of ours is, and nothing beside; None: it is none."""
        raw = self.raw(commit)
        if len(raw.parents) != 1 or signed_by(raw, self.verify) not in self.writers:
            return None
        before, after = (self.makings.trees.snapshot(one) for one in (raw.parents[0], commit))
        if [one.path for one in changes(before, after)] != [path]:
            return None
        old, new = (self.makings.filled(one, name) for one in (raw.parents[0], commit))
        if old is None or new is None or old.environment.path != path:
            return None
        return step_between(old.environment.document, new.environment.document, old.rollout)

    def walked(self, commit: str, name: str, path: str) -> tuple[str, ...]:
        """The commit that began a trial, and each step since, oldest first; nothing: it is none.

        Commits that make other things what they are, are passed over.
        """
        steps: list[str] = []
        for _ in range(_FAR):
            parents = self.raw(commit).parents
            if parents and self.makings.same(parents[0], commit, name, path):
                commit = parents[0]
            elif parents and self.step(commit, name, path) is not None:
                steps.append(commit)
                commit = parents[0]
            else:
                return (commit, *reversed(steps)) if steps else ()
        return ()


def carried(
    proof: Proof, records: Records, what: Applied, plan: Plan, *, simulated: bool
) -> Given | None:
    """What people said when the trial began, for a step of it; None: it is no step, or not only.

    A plan that also puts back what drifted is not only a step: whoever agreed did not see that.
    """
    name, path = what.environment, what.path
    if not what.since or any(one.mended for one in plan.drift):
        return None
    try:
        walked = proof.walked(what.commit, name, path)
        if not any(proof.makings.same(what.since, one, name, path) for one in walked):
            return None
        return _given_at(proof, records, what, walked[0], simulated=simulated)
    except (BadObject, LookupError, Broken, ReconcilerError):
        return None  # nobody is known to have agreed, so nobody has


def _given_at(
    proof: Proof, records: Records, what: Applied, began: str, *, simulated: bool
) -> Given | None:
    """What was said for the apply of the commit that began it, newest first."""
    name, path = what.environment, what.path
    for kept in records.of_environment(name):
        body = kept.record.body
        if not isinstance(body, ApplyEnded) or kept.record.simulated is not simulated:
            continue
        if (body.action, body.result) != ("apply", "done") or body.commit is None:
            continue
        if proof.makings.same(body.commit, began, name, path):
            return _said(records, kept, body)
    return None


def _said(records: Records, kept: Kept, ended: ApplyEnded) -> Given | None:
    started = _at(records, kept, ended.started)
    if not isinstance(started, ApplyStarted):
        return None
    decision = _at(records, kept, started.decision)
    if not isinstance(decision, DecisionBody) or decision.verdict != "ALLOW":
        return None
    given: Mapping[str, Any] = decision.given
    return Given(
        agreed_of(decision),
        tuple(person_of(one) for one in given.get("authors", ())),
        frozenset(given.get("heads", ())) | {decision.head},
        frozenset({started.plan.digest}),
    )


def _at(records: Records, kept: Kept, sequence: int | None) -> object:
    found = records.ancestor(kept.commit, sequence) if sequence is not None else None
    same = found is not None and found.record.environment == kept.record.environment
    return found.record.body if found is not None and same else None
