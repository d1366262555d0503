"""`reconciler audit verify`, `replay`, `acknowledge`, `settle`, `anchor` and `signers`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from reconciler.app.audit.log import find
from reconciler.app.audit.reading import every_record, whole
from reconciler.app.record import Recorder
from reconciler.app.records import Kept, Records
from reconciler.app.replay import decision_of, given_of, not_again, replayed
from reconciler.app.verify import verify
from reconciler.cli.auditing import Audit, audit, past, records_option
from reconciler.cli.building import settings_of
from reconciler.cli.checking import Asked, judged
from reconciler.cli.recording import can_sign
from reconciler.cli.screen import err, format_option, out, progress, repo_option, stop_with
from reconciler.core.load import lazy_shared
from reconciler.core.records.verify import Doer
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.model.author import Author
from reconciler.model.base import parse_start
from reconciler.model.record import DecisionBody
from reconciler.model.verified import Anchor, Replayed, Verified
from reconciler.ports import RepoTree
from reconciler.report import plan_text, text, verify_json, verify_text
from reconciler.wiring import Ports

_because_option = click.option(
    "--because", required=True, metavar="WORDS", help="Why; it is recorded, with your name."
)


@dataclass(frozen=True, slots=True)
class _Writing:
    """The records of a repository, and who writes to them."""

    ports: Ports
    target: RepoTree
    records: Records
    recorder: Recorder
    anchor: str | None
    """A second remote, which gets anchors."""


def _writing(repo: Path, *, sandbox: bool) -> _Writing:
    found = audit(repo, sandbox=sandbox)
    target = _judges(found)
    spec = settings_of(target)
    records = found.ports.records(repo, spec, simulated=sandbox)
    agents = [one.document for one in lazy_shared(target).agents.values()]
    recorder = found.ports.recorder(repo, records, agents, simulated=sandbox)
    second = None if sandbox else spec.records.anchor
    return _Writing(found.ports, target, records, recorder, second)


def _judges(found: Audit) -> RepoTree:
    if found.target is None:
        raise UsageError(
            "no-target",
            "the target branch is not here, and its documents judge the records",
            hint="fetch it: `git fetch origin`",
        )
    return found.target


def verified(found: Audit, *, sandbox: bool) -> Verified:
    """What verifying the whole branch comes to; the target branch has to be here."""
    target = _judges(found)
    with progress("verifying records") as step:
        bench = found.ports.bench(found.path, target.revision)
        return verify(
            found.trail.records,
            bench,
            found.trail.branch,
            step,
            simulated=sandbox,
            workers=found.ports.workers,
        )


@click.command("verify")
@repo_option
@records_option
@format_option
@click.option("--strict", is_flag=True, help="Also fail on breaks that somebody answered for.")
def verify_command(repo: Path, sandbox: bool, form: str, strict: bool) -> None:
    """Verify every record: that nothing is missing, forged, reordered or against the rules.

    Needs a clone with the records and the target branch, and nothing else: no network. Each break
    is named with its commit and the reason.

    \b
    Examples:
      reconciler audit verify
      reconciler audit verify --strict --format json

    Exit code 0: whole; 1: broken, or there is no branch of records here.
    """  # noqa: D301  # \b is click's mark for lines as they are
    read = audit(repo, sandbox=sandbox)
    found = verified(read, sandbox=sandbox)
    if not found.tip and not found.breaks:
        raise _nothing_here(read, sandbox=sandbox)
    if form == "json":
        click.echo(verify_json.verified(found))
    else:
        _simulated(sandbox=sandbox)
        verify_text.verified(out(), found)
    broken = found.breaks if strict else found.open_breaks
    stop_with(Exit.FAILURE if broken else Exit.OK)


def _simulated(*, sandbox: bool) -> None:
    """Nobody is to take the sandbox's history for the real one."""
    if sandbox:
        plan_text.simulated(out())


def _nothing_here(found: Audit, *, sandbox: bool) -> ReconcilerError:
    """A clone of one branch has no records, and nobody may take that for a whole history."""
    branch = found.trail.branch
    if found.beside:
        hint = found.beside
    elif sandbox:
        hint = "records of the sandbox stay where it ran; before the first one there are none"
    else:
        fetch = f"git fetch {found.remote} {branch}:refs/remotes/{found.remote}/{branch}"
        hint = f"fetch it: `{fetch}`; where nothing was ever recorded, there is none"
    return ReconcilerError(
        "no-records",
        f"there is no branch `{branch}` here, so nothing was verified",
        hint=hint,
        subject=branch,
    )


@click.command("replay")
@click.argument("record", required=False)
@click.option("--all", "everything", is_flag=True, help="Every decision, newest first.")
@repo_option
@records_option
@format_option
def replay_command(
    record: str | None, everything: bool, repo: Path, sandbox: bool, form: str
) -> None:
    """Derive a decision again from what its record names, and compare the bytes.

    RECORD is a commit, a number, or the beginning of a digest. Where other programs answer today,
    that is said, and what differs is shown.

    \b
    Examples:
      reconciler audit replay 42
      reconciler audit replay --all

    Exit code 0: every decision is the same; 1: one is not, or the records are broken or gone.
    """  # noqa: D301  # \b is click's mark for lines as they are
    if everything is (record is not None):
        raise UsageError("usage", "name one record, or give `--all`")
    found = past(repo, sandbox=sandbox)
    results: list[Replayed] = []
    if form == "text":
        _simulated(sandbox=sandbox)
    for kept in _decisions(found, record):
        one = _replayed(found, kept)
        results.append(one)
        if form == "text":
            verify_text.replayed(out(), one)
    if form == "json":
        click.echo(verify_json.replayed(results))
    else:
        verify_text.replays(out(), results)
    stop_with(Exit.OK if all(one.agrees for one in results) else Exit.FAILURE)


def _decisions(found: Audit, record: str | None) -> Iterator[Kept]:
    if record is not None:
        kept = find(found.trail, record, found.commit_named)
        decision_of(kept)
        yield kept
        return
    for kept in whole(every_record(found.trail)):
        if isinstance(kept.record.body, DecisionBody):
            yield kept


def _replayed(found: Audit, kept: Kept) -> Replayed:
    try:
        body, name = decision_of(kept), kept.record.environment
        now = parse_start(body.now)
        only = (name,) if name else ()
        standing = body.mode == "standing"
        base = None if standing else body.target
        asked = Asked(found.path, base, body.head, standing, only, now, records="none")
        with judged(found.ports, asked, approvals=given_of(kept)) as done:
            commits = found.repository.git
            return replayed(found.trail.records, commits, kept, done.checked)
    except ReconcilerError as error:
        why = f"{error.message}{': ' + error.hint if error.hint else ''}"
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        why = f"the record has not the form of a decision: {error!r:.200}"
    return not_again(kept, why)


@click.command("acknowledge")
@click.argument("breaks", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every break that there is.")
@_because_option
@repo_option
@records_option
@format_option
def acknowledge_command(
    breaks: tuple[str, ...], everything: bool, because: str, repo: Path, sandbox: bool, form: str
) -> None:
    """Answer for breaks of the history, by their names, so that environments can be applied again.

    Nothing is mended: what is broken stays named for ever, with who answered for it and why.

    \b
    Examples:
      reconciler audit acknowledge hole@5d1b0f4e2c11 --because "restored, see INC-7"

    Exit code 0: answered for; 1: it could not be recorded; 2: no such break, or you are no person
    of a team.
    """  # noqa: D301  # \b is click's mark for lines as they are
    if everything is bool(breaks):
        raise UsageError("usage", "name breaks, or give `--all`")
    writing = _writing(repo, sandbox=sandbox)
    writing.records.tip()  # what is answered for is what an apply would stop at, as of now
    found = verified(audit(repo, sandbox=sandbox), sandbox=sandbox)
    there = {one.name for one in found.open_breaks}
    names = tuple(sorted(there)) if everything else breaks
    unknown = sorted(set(names) - there)
    if unknown or not names:
        raise UsageError(
            "no-such-break",
            f"there is no break `{unknown[0]}`" if unknown else "nothing is broken",
            hint="`reconciler audit verify` names them",
        )
    _only_people(writing, repo)
    _signs(writing, repo)
    made = writing.recorder.acknowledged(writing.target.revision, names, because)
    if form == "json":
        click.echo(verify_json.answered(made, names, because))
        return
    text.said(out(), f"Record {made.sequence} ({made.commit[:12]}): you answer for {len(names)}.")


def _signs(writing: _Writing, repo: Path) -> None:
    """What is written here to answer for breaks makes no new ones."""
    if settings_of(writing.target).records.signed or writing.recorder.records.signs_with:
        can_sign(writing.ports, repo, writing.target, writing.recorder)


def _only_people(writing: _Writing, repo: Path) -> None:
    actor = writing.recorder.actor
    doer = Doer(actor.name, actor.email, actor.forge_id, actor.kind, actor.agent or "")
    revision = writing.target.revision
    if not writing.ports.bench(repo, revision).human(revision, doer):
        raise UsageError(
            "not-yours",
            f"{actor.email} is no person of a team, and only people answer for a history",
            hint="teams are in profiles/teams/; `git config user.email` says who you are",
        )


@click.command("settle")
@click.argument("environment")
@_because_option
@repo_option
@records_option
@format_option
def settle_command(environment: str, because: str, repo: Path, sandbox: bool, form: str) -> None:
    """Say that an apply has ended whose machine is gone, so that the next one can begin.

    What it did nobody knows; the next plan tells. On the machine where it ran this is not needed:
    the next apply there finds out what came of it.

    \b
    Examples:
      reconciler audit settle acme-portal --because "the runner was lost, nothing runs there"

    Exit code 0: it is taken for ended; 1: that could not be recorded; 2: no apply of it is open.
    """  # noqa: D301  # \b is click's mark for lines as they are
    writing = _writing(repo, sandbox=sandbox)
    _signs(writing, repo)
    made = writing.recorder.settle(writing.target.revision, environment, because)
    if made is None:
        raise UsageError("not-open", f"no apply of {environment} is open", subject=environment)
    if form == "json":
        click.echo(verify_json.settled(made, environment, because))
        return
    text.said(out(), f"Record {made.sequence} ({made.commit[:12]}): the apply is taken for ended.")


@click.command("anchor")
@repo_option
@records_option
@format_option
def anchor_command(repo: Path, sandbox: bool, form: str) -> None:
    """Anchor the history: a tag, signed where a key is configured, that says how far it has come.

    Who rewrites the history cannot reach the tag any more, and `verify` says so. Keep tags where
    those who write records cannot delete them: protect `records-anchor/*`, or name a second remote
    in the settings (`records.anchor`), which gets the tag, too. Where that failed, run it again:
    what is missing anywhere is sent.

    \b
    Examples:
      reconciler audit anchor

    Exit code 0: anchored; 1: the second remote did not take it; 2: there is nothing to anchor, or
    it is anchored already and there is no second remote.
    """  # noqa: D301  # \b is click's mark for lines as they are
    writing = _writing(repo, sandbox=sandbox)
    _signs(writing, repo)
    actor = writing.recorder.actor
    seconds = int(writing.recorder.clock().timestamp())
    name, kept, fresh = writing.records.anchor(Author(actor.email, actor.name), seconds)
    if not fresh and (writing.anchor is None or not _good_anchor(repo, name, sandbox=sandbox)):
        raise UsageError("tag-there", f"there is a tag {name} already", subject=name)
    if writing.anchor is not None:
        writing.ports.repository(repo).git.push_tag(writing.anchor, name)
    if form == "json":
        signed_by = writing.records.signs_with
        anchor = Anchor(name, kept.commit, kept.record.chain.sequence, signed_by)
        click.echo(verify_json.anchored(anchor, writing.anchor or ""))
        return
    text.said(out(), f"{name}: record {kept.record.chain.sequence}, {kept.commit[:12]}")


def _good_anchor(repo: Path, name: str, *, sandbox: bool) -> bool:
    """Whether a tag that somebody made is one: no other is sent on."""
    found = verified(audit(repo, sandbox=sandbox), sandbox=sandbox)
    return any(one.name == name for one in found.anchors)


@click.command("signers")
@repo_option
def signers_command(repo: Path) -> None:
    """Print whose keys may sign, as git's `gpg.ssh.allowedSignersFile` has them.

    \b
    Examples:
      reconciler audit signers > signers
      git -c gpg.format=ssh -c gpg.ssh.allowedSignersFile=signers verify-commit records
    """  # noqa: D301  # \b is click's mark for lines as they are
    found = audit(repo, sandbox=False)
    shared = lazy_shared(_judges(found))
    settings = shared.settings
    writers = settings.document.spec.records.writers if settings else ()
    known = {(one.email, " ".join(key.split()[:2])) for one in writers for key in one.keys} | {
        (member.email, " ".join(key.split()[:2]))
        for team in shared.teams.values()
        for member in team.document.spec.members
        for key in member.keys
    }
    if not known:
        text.said(err(), "No document names a key: teams in profiles/teams/, writers in settings.")
    for email, key in sorted(known):
        click.echo(f'{email} namespaces="git" {key}')
