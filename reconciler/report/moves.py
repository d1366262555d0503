"""Promotions and rollbacks: for merge requests, people and programs.

In merge requests what documents say stands in code spans.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.console import Console

from reconciler.model.base import format_timestamp
from reconciler.model.move import Green, Move, Promoted, RolledBack
from reconciler.report import as_json, merge_request_text
from reconciler.report.markdown import code, row
from reconciler.report.text import Table, line
from reconciler.report.words import counted

_SHORT: Final = 12
_VALUE: Final = 160


def promotion_title(found: Promoted) -> str:
    """In one line."""
    versions = [one.after for one in found.moves if one.path == "spec.blueprint.version"]
    what = f"version {versions[0]}" if versions else counted(len(found.moves), "value")
    return f"Promote {found.source} to {found.target}: {what}"


def promotion(found: Promoted) -> str:
    """A merge request's description."""
    source, target, stage = map(code, (found.source, found.target, found.stage))
    lines = [
        f"What runs in {source} is to run in {target} ({stage}).",
        "",
        *changes(found.moves),
        "",
        "## Why now",
        "",
        *(f"- {one}" for one in _evidence(found, code)),
        "",
        "It is judged like any other change, and approved by the target's rules.",
        "",
    ]
    return "\n".join(lines)


def rollback(found: RolledBack) -> str:
    """The description of a merge request, or of a commit."""
    good = found.good
    by = f" (applied by record {good.record})" if good.record >= 0 else ""
    name, commit = code(found.environment), code(good.commit[:_SHORT])
    lines = [
        f"{name} goes back to its document of commit {commit}{by}. Nothing else is reverted.",
        "",
        f"Because: {code(found.because)}",
        "",
        *changes(found.moves),
        "",
        *(f"- {code(one)}" for one in found.evidence),
    ]
    if found.beside:
        listed = ", ".join(code(one) for one in found.beside)
        lines += ["", f"Not as it was then, and left as it is: {listed}."]
    return "\n".join([*lines, ""])


def changes(moves: Iterable[Move]) -> list[str]:
    """A table of values, before and after."""
    head = [row(("what", "before", "after")), row(("---", "---", "---"))]
    return [*head, *(row((code(one.path), *map(_cell, (one.before, one.after)))) for one in moves)]


def _cell(value: Any) -> str:
    return "*nothing*" if value is None else code(_shown(value))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 3]}..."


def _evidence(found: Promoted, mark: Any) -> Iterable[str]:
    green = found.green
    if green.since is not None:
        yield (
            f"{mark(found.source)} runs commit {mark(green.commit[:_SHORT])} (record"
            f" {green.record}), and does well since {mark(format_timestamp(green.since))}:"
            " no apply failed, and nothing drifted."
        )
    if found.newer:
        yield (
            f"{mark(found.source)} declares something newer, which does not run yet and is not"
            " carried along."
        )
    if found.missing:
        names = ", ".join(mark(one) for one in found.missing)
        yield f"This version asks for {names}: the target has to say them before it can be merged."


def promoted_text(console: Console, found: Promoted) -> None:
    """`reconciler promote`."""
    if found.request is None:
        line(console, f"{found.target} has everything that runs in {found.source}; nothing to do.")
        return
    merge_request_text.done(console, found.request, "is open")
    line(console, "")
    table_of(console, found.moves)
    line(console, "")
    for one in _evidence(found, str):
        line(console, one)
    merge_request_text.next_step(console, found.request)


def rolled_back_text(console: Console, found: RolledBack, target: str) -> None:
    """`reconciler rollback`."""
    if found.request is not None:
        merge_request_text.done(console, found.request, "is open")
    else:
        name = found.environment
        line(console, f"{name} is rolled back on {target}, in commit {found.commit[:_SHORT]}.")
    line(console, "")
    table_of(console, found.moves)
    if found.beside:
        line(console, "")
        line(console, f"Not as it was then, and left as it is: {', '.join(found.beside)}.")
    line(console, "")
    if found.request is not None:
        merge_request_text.next_step(console, found.request)
    else:
        line(console, "Somebody else agrees to it afterwards:")
        line(console, f"  reconciler rollback {found.environment} --agree --because ...")


def rolled_back_json(found: RolledBack) -> str:
    """The same for programs."""
    request = found.request
    return as_json.document(
        "RollbackProposed",
        environment=found.environment,
        bad=found.bad,
        good=found.good.commit,
        record=found.good.record if found.good.record >= 0 else None,
        changes=moves_json(found.moves),
        beside=list(found.beside),
        commit=found.commit or None,
        mergeRequest=request.number if request else None,
        link=(request.link or None) if request else None,
    )


def agreed_json(environment: str, record: int) -> str:
    """`reconciler rollback ENV --agree`."""
    return as_json.document("RollbackAgreed", environment=environment, record=record)


def table_of(console: Console, moves: Sequence[Move]) -> None:
    """Values, before and after."""
    table = Table("WHAT", "BEFORE", "AFTER")
    for one in moves:
        shown = ("-" if each is None else _shown(each) for each in (one.before, one.after))
        table.add_row(one.path, *shown)
    table.print(console)


def promoted_json(found: Promoted) -> str:
    """The same for programs."""
    return as_json.document(
        "PromotionProposed",
        source=found.source,
        target=found.target,
        stage=found.stage,
        green=_green(found.green),
        changes=moves_json(found.moves),
        missing=list(found.missing),
        newer=found.newer,
        mergeRequest=found.request.number if found.request else None,
        link=(found.request.link or None) if found.request else None,
    )


def moves_json(moves: Iterable[Move]) -> list[dict[str, Any]]:
    """Values, before and after."""
    return [{"path": one.path, "before": one.before, "after": one.after} for one in moves]


def _green(green: Green) -> dict[str, Any]:
    return {
        "commit": green.commit,
        "record": green.record,
        "since": format_timestamp(green.since) if green.since else None,
    }
