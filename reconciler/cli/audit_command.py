"""`reconciler audit`: what auditors ask of the records."""

from typing import Final

import click

from reconciler.cli.lazy import LazyGroup

_LINES: Final = {
    "log": "List what happened, newest first; of one environment, or of all.",
    "show": "Tell everything about one record.",
    "verify": "Verify every record: nothing missing, forged, reordered or against the rules.",
    "replay": "Derive a decision again from what its record names, and compare the bytes.",
    "who-did": "Say who decided, approved, applied and overrode: how often, and when last.",
    "who-could": "Say who could change, approve, except or stop an environment at a time.",
    "blame": "Say who and what is behind the value that an attribute has now.",
    "dora": "Measure delivery: how often, how fast, how often it fails, how soon it is mended.",
    "export": "Export the evidence of a period: a page to print, JSON, or CSV.",
    "acknowledge": "Answer for breaks of the history, so that environments can be applied again.",
    "settle": "Say that an apply has ended whose machine is gone.",
    "anchor": "Anchor the history: a tag that says how far it has come.",
    "signers": "Print whose keys may sign, as git reads them.",
}
_MODULES: Final = {
    "log": "log",
    "show": "log",
    "who-did": "who",
    "who-could": "who",
    "blame": "blame",
    "dora": "dora",
    "export": "export",
}
_NAMES: Final = {"who-did": "did", "who-could": "could"}


def _place(name: str) -> tuple[str, str]:
    module = _MODULES.get(name, "verify")
    return f"reconciler.cli.audit_{module}", f"{_NAMES.get(name, name)}_command"


@click.group("audit", cls=LazyGroup, lines=_LINES, place=_place)
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
      reconciler audit export --format html --output evidence.html
    """  # noqa: D301  # \b is click's mark for lines as they are
