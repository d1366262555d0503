"""Evidence as one page that an auditor reads and prints: no script, nothing from elsewhere.

The same evidence gives the same bytes. Texts of records get into it by `markup` only.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from reconciler.model.audit import Deed, Measured, Spread
from reconciler.model.evidence import Apply, Detail, DriftSpan, Evidence, Row, Timeline, Who
from reconciler.model.verified import Verified
from reconciler.report.markup import Child, Html, joined, table, tag, words
from reconciler.report.words import counted

_SHORT: Final = 12
_LINKS: Final = 20
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --soft: #555; --rule: #bbb;
  --head: #f0f0f0; --link: #0b4fa8; --good: #14602b; --bad: #a3121f; --warn: #7a4b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #161616; --soft: #aaa;
  --rule: #555; --head: #262626; --link: #8fc0ff; --good: #7fd89a; --bad: #ff9a9a;
  --warn: #f2c26b; } }
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); }
body { font: 0.95rem/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 90rem;
  padding: 1rem; }
h1, h2, h3 { line-height: 1.2; margin: 1.6em 0 0.5em; }
h1 { margin-top: 0.5em; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; width: 100%; }
caption { font-weight: 600; padding: 0.3rem 0; text-align: left; }
th, td { border: 1px solid var(--rule); overflow-wrap: anywhere; padding: 0.25rem 0.4rem;
  text-align: left; unicode-bidi: isolate; vertical-align: top; }
th { font-weight: 600; }
thead th { background: var(--head); }
tbody th { font-weight: 400; }
code, pre { font: 0.9em/1.4 ui-monospace, monospace; overflow-wrap: anywhere;
  unicode-bidi: isolate; }
pre { border: 1px solid var(--rule); padding: 0.5rem; white-space: pre-wrap; }
dl { display: grid; gap: 0.15rem 1rem; grid-template-columns: max-content 1fr; margin: 0.5rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; unicode-bidi: isolate; }
.state { border: 2px solid currentcolor; font-weight: 700; padding: 0.5rem 0.8rem; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.warn { color: var(--warn); }
.skip { left: -100vw; position: absolute; }
.skip:focus { position: static; }
@page { margin: 14mm 12mm; size: A4; }
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #333; --rule: #888;
    --head: #eee; --link: #000; --good: #000; --bad: #000; --warn: #000; }
  body { font-size: 8.5pt; max-width: none; padding: 0; }
  nav, .skip { display: none; }
  a { text-decoration: none; }
  thead { display: table-header-group; }
  tr, dl, h2, h3 { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
}
"""
_POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + b64encode(sha256(_STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'"
)


def page(found: Evidence) -> str:
    """The whole page."""
    title = f"Evidence of {found.repository}, {found.since} to {found.until}"
    head = tag(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html('<meta name="referrer" content="no-referrer">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        tag("style", Html(_STYLE)),
    )
    sections = [(name, at, part) for name, at, part in _Page(found).sections() if part is not None]
    contents = tag(
        "nav",
        tag("h2", "Contents", id="contents"),
        tag("ul", *(tag("li", tag("a", name, href=f"#{at}")) for name, at, _ in sections)),
        aria_labelledby="contents",
    )
    main = tag(
        "main",
        *(
            tag("section", tag("h2", name, id=f"{at}"), part, aria_labelledby=at)
            for name, at, part in sections
        ),
        id="main",
    )
    skip = tag("a", "Skip to the evidence", class_="skip", href="#main")
    top = tag("header", tag("h1", title), *_about(found))
    whole = joined((head, tag("body", skip, top, contents, main)))
    lines = whole.source.replace("<tr>", "\n<tr>").replace("<section", "\n<section")
    return f'<!DOCTYPE html>\n<html lang="en">{lines}</html>\n'


def _about(found: Evidence) -> Iterator[Html]:
    only = ", ".join(found.environments) or "all"
    yield _list(
        (
            ("Repository", found.repository),
            ("Records", joined(("branch ", tag("code", found.branch)))),
            ("Period", f"from {found.since} to {found.until}, both included"),
            ("Environments", only + (", and what is about more than one" * bool(only != "all"))),
        )
    )
    if found.simulated:
        yield tag("p", "SANDBOX: nothing of this is real.", class_="state warn")
        yield tag("p", "Here nobody's approval is waited for: what needs one is applied without.")
    if found.broken is not None:
        yield tag(
            "p",
            "INCOMPLETE: the records cannot be read at commit ",
            tag("code", found.broken.commit),
            f": {found.broken.why}. What happened before that is not in this page.",
            class_="state bad",
        )


class _Page:
    """The sections, and which records have a place to link to."""

    def __init__(self, found: Evidence) -> None:
        self._found = found
        self._there = {one.row.record for one in found.details}

    def sections(self) -> Iterator[tuple[str, str, Html | None]]:
        """Headings, places and what stands there; nothing is left out since it is empty."""
        yield "Summary", "summary", self._summary()
        yield "The chain of records", "chain", joined(_chain(self._found.verified))
        yield "Delivery", "delivery", _delivery(self._found.dora, self._found.notes)
        yield "Who acted", "people", self._people()
        yield "Approvals", "approvals", self._approvals()
        yield "Applies", "applies", self._applies()
        yield "Drift", "drift", self._drift()
        yield "Waivers", "waivers", self._waivers()
        yield "Overrides and acknowledged breaks", "overrides", self._overrides()
        yield "Freezes", "freezes", self._freezes()
        yield "Refusals", "refusals", self._refusals()
        yield "Policies in force", "policies", self._policies()
        yield "Promotions, rollbacks and expiries", "moves", self._moves()
        yield "Environments", "environments", joined(self._timelines())
        yield "Records", "records", joined(self._details())

    def _link(self, number: int | None) -> Child:
        if number is None:
            return "—"
        text = str(number)
        return tag("a", text, href=f"#record-{text}") if number in self._there else text

    def _links(self, *numbers: int | None) -> Html:
        known = [one for one in numbers if one is not None]
        more = [f"and {len(known) - _LINKS} more"] if len(known) > _LINKS else []
        return joined([*map(self._link, known[:_LINKS]), *more], ", ")

    def _summary(self) -> Html:
        told, counts = self._found.tables, self._found.tables.summary
        frozen = sum(1 for one in told.stops if one.kind == "freeze")
        resumed = sum(1 for one in told.stops if one.kind == "resume")
        gone = f"{counts.drift_seen} seen, {counts.drift_gone} gone, {counts.drift_mended} mended"
        rows: list[tuple[str, str]] = [
            ("Records", f"{counts.records:,}"),
            ("Decisions", _counts(counts.decisions)),
            ("Applies and destroys", _counts(counts.applies)),
            ("Approvals that counted", str(counts.approvals)),
            ("Approvals that did not count", str(counts.disregarded)),
            ("Drift", gone),
            ("Waivers used", str(len(told.waivers))),
            ("Overrides and acknowledgements", str(len(told.overrides))),
            ("Freezes", f"{frozen} begun, {resumed} ended"),
            ("Refusals", str(len(told.refusals))),
            ("Chain of records", _state(self._found.verified)),
        ]
        return table("What happened in the period", ("What", "How many"), rows)

    def _people(self) -> Html:
        rows = (
            (_deed_by(one), one.did, str(one.count), one.last, self._link(one.record))
            for one in self._found.tables.deeds
        )
        heads = ("Who", "Did", "Times", "Last", "Record")
        return _or_none("Who acted, and how often", heads, rows)

    def _approvals(self) -> Html:
        rows = (
            (
                one.at,
                _who(one.who),
                ", ".join(name or "all" for name in one.environments),
                _short(one.head),
                _short(one.plan),
                _short(one.policies),
                one.reference or "—",
                f"no: {one.why_not}" if one.why_not else "yes",
                self._links(*one.decisions),
            )
            for one in self._found.tables.approvals
        )
        heads = ("When", "Who", "Environment", "Commit", "Plan", "Policies", "Where", "Counted",
                 "Decisions")  # fmt: skip
        return _or_none("Every approval that a decision of the period looked at", heads, rows)

    def _applies(self) -> Html:
        rows = (self._apply(one) for one in self._found.tables.applies)
        heads = ("Environment", "What", "Started", "Ended", "Who", "Commit", "Plan", "Decision",
                 "Result", "Records")  # fmt: skip
        return _or_none("Every apply and destroy", heads, rows)

    def _apply(self, one: Apply) -> tuple[Child, ...]:
        did = ", ".join(f"{many} {kind}" for kind, many in one.counts)
        return (
            one.environment or "all",
            one.action,
            one.started or "not known",
            one.ended or "not in the period",
            _who(one.who),
            _short(one.commit),
            _short(one.plan),
            self._link(one.decision),
            f"{one.result}: {did}" if did else one.result,
            self._links(one.begin, one.end),
        )

    def _drift(self) -> Html:
        told = self._found.tables
        spans = ("Environment", "Seen first", "Seen last", "Gone", "Mended", "What", "Records")
        drifts = _or_none("Drift", spans, map(self._span, told.drifts))
        rows = (
            (
                one.at,
                one.environment or "all",
                _who(one.who),
                joined((f"{one.step}, {one.mode}", f", {one.result}" if one.result else "")),
                one.cause,
                one.merge_request or "—",
                _short(one.drift),
                self._link(one.record),
            )
            for one in told.mendings
        )
        heads = ("When", "Environment", "Who", "Step", "Cause", "Merge request", "Drift", "Record")
        return joined((drifts, _or_none("How drift was mended", heads, rows)))

    def _span(self, one: DriftSpan) -> tuple[Child, ...]:
        what = tag("ul", *(tag("li", each) for each in one.what)) if one.what else "not known"
        numbers = sorted({one.first_record, one.last_record, one.gone_record or one.last_record})
        return (
            one.environment or "all",
            one.first or "before the period",
            one.last or "before the period",
            one.gone or "not in the period",
            one.mended or "no",
            joined((tag("p", _short(one.digest)), what)),
            self._links(*numbers),
        )

    def _waivers(self) -> Html:
        rows = (
            (
                one.waiver,
                one.rule,
                one.environment or "all",
                one.owner,
                one.because,
                one.expires,
                str(one.findings),
                one.at,
                self._links(one.record, one.decision),
            )
            for one in self._found.tables.waivers
        )
        heads = ("Waiver", "Rule", "Environment", "Owner", "Reason", "Expires", "Findings",
                 "First used", "Record, decision")  # fmt: skip
        return _or_none("Waivers that were used for the first time", heads, rows)

    def _overrides(self) -> Html:
        rows = (
            (
                one.at,
                _who(one.who),
                one.environment or "all",
                joined((one.what, " ", one.subject)),
                one.because,
                one.until or "—",
                tag("ul", *(tag("li", each) for each in one.accepts)) if one.accepts else "—",
                self._link(one.record),
            )
            for one in self._found.tables.overrides
        )
        heads = ("When", "Who", "Environment", "What", "Reason", "Until", "Accepts", "Record")
        return _or_none("What humans took on; chain: breaks of the records", heads, rows)

    def _freezes(self) -> Html:
        rows = (
            (
                one.at,
                one.kind,
                one.freeze,
                joined((one.scope, " ", one.subject)),
                _who(one.who),
                one.because,
                one.until or "—",
                self._link(one.record),
            )
            for one in self._found.tables.stops
        )
        heads = ("When", "What", "Freeze", "Scope", "Who", "Reason", "Until", "Record")
        return _or_none("Freezes and resumes; in force: since before the period", heads, rows)

    def _refusals(self) -> Html:
        rows = (
            (
                one.at,
                one.environment or "all",
                _who(one.who),
                one.what,
                one.why,
                _short(one.commit),
                self._link(one.decision),
                self._link(one.record),
            )
            for one in self._found.tables.refusals
        )
        heads = ("When", "Environment", "Who", "What was tried", "Why it was stopped", "Commit",
                 "Decision", "Record")  # fmt: skip
        caption = "What was stopped, and who asked for it or made the commit, as git has it"
        return _or_none(caption, heads, rows)

    def _policies(self) -> Html:
        rows = (
            (
                one.since,
                one.until or "the end of the period",
                tag("code", one.commit),
                tag("code", one.policies),
                _who(one.who),
                self._link(one.record),
            )
            for one in self._found.tables.policies
        )
        heads = ("From", "To", "Commit", "Policies", "Taken into use by", "Record")
        return _or_none("Which rules judged, and when", heads, rows)

    def _moves(self) -> Html:
        rows = (
            (
                one.at,
                one.environment or "all",
                _who(one.who),
                one.what,
                one.because or "—",
                one.merge_request or "—",
                self._link(one.record),
            )
            for one in self._found.tables.moves
        )
        heads = ("When", "Environment", "Who", "What", "Reason", "Merge request", "Record")
        return _or_none("Promotions, rollbacks and expiries", heads, rows)

    def _timelines(self) -> Iterator[Html]:
        if not self._found.tables.timelines:
            yield tag("p", "None.")
        for one in self._found.tables.timelines:
            yield tag("h3", one.environment or "More than one environment")
            yield table(
                f"The timeline of {one.environment or 'what is about more than one'}, newest first",
                ("When", "Kind", "What happened", "Who", "Record"),
                (self._event(row) for row in one.rows),
            )
            yield from _older(one)

    def _event(self, row: Row) -> tuple[Child, ...]:
        return row.at, row.kind, row.subject, _who(row.who), self._link(row.record)

    def _details(self) -> Iterator[Html]:
        found = self._found
        if not found.details:
            yield tag("p", "There are no records in the period.")
        if found.details_left_out:
            more = counted(found.details_left_out, "older record")
            yield tag(
                "p",
                f"Of {more} the details are not in this page, though they are counted in it. "
                "Ask for a shorter period, for one environment, or for `--format csv`, which has a "
                "line for every record; `reconciler audit show NUMBER` tells all of one.",
                class_="state warn",
            )
        yield from map(_detail, found.details)


def _detail(one: Detail) -> Html:
    row = one.row
    known = (
        ("When", row.at),
        ("Who", _who(row.who)),
        ("Environment", row.environment or "more than one"),
        ("Kind", row.kind),
        ("Commit of the record", tag("code", row.commit)),
        ("Digest of its document", tag("code", row.digest)),
    )
    return tag(
        "article",
        tag("h3", f"Record {row.record}: {row.subject}"),
        _list(known),
        tag(
            "details",
            tag("summary", f"The document of record {row.record}"),
            tag("pre", words(_pretty(one.document), lines=True)),
        ),
        id=f"record-{row.record}",
    )


def _pretty(data: bytes) -> str:
    """As JSON for people. What a text holds stays escaped as JSON has it."""
    return json.dumps(json.loads(data), indent=2, ensure_ascii=False)


def _older(one: Timeline) -> Iterator[Html]:
    if one.left_out:
        more = counted(one.left_out, "older record")
        yield tag("p", f"{more} of the period: `--format csv` has them all.")


def _state(found: Verified | None) -> str:
    if found is None:
        return "NOT VERIFIED"
    if found.whole:
        return "WHOLE"
    still = len(found.open_breaks)
    answered = "all answered for" if not still else f"{still} that nobody answered for"
    return f"BROKEN: {counted(len(found.breaks), 'break')}, {answered}"


def _chain(found: Verified | None) -> Iterator[Html]:
    """What verifying the whole chain came to, whatever the period."""
    if found is None:
        why = "the target branch is not here, and its documents judge the records"
        yield tag("p", f"NOT VERIFIED: {why}.", class_="state bad")
        return
    yield tag("p", _state(found), class_=f"state {'good' if found.whole else 'bad'}")
    last = found.anchors[-1] if found.anchors else None
    anchor: Child = "none"
    if last is not None:
        by = f"signed by {last.key}" if last.key else "not signed"
        anchor = joined(
            (f"{last.name}, record {last.sequence}, ", tag("code", last.commit), f", {by}")
        )
    yield _list(
        (
            ("Verified", f"{counted(found.records, 'record')}, the whole branch"),
            ("Last commit", tag("code", found.tip or "none")),
            ("Signed by a known key", f"{found.signed:,}"),
            ("Last anchor reached", anchor),
        )
    )
    if found.breaks:
        known = dict(found.acknowledged)
        rows = (
            (
                one.name,
                "—" if one.sequence is None else str(one.sequence),
                one.why,
                known.get(one.name, "nobody"),
            )
            for one in found.breaks
        )
        yield table("Breaks", ("Break", "Record", "Why", "Answered for by"), rows)
    if found.unsettled:
        open_ones = ((name, str(number)) for name, number in found.unsettled)
        yield table("Applies that have begun and not ended", ("Environment", "Record"), open_ones)
    if found.notes:
        yield tag("ul", *(tag("li", one) for one in found.notes))


def _number(sequence: int | None) -> str:
    return "—" if sequence is None else str(sequence)


def _delivery(one: Measured, notes: Sequence[str]) -> Html:
    rate = one.failure_rate
    week = "" if one.per_week is None else f", {one.per_week} a week"
    failed = "no data" if rate is None else f"{rate:.0%} ({one.failed} of {one.changes})"
    rows = (
        ("Deployments", f"{one.deployments}{week}"),
        ("Lead time", _spread(one.lead)),
        ("Change failure rate", failed),
        ("Time to restore", _spread(one.restore)),
        ("Failures not restored yet", str(one.broken_now)),
    )
    figures = table("The four figures of DORA", ("Figure", "In the period"), rows)
    return joined((figures, tag("ul", *(tag("li", each) for each in notes)) if notes else ""))


def _spread(one: Spread) -> str:
    if one.median is None or one.p90 is None:
        return "no data"
    return f"median {_length(one.median)}, p90 {_length(one.p90)} (of {one.count})"


def _length(seconds: int) -> str:
    minutes = seconds // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {rest}m" if hours else f"{rest}m" if rest else f"{seconds}s"


def _counts(many: Iterable[tuple[str, int]]) -> str:
    listed = [(name, count) for name, count in many if count]
    total = sum(count for _, count in listed)
    named = ", ".join(f"{count} {name}" for name, count in listed)
    return f"{total}: {named}" if listed else "0"


def _who(one: Who) -> Html:
    """A name cannot move what proves who it was: it stands apart."""
    parts: list[Child] = []
    if one.name:
        parts += [tag("bdi", one.name), " "]
    parts.append(tag("code", one.email))
    said = [f"forge id {one.forge_id}"] if one.forge_id is not None else []
    if one.kind not in ("", "human"):
        said.append(one.kind)
    if one.agent and one.agent != one.name:
        said.append(one.agent)
    if said:
        parts += [" ", tag("bdi", f"({', '.join(said)})")]
    return joined(parts)


def _deed_by(one: Deed) -> Html:
    return _who(Who(one.name, one.email, one.forge_id, one.kind))


def _short(text: str) -> Child:
    """The beginning of an id; the whole stands in the record, and where a pointer rests on it."""
    if not text:
        return "—"
    mark, colon, rest = text.rpartition(":")
    return tag("code", f"{mark}{colon}{rest[:_SHORT]}", title=text)


def _or_none(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]]) -> Html:
    made = list(rows)
    return table(caption, heads, made) if made else tag("p", f"{caption}: none.")


def _list(pairs: Iterable[tuple[str, Child]]) -> Html:
    return tag("dl", *(part for name, one in pairs for part in (tag("dt", name), tag("dd", one))))
