"""`audit export`: the evidence of a period, as a page, as JSON and as CSV.

To renew the page after a change that is meant:
`RECONCILER_RENEW_GOLDEN=1 .venv/bin/pytest tests/audit/test_export.py`, then look at `git diff`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import pygit2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.adapters.record_store import GitRecords
from reconciler.app.audit import export
from reconciler.app.audit.export import Period, Reading
from reconciler.app.audit.reading import Trail
from reconciler.app.records import Records
from reconciler.core.records.evidence import SHOWN
from reconciler.model.evidence import Evidence, Row
from reconciler.model.verified import Anchor, Verified
from reconciler.model.verified import Break as ChainBreak
from reconciler.report import audit_csv, audit_html, audit_json
from reconciler.wiring import build
from tests.audit.conftest import Run
from tests.audit.story import ADA, CONTROLLER, Told, decision, drift, more, policy, tell
from tests.docs.scenes import with_made_up_ids
from tests.done import Done
from tests.repos import GitRepo

GOLDEN: Final = Path(__file__).parent / "golden" / "evidence.html"
RENEW: Final = os.environ.get("RECONCILER_RENEW_GOLDEN") == "1"
PERIOD: Final = ("--since", "2026-11-01", "--until", "2026-11-10")
UNSEEN: Final = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
FORMULA: Final = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
T = TypeVar("T")


@pytest.fixture
def rich(told: Told) -> Told:
    return more(told)


class Page(HTMLParser):
    """A page as a browser takes it: elements, attributes and texts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.shape: list[tuple[object, ...]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, *(name for name, _ in attrs)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]


def exported(run: Run, form: str, *argv: str) -> Done:
    return run("export", "--format", form, *(argv or PERIOD))


# ---------------------------------------------------------------------------------------- the page


def test_the_page_is_as_it_was(run: Run, rich: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    # What else verifying finds in a story that nobody vouches for is told in its own tests.
    first, last = rich.written[0].commit, rich.written[-1].commit
    law = ChainBreak(0, first, "law", "it has other policies than the record names")
    said = ((law.name, "Ada Berg <ada@example.com>: restored, see INC-7"),)
    anchor = (Anchor("records-anchor/34", last, 34, ""),)
    opened, notes = (("acme-portal", 34),), ("35 of 35 records are not signed",)
    found = Verified("records", last, 35, 0, (law,), said, anchor, opened, notes)
    monkeypatch.setattr("reconciler.cli.audit_export.verified", lambda _audit, **_more: found)
    made = with_made_up_ids(exported(run, "html").out)
    if RENEW:
        assert "CI" not in os.environ, "golden files are renewed by people, not by a pipeline"
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(made, encoding="utf-8")
    assert made == GOLDEN.read_text(encoding="utf-8"), "see the top of this file"


@pytest.mark.usefixtures("rich")
def test_a_page_stands_alone_and_its_links_resolve(run: Run) -> None:
    source = exported(run, "html").out
    page = Page(source)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    links = page.values("href")
    assert len(links) > 60
    assert {one[0] for one in links} == {"#"}
    assert {one[1:] for one in links} <= set(ids)
    assert not {"script", "link", "img", "iframe", "object", "form"} & {
        one[0] for one in page.shape
    }
    assert not re.search(r"url\(|@import|https?://", source)
    assert set(page.values("aria-labelledby")) <= set(ids)


@pytest.mark.usefixtures("rich")
def test_only_our_own_style_is_let_in(run: Run) -> None:
    source = exported(run, "html").out
    (style,) = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    mark = b64encode(sha256(style.encode()).digest()).decode()
    (allowed,) = [one for one in Page(source).values("content") if "default-src" in one]
    assert allowed == (
        f"default-src 'none'; style-src 'sha256-{mark}'; base-uri 'none'; form-action 'none'"
    )
    assert Page(source).values("style") == []
    assert "@page" in style
    assert "prefers-color-scheme: dark" in style


@pytest.mark.usefixtures("rich")
def test_tables_can_be_read_aloud(run: Run) -> None:
    shape = Page(exported(run, "html").out).shape
    tables = [at for at, one in enumerate(shape) if one[0] == "table"]
    assert len(tables) > 12
    for at in tables:
        assert [one[0] for one in shape[at + 1 : at + 5]] == ["caption", "thead", "tr", "th"]
    assert all("scope" in one for one in shape if one[0] == "th")
    levels = [int(str(one[0])[1]) for one in shape if re.fullmatch("h[1-6]", str(one[0]))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


@pytest.mark.usefixtures("rich")
def test_what_an_auditor_looks_for_is_in_the_page(run: Run) -> None:
    done = exported(run, "html")
    text = "\n".join(Page(done.out).texts)
    for words in (
        "2026-11-01T00:00:00Z to 2026-11-10T23:59:59Z",
        "BROKEN",
        "The four figures of DORA",
        "(forge id 2002)",
        "no: it is of an agent",
        "fair-is-public",
        "a fair is public",
        "restored, see INC-7",
        "the night of the sale",
        "apply without a decision that allows it",
        "aws_s3_bucket.uploads: tags (by console)",
        "The timeline of trade-fair, newest first",
    ):
        assert words in text, words


# ------------------------------------------------------------------------- whatever stands in them

HOSTILE: Final = (
    "<script>alert(1)</script>",
    "</pre></details><img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)' x=\"",
    "</style><style>*{display:none}",
    "<!--",
    "]]><![CDATA[",
    "&lt;b&gt;&#60;b&#62;",
    "a\u202eb\u2066c\u200bd\ufeff\x00\x1b[31m\x9b",
    "<tr>\n<section id='main'>\r",
    "\ud800",
)


def filled(kind: type[T], text: str) -> T:
    """A value with the text in every place that takes one."""
    return kind(**{name: of(hint, text) for name, hint in get_type_hints(kind).items()})


def of(hint: Any, text: str) -> Any:
    if get_origin(hint) is tuple:
        return tuple(of(one, text) for one in get_args(hint) if one is not Ellipsis)
    if get_args(hint):
        return of(get_args(hint)[0], text)
    plain = {str: text, int: 7, bool: True, float: 0.5}
    if hint is bytes:
        return json.dumps({text: [text]}).encode()
    return plain[hint] if hint in plain else filled(hint, text)


def whole(text: str) -> Evidence:
    made = filled(Evidence, text)
    assert made.verified is not None
    breaks = (ChainBreak(3, text, text, text, known_by=text),)
    return replace(made, verified=replace(made.verified, breaks=breaks), details_left_out=2)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from strings(one)
    elif is_dataclass(value):
        for one in fields(value):
            yield from strings(getattr(value, one.name))


def test_every_field_is_filled() -> None:
    assert {*strings(whole("x"))} == {"x"}
    assert sum(1 for _ in strings(whole("x"))) > 150


@given(st.text(min_size=1) | st.sampled_from(HOSTILE))
@example("".join(HOSTILE))
def test_no_text_gets_out_of_its_place(text: str) -> None:
    plain, hostile = Page(audit_html.page(whole("x"))), Page(audit_html.page(whole(text)))
    assert hostile.shape == plain.shape
    assert hostile.values("href") == plain.values("href")
    assert hostile.values("id") == plain.values("id")
    source = audit_html.page(whole(text))
    assert all(one == "\n" or unicodedata.category(one) not in UNSEEN for one in source)
    source.encode()


@given(st.text(min_size=1) | st.sampled_from(HOSTILE) | st.sampled_from(FORMULA))
@example("=cmd|' /C calc'!A0")
@example("  =1+1")
def test_no_text_gets_out_of_its_cell(text: str) -> None:
    row = filled(Row, text)
    (heads, cells) = list(csv.reader(io.StringIO("".join(audit_csv.lines([row])), newline="")))
    assert heads == list(audit_csv.COLUMNS)
    assert len(cells) == len(heads)
    for one in cells:
        assert not one.lstrip(" ").startswith(FORMULA)
        assert all(unicodedata.category(char) not in UNSEEN for char in one)


@given(st.text(min_size=1) | st.sampled_from(HOSTILE))
def test_json_says_the_same(text: str) -> None:
    made = audit_json.exported(whole(text))
    found = json.loads(made)
    assert found["approvals"][0]["by"]["name"] == text
    assert found["records"][0]["document"] == {text: [text]}
    assert made.replace("\n", "").isprintable()


# ------------------------------------------------------------------------------------ JSON and CSV


@pytest.mark.usefixtures("rich")
def test_the_tables_of_a_period(run: Run) -> None:
    found = exported(run, "json").json
    assert found["kind"] == "AuditExport"
    assert found["repository"]
    told = found["summary"]
    assert told["records"] == 35
    assert told["decisions"] == {"ALLOW": 4, "NEEDS_APPROVAL": 1, "INDETERMINATE": 0, "DENY": 1}
    assert told["applies"] == {"done": 3, "failed": 1, "interrupted": 1, "open": 1}
    assert told["approvals"] == 2
    assert told["disregarded"] == 1
    assert told["drift"] == {"seen": 2, "gone": 1, "mended": 1}
    first, second, third = found["approvals"]
    assert first["by"]["forgeId"] == second["by"]["forgeId"] == 2002
    assert (second["decisions"], second["counted"]) == ([5, 8], True)
    assert (third["counted"], third["whyNot"]) == (False, "it is of an agent")
    assert [(one["beganWith"], one["endedWith"], one["result"]) for one in found["applies"]] == [
        (2, 3, "done"), (6, 7, "failed"), (9, 10, "done"), (12, 13, "done"),
        (None, 33, "interrupted"), (34, None, "open"),
    ]  # fmt: skip
    assert found["applies"][0]["decision"] == 1
    gone, stands = found["drift"]
    assert (gone["firstRecord"], gone["lastRecord"], gone["goneRecord"]) == (16, 17, 21)
    assert gone["mended"] == "2026-11-06T10:09:00Z"
    assert (stands["gone"], stands["environment"]) == (None, "trade-fair")
    assert [one["kind"] for one in found["freezes"]] == ["freeze", "resume", "freeze"]
    assert [(one["since"], one["until"]) for one in found["policies"]] == [
        ("2026-11-01T08:00:00Z", "2026-11-07T08:00:00Z"),
        ("2026-11-07T08:00:00Z", None),
    ]
    assert [one["kind"] for one in found["moves"]] == ["rollback", "promotion", "expiry"]
    assert [one["environment"] for one in found["timelines"]] == [None, "acme-portal", "trade-fair"]
    assert [one["record"] for one in found["records"]] == [*range(34, -1, -1)]


@pytest.mark.usefixtures("rich")
def test_what_began_before_the_period_is_known(run: Run) -> None:
    found = exported(run, "json", "--since", "2026-11-06T10:05:00Z", "--until", "2026-11-06").json
    assert found["since"] == "2026-11-06T10:05:00Z"
    gone = found["drift"][0]
    assert (gone["first"], gone["firstRecord"]) == ("2026-11-06T09:00:00Z", 16)
    assert gone["gone"] == "2026-11-06T10:10:00Z"
    assert found["summary"]["drift"]["seen"] == 1
    assert found["policies"][0]["since"] == "2026-11-01T08:00:00Z"
    later = exported(run, "json", "--since", "2026-11-07T09:30:00Z", "--until", "2026-11-10").json
    assert [(one["kind"], one["freeze"]) for one in later["freezes"]] == [("in force", "mad")]
    assert [one["environment"] for one in later["drift"]] == ["trade-fair"]
    assert later["summary"]["drift"]["seen"] == 0


@pytest.mark.usefixtures("told")
def test_an_apply_that_began_before(run: Run) -> None:
    since = ("--since", "2026-11-02T12:05:00Z", "--until", "2026-11-02T12:30:00Z")
    (one,) = exported(run, "json", *since).json["applies"]
    assert (one["started"], one["decision"]) == ("2026-11-02T12:00:00Z", 5)


@pytest.mark.usefixtures("rich")
def test_a_line_for_each_record(run: Run) -> None:
    done = exported(run, "csv")
    heads, *rows = csv.reader(io.StringIO(done.out, newline=""))
    assert [int(one[0]) for one in rows] == [*range(34, -1, -1)]
    assert done.out.count("\r\n") == 36
    lines = [dict(zip(heads, one, strict=True)) for one in rows]
    six = next(one for one in lines if one["record"] == "5")
    assert six["approved_by"] == "Tom Weber <tom@example.com> (forge id 2002)"
    assert (six["outcome"], six["risk"]) == ("ALLOW", "L1")
    assert lines[0]["decision_record"] == "26"


@pytest.mark.usefixtures("rich")
def test_one_environment_and_what_is_about_more(run: Run) -> None:
    found = exported(run, "json", *PERIOD, "--env", "trade-fair").json
    assert found["environments"] == ["trade-fair"]
    assert {one["environment"] for one in found["timelines"]} == {None, "trade-fair"}
    assert found["dora"]["environments"] == 1
    assert len(found["policies"]) == 2
    done = exported(run, "csv", *PERIOD, "--env", "trade-fare")
    assert done.code == 2
    assert "did you mean `trade-fair`" in done.err


@pytest.mark.usefixtures("rich")
@pytest.mark.parametrize("form", ["html", "json", "csv"])
def test_the_same_records_and_bounds_give_the_same_bytes(run: Run, form: str) -> None:
    assert exported(run, form).out == exported(run, form).out


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("form", ["html", "json", "csv"])
def test_a_period_in_which_nothing_happened(run: Run, form: str) -> None:
    out = exported(run, form, "--since", "2020-01-01", "--until", "2020-01-02").out
    if form == "csv":
        assert len(out.splitlines()) == 1
    elif form == "json":
        assert json.loads(out)["summary"]["records"] == 0
    else:
        assert "There are no records in the period." in " ".join(Page(out).texts)


def test_no_records_at_all(run: Run) -> None:
    done = exported(run, "json", "--since", "30d")
    assert done.code == 0
    assert done.json["verification"]["records"] == 0


def test_an_end_alone_has_the_ninety_days_before_it(run: Run, told: Told) -> None:
    assert told.count
    found = exported(run, "json", "--until", "2025-03-31T00:00:00Z")
    assert (found.json["since"], found.json["until"]) == (
        "2024-12-31T00:00:00Z",
        "2025-03-31T00:00:00Z",
    )


@pytest.mark.usefixtures("told")
def test_a_period_that_ends_before_it_begins(run: Run) -> None:
    assert exported(run, "csv", "--since", "2026-11-05", "--until", "2026-11-01").code == 2


# ------------------------------------------------------------------------------ whole, and broken


def test_a_whole_chain(repo: GitRepo, run: Run) -> None:
    told = Told(repo.path)
    trees = dict(build().bench(repo.path, "main").trees(told.head))
    told.write("2026-11-01T08:00:00Z", "", CONTROLLER, {**policy(told.head), "trees": trees})
    told.write("2026-11-01T09:00:00Z", "acme-portal", CONTROLLER, drift("one"))
    done = exported(run, "json")
    assert done.json["verification"]["whole"] is True
    assert (done.code, done.err) == (0, "")
    page = exported(run, "html")
    assert page.code == 0
    assert "WHOLE" in Page(page.out).texts


def damaged(repo: GitRepo, told: Told, number: int) -> str:
    commit = told.written[number].commit
    tree = told.repository[commit].peel(pygit2.Commit).tree
    repo.forget(str(tree["record.json"].id))
    return commit


@pytest.mark.parametrize("form", ["html", "json", "csv"])
def test_a_broken_chain_is_exported_as_far_as_it_goes(
    run: Run, repo: GitRepo, told: Told, form: str
) -> None:
    commit = damaged(repo, told, 9)
    done = exported(run, form)
    assert done.code == 1
    assert "INCOMPLETE" in done.err
    assert "BROKEN" in done.err
    assert commit[:12] in done.err
    if form == "json":
        assert done.json["broken"]["commit"] == commit
        assert [one["record"] for one in done.json["records"]] == [*range(15, 9, -1)]
    elif form == "csv":
        last = list(csv.reader(io.StringIO(done.out, newline="")))[-1]
        assert "unreadable" in last
        assert commit in last
    else:
        text = "".join(Page(done.out).texts)
        assert f"INCOMPLETE: the records cannot be read at commit {commit}" in text
        assert "Record 10:" in text
        assert "Record 8:" not in text


def test_where_even_the_last_record_cannot_be_read(run: Run, repo: GitRepo, told: Told) -> None:
    commit = damaged(repo, told, 15)
    for form in ("html", "json", "csv"):
        done = exported(run, form, *PERIOD, "--env", "acme-portal")
        assert done.code == 1
        assert commit[:12] in done.err
        assert commit in done.out


def test_what_the_sandbox_did_says_so(repo: GitRepo, run: Run) -> None:
    tell(repo.path, "records-sandbox")
    assert exported(run, "json", *PERIOD).json["summary"]["records"] == 0
    found = exported(run, "json", *PERIOD, "--sandbox").json
    assert (found["simulated"], found["branch"]) == (True, "records-sandbox")
    assert found["summary"]["records"] == 16
    page = Page(exported(run, "html", *PERIOD, "--sandbox").out)
    assert "SANDBOX: nothing of this is real." in page.texts
    assert any("nobody's approval is waited for" in one for one in page.texts)


def test_a_clone_that_knows_nothing_of_the_sandboxs_clock_leaves_nothing_out(
    repo: GitRepo, run: Run
) -> None:
    own = Told(repo.path, "records-sandbox")
    ahead = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    own.write(ahead, "", CONTROLLER, policy(own.head))
    found = exported(run, "json", "--sandbox").json
    assert found["summary"]["records"] == 1
    assert found["until"] == ahead


def test_without_the_target_branch_nothing_is_verified(
    run: Run, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = pygit2.init_repository(str(tmp_path / "only"), bare=True)
    url = told.path.as_uri()
    only.remotes.create("origin", url).fetch(["+refs/heads/records:refs/heads/records"])
    monkeypatch.chdir(tmp_path / "only")
    done = exported(run, "json")
    assert done.code == 1
    assert done.json["verification"] is None
    assert "NOT VERIFIED" in done.err
    assert "NOT VERIFIED" in exported(run, "html").out


# --------------------------------------------------------------------------------------- the file


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("form", ["html", "json", "csv"])
def test_a_file_is_written_and_named(run: Run, tmp_path: Path, form: str) -> None:
    file = tmp_path / "out" / f"evidence.{form}"
    done = exported(run, form, *PERIOD, "--output", str(file))
    assert str(file) in done.out
    assert "2026-11-01T00:00:00Z to 2026-11-10T23:59:59Z" in done.out
    assert file.read_bytes().decode() == exported(run, form).out
    assert [one.name for one in file.parent.iterdir()] == [file.name]


@pytest.mark.usefixtures("told")
def test_a_link_is_not_followed(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    link = tmp_path / "evidence.csv"
    link.symlink_to(other)
    done = exported(run, "csv", *PERIOD, "--output", str(link))
    assert done.code == 2
    assert "is a link" in done.err
    assert other.read_text() == "mine"
    assert link.is_symlink()


@pytest.mark.usefixtures("told")
def test_a_file_that_cannot_be_finished_leaves_the_old_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "out" / "evidence.csv"
    file.parent.mkdir()
    file.write_text("old")
    monkeypatch.setattr("reconciler.cli.screen.os.fsync", full)
    done = exported(run, "csv", *PERIOD, "--output", str(file))
    assert done.code == 1
    assert "No space left" in done.err
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    assert file.read_text() == "old"


@pytest.mark.usefixtures("told")
def test_a_page_is_not_for_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    done = exported(run, "html")
    assert done.code == 2
    assert "--output" in done.err


# ------------------------------------------------------------------------------------------- many


@pytest.mark.usefixtures("rich")
def test_details_beyond_many_are_left_out_and_that_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "DETAILS", 3)
    source = exported(run, "html").out
    page = Page(source)
    assert {one[1:] for one in page.values("href")} <= set(page.values("id"))
    text = "".join(page.texts)
    assert "Of 32 older records the details are not in this page" in text
    assert "--format csv" in text
    found = exported(run, "json").json
    assert (len(found["records"]), found["recordsLeftOut"]) == (3, 32)
    assert len(exported(run, "csv").out.splitlines()) == 36


def test_a_long_timeline_is_cut(run: Run, told: Told) -> None:
    for number in range(SHOWN):
        told.write(f"2026-11-06T08:00:{number:02}Z", "trade-fair", ADA, decision(told.head))
    (found,) = [
        one for one in exported(run, "json").json["timelines"] if one["environment"] == "trade-fair"
    ]
    assert (len(found["records"]), found["leftOut"]) == (SHOWN, 4)


class Counting(GitRecords):
    reads = 0

    def read(self, oid: str) -> tuple[str, bytes]:
        self.reads += 1
        return super().read(oid)


def test_csv_is_written_as_records_are_read(told: Told) -> None:
    store = Counting(told.path, "records")
    period = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 10, tzinfo=UTC))
    lines = audit_csv.lines(Reading(Trail(Records(store), "records"), period).rows())
    assert next(lines).startswith('"record"')
    assert store.reads == 0
    next(lines)
    few = store.reads
    assert len(list(lines)) == 15
    assert few * 10 < store.reads
