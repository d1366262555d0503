"""Repositories for tests: the shipped samples, a small one of our own, and hostile ones."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from reconciler.core.load import load
from reconciler.model.desired import Desired
from reconciler.model.problem import Problem
from reconciler.model.tree import Entry, EntryKind

ROOT = Path(__file__).parents[1]
AUTHOR = pygit2.Signature("Ada Berg", "ada@example.com", 1_700_000_000, 0)
SHIPPED = ("environments", "policies", "profiles", "reconciler.yaml", "templates")

Files = dict[str, str]


def shipped() -> Files:
    """The samples of this project, path -> text."""
    found: Files = {}
    for name in SHIPPED:
        top = ROOT / name
        for file in sorted(top.rglob("*")) if top.is_dir() else (top,):
            if file.is_file():
                found[file.relative_to(ROOT).as_posix()] = file.read_text(encoding="utf-8")
    return found


def team(name: str) -> str:
    return f"""\
apiVersion: reconciler/v1
kind: Team
metadata: {{name: {name}}}
spec:
  contact: "#{name}"
  costCentre: cc-1
  members: [{{name: Ada, email: ada@{name}.example.com}}]
"""


def environment(name: str, stage: str = "dev", track: str = "lab", more: str = "") -> str:
    account = "111111111111" if track == "lab" else "222222222222"
    return f"""\
apiVersion: reconciler/v1
kind: Environment
metadata:
  name: {name}
  owner: team-a
spec:
  track: {track}
  stage: {stage}
  blueprint: {{name: box, version: 1.0.0}}
  account: "{account}"
{more}  parameters:
    size: small
    image: box:1
"""


def small() -> Files:
    """A valid repository with two tracks, one blueprint and five environments."""
    return {
        "reconciler.yaml": """\
apiVersion: reconciler/v1
kind: Settings
metadata: {name: small, owner: team-a}
spec:
  forge: {kind: local}
  state: {backend: local}
  notifications:
    - name: talk
      events: [drift]
      tracks: [lab]
      target: {kind: slack, urlFrom: SLACK_URL}
""",
        "profiles/teams/team-a.yaml": team("team-a"),
        "profiles/teams/team-b.yaml": team("team-b"),
        "profiles/agents/robot.yaml": """\
apiVersion: reconciler/v1
kind: Agent
metadata: {name: robot, owner: team-a}
spec:
  identity: {email: robot@example.com}
  tracks: [lab]
  paths: [environments/**]
  highestRisk: L1
  changesPerDay: 3
""",
        "profiles/tracks/lab.yaml": """\
apiVersion: reconciler/v1
kind: Profile
metadata: {name: lab, owner: team-a, description: To try things out}
spec:
  defaults:
    region: eu-central-1
    account: "111111111111"
    blueprint: box
    parameters: {replicas: 1}
  allowed:
    regions: [eu-central-1, eu-west-1]
    blueprints: [box]
    stages: [dev, staging, production]
    sizes: [small, medium]
    instanceFamilies: [t4g]
  quotas:
    environmentsPerTeam: 4
    monthlyBudget: {perEnvironment: 50, perTeam: 100}
  approvals:
    - {stages: [dev], risks: [L3], count: 1, teams: [team-b]}
  drift: {mode: automated, interval: 6h}
  ttl: {default: 3d, maximum: 14d}
  rollout: {strategy: rolling}
  isolation: shared
  agents: {highestRisk: L2, changesPerDay: 5}
  allowedOverrides: [drift.mode]
""",
        "profiles/tracks/live.yaml": """\
apiVersion: reconciler/v1
kind: Profile
metadata: {name: live, owner: team-a, description: For customers}
spec:
  defaults: {region: eu-central-1}
  allowed:
    regions: [eu-central-1]
    blueprints: [box]
    stages: [dev, staging, production]
  drift: {mode: advisory, interval: 1h}
  rollout: {strategy: rolling}
  isolation: dedicated-account
  promotionRequired: true
  agents: {highestRisk: L0, changesPerDay: 0}
""",
        "policies/waivers/no-vpc.yaml": """\
apiVersion: reconciler/v1
kind: Waiver
metadata: {name: no-vpc, owner: team-a}
spec:
  rule: CKV_AWS_117
  subject: {tracks: [lab], environments: [box-one]}
  reason: Holds public data only, so nobody loses anything.
  expires: 2030-01-01
""",
        "policies/freezes/stop-box.yaml": """\
apiVersion: reconciler/v1
kind: Freeze
metadata: {name: stop-box, owner: team-a}
spec:
  scope: {environment: box-one}
  reason: It burns money.
  since: 2026-01-01
""",
        "templates/box/1.0.0/blueprint.yaml": """\
apiVersion: reconciler/v1
kind: Blueprint
metadata: {name: box, owner: team-a, description: A box}
spec:
  version: 1.0.0
  engine: {terraform: ">= 1.9"}
  rollouts: [rolling, canary]
  monthlyCost: {small: 5, medium: 40, large: 80}
  parameters:
    size:
      type: string
      enum: [small, medium, large]
      default: small
      description: How much of it
    image:
      type: string
      format: image
      description: What runs in it
    replicas:
      type: integer
      minimum: 1
      maximum: 9
      default: 2
      description: How many
    share:
      type: number
      minimum: 0
      maximum: 1
      default: 0.5
      description: How large a part
    open:
      type: boolean
      default: false
      description: Whether it is open
    zone:
      type: string
      pattern: "^[a-z]$"
      default: a
      description: Where it stands
    network:
      type: string
      format: cidr
      default: 10.0.0.0/16
      description: Its addresses
    machine:
      type: string
      format: instance-class
      default: db.t4g.medium
      description: What it runs on
    friends:
      type: list
      items: string
      maxLength: 3
      default: []
      description: Who may come
    notes:
      type: map
      items: string
      default: {}
      description: What is written on it
""",
        "templates/box/1.0.0/terraform/main.tf.j2": """\
resource "null_resource" "box" {
  triggers = {
    name  = {{ environment.name }}
    image = {{ parameters.image }}
    note  = {{ environment.description }}
  }
}
""",
        "templates/box/1.0.0/pipeline/.gitlab-ci.yml.j2": """\
box:
  variables: {NAME: {{ environment.name }}}
  script: [echo]
""",
        "environments/lab/box-one.yaml": environment("box-one"),
        "environments/lab/box-two.yaml": environment(
            "box-two", "staging", more="  promotedFrom: box-one\n"
        ),
        "environments/live/shop-dev.yaml": environment("shop-dev", track="live"),
        "environments/live/shop-staging.yaml": environment(
            "shop-staging", "staging", "live", "  promotedFrom: shop-dev\n"
        ),
        "environments/live/shop.yaml": environment(
            "shop", "production", "live", "  promotedFrom: shop-staging\n"
        ),
    }


BOX = "environments/lab/box-one.yaml"
SHOP = "environments/live/shop.yaml"
LAB = "profiles/tracks/lab.yaml"
LIVE = "profiles/tracks/live.yaml"
BLUEPRINT = "templates/box/1.0.0/blueprint.yaml"


def edited(files: Mapping[str, str], path: str, old: str, new: str) -> Files:
    """The files with one text replaced by another; it must stand there exactly once."""
    assert files[path].count(old) == 1, f"{old!r} stands {files[path].count(old)} times in {path}"
    return {**files, path: files[path].replace(old, new)}


def place(files: Mapping[str, str], path: str, needle: str) -> tuple[str, int, int]:
    """Where a text stands that occurs once: path, line, column."""
    text = files[path]
    assert text.count(needle) == 1, f"{needle!r} stands {text.count(needle)} times in {path}"
    before = text[: text.index(needle)]
    return path, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class MemoryTree:
    """A RepoTree over texts. Links and submodules are given by path."""

    revision = "memory"

    def __init__(
        self, files: Mapping[str, str | bytes], special: Mapping[str, EntryKind] | None = None
    ) -> None:
        special = special or {}
        self._data = {
            path: text.encode() if isinstance(text, str) else text for path, text in files.items()
        }
        self._data.update(dict.fromkeys(special, b""))
        self._folders: dict[str, dict[str, Entry]] = {"": {}}
        self.read_paths: list[str] = []
        below: dict[str, list[bytes]] = {}
        for path in sorted(self._data):
            steps = path.split("/")
            for depth in range(1, len(steps)):
                mark = path.encode() + b"\0" + self._data[path] + b"\0"
                below.setdefault("/".join(steps[:depth]), []).append(mark)
        for path in sorted(self._data):
            parts = path.split("/")
            for depth in range(1, len(parts) + 1):
                here, parent = "/".join(parts[:depth]), "/".join(parts[: depth - 1])
                leaf = depth == len(parts)
                kind = special.get(path, EntryKind.FILE) if leaf else EntryKind.FOLDER
                content = self._data[path] if leaf else b"".join(below[here])
                oid = hashlib.sha256(content).hexdigest()
                self._folders.setdefault(parent, {})[here] = Entry(here, oid, kind)

    def children(self, folder: Entry | None) -> Sequence[Entry]:
        return tuple(self._folders.get(folder.path if folder else "", {}).values())

    def read(self, entry: Entry, limit: int) -> bytes | None:
        self.read_paths.append(entry.path)
        data = self._data[entry.path]
        return data if len(data) <= limit else None


def loaded(
    files: Mapping[str, str | bytes], special: Mapping[str, EntryKind] | None = None
) -> tuple[Desired, tuple[Problem, ...]]:
    return load(MemoryTree(files, special))


def problems(
    files: Mapping[str, str | bytes], special: Mapping[str, EntryKind] | None = None
) -> tuple[Problem, ...]:
    return loaded(files, special)[1]


def placed(problem: Problem) -> tuple[str, int, int]:
    return problem.path, problem.line, problem.column


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)


@dataclass
class Raw:
    """An entry of a hand-made tree: a name as bytes, whatever mode, and an object's id."""

    name: bytes
    mode: bytes
    oid: pygit2.Oid


@dataclass
class GitRepo:
    """A repository made by hand, bare unless told otherwise."""

    path: Path
    repository: pygit2.Repository = field(repr=False)

    @classmethod
    def make(cls, path: Path, *, bare: bool = True) -> GitRepo:
        return cls(path, pygit2.init_repository(str(path), bare=bare, initial_head="main"))

    def blob(self, data: str | bytes) -> pygit2.Oid:
        return self.repository.create_blob(data.encode() if isinstance(data, str) else data)

    def tree(self, files: Mapping[str, str | bytes | Raw]) -> pygit2.Oid:
        """A tree of paths; a `Raw` value stands for itself under its path's folder."""
        below: dict[str, dict[str, str | bytes | Raw]] = {}
        entries: list[Raw] = []
        for path, value in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                below.setdefault(first, {})[rest] = value
            elif isinstance(value, Raw):
                entries.append(value)
            else:
                entries.append(Raw(first.encode(), b"100644", self.blob(value)))
        entries += [Raw(name.encode(), b"40000", self.tree(inner)) for name, inner in below.items()]
        return self.raw_tree(entries)

    def raw_tree(self, entries: Iterable[Raw]) -> pygit2.Oid:
        """Exactly these entries, in git's order; libgit2 is not asked whether they are wise."""

        def order(entry: Raw) -> bytes:
            return entry.name + (b"/" if entry.mode == b"40000" else b"")

        data = b"".join(
            b"%s %s\0%s" % (entry.mode, entry.name, entry.oid.raw)
            for entry in sorted(entries, key=order)
        )
        return self.loose(b"tree", data)

    def loose(self, kind: bytes, data: bytes) -> pygit2.Oid:
        """Write an object's file ourselves."""
        whole = b"%s %d\0%s" % (kind, len(data), data)
        name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        file = Path(self.repository.path) / "objects" / name[:2] / name[2:]
        file.parent.mkdir(exist_ok=True)
        if not file.exists():
            file.write_bytes(zlib.compress(whole))
        return pygit2.Oid(hex=name)

    def commit(
        self,
        files: Mapping[str, str | bytes | Raw],
        branch: str = "main",
        message: str = "Change",
        who: pygit2.Signature = AUTHOR,
    ) -> str:
        return self.commit_tree(self.tree(files), branch, message, who)

    def commit_tree(
        self,
        tree: pygit2.Oid,
        branch: str = "main",
        message: str = "Change",
        who: pygit2.Signature = AUTHOR,
    ) -> str:
        reference = f"refs/heads/{branch}"
        known = reference in self.repository.references
        parents = [self.repository.references[reference].target] if known else []
        return str(self.repository.create_commit(reference, who, who, message, tree, parents))

    def tag(self, name: str, commit: str) -> None:
        self.repository.create_tag(
            name, pygit2.Oid(hex=commit), ObjectType.COMMIT, AUTHOR, "A release"
        )

    def forget(self, oid: str) -> None:
        """Lose an object, as a damaged or partial clone has."""
        (Path(self.repository.path) / "objects" / oid[:2] / oid[2:]).unlink()


def link(repo: GitRepo, name: str, target: str) -> Raw:
    return Raw(name.encode(), b"120000", repo.blob(target))


def submodule(name: str) -> Raw:
    return Raw(name.encode(), b"160000", pygit2.Oid(hex="12" * 20))


def as_json(text: str) -> dict[str, object]:
    value = json.loads(text)
    assert isinstance(value, dict)
    return value
