"""Where a value may stand in YAML: as a whole scalar; in a pipeline, never where it would run."""

import re
from dataclasses import dataclass, replace
from typing import Final

from reconciler.core.template.place import ALONE, TOUCHING, Refused, matched

_QUOTED: Final = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')"""
_PROPERTIES = re.compile(r"(?:[&!][^\s\[\]{},\"']*(?: +|$))*")
_HEAD = re.compile(
    r"(?P<indent> *)(?P<dashes>(?:- +)*)"
    r"(?:(?P<key><<|[A-Za-z0-9_.$/][A-Za-z0-9_.$/ @()+=*-]*|\"[^\"\\]*\"|'[^']*'):(?: +|$))?"
)
_WHOLE = re.compile(rf"(?:\x00|{_QUOTED}) *")
_HEADER = re.compile(r"[|>][-+0-9]* *")
_FLOW = re.compile(
    rf"(?P<open>[\[{{])|(?P<close>[\]}}])|(?P<comma>,)|(?P<colon>:(?= |$))|(?P<space> +)"
    rf"|(?P<value>\x00)|(?P<atom>{_QUOTED}|"
    r"[A-Za-z0-9_.$/+~-](?:[^\[\]{},:#\"'\x00]|:(?=[A-Za-z0-9/_.-]))*)"
)
_PLAIN_END = re.compile(r"(?: |^)#|: |:$|\x00")
_SCRIPT_KEYS: Final = frozenset(
    {"script", "before_script", "after_script", "pre_get_sources_script", "if", "command"}
    | {"entrypoint"}
)
"""Fields of a GitLab pipeline whose text is run."""
_SCRIPT_REFERENCE = re.compile(r"!reference +\[[^\[\]{}\"']*, *(\w+)\] *")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of YAML, as far as it is there: `place` = a value may follow."""

    column: int = 0
    opens: bool = False
    place: bool = False
    comment: bool = False
    whole: bool = True
    sealed: bool = False
    key: str = ""
    dashes: bool = False


def _flow(text: str) -> tuple[int, bool, bool, frozenset[str]]:
    """Reads a flow collection; Refused when it is not clear.

    Gives where it ends, whether it is closed there, whether a value may follow, and its words.
    """
    stack, at, before = "", 0, ""
    words = set()
    while at < len(text):
        match = _FLOW.match(text, at)
        kind = match.lastgroup if match else None
        wrong = match is None or (
            kind in ("value", "atom") and before in ("value", "atom", "close")
        )
        if match is None or wrong or (kind == "colon" and (stack[-1] != "{" or before != "atom")):
            raise Refused("a list or map on one line that is not clear", "quotes around its texts")
        at = match.end()
        if kind == "space":
            continue
        if kind == "open":
            stack += match[0]
        elif kind == "close":
            stack = stack[:-1]
        elif kind == "atom":
            words.add(match[0].strip("\"' "))
        before = str(kind)
        if not stack:
            return at, True, False, frozenset(words)
    place = before == "colon" or (stack[-1] == "[" and before in ("open", "comma"))
    return at, False, place and text[-1] in " [", frozenset(words)


def _line(text: str, *, complete: bool) -> _Line:  # noqa: C901, PLR0912  # the forms of a line
    """Reads a line of YAML that is a node of its own; Refused when it is not clear."""
    head = matched(_HEAD, text)
    rest = text[head.end() :]
    dashes, key = len(head["dashes"]), head["key"]
    start = len(head["indent"])
    column = start + dashes if key else start + head["dashes"].rstrip(" ").rfind("-")
    found = _Line(column if key or dashes else 0, key=(key or "").strip("\"'"), dashes=bool(dashes))
    if not rest:
        return replace(found, place=bool(key or dashes) and text[-1] == " ")
    if rest[0] == "#" and (head.end() == 0 or text[head.end() - 1] == " "):
        return replace(found, comment=True)
    if not (key or dashes):
        if text.rstrip(" ") == "---":
            return found
        if start == 0 and complete:
            raise Refused("a line that is neither `key:` nor `- item`", "a map or a list")
    properties = _PROPERTIES.match(rest)
    body = rest[properties.end() :] if properties else rest
    if body == "" or body[0] == "#":
        return replace(found, comment=bool(body))
    opened = replace(found, opens=True)
    words: frozenset[str] = frozenset()
    if body[0] in "[{":
        end, whole, place, words = _flow(body)
        if not whole:
            return replace(opened, place=place and not words & _SCRIPT_KEYS, whole=False)
        opened = replace(opened, sealed=True)
    elif match := _WHOLE.match(body):
        opened, end = replace(opened, sealed=True), match.end()
    elif match := _HEADER.match(body):
        end = match.end()
    elif body[0] in "\"'":
        return replace(opened, whole=False)
    else:
        stop = _PLAIN_END.search(body)
        if stop is None:
            return opened
        if not stop[0].endswith("#"):
            raise Refused("a plain text with `: ` in it is not clear", "quotes around it")
        return replace(opened, comment=True)
    left = body[end:]
    spaced = (" " + left if body[end - 1] == " " else left).lstrip(" ")
    if spaced == "":
        return opened
    if spaced[0] == "#" and (left[0] == " " or body[end - 1] == " "):
        return replace(opened, comment=True)
    raise Refused(f"`{left.strip()[:10]}` follows what is whole already", ALONE)


@dataclass(frozen=True, slots=True)
class YamlState:
    """The line so far, with values as NUL.

    A line that is indented more than `below` belongs to the text that is open; None: none is.
    `sealed` = what stands there is whole, and no such line may follow.
    `script` is the same for the field whose text is run; a list may stand at its own column.
    """

    line: str = ""
    below: int | None = 0
    sealed: bool = True
    script: int | None = None
    pipeline: bool = False

    def value(self, *, raw: bool) -> "YamlState":
        if self._inside():
            raise Refused(
                "a value is printed inside a text of several lines",
                "pass it through `variables:` and write $NAME in scripts",
            )
        found = _line(self.line, complete=False)
        if found.comment:
            if raw:
                raise Refused("raw text is printed inside a comment", "a plain value")
            return self
        if self.line.endswith("\0"):
            raise Refused(*TOUCHING)
        if not found.place:
            raise Refused(
                "a value is printed where it is only a part of a text",
                "a whole value after `key: ` or `- `; pass it through `variables:` to scripts",
            )
        if self._script_after(found) is not None:
            raise Refused(
                "a value is printed into a script",
                "pass it through `variables:` and write $NAME in scripts",
            )
        return replace(self, line=self.line + "\0")

    def text(self, data: str) -> "YamlState":
        first, *others = data.split("\n")
        state = replace(self, line=self.line + first)
        for number, part in enumerate(others):
            try:
                state = replace(state.after(), line=part)
            except Refused as err:
                err.line = number
                raise
        return state

    def _inside(self) -> bool:
        indent = len(self.line) - len(self.line.lstrip(" "))
        return self.below is not None and indent > self.below

    def _script_after(self, found: _Line) -> int | None:
        """The script that a line stands in or begins."""
        if self.pipeline and found.key in _SCRIPT_KEYS:
            return found.column
        if self.script is None:
            return None
        indent = len(self.line) - len(self.line.lstrip(" "))
        inside = indent > self.script or (indent == self.script and found.dashes)
        return self.script if inside else None

    def after(self) -> "YamlState":
        """When the line is whole."""
        stripped = self.line.strip(" ")
        if not stripped:
            return self
        if self._inside():
            if self.sealed and stripped[0] != "#":
                raise Refused("an indented line that goes on with nothing", "a line of a text")
            return self
        if "\t" in self.line.partition("#")[0]:
            raise Refused("a tab", "spaces")
        found = _line(self.line, complete=True)
        if not found.whole:
            raise Refused("a text, list or map that goes over the end of the line", "one line")
        if stripped[0] == "#":
            return self
        script = self._script_after(found)
        if script is not None:
            self._check_alias(found)
        below = found.column if found.opens else None
        return replace(self, below=below, sealed=found.sealed, script=script)

    def _check_alias(self, found: _Line) -> None:
        """What a script takes from elsewhere must be a script there."""
        rest = self.line[matched(_HEAD, self.line).end() :]
        reference = _SCRIPT_REFERENCE.match(rest)
        foreign = rest.startswith("!reference") and (
            reference is None or reference[1] not in _SCRIPT_KEYS
        )
        if rest.startswith("*") or foreign:
            raise Refused(
                "a script is taken from what is not a script", "!reference [.job, script]"
            )

    def branch(self) -> "YamlState":
        if self.line:
            raise Refused("a branch or loop begins or ends within a line", "lines of their own")
        return self

    def include(self) -> "YamlState":
        if self.line:
            raise Refused("an include stands within a line", "a line of its own")
        return replace(self, below=0, sealed=True, script=0 if self.pipeline else None)

    def end(self) -> None:
        if self.line:
            raise Refused("the template ends in the middle of a line", "a line break at the end")
