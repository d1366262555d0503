"""A check for people: the verdict first, the worst first, each with place, reason and fix."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from rich.console import Console

from reconciler.model.check import CheckReport, Impact, ImpactPreview
from reconciler.model.decision import STRICTNESS, Decision, Judged, Silence, Verdict
from reconciler.model.story import Story
from reconciler.report.text import line
from reconciler.report.words import (
    agreed_words,
    counted,
    disregarded_words,
    missing_words,
    place,
    rank,
    rules_words,
)

STYLE: Final = {
    Verdict.ALLOW: "bold green",
    Verdict.NEEDS_APPROVAL: "bold yellow",
    Verdict.INDETERMINATE: "bold magenta",
    Verdict.DENY: "bold red",
}
_STATE: Final[dict[Verdict, Callable[[int], str]]] = {
    Verdict.ALLOW: lambda _: "allowed",
    Verdict.NEEDS_APPROVAL: lambda number: "needs approval" if number == 1 else "need approval",
    Verdict.INDETERMINATE: lambda _: "indeterminate",
    Verdict.DENY: lambda _: "denied",
}
_ITSELF: Final = {
    Verdict.NEEDS_APPROVAL: "needs approval",
    Verdict.INDETERMINATE: "is indeterminate",
    Verdict.DENY: "is denied",
}
_LEVEL: Final = {"hard": "red", "soft": "yellow", "advisory": "dim"}
_BULLET: Final = {"hard": "  ✗ ", "soft": "  - ", "advisory": "  · "}
_SHORT: Final = 12
_EXPECTED: Final = "expected: "
_LISTED: Final = 20
_CALM: Final = 20
_MANY: Final = 4
"""So many environments with the same finding are told at once."""


def words(verdict: Verdict) -> str:
    """As people read it."""
    return verdict.value.replace("_", " ")


def checked(console: Console, report: CheckReport, *, advice: bool) -> None:
    """`reconciler check`."""
    changing = report.changing
    where = (
        f"{report.head[:_SHORT]} against {report.base[:_SHORT]}"
        if changing
        else report.head[:_SHORT]
    )
    line(
        console,
        (f"{words(report.verdict)}: ", STYLE[report.verdict]),
        _summary(report),
        (f"  ({where})", "dim"),
    )
    page = _Page(console, report, advice=advice)
    page.many()
    for one in report.worst_first:
        if not page.is_calm(one):
            page.decision(one)
    page.calm()
    if report.impact is not None:
        console.print()
        _impact(console, report.impact)
    console.print()
    page.foot()


def _summary(report: CheckReport) -> str:
    environments = [one for one in report.decisions if one.environment]
    whole = [one.verdict for one in report.decisions if not one.environment]
    if not report.decisions:
        return "nothing is touched" if report.changing else "there is nothing to check"
    what = "touched" if report.changing else "checked"
    told = f"{counted(len(environments), 'environment')} {what}"
    if not environments:
        told = f"no environment is {what}"
    counts = []
    for verdict in reversed(STRICTNESS):
        number = sum(1 for one in environments if one.verdict is verdict)
        if number:
            counts.append(f"{number:,} {_STATE[verdict](number)}")
    if len(environments) > 1 and (len(counts) > 1 or environments[0].verdict is not Verdict.ALLOW):
        told += f", {', '.join(counts)}"
    if whole and whole[0] is not Verdict.ALLOW:
        what = "the change itself" if report.changing else "the repository"
        told += f"; {what} {_ITSELF[whole[0]]}"
    return told


def _stands(one: Judged) -> bool:
    return not one.waived_by and one.level != "advisory"


_Key = tuple[object, ...]


def _same(one: Judged) -> _Key:
    """What makes the findings of two environments one and the same to a reader."""
    finding = one.finding
    return (
        one.level,
        one.waived_by,
        finding.gate,
        finding.rule,
        finding.message,
        finding.resource,
        finding.location.path if finding.rendered else finding.environment,
    )


class _Page:
    """One report on its way to the screen: what was said once is not said again."""

    def __init__(self, console: Console, report: CheckReport, *, advice: bool) -> None:
        self._console = console
        self._report = report
        self._advice = advice
        self._effects = {one.name: one for one in report.touched if report.changing}
        by_key: dict[object, list[tuple[Decision, Judged]]] = {}
        silent: dict[Silence, list[Decision]] = {}
        for one in sorted(report.decisions, key=lambda one: one.environment):
            for judged in self._shown(one):
                if one.environment:
                    by_key.setdefault(_same(judged), []).append((one, judged))
            for silence in one.silent:
                silent.setdefault(silence, []).append(one)
        self._many = {key: all_ for key, all_ in by_key.items() if len(all_) >= _MANY}
        self._silent = {key: all_ for key, all_ in silent.items() if len(all_) >= _MANY}

    def _shown(self, one: Decision) -> list[Judged]:
        found = [each for each in one.findings if self._advice or _stands(each)]
        return sorted(found, key=rank)

    def is_calm(self, one: Decision) -> bool:
        """Whether there is nothing to say but its verdict."""
        said = one.agreed or one.disregarded
        return one.verdict is Verdict.ALLOW and not said and not self._shown(one)

    def many(self) -> None:
        """What stands against many environments, once."""
        said: dict[tuple[str, ...], tuple[list[Silence], list[Judged]]] = {}
        for silence, decisions in sorted(self._silent.items()):
            names = tuple(self._report.subject(one) for one in decisions)
            said.setdefault(names, ([], []))[0].append(silence)
        for found in self._many.values():
            names = tuple(self._report.subject(one) for one, _ in found)
            said.setdefault(names, ([], []))[1].append(found[0][1])
        for names, (silences, judged) in sorted(
            said.items(), key=lambda each: (-len(each[0]), each[0])
        ):
            self._console.print()
            line(
                self._console,
                (f"In {counted(len(names), 'environment')}: ", "bold"),
                _listed(names),
            )
            for silence in silences:
                _silence(self._console, silence)
            for one in sorted(judged, key=rank):
                _finding(self._console, one, of=names[0])

    def decision(self, one: Decision) -> None:
        """One decision with every reason."""
        console = self._console
        touched = self._effects.get(one.environment)
        what = f", {touched.effect.value}: {'; '.join(touched.reasons)}" if touched else ""
        risk = f"  risk {one.risk}{what}" if self._report.changing else ""
        console.print()
        line(
            console,
            (words(one.verdict), STYLE[one.verdict]),
            "  ",
            (self._report.subject(one), "bold"),
            (risk, "dim"),
        )
        told = {each.reason for each in one.silent} | {need.why for need in one.missing}
        for reason in one.reasons:
            if reason not in told and not reason.startswith("hard: "):
                line(console, ("  ! ", STYLE[one.verdict]), reason)
        for silence in one.silent:
            if silence not in self._silent:
                _silence(console, silence)
        shown = self._shown(one)
        above = [each for each in shown if one.environment and _same(each) in self._many]
        for level in ("hard", "soft", "advisory"):
            rules = sorted({each.finding.rule for each in above if each.level == level})
            if rules:
                line(console, (_BULLET[level], _LEVEL[level]), f"{', '.join(rules)}, as above")
        if any(silence in self._silent for silence in one.silent):
            gates = ", ".join(each.gate for each in one.silent if each in self._silent)
            line(console, ("  ! ", STYLE[one.verdict]), f"{gates} could not say, as above")
        for judged in shown:
            if judged not in above:
                _finding(console, judged)
        for approval in one.agreed:
            line(console, ("  ✓ ", "green"), agreed_words(approval))
        for missing in missing_words(one):
            line(console, ("  ? ", "yellow"), missing)
        for away in one.disregarded:
            line(console, ("  · ", "dim"), disregarded_words(away))

    def calm(self) -> None:
        """Those of which there is nothing more to say, a line each."""
        calm = [one for one in self._report.worst_first if self.is_calm(one)]
        if calm:
            self._console.print()
        for one in calm[:_CALM]:
            touched = self._effects.get(one.environment)
            what = f"  {touched.effect.value}," if touched else " "
            risk = f"{what} risk {one.risk}" if self._report.changing else ""
            line(
                self._console,
                (words(one.verdict), STYLE[one.verdict]),
                "  ",
                (self._report.subject(one), "bold"),
                (risk, "dim"),
            )
        if calm[_CALM:]:
            line(self._console, f"and {len(calm) - _CALM:,} more that are allowed")

    def foot(self) -> None:
        """What to do next, what was left out, and who says so."""
        console, report = self._console, self._report
        shown = [judged for one in report.decisions for judged in self._shown(one)]
        if shown:
            line(
                console,
                "More of a finding: `reconciler explain FINGERPRINT`, with the same options.",
            )
        every = [judged for one in report.decisions for judged in one.findings]
        hints = sum(1 for one in every if one.level == "advisory" and not one.waived_by)
        waived = sum(1 for one in every if one.waived_by)
        parts = [counted(hints, "hint")] if hints else []
        parts += [f"{waived:,} excepted by waivers"] if waived else []
        if parts and not self._advice:
            line(console, (f"Not shown without `--advice`: {', '.join(parts)}.", "dim"))
        for note in report.notes:
            line(console, ("note: ", "dim"), (note, "dim"))
        away = {each.gate for one in report.decisions for each in one.silent}
        engines = "; ".join(
            f"{gate}: {'could not say' if gate in away else by}" for gate, by in report.engines
        )
        line(console, ("by  ", "dim"), (engines, "dim"))


def decided(console: Console, decision: Decision) -> None:
    """One decision alone, as `plan` and `apply` show it."""
    report = CheckReport("", "alone", decision.now, (decision,), ())
    page = _Page(console, report, advice=False)
    page.decision(decision)


def _silence(console: Console, one: Silence) -> None:
    line(console, ("  ! ", "magenta"), replace(one, hint="").reason)
    if one.hint:
        line(console, ("      do   ", "dim"), one.hint)


def _finding(console: Console, one: Judged, of: str = "") -> None:
    finding = one.finding
    style = "dim" if one.waived_by else _LEVEL[one.level]
    weight = f"waived by {one.waived_by}" if one.waived_by else one.level
    why = finding.message.removeprefix(f"{finding.title}: ")
    title, fix = finding.title, finding.fix
    if finding.gate == "documents":  # which has one title for everything
        title, why = why, ""
    line(
        console,
        ("  · " if one.waived_by else _BULLET[one.level], style),
        (finding.rule, f"bold {style}"),
        f"  {title}",
        (f"  [{finding.severity}, {weight}] {finding.fingerprint[:_SHORT]}", "dim"),
    )
    what = f"  {finding.resource}" if finding.resource else ""
    if of:
        what += f"  (of {of})"
    if finding.location.path:
        line(console, ("      at   ", "dim"), (place(finding), "bold"), (what, "dim"))
    if why and not why.endswith(title):
        line(console, ("      why  ", "dim"), why)
    if fix.startswith(_EXPECTED):
        line(console, ("      want ", "dim"), fix.removeprefix(_EXPECTED))
    elif fix and fix.rstrip(".") != title:
        line(console, ("      do   ", "dim"), fix)


def explained(console: Console, story: Story) -> None:
    """`reconciler explain`."""
    finding, decision = story.judged.finding, story.decision
    line(console, (finding.rule, f"bold {_LEVEL[story.judged.level]}"), f"  {finding.title}")
    rule = story.rule
    rows = [
        ("about", decision.subject),
        ("verdict", words(decision.verdict)),
        ("at", f"{place(finding)}  {finding.resource}".rstrip() if finding.location.path else ""),
        ("says", finding.message),
        ("weight", f"{story.judged.level}: {story.why_level}"),
        ("severity", f"{finding.severity}, {finding.category}; found by the gate {finding.gate}"),
        ("means", rule.description if rule else ""),
        ("unknown", rule.unknown if rule else ""),
        ("do", finding.fix),
        ("see", finding.link),
        ("fingerprint", finding.fingerprint),
    ]
    for name, value in rows:
        if value:
            line(console, (f"  {name:<13}", "dim"), value)
    if story.lines:
        console.print()
        for number, text in story.lines:
            here = number == finding.location.line
            line(
                console,
                (f"  {'>' if here else ' '} {number:>5} ", "dim"),
                (text, "bold" if here else ""),
            )
    if story.waiver:
        console.print()
        line(
            console,
            "If it is right as it is, a document like this in policies/waivers/ excepts it:",
        )
        for text in story.waiver.splitlines():
            line(console, (f"    {text}", "dim"))


def _impact(console: Console, one: ImpactPreview) -> None:
    failing = sum(1 for each in one.differing if each.newly_failing or _worse(each))
    passing = sum(1 for each in one.differing if each.newly_passing)
    looked_at = counted(one.looked_at, "environment")
    if not one.differing:
        line(console, ("Under the new rules: ", "bold"), f"the same for all of {looked_at}")
        return
    line(
        console,
        ("Under the new rules: ", "bold"),
        f"of {looked_at}, {failing:,} would newly fail, {passing:,} would newly pass",
    )
    alike: dict[tuple[object, ...], list[Impact]] = {}
    for each in one.differing:
        key = (
            each.before,
            each.after,
            rules_words(each.newly_failing),
            rules_words(each.newly_passing),
        )
        alike.setdefault(key, []).append(each)
    for same in list(alike.values())[:_LISTED]:
        first = same[0]
        line(
            console,
            ("  ", ""),
            f"{words(first.before)} -> ",
            (words(first.after), STYLE[first.after]),
            "  ",
            (_listed([each.environment for each in same]), "bold"),
        )
        for what, many in (
            ("newly fails", first.newly_failing),
            ("newly passes", first.newly_passing),
        ):
            if many:
                line(console, (f"      {what}  ", "dim"), rules_words(many))
        if not first.newly_failing and not first.newly_passing:
            line(
                console, ("      no finding differs: a freeze, or a gate that could not say", "dim")
            )
    if len(alike) > _LISTED:
        line(console, f"  and {len(alike) - _LISTED:,} more kinds; `--format json` has all")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED:,} more" if names[_LISTED:] else ""
    return ", ".join(names[:_LISTED]) + more


def _worse(one: Impact) -> bool:
    return STRICTNESS.index(one.after) > STRICTNESS.index(one.before)
