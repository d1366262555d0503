"""The paths of notes and discussions, and the quick actions that a text can hold."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.gitlab import show
from tests.fakes.gitlab.routing import Answer, Call, RefusedError, may_write, page, route
from tests.fakes.gitlab.state import MAINTAINER, REPORTER, Discussion, Merge, Note

_ONE = "/projects/*/merge_requests/*"
_LONGEST = 1_000_000
_QUICK = re.compile(
    r"^/(merge|approve|unapprove|close|reopen|label|assign|title|draft|ready|lock)\b.*\n?",
    re.MULTILINE,
)


def _body(call: Call) -> str:
    """The text that remains when GitLab has obeyed the orders in it."""
    text = call.text("body")
    if len(text) > _LONGEST:
        raise RefusedError(400, {"note": ["is too long (maximum is 1000000 characters)"]})
    return obeyed(call, text)


def obeyed(call: Call, text: str) -> str:
    """A text without the orders in it, which are noted down here as GitLab would follow them."""
    for found in _QUICK.finditer(text):
        call.lab.commands.append((call.user.username, found[0].strip()))
    return _QUICK.sub("", text)


def _new(call: Call, body: str, position: dict[str, Any] | None = None) -> Note:
    now = call.lab.now()
    return Note(call.lab.number(), call.user, body, now, now, position=position)


def _thread(call: Call, found: Merge) -> Discussion:
    for one in found.discussions:
        if one.id == call.words[2]:
            return one
    raise RefusedError(404, "404 Discussion Not Found")


@route("GET", f"{_ONE}/notes")
def notes(call: Call) -> Answer:
    found = call.merge(call.words[1])
    rows = [(note, one) for one in found.discussions for note in one.notes]
    rows.sort(key=lambda row: row[0].id, reverse=call.query.get("sort") != "asc")
    plain = all(row[1].individual for row in rows)
    return page(
        call,
        rows,
        lambda row: show.note(call.lab, row[0], found, row[1]),
        # GitLab's schema knows of no place, and of nobody who resolved.
        "notes" if plain else "",
    )


@route("POST", f"{_ONE}/notes")
def say(call: Call) -> Answer:
    call.needs(REPORTER)
    found = call.merge(call.words[1])
    body = _body(call)
    if not body.strip():
        return Answer(202, {"commands_changes": {}, "summary": ["Done."]})
    made = call.lab.said(found, call.user, body)
    return Answer(201, show.note(call.lab, made.notes[0], found, made))


@route("PUT", f"{_ONE}/notes/*")
def rewrite(call: Call) -> Answer:
    found = call.merge(call.words[1])
    for one in found.discussions:
        for note in one.notes:
            if str(note.id) == call.words[2]:
                if note.author.id != call.user.id and call.user.level < MAINTAINER:
                    raise RefusedError(403, "403 Forbidden")
                note.body, note.updated = _body(call), call.lab.now()
                return Answer(200, show.note(call.lab, note, found, one))
    raise RefusedError(404, "404 Not found")


@route("GET", f"{_ONE}/discussions")
def discussions(call: Call) -> Answer:
    found = call.merge(call.words[1])
    return page(call, found.discussions, lambda one: show.discussion(call.lab, one, found))


@route("POST", f"{_ONE}/discussions")
def begin(call: Call) -> Answer:
    call.needs(REPORTER)
    found, lab = call.merge(call.words[1]), call.lab
    body, position = _body(call), call.body.get("position")
    if position is not None:
        _placed(call, found, position)
    if not body.strip():
        raise RefusedError(400, "400 Bad request - Note can't be blank")
    made = Discussion(f"{lab.number():040x}", [_new(call, body, position)])
    found.discussions.append(made)
    found.updated = lab.now()
    lab.hooks.event(lab, "note", found, "create", note=made.notes[0])
    return Answer(201, show.discussion(lab, made, found))


def _placed(call: Call, found: Merge, position: dict[str, Any]) -> None:
    """Only a line that the diff of a known version shows can be spoken about, on both its sides."""
    wanted = ("base_sha", "start_sha", "head_sha", "position_type", "new_path")
    missing = [name for name in wanted if not position.get(name)]
    if missing:
        raise RefusedError(400, f"position[{missing[0]}] is missing", "error")
    known = [show.refs(one) for one in found.versions]
    same = {name: position[name] for name in ("base_sha", "head_sha", "start_sha")}
    lines = (
        call.lab.git.lines(position["base_sha"], position["head_sha"], position["new_path"])
        if same in known
        else {}
    )
    old = lines.get(int(position.get("new_line") or 0))
    given = position.get("old_line")
    if old is None or (given or -1) != old:
        text = (
            '400 Bad request - Note {:line_code=>["can\'t be blank", "must be a valid line code"]}'
        )
        raise RefusedError(400, text)


@route("POST", f"{_ONE}/discussions/*/notes")
def reply(call: Call) -> Answer:
    call.needs(REPORTER)
    found = call.merge(call.words[1])
    one = _thread(call, found)
    one.individual = False
    one.notes.append(_new(call, _body(call)))
    found.updated = call.lab.now()
    call.lab.hooks.event(call.lab, "note", found, "create", note=one.notes[-1])
    return Answer(201, show.note(call.lab, one.notes[-1], found, one))


@route("PUT", f"{_ONE}/discussions/*")
def settle(call: Call) -> Answer:
    may_write(call)
    found = call.merge(call.words[1])
    one = _thread(call, found)
    if one.individual:
        raise RefusedError(400, "400 Bad request - Discussion cannot be resolved")
    one.resolved = call.body.get("resolved") in (True, "true")
    one.resolved_by = call.user if one.resolved else None
    return Answer(200, show.discussion(call.lab, one, found))


@route("DELETE", f"{_ONE}/notes/*")
def delete(call: Call) -> Answer:
    found = call.merge(call.words[1])
    for one in found.discussions:
        for note in one.notes:
            if str(note.id) == call.words[2]:
                one.notes.remove(note)
                found.discussions = [kept for kept in found.discussions if kept.notes]
                return Answer(204, None)
    raise RefusedError(404, "404 Not found")
