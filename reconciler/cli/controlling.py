"""What the controller and `status` work with, built from a repository and its settings."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from reconciler.app.render import Rendering
from reconciler.app.view import View
from reconciler.cli.building import declared_tree, settings_of
from reconciler.controller import Crew, Working
from reconciler.core.decide import standing_still
from reconciler.core.due import Law, standing, waits
from reconciler.core.records.words import line
from reconciler.core.tree import files_below
from reconciler.errors import ReconcilerError
from reconciler.model.desired import Loaded
from reconciler.model.freeze import Freeze
from reconciler.model.settings import SettingsSpec
from reconciler.model.work import Ended, Halt, Job, Memory, Standing
from reconciler.ports import Commits, Telemetry
from reconciler.wiring import Ports

_SAID: Final = 200
_GONE: Final = "its document is gone; `reconciler removal list` tells whether it may go"
_FREEZES: Final = "policies/freezes"


def spec_of(ports: Ports, repo: Path) -> SettingsSpec:
    """The settings of the target branch, as it was last fetched."""
    return settings_of(declared_tree(ports, repo, None))


def view_of(ports: Ports, repo: Path, spec: SettingsSpec, *, sandbox: bool) -> View:
    """Everything that is declared and known."""
    return View(
        ports.repository(repo).snapshot,
        ports.records(repo, spec, simulated=sandbox),
        ports.kept,
        Rendering(ports.workers, ports.settings.render_seconds),
        ports.vanishing(repo) if sandbox else None,
    )


StoppedBy = Callable[[str, Loaded[Freeze]], str]
"""Who brought a freeze to a commit."""


def law_of(view: View, spec: SettingsSpec, now: datetime, stopped_by: StoppedBy) -> Law:
    """What holds for every environment alike."""
    return Law(view.digest, spec.intervals.retry, _frozen(view, now, stopped_by), {})


def stopped_by(ports: Ports, repo: Path) -> StoppedBy:
    """Looked for once for each freeze: who made the commits that made its document."""
    commits = ports.commits(repo)
    known: dict[tuple[str, str], str] = {}

    def look(commit: str, freeze: Loaded[Freeze]) -> str:
        key = freeze.path, freeze.oid
        if key not in known:
            known[key] = _makers(commits, commit, freeze.path)
        team = freeze.document.metadata.owner
        return f"{known[key]} for {team}" if known[key] else team

    return look


def _makers(commits: Commits, commit: str, path: str) -> str:
    try:
        began = commits.before(commit, path)
        found = commits.makers(began, commit, (path,)) if began else ()
    except ReconcilerError:  # of a shallow clone nobody can tell; its team answers for it
        return ""
    return line(", ".join(f"{one.name} <{one.email}>" for one in found), _SAID)


def _frozen(view: View, now: datetime, stopped_by: StoppedBy) -> Mapping[str, Halt]:
    loaded = {one.document.metadata.name: one for one in view.shared.freezes.values()}
    freezes = [one.document for one in loaded.values()]
    files = [one for one in files_below(view.tree, _FREEZES) if one.name.endswith(".yaml")]
    if len(files) != len(freezes):  # what cannot be read may be a freeze of everything
        unread = Halt(f"a document in {_FREEZES}/ cannot be read: `reconciler validate` says why")
        return dict.fromkeys(view.names, unread)
    if not freezes:
        return {}
    found: dict[str, Halt] = {}
    halts: dict[str, Halt] = {}
    for name in view.names:
        wanted = view.wanted.get(name)
        tracks = (wanted.track,) if wanted is not None else ()
        freeze = next(standing_still(freezes, name, tracks, now), None)
        if freeze is not None:
            spec, own = freeze.spec, freeze.metadata.name
            if own not in halts:
                why = line(f"{own}: {spec.reason}", _SAID)
                by = stopped_by(view.commit, loaded[own])
                halts[own] = Halt(why, by, spec.since, spec.expires)
            found[name] = halts[own]
    return found


def working_of(
    ports: Ports,
    repo: Path,
    spec: SettingsSpec,
    crew: Crew,
    telemetry: Telemetry,
    tell: Callable[[ReconcilerError | None], None],
    news: Callable[[Ended, Standing | None], None],
    lost: Callable[[Collection[Standing]], None] = lambda _standings: None,
    *,
    sandbox: bool,
    jobs: int,
) -> Working:
    """What the loop works with."""
    records = ports.records(repo, spec, simulated=sandbox)
    view = view_of(ports, repo, spec, sandbox=sandbox)
    intervals, by = spec.intervals, stopped_by(ports, repo)
    reviews = () if sandbox else (Job.REVIEW,)  # nobody merges into a sandbox
    return Working(
        view,
        ports.heads(repo, spec, simulated=sandbox),
        lambda: ports.fetch_branch(repo, spec.branches.target, spec),
        lambda: records.store.tip(fresh=True),
        lambda now: law_of(view, spec, now, by),
        crew,
        ports.clock(simulated=sandbox),
        time.monotonic,
        intervals.poll.total_seconds(),
        intervals.retry.total_seconds(),
        jobs,
        ports.settings.stop_seconds,
        tell,
        news,
        telemetry,
        (*reviews, Job.CHORES),
        # Those of the local forge are refs, and looked at as soon as one moves.
        intervals.poll.total_seconds()
        if spec.forge.kind != "local"
        else intervals.retry.total_seconds(),
        lost,
    )


def standings(
    ports: Ports, repo: Path, spec: SettingsSpec, now: datetime, *, sandbox: bool
) -> tuple[Standing, ...]:
    """Every environment as git tells of it, to whoever asks."""
    view = view_of(ports, repo, spec, sandbox=sandbox)
    view.declare(declared_tree(ports, repo, None).revision)
    view.follow(ports.records(repo, spec, simulated=sandbox).tip())
    law = law_of(view, spec, now, stopped_by(ports, repo))
    gone = (name for name in view.names if name not in view.wanted and view.of(name).there)
    law = replace(law, kept=dict.fromkeys(gone, _GONE) if not sandbox else {})
    dependents: dict[str, list[str]] = {}
    for one in view.wanted.values():
        for other in one.after:
            dependents.setdefault(other, []).append(one.name)
    return tuple(
        standing(
            name,
            view.wanted.get(name),
            view.of(name),
            law,
            Memory(now),
            waits(name, view.wanted, view.of, dependents.get(name, ()), view.untaken),
            now,
        )
        for name in sorted(view.names)
        if name in view.wanted or view.of(name).there
    )
