"""`reconciler apply` and `reconciler destroy`: they share every step."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import click
from rich.console import Console

from reconciler.app.agreed import Applied, given_to
from reconciler.app.deliver import Decided, delivering, heard
from reconciler.app.deployments import Telling
from reconciler.app.doubt import sure_of
from reconciler.app.record import Recorder, recorded_apply, settle_cut_off
from reconciler.app.terraform import agreed
from reconciler.cli.again import again
from reconciler.cli.building import (
    OUTCOMES,
    Declared,
    building_of,
    declared,
    declared_tree,
    hearing,
    only_agreed,
    sandbox_option,
    standing,
    stopping_well,
    target_option,
)
from reconciler.cli.check_command import EXITS
from reconciler.cli.recording import record_refusal, recorder_of
from reconciler.cli.reviewing import room_of
from reconciler.cli.screen import err, format_option, out, repo_option, stop_with
from reconciler.core.records.facts import Action
from reconciler.core.records.words import line
from reconciler.core.redact import Redactor, hidden
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.model.decision import Decision, Verdict
from reconciler.model.merge_request import Deployment, DeploymentState
from reconciler.model.plan import Plan
from reconciler.model.run import Outcome
from reconciler.model.settings import SettingsSpec
from reconciler.ports import RepoTree
from reconciler.report import check_json, check_text, plan_json, plan_text, text
from reconciler.wiring import Ports, build

F = TypeVar("F", bound=Callable[..., object])
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def _of_a_plan(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _DIGEST.fullmatch(value):
        msg = (
            f"`{value}` is no digest of a plan: `sha256:` and 64 hexadecimal digits,"
            " as `reconciler plan` prints it"
        )
        raise click.BadParameter(msg)
    return value


def plan_option(help_: str) -> Callable[[F], F]:
    """`--plan`: who names the plan's digest has agreed to that plan, and to no other."""
    return click.option("--plan", "digest", metavar="DIGEST", callback=_of_a_plan, help=help_)


again_option = click.option(
    "--make-again",
    "make_again",
    multiple=True,
    metavar="ADDRESS",
    help="Make it, though an earlier apply began to and nobody knows whether it is there.",
)


@click.command("apply")
@click.argument("environment")
@repo_option
@target_option
@sandbox_option
@format_option
@yes_option
@plan_option(
    "Apply without asking if planning gives this plan again, as `reconciler plan` printed it;"
    " else nothing."
)
@again_option
def command(
    environment: str,
    repo: Path,
    rev: str | None,
    sandbox: bool,
    form: str,
    yes: bool,
    digest: str | None,
    make_again: tuple[str, ...],
) -> None:
    """Make the cloud as the target branch declares an environment.

    Judges, plans, judges the plan, and asks; then applies that very plan. Who names the plan by
    `--plan` has agreed to it, and is not asked. Without an allowing decision nothing is applied.
    Where others have to agree, it counts what they agreed to, with that very plan, on the merge
    request that brought the commit. In the sandbox nobody has to agree: nothing there is real. What
    an earlier apply began to make, and nobody knows the end of, is looked for in the cloud before
    it is made: nothing is made twice.

    \b
    Examples:
      reconciler apply pitch-acme
      reconciler apply pitch-acme --plan sha256:5d0c...
      reconciler apply pitch-acme --sandbox --yes

    Exit code 0: done; 1: failed or interrupted; 10: denied; 11: needs approval; 13: not judged.
    """  # noqa: D301  # \b is click's mark for lines as they are
    deliver(environment, repo, rev, sandbox, form, yes, digest, make_again, destroy=False)


def deliver(
    environment: str,
    repo: Path,
    rev: str | None,
    sandbox: bool,
    form: str,
    yes: bool,
    digest: str | None,
    make_again: tuple[str, ...] = (),
    *,
    destroy: bool,
) -> None:
    """Both commands."""
    action: Action = "destroy" if destroy else "apply"
    if form == "json" and not yes and digest is None:
        raise UsageError("usage", "`--format json` cannot ask", hint="give `--plan` or `--yes`")
    ports = build()
    tree = declared_tree(ports, repo, rev)
    settings = None if sandbox else _agreed_settings(ports, repo, tree, environment, action)
    one = declared(ports, tree, environment, settings)
    screen = _Screen(out(), environment, sandbox=sandbox, shown=form == "text", destroy=destroy)
    screen.begin()
    recorder = _recorder(ports, repo, tree, one, sandbox=sandbox)
    outcome: Outcome | None = None
    settled: tuple[Outcome, ...] = ()
    nothing = False
    untold: ReconcilerError | None = None
    telling = None if sandbox else _telling(ports, repo, one)
    with standing(ports, repo, tree.revision, environment) as checked, stopping_well(ports):
        building = building_of(ports, repo, one, simulated=sandbox)
        hear = hearing(err(), Redactor(), show=screen.shown)
        with delivering(checked, environment, building.site, destroy=destroy, hear=hear) as found:
            if isinstance(found, Decided) and not sandbox:
                found = _heard(ports, repo, one, recorder, found)  # noqa: PLW2901  # the same, decided
            decision = found.decision
            may = _may(decision, sandbox=sandbox)
            if not isinstance(found, Decided):
                recorder.decided(decision, found.question, action=action)
            else:
                plan, settled = found.planned.plan, found.planned.before
                settle_cut_off(recorder, found, tree.revision)
                screen.planned(found, may=may)
                if may and not plan.empty:
                    sure = sure_of(found.planned, building.cloud, make_again)
                    screen.agree(plan, digest, yes=yes)
                    hear = hearing(err(), found.planned.redact, show=screen.shown)
                    outcome, untold = recorded_apply(
                        recorder, found, one.rendered, action, hear, sure, telling or _nobody
                    )
                elif may:
                    outcome, nothing = _nothing(found), True
                else:
                    recorder.decided(decision, found.question, plan, action=action)
    if outcome is None:
        _refuse(decision, form)
        return
    if form == "json":
        click.echo(plan_json.applied(outcome, settled, simulated=sandbox))
    elif not nothing:
        screen.applied(outcome)
    if telling is not None and telling.untold:
        text.said(err(), f"The forge was not told what became of this: {telling.untold}")
    if untold is not None:
        raise untold
    stop_with(OUTCOMES[outcome.result])


def _recorder(
    ports: Ports, repo: Path, tree: RepoTree, one: Declared, *, sandbox: bool
) -> Recorder:
    """The history may rest on newer commits of the target branch than what is applied again."""
    newest = tree if sandbox else declared_tree(ports, repo, None)
    return recorder_of(ports, repo, newest, one.spec, simulated=sandbox)


def _heard(ports: Ports, repo: Path, one: Declared, recorder: Recorder, found: Decided) -> Decided:
    """With what people agreed to, where somebody's agreement is all that is missing."""
    if found.decision.verdict is not Verdict.NEEDS_APPROVAL:
        return found
    applied = recorder.records.status(one.name).get("applied")
    since = str(applied.get("commit", "")) if isinstance(applied, dict) else ""
    try:
        room = room_of(ports, repo, plan=False, sandbox=False, post=False)
        what = Applied(one.name, one.path, one.revision, since)
        return heard(found, given_to(room, ports.commits(repo), what))
    except ReconcilerError as error:  # nobody is known to have agreed, so nobody has
        text.said(err(), f"No approval could be read: {line(hidden(error.message), 300)}")
        return found


def _telling(ports: Ports, repo: Path, one: Declared) -> Telling | None:
    """Tells a server of an apply; None: the forge is this repository, whose records tell."""
    if one.spec.forge.kind == "local":
        return None
    about = Deployment(
        one.name, one.revision, one.spec.branches.target, "running", one.stage == "production"
    )
    return Telling(lambda: ports.forge(repo, one.spec), about)


def _nobody(_state: DeploymentState) -> None:
    """There is nobody to tell."""


def _agreed_settings(
    ports: Ports, repo: Path, tree: RepoTree, environment: str, action: Action
) -> SettingsSpec:
    try:
        return only_agreed(ports, repo, tree)
    except UsageError as refused:
        if refused.reason == "not-agreed":
            what = f"{action} {environment} as {tree.revision[:12]} has it"
            record_refusal(ports, repo, tree, environment, what, refused)
        raise


@dataclass(frozen=True, slots=True)
class _Screen:
    """What a person sees on the way."""

    console: Console
    environment: str
    sandbox: bool
    shown: bool
    destroy: bool

    def begin(self) -> None:
        """Before anything else: whether it is real."""
        if self.sandbox and self.shown:
            plan_text.simulated(self.console)

    def planned(self, found: Decided, *, may: bool) -> None:
        """The plan, and what stands in its way."""
        if not self.shown:
            return
        plan_text.settled(self.console, found.planned.before)
        plan_text.planned(self.console, found.planned.plan, again=again)
        plan_text.doubted(self.console, found.planned.doubts)
        if found.planned.plan.empty:
            words = "There is nothing to destroy." if self.destroy else "It is as declared."
            text.said(self.console, words)
        elif may and found.decision.verdict is not Verdict.ALLOW:
            text.said(self.console, plan_text.NOBODY_HAS_TO_AGREE)

    def applied(self, outcome: Outcome) -> None:
        """What came of it."""
        plan_text.applied(
            self.console, outcome, destroyed=self.destroy, simulated=self.sandbox, again=again
        )

    def agree(self, plan: Plan, digest: str | None, *, yes: bool) -> None:
        """Go on only with the plan that was named, or that somebody says yes to."""
        if digest is not None:
            agreed(plan, digest, "destroy" if self.destroy else "plan")
        elif not yes:
            self.ask(plan.digest)

    def ask(self, digest: str) -> None:
        """A destroy wants the name: nobody types it by accident."""
        try:
            agreed = self._agreed()
        except click.Abort:
            if sys.stdin.isatty():  # Ctrl-C
                raise
            click.echo(err=True)
            raise UsageError(
                "usage",
                "there is nobody to ask",
                hint=f"give `--plan {digest}` for this very plan, or `--yes`",
            ) from None
        if not agreed:
            text.said(self.console, "Nothing was applied.")
            stop_with(Exit.FAILURE)

    def _agreed(self) -> bool:
        if not self.destroy:
            return click.confirm(f"Apply this to {self.environment}?", err=True)
        words = f"Type {self.environment} to destroy it"
        typed: str = click.prompt(words, default="", show_default=False, err=True)
        return typed == self.environment


def _nothing(found: Decided) -> Outcome:
    """What an apply comes to that has nothing to do."""
    plan, state = found.planned.plan, found.planned.state
    mark = state.mark if state else None
    outputs = state.outputs if state else ()
    done = Outcome(plan.environment, "done", plan.digest, (), (), (), (), (), mark, plan.engine)
    return replace(done, outputs=outputs)


def _may(decision: Decision, *, sandbox: bool) -> bool:
    allowed = {Verdict.ALLOW, Verdict.NEEDS_APPROVAL} if sandbox else {Verdict.ALLOW}
    return decision.verdict in allowed


def _refuse(decision: Decision, form: str) -> None:
    if form == "json":
        click.echo(check_json.refused(decision))
    else:
        check_text.decided(out(), decision)
        text.said(out(), "Nothing was applied.")
    stop_with(EXITS[decision.verdict])
