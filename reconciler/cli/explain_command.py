"""`reconciler explain`."""

from datetime import datetime
from pathlib import Path

import click

from reconciler.cli.checking import Asked, range_options, tell
from reconciler.cli.screen import format_option, out, repo_option
from reconciler.report import check_json, check_text
from reconciler.wiring import build


@click.command("explain")
@click.argument("fingerprint")
@repo_option
@range_options
@format_option
def command(
    fingerprint: str,
    repo: Path,
    base: str | None,
    head: str | None,
    everything: bool,
    environments: tuple[str, ...],
    now: datetime,
    form: str,
) -> None:
    """Tell the whole story of one finding of a check.

    What it says, the lines that it is about, why it weighs what it weighs, what mends it, and what
    would except it. The check is made again, so give the same range.
    A rule stands for its finding where there is only one.

    \b
    Examples:
      reconciler explain 3bc9b5c74007
      reconciler explain SEC014
      reconciler explain 3bc9b5c74007 --base main --head fix
      reconciler explain 3bc9b5c74007 --all --format json
    """  # noqa: D301  # \b is click's mark for lines as they are
    story = tell(build(), Asked(repo, base, head, everything, environments, now), fingerprint)
    if form == "json":
        click.echo(check_json.explained(story))
    else:
        check_text.explained(out(), story)
