"""Before something is applied a person is asked; where there is none, that is said."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import click
import pytest
from rich.console import Console

from reconciler.cli.apply_command import _Screen
from reconciler.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What a person types, or a pipe holds."""

    def type_(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return type_


def screen(*, destroy: bool = False) -> _Screen:
    console = Console(file=io.StringIO())
    return _Screen(console, "shop", None, sandbox=False, shown=True, destroy=destroy, yes=False)


@pytest.mark.parametrize("destroy", [False, True])
def test_without_anybody_to_ask_it_is_wrong_usage(
    typed: Callable[[str], None], *, destroy: bool
) -> None:
    typed("")
    with pytest.raises(UsageError, match="there is nobody to ask") as caught:
        screen(destroy=destroy).ask("sha256:5d")
    assert caught.value.hint == "give `--plan sha256:5d` for this very plan, or `--yes`"


def test_yes_is_enough_for_an_apply(typed: Callable[[str], None]) -> None:
    typed("y\n")
    screen().ask("sha256:5d")


@pytest.mark.parametrize("answer, destroy", [("n", False), ("", False), ("y", True), ("sho", True)])
def test_anything_else_applies_nothing(
    answer: str, typed: Callable[[str], None], *, destroy: bool
) -> None:
    typed(f"{answer}\n")
    one = screen(destroy=destroy)
    with pytest.raises(click.exceptions.Exit) as caught:
        one.ask("sha256:5d")
    assert caught.value.exit_code == Exit.FAILURE
    file = one.console.file
    assert isinstance(file, io.StringIO)
    assert file.getvalue() == f"Nothing was {'destroyed' if destroy else 'applied'}.\n"


def test_a_destroy_wants_the_name(typed: Callable[[str], None]) -> None:
    typed("shop\n")
    screen(destroy=True).ask("sha256:5d")
