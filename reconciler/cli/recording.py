"""What commands that record have in common: whose records, and that their history is whole."""

from functools import partial
from pathlib import Path

from reconciler.app.record import Recorder
from reconciler.app.verify import verify
from reconciler.cli.screen import progress
from reconciler.core.load import lazy_shared
from reconciler.errors import ReconcilerError
from reconciler.model.settings import SettingsSpec
from reconciler.ports import RepoTree
from reconciler.wiring import Ports


def recorder_of(
    ports: Ports, repo: Path, tree: RepoTree, spec: SettingsSpec, *, simulated: bool
) -> Recorder:
    """What writes records; an error when their history is not what it was.

    Nothing is applied on a history that somebody changed, until somebody answers for it.
    """
    records = ports.records(repo, spec, simulated=simulated)
    agents = [one.document for one in lazy_shared(tree).agents.values()]
    recorder = ports.recorder(repo, records, agents, simulated=simulated)
    tip = records.tip()
    known = records.store.verified()
    if tip == known and records.store.seen() in ("", tip):
        return recorder
    branch = spec.branches.records
    with progress("verifying records") as step:
        bench = ports.bench(repo, tree.revision)
        look = partial(verify, records, bench, branch, step, simulated=simulated)
        found = look(since=known, workers=ports.workers)
        if found.open_breaks and known:  # somebody may have answered for them before
            found = look(workers=ports.workers)
    if found.open_breaks:
        first = found.open_breaks[0]
        more = f", and {len(found.open_breaks) - 1} more" if len(found.open_breaks) > 1 else ""
        raise ReconcilerError(
            "records-broken",
            f"the history of records is broken at {first.commit[:12] or 'its end'}:"
            f" {first.why}{more}",
            hint="`reconciler audit verify` names each break; nothing is applied until somebody"
            " answers for them with `reconciler audit acknowledge`",
        )
    if tip:
        records.store.found_whole(tip)
    return recorder
