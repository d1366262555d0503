"""Ctrl-C while the program starts: it ends, and nobody is told which import that was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib

import pytest

from tests.repos import ROOT

PROGRAM = """
import sys, _signal
import reconciler
target, way, sys.argv = int(sys.argv[1]), sys.argv[2], ["reconciler", *sys.argv[3:]]
seen = 0

class Dropped:
    # As Python's own callbacks: what is raised in there goes nowhere.
    def __del__(self):
        _signal.raise_signal(_signal.SIGINT)

class Interrupts:
    # Ctrl-C at one of the imports that begin when ours does.
    @staticmethod
    def find_spec(name, path=None, target_module=None):
        global seen
        if seen == target and way == "dropped":
            Dropped()
        elif seen == target:
            _signal.raise_signal(_signal.SIGINT)
        seen += 1
        return None

if way == "ignored":
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
if way == "module":
    import runpy
    seen = -1   # that of `reconciler.__main__` is Python's
    sys.meta_path.insert(0, Interrupts)
    runpy.run_module("reconciler", run_name="__main__", alter_sys=True)
else:
    from reconciler.__main__ import main
    sys.meta_path.insert(0, Interrupts)
    main()
"""
TOLD = (130, "stopped; nothing is half done")
SILENT = (-signal.SIGINT, "")


def ended(at: int, way: str, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(at), way, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.strip()


def test_the_script_runs_what_the_module_runs() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts == {"reconciler": "reconciler.__main__:main"}


@pytest.mark.parametrize("way", ["script", "module"])
@pytest.mark.parametrize("at", [0, 1, 5, 20, 60])
def test_whoever_interrupts_an_early_import_is_told_nothing(at: int, way: str) -> None:
    assert ended(at, way, "--help") == SILENT


@pytest.mark.parametrize("at", [130, 160, 190, 250, 320])
def test_whoever_interrupts_a_late_one_is_told_nothing_of_python(at: int) -> None:
    assert ended(at, "script", "list") in (SILENT, TOLD)


@pytest.mark.parametrize("at", [20, 130, 200])
def test_one_that_python_drops_comes_again(at: int) -> None:
    assert ended(at, "dropped", "list") in (SILENT, TOLD)


MAKES_A_CLASS = """
import sys
from reconciler.cli import list_command
{wrapped}
def interrupted(*_words, **_more):
    {made}
list_command.command.callback = interrupted
sys.argv = ["reconciler", "list"]
from reconciler.__main__ import main
main()
"""
PYDANTIC = """
import pydantic_core
class Interrupts:
    def __repr__(self):
        raise KeyboardInterrupt
schema = {"type": "literal", "expected": [Interrupts()]}
"""
PYTHON = """
class Interrupts:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt
"""


@pytest.mark.parametrize(
    "wrapped, made",
    [
        (PYDANTIC, "pydantic_core.SchemaValidator(schema)"),
        (PYTHON, "type('C', (), {'a': Interrupts()})"),
    ],
)
def test_one_that_comes_while_a_class_is_made_is_no_bug(wrapped: str, made: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAKES_A_CLASS.format(wrapped=wrapped, made=made)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == TOLD


def test_a_program_to_which_ctrl_c_is_nothing_goes_on() -> None:
    assert ended(5, "ignored", "--version") == (0, "")


def test_ctrl_c_after_the_end_is_told_nothing_of_python() -> None:
    program = (
        "import atexit, sys, signal; sys.argv = ['reconciler', '--version'];"
        "atexit.register(signal.raise_signal, signal.SIGINT);"
        "from reconciler.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == SILENT
    assert done.stdout.startswith("reconciler, version")
