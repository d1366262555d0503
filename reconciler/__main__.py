"""The first thing that runs, as `reconciler` and as `python -m reconciler`.

Until a command takes over, Ctrl-C ends the process and says nothing: Python would tell which import
it interrupted. So nothing is loaded here but what is built into Python, and nothing else of ours
imports this: whoever uses the package keeps their own signals. Where Ctrl-C is ignored, as in the
background, it stays so.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` gives names to
import _thread
import sys
import time

_SOON = 0.05


def main() -> None:
    """Run the program."""
    _hold()
    from reconciler.cli.main import main as run  # noqa: PLC0415  # it takes its time

    try:
        run(taking_over=_release)
    except KeyboardInterrupt:
        # Where the command was through, and before it could be held.
        _hold()
        _signal.raise_signal(_signal.SIGINT)
    finally:
        _hold()


def _hold() -> None:
    _change(_signal.default_int_handler, _signal.SIG_DFL)


def _release() -> None:
    _change(_signal.SIG_DFL, _signal.default_int_handler)
    sys.unraisablehook = _dropped


def _dropped(what: "sys.UnraisableHookArgs") -> None:
    """Python drops what is raised in a callback of its own, as after an import. It comes again."""
    if isinstance(what.exc_value, KeyboardInterrupt):
        _thread.start_new_thread(_again, ())
    else:
        sys.__unraisablehook__(what)


def _again() -> None:
    time.sleep(_SOON)
    _thread.interrupt_main()


def _change(old: object, new: object) -> None:
    if _signal.getsignal(_signal.SIGINT) == old:
        _signal.signal(_signal.SIGINT, new)


if __name__ == "__main__":
    main()
