"""Policies -> text for people."""

from collections.abc import Iterable, Sequence

from rich.console import Console

from reconciler.model.finding import Finding
from reconciler.model.policy import Evaluated, Lines, Pack, Rule, RuleTest, RuleTestRun
from reconciler.report.text import Table, line, problems
from reconciler.report.words import counted

_STYLE = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "blue"}


def words(test: RuleTest) -> str:
    """`test_deny_open_port` as `deny: open port`."""
    kind, _, rest = test.name.removeprefix("test_").partition("_")
    return f"{kind}: {rest.replace('_', ' ')}" if rest else kind


def broken(console: Console, pack: Pack) -> None:
    """Policies that must not be asked."""
    line(
        console,
        ("NOT USABLE: ", "bold red"),
        f"{counted(len(pack.problems), 'problem')} in the policies",
    )
    console.print()
    problems(console, pack.problems)


def listed(console: Console, rules: Sequence[Rule]) -> None:
    """`reconciler policy list`."""
    table = Table("ID", "SEVERITY", "CATEGORY", "TITLE")
    for one in rules:
        table.add_row(one.id, one.severity, one.category, one.title)
    table.print(console)
    console.print()
    line(
        console, f"{counted(len(rules), 'rule')}; `reconciler policy explain ID` tells all of one."
    )


def explained(console: Console, one: Rule, tests: Iterable[RuleTest]) -> None:
    """`reconciler policy explain RULE`."""
    line(console, (f"{one.id} ", "bold"), (one.title, "bold"))
    line(console, (one.severity, _STYLE[one.severity]), f", {one.category}, {one.path}")
    console.print()
    line(console, one.description)
    console.print()
    line(console, ("to mend it: ", "dim"), one.fix)
    if one.unknown:
        line(console, ("not known before a plan: ", "dim"), one.unknown)
    line(console, ("more: ", "dim"), one.link)
    console.print()
    line(console, ("its tests:", "dim"))
    for test in tests:
        line(console, f"  {words(test)}", (f"  {test.path}:{test.line}", "dim"))


def tested(console: Console, run: RuleTestRun, choice: str, rules: int) -> None:
    """`reconciler policy test`."""
    failed = run.failed
    summary = f"{counted(len(run.results), 'test')} of {counted(rules, 'rule')}"
    where = f"  {run.engine}; {choice}"
    if failed:
        line(console, ("FAILED: ", "bold red"), f"{len(failed)} of {summary}", (where, "dim"))
        console.print()
        for one in failed:
            place = f"{one.test.path}:{one.line or one.test.line}"
            line(console, (place, "bold"), f": {one.test.name}: {one.why}")
    else:
        line(console, ("PASSED: ", "bold green"), summary, (where, "dim"))
    if run.coverage is not None:
        console.print()
        _coverage(console, run.coverage)


def _coverage(console: Console, files: Sequence[Lines]) -> None:
    covered = sum(len(one.covered) for one in files)
    whole = covered + sum(len(one.missed) for one in files)
    share = 100 * covered / whole if whole else 100.0
    line(console, f"coverage: {covered} of {counted(whole, 'line')} ({share:.1f} %)")
    for one in files:
        if one.missed:
            numbers = ", ".join(map(str, one.missed))
            line(console, f"  {one.path}: not reached: {numbers}")


def evaluated(console: Console, result: Evaluated, found: Sequence[Finding], choice: str) -> None:
    """`reconciler policy eval`."""
    where = f"  {result.engine}; {choice}"
    if not found:
        line(console, ("NO VIOLATIONS", "bold green"), (where, "dim"))
        return
    line(console, ("VIOLATIONS: ", "bold red"), str(len(found)), (where, "dim"))
    for one in found:
        place = (
            f"{one.location.path}:{one.location.line}" if one.location.line else one.location.path
        )
        console.print()
        line(
            console,
            (f"{one.severity} ", _STYLE[one.severity]),
            (f"{one.rule} ", "bold"),
            one.message,
            (f"  {one.resource}" if one.resource else "", "dim"),
        )
        if place:
            line(console, ("  at: ", "dim"), place)
        line(console, ("  try: ", "dim"), (one.fix, "green"))
