"""Running Terraform: what we add to the bare commands, large plans, drift of many environments."""

import gc
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, pairs, seconds, show
from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.program import program_digest
from reconciler.adapters.runs import RunFolder, Runs
from reconciler.adapters.terraform import Limits, Terraform, Workspace, find_engine
from reconciler.adapters.workers import Workers
from reconciler.app.kept import Kept
from reconciler.app.terraform import Site, apply, planning
from reconciler.cli.building import building_of, declared
from reconciler.cli.drift_command import _look
from reconciler.core.backend import backend
from reconciler.core.plan import plan_document, read_plan, sensitive_texts
from reconciler.core.redact import Redactor
from reconciler.core.veil import veiled_plan
from reconciler.model.rendered import Rendered, RenderedFile
from reconciler.model.run import Engine
from reconciler.model.settings import LocalState
from reconciler.ports import Run
from reconciler.settings import ProcessSettings
from reconciler.wiring import Ports
from tests.check.project import PITCH
from tests.repos import GitRepo
from tests.terraform.lab import HEAD, TEMPLATE, lab

TOPIC = 'resource "aws_sns_topic" "news" { name = "${local.name}-news" }\n'
COMMANDS = (
    ("init", "-json"),
    ("state", "pull"),
    ("plan", "-json", "-out=plan"),
    ("show", "-json", "plan"),
    ("apply", "-json", "plan"),
    ("state", "pull"),
)


@dataclass
class _Bench:
    """The same work by the bare commands and by us, in a fresh folder each time."""

    root: Path
    engine: Engine
    source: bytes
    numbers: Iterator[int] = field(default_factory=count)

    def _environment(self, home: Path) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(self.root / "terraformrc"),
        }

    def bare(self) -> None:
        """As a person who knows the commands."""
        folder = self.root / f"bare-{next(self.numbers)}"
        folder.mkdir()
        (folder / "main.tf").write_bytes(self.source)
        for arguments in COMMANDS:
            with (folder / "out").open("wb") as out:
                subprocess.run(
                    [*self.engine.command, *arguments],
                    cwd=folder,
                    env=self._environment(folder),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    check=True,
                )

    def ours(self) -> None:
        """With everything that we do around them."""
        runs = Runs(self.root / f"ours-{next(self.numbers)}", 1)

        def open_(run: Run, locked: bool) -> Workspace:  # noqa: FBT001  # as the port says
            assert isinstance(run, RunFolder)
            home = run.path / "home"
            home.mkdir(exist_ok=True)
            terraform = Terraform(self.engine, run.source, home, self._environment(home))
            return Workspace(terraform, Limits(), locked=locked)

        def where(name: str) -> dict[str, Any]:
            return backend(LocalState.model_validate({"backend": "local"}), name, runs.states)

        site = Site(runs, open_, where, b"key", simulated=False)
        rendered = Rendered("box", (RenderedFile("terraform/main.tf", self.source),))
        with planning(site, rendered) as planned:
            assert apply(planned, planned.plan.digest).result == "done"


def overhead(engine: Engine, resources: int, rounds: int) -> Result:
    """What we add to the bare commands."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "terraformrc").write_text("disable_checkpoint = true\n", encoding="utf-8")
        blocks = (
            f'resource "terraform_data" "r{number}" {{ input = "value {number}" }}\n'
            for number in range(resources)
        )
        bench = _Bench(root, engine, "".join(blocks).encode())
        ours, bare, _ = pairs(bench.ours, bench.bare, rounds)
    more = (ours - bare * 1.1) * 1000
    words = f"plan and apply {resources} resources"
    against = f"the bare init, state pull, plan, show, apply, state pull: {show(bare)}; beyond 10 %"
    return Result(words, show(ours), against, more, 50, "ms")


def plan_of(size: int) -> bytes:
    """A plan of so many resources, some with secrets, as `terraform show -json` gives it."""
    changes = [_change(number) for number in range(size)]
    return json.dumps(
        {
            "format_version": "1.2",
            "terraform_version": "1.11.4",
            "complete": True,
            "errored": False,
            "resource_changes": changes,
            "resource_drift": [one for one in changes if one["change"]["actions"] == ["update"]],
            "planned_values": {},
        }
    ).encode()


def _change(number: int) -> dict[str, Any]:
    kind = ("aws_db_instance", "aws_security_group", "aws_iam_role", "aws_sns_topic")[number % 4]
    actions = (["create"], ["update"], ["no-op"], ["delete", "create"])[number // 4 % 4]
    before: dict[str, Any] = {
        "id": f"id-{number}",
        "arn": f"arn:aws:service:eu-central-1:111111111111:thing/{number}",
        "name": f"thing-{number}",
        "password": f"made-up-{number}",
        "tags": {"environment": "shop", "owner": "team-web", "managed-by": "reconciler"},
        "rules": [
            {"from": port, "to": port, "cidrs": ["10.0.0.0/8", "192.168.0.0/16"]}
            for port in (22, 80, 443)
        ],
        **{f"attribute_{each}": f"value {each}" for each in range(20)},
    }
    after = {**before, "name": f"thing-{number}-new", "attribute_3": "another"}
    return {
        "address": f"{kind}.r{number}",
        "mode": "managed",
        "type": kind,
        "name": f"r{number}",
        "change": {
            "actions": actions,
            "before": None if actions == ["create"] else before,
            "after": before if actions == ["no-op"] else after,
            "after_unknown": {"attribute_7": True},
            "before_sensitive": {"password": True},
            "after_sensitive": {"password": True},
        },
    }


def large_plan(size: int, rounds: int) -> Result:
    """The value, its digest, and what has to be hidden."""
    data = plan_of(size)

    def ours() -> None:
        document = plan_document(data)
        plan = veiled_plan(read_plan(document, "shop", "terraform 1.11.4", b"key"), b"key")
        assert plan.digest
        Redactor(sensitive_texts(document))

    ours()
    gc.collect()
    gc.freeze()  # what other benchmarks left behind is no part of this one
    took = min(seconds(ours) for _ in range(rounds))
    alone = min(seconds(lambda: json.loads(data)) for _ in range(rounds))
    gc.unfreeze()
    name = f"the value, digest and masking of a plan of {size:,} resources"
    return Result(
        name,
        show(took),
        f"{show(alone)} for json.loads of these {len(data) / 1e6:.0f} MB",
        took,
        0.5,
        "s",
    )


@contextmanager
def _sandbox(size: int) -> Iterator[tuple[Ports, Path, list[str]]]:
    """Small environments in a simulated cloud, all as they are declared."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        files = lab()
        files[TEMPLATE] = HEAD + TOPIC
        names = [f"bench-{number:02}" for number in range(size)]
        for one in names:
            text = files[PITCH].replace("name: pitch-acme", f"name: {one}")
            files[f"environments/demo/{one}.yaml"] = text
        repo = GitRepo.make(root / "repo.git")
        repo.commit(dict(files))
        settings = ProcessSettings(state_dir=root / "state", cache_dir=root / "cache")
        ports = Ports(settings, Kept(SqliteCache(root / "cache"), program_digest()), Workers(2))
        cloud = ports.sandbox()
        cloud.start()
        try:
            tree = ports.repository(repo.path).snapshot("main")
            todo = [declared(ports, tree, one) for one in names]

            def make(one: Any) -> None:
                site = building_of(ports, repo.path, one, simulated=True).site
                with planning(site, one.rendered) as planned:
                    assert apply(planned, planned.plan.digest).result == "done"

            with ThreadPoolExecutor(2) as pool:
                list(pool.map(make, todo))
            yield ports, repo.path, names
        finally:
            cloud.stop()


def drift(size: int, rounds: int) -> Result:
    """Many environments, one after another and two at once, as `reconciler drift --all` does."""
    with _sandbox(size) as (ports, repo, names):
        tree = ports.repository(repo).snapshot("main")

        def look(jobs: int) -> None:
            own = Ports(ports.settings, ports.kept, Workers(jobs))
            found, failed = _look(own, repo, tree, names, None, None)
            assert not failed, failed
            assert len(found) == size
            assert all(one.in_sync for one in found)

        one, two, ratio = pairs(lambda: look(1), lambda: look(2), rounds)
    name = f"drift of {size} environments in the sandbox, two at a time"
    return Result(name, show(two), f"one after another: {show(one)}", ratio, 1.6, at_least=True)


def run(resources: int = 40, large: int = 5_000, many: int = 20, rounds: int = 5) -> list[Result]:
    """Everything; without terraform only what needs none."""
    results = [large_plan(large, rounds)]
    if shutil.which("terraform") is None:
        print("no terraform on PATH: it is not measured")
        return results
    with tempfile.TemporaryDirectory() as name:
        engine = find_engine(Path(name), "terraform")
    return [*results, overhead(engine, resources, rounds), drift(many, rounds)]


if __name__ == "__main__":
    gc.set_threshold(100_000, 50, 50)  # as the command line does
    start = time.perf_counter()
    print("\n".join(result.row for result in run()))
    print(f"{time.perf_counter() - start:.0f} s")
