"""Values -> text for people, on a rich console. The verdict first, then what to do."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from reconciler.errors import ReconcilerError, StoppedError
from reconciler.model.affected import Affected, Effect
from reconciler.model.base import format_duration
from reconciler.model.finding import Location
from reconciler.model.overview import Overview, Row
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered, RenderSummary
from reconciler.model.scan import Tool
from reconciler.model.secret import SecretFound, SecretScan
from reconciler.model.show import Shown
from reconciler.report.words import counted, printable, size

_TRACK = {"demo": "cyan", "customer": "green", "platform": "magenta"}
_EFFECT = {
    Effect.ADDED: "green",
    Effect.REMOVED: "red",
    Effect.CHANGED: "yellow",
    Effect.REJUDGED: "blue",
    Effect.REVERTED: "yellow",
}


def line(console: Console, *parts: str | tuple[str, str]) -> None:
    text = Text()
    for part in parts:
        words, style = part if isinstance(part, tuple) else (part, "")
        text.append(printable(words), style)
    console.print(text, soft_wrap=True)


def failed(console: Console, error: ReconcilerError) -> None:
    """What went wrong, and what to do."""
    if isinstance(error, StoppedError):
        line(console, ("stopped: ", "bold yellow"), error.message)
        line(console, ("  next: ", "dim"), error.hint)
        return
    line(console, ("error: ", "bold red"), error.message)
    if error.hint:
        line(console, ("  try: ", "dim"), error.hint)


def problems(console: Console, found: Iterable[Problem]) -> None:
    """Each with its place, what was expected, and what to write instead."""
    for one in found:
        line(console, (one.place, "bold"), ": ", one.message, (f" [{one.code}]", "dim"))
        if one.expected:
            line(console, ("    expected: ", "dim"), one.expected)
        if one.suggestion:
            line(console, ("    try: ", "dim"), (one.suggestion, "green"))


def validated(console: Console, overview: Overview) -> None:
    """`reconciler validate`."""
    counts = ", ".join(
        counted(count, kind.lower() if kind != "Settings" else "settings file")
        for kind, count in overview.documents
        if count
    )
    if overview.problems:
        files = len({one.path for one in overview.problems})
        words = f"{counted(len(overview.problems), 'problem')} in {counted(files, 'file')}"
        line(console, ("NOT VALID: ", "bold red"), words, (f"  ({overview.revision[:12]})", "dim"))
        console.print()
        problems(console, overview.problems)
        console.print()
        line(console, "Mend these and run `reconciler validate` again.")
        return
    line(
        console,
        ("VALID: ", "bold green"),
        counts or "no documents",
        (f"  ({overview.revision[:12]})", "dim"),
    )


class Table:
    """Columns for people. Nothing is cut: what does not fit, the terminal wraps."""

    def __init__(self, *columns: str, right: Sequence[str] = ()) -> None:
        self._right = [column in right for column in columns]
        self._rows = [[Text(column, "dim") for column in columns]]

    def add_row(self, *cells: str | Text) -> None:
        """One row, a cell for each column."""
        self._rows.append(
            [Text(printable(cell)) if isinstance(cell, str) else cell for cell in cells]
        )

    def print(self, console: Console) -> None:
        """All rows, aligned."""
        widths = [max(cell.cell_len for cell in column) for column in zip(*self._rows, strict=True)]
        for row in self._rows:
            line = Text()
            for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
                space = " " * (width - cell.cell_len)
                line.append_text(Text(space) + cell if self._right[number] else cell)
                if number + 1 < len(row):
                    line.append("  " if self._right[number] else space + "  ")
            line.rstrip()
            console.print(line, soft_wrap=True)


def tools(console: Console, many: Sequence[Tool]) -> None:
    """`reconciler tools list`."""
    table = Table("TOOL", "VERSION", "PACKAGES", "STATE", "FOLDER", right=("PACKAGES",))
    for one in many:
        state = Text("installed", "green") if one.installed else Text("not installed", "yellow")
        table.add_row(Text(one.name, "bold"), one.version, f"{one.packages}", state, one.folder)
    table.print(console)
    if not all(one.installed for one in many):
        console.print()
        line(console, "`reconciler tools install` installs what is missing.")


def listed(console: Console, overview: Overview, rows: Sequence[Row]) -> None:
    """`reconciler list`."""
    if not rows:
        line(console, "No environments here." if not overview.rows else "No environment matches.")
        if not overview.rows:
            line(console, "`reconciler new --track demo --name hello` writes the first one.")
    else:
        table = Table(
            "NAME", "TRACK", "STAGE", "OWNER", "BLUEPRINT", "REGION", "$/MONTH", right=("$/MONTH",)
        )
        for one in rows:
            table.add_row(
                Text(one.name, "bold"),
                Text(one.track, _TRACK.get(one.track, "")),
                one.stage,
                Text(one.owner),
                Text(f"{one.blueprint} {one.version}"),
                Text(one.region),
                "" if one.monthly_cost is None else f"~{one.monthly_cost}",
            )
        table.print(console)
    if overview.problems:
        line(
            console,
            (f"{counted(len(overview.problems), 'problem')}: ", "bold red"),
            "some documents may be missing above; `reconciler validate` shows them.",
        )


def shown(console: Console, one: Shown) -> None:
    """`reconciler show ENV`."""
    filled = one.filled
    document, profile = filled.environment.document, filled.profile.document
    spec, rules = document.spec, profile.spec
    line(console, (document.metadata.name, "bold"), f"  {document.metadata.description}")
    drift = spec.overrides.drift if spec.overrides and spec.overrides.drift else None
    mode = (drift and drift.mode) or rules.drift.mode
    interval = (drift and drift.interval) or rules.drift.interval
    steps = ", ".join(f"{step.traffic} %" for step in filled.rollout.steps)
    gates = getattr(rules.gates, spec.stage)
    levels: dict[str, list[str]] = {}
    for category, level in gates.model_dump().items():
        levels.setdefault(level, []).append(category)
    promoted = f", promoted from {spec.promoted_from}" if spec.promoted_from else ""
    cost, lives = filled.monthly_cost, filled.ttl_hours
    order = [level for level in ("hard", "soft", "advisory") if level in levels]
    rows = [
        ("file", filled.environment.path),
        ("owner", f"{document.metadata.owner} ({filled.team.document.spec.contact})"),
        ("track, stage", f"{spec.track}, {spec.stage}{promoted}"),
        ("blueprint", f"{spec.blueprint.name} {spec.blueprint.version}"),
        ("where", f"{filled.region}, account {spec.account}, {rules.isolation}"),
        ("cost", "no estimate" if cost is None else f"about ${cost} a month"),
        ("lives", "for ever" if lives is None else f"{lives} hours after its first apply"),
        ("rollout", filled.rollout.strategy + (f" ({steps})" if steps else "")),
        ("drift", f"{mode}, looked for every {format_duration(interval)}"),
        ("gates", "; ".join(f"{level}: {', '.join(levels[level])}" for level in order)),
    ]
    for name, value in rows:
        line(console, (f"  {name:<13}", "dim"), value)
    console.print()
    table = Table("PARAMETER", "VALUE", "FROM")
    for name in sorted(filled.parameters):
        table.add_row(
            name, Text(printable(_short(filled.parameters[name]))), Text(one.sources[name], "dim")
        )
    table.print(console)
    console.print()
    if one.rendered is not None:
        line(
            console,
            ("renders  ", "dim"),
            _in_short(one.rendered.summary()),
        )
    if one.problems:
        line(console, (f"{counted(len(one.problems), 'problem')}:", "bold red"))
        problems(console, one.problems)


def _in_short(one: RenderSummary) -> str:
    return f"{counted(len(one.files), 'file')}, {size(one.size)}, {one.digest[:19]}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:97] + "..."  # noqa: PLR2004  # a line


def rendered_one(console: Console, rendered: Rendered) -> None:
    """`reconciler render ENV`: the files themselves."""
    for file in rendered.files:
        line(console, (f"# --- {file.path}", "bold cyan"), (f"  {size(len(file.content))}", "dim"))
        text = printable(file.content.decode("utf-8", "replace"), lines=True)
        if console.is_terminal:
            lexer = "terraform" if file.path.endswith(".tf") else "yaml"
            console.print(Syntax(text, lexer, background_color="default", word_wrap=False))
        else:
            console.out(text, end="", highlight=False)
    line(
        console,
        (
            f"# {rendered.environment}: {_in_short(rendered.summary())}",
            "dim",
        ),
    )


def rendered_all(console: Console, revision: str, outcomes: Sequence[Any]) -> None:
    """`reconciler render`: what came of each environment."""
    broken = [one for one in outcomes if one.summary is None]
    table = Table("ENVIRONMENT", "FILES", "SIZE", "DIGEST", right=("FILES", "SIZE"))
    for one in outcomes:
        if one.summary is None:
            table.add_row(
                Text(printable(one.name), "bold"), "-", "-", Text("cannot be rendered", "red")
            )
        else:
            table.add_row(
                Text(one.name, "bold"),
                str(len(one.summary.files)),
                size(one.summary.size),
                one.summary.digest[:19],
            )
    table.print(console)
    words = f"{counted(len(outcomes) - len(broken), 'environment')} rendered"
    if broken:
        line(
            console,
            (f"{counted(len(broken), 'environment')} cannot be rendered", "bold red"),
            f", {words}",
        )
        problems(console, sorted({problem for one in broken for problem in one.problems}))
    else:
        line(console, (words, "bold green"), (f"  ({revision[:12]})", "dim"))


def affected(console: Console, found: Sequence[Affected], base: str, head: str) -> None:
    """`reconciler affected`."""
    where = f"between {base[:12]} and {head[:12]}"
    if not found:
        line(console, ("No environment is touched ", "bold green"), where)
        return
    line(console, (f"{counted(len(found), 'environment')} touched ", "bold"), where)
    table = Table("ENVIRONMENT", "EFFECT", "WHY")
    for one in found:
        effect = f"{one.effect.value}, broken" if one.broken else one.effect.value
        table.add_row(
            Text(printable(one.name), "bold"),
            Text(effect, _EFFECT[one.effect]),
            Text(printable("; ".join(one.reasons))),
        )
    table.print(console)
    if any(one.broken for one in found):
        line(
            console,
            "Broken ones cannot be rendered at the range's end; `reconciler validate` says why.",
        )


def diff(console: Console, files: Mapping[str, str], environment: str, other: str) -> None:
    """`reconciler render ENV --diff REV`."""
    if not files:
        line(
            console,
            ("No difference: ", "bold green"),
            f"{environment} renders the same files at {other[:12]}",
        )
        return
    for text in files.values():
        for row in text.splitlines():
            style = {"+": "green", "-": "red", "@": "cyan"}.get(row[:1], "")
            line(console, (row, "bold" if row.startswith(("+++", "---")) else style))


def _where(place: Location) -> str:
    path = f"{place.path}:{place.line}" if place.line else place.path
    return f"{place.commit[:12]} {path}" if place.commit else path


def _secrets(console: Console, found: Sequence[SecretFound], style: str) -> None:
    for one in found:
        line(
            console,
            (_where(one.location), "bold"),
            ": ",
            (one.title, style),
            f", {one.masked}" + (" (in base64)" if one.how == "base64" else ""),
            (f" [{one.rule}]", "dim"),
        )
        if one.removed:
            line(console, "    this change removes it, but the history keeps it")
        line(console, ("    do: ", "dim"), one.fix)
        line(console, ("    fingerprint: ", "dim"), (one.fingerprint, "dim"))


def scanned(console: Console, scan: SecretScan) -> None:
    """`reconciler scan`: the verdict, what blocks, what could not be looked at, advice."""
    blocking = [one for one in scan.found if not one.advice]
    advice = [one for one in scan.found if one.advice]
    looked = f"{counted(scan.files, 'file')}, {size(scan.size)}"
    if scan.commits:
        looked = f"{counted(scan.commits, 'commit')}, {looked}"
    if blocking:
        line(console, ("DENIED: ", "bold red"), counted(len(blocking), "secret"), f"  ({looked})")
    elif scan.unscanned:
        words = f"{counted(len(scan.unscanned), 'place')} could not be scanned"
        line(console, ("INDETERMINATE: ", "bold yellow"), words, f"  ({looked})")
    else:
        line(console, ("NO SECRETS ", "bold green"), f" ({looked})")
    if blocking:
        console.print()
        _secrets(console, blocking, "red")
    if scan.unscanned:
        console.print()
        for one in scan.unscanned:
            line(console, (_where(one.location), "bold"), ": not scanned: ", one.reason)
            line(console, ("    fingerprint: ", "dim"), (one.fingerprint, "dim"))
    if advice:
        console.print()
        line(console, f"{counted(len(advice), 'hint')} (advice, blocks nothing):")
        _secrets(console, advice, "yellow")
    for note in scan.notes:
        line(console, ("note: ", "dim"), _where(note.location), f": {note.message}")
    if scan.accepted:
        line(console, f"{counted(scan.accepted, 'finding')} accepted by the baseline")


def said(console: Console, *lines: str) -> None:
    """Plain sentences."""
    for sentence in lines:
        line(console, sentence)
