"""`reconciler drift`."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from reconciler.app.audit.reading import trail
from reconciler.app.causes import causes_of
from reconciler.app.drift import look_for_drift
from reconciler.cli.again import again
from reconciler.cli.building import (
    Declared,
    building_of,
    declared,
    declared_tree,
    only_agreed,
    sandbox_option,
    settings_of,
    stopping_well,
    target_option,
)
from reconciler.cli.discarding import remove_by_hand
from reconciler.cli.recording import recorder_of
from reconciler.cli.screen import errors, format_option, out, progress, repo_option, stop_with
from reconciler.cli.steward import because_of
from reconciler.core.load import load_environments
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.model.drift import Drift, Unlooked
from reconciler.model.settings import SettingsSpec
from reconciler.ports import RepoTree
from reconciler.report import causes, plan_json, plan_text
from reconciler.wiring import Ports, build


@click.command("drift")
@click.argument("environment", required=False)
@repo_option
@target_option
@sandbox_option
@format_option
@click.option("--all", "everything", is_flag=True, help="Every environment.")
@click.option(
    "--imports", is_flag=True, help="Also print what to write to take over what is unmanaged."
)
@click.option("--grouped", is_flag=True, help="What was recorded, by cause. Nothing is looked at.")
@click.option("--record", is_flag=True, help="Also record what changed since the last look.")
@click.option("--remove", "arns", multiple=True, metavar="ARN", help="Delete what is unmanaged.")
@click.option("--because", metavar="WORDS", help="With --remove: why; it is recorded.")
def command(
    environment: str | None,
    repo: Path,
    rev: str | None,
    sandbox: bool,
    form: str,
    everything: bool,
    imports: bool,
    grouped: bool,
    record: bool,
    arns: tuple[str, ...],
    because: str | None,
) -> None:
    """Say where the cloud is not as declared: changed, gone, or unmanaged.

    Nothing is changed, but for `--remove`. Unmanaged is what carries our tags and stands in no
    state. What is recorded is drift that is new, other than before, or gone; the same drift is not
    recorded twice.

    `--remove` deletes what is unmanaged, of kinds that hold no data, when nothing uses it and its
    own tags still name the environment. A human of the team that owns it may.

    \b
    Examples:
      reconciler drift acme-portal
      reconciler drift --all --format json
      reconciler drift acme-portal --imports
      reconciler drift --all --record
      reconciler drift --grouped
      reconciler drift acme-portal --remove ARN --because "Left over from a trial"

    Exit code 0: in sync; 12: drift; 1: it could not be told for one of them, or not be removed;
    10: you may not remove anything.
    """  # noqa: D301  # \b is click's mark for lines as they are
    if grouped:
        if environment or everything or imports or record:
            raise UsageError("usage", "`--grouped` shows what was recorded of all; give it alone")
        _grouped(repo, rev, form, sandbox=sandbox)
        return
    if everything is (environment is not None):
        raise UsageError("usage", "name one environment, or give `--all`")
    ports = build()
    if arns or because is not None:
        if environment is None or not arns or because is None or rev or form == "json":
            raise UsageError("usage", "`--remove` takes one environment, and `--because`")
        _remove(ports, repo, environment, arns, because, sandbox=sandbox)
        return
    tree = declared_tree(ports, repo, rev)
    settings = None if sandbox else only_agreed(ports, repo, tree)
    names = [environment] if environment else _names(tree)
    recorder = None
    if record:
        spec = settings or settings_of(tree)
        recorder = recorder_of(ports, repo, tree, spec, simulated=sandbox)
    with stopping_well(ports), progress("looking for drift") as step:
        found, failed = _look(ports, repo, tree, names, step, settings)
    if recorder is not None:
        for one in found:
            recorder.drift(one, tree.revision)
    if form == "json":
        click.echo(plan_json.drifted(found, [_unlooked(*one) for one in failed], simulated=sandbox))
    else:
        _print(found, imports=imports, sandbox=sandbox)
    plan_text.not_looked_at(errors(), [_unlooked(*one) for one in failed])
    if failed:
        stop_with(failed[0][1].exit if len(failed) == 1 else Exit.FAILURE)
    stop_with(Exit.OK if all(one.in_sync for one in found) else Exit.DRIFT)


def _print(found: list[Drift], *, imports: bool, sandbox: bool) -> None:
    """For people."""
    console = out()
    if sandbox:
        plan_text.simulated(console)
    for one in found:
        plan_text.drifted(console, one, again=again)
        if imports:
            console.out(plan_text.importing(one), end="", highlight=False)


def _remove(
    ports: Ports, repo: Path, name: str, arns: tuple[str, ...], because: str, *, sandbox: bool
) -> None:
    """Delete what somebody named, and say what is still there."""
    wanted = tuple(dict.fromkeys(arns))
    with stopping_well(ports):
        done, left = remove_by_hand(ports, repo, name, wanted, because_of(because), sandbox=sandbox)
    console = out()
    if sandbox:
        plan_text.simulated(console)
    plan_text.removed(console, done.removed, done.kept)
    plan_text.drifted(console, left, again=again)
    if done.kept:
        stop_with(Exit.FAILURE)
    stop_with(Exit.OK if left.in_sync else Exit.DRIFT)


def _grouped(repo: Path, rev: str | None, form: str, *, sandbox: bool) -> None:
    """By cause over all environments, as records tell it."""
    ports = build()
    tree = declared_tree(ports, repo, rev)
    spec = settings_of(tree)
    branch = spec.branches.records_of(simulated=sandbox)
    kept_at = "" if sandbox else spec.records.remote or ""
    records = trail(ports.record_store(repo, branch), branch, kept_at).records
    groups = causes_of(records, tree, ports.clock(simulated=sandbox)().replace(microsecond=0))
    if form == "json":
        click.echo(causes.as_json(groups, simulated=sandbox))
    else:
        console = out()
        if sandbox:
            plan_text.simulated(console)
        causes.as_text(console, groups)
    stop_with(Exit.OK if all(one.suppressed for one in groups) else Exit.DRIFT)


def _unlooked(name: str, error: ReconcilerError) -> Unlooked:
    return Unlooked(name, error.reason, error.message, again(error.hint))


def _names(tree: RepoTree) -> list[str]:
    return sorted(one.document.metadata.name for one in load_environments(tree, []))


def _look(  # one argument for each thing that is looked at
    ports: Ports,
    repo: Path,
    tree: RepoTree,
    names: list[str],
    step: object,
    settings: SettingsSpec | None,
) -> tuple[list[Drift], list[tuple[str, ReconcilerError]]]:
    """Several at once, as many as there are processors; one that fails does not stop others.

    Without settings it is the sandbox.
    """
    simulated = settings is None

    def look(one: Declared) -> Drift | ReconcilerError:
        try:
            building = building_of(ports, repo, one, simulated=simulated)
            return look_for_drift(building.site, one.rendered, building.cloud)
        except ReconcilerError as error:
            return error

    found: list[Drift] = []
    failed: list[tuple[str, ReconcilerError]] = []
    todo: list[Declared] = []
    for name in names:  # here: rendering is stopped by a timer, which only the main thread has
        try:
            todo.append(declared(ports, tree, name, settings))
        except ReconcilerError as error:
            failed.append((name, error))
    with ThreadPoolExecutor(ports.workers.jobs) as pool:
        try:
            results = zip(todo, pool.map(look, todo), strict=True)
            for done, (one, result) in enumerate(results, start=1):
                if isinstance(result, Drift):
                    found.append(result)
                else:
                    failed.append((one.name, result))
                if callable(step):
                    step(done, len(names))
        except KeyboardInterrupt:
            ports.stop_building()
            pool.shutdown(cancel_futures=True)
            raise
    return found, sorted(failed, key=lambda one: one[0])
