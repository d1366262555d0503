"""Plan, apply, destroy and drift: the order of the steps, with nothing half-known in between.

Before anything is planned: nobody else works on the environment, what an earlier run left is
settled, and the state is the one that we know. The intent to apply is written before it begins,
what came of it after.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from reconciler.core.backend import FILE, backend_file
from reconciler.core.diagnose import failure
from reconciler.core.plan import NotAPlan, plan_document, read_plan, sensitive_texts
from reconciler.core.redact import Redactor
from reconciler.core.state import check_state, furthest, read_state
from reconciler.core.veil import veiled_plan
from reconciler.errors import ReconcilerError, TransientError, WaitingError
from reconciler.model.plan import Plan, ResourceChange
from reconciler.model.rendered import Rendered
from reconciler.model.run import Diagnostic, Event, Outcome, Ran, StateMark
from reconciler.model.state import State
from reconciler.ports import Hear, Run, Runs, Workspace

_NOWHERE: Final = ("null_", "random_", "terraform_data", "time_", "tls_")
"""Types of which nothing is anywhere but in the state: they cannot be there twice."""
_LOCK_FILE: Final = "terraform/.terraform.lock.hcl"


@dataclass(frozen=True, slots=True)
class Site:
    """Where environments are built: the real cloud, or the sandbox."""

    runs: Runs
    open: Callable[[Run, bool], Workspace]
    """A run's workspace; the bool: whether the blueprint brings a lock file."""
    backend: Callable[[str], Mapping[str, Any]]
    """An environment's backend."""
    key: bytes
    """Marks sensitive values so that they can be compared, and not be guessed."""
    simulated: bool
    recorded: Callable[[str], StateMark | None] = lambda _name: None
    """How far an environment's state had come, as records tell."""
    doubted: Callable[[str], frozenset[str]] = lambda _name: frozenset()
    """What records know to have been begun, and nothing more."""
    patience: float = 30
    """Seconds to wait for another run of the same environment on this machine."""
    gone: Callable[[str], str] = lambda _name: ""
    """Why nothing of an environment is in the sandbox any more; empty: it is, or it is no sandbox.

    Planning does not stop at that: what is made again there is nowhere twice."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and everything that applying that very plan needs."""

    plan: Plan
    site: Site
    run: Run
    workspace: Workspace
    redact: Redactor
    data: bytes
    """The plan's JSON: it holds secrets, and leaves this process for gates only."""
    state: State | None
    before: tuple[Outcome, ...]
    """What came of runs that were cut off."""
    cut: tuple[Run, ...] = ()
    """Those runs. They stay until somebody was told: it is told once, and must not be lost."""
    doubts: tuple[ResourceChange, ...] = ()
    """What it would make, and an earlier apply began to make: it may be there already."""

    def told(self) -> None:
        """A person, or a record, has what came of the runs that were cut off."""
        for run, outcome in zip(self.cut, self.before, strict=True):
            run.write("settled", result=outcome.result)


@contextmanager
def planning(
    site: Site, rendered: Rendered, *, destroy: bool = False, hear: Hear = lambda _event: None
) -> Iterator[Planned]:
    """Plan, and hold the environment as long as the plan is looked at, so that it stays true."""
    name = rendered.environment
    what = "destroy" if destroy else "plan or apply"
    with site.runs.alone(name, what, site.patience), site.runs.slot():
        cut = _settle(site, name)
        site.runs.sweep(name)
        with _opened(site, rendered) as (run, workspace):
            state = _known_state(site, workspace, name, Redactor())
            ran, data = workspace.plan(destroy=destroy, hear=hear)
            if not ran.ok or not data:
                raise failure(ran, name, Redactor())
            try:
                document = plan_document(data)
                redact = Redactor(sensitive_texts(document))
                plan = read_plan(document, name, workspace.engine.said, site.key)
                plan = veiled_plan(plan, site.key)
            except NotAPlan as err:
                raise ReconcilerError(
                    "no-plan",
                    f"what came of planning {name} is no plan: {err}",
                    hint="run it again; if it stays, look at the blueprint",
                    subject=name,
                ) from err
            runs, before = tuple(one for one, _ in cut), tuple(one for _, one in cut)
            doubts = _doubts(site, plan, state)
            yield Planned(plan, site, run, workspace, redact, data, state, before, runs, doubts)


def _doubts(site: Site, plan: Plan, state: State | None) -> tuple[ResourceChange, ...]:
    """What the plan makes and may be there. What the state has, and is not made, is no doubt."""
    name = plan.environment
    own = site.runs.doubts(name)
    making = {one.address: one for one in plan.changes if one.kind == "create"}
    held = {one.address for one in state.resources} if state else set()
    left = own - (held - making.keys())
    if left != own:
        site.runs.doubt(name, left)
    found = sorted((own | site.doubted(name)) & making.keys())
    return tuple(making[one] for one in found if not making[one].type.startswith(_NOWHERE))


@contextmanager
def _opened(site: Site, rendered: Rendered) -> Iterator[tuple[Run, Workspace]]:
    """A fresh run, ready; removed afterwards unless something in it is still wanted."""
    name = rendered.environment
    more = {FILE: backend_file(dict(site.backend(name)))}
    files = rendered.files
    if site.simulated:  # its hashes are those of the real provider
        files = tuple(file for file in files if file.path != _LOCK_FILE)
    run = site.runs.new(name, Rendered(name, files), more)
    try:
        workspace = site.open(run, any(file.path == _LOCK_FILE for file in files))
        ran = workspace.init()
        if not ran.ok:
            raise failure(ran, name, Redactor())
        yield run, workspace
    finally:
        site.runs.sweep(name)


def _known_state(site: Site, workspace: Workspace, name: str, redact: Redactor) -> State | None:
    """The state, when it is the one that we left."""
    ran, data = workspace.state()
    if not ran.ok:
        raise failure(ran, name, redact)
    state = read_state(data, name)
    known = furthest(site.runs.mark(name), site.recorded(name))
    check_state(name, known, state.mark if state else None, simulated=site.simulated)
    return state


def apply(
    planned: Planned,
    expected: str,
    hear: Hear = lambda _event: None,
    intend: Callable[[], None] = lambda: None,
    conclude: Callable[[Outcome], None] = lambda _outcome: None,
    sure: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Apply that very plan, if it is the one that was agreed to.

    `intend` writes the intent where others see it, after it is written here, and `conclude` the
    outcome before it is settled here: whoever finds the one without the other there finds here
    what came of it. An outcome that could not be written there is kept.
    `sure`: what of it was in doubt, and why it may be made all the same.
    """
    plan, site, run, workspace = planned.plan, planned.site, planned.run, planned.workspace
    agreed(plan, expected)
    for one in planned.doubts:
        if one.address not in sure:
            raise ReconcilerError(
                "in-doubt",
                f"an earlier apply of {plan.environment} began to make {one.address}, and nobody"
                " knows whether it is there",
                hint="look for it first: made twice, it would be paid for twice",
                subject=plan.environment,
            )
    run.write(
        "applying",
        plan=plan.digest,
        engine=plan.engine,
        addresses=[one.address for one in plan.changes],
        making=[one.address for one in plan.changes if "create" in one.actions],
        sure=dict(sure),
    )
    try:
        intend()
    except TransientError:
        raise  # it may have been written all the same: whoever comes next finds out
    except ReconcilerError:
        run.write("settled", result="not begun")
        raise
    ran = workspace.apply(hear)
    outcome = _ended(site, run, workspace, ran, planned.redact)
    told = tuple(
        Diagnostic("warning", "made though it was in doubt", why, address)
        for address, why in sorted(sure.items())
    )
    outcome = replace(outcome, diagnostics=(*outcome.diagnostics, *told))
    try:
        conclude(outcome)
        if not outcome.kept:  # else what became of it is found out by whoever comes next
            run.write("settled", result=outcome.result)
    except ReconcilerError:  # what was done is to be told all the same
        return replace(outcome, kept=str(run.path))
    return outcome


def agreed(plan: Plan, expected: str, look: str = "plan") -> None:
    """Stop when it is not the plan that was agreed to. `look`: the command that shows it."""
    if plan.digest != expected:
        raise ReconcilerError(
            "another-plan",
            f"planning {plan.environment} again gave another plan than the one that was agreed to",
            hint=f"look at it: `reconciler {look} {plan.environment}`",
            subject=plan.environment,
        )


def _ended(site: Site, run: Run, workspace: Workspace, ran: Ran, redact: Redactor) -> Outcome:
    """What came of it, as a value; and what is remembered of the state."""
    told = run.read()
    name = str(told.get("environment", ""))
    planned = tuple(str(one) for one in told.get("addresses", ()))
    outcome = _outcome(name, str(told.get("plan", "")), planned, ran, workspace.engine.said, redact)
    saved = workspace.recover()
    readable, state = _saved_state(workspace, name)
    mark = state.mark if state else None
    making = tuple(told.get("making", ()))
    if saved != "kept" and readable:
        outcome = _without_lost(outcome, state, making)
    if mark is not None:
        try:
            site.runs.remember(name, mark)
        except ReconcilerError:  # the disk is full
            readable = False
    try:
        doubted = site.runs.doubts(name) - {*outcome.done}
        site.runs.doubt(name, doubted | ({*outcome.unknown} & {*making}))
    except ReconcilerError:  # the disk is full: the run stays, and tells it once more
        readable = False
    if saved == "kept":
        run.keep()
    kept = "" if readable and saved != "kept" else str(run.path)
    outputs = state.outputs if state else ()
    return replace(outcome, state=mark, kept=kept, brought_back=saved == "pushed", outputs=outputs)


def _without_lost(outcome: Outcome, state: State | None, making: Sequence[str]) -> Outcome:
    """What was made and then not saved is not done: it is there, and nobody knows it.

    A backend far away gets the state at the end; killed before that, terraform takes it along.
    """
    held = {one.address for one in state.resources} if state else set()
    lost = tuple(one for one in outcome.done if one in making and one not in held)
    done = tuple(one for one in outcome.done if one not in lost)
    return replace(outcome, done=done, unknown=(*outcome.unknown, *lost))


def _saved_state(workspace: Workspace, name: str) -> tuple[bool, State | None]:
    """Whether it could be read, and what it was."""
    ran, data = workspace.state(whatever=True)
    if not ran.ok:
        return False, None
    try:
        return True, read_state(data, name)
    except ReconcilerError:
        return False, None


_PROVIDER_GONE: Final = frozenset({"Plugin did not respond", "Plugin error", "Request cancelled"})
"""What it says of a call that got no answer: the cloud may have done it all the same."""


def _outcome(
    name: str,
    digest: str,
    planned: Sequence[str],
    ran: Ran,
    engine: str,
    redact: Redactor,
) -> Outcome:
    """What failed without a reason of its own is not known: its provider died, and told none."""
    last: dict[str, str] = {}
    for event in ran.events:
        if event.kind in ("start", "done", "failed"):
            last[event.address] = event.kind
    for diagnostic in ran.errors:
        if diagnostic.address in last or diagnostic.address in planned:
            last[diagnostic.address] = "failed"
    by = {
        kind: tuple(address for address, one in last.items() if one == kind)
        for kind in ("start", "done", "failed")
    }
    explained = {one.address for one in ran.errors if one.summary not in _PROVIDER_GONE}
    lost = tuple(address for address in by["failed"] if address not in explained)
    failed = tuple(address for address in by["failed"] if address in explained)
    left = tuple(address for address in planned if address not in last)
    if ran.ok:
        by["done"], left = tuple(dict.fromkeys((*by["done"], *left))), ()
    result = "done" if ran.ok else "failed" if ran.ended == "itself" else "interrupted"
    shown = tuple(
        Diagnostic(
            one.severity, redact(one.summary), redact(one.detail), one.address, one.path, one.line
        )
        for one in ran.diagnostics
    )
    return Outcome(
        name,
        result,  # type: ignore[arg-type]  # one of the three
        digest,
        by["done"],
        failed,
        left,
        (*by["start"], *lost),
        shown,
        None,
        engine,
        late=ran.ended == "out-of-time",
    )


def _settle(site: Site, name: str) -> tuple[tuple[Run, Outcome], ...]:
    """Find out what came of runs whose caller died. Only while the environment is ours alone."""
    found: list[tuple[Run, Outcome]] = []
    for run, workspace in _cut_off(site, name):
        outcome = _ended(site, run, workspace, workspace.applied(), Redactor())
        # Nobody knows any more which values of its complaints were sensitive.
        found.append((run, replace(outcome, diagnostics=())))
    for run in site.runs.kept(name):
        _bring_back(site, run, name)
    return tuple(found)


def _cut_off(site: Site, name: str) -> Iterator[tuple[Run, Workspace]]:
    """Applies whose caller died, and that have ended; stops while one goes on."""
    for run in site.runs.unsettled(name):
        workspace = site.open(run, False)  # noqa: FBT003  # nothing is fetched again
        pid = workspace.running()
        if pid is not None:
            raise WaitingError(
                "still-applying",
                f"an apply of {name} goes on whose caller is gone (process {pid})",
                hint=f"wait for it to end; `kill -INT {pid}` asks it to stop when it is safe",
                subject=name,
            )
        yield run, workspace


def _bring_back(site: Site, run: Run, name: str) -> None:
    """Save what an earlier run could not save. Until then nothing is planned: it would be blind."""
    workspace = site.open(run, False)  # noqa: FBT003  # nothing is fetched again
    saved = workspace.recover()
    readable, state = _saved_state(workspace, name)
    if saved == "kept" or not readable:
        raise ReconcilerError(
            "state-not-saved",
            f"an apply of {name} could not save its state, and still cannot",
            hint=f"what it made is written in {run.path}: make the backend work, and run it again",
            subject=name,
        )
    if state is not None:
        site.runs.remember(name, state.mark)
    run.unkeep()


def refuse_gone(site: Site, name: str) -> None:
    """Stop where everything is gone with the sandbox: there is nothing to look at.

    What was taken from under one that runs is told by whoever reads its state, as a real one is.
    """
    why = site.gone(name)
    if why and site.runs.mark(name) is None:
        raise ReconcilerError(
            "gone-with-sandbox",
            f"nothing of {name} is there any more: {why}",
            hint=f"`reconciler apply {name}` makes it again, and so does the controller,"
            " `reconciler run`; before that, `reconciler sandbox start` where none runs",
            subject=name,
        )


@contextmanager
def _looking(site: Site, rendered: Rendered) -> Iterator[Workspace]:
    """A workspace to look at the state with."""
    name = rendered.environment
    alone = site.runs.alone(name, "state", site.patience)
    with alone, site.runs.slot(), _opened(site, rendered) as (_, workspace):
        yield workspace


def accept_state(
    site: Site, rendered: Rendered, record: Callable[[StateMark | None], object] = lambda _: None
) -> StateMark | None:
    """Take the state as it is for the one that we know; `record` says so where others see it.

    One that is refused, or that cannot be recorded, changes nothing of what is remembered.
    """
    name = rendered.environment
    with _looking(site, rendered) as workspace:
        ran, data = workspace.state()
        if not ran.ok:
            raise failure(ran, name, Redactor())
        state = read_state(data, name)
        mark = state.mark if state else None
        check_state(name, None, mark, simulated=site.simulated)
        record(mark)
        site.runs.remember(name, mark)
        return mark


def look_at_state(site: Site, rendered: Rendered) -> State | None:
    """What the state knows."""
    name = rendered.environment
    refuse_gone(site, name)
    with _looking(site, rendered) as workspace:
        return _known_state(site, workspace, name, Redactor())


def unlock(site: Site, rendered: Rendered, lock: str) -> None:
    """Take away the lock of a holder that is dead."""
    name = rendered.environment
    with _looking(site, rendered) as workspace:
        for _ in _cut_off(site, name):  # the holder may be one of ours, and alive
            pass
        ran = workspace.unlock(lock)
        if ran.ended != "itself":
            raise failure(ran, name, Redactor())
        if not ran.ok:
            raise ReconcilerError(
                "not-unlocked",
                f"the lock {lock} of {name} could not be taken away",
                hint="is it the lock that the message named?",
                subject=name,
            )


def event_words(event: Event, redact: Redactor) -> str:
    """What a person sees of an event."""
    return redact(event.message)


def kept_path(outcome: Outcome) -> Path | None:
    """Where something is left that a person has to look at."""
    return Path(outcome.kept) if outcome.kept else None
