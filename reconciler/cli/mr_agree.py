"""`reconciler mr approve`, `unapprove` and `comment`."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from reconciler.app.late import Voice, refuse_too_late
from reconciler.app.otherwise import remembered
from reconciler.app.policy import load_policies
from reconciler.cli.merge_requests import Desk, desk, number_argument, tell
from reconciler.cli.reviewing import room_of
from reconciler.cli.screen import format_option, out, repo_option
from reconciler.core.approve import People, is_commit, recognised
from reconciler.core.chatops import agreed_late
from reconciler.core.forge.fold import same
from reconciler.core.load import lazy_shared
from reconciler.core.tree import find
from reconciler.errors import TransientError, UsageError, WaitingError
from reconciler.model.approval import Person
from reconciler.model.merge_request import Consent, MergeRequest, Place
from reconciler.model.order import Agrees
from reconciler.model.tree import EntryKind
from reconciler.report import merge_request_text

_SHORTEST: Final = 7
_LARGEST: Final = 64 * 1024 * 1024


@click.command("approve")
@number_argument
@repo_option
@format_option
@click.option(
    "--plan",
    "plans",
    multiple=True,
    metavar="ENV=DIGEST",
    help="The plan of an environment that you looked at, as `reconciler plan` names it;"
    " repeatable.",
)
@click.option(
    "--head",
    metavar="COMMIT",
    help="The commit that you looked at: nothing is agreed to when another one is there.",
)
def approve_command(
    number: int, repo: Path, form: str, plans: tuple[str, ...], head: str | None
) -> None:
    """Agree to its last commit as it is now, to plans, and to the policies that judge it.

    It holds for exactly that, and for nothing that comes later. Whether it counts is told by the
    documents of the target branch: teams, their keys, and what the profile asks for. With
    RECONCILER_SIGNING_KEY it is signed; where a team's document names your key, only that counts.

    What is merged takes an approval only of a plan that an environment waits for: where the plan
    is another one by now than was agreed to, name the new one with `--plan`. GitLab takes none at
    all then: there it is said in a note.

    \b
    Examples:
      reconciler mr approve 7
      reconciler mr approve 7 --head 4f2a91c --plan acme-portal=sha256:5d1f...

    Exit code 0: agreed; 1: another commit is there; 2: it is merged, and nothing waits for that.
    """  # noqa: D301  # \b is click's mark for lines as they are
    wanted = [_plan(one) for one in plans]
    at = desk(repo)
    request = at.forge.merge_request(number)
    if head is not None and not _is(request.head, head):
        raise WaitingError(
            "head-moved",
            f"the last commit of !{number} is {request.head[:12]}, and not {head[:12]}",
            hint=f"look at what is there now: `reconciler mr diff {number}`",
        )
    at.forge.fetched(request)
    before = at.forge.consents(number)
    policies, late = _policies(at, request.target), request.state == "merged"
    if late:
        _refuse_too_late(at, request, wanted, policies)
    if late and not at.forge.takes_late:
        _say_it(at, request, wanted, policies, form)
        return
    looked = {digest: remembered(at.ports.kept.cache, name, digest) for name, digest in wanted}
    kept = {digest: data for digest, data in looked.items() if data is not None}
    at.forge.approve(number, request.head, wanted, policies, kept, late=late)
    if form == "json":
        tell(at, at.forge.merge_request(number), form)
        return
    mine = _mine(at, number, request.head)
    doubt = _doubt(at, request.target, mine)
    merge_request_text.agreed(out(), request, mine, again=mine in before, doubt=doubt)


def _doubt(at: Desk, target: str, mine: Consent) -> str:
    """Why it counts nowhere, whoever is asked: nothing proves who said it, or nobody knows them.

    It stands all the same: the target branch may name them by the time that it is asked for.
    """
    shared = lazy_shared(at.repository.snapshot(at.judging(target)))
    people = People.of(shared, at.ports.clock(simulated=False)())
    who = recognised(mine.by, mine.signed_by, people)
    return who if isinstance(who, str) else ""


def _refuse_too_late(
    at: Desk, request: MergeRequest, plans: Sequence[tuple[str, str]], policies: str
) -> None:
    """What is merged is agreed to only where an environment waits for exactly that."""
    ports, repo = at.ports, at.path
    signer, _ = ports.signing()
    own = signer.public_key.fingerprint if signer is not None else ""
    room = room_of(ports, repo, plan=False, sandbox=False, post=False)
    refuse_too_late(
        room,
        ports.commits(repo),
        ports.records(repo, at.spec, simulated=False),
        ports.makings(repo).brought,
        request,
        plans,
        Voice(at.forge.me(), own, policies, room.now),
    )


def _say_it(
    at: Desk,
    request: MergeRequest,
    plans: Sequence[tuple[str, str]],
    policies: str,
    form: str,
) -> None:
    """Agree in a note, which says by itself what to; what was said already is not said twice."""
    number, me, notes = request.number, at.forge.me(), at.forge.notes(request.number)
    said = {
        (name, *(one.plans or ()), one.policies, one.head)
        for name, _ in plans
        for one in agreed_late(notes, name)
        if _by(one.by, me)
    }
    new = [
        Agrees(name, request.head, digest, policies).words
        for name, digest in plans
        if (name, (name, digest), policies, request.head) not in said
    ]
    for words in new:
        at.forge.say(number, words)
    done = "has your agreement in a note" if new else "had your agreement in a note already"
    tell(at, at.forge.merge_request(number), form, done)


def _mine(at: Desk, number: int, head: str) -> Consent:
    """What the forge says now of the agreement that was just given."""
    me, (signer, _) = at.forge.me(), at.ports.signing()
    own = signer.public_key.fingerprint if signer is not None else ""
    found = [one for one in at.forge.consents(number) if one.head == head and _by(one.by, me)]
    found.sort(key=lambda one: one.signed_by == own)  # others may have said it in our name
    if not found:
        raise TransientError(
            "not-told",
            f"!{number} was approved, and {at.forge.name} does not say so yet",
            hint=f"`reconciler mr show {number}` says whether it does",
        )
    return found[-1]


def _by(one: Person, me: Person) -> bool:
    """Whether that is who acts. A name may be spelled in more than one way."""
    if me.forge_id is not None:
        return one.forge_id == me.forge_id
    return same(one, me)


def _plan(text: str) -> tuple[str, str]:
    name, equals, digest = text.partition("=")
    if not (name and equals and digest):
        raise UsageError(
            "usage",
            f"`--plan {text}` is not ENV=DIGEST",
            hint="`reconciler plan ENV` prints a plan's digest",
        )
    return name, digest


def _is(head: str, said: str) -> bool:
    return len(said) >= _SHORTEST and bool(head) and head.startswith(said.lower())


def _policies(at: Desk, target: str) -> str:
    """The digest of the policies that judge, as decisions name it."""
    tree = at.repository.snapshot(at.judging(target))
    seconds = at.spec.policy.timeout.total_seconds()
    with closing(at.ports.policies("embedded", None, seconds)) as engines:
        return load_policies(tree, engines.reader, at.ports.kept).digest


@click.command("unapprove")
@number_argument
@repo_option
@format_option
def unapprove_command(number: int, repo: Path, form: str) -> None:
    """Agree to it no more: all approvals of yours are taken back.

    \b
    Examples:
      reconciler mr unapprove 7

    Exit code 0: you do not agree to it.
    """  # noqa: D301  # \b is click's mark for lines as they are
    at = desk(repo)
    at.forge.unapprove(number)
    tell(at, at.forge.merge_request(number), form, "is not agreed to by you")


@click.command("comment")
@number_argument
@click.argument("text")
@repo_option
@format_option
@click.option("--thread", default="", metavar="NOTE", help="The note that it answers.")
@click.option(
    "--at", "place", metavar="PATH:LINE", help="The line that it is about, in the last commit."
)
@click.option("--settle", is_flag=True, help="Settle the thread that it answers.")
def comment_command(
    number: int, text: str, repo: Path, form: str, thread: str, place: str | None, settle: bool
) -> None:
    """Say something in it: by itself, as an answer, or about a line.

    \b
    Examples:
      reconciler mr comment 7 "Why so large?"
      reconciler mr comment 7 "Too open." --at environments/demo/fair.yaml:12
      reconciler mr comment 7 "Mended." --thread 3f28bb26 --settle

    Exit code 0: said.
    """  # noqa: D301  # \b is click's mark for lines as they are
    if settle and not thread:
        raise UsageError("usage", "`--settle` settles a thread", hint="name it with `--thread`")
    line = _place(place) if place is not None else None
    at = desk(repo)
    if line is not None:
        _is_there(at, number, line)
    root = _thread(at, number, thread) if thread else ""
    note = at.forge.say(number, text, thread=root, place=line)
    if settle:
        at.forge.settle(number, root, resolved=True)
    tell(at, at.forge.merge_request(number), form, f"has your note {note.id[:8]}")


def _place(text: str) -> Place:
    path, _, line = text.rpartition(":")
    if not path or not (line.isascii() and line.isdigit() and 0 < len(line) < 8 and int(line)):  # noqa: PLR2004
        raise UsageError("usage", f"`--at {text}` is not PATH:LINE", hint="such as `a/b.yaml:12`")
    return Place(path, int(line))


def _is_there(at: Desk, number: int, place: Place) -> None:
    """An error unless the last commit has that line."""
    request = at.forge.merge_request(number)
    head = at.forge.fetched(request)
    tree = at.repository.snapshot(head)
    entry = find(tree, place.path)
    data = tree.read(entry, _LARGEST) if entry and entry.kind is EntryKind.FILE else b""
    lines = len(data.splitlines()) if data is not None else place.line
    if entry is None or entry.kind is not EntryKind.FILE:
        why = f"the last commit of !{number} has no file {place.path}"
    elif lines < place.line:
        has = "1 line" if lines == 1 else f"{lines} lines"
        why = f"{place.path} has {has} in the last commit of !{number}, and no line {place.line}"
    else:
        return
    raise UsageError(
        "no-such-place",
        f"nothing was said: {why} ({head[:12]})",
        hint=f"`reconciler mr diff {number}` shows what is there",
        subject=place.path,
    )


def _thread(at: Desk, number: int, said: str) -> str:
    """The thread of the one note whose id begins so."""
    found = {one.thread for one in at.forge.notes(number) if one.id.startswith(said)}
    if len(found) == 1:
        return found.pop()
    if is_commit(said):
        return said
    raise UsageError(
        "no-such-note",
        f"{'more than one note' if found else 'no note'} of !{number} begins with `{said}`",
        hint=f"`reconciler mr show {number}` shows them with their ids",
    )
