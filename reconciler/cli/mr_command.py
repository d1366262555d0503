"""`reconciler mr`: merge requests."""

from typing import Final

import click

from reconciler.cli.lazy import LazyGroup

_LINES: Final = {
    "open": "Open a merge request for the current branch.",
    "list": "List the open merge requests.",
    "show": "Tell everything about one merge request.",
    "diff": "Show what it changes, as git has it.",
    "approve": "Agree to its last commit, and to plans.",
    "unapprove": "Agree to it no more.",
    "comment": "Say something in it.",
    "close": "Give it up.",
    "reopen": "Take it up again.",
    "merge": "Bring it into its target branch, when everything is allowed.",
    "check": "Look at a merge request, and say on it what is true.",
    "watch": "Keep looking at all of them, and do what is ordered in notes.",
}
_MODULES: Final = {
    "open": "open",
    "close": "open",
    "reopen": "open",
    "list": "read",
    "show": "read",
    "diff": "read",
    "approve": "agree",
    "unapprove": "agree",
    "comment": "agree",
    "merge": "merge",
    "watch": "watch",
}


@click.group(
    "mr",
    cls=LazyGroup,
    lines=_LINES,
    place=lambda name: (
        (f"reconciler.cli.mr_{_MODULES[name]}", f"{name}_command")
        if name in _MODULES
        else (f"reconciler.cli.mr_{name}_command", "command")
    ),
)
def command() -> None:
    """Propose, discuss, agree to and merge changes.

    Merge requests live at the forge that reconciler.yaml names. The local forge keeps them in the
    repository itself: in `origin` where there is one, else here.

    \b
    Examples:
      reconciler mr open
      reconciler mr list
      reconciler mr diff 7
      reconciler mr approve 7
      reconciler mr check 7
      reconciler mr merge 7
    """  # noqa: D301  # \b is click's mark for lines as they are
