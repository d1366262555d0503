"""`make bench`: every figure that the project promises, with what it is compared to."""

import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.measure import Result, measured

TOPICS = (
    "foundation",
    "check",
    "policy",
    "secrets",
    "terraform",
    "records",
    "verify",
    "review",
    "review_gitlab",
    "controller",
)
PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
HEAD = """# Performance

Repeat with `make bench`; `make bench args=--write` also renews this page. Every figure is a ratio
or a time measured side by side in one run: medians of several rounds in turn, after a warm-up. What
is compared is in [benchmarks/](../benchmarks), a module for each topic, which has a process of its
own; `make bench args=records` measures one. `.venv/bin/python -m benchmarks.verify 100000` verifies
as many records, and tells the memory that it takes.

| what | took | compared to | result | bound | |
|---|---|---|---|---|---|
"""


def page(results: list[Result]) -> str:
    system = f"{platform.system()} {platform.machine()}"
    machine = f"Last run: Python {platform.python_version()}, {system}, two cores."
    return HEAD + "\n".join(result.row for result in results) + f"\n\n{machine}\n"


def apart(name: str) -> list[Result]:
    """One after another, so that nothing that one leaves in memory costs the next."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measured, name).result()


def main() -> None:
    asked = [one for one in sys.argv[1:] if one != "--write"]
    unknown = sorted({*asked} - {*TOPICS})
    if unknown or (asked and "--write" in sys.argv):
        sys.exit(f"usage: make bench args='[--write | TOPIC ...]', of {', '.join(TOPICS)}")
    print("measuring, about fifteen minutes for all ...", flush=True)
    results: list[Result] = []
    for name in asked or TOPICS:
        found = apart(name)
        print("\n".join(result.row for result in found), flush=True)
        results += found
    if "--write" in sys.argv:
        PAGE.write_text(page(results), encoding="utf-8")
        print(f"wrote {PAGE.name}")
    if not all(result.kept for result in results):
        sys.exit("a bound is not kept")


if __name__ == "__main__":
    main()
