"""The tutorial is typed as it stands; the transcript of README is a part of it.

Renew what the program says in it with: RECONCILER_RENEW_GOLDEN=1 pytest -m soak tests/docs
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.docs.scenes import ROOT
from tests.docs.tutorial import (
    PAGE,
    SANDBOX,
    Typed,
    at_a_terminal,
    renewed,
    same,
    transcripts,
    typed,
)


def in_the_page(text: str) -> list[Typed]:
    return [one for match in transcripts(text) for one in typed(match["body"])]


def holds(text: str, folder: Path) -> list[tuple[int, str]]:
    wanted = in_the_page(text)
    assert len(wanted) > 5
    came = at_a_terminal([one.command for one in wanted], folder)
    assert len(came) == len(wanted), came[-1]
    if "RECONCILER_RENEW_GOLDEN" in os.environ:
        return came
    for one, (code, out) in zip(wanted, came, strict=True):
        assert code == one.code, f"{one.command}\n{out}"
        assert same(one.shown, out), f"{one.command}\n{out}"
    return came


def test_it_can_be_typed_until_the_sandbox(tmp_path: Path) -> None:
    text, sandbox, _ = PAGE.read_text(encoding="utf-8").partition(SANDBOX)
    assert sandbox
    holds(text, tmp_path)


@pytest.mark.soak
@pytest.mark.skipif(
    not (shutil.which("terraform") or shutil.which("tofu")), reason="neither terraform nor tofu"
)
def test_it_can_be_typed_to_the_end(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    came = holds(text, tmp_path)
    if "RECONCILER_RENEW_GOLDEN" in os.environ:
        PAGE.write_text(renewed(text, came), encoding="utf-8")


def test_the_transcript_of_the_readme_is_a_part_of_it() -> None:
    page = in_the_page(PAGE.read_text(encoding="utf-8"))
    shown = in_the_page((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(shown) >= 3
    typed_there = iter([one.command for one in page])
    assert all(one.command in typed_there for one in shown), "in another order than in the page"
    for one in shown:
        # Typed twice in the page, it is the first one that is shown.
        (whole, *_) = (each.shown for each in page if each.command == one.command)
        assert same(one.shown, whole), one.command


def test_the_transcript_of_the_readme_says_where_it_stands() -> None:
    commands = [one.command for one in in_the_page((ROOT / "README.md").read_text("utf-8"))]
    assert commands[:2] == ["reconciler init fair", "cd fair"]
    for one in in_the_page((ROOT / "README.md").read_text("utf-8")):
        if "SIMULATED" in one.shown:
            assert commands.index("export RECONCILER_SANDBOX=1") < commands.index(one.command)


def test_what_is_left_out_may_be_anything_and_the_rest_nothing_else() -> None:
    assert same("a\n...\nz\n", "a\nb\nc\nz\n")
    assert same("one 1a2b3c4\n", "one 4c3b2a1\n")
    assert not same("a\n...\nz\n", "a\nb\n")
    assert not same("one\n", "two\n")
