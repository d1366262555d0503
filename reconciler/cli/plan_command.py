"""`reconciler plan`."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click

from reconciler.app.deliver import Decided, delivering
from reconciler.app.otherwise import recorded, remember
from reconciler.cli.again import again
from reconciler.cli.building import (
    Declared,
    building_of,
    declared,
    hearing,
    sandbox_option,
    settings_of,
    stopping_well,
)
from reconciler.cli.check_command import EXITS
from reconciler.cli.checking import Asked, Done, judged
from reconciler.cli.screen import (
    err,
    format_option,
    out,
    progress,
    repo_option,
    rev_option,
    stop_with,
    write_file,
)
from reconciler.core.known import known_of
from reconciler.core.records.facts import AGREED
from reconciler.core.redact import Redactor
from reconciler.errors import ReconcilerError
from reconciler.model.decision import Verdict
from reconciler.model.difference import Difference
from reconciler.model.plan import Plan
from reconciler.report import check_json, check_text, difference, late, plan_json, plan_text, text
from reconciler.wiring import Ports, build


def _files(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[Path, ...]:
    for value in values:
        form, _, file = value.partition("=")
        if form != "terraform" or not file:
            msg = f"`{value}` is not terraform=FILE"
            raise click.BadParameter(msg)
    return tuple(Path(value.partition("=")[2]) for value in values)


def _waiting(ports: Ports, repo: Path, one: Declared, plan: Plan) -> tuple[Difference | None, str]:
    """Where the last apply was refused for want of agreement, and would be for this plan.

    What differs from what was agreed to for it, and how people agree.
    """
    try:
        records = ports.records(repo, one.spec, simulated=False)
        since = recorded(records.file(one.name, AGREED), plan)
        waits = known_of(one.name, records.status(one.name)).waits == plan.digest
    except (LookupError, ReconcilerError):
        return None, ""  # it is told beside; who applies looks at records in earnest
    return since, late.how(one.name, plan.digest, request=None) if waits else ""


def _ahead_of(done: Done, one: Declared, rev: str | None, *, simulated: bool) -> str:
    """The target branch, where what was planned is not on it and `apply` would not take it."""
    if not done.report.changing or (simulated and rev is not None):
        return ""  # in the sandbox any commit may be tried
    return one.spec.branches.target


@click.command("plan")
@click.argument("environment")
@repo_option
@rev_option
@sandbox_option
@format_option
@click.option("--whole", is_flag=True, help="Show every attribute of every change.")
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="terraform=FILE",
    callback=_files,
    help="Also write GitLab's report of a plan to a file, when there is a plan.",
)
def command(
    environment: str,
    repo: Path,
    rev: str | None,
    sandbox: bool,
    form: str,
    whole: bool,
    reports: tuple[Path, ...],
) -> None:
    """Say what applying an environment would do, and whether it may.

    The static gates come first: what they deny is not planned. Then Terraform plans, the gates look
    at the plan, and the decision is made. Nothing is changed.

    \b
    Examples:
      reconciler plan pitch-acme
      reconciler plan pitch-acme --rev my-branch --format json
      reconciler plan pitch-acme --sandbox
      reconciler plan pitch-acme --report terraform=plan.json

    Exit code 0: allowed; 10: denied; 11: needs approval; 13: a gate could not say.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    tree = ports.repository(repo).snapshot(rev)
    one = declared(ports, tree, environment)
    now = ports.clock(simulated=sandbox)().replace(microsecond=0)
    console = out()
    if sandbox and form == "text":
        plan_text.simulated(console)
    asked = Asked(
        repo,
        None,
        rev,
        everything=False,
        environments=(environment,),
        now=now,
        records="none" if sandbox else "here",
    )
    with judged(ports, asked, standing=environment) as done, stopping_well(ports):
        # Where state is kept and how accounts are entered, the target branch says: a change that
        # names another place would be sent the credentials for it.
        one = replace(one, spec=settings_of(done.target))
        site = building_of(ports, repo, one, simulated=sandbox).site
        gone = site.gone(environment)
        if gone and form == "text":
            text.said(console, f"Nothing of {environment} is there any more: {gone}.")
        hear = hearing(err(), Redactor(), show=False)
        with ExitStack() as stack:
            with progress("planning"):
                run = delivering(done.checked, environment, site, hear=hear)
                found = stack.enter_context(run)
            if isinstance(found, Decided):
                planned = found.planned
                since, agree = None, ""
                if not sandbox:
                    remember(ports.kept.cache, planned.plan)
                    if rev is None:
                        since, agree = _waiting(ports, repo, one, planned.plan)
                for file in reports:
                    data = plan_json.terraform_report(planned.plan).encode()
                    write_file(file.parent, file.name, data)
                if form == "json":
                    click.echo(
                        plan_json.planned(
                            planned.plan,
                            found.decision,
                            planned.before,
                            planned.doubts,
                            since,
                            simulated=sandbox,
                        )
                    )
                else:
                    plan_text.settled(console, planned.before)
                    plan_text.planned(console, planned.plan, whole=whole, again=again)
                    plan_text.doubted(console, planned.doubts)
                    check_text.decided(console, found.decision)
                    if since is not None:
                        difference.shown(console, since)
                    if agree and found.decision.verdict is Verdict.NEEDS_APPROVAL:
                        text.said(console, f"It is merged, and waits. Who may, agrees: {agree}")
                    plan_text.to_apply(
                        console,
                        planned.plan,
                        found.decision,
                        simulated=sandbox,
                        ahead_of=_ahead_of(done, one, rev, simulated=sandbox),
                        again=again,
                    )
            elif form == "json":
                click.echo(check_json.refused(found.decision))
            else:
                check_text.decided(console, found.decision)
                text.said(console, plan_text.unplanned(found.decision))
            code = EXITS[found.decision.verdict]
    stop_with(code)
