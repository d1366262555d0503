"""What is shown can neither move a cursor nor hide what it says, and counts are words."""

from __future__ import annotations

import json
import unicodedata
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from reconciler.model.overview import Overview
from reconciler.model.problem import Problem
from reconciler.report import as_json, text
from reconciler.report.words import counted, printable, size

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@given(st.text())
@example("\x1b[2J")
@example("\x9b31m")
@example("a\u202eb\u2066c\u200bd\ufeff")
@example("\r\b\a\x7f\x00")
@example("\ud800")
def test_nothing_unseen_is_printed(words: str) -> None:
    shown = printable(words)
    assert all(char in "\n\t" or unicodedata.category(char) not in UNSEEN for char in shown)
    assert "\u2028" not in shown


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
@example("ACME's Größe 日本 😀 `x` [bold]y[/bold]")
def test_ordinary_text_is_left_alone(words: str) -> None:
    assert printable(words) == words


def console() -> tuple[Console, StringIO]:
    file = StringIO()
    return Console(file=file, highlight=False, emoji=False, markup=False, width=80), file


def test_markup_and_emoji_names_are_not_interpreted() -> None:
    screen, file = console()
    problem = Problem("[red]a[/red].yaml", 1, 2, "x", "[bold]:smile:[/bold]", "[link=x]y", "z")
    text.problems(screen, [problem])
    shown = file.getvalue()
    for words in ("[red]a[/red].yaml:1:2", "[bold]:smile:[/bold]", "[link=x]y"):
        assert words in shown


def test_long_places_are_not_broken_over_lines() -> None:
    screen, file = console()
    path = "environments/" + "deep/" * 40 + "x.yaml"
    text.problems(screen, [Problem(path, 10, 20, "code", "message " * 20)])
    assert f"{path}:10:20: message" in file.getvalue()


def test_a_problem_without_a_line_is_shown_by_its_path() -> None:
    screen, file = console()
    text.problems(screen, [Problem("a.yaml", 0, 0, "code", "gone")])
    assert file.getvalue() == "a.yaml: gone [code]\n"


def test_the_count_of_problems_and_files() -> None:
    screen, file = console()
    problems = (
        Problem("a", 1, 1, "c", "m"),
        Problem("a", 2, 1, "c", "m"),
        Problem("b", 1, 1, "c", "m"),
    )
    text.validated(screen, Overview("working tree", (), (), problems))
    assert file.getvalue().startswith("NOT VALID: 3 problems in 2 files")


@pytest.mark.parametrize(
    "number, word, expected",
    [(0, "problem", "0 problems"), (1, "file", "1 file"), (1200, "policy", "1,200 policies"),
     (2, "settings file", "2 settings files")],
)  # fmt: skip
def test_counts(number: int, word: str, expected: str) -> None:
    assert counted(number, word) == expected


@pytest.mark.parametrize("count, expected", [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB")])
def test_sizes(count: int, expected: str) -> None:
    assert size(count) == expected


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_carries_any_text(words: str) -> None:
    said = json.loads(as_json.document("X", words=words))
    assert said == {"apiVersion": "reconciler/v1", "kind": "X", "words": words}


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("\x9b31m")
@example("\x7f")
@example("\u202e")
def test_json_on_a_terminal_moves_no_cursor_either(words: str) -> None:
    shown = as_json.document("X", words=words)
    assert all(char == "\n" or unicodedata.category(char) not in UNSEEN for char in shown)
