"""The manual page that the wheel carries is that of the commands."""

import re
import subprocess
import sys
from pathlib import Path

import click

from reconciler.cli.main import cli
from reconciler.cli.man_command import page
from reconciler.errors import Exit
from tests.cli.commands import every

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    kept = (ROOT / "docs" / "reconciler.1").read_text(encoding="utf-8")
    assert kept == page(cli), "run: reconciler man > docs/reconciler.1"


def test_it_tells_of_each_command_option_and_exit_code() -> None:
    text = page(cli)
    for path, command in every():
        assert rf".SS reconciler {' '.join(path)}".replace("-", r"\-") in text
        for one in command.params:
            if isinstance(one, click.Option) and not one.hidden:
                assert one.opts[-1].replace("-", r"\-") in text, path
    for code in Exit:
        assert f".B {int(code)}\n" in text


def test_printing_it_takes_no_option_from_the_help() -> None:
    made = "from reconciler.cli.man_command import page;from reconciler.cli.main import cli, main"
    ran = subprocess.run(
        [sys.executable, "-c", f"{made};page(cli);main(['demo', '-h'])"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "-h, --help" in ran.stdout


def test_no_line_of_it_is_a_command_of_roff_by_mistake() -> None:
    known = {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".nf", ".fi"}
    for line in page(cli).splitlines():
        assert not line.startswith("'")
        assert not line.startswith(".") or line.split()[0] in known
        assert not re.search(r"\\(?![e\-&f])", line), line
