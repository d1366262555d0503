"""Makes repositories of any number of environments, as bare git repositories."""

import random
import shutil
import subprocess
from pathlib import Path

import pygit2

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("policies", "profiles", "templates", "reconciler.yaml")
PER_FOLDER = 50
AUTHOR = pygit2.Signature("Generator", "generator@example.com", 1_700_000_000, 0)

_TRACKS = {
    "demo": ("serverless-demo", ("dev", "staging"), ("small", "medium")),
    "customer": ("web-service", ("dev", "staging"), ("small", "medium", "large")),
    "platform": ("platform-core", ("dev", "staging"), ("medium", "large")),
}


def environment(number: int, track: str, team: str, chance: random.Random) -> tuple[str, str]:
    """Name and text of one document, with about as much in it as people write."""
    blueprint, stages, sizes = _TRACKS[track]
    name = f"{track}-{number:05d}"
    account = f"{chance.randrange(10**11, 10**12)}"
    digest = f"{chance.getrandbits(256):064x}"
    lines = [
        f"# Environment {number}, made by the generator.",
        "apiVersion: reconciler/v1",
        "kind: Environment",
        "metadata:",
        f"  name: {name}",
        f"  owner: {team}",
        f"  description: Environment number {number} of {team}",
        "  labels:",
        f"    customer: customer-{number % 97}",
        f"    cost-class: class-{number % 7}",
        "spec:",
        f"  track: {track}",
        f"  stage: {stages[number % len(stages)]}",
        "  blueprint:",
        f"    name: {blueprint}",
        "    version: 1.0.0",
        f'  account: "{account}"',
        "  region: eu-central-1",
        "  parameters:",
        f"    size: {sizes[number % len(sizes)]}",
        f"    image: {account}.dkr.ecr.eu-central-1.amazonaws.com/app/n{number}@sha256:{digest}",
        "    environment_variables:",
        f"      APP_NUMBER: number-{number}",
        "      LOG_LEVEL: info",
    ]
    if track != "demo":
        lines += [
            f"    certificate_arn: arn:aws:acm:eu-central-1:{account}:certificate/n-{number}",
            f"    desired_count: {2 + number % 4}",
            "    allowed_cidrs:",
            f"      - 10.{number % 250}.0.0/16",
            "      - 192.168.0.0/24",
        ]
    if track == "customer":
        lines.append(f"    domain_name: n{number}.example.com")
    return name, "\n".join(lines) + "\n"


class Generated:
    """A bare repository of generated environments, with one commit on main."""

    def __init__(self, folder: Path, count: int, seed: int = 1, also: tuple[str, ...] = ()) -> None:
        self.path = folder
        self.count = count
        self.repository = pygit2.init_repository(str(folder), bare=True, initial_head="main")
        chance = random.Random(seed)
        files = {path: data for name in (*SHIPPED, *also) for path, data in _shipped(name).items()}
        teams = [f"team-{number:04d}" for number in range(-(-count // (3 * PER_FOLDER)))]
        for team in teams:
            files[f"profiles/teams/{team}.yaml"] = _team(team)
        self.documents: dict[str, bytes] = {}
        for number in range(count):
            track = tuple(_TRACKS)[number % 3]
            team = teams[number // 3 % len(teams)]
            name, text = environment(number, track, team, chance)
            self.documents[f"environments/{track}/{team}/{name}.yaml"] = text.encode()
        files.update(self.documents)
        self.commit = self._commit(files, None)
        # A clone is packed; a repository that was just written is not.
        if shutil.which("git"):
            subprocess.run(["git", "-C", str(folder), "gc", "--quiet"], check=True)

    def _commit(self, files: dict[str, bytes], parent: pygit2.Oid | None) -> str:
        tree = _write_tree(self.repository, files)
        oid = self.repository.create_commit(
            "refs/heads/main", AUTHOR, AUTHOR, "Generated", tree, [] if parent is None else [parent]
        )
        return str(oid)

    def edit(self, number: int) -> str:
        """A commit that changes one environment; main stays where it is."""
        path = sorted(self.documents)[number % self.count]
        data = self.documents[path].replace(b"LOG_LEVEL: info", b"LOG_LEVEL: debug")
        return self.replace(path, data)

    def replace(self, path: str, data: bytes) -> str:
        """A commit in which one file has other content."""
        parent = self.repository[self.commit].peel(pygit2.Commit)
        blob = self.repository.create_blob(data)
        tree = _with(self.repository, parent.tree, path.split("/"), blob)
        oid = self.repository.create_commit(None, AUTHOR, AUTHOR, "Edit", tree, [parent.id])
        return str(oid)


def _with(
    repository: pygit2.Repository, tree: pygit2.Tree, path: list[str], blob: pygit2.Oid
) -> pygit2.Oid:
    builder = repository.TreeBuilder(tree)
    if len(path) == 1:
        builder.insert(path[0], blob, pygit2.enums.FileMode.BLOB)
    else:
        inner = tree[path[0]].peel(pygit2.Tree)
        builder.insert(
            path[0], _with(repository, inner, path[1:], blob), pygit2.enums.FileMode.TREE
        )
    return builder.write()


def _shipped(name: str) -> dict[str, bytes]:
    top = ROOT / name
    files = [top] if top.is_file() else [file for file in top.rglob("*") if file.is_file()]
    found = {str(file.relative_to(ROOT)): file.read_bytes() for file in files}
    return {path: _unlimited(data) if "/tracks/" in path else data for path, data in found.items()}


def _unlimited(profile: bytes) -> bytes:
    """Without what limits numbers, and with random accounts allowed: size is what is measured."""
    kept = [
        line
        for line in profile.splitlines(keepends=True)
        if not line.strip().startswith((b"environmentsPerTeam", b"perTeam"))
    ]
    return b"".join(kept).replace(b"isolation: dedicated-account", b"isolation: dedicated-vpc")


def _team(name: str) -> bytes:
    return f"""apiVersion: reconciler/v1
kind: Team
metadata:
  name: {name}
  description: A generated team
spec:
  contact: "#{name}"
  costCentre: cc-{name}
  members:
    - name: Somebody
      email: somebody@{name}.example.com
""".encode()


def _write_tree(repository: pygit2.Repository, files: dict[str, bytes]) -> pygit2.Oid:
    folders: dict[str, dict[str, bytes]] = {}
    plain: dict[str, bytes] = {}
    for path, data in files.items():
        head, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(head, {})[rest] = data
        else:
            plain[head] = data
    builder = repository.TreeBuilder()
    for name, data in plain.items():
        builder.insert(name, repository.create_blob(data), pygit2.enums.FileMode.BLOB)
    for name, inner in folders.items():
        builder.insert(name, _write_tree(repository, inner), pygit2.enums.FileMode.TREE)
    return builder.write()
