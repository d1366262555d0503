"""`reconciler destroy`."""

from pathlib import Path

import click

from reconciler.cli.apply_command import deliver, plan_option, yes_option
from reconciler.cli.building import sandbox_option, target_option
from reconciler.cli.screen import format_option, repo_option


@click.command("destroy")
@click.argument("environment")
@repo_option
@target_option
@sandbox_option
@format_option
@yes_option
@plan_option("Destroy without asking if planning gives this plan again; else nothing.")
def command(
    environment: str,
    repo: Path,
    rev: str | None,
    sandbox: bool,
    form: str,
    yes: bool,
    digest: str | None,
) -> None:
    """Delete everything that an environment has in the cloud.

    Its document stays: take it out by a merge request, or the next apply makes it anew.

    \b
    Examples:
      reconciler destroy pitch-acme
      reconciler destroy pitch-acme --sandbox --yes

    Exit code 0: done; 1: failed or interrupted; 10: denied; 11: needs approval; 13: not judged.
    """  # noqa: D301  # \b is click's mark for lines as they are
    deliver(environment, repo, rev, sandbox, form, yes, digest, destroy=True)
