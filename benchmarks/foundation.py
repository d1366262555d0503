"""Loading, rendering, `affected` and the cache, in repositories of 100, 1,000 and 10,000."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import jinja2
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs hide it

from benchmarks.generate import Generated
from benchmarks.measure import Result, pairs, seconds, show
from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.git import GitSource
from reconciler.adapters.program import program_digest
from reconciler.adapters.workers import Workers
from reconciler.app.affected import affected_between
from reconciler.app.kept import Kept, pack_summary
from reconciler.app.render import Rendering, render_all
from reconciler.app.validate import validate
from reconciler.core.effective import effective
from reconciler.core.load import load
from reconciler.core.render import Renderer, context
from reconciler.model.desired import Effective
from reconciler.model.rendered import Rendered


def quiet(_done: int, _total: int) -> None:
    """No progress bar."""


def parse_only(documents: list[bytes]) -> None:
    """What libyaml's C parser takes, as PyYAML gives it: every event, nothing built from it."""
    for data in documents:
        next_event = CParser(data).get_event
        while next_event() is not None:
            pass


def bare_loop(filled: list[Effective], sources: dict[str, str]) -> Callable[[], None]:
    """Plain Jinja2 over the same templates and values: no sandbox, no encoding, no limits."""
    environment = jinja2.Environment(  # noqa: S701  # this is what bare means
        loader=jinja2.DictLoader(sources),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("identifier", "verbatim", "multiline"):
        environment.filters[name] = lambda value, *_: value
    names: dict[str, list[str]] = {}
    for one in filled:
        folder = one.blueprint
        names.setdefault(
            folder.path,
            [
                entry.path.removeprefix("templates/")
                for entry in folder.files
                if entry.path.endswith(".j2")
                and entry.path.startswith((f"{folder.path}/terraform/", f"{folder.path}/pipeline/"))
            ],
        )

    def loop() -> None:
        for one in filled:
            values = context(one)
            for name in names[one.blueprint.path]:
                environment.get_template(name).render(values)

    return loop


def loading(large: Generated) -> Result:
    documents = list(large.documents.values())

    def ours() -> None:
        desired, problems = load(GitSource(large.path).snapshot("main"))
        assert not problems, problems[:3]
        assert len(desired.environments) == large.count

    mine, parser, ratio = pairs(ours, lambda: parse_only(documents), rounds=5)
    return Result(
        f"load and check {large.count:,}",
        show(mine),
        f"libyaml's events alone: {show(parser)}",
        ratio,
        3,
    )


def rendering(large: Generated) -> list[Result]:
    tree = GitSource(large.path).snapshot("main")
    desired, _ = load(tree)
    filled = [one for one, _ in (effective(e, desired.shared) for e in desired.environments) if one]
    assert len(filled) == large.count
    sources = {
        entry.path.removeprefix("templates/"): (tree.read(entry, 1 << 20) or b"").decode()
        for folder in desired.shared.blueprints.values()
        for entry in (*folder.files, *desired.shared.includes)
        if entry.path.endswith(".j2")
    }
    renderer = Renderer(tree, desired.shared)

    def ours() -> None:
        for one in filled:
            assert isinstance(renderer.render(one), Rendered)

    def on(jobs: int) -> Callable[[], None]:
        def run() -> None:
            done = Workers(jobs).map(_summarised(renderer), filled, 10, _never)
            assert sum(1 for _ in done) == large.count

        return run

    mine, bare, ratio = pairs(ours, bare_loop(filled, sources), rounds=5)
    one, two, gain = pairs(on(1), on(2), rounds=5)
    return [
        Result(
            f"render {large.count:,}, one core",
            show(mine),
            f"a bare Jinja2 loop: {show(bare)}",
            ratio,
            1.3,
        ),
        Result(
            f"render {large.count:,}, two cores",
            show(two),
            f"one core: {show(one)}",
            gain,
            1.7,
            at_least=True,
        ),
    ]


def _summarised(renderer: Renderer) -> Callable[[Effective], object]:
    def run(one: Effective) -> object:
        rendered = renderer.render(one)
        assert isinstance(rendered, Rendered)
        return pack_summary(rendered.summary())

    return run


def _never(_one: Effective) -> object:
    msg = "out of time"
    raise AssertionError(msg)


def touching_one(large: Generated, small: Generated, program: str) -> list[Result]:
    """Each round is a commit of its own, in a process that has compiled its templates before."""
    edits = {one.count: [one.edit(number * 7) for number in range(12)] for one in (large, small)}

    def touch(one: Generated) -> Callable[[], None]:
        heads = iter(edits[one.count])

        def run() -> None:
            source = GitSource(one.path)
            kept = Kept(SqliteCache(None), program)
            found = affected_between(
                source.snapshot("main"),
                source.snapshot(next(heads)),
                kept,
                Rendering(Workers(0), 10),
            )
            assert len(found) == 1

        return run

    big, little, ratio = pairs(touch(large), touch(small), rounds=11)
    first = _cold_touch(large)
    return [
        Result(f"affected, one of {large.count:,}", show(big), "after start", big * 1000, 50, "ms"),
        Result(
            f"affected, one of {large.count:,}, the first in a process",
            show(first),
            "after start",
            first * 1000,
            50,
            "ms",
        ),
        Result(
            f"affected, one of {large.count:,}",
            show(big),
            f"one of {small.count}: {show(little)}",
            ratio,
            1.5,
        ),
    ]


_COLD = """
import gc, sys, time
from pathlib import Path
from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.git import GitSource
from reconciler.adapters.workers import Workers
from reconciler.app.affected import affected_between
from reconciler.app.kept import Kept
from reconciler.app.render import Rendering
gc.set_threshold(100_000, 50, 50)  # as the command line does
start = time.perf_counter()
source = GitSource(Path(sys.argv[1]))
base, head = source.snapshot("main"), source.snapshot(sys.argv[2])
found = affected_between(base, head, Kept(SqliteCache(None), ""), Rendering(Workers(0), 10))
print(time.perf_counter() - start)
assert len(found) == 1
"""


def _cold_touch(large: Generated) -> float:
    times = []
    for number in range(5):
        done = subprocess.run(
            [sys.executable, "-c", _COLD, str(large.path), large.edit(1000 + number)],
            capture_output=True,
            text=True,
            check=True,
        )
        times.append(float(done.stdout))
    return sorted(times)[2]


def second_time(large: Generated, folder: Path, program: str) -> list[Result]:
    """A commit that was looked at before, by a new reader of the repository and of the cache."""

    def once(name: str, what: Callable[[Kept], object]) -> tuple[float, float]:
        times = [seconds(lambda: what(Kept(SqliteCache(folder / name), program))) for _ in range(4)]
        return times[0], sorted(times[1:])[1]

    def check(kept: Kept) -> object:
        return validate(GitSource(large.path).snapshot("main"), kept)

    def render(kept: Kept) -> object:
        tree = GitSource(large.path).snapshot("main")
        return render_all(tree, kept, Rendering(Workers(0), 10), quiet)

    results = []
    for name, what in (("validate", check), ("render", render)):
        first, again = once(name, what)
        results.append(
            Result(
                f"{name} {large.count:,} again",
                show(again),
                f"the first time: {show(first)}",
                again / first,
                0.1,
            )
        )
    return results


def help_text() -> Result:
    command = [sys.executable, "-m", "reconciler", "--help"]
    times = [
        seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(11)
    ]
    middle = sorted(times)[5]
    return Result("reconciler --help", show(middle), "whole process", middle * 1000, 200, "ms")


def run(little: int = 100, middle: int = 1_000, much: int = 10_000) -> list[Result]:
    """All of it; about two minutes."""
    program = program_digest()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = Generated(folder / "small", little)
        some = Generated(folder / "some", middle)
        large = Generated(folder / "large", much)
        return [
            help_text(),
            *touching_one(large, small, program),
            loading(some),
            loading(large),
            *rendering(large),
            *second_time(large, folder, program),
        ]
