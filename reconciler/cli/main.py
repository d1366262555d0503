"""The entry point. Loads only the command that was asked for, so that `--help` answers at once."""

import errno
import gc
import io
import os
import sys
from collections.abc import Callable
from typing import Any, Final, TextIO

import click

from reconciler.cli.again import forget
from reconciler.cli.lazy import LazyGroup
from reconciler.cli.voice import VOICE, begin, voice_options
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
    "doctor": "Say whether everything that is needed is there, and how to mend what is not.",
    "tools": "Install the tools that have environments of their own, or list them.",
    "schema": "Write JSON Schemas, so that an editor completes and checks documents.",
    "completion": "Print what makes a shell complete commands, options and names.",
    "man": "Print the manual page.",
}


_OUTPUT_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
_STREAMS: Final = (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))
"""How `/dev/null` stands in for a stream that was closed. What is written to the output fails."""


def _version(context: click.Context, _option: click.Parameter, wanted: Any) -> None:
    if wanted and not context.resilient_parsing:
        from reconciler import __version__

        click.echo(f"reconciler, version {__version__}")
        context.exit()


@click.group(
    cls=LazyGroup,
    lines=COMMANDS,
    place=lambda name: (f"reconciler.cli.{name}_command", "command"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        *voice_options(hidden=False),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Show the version and exit.",
        ),
    ],
    epilog="Options that stand here may also stand behind the command."
    " Exit codes: 0 all well, 1 failure or problems found, 2 wrong usage, 10 denied,"
    " 11 approval needed, 12 drift, 13 indeterminate: something could not be judged.",
)
def cli() -> None:
    """Commits become running environments, and git keeps the audit trail.

    \b
    Examples:
      reconciler init environments-repo
      reconciler doctor
      reconciler check --verbose
    """  # noqa: D301  # \b is click's mark for lines as they are


def main(argv: list[str] | None = None, *, taking_over: Callable[[], None] = lambda: None) -> None:
    """Run a command; turn every failure into words and an exit code.

    `taking_over`: called when a Ctrl-C is told in words from now on (`reconciler.__main__`).
    """
    # A command makes many values, keeps them and ends: collecting often finds nothing and costs.
    gc.set_threshold(100_000, 50, 50)
    _open_streams()
    arguments = sys.argv[1:] if argv is None else argv
    begin(arguments)
    forget()
    code = _run(arguments, taking_over)
    VOICE.ended(code)
    if code:
        sys.exit(code)


def _open_streams() -> None:
    """Whoever closed one of them must not get a file of ours in its place."""
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            with_null = os.open(os.devnull, mode)
            if with_null != number:
                os.dup2(with_null, number)
                os.close(with_null)
            writing = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, writing, encoding="utf-8", closefd=False))  # noqa: SIM115  # it stays open
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(argv: list[str], taking_over: Callable[[], None]) -> int:
    """The exit code. What went wrong was told; where even that cannot be written, by the code."""
    try:
        taking_over()
        try:
            code = cli.main(args=argv, prog_name="reconciler", standalone_mode=False)
        except click.ClickException as err:
            code = _misused(err, argv)
        except ReconcilerError as err:
            from reconciler.cli.screen import tell_failure

            code = int(err.exit)
            tell_failure(err)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return _stopped()
    except BrokenPipeError:
        # The reader went away, as `head` does.
        _give_up(sys.stdout)
        return 141
    except OSError as err:
        if err.filename is None and err.errno not in _OUTPUT_FULL:
            return _bug(err, argv)
        if err.filename is None:
            _give_up(sys.stdout)
        what = "the output cannot be written" if err.filename is None else str(err.filename)
        _complain(f"error: {what}: {err.strerror}")
        return Exit.FAILURE
    except Exception as err:  # noqa: BLE001  # the last resort
        return _stopped() if _wraps_ctrl_c(err) else _bug(err, argv)
    return code if isinstance(code, int) else Exit.OK


def _stopped() -> int:
    _complain("stopped; nothing is half done")
    return 130


def _wraps_ctrl_c(err: BaseException | None) -> bool:
    """What a class was being made when it came makes an error of it: pydantic one that names it."""
    while err is not None and not isinstance(err, KeyboardInterrupt):
        if type(err).__name__ == "SchemaError" and "KeyboardInterrupt" in str(err):
            return True
        err = err.__cause__
    return err is not None


def _misused(err: click.ClickException, argv: list[str]) -> int:
    if isinstance(err, click.exceptions.NoArgsIsHelpError):
        err.show()
        return int(Exit.USAGE)
    from reconciler.cli.misuse import as_ours
    from reconciler.cli.screen import remember_asked, tell_failure

    remember_asked(argv)
    tell_failure(as_ours(err, argv))
    return int(Exit.USAGE)


def _complain(words: str) -> None:
    if VOICE.log_json:
        VOICE.log().failed(words)
        return
    try:
        click.echo(words, err=True)
    except OSError:
        _give_up(sys.stderr)


def _bug(err: Exception, argv: list[str]) -> int:
    from reconciler.cli.bug import tell_bug

    try:
        tell_bug(err, argv, cli)
    except OSError:
        _give_up(sys.stderr)
    return Exit.FAILURE


def _give_up(stream: TextIO) -> None:
    """Nobody reads it any more. Python would complain again when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
