"""`reconciler audit blame`."""

from pathlib import Path

import click

from reconciler.app.audit.blame import Repo, blame, no_target
from reconciler.cli.auditing import audit, records_option
from reconciler.cli.screen import format_option, out, repo_option, stop_with
from reconciler.errors import Exit
from reconciler.report import audit_json, audit_text, plan_text


@click.command("blame")
@click.argument("environment")
@click.argument("attribute")
@repo_option
@records_option
@format_option
def blame_command(environment: str, attribute: str, repo: Path, sandbox: bool, form: str) -> None:
    """Say who and what is behind the value that an attribute has now.

    The attribute is one of the environment's document, or one of Terraform as it was applied last.

    \b
    Examples:
      reconciler audit blame acme-portal spec.parameters.size
      reconciler audit blame acme-portal aws_s3_bucket.logs.force_destroy
      reconciler audit blame acme-portal metadata.labels.customer --format json

    Exit code 0: told; 1: it cannot be told which commit it was; 2: there is no such attribute.
    """  # noqa: D301  # \b is click's mark for lines as they are
    asked = audit(repo, sandbox=sandbox)
    if asked.target is None:
        raise no_target()
    where = Repo(
        asked.trail, asked.target, asked.ports.commits(repo), asked.repository.git.snapshot
    )
    found = blame(where, environment, attribute)
    if form == "json":
        click.echo(audit_json.blamed(found))
    else:
        console = out()
        if sandbox:
            plan_text.simulated(console)
        audit_text.blamed(console, found)
    stop_with(Exit.OK if found.origin is not None else Exit.FAILURE)
