"""What was scanned is kept, by everything that the verdict rests on; failures are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.cache import SqliteCache
from reconciler.app.checkov import requests_for, scan
from reconciler.app.kept import Kept
from reconciler.core.checkov import scanned, with_plan
from reconciler.core.checkov_severity import DEFAULT, named, weight
from reconciler.model.rendered import Rendered, RenderedFile
from reconciler.model.scan import ScanFailed, Scanned, ScanRequest, Skip

FILES = (
    RenderedFile("pipeline/.gitlab-ci.yml", b"job: {}\n"),
    RenderedFile("terraform/main.tf", b"locals {}\n"),
)
SHOP = Rendered("shop", FILES)
ROW = {
    "check": "CKV_AWS_16",
    "name": "Ensure all data stored in the RDS is securely encrypted at rest",
    "path": "terraform/main.tf",
    "line": 3,
    "end": 9,
    "resource": "aws_db_instance.a",
    "keys": ["storage_encrypted"],
    "link": "",
}
SKIP = {"path": "terraform/main.tf", "line": 4, "check": "CKV_AWS_16", "reason": ""}


def terraform() -> ScanRequest:
    return requests_for(SHOP)[0]


class Fake:
    """Counts what it is asked."""

    def __init__(self, answer: Scanned | ScanFailed, name: str | ScanFailed = "one") -> None:
        self.answer = answer
        self.name = name
        self.asked: list[ScanRequest] = []

    def identity(self) -> str | ScanFailed:
        return self.name

    def scan(self, request: ScanRequest) -> Scanned | ScanFailed:
        return next(self.scan_many((request,)))

    def scan_many(self, requests: Sequence[ScanRequest]) -> Iterator[Scanned | ScanFailed]:
        for one in requests:
            self.asked.append(one)
            yield self.answer


FOUND = scanned(
    terraform(),
    {"failed": [ROW], "passed": [["CKV_AWS_17", "aws_db_instance.a"]], "skips": [SKIP]},
)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(SqliteCache(tmp_path), "program")


def test_what_did_not_change_is_not_scanned_again(kept: Kept) -> None:
    fake = Fake(FOUND)
    first = scan(fake, kept, requests_for(SHOP, b"{}"))
    assert [one.framework for one in fake.asked] == ["terraform", "gitlab_ci", "terraform_plan"]
    assert scan(fake, kept, requests_for(SHOP, b"{}")) == first
    assert len(fake.asked) == 3
    changed = replace(SHOP, files=(FILES[0], RenderedFile("terraform/main.tf", b"\n")))
    scan(fake, kept, requests_for(changed, b"{}"))
    assert [one.framework for one in fake.asked[3:]] == ["terraform"]


def test_another_scanner_program_or_environment_scans_again(kept: Kept) -> None:
    fake = Fake(FOUND)
    scan(fake, kept, requests_for(SHOP))
    scan(Fake(FOUND, "one"), kept, requests_for(SHOP))
    for other_kept, environment, name in (
        (kept, "shop", "two"),
        (Kept(kept.cache, "other"), "shop", "one"),
        (kept, "other", "one"),
    ):
        other = Fake(FOUND, name)
        scan(other, other_kept, requests_for(replace(SHOP, environment=environment)))
        assert len(other.asked) == 2


def test_a_failure_is_never_kept_and_an_absent_scanner_answers_for_all(kept: Kept) -> None:
    fake = Fake(ScanFailed("died", "it died"))
    for count in (2, 4):
        assert scan(fake, kept, requests_for(SHOP)) == (fake.answer,) * 2
        assert len(fake.asked) == count
    absent = ScanFailed("not-installed", "no")
    other = Fake(FOUND, absent)
    assert scan(other, kept, requests_for(SHOP)) == (absent, absent)
    assert other.asked == []


def test_findings_are_weighed_by_our_map() -> None:
    (one,) = FOUND.findings
    assert (one.severity, one.category) == ("high", "security")
    assert one.title == "All data stored in the RDS is securely encrypted at rest"
    assert one.fix.endswith("ask for a waiver.")
    assert FOUND.skips == (Skip("terraform/main.tf", 4, "CKV_AWS_16", ""),)
    assert weight("CKV_NOBODY_1") == DEFAULT
    assert not named("CKV_NOBODY_1")


def test_two_of_a_kind_have_two_fingerprints() -> None:
    found = scanned(terraform(), {"failed": [ROW, {**ROW, "line": 20}], "passed": [], "skips": []})
    assert len({one.fingerprint for one in found.findings}) == 2


def test_the_plan_decides_and_the_source_says_where() -> None:
    of_plan = ScanRequest("terraform_plan", "shop", (RenderedFile("plan.json", b"{}"),))
    row = {**ROW, "path": "plan.json", "line": 0}
    plan = scanned(of_plan, {"failed": [row], "passed": [], "skips": []})
    both = with_plan(FOUND, plan)
    (one,) = both.findings
    assert one.location == FOUND.findings[0].location
    assert one.fingerprint == FOUND.findings[0].fingerprint
    better = scanned(
        of_plan, {"failed": [], "passed": [["CKV_AWS_16", "aws_db_instance.a"]], "skips": []}
    )
    assert with_plan(FOUND, better).findings == ()
    silent = scanned(of_plan, {"failed": [], "passed": [], "skips": []})
    assert with_plan(FOUND, silent).findings == FOUND.findings
