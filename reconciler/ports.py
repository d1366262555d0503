"""What the use cases ask of the outside world, as small Protocols."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from reconciler.model.approval import Person
from reconciler.model.author import Author
from reconciler.model.commit import Commit
from reconciler.model.drift import Culprit
from reconciler.model.git import ObjectKind
from reconciler.model.health import Complaint
from reconciler.model.lease import Lease
from reconciler.model.merge_request import (
    NO_FILES,
    Advice,
    Consent,
    Deployment,
    MergeRequest,
    Note,
    Place,
    Proposal,
    Status,
    Unreadable,
)
from reconciler.model.notice import Batch, Claim, Notice
from reconciler.model.policy import Answered, Indeterminate, Lines, Module, Modules, Parsed
from reconciler.model.problem import Problem
from reconciler.model.record import Elsewhere
from reconciler.model.rendered import Rendered
from reconciler.model.run import Engine, Event, Ran, StateMark
from reconciler.model.scan import ScanFailed, Scanned, ScanRequest
from reconciler.model.secret import Blob, Content, ContentChange
from reconciler.model.ssh import PublicKey
from reconciler.model.tree import Entry

T = TypeVar("T")
R = TypeVar("R")


class RepoTree(Protocol):
    """One immutable tree of a repository: content by path, addressed by object id.

    Reading the same path twice gives the same bytes, so functions over a RepoTree are pure. A tree
    never follows a link or a submodule.
    """

    @property
    def revision(self) -> str:
        """The commit, or a word for what it was taken from."""
        ...

    def children(self, folder: Entry | None) -> Sequence[Entry]:
        """The entries of a folder (None: of the root), sorted by name as git sorts."""
        ...

    def read(self, entry: Entry, limit: int) -> bytes | None:
        """A file's bytes, or None when it has more than `limit`; such a file is not loaded."""
        ...


class Snapshots(Protocol):
    """The trees of a repository's commits."""

    def snapshot(self, revision: str) -> RepoTree:
        """The tree of one."""
        ...

    def began(self, target: str, head: str) -> str:
        """The newest commit that both have behind them."""
        ...

    def behind(self, commit: str) -> frozenset[str]:
        """Every commit that one has behind it, and itself; those that are here."""
        ...


class ChangedLines(Protocol):
    """Git's own comparison of two commits, line by line."""

    def changed_lines(
        self, before: str, after: str, paths: Collection[str]
    ) -> Mapping[str, frozenset[int]]:
        """By path: the lines that differ, as the later commit has them."""
        ...


class Cache(Protocol):
    """A store of results by digest. It may forget at any time; deleting it loses nothing."""

    def get(self, kind: str, key: str) -> bytes | None:
        """What was put under the key, if it is still there and whole."""
        ...

    def get_many(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Those of the keys that are there."""
        ...

    def put_many(self, kind: str, items: Iterable[tuple[str, bytes]]) -> None:
        """Remember; a cache that cannot write says nothing."""
        ...


class Workers(Protocol):
    """Processors to spread pure work over."""

    def map(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        seconds: float,
        late: Callable[[T], R],
        *,
        row: int = 64,
    ) -> Iterator[R]:
        """Results in the order of items; `late` gives the result of one that ran out of time.

        `row`: so many items at most go to one worker in a row, where one helps with the next.
        """
        ...


class PolicyEngine(Protocol):
    """What evaluates Rego. An error, a time-out or an undefined answer is Indeterminate."""

    @property
    def name(self) -> str:
        """Which engine it is, in which version: part of what a decision rests on."""
        ...

    def ask(
        self, modules: Modules, query: str, document: Mapping[str, Any]
    ) -> Answered | Indeterminate:
        """The value of a rule (`data.reconciler...`) for an input."""
        ...

    def close(self) -> None:
        """End what was started."""
        ...


class RegoReader(Protocol):
    """What reads Rego without running it."""

    def parse(self, modules: Sequence[Module]) -> Sequence[Parsed | Problem] | Indeterminate:
        """Each file's syntax tree, or what is wrong with the file."""
        ...

    def compile(self, modules: Modules) -> tuple[Problem, ...] | Indeterminate:
        """What is wrong with the files together."""
        ...

    def coverage(
        self, modules: Modules, queries: Sequence[str]
    ) -> tuple[Lines, ...] | Indeterminate:
        """Which lines the queries reach, each with an empty input."""
        ...


class History(Protocol):
    """What commits do to files. One that is cut off or lacks objects is refused, not skipped."""

    @property
    def root(self) -> str:
        """The id of the first commit; empty when there is none."""
        ...

    def changes(self, revisions: str) -> Iterator[ContentChange]:
        """What each commit of a range does, oldest first."""
        ...

    def authors(self, revisions: str) -> tuple[Author, ...]:
        """Who made the commits of a range, each once."""
        ...

    def made(self, revisions: str) -> Iterator[tuple[Author, bytes]]:
        """Each commit of a range: who it says made it, and its bytes."""
        ...

    def accepted(self, revision: str, since: datetime) -> tuple[frozenset[Author], ...]:
        """Of each change that a branch took in since then: who made its commits."""
        ...

    def staged(self) -> ContentChange:
        """What the next commit would do."""
        ...

    def read(self, oid: str, limit: int) -> Content:
        """The beginning of a blob, and the size of the whole."""
        ...


class Commits(Protocol):
    """Commits one by one, for whoever looks for the one that did something."""

    def commit(self, revision: str) -> Commit:
        """What a commit says of itself; an error when it is not here."""
        ...

    def at(self, revision: str, when: datetime) -> str | None:
        """The last commit of a branch at a time, by first parents and dates; None: none so old."""
        ...

    def contains(self, revision: str, commit: str) -> bool | None:
        """Whether a commit is in a revision's history; None where that cannot be told."""
        ...

    def before(self, revision: str, path: str) -> str:
        """The newest commit behind one, by first parents, with nothing at a path; empty: none."""
        ...

    def makers(self, began: str, head: str, paths: Collection[str] = ()) -> tuple[Author, ...]:
        """Who made the commits between two that change something at one of the paths, each once.

        No `began`: since the beginning; no paths: whatever they change. A merge that came out as
        git makes it has no author.
        """
        ...

    def merged_by_git(self, revision: str) -> bool:
        """Whether it is a merge of two commits that came out as git makes it."""
        ...

    def lies(self, revision: str, path: str) -> str | None:
        """The object that lies at a path of a commit: a file or a folder."""
        ...

    def patch(self, before: str, after: str) -> str:
        """What differs between two commits, as git prints it. Its text may be hostile."""
        ...

    def read(self, oid: str, limit: int) -> Content:
        """The beginning of a blob, and the size of the whole."""
        ...


class Files(Protocol):
    """Files as they lie on a disk."""

    def list(self, paths: Sequence[Path]) -> Iterator[Blob]:
        """The files at and below paths, sorted; `oid` is where to read each from."""
        ...

    def read(self, oid: str, limit: int) -> Content:
        """The beginning of a file, and the size of the whole."""
        ...


class Scanner(Protocol):
    """A static scanner of files. It never raises for what it is given: a failure is an answer."""

    def identity(self) -> str | ScanFailed:
        """Changes with anything that a verdict rests on beside the files; cheap to ask."""
        ...

    def scan(self, request: ScanRequest) -> Scanned | ScanFailed:
        """What is wrong with the files, or why nobody knows."""
        ...

    def scan_many(self, requests: Sequence[ScanRequest]) -> Iterator[Scanned | ScanFailed]:
        """The same for many, in order, several at a time."""
        ...


Hear = Callable[[Event], None]


class Run(Protocol):
    """One run's folder. What it says of itself survives a crash."""

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    def read(self) -> dict[str, Any]:
        """What was written of it."""
        ...

    def write(self, phase: Literal["planning", "applying", "settled"], **more: Any) -> None:
        """Note how far it is, before it goes on."""
        ...

    def keep(self) -> None:
        """Something in it is still wanted: nobody removes it."""
        ...

    def unkeep(self) -> None:
        """Nothing in it is wanted any more, but to be told of."""
        ...

    def remove(self) -> None:
        """Everything in it is known."""
        ...


class Runs(Protocol):
    """The runs of one repository on this machine."""

    def alone(self, environment: str, what: str, seconds: float) -> AbstractContextManager[None]:
        """Nobody else on this machine works on the environment meanwhile."""
        ...

    def slot(self) -> AbstractContextManager[None]:
        """One of the runs that this machine can do at once."""
        ...

    def new(self, environment: str, rendered: Rendered, more: Mapping[str, bytes]) -> Run:
        """A folder with the rendered source in it."""
        ...

    def unsettled(self, environment: str) -> Sequence[Run]:
        """Runs that began to apply and were never told to have ended."""
        ...

    def kept(self, environment: str) -> Sequence[Run]:
        """Runs in which something is still wanted."""
        ...

    def sweep(self, environment: str) -> None:
        """Remove what is over."""
        ...

    def mark(self, environment: str) -> StateMark | None:
        """How far the environment's state had come when we last saw it."""
        ...

    def remember(self, environment: str, mark: StateMark | None) -> None:
        """From now on this is how far it has come."""
        ...

    def doubts(self, environment: str) -> frozenset[str]:
        """What was begun to be made, and nobody knows whether it is there."""
        ...

    def doubt(self, environment: str, addresses: Collection[str]) -> None:
        """From now on these are in doubt, and no others."""
        ...


class Vanishing(Protocol):
    """A cloud that can vanish as a whole, with all that was made in it: the sandbox."""

    def cloud(self) -> str:
        """Which one it is; another one whenever it was started anew; empty: none runs."""
        ...

    def gone(self, environment: str, recorded: StateMark | None) -> str:
        """Why what is recorded is not there any more; empty: it is."""
        ...


class Workspace(Protocol):
    """One environment's source, made ready for one run of Terraform."""

    @property
    def engine(self) -> Engine:
        """What runs it."""
        ...

    def running(self) -> int | None:
        """The process of a caller that died, if it still goes on."""
        ...

    def init(self, hear: Hear = ...) -> Ran:
        """Fetch providers and reach the state."""
        ...

    def plan(self, *, destroy: bool = False, hear: Hear = ...) -> tuple[Ran, bytes]:
        """Plan; and the plan's JSON, empty when there is none."""
        ...

    def apply(self, hear: Hear = ...) -> Ran:
        """Apply that very plan."""
        ...

    def state(self, *, whatever: bool = False) -> tuple[Ran, bytes]:
        """The state as it is kept; empty when there is none.

        `whatever`: also when everything is to stop, since what was done must be known.
        """
        ...

    def unlock(self, lock: str) -> Ran:
        """Take away a lock whose holder is dead."""
        ...

    def recover(self) -> Literal["nothing", "pushed", "kept"]:
        """Bring back a state that could not be saved, if there is one."""
        ...

    def applied(self) -> Ran:
        """What an apply did, as far as its output tells."""
        ...


class Cloud(Protocol):
    """What the cloud itself says, beside Terraform."""

    def tagged(self, environment: str) -> Sequence[str]:
        """The ARNs of all resources that carry the environment's tags, and ours."""
        ...

    def culprit(self, identity: str, since: datetime | None = None) -> Culprit | None:
        """Who changed a thing last, where the cloud tells; None where it does not."""
        ...


class Discarder(Protocol):
    """Takes single things of the cloud away, beside Terraform. Only of a few kinds."""

    def tags(self, arn: str) -> Mapping[str, str] | None:
        """Those that it has now; None: it is not there."""
        ...

    def used(self, arn: str) -> bool:
        """Whether it holds something, or somebody may be using it."""
        ...

    def remove(self, arn: str) -> None:
        """Delete it; what is gone already is no error."""
        ...


class Signer(Protocol):
    """A private key, as far as anybody may see it."""

    @property
    def public_key(self) -> PublicKey:
        """Whose signatures these are."""
        ...

    def sign(self, message: bytes) -> str:
        """A signature of a commit or a tag, as it stands in one."""
        ...


Verify = Callable[[bytes, str], PublicKey]
"""The key that signed a message; `BadSignature` when none did. Whom to trust, the caller says."""


class Memory(Protocol):
    """One word that this machine remembers, and may forget at any time."""

    def get(self) -> str:
        """The word; empty when there is none."""
        ...

    def put(self, word: str) -> None:
        """From now on it is this one."""
        ...


class RecordStore(Protocol):
    """Git's objects, and the one ref that records hang on. It knows nothing of what they mean."""

    def tip(self, *, fresh: bool = False) -> str:
        """The last commit of the branch, empty when there is none; `fresh`: as others have it."""
        ...

    def read(self, oid: str) -> tuple[str, bytes]:
        """An object's kind and bytes; LookupError when it is not here or not whole."""
        ...

    def write(self, kind: ObjectKind, data: bytes) -> str:
        """Keep an object; its id. It is on the disk when the branch has moved to it."""
        ...

    def drop(self) -> None:
        """Forget what was kept and not reached the disk yet."""
        ...

    def advance(self, old: str, new: str, *, durable: bool) -> bool:
        """Move the branch from `old` to `new`; False when somebody else moved it meanwhile.

        `durable`: only when everything is on the disk. After an error nobody knows whether it
        moved.
        """
        ...

    def seen(self) -> str:
        """The last commit that this machine knows to have been on the branch."""
        ...

    def saw(self, commit: str) -> None:
        """From now on this is the last one."""
        ...

    def elsewhere(self) -> Elsewhere | None:
        """Who is known to have the branch, where it was never here and others are not followed.

        Asked only where it is not here: whoever has it may have to be asked over the network. One
        that cannot be asked is not known to have it.
        """
        ...

    def others(self) -> Mapping[str, str]:
        """The same branch as other repositories had it when we last looked, by their names."""
        ...

    def tags(self, prefix: str) -> Mapping[str, str]:
        """Tags whose names begin so, and their objects."""
        ...

    def tag(self, name: str, data: bytes) -> None:
        """Keep a tag, here and where the records are kept; this very one may be there.

        An error when there is another of that name; it is here afterwards.
        """
        ...


class Leases(Protocol):
    """Leases of environments, as everybody has them."""

    def all(self) -> Mapping[str, Lease]:
        """Every one that is held, or was and nobody gave back, by environment: one listing."""
        ...

    def read(self, environment: str) -> tuple[str, Lease | None]:
        """Where its ref is (empty: nowhere), and what stands there."""
        ...

    def put(self, environment: str, old: str, lease: Lease) -> str:
        """Write it where the ref is still at `old`; where it is now, or empty: somebody moved it.

        After an error nobody knows whether it was written.
        """
        ...

    def remove(self, environment: str, old: str) -> bool:
        """Take the ref away where it is still at `old`; False: somebody moved it."""
        ...

    def stood(self, lease: Lease) -> timedelta:
        """For how long this machine has seen it stand so, by a clock that nobody sets."""
        ...

    def gone(self, lease: Lease) -> bool:
        """Whether its holder was a process of this machine, and is no more."""
        ...

    def uptime(self) -> float:
        """Seconds by a clock that nobody sets."""
        ...


class Speaker(Protocol):
    """A way to tell somebody something: a chat, a webhook, a topic, mail."""

    def tell(self, notice: Notice) -> None:
        """Tell it; a TransientError when it may come through later."""
        ...


class Claims(Protocol):
    """How far news has been told, as everybody has it."""

    def read(self) -> Claim:
        """How far it is."""
        ...

    def move(self, old: Claim, until: str, batch: str) -> bool:
        """Go on from there; False: somebody was faster. After an error nobody knows."""
        ...


class Outbox(Protocol):
    """Letters that are to be sent, on this machine's disk."""

    def alone(self) -> AbstractContextManager[bool]:
        """Whether nobody else on this machine sends meanwhile; it does not wait."""
        ...

    def all(self) -> Sequence[Batch]:
        """Every batch, in the order in which they were written."""
        ...

    def keep(self, batch: Batch) -> None:
        """Write it, instead of what was written of it; without letters it goes."""
        ...


class Telemetry(Protocol):
    """What is counted, timed and traced. It never fails, and never holds anything up."""

    def counted(self, name: str, amount: float = 1, **labels: str) -> None:
        """So many more of it."""
        ...

    def took(self, name: str, seconds: float, **labels: str) -> None:
        """How long one of it took."""
        ...

    def stands(self, name: str, value: float, **labels: str) -> None:
        """How much of it there is now."""
        ...

    def span(self, name: str, change: str, **words: str) -> AbstractContextManager[None]:
        """One step of what becomes of a change (a commit): all its steps are one trace."""
        ...


class Tracing(Protocol):
    """What takes the steps of traces."""

    @property
    def lost(self) -> int:
        """How many steps nobody took."""
        ...

    def span(self, name: str, change: str, **words: str) -> AbstractContextManager[None]:
        """One step of what becomes of a change."""
        ...

    def close(self) -> None:
        """Send what waits, for a moment."""
        ...


class Log(Protocol):
    """Lines about what is done. It never fails."""

    def bound(self, **words: str) -> "Log":
        """The same, which says these words in each line: such as the run."""
        ...

    def said(self, event: str, **words: object) -> None:
        """What happens."""
        ...

    def warned(self, event: str, **words: object) -> None:
        """What somebody should look at."""
        ...

    def failed(self, event: str, **words: object) -> None:
        """What went wrong."""
        ...


class Health(Protocol):
    """Whether an environment does what it is for, as its blueprint says how to tell."""

    def ask(self, environment: str, outputs: Mapping[str, Any]) -> Sequence[Complaint]:
        """What is wrong with it; nothing: it is well. Raises when nobody can tell."""
        ...


class Forge(Protocol):
    """Where merge requests live.

    What it says is a signal: commits are read from git, and who may agree is told by the documents
    of the target branch. Whatever is asked for twice is done once: an adapter that cannot tell
    whether the first time came through looks before it does it again. What does not exist is a
    UsageError, what a token may not do a ReconcilerError, what may go away by itself a
    TransientError or a WaitingError.
    """

    @property
    def name(self) -> str:
        """Which forge it is, for people: `the local forge`, `gitlab.example.com`."""
        ...

    @property
    def writes_size(self) -> int:
        """How many characters a note may have."""
        ...

    @property
    def takes_late(self) -> bool:
        """Whether it takes approvals of what is merged; else people agree to that in notes."""
        ...

    def me(self) -> Person:
        """The account that we use."""
        ...

    def open_ones(self, target: str) -> Iterator[MergeRequest]:
        """Every open one to a branch, by number. It costs the listing and nothing more."""
        ...

    def unreadable(self) -> Iterator[Unreadable]:
        """Those that no listing can tell of, since they cannot be read; a server has none."""
        ...

    def merge_request(self, number: int) -> MergeRequest:
        """One of them, as it is now."""
        ...

    def fetched(self, request: MergeRequest) -> str:
        """Its last commit, which is in the repository now."""
        ...

    def open(self, proposal: Proposal) -> MergeRequest:
        """Open one; where one is open from that source to that target, that one, told anew."""
        ...

    def edit(
        self,
        number: int,
        *,
        title: str | None = None,
        description: str | None = None,
        target: str | None = None,
    ) -> MergeRequest:
        """Say something else in it."""
        ...

    def close(self, number: int) -> MergeRequest:
        """Give it up; also when it is closed already."""
        ...

    def reopen(self, number: int) -> MergeRequest:
        """Take it up again; also when it is open."""
        ...

    def merge(self, number: int, head: str, message: str = "", *, onto: str = "") -> str:
        """Bring it into its target when its last commit is still this one; the commit that did it.

        A conflict is a UsageError that names each file, another head a WaitingError. `onto`: the
        target's commit beside which it was judged; another one is a WaitingError where the forge
        can hold to it.
        """
        ...

    def brought(self, commit: str) -> MergeRequest | None:
        """The merged one that this commit is the merge of, or the last commit of; None: none is.

        Git has to show it: the merge request's last commit is this one, or a parent of it.
        """
        ...

    def consents(self, number: int) -> tuple[Consent, ...]:
        """Who agrees to it now."""
        ...

    def approve(
        self,
        number: int,
        head: str,
        plans: Sequence[tuple[str, str]] = (),
        policies: str = "",
        kept: Mapping[str, bytes] = NO_FILES,
        *,
        late: bool = False,
    ) -> None:
        """Agree, as the account that we use, to this commit and these plans.

        `kept`: those plans that are at hand, by digest, to be kept beside where there is a place.
        `late`: also to what is merged, where the forge takes that; somebody looked whether it may.
        """
        ...

    def unapprove(self, number: int) -> None:
        """Agree no more; also when it did not."""
        ...

    def notes(self, number: int) -> Sequence[Note]:
        """Everything that was said, oldest first; without what the forge itself notes down."""
        ...

    def say(self, number: int, text: str, *, thread: str = "", place: Place | None = None) -> Note:
        """Say something: by itself, in a thread, or about a line.

        Where the forge does not let that line be spoken about, it is said by itself.
        """
        ...

    def rewrite(self, number: int, note: str, text: str) -> bool:
        """Let a note of ours say something else; False: it is not there any more."""
        ...

    def settle(self, number: int, thread: str, *, resolved: bool) -> None:
        """Mark a thread as settled, or not; a thread that is gone needs nothing."""
        ...

    def labelled(self, number: int, add: Collection[str], remove: Collection[str]) -> None:
        """Give and take labels."""
        ...

    def suggest(self, number: int, people: Sequence[Person]) -> None:
        """Ask these to look at it, beside those who are asked already."""
        ...

    def statuses(self, request: MergeRequest) -> Mapping[str, Status]:
        """What the gates said last about its newest pipeline, or its last commit."""
        ...

    def show_status(self, request: MergeRequest, status: Status) -> None:
        """Show it; a state that is shown already is no failure."""
        ...

    def deployed(self, deployment: Deployment) -> None:
        """Show what became of an apply."""
        ...

    def examine(self, target: str, records: str) -> Iterator[Advice]:
        """Whether the forge is set up so that nobody gets around it, as far as we may look."""
        ...
