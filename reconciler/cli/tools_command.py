"""`reconciler tools`."""

import click

from reconciler.cli.screen import err, format_option, out
from reconciler.report import as_json, text
from reconciler.wiring import build


@click.group("tools")
def command() -> None:
    """Install the tools that have environments of their own, or list them.

    \b
    Examples:
      reconciler tools list
      reconciler tools install

    A tool is made from a lock file that names each package with its hash, and shares nothing with
    reconciler or with other tools.
    """  # noqa: D301  # \b is click's mark for lines as they are


@command.command("install")
@click.argument("names", nargs=-1, metavar="[TOOL]...")
@click.option("--again", is_flag=True, help="Make it anew, also when it is there.")
@format_option
def install(names: tuple[str, ...], form: str, *, again: bool) -> None:
    """Install tools; all of them when none is named.

    \b
    Examples:
      reconciler tools install
      reconciler tools install checkov --again

    Takes about a minute the first time. What is there already stays; what was interrupted is made
    anew.
    """  # noqa: D301  # \b is click's mark for lines as they are
    toolbox, console = build().toolbox(), err()
    wanted = names or tuple(one.name for one in toolbox.tools())
    done = [
        toolbox.install(name, lambda words: text.said(console, words), again=again)
        for name in wanted
    ]
    if form == "json":
        click.echo(as_json.tools(done))


@command.command("list")
@format_option
def list_tools(form: str) -> None:
    """List the tools, and whether they are installed.

    \b
    Examples:
      reconciler tools list
    """  # noqa: D301  # \b is click's mark for lines as they are
    tools = build().toolbox().tools()
    if form == "json":
        click.echo(as_json.tools(tools))
    else:
        text.tools(out(), tools)
