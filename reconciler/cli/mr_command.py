"""`reconciler mr`: merge requests."""

from typing import Final

import click

from reconciler.cli.lazy import LazyGroup

_LINES: Final = {
    "check": "Look at a merge request, and say on it what is true.",
}


@click.group(
    "mr",
    cls=LazyGroup,
    lines=_LINES,
    place=lambda name: (f"reconciler.cli.mr_{name}_command", "command"),
)
def command() -> None:
    """Look at merge requests, and say on them what is true.

    \b
    Examples:
      reconciler mr check 7
      reconciler mr check --all
    """  # noqa: D301  # \b is click's mark for lines as they are
