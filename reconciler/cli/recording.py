"""What commands that record have in common: whose records, and that their history is whole."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from reconciler.app.environment import find_environment
from reconciler.app.record import Recorder
from reconciler.app.verify import verify
from reconciler.cli.building import declared_tree, settings_of
from reconciler.cli.screen import errors, progress
from reconciler.core.approve import People
from reconciler.core.load import lazy_shared
from reconciler.core.records.verify import Doer
from reconciler.core.records.words import line
from reconciler.core.redact import hidden
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.record import Stood
from reconciler.model.settings import SettingsSpec
from reconciler.ports import RepoTree
from reconciler.report import text
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
    recorder = _as_program(recorder, tree)
    if spec.records.signed or recorder.records.signs_with:
        can_sign(ports, repo, tree, recorder)
    tip = records.tip()
    records.begin()
    branch = spec.branches.records_of(simulated=simulated)
    memory = ports.found_whole(repo, branch)
    known = memory.get()
    if tip == known and records.store.seen() in ("", tip):
        return recorder
    with progress("verifying records") as step:
        bench = ports.bench(repo, tree.revision)
        look = partial(verify, records, bench, branch, step, simulated=simulated)
        found = look(since=known, workers=ports.workers)
        if found.open_breaks:
            # Somebody may have answered for them before, and the target branch may have gone on
            # since it was read: others record what a newer commit says.
            bench = ports.bench(repo, declared_tree(ports, repo, None).revision)
            look = partial(verify, records, bench, branch, step, simulated=simulated)
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
        memory.put(tip)
    return recorder


def _as_program(recorder: Recorder, tree: RepoTree) -> Recorder:
    """Known for a program only by a key of `records.writers`, in that writer's own name.

    A key or an address that a document gives to a person or an agent is theirs, also there.
    """
    actor, writer = recorder.actor, recorder.records.writer
    email = actor.email.lower()
    if actor.kind != "human" or writer is None or email != writer.email.lower():
        return recorder
    people = People.of(lazy_shared(tree), recorder.clock())
    if people.having((("email", email), ("key", recorder.records.signs_with))):
        return recorder
    return replace(recorder, actor=actor.model_copy(update={"kind": "program"}))


def record_refusal(
    ports: Ports, repo: Path, tree: RepoTree, name: str, what: str, refused: ReconcilerError
) -> None:
    """A bypass that was stopped, once for each commit and environment.

    Where it cannot be written, that is said, and the refusal stands all the same.
    """
    try:
        find_environment(tree, name)  # a name that is made up makes no folder
        target = declared_tree(ports, repo, None)
        recorder = recorder_of(ports, repo, target, settings_of(target), simulated=False)
        recorder.refused(name, target.revision, tree.revision, what, refused.message)
    except (ReconcilerError, OSError) as error:
        text.said(errors(), f"That this was refused could not be recorded: {error}")


def refusal_noted(
    recorder: Recorder,
    name: str,
    law: str,
    commit: str,
    what: str,
    why: str,
    declared: Stood,
    said: Callable[[str], None],
) -> None:
    """What a gate stops right before an apply, once for each commit; it is stopped all the same."""
    try:
        recorder.refused(name, law, commit, what, why, declared)
    except ReconcilerError as error:
        said(f"That this was refused could not be recorded: {line(hidden(error.message), 300)}")


def can_sign(ports: Ports, repo: Path, tree: RepoTree, recorder: Recorder) -> None:
    """Nothing begins that could only be recorded in a way that breaks the history."""
    key, actor = recorder.records.signs_with, recorder.actor
    if not key:
        raise UsageError(
            "no-signing-key",
            "reconciler.yaml wants every record signed, and there is no key to sign with",
            hint="name its file in RECONCILER_SIGNING_KEY",
        )
    doer = Doer(actor.name, actor.email, actor.forge_id, actor.kind, actor.agent or "")
    if not ports.bench(repo, tree.revision).signer(tree.revision, key, doer):
        raise UsageError(
            "unknown-signing-key",
            f"the key {key} may not sign what {actor.email} does",
            hint="it stands in `records.writers` of reconciler.yaml, or among that person's keys in"
            " profiles/teams/, on the target branch",
        )
