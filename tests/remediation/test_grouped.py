"""`reconciler drift --grouped`: one row for what drifted many environments in one way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.cli.main import main
from reconciler.model.drift import Unmanaged
from tests.remediation.test_suppressions import TAGS, let_be
from tests.remediation.ward import Ward, changed


def told(ward: Ward, said: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    said.readouterr()
    try:
        main(["drift", "--repo", str(ward.world.path), "--grouped", *more])
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, said.readouterr().out


def test_many_environments_are_one_row_with_how_often_it_came(
    ward: Ward, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(ward, capsys) == (0, "NO DRIFT: records know of none\n")
    ward.drifts("acme-portal", changed())
    first = ward.now
    ward.drifts("acme-portal")
    for name in ("acme-portal", "globex-shop"):
        ward.drifts(name, changed())
    stray = Unmanaged("arn:aws:sns:eu-central-1:222222222222:stray", "")
    ward.drifts("acme-portal-dev", unmanaged=[stray])
    code, out = told(ward, capsys, "--format", "json")
    document: dict[str, Any] = json.loads(out)
    one, other = document["causes"]
    assert (code, document["kind"]) == (12, "DriftCauses")
    assert one["environments"] == ["acme-portal", "globex-shop"]
    assert (one["times"], one["resources"]) == (3, 2)
    assert one["first"] <= first.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert one["last"] > one["first"]
    assert (other["what"], other["type"]) == ("unmanaged", "aws_sns_topic")
    code, out = told(ward, capsys)
    assert code == 12
    assert "2 environments: acme-portal, globex-shop" in out
    assert "came 3 times" in out


def test_what_is_let_be_says_by_whom(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    let_be(ward, TAGS, days=3650)
    ward.drifts("trade-fair", changed())
    code, out = told(ward, capsys)
    assert code == 0
    assert "LET BE" in out
    assert "let be by let-be" in out
    assert told(ward, capsys, "--all")[0] == 2
