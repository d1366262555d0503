"""Take away what is unmanaged: in one way for the loop, and for a human who says so."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from reconciler.app.discard import Discarded, discard
from reconciler.app.drift import look_for_drift
from reconciler.app.environment import find_environment
from reconciler.app.remediation import begin, finish
from reconciler.app.steward import actor_of, owner_of
from reconciler.cli.building import building_of, declared, declared_tree, only_agreed
from reconciler.cli.delivery import leased, refuse_frozen
from reconciler.cli.recording import recorder_of
from reconciler.cli.steward import caller_of, steward_of
from reconciler.core.causes import unmanaged_causes
from reconciler.core.discard import removed_words
from reconciler.errors import UsageError
from reconciler.model.drift import Drift
from reconciler.model.remediation import Limits, Mend
from reconciler.model.work import Job
from reconciler.wiring import Ports

_PAUSE: Final = 1.0
"""Seconds until it is looked once more whether something is gone."""


def remove_unmanaged(
    ports: Ports,
    repo: Path,
    name: str,
    arns: Sequence[str],
    *,
    sandbox: bool,
    begins: Callable[[Drift], object] = lambda _found: None,
) -> tuple[Discarded, Drift]:
    """Look, take away, look again: with the environment held, and not under a freeze.

    `begins` hears what is there before anything is deleted. With what is there afterwards.
    """
    tree = declared_tree(ports, repo, None)
    settings = None if sandbox else only_agreed(ports, repo, tree)
    one = declared(ports, tree, name, settings)
    recorder = recorder_of(ports, repo, tree, one.spec, simulated=sandbox)
    building = building_of(ports, repo, one, simulated=sandbox)
    with leased(ports, repo, one.spec, recorder, name, "remove what is unmanaged") as held:
        found = look_for_drift(building.site, one.rendered, building.cloud)
        refuse_frozen(ports, repo, one, recorder)
        begins(found)
        held.confirm()
        done = discard(building.discarder(), found, arns, lambda: time.sleep(_PAUSE))
        return done, look_for_drift(building.site, one.rendered, building.cloud)


def remove_for_loop(ports: Ports, repo: Path, mend: Mend, *, sandbox: bool) -> tuple[str, bool]:
    """What came of it in words, and whether all of it is gone."""
    done, _ = remove_unmanaged(ports, repo, mend.environment, mend.removes, sandbox=sandbox)
    return removed_words(done.removed, done.kept), not done.kept


def remove_by_hand(
    ports: Ports, repo: Path, name: str, arns: Sequence[str], because: str, *, sandbox: bool
) -> tuple[Discarded, Drift]:
    """A human of the owning team has it removed: who, what and why is recorded."""
    at = steward_of(ports, repo, simulated=sandbox)
    law = at.law()
    filled = find_environment(law.tree, name).filled
    if filled is None:
        raise UsageError("broken", f"{name} is broken: nobody knows whose it is")
    actor = None
    if not sandbox:  # there nobody has to be anybody
        caller = caller_of(ports, at)
        actor = actor_of(owner_of(at, caller, "remove things of", filled.environment, law))
    recorder, mends = at.recorder(actor), []

    def begins(found: Drift) -> None:
        causes = unmanaged_causes(arns)
        words = "; ".join(one.words for one in causes)
        marks = tuple(one.mark for one in causes)
        limits = Limits("L0", 0, 0)
        mend = Mend(name, Job.APPLY, found.digest, "assisted", marks, words, because, limits)
        recorder.drift(found, law.commit)
        begin(recorder, law.commit, mend, because)
        mends.append(mend)

    done, after = remove_unmanaged(ports, repo, name, arns, sandbox=sandbox, begins=begins)
    words = removed_words(done.removed, done.kept)
    finish(recorder, law.commit, mends[0], "failed" if done.kept else "done", words)
    recorder.drift(after, law.commit)
    return done, after
