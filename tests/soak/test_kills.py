"""Controllers and what carries tasks out for them are killed at random points of their work.

SOAK_KILLS says how many kills (200), SOAK_SEED repeats a run: the same seed draws the same points.
Where a point is hit still depends on how the processes of a pass share the machine.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.controller.real import Point, Real, declared, document

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

KILLS: Final = int(os.environ.get("SOAK_KILLS", "200"))
SEED: Final = int(os.environ.get("SOAK_SEED") or secrets.randbelow(1_000_000))
DEEDS: Final = 4
"""So many are made in each round, and those of the round before are taken away."""
PASSES: Final = 8
"""More than this to be as declared again: it never will be."""


@dataclass
class Storm:
    """One repository, and a round after another of changes to it with kills."""

    real: Real
    draw: random.Random
    deed: int
    """How often what carries out an apply could be hit."""
    controller: int
    names: tuple[str, ...] = ()
    hit: Counter[str] = field(default_factory=Counter)

    def round(self, number: int) -> None:
        """New environments in the place of the old ones; kills; and all is as declared again."""
        real, before = self.real, self.names
        self.names = tuple(f"round-{number}-{one}" for one in range(DEEDS))
        real.change(
            {document(name): declared(name) for name in self.names},
            *(document(name) for name in before),
        )
        self.killed()
        for _ in range(PASSES):
            if real.once().returncode == 0:
                break
        else:
            pytest.fail(f"round {number}: {real.once().stderr}")
        real.settle()
        real.whole(self.names)
        assert [real.made(name) for name in before] == [{} for _ in before]

    def killed(self) -> None:
        """Passes in which what carries tasks out is killed, or their controller."""
        what = self.draw.choice(("deeds", "controller", "parent"))
        for _ in range(1 if what == "deeds" else DEEDS):
            told = self.told(what)
            done = self.real.once(**told)
            died = done.returncode == -signal.SIGKILL
            assert died or done.returncode in (0, 1), done.stderr
            self.hit[what] += self.real.hits() if what == "deeds" else int(died)

    def told(self, what: str) -> dict[str, str]:
        """The next points."""
        if what == "controller":
            point = self.point(("self",), self.controller)
            return self.real.kills("controller", (point,))
        whom = ("self",) if what == "deeds" else ("parent", "both")
        count = 2 * DEEDS if what == "deeds" else 1
        points = tuple(self.point(whom, self.deed) for _ in range(count))
        return self.real.kills("deed", points, "/locks/")

    def point(self, whom: tuple[str, ...], most: int) -> Point:
        """Anywhere; every third a while after that."""
        draw = self.draw
        after = draw.uniform(0.05, 0.8) if draw.random() < 1 / 3 else 0.0
        return Point("", draw.randint(1, most), after, draw.choice(whom))  # type: ignore[arg-type]  # one of them


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Storm]:
    """How much there is to be hit at is counted first."""
    real = Real.make(tmp_path, ("first",))
    try:
        real.once(**real.kills("deed", (), "/locks/"))
        deed = max(real.counted())
        real.change({document("second"): declared("second")}, document("first"))
        real.once(**real.kills("controller", ()))
        yield Storm(real, random.Random(SEED), deed, max(real.counted()), ("second",))  # noqa: S311  # to be repeated
    finally:
        real.close()


@pytest.mark.soak
def test_killed_anywhere_all_is_as_declared_in_the_end(
    storm: Storm, capsys: pytest.CaptureFixture[str]
) -> None:
    def tell(words: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"{words}\n")
            sys.stdout.flush()

    tell(f"\nSOAK_SEED={SEED}; {storm.deed} and {storm.controller} places to be hit at")
    number = 0
    while storm.hit.total() < KILLS:
        number += 1
        storm.round(number)
        kinds = ", ".join(f"{count} {what}" for what, count in sorted(storm.hit.items()))
        tell(f"round {number}: {storm.hit.total()} kills ({kinds})")
