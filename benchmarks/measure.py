"""Ratios measured side by side in one run: the machine's mood touches both sides."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report: what was measured, against what, and the bound to keep."""

    name: str
    measured: str
    against: str
    value: float
    bound: float
    unit: str = "x"
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the bound holds."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def row(self) -> str:
        """As a line of a Markdown table."""
        sign = ">=" if self.at_least else "<="
        mark = "ok" if self.kept else "**NOT KEPT**"
        return (
            f"| {self.name} | {self.measured} | {self.against} | {self.value:.3g} {self.unit} "
            f"| {sign} {self.bound:g} {self.unit} | {mark} |"
        )


def measured(topic: str) -> list[Result]:
    """What one module of the benchmarks measures."""
    gc.set_threshold(100_000, 50, 50)  # as the command line does
    found: list[Result] = import_module(f"benchmarks.{topic}").run()
    return found


def seconds(function: Callable[[], object]) -> float:
    """One run."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def pairs(
    one: Callable[[], object], other: Callable[[], object], rounds: int = 5
) -> tuple[float, float, float]:
    """Medians of both, and the median of the ratios, run in turn after one warm-up each."""
    one(), other()  # the warm-up
    times = [(seconds(one), seconds(other)) for _ in range(rounds)]
    return (
        statistics.median(first for first, _ in times),
        statistics.median(second for _, second in times),
        statistics.median(first / second for first, second in times),
    )


def show(value: float) -> str:
    """Seconds for people."""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"
