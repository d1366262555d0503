"""Everything that follows from records and documents, and is of no single environment.

Each part is done for itself: one that fails keeps no other from being done, and is told. All of it
may be done again at any time, and does nothing twice.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from reconciler.app.drift_desk import Desk as Remedies
from reconciler.app.drift_desk import concerned
from reconciler.app.law import Law
from reconciler.app.life import look_after
from reconciler.app.records import Records
from reconciler.app.remediation import remedy
from reconciler.app.render import Rendering
from reconciler.app.steward import Steward
from reconciler.app.taking import take
from reconciler.app.telling import tell_news
from reconciler.app.view import View
from reconciler.cli.building import declared_tree, settings_of
from reconciler.cli.clearing import clearing_of
from reconciler.cli.steward import steward_of
from reconciler.core.redact import hidden
from reconciler.errors import ReconcilerError, StoppedError
from reconciler.model.work import Job
from reconciler.ports import RepoTree, Telemetry
from reconciler.wiring import Ports


@dataclass
class Followed:
    """What came of it."""

    did: list[str] = field(default_factory=list)
    """Each thing in words."""
    failed: list[str] = field(default_factory=list)
    mend: list[tuple[str, str]] = field(default_factory=list)
    look: list[str] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)


def see_to_it(
    ports: Ports,
    repo: Path,
    telemetry: Telemetry,
    expiring: Collection[str],
    over: Collection[str],
    taking: Collection[str],
    *,
    sandbox: bool,
) -> Followed:
    """All of it. `expiring`: what may come to its end soon; `over`: what ended and is gone.

    `taking`: what does not have yet what others put out.
    """
    found = Followed()
    wrong: dict[str, list[str]] = {}
    spec = settings_of(declared_tree(ports, repo, None))

    def part(what: str, do: Callable[[], object]) -> None:
        try:
            do()
        except StoppedError:
            raise
        except ReconcilerError as error:
            wrong.setdefault(hidden(error.message), []).append(what)

    if sandbox:
        records = ports.records(repo, spec, simulated=True)
        part("removals", lambda: _without_people(records, declared_tree(ports, repo, None), found))
    if not sandbox or not ports.has_home(repo):  # nothing of a sandbox leaves this machine
        at = steward_of(ports, repo, simulated=sandbox)
        rendering = Rendering(ports.workers, ports.settings.render_seconds)
        looked = look_after(at, ports.commits(repo), rendering, expiring, over)
        found.did += looked.done
        for one in looked.failed:
            wrong.setdefault(hidden(one.message), [])
        if taking:
            part("values of others", lambda: _taking(ports, repo, at, found, taking))
        part("drift", lambda: _drift(at, found))
        if not sandbox:
            part("removals", lambda: _removals(ports, repo, at, found))
        told: list[str] = []
        news = ports.telling(repo, spec, telemetry, told.append, simulated=sandbox)
        part("news", lambda: tell_news(news))
        for words in told:
            wrong.setdefault(words, [])
    part("the repository", lambda: _gather(ports, repo, found))
    found.failed += together(wrong)
    return found


def together(wrong: Mapping[str, Collection[str]]) -> list[str]:
    """Each reason once, with the parts that it kept from being done."""
    return [f"{', '.join(parts)}: {why}" if parts else why for why, parts in wrong.items()]


def _gather(ports: Ports, repo: Path, found: Followed) -> None:
    if count := ports.gather(repo):
        found.did.append(f"{count} objects of the repository are one pack now")


def _taking(ports: Ports, repo: Path, at: Steward, found: Followed, names: Collection[str]) -> None:
    view = View(
        ports.repository(repo).snapshot,
        at.recorder(None).records,
        ports.kept,
        Rendering(ports.workers, ports.settings.render_seconds),
    )
    view.declare(at.law().commit)
    found.did += take(at, view, names)


def _drift(at: Steward, found: Followed) -> None:
    recorder = at.recorder(None)
    desk = Remedies(
        at.bot,
        recorder,
        lambda: at.law().tree,
        lambda: concerned(recorder.records),
        tell=lambda error: found.failed.append(hidden(f"drift: {error.message}")),
        say=lambda words: found.did.append(hidden(words)),
    )
    for one in remedy(desk, at.clock()):
        if one.job is Job.APPLY:
            found.mend.append((one.environment, one.drift))
        else:
            found.look.append(one.environment)


def _removals(ports: Ports, repo: Path, at: Steward, found: Followed) -> None:
    waiting = clearing_of(ports, repo).waiting(at.law(), datetime.now(UTC))
    found.gone += [(one.environment, one.why) for one in waiting]


def _without_people(records: Records, tree: RepoTree, found: Followed) -> None:
    """In the sandbox nobody has to agree to anything."""
    law, tip = Law.of(tree), records.tip()
    names = records.environments(records.kept(tip).tree) if tip else ()
    found.gone += [(name, "") for name in names if not law.has(name)]
