"""A repository whose records are signed and by the rules, and every means to tamper with them.

Whoever forges here knows the program and uses its own code; what they lack is a key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pygit2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.ssh_keys import load_signer, verify
from reconciler.app.bench import Bench
from reconciler.app.record import Intent, Recorder
from reconciler.app.records import Records
from reconciler.app.verify import verify as verified
from reconciler.core.approve import People
from reconciler.core.canonical import canonical, digest
from reconciler.core.decide import Law, Question, decide
from reconciler.core.git_objects import Who, commit_bytes, read_commit, with_signature
from reconciler.core.load import lazy_shared
from reconciler.core.plan import read_plan
from reconciler.core.records.chain import first_chain, next_chain
from reconciler.core.records.document import read_record
from reconciler.core.records.facts import Action
from reconciler.core.records.standing import STATUS, status_after
from reconciler.core.records.story import read_status, status_bytes
from reconciler.core.records.words import message
from reconciler.model.approval import Approval, Person
from reconciler.model.author import Author
from reconciler.model.base import Stage
from reconciler.model.desired import Shared
from reconciler.model.drift import Drift
from reconciler.model.plan import Drifted, DriftedAttribute, Plan
from reconciler.model.record import Actor, Chain, Jump, Program, Recorded
from reconciler.model.rendered import Rendered, RenderedFile
from reconciler.model.run import Outcome
from reconciler.model.verified import Verified
from reconciler.ports import Signer
from tests.repos import Files, GitRepo, edited, shipped

PROGRAM: Final = Program(name="reconciler", version="0.1.0", digest="sha256:" + "0" * 64)
BEGAN: Final = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
RECORDS: Final = """\
  records:
    signed: true
    writers:
      - {{name: controller, email: reconciler@example.com, keys: ["{key}"]}}
"""
FREEZE: Final = """\
apiVersion: reconciler/v1
kind: Freeze
metadata: {{name: stop, owner: team-platform}}
spec:
  scope: {scope}
  reason: It burns money.
  since: 2026-01-01
{expires}"""


def person(name: str, forge_id: int) -> Actor:
    return Actor(
        name=name, email=f"{name.split(maxsplit=1)[0].lower()}@example.com", forgeId=forge_id
    )


ADA: Final = person("Ada Berg", 1001)
TOM: Final = person("Tom Weber", 2002)
INES: Final = person("Ines Duarte", 2001)
CONTROLLER: Final = Actor(name="controller", email="reconciler@example.com", kind="program")
SCOUT: Final = Actor(
    name="scout", email="scout@agents.example.com", forgeId=9001, kind="agent", agent="scout"
)
STAGES: Final[Mapping[str, tuple[str, Stage, str]]] = {
    "acme-portal": ("customer", "production", "team-web"),
    "globex-shop": ("customer", "production", "team-web"),
    "trade-fair": ("demo", "dev", "team-sales"),
    "identity-dev": ("platform", "dev", "team-platform"),
}


def key(name: str, folder: Path) -> Signer:
    """The same key each time, from a file as anybody has one."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    file = folder / f"key-{name}"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return load_signer(file, None)


def plan_for(name: str, what: str = "one") -> Plan:
    """A plan that makes something."""
    after = {"bucket": f"{name}-{what}"}
    change = {"actions": ["create"], "before": None, "after": after, "after_unknown": {}}
    document = {
        "format_version": "1.2",
        "resource_changes": [
            {
                "address": "aws_s3_bucket.one",
                "mode": "managed",
                "type": "aws_s3_bucket",
                "name": "one",
                "change": change,
            }
        ],
    }
    return read_plan(document, name, "terraform 1.11.4", b"key")


def files_of(keys: Mapping[str, str], extra: Files | None = None) -> Files:
    """The samples, with keys of ours for people, and signed records."""
    found = shipped()
    settings = found["reconciler.yaml"]
    found["reconciler.yaml"] = settings + RECORDS.format(key=keys["controller"])
    for path, text in found.items():
        if path.startswith("profiles/teams/"):
            for name in ("ada", "tom", "ines"):
                pattern = rf'keys: \["[^"]+ {name}@example\.com"\]'
                text = re.sub(pattern, f'keys: ["{keys[name]}"]', text)  # noqa: PLW2901
            found[path] = text
    return {**found, **(extra or {})}


@dataclass
class Made:
    """One record on its way into a forged history; whatever is not given is as it should be."""

    doc: dict[str, Any]
    files: dict[str, bytes | None]
    key: Signer | None
    message: str | None = None
    author: str | None = None
    status: bool = True
    """Whether its status is made to fit."""
    listed: bool = True
    """Whether the document says which files it changes."""
    parents: tuple[str, ...] | None = None
    chain: bool = True
    committer: Author | None = None


Change = Callable[[Made], None]


@dataclass
class World:
    """A repository with a target branch and records."""

    path: Path
    folder: Path
    now: datetime = BEGAN
    count: int = 0
    signers: dict[str, Signer] = field(default_factory=dict)
    known: dict[str, Shared] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, extra: Files | None = None, writer: str = "controller") -> World:
        """`writer`: whose key the settings name."""
        repo = GitRepo.make(folder / "repo.git")
        world = cls(folder / "repo.git", folder)
        names = ("controller", "ada", "tom", "ines", "eve")
        keys = {name: world.key(name).public_key.text for name in names}
        keys["controller"] = keys[writer]
        repo.commit(files_of(keys, extra))
        return world

    def key(self, name: str) -> Signer:
        if name not in self.signers:
            self.signers[name] = key(name, self.folder)
        return self.signers[name]

    @property
    def repository(self) -> pygit2.Repository:
        return pygit2.Repository(str(self.path))

    @property
    def head(self) -> str:
        return str(self.repository.references["refs/heads/main"].target)

    @property
    def tip(self) -> str:
        return str(self.repository.references["refs/heads/records"].target)

    @property
    def commits(self) -> list[str]:
        """Of the records, oldest first."""
        found, at = [], self.tip
        while at:
            found.append(at)
            parents = read_commit(self.repository.odb.read(pygit2.Oid(hex=at))[1]).parents
            at = parents[0] if parents else ""
        return found[::-1]

    def clock(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def new_id(self) -> str:
        self.count += 1
        return hashlib.sha256(str(self.count).encode()).hexdigest()[:32]

    def records(self, name: str = "controller", branch: str = "records") -> Records:
        signer = self.key(name) if name else None
        writer = Author("reconciler@example.com", "controller") if name == "controller" else None
        return Records(GitRecords(self.path, branch), signer, writer)

    def recorder(self, actor: Actor = CONTROLLER, name: str = "controller", branch: str = "records",
                 *, simulated: bool = False) -> Recorder:  # fmt: skip
        return Recorder(
            self.records(name, branch),
            GitSource(self.path),
            actor,
            PROGRAM,
            self.clock,
            self.new_id,
            simulated,
        )

    # -- what happens -------------------------------------------------------------------------

    def change(self, files: Mapping[str, str | None], message_: str = "Change") -> str:
        """A commit of the target branch."""
        repository = self.repository
        index = pygit2.Index()
        index.read_tree(repository[self.head].peel(pygit2.Tree))
        for path, text in files.items():
            if text is None:
                index.remove(path)
            else:
                blob = repository.create_blob(text.encode())
                index.add(pygit2.IndexEntry(path, blob, pygit2.enums.FileMode.BLOB))
        who = pygit2.Signature("Ines Duarte", "ines@example.com", int(self.now.timestamp()), 0)
        tree = index.write_tree(repository)
        parent = [pygit2.Oid(hex=self.head)]
        return str(repository.create_commit("refs/heads/main", who, who, message_, tree, parent))

    def text(self, path: str) -> str:
        blob = self.repository[self.head].peel(pygit2.Tree)[path]
        assert isinstance(blob, pygit2.Blob)
        return blob.data.decode()

    def edit(self, path: str, old: str, new: str) -> str:
        return self.change(edited({path: self.text(path)}, path, old, new))

    def shared(self, head: str) -> Shared:
        if head not in self.known:
            self.known[head] = lazy_shared(GitSource(self.path).snapshot(head))
        return self.known[head]

    def asked(self, name: str, plan: Plan, by: Iterable[Actor], head: str = "") -> Question:
        """What is asked about an environment of the samples, with everybody's agreement."""
        head = head or self.head
        shared = self.shared(head)
        track, stage, owner = STAGES.get(name, STAGES["acme-portal"])
        given = tuple(
            Approval(
                Person(one.name, one.email, one.forge_id),
                self.now,
                head,
                plan.digest,
                digest(b"policies"),
                f"note {number}",
            )
            for number, one in enumerate(by)
        )
        return Question(
            name,
            (Law(shared.profiles[track].document, stage),),
            "L1",
            frozenset(),
            (),
            (),
            (),
            (
                ("commit.head", head),
                ("commit.target", head),
                ("plan", plan.digest),
                ("policies", digest(b"policies")),
                ("program", "reconciler 0.1.0"),
            ),
            self.now,
            owner,
            approvals=given,
            authors=(Person("Ines Duarte", "ines@example.com"),),
            people=People.of(shared, self.now),
        )

    def decided(self, name: str, recorder: Recorder | None = None, by: Iterable[Actor] = (TOM,),
                action: Action = "apply", plan: Plan | None = None) -> Recorded:  # fmt: skip
        plan = plan or plan_for(name)
        question = self.asked(name, plan, by)
        recorder = recorder or self.recorder()
        return recorder.decided(decide(question), question, plan, action=action)

    def started(self, name: str, recorder: Recorder | None = None, **more: Any) -> Intent:
        recorder, plan = recorder or self.recorder(), plan_for(name)
        found = self.decided(name, recorder, plan=plan, **more)
        return recorder.starting(found, plan, self.head, more.get("action", "apply"), "run-1")

    def outcome(self, name: str, plan: Plan | None = None) -> Outcome:
        return Outcome(
            name,
            "done",
            (plan or plan_for(name)).digest,
            ("aws_s3_bucket.one",),
            (),
            (),
            (),
            (),
            None,
            "terraform 1.11.4",
        )

    def applied(self, name: str, recorder: Recorder | None = None, **more: Any) -> Recorded:
        """Decided, started, ended."""
        recorder = recorder or self.recorder()
        intent = self.started(name, recorder, **more)
        files = (RenderedFile("terraform/main.tf", f"# {name} {self.count}\n".encode()),)
        return recorder.ended(intent, self.outcome(name), Rendered(name, files))

    def happened(self, body: Mapping[str, Any], name: str = "", actor: Actor = CONTROLLER,
                 key_: str = "controller") -> Recorded:  # fmt: skip
        return self.recorder(actor, key_).happened(name, self.head, dict(body))

    def drift(self, name: str, *, gone: bool = False) -> Recorded | None:
        seen = Drifted(
            "aws_s3_bucket.one",
            "aws_s3_bucket",
            "changed",
            (DriftedAttribute("tags", {}, {"by": "hand"}),),
            mended=True,
        )
        found = Drift(name, () if gone else (seen,), (), (), 0, digest(b"drift"), "terraform")
        return self.recorder().drift(found, self.head)

    def stop(self, word: str = "freeze", scope: str = "everything", subject: str = "",
             until: str | None = None, actor: Actor = ADA,
             key_: str = "ada") -> Recorded:  # fmt: skip
        body = {
            "kind": word,
            "freeze": "stop",
            "scope": scope,
            "subject": subject,
            "because": "It burns money.",
            "until": until,
            "commit": None,
        }
        return self.happened(body, actor=actor, key_=key_)

    def tell(self) -> World:
        """A few days of everything."""
        self.applied("acme-portal")
        self.drift("acme-portal")
        self.drift("acme-portal", gone=True)
        self.edit("environments/customer/acme-portal.yaml", "desired_count: 4", "desired_count: 5")
        self.applied("acme-portal")
        self.applied("trade-fair", by=())
        self.stop()
        self.stop("resume")
        self.applied("globex-shop")
        self.happened(
            {
                "kind": "waiver",
                "waiver": "demo-lambda-outside-vpc",
                "rule": "CKV_AWS_117",
                "owner": "team-security",
                "because": "Holds nothing.",
                "expires": "2027-06-30T23:59:59Z",
                "fingerprints": ["ab"],
                "decision": 11,
            },
            "trade-fair",
        )
        self.happened(override("lease", "trade-fair"), "trade-fair", ADA, "ada")
        self.edit("reconciler.yaml", "retry: 5m", "retry: 6m")
        self.applied("acme-portal")
        self.decided("globex-shop", by=())
        return self

    # -- what is said about it ----------------------------------------------------------------

    def verify(self, branch: str = "records", **more: Any) -> Verified:
        records = Records(GitRecords(self.path, branch))
        bench = Bench(GitSource(self.path), self.head, verify)
        return verified(records, bench, branch, **more)

    def broken(self, **more: Any) -> set[tuple[str, int | None]]:
        """Codes of breaks, and where they are."""
        found = self.verify(**more)
        assert found.whole is not bool(found.breaks)
        assert all(one.why and (one.commit or one.code == "rewritten") for one in found.breaks)
        assert len({one.name for one in found.breaks}) == len(found.breaks)
        return {(one.code, one.sequence) for one in found.breaks}

    def codes(self, **more: Any) -> set[str]:
        return {code for code, _ in self.broken(**more)}

    # -- tampering ----------------------------------------------------------------------------

    def read(self, oid: str) -> bytes:
        return bytes(self.repository.odb.read(pygit2.Oid(hex=oid))[1])

    def put(self, kind: str, data: bytes) -> str:
        return GitRepo(self.path, self.repository).loose(kind.encode(), data).__str__()

    def move(self, commit: str, branch: str = "records") -> str:
        """Force the branch."""
        self.repository.references.create(f"refs/heads/{branch}", commit, force=True)
        return commit

    def forget(self) -> None:
        """What this machine knows of before: an auditor's new clone knows nothing."""
        for name in list(self.repository.references):
            if name.startswith("refs/reconciler/"):
                self.repository.references.delete(name)

    def parts(self, commit: str) -> Made:
        """A record, taken apart."""
        records = self.records("")
        kept = records.kept(commit)
        doc = json.loads(kept.data)
        files: dict[str, bytes | None] = {}
        for path, mark in doc["files"].items():
            entry = records.objects.at(kept.tree, path.encode().split(b"/"))
            assert (entry is None) is (mark is None)
            files[path] = records.objects.blob(entry.oid.hex()) if entry else None
        email = doc["actor"]["email"]
        who = "controller" if email == CONTROLLER.email else email.partition("@")[0]
        writer = Author("reconciler@example.com", "controller") if who == "controller" else None
        return Made(doc, files, self.key(who), committer=writer)

    def rechain(
        self,
        start: int,
        changes: Mapping[int, Change],
        resign: Callable[[Made], Signer | None] = lambda made: made.key,
        order: Sequence[int] | None = None,
    ) -> list[str]:
        """Write the history anew from a record on, with changes, everything else made to fit."""
        commits = self.commits
        records = self.records("")
        before: list[tuple[str, Chain, str]] = []
        for commit in commits[:start]:
            kept = records.kept(commit)
            before.append((commit, kept.record.chain, kept.digest))
        for number in order or range(start, len(commits)):
            made = self.parts(commits[number])
            made.key = resign(made)
            if number in changes:
                changes[number](made)
            before.append(self.build(before, made))
        self.move(before[-1][0])
        return [one for one, _, _ in before]

    def build(self, before: Sequence[tuple[str, Chain, str]], made: Made) -> tuple[str, Chain, str]:
        """The commit of a record after others."""
        records = self.records("")
        doc, parent = made.doc, before[-1][0] if before else ""
        chain = _chain(before)
        if made.chain:
            doc["chain"] = chain.model_dump(mode="json")
        tree = read_commit(self.read(parent)).tree if parent else ""
        name = doc["environment"] or ""
        if made.status:
            prefix = b"/".join(records.folder(tree or _empty(records), name)).decode()
            path = f"{prefix}/{STATUS}" if prefix else STATUS
            entry = records.objects.at(tree, path.encode().split(b"/")) if tree else None
            was = read_status(records.objects.blob(entry.oid.hex())) if entry else {}
            now = status_after(was, read_record(canonical(doc | {"files": {}})))
            made.files[path] = status_bytes(now)
        if made.listed:
            doc["files"] = {
                path: None if data is None else digest(data) for path, data in made.files.items()
            }
        data = canonical(doc)
        edits: dict[tuple[bytes, ...], bytes | None] = {
            tuple(path.encode().split(b"/")): content for path, content in made.files.items()
        }
        root = records.objects.edited(tree or None, {**edits, (b"record.json",): data})
        record = read_record(data)
        words = message(record, digest(data)) if made.message is None else made.message
        who = _who(doc)
        parents = ((parent,) if parent else ()) if made.parents is None else made.parents
        by = made.committer
        committer = Who(by.name, by.email, who.seconds) if by else who
        commit = commit_bytes(root, parents, who, committer, words)
        if made.author is not None:
            line = f"author {who.line}".encode()
            commit = commit.replace(line, f"author {made.author}".encode(), 1)
        if made.key is not None:
            commit = with_signature(commit, made.key.sign(commit))
        oid = records.objects.put("commit", commit)
        assert isinstance(records.store, GitRecords)
        records.store._flush()  # nothing moves a branch here
        return oid, record.chain, digest(data)

    def recommit(self, commit: str, change: Callable[[bytes], bytes]) -> str:
        """The commit with other bytes; nothing is signed again."""
        return self.put("commit", change(self.read(commit)))

    def entry(self, commit: str, path: str) -> str:
        """The object that a path names in a commit; the empty path: the root tree."""
        records = self.records("")
        tree = read_commit(self.read(commit)).tree
        if not path:
            return tree
        found = records.objects.at(tree, path.encode().split(b"/"))
        assert found is not None
        return found.oid.hex()


def _empty(records: Records) -> str:
    return records.objects.put("tree", b"")


def _chain(before: Sequence[tuple[str, Chain, str]]) -> Chain:
    if not before:
        return first_chain()
    commit, chain, mark = before[-1]
    places = {one: place for one, place, _ in before}
    beyond: Jump | None = places[chain.jump.commit].jump if chain.jump else None
    return next_chain(commit, chain, mark, beyond)


def _who(doc: Mapping[str, Any]) -> Who:
    at = datetime.strptime(doc["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return Who(doc["actor"]["name"], doc["actor"]["email"], int(at.timestamp()))


def override(what: str, subject: str, accepts: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "kind": "override",
        "what": what,
        "subject": subject,
        "because": "I answer for it.",
        "until": None,
        "accepts": list(accepts),
    }


def again(made: Made, **body: Any) -> None:
    """Change what a record says happened."""
    made.doc["body"] = {**made.doc["body"], **body}


__all__ = ["Made", "World", "replace"]
