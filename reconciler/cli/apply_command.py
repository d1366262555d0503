"""`reconciler apply` and `reconciler destroy`: they share every step."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import click
from rich.console import Console

from reconciler.app.deliver import Decided
from reconciler.app.otherwise import since_then, stale
from reconciler.app.terraform import agreed
from reconciler.cli import delivery
from reconciler.cli.again import again
from reconciler.cli.building import OUTCOMES, hearing, sandbox_option, target_option
from reconciler.cli.check_command import EXITS
from reconciler.cli.controlling import spec_of
from reconciler.cli.delivery import Wish
from reconciler.cli.screen import err, format_option, out, repo_option, stop_with
from reconciler.core.redact import Redactor
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.model.decision import Decision, Verdict
from reconciler.model.difference import Difference
from reconciler.model.plan import Plan
from reconciler.model.record import ApplyEnded
from reconciler.model.run import Outcome
from reconciler.ports import Hear
from reconciler.report import check_json, check_text, difference, plan_json, plan_text, text
from reconciler.wiring import Ports, build

F = TypeVar("F", bound=Callable[..., object])
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_THEN: Final = "The plan that you named was applied already."
_FAR: Final = 1000
"""So many records of an environment are looked through for a plan that was applied."""
_DECLARED: Final = (
    "Its document still declares it: take it out by a merge request, or the next apply makes it"
    " anew."
)
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
    if form == "json" and not yes and digest is None:
        raise UsageError("usage", "`--format json` cannot ask", hint="give `--plan` or `--yes`")
    ports = build()
    screen = _Screen(
        out(),
        environment,
        digest,
        sandbox=sandbox,
        shown=form == "text",
        destroy=destroy,
        yes=yes,
        since=partial(since_then, ports.kept.cache),
    )
    screen.begin()
    wish = Wish(environment, rev, sandbox, destroy, make_again)
    done = delivery.deliver(ports, repo, wish, screen)
    if done.outcome is None:
        _refuse(done.decision, form, done.otherwise, done.agree)
        return
    if done.nothing and digest not in (None, done.outcome.plan):
        _was_applied(ports, repo, environment, digest, sandbox=sandbox)
        text.said(err(), _THEN)
    if form == "json":
        click.echo(plan_json.applied(done.outcome, done.settled, simulated=sandbox))
    elif not done.nothing:
        screen.applied(done.outcome)
        if destroy and rev is None and done.outcome.result == "done":
            text.said(screen.console, _DECLARED)
    if done.unrecorded is not None:
        raise done.unrecorded
    stop_with(OUTCOMES[done.outcome.result])


def _was_applied(
    ports: Ports, repo: Path, environment: str, digest: str | None, *, sandbox: bool
) -> None:
    """Whoever runs it again finds it done; a plan that was never applied is not what is there."""
    records = ports.records(repo, spec_of(ports, repo), simulated=sandbox)
    for kept in islice(records.of_environment(environment), _FAR):
        body = kept.record.body
        if isinstance(body, ApplyEnded) and (body.plan, body.result) == (digest, "done"):
            return
    raise ReconcilerError(
        "another-plan",
        f"nothing is to be done to {environment}, and the plan that was named is not what is"
        " there: it was never applied",
        hint="a plan of what is not merged is applied once that is:"
        f" `reconciler plan {environment}` tells what is to be done now",
        subject=environment,
    )


@dataclass(frozen=True, slots=True)
class _Screen:
    """What a person sees on the way."""

    console: Console
    environment: str
    digest: str | None
    """The plan that was named."""
    sandbox: bool
    shown: bool
    destroy: bool
    yes: bool
    since: Callable[[str, Plan], Difference | None] = lambda _digest, _plan: None
    """What differs from a plan that was looked at here."""

    def hearing(self, redact: Redactor) -> Hear:
        """Each resource, as it happens."""
        return hearing(err(), redact, show=self.shown)

    def said(self, words: str) -> None:
        """Beside what is printed."""
        text.said(err(), words)

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

    def agree(self, plan: Plan) -> None:
        """Go on only with the plan that was named, or that somebody says yes to."""
        if self.digest is not None:
            if self.digest != plan.digest and self.shown:
                found = self.since(self.digest, plan)
                if found is not None:
                    difference.shown(self.console, found)
            agreed(plan, self.digest, "destroy" if self.destroy else "plan")
        elif not self.yes:
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
            text.said(self.console, f"Nothing was {'destroyed' if self.destroy else 'applied'}.")
            stop_with(Exit.FAILURE)

    def _agreed(self) -> bool:
        if not self.destroy:
            return click.confirm(f"Apply this to {self.environment}?", err=True)
        words = f"Type {self.environment} to destroy it"
        typed: str = click.prompt(words, default="", show_default=False, err=True)
        return typed == self.environment


def _refuse(decision: Decision, form: str, otherwise: Difference | None, agree: str) -> None:
    if form == "json":
        click.echo(check_json.refused(decision, otherwise))
    else:
        check_text.decided(out(), decision)
        if otherwise is not None:
            difference.shown(out(), otherwise)
        elif stale(decision) is not None:
            text.said(out(), difference.UNKNOWN)
        if agree:
            text.said(out(), f"Who looked at it, and may, agrees: {agree}")
        text.said(out(), "Nothing was applied.")
    stop_with(EXITS[decision.verdict])
