"""`reconciler completion`."""

from typing import Final

import click
from click.shell_completion import get_completion_class

_SHELLS: Final = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> None:
    """Print what makes a shell complete commands, options and names.

    Names are those of environments, tracks, teams, agents and local merge requests of the
    repository that one stands in.

    \b
    Examples:
      eval "$(reconciler completion bash)"                     in ~/.bashrc
      eval "$(reconciler completion zsh)"                      in ~/.zshrc, after compinit
      reconciler completion fish > ~/.config/fish/completions/reconciler.fish
    """  # noqa: D301  # \b is click's mark for lines as they are
    from reconciler.cli.main import cli

    found = get_completion_class(shell)
    if found is None:  # click knows these three
        raise click.BadParameter(shell)
    completion = found(cli, {}, "reconciler", "_RECONCILER_COMPLETE")
    # Not `source()`: for bash that starts a bash, to ask it for its version.
    click.echo(completion.source_template % completion.source_vars())
