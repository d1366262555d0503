"""What notes order: `/reconciler ...` at the beginning of a line. Pure, and strict.

A line is an order only where every reader sees it as plain text: not in code, in a quote, in HTML
or in a comment. What is not exactly an order is answered and never obeyed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from reconciler.core.approve import Mark, People, Somebody, is_commit, recognised
from reconciler.core.authority import owners_of
from reconciler.core.fingerprint import fingerprint
from reconciler.core.redact import hidden
from reconciler.core.suggest import did_you_mean
from reconciler.model.approval import Person
from reconciler.model.base import NAME_MAX, NAME_PATTERN, parse_duration, parse_end
from reconciler.model.desired import Shared
from reconciler.model.freeze import Scope
from reconciler.model.merge_request import Consent, Note
from reconciler.model.order import POWERS, VERBS, WORD, Agrees, Misread, Order

MOST: Final = 5
"""Orders in one note; nobody needs more, and a flood of them is none."""
OLD: Final = timedelta(days=1)
"""An order that waited longer for us is no longer meant."""
EDITED: Final = timedelta(seconds=2)
"""Where a forge tells only when a note was touched last: what is written at once may take so long.

One that is changed later may have been changed by somebody else than who is named.
"""
_WRITTEN: Final = "<!-- reconciler:"
"""In every note that this program writes, out of sight."""
_LONGEST: Final = 1000
_READ: Final = 100_000

_NAME: Final = re.compile(NAME_PATTERN)
_MARK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,79}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_RULE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{1,79}")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,}|>{3,}\s*$|\${2,})")
_QUOTE: Final = re.compile(r"[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*>")
_HTML: Final = re.compile(r" {0,3}<[A-Za-z/!?]")
_HIDDEN: Final = re.compile(
    r"<!|<\?|</?(pre|code|blockquote|details|script|style|textarea|samp|kbd|template|svg)\b",
    re.IGNORECASE,
)
_SCOPES: Final = ("track", "environment", "agent")
_REASON: Final = {"override": 15, "freeze": 5, "unfreeze": 5}
_LONGEST_REASON: Final = 500


def orders(text: str) -> tuple[Order | Misread, ...]:
    """Every order of a note."""
    found = [_order(line) for line in _plain_lines(text[:_READ]) if _is_ours(line)]
    if len(found) > MOST:
        return (Misread(WORD, f"these are {len(found)} orders, and at most {MOST} are taken"),)
    return tuple(found)


def _is_ours(line: str) -> bool:
    rest = line.removeprefix(WORD)
    return rest != line and (not rest or not (rest[0].isalnum() or rest[0] in "-_/."))


def _plain_lines(text: str) -> Iterator[str]:
    """Lines that are shown as they are, whatever stands around them."""
    fence = ""
    quoted = False
    ticks = 0
    for line in _without_hidden(text).split("\n"):
        line = line.removesuffix("\r")  # noqa: PLW2901  # the same line
        opened = _FENCE.match(line)
        if fence:
            if opened and opened[1].strip().startswith(fence) and not line.strip(" \t" + fence[0]):
                fence = ""
            quoted, ticks = False, 0
            continue
        if opened:
            fence = opened[1].strip()
            continue
        if not line.strip():
            quoted, ticks = False, 0
            continue
        # What follows a quote, HTML or an open code span without an empty line is a part of it.
        quoted = quoted or bool(_QUOTE.match(line) or _HTML.match(line))
        if not quoted and ticks % 2 == 0:
            yield line
        ticks += line.count("`")


def _without_hidden(text: str) -> str:
    """The text up to what a reader does not see, or sees as something else than text.

    Nothing is taken behind it: where it ends, forges and browsers disagree about.
    """
    found = _HIDDEN.search(text)
    return text if found is None else text[: found.start()] + "<!"


def _order(line: str) -> Order | Misread:
    shown = hidden(line[:_LONGEST])
    if shown != line[:_LONGEST]:
        return Misread(shown, "it holds what looks like a secret: if it is one, revoke it")
    if len(line) > _LONGEST or not line.isprintable():
        return Misread(shown, "it is too long, or has characters that nobody sees")
    words = line.removeprefix(WORD).split()
    if not words:
        return Misread(shown, "it says nothing")
    verb = next((one for one in VERBS if one == words[0]), None)
    if verb is None:
        return Misread(
            shown, f"there is no such order; {did_you_mean(words[0], VERBS)}".strip("; ")
        )
    rest = words[1:]
    match verb:
        case "check" | "retry":
            return Misread(shown, f"`{verb}` stands alone") if rest else Order(verb, shown)
        case "explain":
            if len(rest) != 1 or not _MARK.fullmatch(rest[0]):
                return Misread(shown, "it names one rule, or the beginning of a fingerprint")
            return Order(verb, shown, rest[0])
        case "override":
            return _override(shown, rest)
        case "approve":
            return _approve(shown, rest)
        case _:
            return _stop(verb, shown, rest)


def _override(line: str, words: list[str]) -> Order | Misread:
    match words:
        case [rule, "until", day, "because", *reason] if _RULE.fullmatch(rule):
            try:
                until = parse_end(day)
            except ValueError as err:
                return Misread(line, str(err))
            because = " ".join(reason)
            wrong = _reason("override", because)
            return Misread(line, wrong) if wrong else Order(
                "override", line, rule, until=until, because=because
            )  # fmt: skip
        case _:
            return Misread(line, "it names a rule, a day and a reason")


def _approve(line: str, words: list[str]) -> Order | Misread:
    match words:
        case [name, "at", head, "plan", plan, "policies", policies] if _NAME.fullmatch(name):
            if is_commit(head) and _DIGEST.fullmatch(plan) and _DIGEST.fullmatch(policies):
                return Order("approve", line, agrees=Agrees(name, head, plan, policies))
    return Misread(line, "it names an environment, and all of a commit and of two digests")


def _stop(verb: Literal["freeze", "unfreeze"], line: str, words: list[str]) -> Order | Misread:
    scope: Scope | None = None
    lasting: timedelta | None = None
    because = ""
    match words:
        case ["everything", *rest]:
            scope, words = Scope(everything=True), rest
        case [kind, name, *rest] if kind in _SCOPES:
            if not _NAME.fullmatch(name) or len(name) > NAME_MAX:
                return Misread(line, f"what stands behind `{kind}` is no name")
            scope, words = Scope.model_validate({kind: name}), rest
    match words:
        case ["for", text, *rest] if verb == "freeze":
            try:
                lasting = parse_duration(text)
            except ValueError as err:
                return Misread(line, str(err))
            words = rest
    match words:
        case []:
            pass
        case ["because", *rest]:
            because = " ".join(rest)
            # `freeze because ... for 2h`: the end may stand behind the reason, too.
            if lasting is None and verb == "freeze" and len(rest) > 2 and rest[-2] == "for":  # noqa: PLR2004
                try:
                    lasting = parse_duration(rest[-1])
                    because = " ".join(rest[:-2])
                except ValueError:
                    pass
            wrong = _reason(verb, because)
            if wrong:
                return Misread(line, wrong)
        case _:
            return Misread(line, f"`{verb}` has another form")
    return Order(verb, line, scope=scope, lasting=lasting, because=because)


def _reason(verb: str, because: str) -> str:
    shortest = _REASON[verb]
    if len(because) < shortest:
        return f"its reason has less than {shortest} characters"
    if len(because) > _LONGEST_REASON:
        return f"its reason has more than {_LONGEST_REASON} characters"
    return ""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Who it was that may do it, by the documents of the target branch."""

    who: Somebody
    team: str
    """The team in whose name they do it; empty: it takes none."""


def may(order: Order, note: Note, path: str, shared: Shared, now: datetime) -> Allowed | str:
    """Whether who wrote the note may have that done; else why not, and what to do.

    `path`: what it would change; empty: nothing.
    """
    who = recognised(note.by, note.signed_by, People.of(shared, now))
    if isinstance(who, str):
        return who
    if order.verb not in POWERS:
        return Allowed(who, "")
    if is_rewritten(note):
        return "the note was changed, and nobody can tell who did: write a new one"
    if now - note.at > OLD:
        return "it has waited for more than a day, and may not be meant any more: write it again"
    return entitled(who, order.verb, path, shared)


def entitled(who: Somebody, verb: str, path: str, shared: Shared) -> Allowed | str:
    """Whether somebody who is known may change what lies at a path, in a note or by a command."""
    if who.agent:
        return f"an agent does not {verb}: ask a human"
    owners = owners_of(path, shared)
    if not owners:
        return f"no team owns {path}: name it in `owns` of a document in profiles/teams/"
    teams = sorted(who.teams & set(owners))
    if not teams:
        return f"{path} is owned by {', '.join(owners)}: ask somebody of that team"
    return Allowed(who, teams[0])


def is_rewritten(note: Note) -> bool:
    """An order counts as it was first written."""
    return note.edited - note.at > EDITED if note.rewritten is None else note.rewritten


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a note."""

    by: Person
    agent: str = ""
    """The agent's name, when it is one."""


def sender(note: Note, shared: Shared, now: datetime) -> Sender:
    """Who really sent a note, as far as that is proven: nobody answers for what others forged."""
    people, by = People.of(shared, now), note.by
    proven: set[Mark] = {("key", note.signed_by)} if note.signed_by else set()
    if by.forge_id is not None:
        proven.add(("id", str(by.forge_id)))
    who = recognised(by, note.signed_by, people)
    found = {who} if isinstance(who, Somebody) else people.having(proven)
    if len(found) != 1:
        name = by.name or by.email or "somebody"
        return Sender(Person(f"unknown, in the name of {name}", "", by.forge_id))
    (one,) = found
    emails = sorted(value for kind, value in one.marks if kind == "email")
    ids = sorted(int(value) for kind, value in one.marks if kind == "id")
    own = by.email if by.email.strip().lower() in emails else emails[0] if emails else ""
    forge_id = by.forge_id if by.forge_id in ids else None
    return Sender(Person(one.name, own, forge_id), one.name if one.agent else "")


def waits(note: Note, notes: Sequence[Note]) -> bool:
    """Whether it orders something, and nobody has answered it.

    What this program wrote orders nothing. Whoever watches may order like anybody else: on a forge
    that lives in git it is often the same person.
    """
    return _ordering(note) and not any(one.ours and answers(one.text, note.id) for one in notes)


def _ordering(note: Note) -> bool:
    return not (note.ours and _WRITTEN in note.text) and bool(orders(note.text))


def agreed_late(notes: Sequence[Note], environment: str) -> tuple[Consent, ...]:
    """Who agrees in a note to what is merged, where a forge takes no approvals of it any more.

    As first written, and never one whose sender was told that it is none.
    """
    return tuple(
        Consent(
            note.by,
            note.at,
            one.agrees.head,
            ((environment, one.agrees.plan),),
            one.agrees.policies,
            note.id,
            note.signed_by,
        )
        for note in notes
        if _ordering(note)
        and not is_rewritten(note)
        and not any(one.ours and _ends(one.text, mark_of(note.id)) for one in notes)
        for one in orders(note.text)
        if isinstance(one, Order) and one.agrees and one.agrees.environment == environment
    )


def mark_of(note: str, *, taken: bool = False) -> str:
    """What says, out of sight, that a note of ours answers this one.

    `taken`: it agrees to something, and was told that this is heard.
    """
    word = "taken" if taken else "answered"
    return f"<!-- reconciler:{word} {fingerprint(word, note)[:16]} -->"


def answers(text: str, note: str) -> bool:
    """Whether a text of ours is the answer to a note: its last line says so."""
    return _ends(text, mark_of(note)) or _ends(text, mark_of(note, taken=True))


def _ends(text: str, mark: str) -> bool:
    return text.rstrip().endswith(mark)
