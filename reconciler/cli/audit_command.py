"""`reconciler audit`: what auditors ask of the records."""

import click

from reconciler.cli.audit_blame import blame_command
from reconciler.cli.audit_dora import dora_command
from reconciler.cli.audit_log import log_command, show_command
from reconciler.cli.audit_verify import COMMANDS
from reconciler.cli.audit_who import could_command, did_command


@click.group("audit")
def command() -> None:
    """Say who did what, who could have, and why it was allowed.

    Everything is read from git: the branch of records, and the commits of the target branch.

    \b
    Examples:
      reconciler audit log acme-portal --since 7d
      reconciler audit show 42
      reconciler audit verify
      reconciler audit replay --all
      reconciler audit who-did acme-portal
      reconciler audit who-could acme-portal --at 2026-11-02T13:00:00Z
      reconciler audit blame acme-portal spec.parameters.size
      reconciler audit dora --since 30d --by team
    """  # noqa: D301  # \b is click's mark for lines as they are


_OTHERS = (
    log_command,
    show_command,
    did_command,
    could_command,
    blame_command,
    dora_command,
)
for _one in (*_OTHERS, *COMMANDS):
    command.add_command(_one)
