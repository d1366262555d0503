"""The note on a merge request, and `check --format markdown`: verdict first, then why, then how.

Never longer than the forge takes it: whole findings, plans and rows are left out from the end of
their part, and the note says how many and where they are. What somebody has to do is never cut.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from reconciler.model.check import CheckReport, Impact
from reconciler.model.decision import Decision, Judged, Verdict
from reconciler.model.difference import Difference
from reconciler.model.plan import Plan
from reconciler.model.review import Review
from reconciler.report import difference as since
from reconciler.report.markdown import code, codes, folded, link, named, row
from reconciler.report.plan_text import counts, value
from reconciler.report.words import (
    agreed_words,
    counted,
    disregarded_words,
    missing_words,
    place,
    rank,
    rules_words,
)

WHOLE: Final = 1_000_000
"""Characters of a note on GitLab; what is printed is no longer, either."""
MARK: Final = {
    Verdict.ALLOW: "✅",
    Verdict.NEEDS_APPROVAL: "🟡",
    Verdict.INDETERMINATE: "⚪",
    Verdict.DENY: "❌",
}
_SAYS: Final = {
    Verdict.ALLOW: "Nothing speaks against it.",
    Verdict.NEEDS_APPROVAL: "Somebody has to agree to it.",
    Verdict.INDETERMINATE: "Something could not be judged, so it is not allowed.",
    Verdict.DENY: "It is refused as it is.",
}
_SHORT: Final = 12
_EXPECTED: Final = "expected: "
_ROWS: Final = (60, 20, 5, 1)
"""Of what is never left out, as many as this; fewer where even those are too long."""
_OPEN: Final = 30
_NAMES: Final = 5
_CHANGES: Final = 40
_ATTRIBUTES: Final = 6
_SINCE: Final = ("", "### Not as it was agreed to", "")
_POINTER: Final = 700
"""Characters kept for what says that something was left out."""
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

Piece = Sequence[str]
"""Lines that stand there together or not at all."""


def sticky(review: Review, size: int = WHOLE) -> str:
    """The note, in at most so many characters."""
    page = next(
        (one for rows in _ROWS if (one := _Page(review, rows)).frame <= size),
        _Page(review, _ROWS[-1]),
    )
    middle, left = _fitted(page.parts(), size - page.frame)
    return "\n".join([*page.top, *middle, *page.pointer(left), *page.end, ""])


def checked(report: CheckReport) -> str:
    """`check --format markdown`."""
    return sticky(Review(report))


def on_line(one: Judged) -> str:
    """What is said about a finding on its line."""
    finding = one.finding
    lines = [f"**{code(finding.rule)}** ({one.level}, {finding.severity}): {code(finding.message)}"]
    if finding.fix:
        lines += ["", _fix(finding.fix)]
    lines += ["", f"More of it: `reconciler explain {finding.fingerprint[:_SHORT]}`"]
    return "\n".join(lines) if finding.fingerprint.isalnum() else "\n".join(lines[:-2])


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of the note: its heading, and pieces that may be left out from the end."""

    name: str
    head: Piece
    pieces: Sequence[Piece]
    folds: int = 0
    """How many are seen at once; 0: all."""


def _fitted(parts: Sequence[_Part], space: int) -> tuple[list[str], list[str]]:
    """As much as there is space for, and what of it was left out."""
    lines: list[str] = []
    left = []
    for part in parts:
        space -= _length(part.head) + 100
        shown: list[Piece] = []
        for piece in part.pieces:
            space -= _length(piece)
            if space < 0:
                break
            shown.append(piece)
        if shown:
            folds = part.folds or len(shown)
            lines += [*part.head, *(line for piece in shown[:folds] for line in piece)]
            more = [line for piece in shown[folds:] for line in piece]
            if more:
                lines += folded(f"{len(shown) - folds:,} more {part.name}", more)
        if len(shown) < len(part.pieces):
            left.append(f"{len(part.pieces) - len(shown):,} {part.name}")
            space = -1  # what comes after is less important, and must not look complete
    return lines, left


def _length(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


@dataclass(slots=True)
class _Alike:
    """One finding, with all that it stands against."""

    one: Judged
    subjects: list[str] = field(default_factory=list)


class _Page:
    """One review on its way into a note."""

    def __init__(self, review: Review, rows: int) -> None:
        self._review = review
        self._rows = rows
        self._report = review.report
        self._plans = {one.environment: one for one in review.plans}
        self._unplanned = {one.environment: one for one in review.unplanned}
        self._touched = {one.name: one for one in review.report.touched}
        self.top = self._top()
        self.end = self._end()
        self.frame = _length(self.top) + _length(self.end) + _POINTER
        """Characters of what is never left out."""

    # --- what is never left out

    def _top(self) -> list[str]:
        """The verdict, what is lost, and the table."""
        verdict = self._report.verdict
        word = verdict.replace("_", " ")
        lines = [f"## {MARK[verdict]} {word}", "", f"{_SAYS[verdict]} {self._summary()}"]
        if self._review.simulated:
            lines += ["", "**SIMULATED**: the plans are of the sandbox, and of no real account."]
        lines += self._lost()
        if self._report.decisions:
            lines += ["", row(("environment", "verdict", "what changes", "risk", "still missing"))]
            lines += ["|---|---|---|---|---|"]
        worst = self._report.worst_first
        lines += [self._row(one) for one in worst[: self._rows]]
        if len(worst) > self._rows:
            rest = worst[self._rows :]
            words = f"{rest[0].verdict.replace('_', ' ')} at worst"
            lines += ["", f"And {counted(len(rest), 'environment')} more, {words}."]
        return lines

    def _summary(self) -> str:
        report = self._report
        environments = [one for one in report.decisions if one.environment]
        if not report.decisions:
            return "No environment is touched."
        if not environments:
            return "It touches no environment."
        worst = [one for one in environments if one.verdict is report.verdict]
        many = counted(len(environments), "environment")
        if report.verdict is Verdict.ALLOW:
            return f"{many.capitalize()}." if report.changing else f"{many} checked."
        if not worst:
            return f"It is about the change itself, and not about its {many}."
        names = codes([one.environment for one in worst], _NAMES)
        return f"{names}." if len(environments) == 1 else f"{len(worst):,} of {many}: {names}."

    def _lost(self) -> list[str]:
        """What no undo brings back stands where nobody overlooks it."""
        lost = [(plan.environment, one) for plan in self._review.plans for one in plan.loses_data]
        if not lost:
            return []
        words = "is deleted" if len(lost) == 1 else "are deleted"
        lines = ["", f"⚠️ **DATA IS LOST**: {counted(len(lost), 'resource')} {words} or made anew:"]
        lines += [""]
        lines += [
            f"- {code(name)}: {code(one.address)} ({one.kind})" for name, one in lost[: self._rows]
        ]
        more = len(lost) - self._rows
        return [*lines, f"- and {more:,} more"] if more > 0 else lines

    def _row(self, one: Decision) -> str:
        missing = sum(need.count for need in one.missing)
        return row(
            (
                code(self._report.subject(one)),
                f"{MARK[one.verdict]} {one.verdict.replace('_', ' ')}",
                self._what(one.environment),
                one.risk,
                counted(missing, "approval") if missing else "",
            )
        )

    def _what(self, name: str) -> str:
        plan, unplanned = self._plans.get(name), self._unplanned.get(name)
        touched = self._touched.get(name)
        if plan is not None:
            return code(counts(plan))
        if not self._report.changing or touched is None:
            return ""
        words = f"{touched.effect.value}: {'; '.join(touched.reasons)}"
        if unplanned is not None:
            words += f" (not planned: {unplanned.why})"
        return code(words)

    def _end(self) -> list[str]:
        """Who has to agree, and what to do next."""
        lines = self._approvals()
        lines += ["", "### What to do next", ""]
        lines += [f"- {one}" for one in self._next()]
        if any(not each.waived_by for one in self._report.decisions for each in one.findings):
            ends = self._command.removeprefix("`reconciler check")
            lines.append(f"- More of a finding: `reconciler explain FINGERPRINT{ends}.")
        report = self._report
        if self._whole_ids:
            lines += [
                "",
                f"Commit {code(report.head[:_SHORT])} against {code(report.base[:_SHORT])}.",
            ]
        return lines

    @property
    def _whole_ids(self) -> bool:
        """Whether what was checked is in git, so that it can be checked again."""
        report = self._report
        ids = (report.base, report.head)
        return report.changing and all(_COMMIT.fullmatch(one) for one in ids)

    @property
    def _command(self) -> str:
        report = self._report
        if not self._whole_ids:
            return "`reconciler check`"
        return f"`reconciler check --base {report.base[:_SHORT]} --head {report.head[:_SHORT]}`"

    def _approvals(self) -> list[str]:
        said = [
            f"- **{code(self._report.subject(one))}**: {code(words)}"
            for one in self._report.worst_first
            for words in (
                *(agreed_words(each) for each in one.agreed),
                *missing_words(one),
                *(disregarded_words(each) for each in one.disregarded),
            )
        ]
        if not said:
            return []
        more = [f"- and {len(said) - self._rows:,} more"] if len(said) > self._rows else []
        return ["", "### Approvals", "", *said[: self._rows], *more]

    def _next(self) -> Iterator[str]:
        review, verdict = self._review, self._report.verdict
        decisions = self._report.decisions
        if verdict is Verdict.ALLOW:
            draft = "Take it out of draft; then it" if review.draft else "It"
            yield f"{draft} may be merged." if review.number else "Nothing is left to do."
            return
        if any(each.level == "hard" and not each.waived_by for one in decisions
               for each in one.findings):  # fmt: skip
            again = ", commit and push: it is looked at again by itself" if review.number else ""
            yield f"Mend what is hard{again}. The same on your machine: {self._command}."
        for hint in sorted({f"{one.gate}: {one.hint or one.reason}"
                            for each in decisions for one in each.silent})[:_NAMES]:  # fmt: skip
            yield f"Let it be judged: {code(hint)}"
        for one in [one for one in review.unplanned if one.failed][:_NAMES]:
            yield f"Let {code(one.environment)} be planned: {code(one.hint or one.why)}"
        teams = sorted({team for one in decisions for need in one.missing for team in need.teams})
        if any(one.missing for one in decisions):
            whom = codes(teams, _NAMES) if teams else "the owner's team"
            where = ""
            if review.number:
                where = f": **Approve**, or {self._agreeing()} where it is local"
            yield f"Let somebody of {whom} who did not make it look at it, and agree{where}."
        frozen = any(reason.startswith("frozen") for one in decisions for reason in one.reasons)
        if frozen:
            yield "Wait until the freeze ends, or ask its owner to take it out."
        if verdict is Verdict.INDETERMINATE and review.number:
            yield f"Then have it looked at again: `reconciler mr check {review.number}`."

    def _agreeing(self) -> str:
        """The command that agrees: without its plan an agreement to what is planned is none."""
        missing = {one.environment for one in self._report.decisions if one.missing}
        plans = [one for one in self._review.plans if one.environment in missing]
        if self._review.simulated:
            plans = []  # nobody agrees to those
        said = f"reconciler mr approve {self._review.number}"
        if len(plans) == 1:
            said += f" --plan {plans[0].environment}={plans[0].digest}"
        return f"`{said} --plan ENV=DIGEST`, for each plan," if len(plans) > 1 else code(said)

    def pointer(self, left: Sequence[str]) -> list[str]:
        """Where the rest is."""
        job = link("the job that says this", self._review.job) if self._review.job else ""
        if not left:
            return ["", f"Made by {job}."] if job else []
        whole = f"{self._command}{f', and {job}' if job else ''}"
        return ["", f"**Left out here, for want of space: {', '.join(left)}.** All of it: {whole}."]

    # --- what may be left out

    def parts(self) -> list[_Part]:
        """By weight."""
        found = [
            _Part("reasons", ["", "### Why", ""], self._reasons(), _OPEN),
            _Part("findings", ["", "### Findings", ""], self._findings(), _OPEN),
            _Part("differences from what was agreed to", _SINCE, self._since(), _OPEN),
            _Part("plans", ["", "### Plans"], [self._plan(one) for one in self._review.plans]),
        ]
        impact = self._report.impact
        if impact is not None:
            looked = counted(impact.looked_at, "environment")
            head = ["", "### Under the new rules", ""]
            if impact.differing:
                differ = counted(len(impact.differing), "environment")
                head += [
                    f"{differ} of {impact.looked_at:,} would differ.",
                    "",
                    row(("environment", "now", "then", "newly fails", "newly passes")),
                    "|---|---|---|---|---|",
                ]
                rows = [[_impact(one)] for one in impact.differing]
                found.append(_Part("environments under the new rules", head, rows))
            else:
                found.append(_Part("comparisons", head, [[f"The same for all of {looked}."]]))
        return [*found, _Part("notes", ["", "### Notes", ""], self._notes())]

    def _reasons(self) -> list[Piece]:
        """Reasons that are neither findings nor missing agreement, each once."""
        subjects: dict[str, list[str]] = {}
        for decision in self._report.worst_first:
            told = {need.why for need in decision.missing}
            for reason in decision.reasons:
                if reason not in told and not reason.startswith("hard: "):
                    subjects.setdefault(reason, []).append(self._report.subject(decision))
        return [[f"- {codes(names, _NAMES)}: {code(why)}"] for why, names in subjects.items()]

    def _findings(self) -> list[Piece]:
        alike: dict[object, _Alike] = {}
        for decision in self._report.worst_first:
            for one in decision.findings:
                if not one.waived_by and one.level != "advisory":
                    alike.setdefault(_same(one), _Alike(one)).subjects.append(
                        self._report.subject(decision)
                    )
        found = sorted(alike.values(), key=lambda each: rank(each.one))
        return [self._item(each) for each in found]

    def _item(self, each: _Alike) -> Piece:
        finding = each.one.finding
        weight = f"({each.one.level}, {finding.severity})"
        lines = [f"- **{code(finding.rule)}** {weight} {code(finding.message)}"]
        where = f"at {code(place(finding))}, " if finding.location.path else ""
        mark = finding.fingerprint[:_SHORT]
        lines.append(f"  - {where}in {codes(each.subjects, _NAMES)}, fingerprint {code(mark)}")
        if finding.fix:
            lines.append(f"  - {_fix(finding.fix)}")
        return lines

    def _since(self) -> list[Piece]:
        """What is planned otherwise than people agreed to: they look at that, and not at all."""
        return [list(_differing(environment, one)) for environment, one in self._review.otherwise]

    def _plan(self, plan: Plan) -> Piece:
        lines = [f"Plan {code(plan.digest[:19])} by {code(plan.engine)}: {code(counts(plan))}.", ""]
        for one in plan.changes[:_CHANGES]:
            lost = " **DATA IS LOST**" if one.loses_data else ""
            lines.append(f"- {one.kind} {code(one.address)}{lost}")
            if one.kind in ("update", "replace"):
                lines += [
                    f"  - {code(f'{each.path}: {value(each.before)} -> {value(each.after)}')}"
                    for each in one.attributes[:_ATTRIBUTES]
                ]
        more = len(plan.changes) - _CHANGES
        if more > 0:
            lines.append(f"- and {more:,} more: {code(f'reconciler plan {plan.environment}')}")
        name = named(plan.environment, "an environment")
        return folded(f"Plan of {name}: {counted(len(plan.changes), 'change')}", lines)

    def _notes(self) -> list[Piece]:
        report = self._report
        lines: list[Piece] = [
            [f"- {code(one.environment)} was not planned: {code(one.why)}"]
            for one in self._review.unplanned
        ]
        every = [one for _, one in report.judged()]
        waived = sum(1 for one in every if one.waived_by)
        hints = sum(1 for one in every if one.level == "advisory" and not one.waived_by)
        if waived:
            lines.append([f"- {counted(waived, 'finding')} excepted by waivers."])
        if hints:
            lines.append([f"- {counted(hints, 'hint')} not shown: `reconciler check --advice`."])
        return [*lines, *([f"- {code(note)}"] for note in report.notes)]


def _differing(environment: str, one: Difference) -> Iterator[str]:
    yield f"- {code(environment)}: {since.words(one)}"
    for each in one.resources[:_CHANGES]:
        yield f"  - {code(f'{since.name(each)} {since.what(each)}')}"
        yield from (f"    - {code(told)}" for told in since.attributes(each, _ATTRIBUTES))
    yield from (f"  - output {code(since.attribute(each))}" for each in one.outputs[:_CHANGES])
    more = max(len(one.resources) - _CHANGES, 0) + max(len(one.outputs) - _CHANGES, 0)
    if more:
        yield f"  - and {more:,} more"


def _fix(text: str) -> str:
    expected = text.removeprefix(_EXPECTED)
    return f"do: {code(text)}" if expected == text else f"want: {code(expected)}"


def _same(one: Judged) -> object:
    """What makes the findings of two environments one and the same to a reader."""
    finding = one.finding
    where = finding.location
    spot = where if not finding.environment or finding.rendered else (where, finding.environment)
    return (one.level, finding.gate, finding.rule, finding.message, finding.resource, spot)


def _impact(one: Impact) -> str:
    return row(
        (
            code(one.environment),
            one.before.replace("_", " "),
            f"{MARK[one.after]} {one.after.replace('_', ' ')}",
            code(rules_words(one.newly_failing)),
            code(rules_words(one.newly_passing)),
        )
    )
