"""The entry point. Loads only the command that was asked for, so that `--help` answers at once."""

import errno
import gc
import io
import os
import sys
import tempfile
import traceback
from typing import Final

import click

from reconciler import __version__
from reconciler.cli.lazy import LazyGroup
from reconciler.errors import Exit, ReconcilerError

COMMANDS: Final = {
    "demo": "Tell the whole story in a scratch folder: the first five minutes.",
    "init": "Make a new environments repository with everything in place.",
    "new": "Write a new environment's document.",
    "validate": "Check every document of the repository; say all problems at once.",
    "list": "List the environments.",
    "show": "Show one environment with everything that applies to it.",
    "render": "Render Terraform and pipeline of one environment, or of all.",
    "affected": "Say which environments a range of commits touches, and why.",
    "check": "Judge a change, or everything: one verdict for each environment.",
    "explain": "Tell the whole story of one finding of a check.",
    "plan": "Say what applying an environment would do, and whether it may.",
    "apply": "Make the cloud as the target branch declares an environment.",
    "destroy": "Delete everything that an environment has in the cloud.",
    "drift": "Say where the cloud is not as declared.",
    "promote": "Propose what runs in an environment for the one that follows it.",
    "rollback": "Take an environment's document back to what was good.",
    "state": "Show what Terraform's state of an environment knows.",
    "lease": "Say who works on an environment now, or end that.",
    "sandbox": "A simulated cloud on this machine, without an account.",
    "run": "Keep every environment as declared: the controller.",
    "status": "Show every environment with what is so of it, since when, and why.",
    "extend": "Let an environment live longer, within what its profile allows.",
    "removal": "Tell what waits to be destroyed, and let it go.",
    "mr": "Propose, discuss, agree to and merge changes.",
    "freeze": "Stop everything, a track, an environment or an agent, at once.",
    "unfreeze": "Let move again what a freeze stopped.",
    "agent": "List agents, put one in quarantine, or release it.",
    "audit": "Say who did what, who could have, and why it was allowed.",
    "policy": "Test, list, explain and evaluate the rules.",
    "scan": "Look for secrets in files, in what is staged, or in every commit of a range.",
    "doctor": "Say whether everything is set up: the forge, and the tools.",
    "tools": "Install the tools that have environments of their own, or list them.",
    "schema": "Write JSON Schemas, so that an editor completes and checks documents.",
}


_OUTPUT_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@click.group(
    cls=LazyGroup,
    lines=COMMANDS,
    place=lambda name: (f"reconciler.cli.{name}_command", "command"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all well, 1 failure or problems found, 2 wrong usage, 10 denied,"
    " 11 approval needed, 12 drift, 13 indeterminate: something could not be judged.",
)
@click.version_option(__version__, prog_name="reconciler")
def cli() -> None:
    """Commits become running environments, and git keeps the audit trail."""


def main(argv: list[str] | None = None) -> None:
    """Run a command; turn every failure into words and an exit code."""
    # A command makes many values, keeps them and ends: collecting often finds nothing and costs.
    gc.set_threshold(100_000, 50, 50)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(args=argv, prog_name="reconciler", standalone_mode=False)
        if isinstance(code, int) and code:
            sys.exit(code)
        sys.stdout.flush()
    except click.ClickException as err:
        err.show()
        sys.exit(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; nothing is half done", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader went away, as `head` does. Python would complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except ReconcilerError as err:
        from reconciler.cli.screen import tell_failure

        tell_failure(err)
        sys.exit(err.exit)
    except OSError as err:
        if err.filename is None and err.errno not in _OUTPUT_FULL:
            sys.exit(_bug(err))
        if err.filename is None:
            # Python would complain again when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        what = "the output cannot be written" if err.filename is None else str(err.filename)
        click.echo(f"error: {what}: {err.strerror}", err=True)
        sys.exit(Exit.FAILURE)
    except Exception as err:  # noqa: BLE001  # the last resort
        sys.exit(_bug(err))


def _bug(err: Exception) -> int:
    """No traceback on the screen: it goes into a file that can be sent."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="reconciler-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(f"reconciler {__version__}, Python {sys.version}\n")
        traceback.print_exception(err, file=log)
    click.echo(f"bug: {type(err).__name__}: {err}", err=True)
    click.echo(f"  This is our fault. The details are in {log.name}; please send them.", err=True)
    return int(Exit.FAILURE)


if __name__ == "__main__":
    main()
