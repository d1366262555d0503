"""Audits for people."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from reconciler.model.audit import (
    Blamed,
    Break,
    Deeds,
    Dora,
    Entry,
    InForce,
    Log,
    Measured,
    Party,
    Powers,
    PowersAt,
    RecordView,
    Spread,
)
from reconciler.model.base import format_timestamp
from reconciler.model.commit import Commit
from reconciler.model.record import Actor, ApplyEnded, ApplyStarted, DecisionBody, PlanSummary
from reconciler.report.text import Table, line
from reconciler.report.words import counted, printable

_SHORT: Final = 12
_LISTED: Final = 40
_GOOD: Final = {"ALLOW", "done"}
_BAD: Final = {"DENY", "INDETERMINATE", "failed", "interrupted"}
_COUNTS: Final = (
    ("create", "to add"),
    ("update", "to change"),
    ("replace", "to make anew"),
    ("delete", "to delete"),
    ("forget", "to forget"),
    ("imports", "to take over"),
    ("move", "to move"),
)


def broken(console: Console, one: Break | None) -> None:
    """Where reading ended, and what to do: stands last, so that nobody overlooks it."""
    if one is not None:
        line(
            console,
            ("BROKEN: ", "bold red"),
            f"the records cannot be read at {one.commit[:_SHORT]}: {one.why}",
        )
        line(console, "  What lies behind it is not shown. `reconciler audit verify` says more.")


def logged(console: Console, log: Log) -> None:
    """`reconciler audit log`."""
    if log.entries:
        _table(console, log.entries, named=not log.environment)
    elif log.broken is None:
        about = f"about {log.environment} " if log.environment else ""
        none = f"No record {about}on `{log.branch}` is one of those."
        line(console, none if log.there else nothing(log.branch))
    if log.more:
        line(console, "There are older ones: `--limit`, `--until`, or `--limit 0` for all.")
    broken(console, log.broken)


def nothing(branch: str) -> str:
    """There are no records at all."""
    return f"Nothing is recorded yet: there is no branch `{branch}` here."


def _table(console: Console, entries: Iterable[Entry], *, named: bool) -> None:
    about = ("ENVIRONMENT",) if named else ()
    table = Table("WHEN", "KIND", *about, "WHAT HAPPENED", "BY", "COMMIT")
    for one in entries:
        record = one.record
        row: list[str | Text] = [record.at, Text(record.body.kind, _style(one))]
        row += [record.environment or "all"] if named else []
        row += [cut(one.subject), who(record.actor), Text(one.commit[:_SHORT], "dim")]
        table.add_row(*row)
    table.print(console)


def _style(one: Entry) -> str:
    body = one.record.body
    word = getattr(body, "verdict", None) or getattr(body, "result", None) or ""
    if word in _GOOD:
        return "green"
    return "red" if word in _BAD or body.kind in ("refusal", "freeze", "override") else ""


def cut(text: str, most: int = 100) -> str:
    """On one line, and not too long for one."""
    words = " ".join(text.split())
    return words if len(words) <= most else words[: most - 1] + "…"


def who(actor: Actor) -> str:
    """By what people know somebody by; agents and programs say that they are none."""
    kind = {"human": "", "agent": f" (agent {actor.agent or '?'})", "program": " (program)"}
    return f"{actor.name or actor.email}{kind[actor.kind]}"


def viewed(console: Console, view: RecordView) -> None:
    """`reconciler audit show`."""
    record, body = view.entry.record, view.entry.record.body
    line(console, (view.entry.subject, "bold"))
    console.print()
    for sentence in view.story:
        line(console, f"  {sentence}")
    console.print()
    actor = record.actor
    forge = f", forge id {actor.forge_id}" if actor.forge_id is not None else ""
    task = f", task {actor.task}" if actor.task else ""
    rows = [
        ("when", record.at),
        ("who", f"{who(actor)} <{actor.email}>{forge}{task}"),
        ("environment", record.environment or "all"),
        ("kind", body.kind),
        *_about(body),
        ("run", record.run or ""),
        ("written by", f"{record.program.name} {record.program.version}"),
    ]
    _rows(console, rows)
    if isinstance(body, DecisionBody):
        _decision(console, body, simulated=record.simulated)
    if isinstance(body, ApplyEnded):
        _outcome(console, body)
    _section(console, "files that it changed", _files(view))
    _place(console, view)


def _rows(console: Console, rows: Iterable[tuple[str, str]]) -> None:
    for name, value in rows:
        if value:
            line(console, (f"  {name:<14}", "dim"), value)


def _section(console: Console, title: str, lines: Iterable[str]) -> None:
    many = list(lines)
    if many:
        console.print()
        line(console, (f"{title}:", "dim"))
    for one in many[:_LISTED]:
        line(console, f"  {one}")
    if len(many) > _LISTED:
        line(console, f"  and {len(many) - _LISTED:,} more")


def _about(body: Any) -> Iterator[tuple[str, str]]:
    """What several kinds have in common, and what each alone has, where it is one value."""
    if isinstance(body, DecisionBody):
        yield "verdict", f"{body.verdict}, risk {body.risk}, {body.action}"
        yield "judged", f"commit {body.head}"
        yield "judged by", f"commit {body.target}, as of {body.now}"
        yield "policies", _text(_map(body.decision.get("inputs")).get("policies"))
    elif isinstance(body, ApplyEnded):
        yield "result", f"{body.result}, {body.action}"
        yield "commit", body.commit or ""
        yield "engine", body.engine
        yield "plan", body.plan
    else:
        for name, value in body.model_dump(mode="json", by_alias=True).items():
            if name != "kind" and isinstance(value, str | int):
                yield name, str(value)
    plan = getattr(body, "plan", None)
    if isinstance(plan, PlanSummary) and isinstance(body, DecisionBody | ApplyStarted):
        yield "plan", f"{plan.digest}, {plan.engine}"
        numbers = ((getattr(plan, field), word) for field, word in _COUNTS)
        yield "", ", ".join(f"{count:,} {word}" for count, word in numbers if count) or "nothing"
        yield "loses data", ", ".join(plan.loses_data)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _maps(value: Any) -> list[dict[str, Any]]:
    """A decision is kept as it was; nothing says that a forged one holds what ours hold."""
    return [_map(one) for one in value] if isinstance(value, list) else []


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _decision(console: Console, body: DecisionBody, *, simulated: bool) -> None:
    decision = body.decision
    reasons = decision.get("reasons")
    _section(console, "reasons", map(_text, reasons if isinstance(reasons, list) else ()))
    _section(
        console,
        "approvals that count",
        (
            f"{_text(one.get('name'))} <{_text(one.get('email'))}>"
            f" (forge id {_text(one.get('forgeId')) or 'unknown'}) at {_text(one.get('at'))}"
            for one in _maps(decision.get("agreed"))
        ),
    )
    _section(
        console,
        "approvals that are missing" + ", and are not waited for in the sandbox" * simulated,
        (
            f"{_text(one.get('count'))} of {', '.join(map(_text, one.get('teams') or ()))}:"
            f" {_text(one.get('why'))}"
            for one in _maps(decision.get("missing"))
            if isinstance(one.get("teams") or (), list | tuple)
        ),
    )
    _section(
        console,
        "gates",
        (
            f"{one.gate}: {one.failure or counted(one.findings, 'finding')}"
            + (f" (try: {one.hint})" if one.failure and one.hint else "")
            for one in body.gates
        ),
    )
    findings = _maps(decision.get("findings"))
    if findings:
        console.print()
        table = Table("RULE", "SEVERITY", "LEVEL", "WHERE", "WHAT")
        for one in findings[:_LISTED]:
            level = _text(one.get("level"))
            waiver = f", waived by {_text(one['waivedBy'])}" if one.get("waivedBy") else ""
            place = _text(one.get("path")) + (f":{_text(one['line'])}" if one.get("line") else "")
            table.add_row(
                _text(one.get("rule")),
                _text(one.get("severity")),
                level + waiver,
                place,
                cut(_text(one.get("message"))),
            )
        table.print(console)
        if len(findings) > _LISTED:
            line(console, f"and {len(findings) - _LISTED:,} more: `--format json` has all")


def _outcome(console: Console, body: ApplyEnded) -> None:
    _section(console, "done", body.done)
    _section(console, "failed", body.failed)
    _section(console, "not begun", body.left)
    _section(console, "nobody knows what became of", body.unknown)
    _section(
        console,
        "Terraform said",
        (
            f"{one.severity}: {one.summary}" + (f" ({one.address})" if one.address else "")
            for one in body.diagnostics
        ),
    )


def _files(view: RecordView) -> Iterator[str]:
    for path, mark in sorted(view.entry.record.files.items()):
        yield f"{path}  {mark[:19] if mark else 'gone'}"


def _place(console: Console, view: RecordView) -> None:
    chain = view.entry.record.chain
    console.print()
    line(console, ("where it stands:", "dim"))
    jump = f"record {chain.jump.sequence}, {chain.jump.commit[:_SHORT]}" if chain.jump else ""
    _rows(
        console,
        (
            ("number", f"{chain.sequence} of 0 to {view.last} on `{view.branch}`"),
            ("commit", view.entry.commit),
            ("document", view.entry.digest),
            ("before it", chain.parent or "nothing: it is the first"),
            ("its document", chain.previous or ""),
            ("jumps to", jump),
        ),
    )
    if view.related:
        console.print()
        line(console, ("related:", "dim"))
    for one in view.related:
        word = "rests on" if one.earlier else "led to"
        known = one.entry.record
        line(
            console,
            (f"  {word:<9}", "dim"),
            f"record {known.chain.sequence}, {known.at}: {cut(printable(one.entry.subject))}",
            (f"  {one.entry.commit[:_SHORT]}", "dim"),
        )


def did(console: Console, found: Deeds) -> None:
    """`reconciler audit who-did`."""
    if found.deeds:
        table = Table("WHO", "ADDRESS", "DID", "TIMES", "LAST", "RECORD", right=("TIMES", "RECORD"))
        for one in found.deeds:
            kind = "" if one.kind == "human" else f" ({one.kind})"
            table.add_row(
                f"{one.name}{kind}", one.email, one.did, f"{one.count:,}", one.last, f"{one.record}"
            )
        table.print(console)
    elif found.broken is None:
        none = f"No record about {found.environment} on `{found.branch}` is one of those."
        line(console, none if found.there else nothing(found.branch))
    broken(console, found.broken)


def could(console: Console, found: PowersAt) -> None:
    """`reconciler audit who-could`."""
    one = found.powers
    line(console, (one.environment, "bold"), f" at {found.at}, by commit {found.commit[:_SHORT]}")
    line(console, f"  {found.why}")
    for note in found.notes:
        line(console, ("  note: ", "yellow"), note)
    console.print()
    line(console, ("change it: ", "bold"), f"{one.owner.team} ({one.path})")
    for agent in one.agents:
        held = f"; {agent.stopped}, so nothing" if agent.stopped else ""
        line(
            console,
            f"  the agent {agent.name} of {agent.owner}: up to risk {agent.highest_risk},"
            f" {counted(agent.changes_per_day, 'change')} a day{held}",
        )
    console.print()
    line(console, ("approve it", "bold"), f" ({one.track}, {one.stage}); never one's own change:")
    for rule in one.approvers:
        what = f"risk {', '.join(rule.risks)}" if rule.risks else "soft findings"
        agents = "" if rule.humans_only else " (agents count too)"
        whom = " or ".join(team.team for team in rule.parties)
        line(console, f"  {what}: {rule.count} of {whom}{agents}")
    console.print()
    line(
        console,
        ("apply it: ", "bold"),
        f"whoever had credentials of the account {one.account}, once a decision allowed it;"
        " git does not say who that was",
    )
    console.print()
    line(console, ("except, stop or change the rules:", "bold"))
    for path, teams in one.owned:
        whom = " or ".join(team.team for team in teams) or "nobody: no team owned it"
        line(console, (f"  {path}: ", "dim"), whom)
    _section(console, "the people", sorted({_people(team) for team in _parties(one)}))
    _section(console, "freezes that held", map(_held, one.freezes))
    _section(console, "waivers that held", map(_held, one.waivers))


def _parties(one: Powers) -> Iterator[Party]:
    yield one.owner
    yield from (team for rule in one.approvers for team in rule.parties)
    yield from (team for _, teams in one.owned for team in teams)


def _people(one: Party) -> str:
    names = ", ".join(f"{name} <{email}>" for name, email, _ in one.people)
    return f"{one.team}: {names or 'there was no such team'}"


def _held(one: InForce) -> str:
    until = f"until {one.until}" if one.until else "until somebody takes it out"
    return f"{one.name} ({one.scope}) of {one.owner}, {until}: {one.reason}"


def blamed(console: Console, found: Blamed) -> None:
    """`reconciler audit blame`."""
    place = f"  {found.path}:{found.line}" if found.line else f"  {found.path}"
    if found.path:
        line(console, (found.attribute, "bold"), f" = {_text_of(found.value)}", (place, "dim"))
    rows: list[tuple[str, str]] = []
    if found.origin is not None:
        rows += [("set by", _commit(found.origin))]
    if found.merge is not None:
        rows += [("merged by", _commit(found.merge))]
    rows += [("merge request", found.merge_request)]
    rows += [("approved by", ", ".join(f"{name} <{email}>" for name, email, _ in found.approved))]
    rows += [("policies", found.policies)]
    for name, one in (("decision", found.decision), ("applied", found.applied)):
        if one is not None:
            rows += [(name, f"record {one.record.chain.sequence}, {one.record.at}: {one.subject}")]
    _rows(console, rows)
    _section(console, "one of these", map(_commit, found.candidates))
    for note in found.notes:
        line(console, ("  not told: ", "yellow"), note)


def _commit(one: Commit) -> str:
    who_made = f"{one.author.name} <{one.author.email}>"
    return f"{one.id[:_SHORT]} {format_timestamp(one.authored)} {who_made}: {cut(one.subject, 60)}"


def _text_of(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"__unknown__"}:
        return f"({value['__unknown__']}: only a plan can tell)"
    return cut(json.dumps(value, ensure_ascii=False))


def measured(console: Console, found: Dora, by: str | None) -> None:
    """`reconciler audit dora`."""
    if not found.there:
        line(console, nothing(found.branch))
        return
    line(console, ("from ", "dim"), found.since, (" to ", "dim"), found.until)
    if not found.whole.environments and found.broken is None:
        line(console, "Nothing was applied in that time, so there are no figures.")
    groups: list[tuple[str, tuple[Measured, ...]]] = []
    groups += [("", (found.whole,))] if found.whole.environments else []
    groups += [("TRACK", found.tracks)] if by in (None, "track") else []
    groups += [("TEAM", found.teams)] if by in (None, "team") else []
    for title, many in groups:
        if not many:
            continue
        console.print()
        table = Table(title, "DEPLOYMENTS", "LEAD TIME", "CHANGES FAILED", "TIME TO RESTORE")
        for one in many:
            table.add_row(
                Text(printable(one.name), "bold"),
                _often(one),
                _lasted(one.lead),
                _failed(one),
                _lasted(one.restore) + (f", {one.broken_now} broken" if one.broken_now else ""),
            )
        table.print(console)
    for note in found.notes:
        line(console, ("note: ", "yellow"), note)
    broken(console, found.broken)


def _often(one: Measured) -> str:
    return f"{one.deployments:,}" + (f", {one.per_week:g} a week" if one.per_week else "")


def _failed(one: Measured) -> str:
    rate = one.failure_rate
    return "no data" if rate is None else f"{rate:.0%} ({one.failed:,} of {one.changes:,})"


def _lasted(one: Spread) -> str:
    if one.median is None or one.p90 is None:
        return "no data"
    return f"median {_time(one.median)}, p90 {_time(one.p90)} (of {one.count:,})"


def _time(seconds: int) -> str:
    """The two largest units that say something."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60}m"
    return f"{minutes}m" if minutes else f"{seconds}s"
