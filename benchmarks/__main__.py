"""`make bench`: every figure that the project promises, with what it is compared to."""

import gc
import platform
import sys
from pathlib import Path

from benchmarks import (
    check,
    controller,
    foundation,
    policy,
    records,
    review,
    review_gitlab,
    secrets,
    terraform,
    verify,
)
from benchmarks.measure import Result

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
HEAD = """# Performance

Repeat with `make bench`; `make bench args=--write` also renews this page. Every figure is a ratio
or a time measured side by side in one run: medians of several rounds in turn, after a warm-up. What
is compared is in [benchmarks/](../benchmarks). `.venv/bin/python -m benchmarks.verify 100000`
verifies as many records, and tells the memory that it takes.

| what | took | compared to | result | bound | |
|---|---|---|---|---|---|
"""


def page(results: list[Result]) -> str:
    system = f"{platform.system()} {platform.machine()}"
    machine = f"Last run: Python {platform.python_version()}, {system}, two cores."
    return HEAD + "\n".join(result.row for result in results) + f"\n\n{machine}\n"


def main() -> None:
    gc.set_threshold(100_000, 50, 50)  # as the command line does
    print("measuring, about fifteen minutes ...", flush=True)
    results = [*foundation.run(), *check.run(), *policy.run(), *secrets.run(), *terraform.run()]
    results += [*records.run(), *verify.run(), *review.run(), *review_gitlab.run()]
    results += controller.run()
    print("\n".join(result.row for result in results))
    if "--write" in sys.argv:
        PAGE.write_text(page(results), encoding="utf-8")
        print(f"wrote {PAGE.name}")
    if not all(result.kept for result in results):
        sys.exit("a bound is not kept")


if __name__ == "__main__":
    main()
