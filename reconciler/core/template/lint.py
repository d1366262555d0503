"""Where a template may print a value: only where a whole literal of the language can stand.

A value is printed as a literal. That is safe between tokens; inside quotes, a heredoc, a comment or
a shell line the same characters would mean something else. This reads a template's static text as
far as needed to tell, over all branches and loops, and refuses every other place. It refuses too
much rather than too little: what it does not understand, it does not allow.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from jinja2 import nodes

_FORBIDDEN: Final[dict[type[nodes.Node], str]] = {
    nodes.Macro: "macros",
    nodes.CallBlock: "call blocks",
    nodes.FilterBlock: "filter blocks",
    nodes.AssignBlock: "set blocks",
    nodes.Block: "blocks",
    nodes.Extends: "extends",
    nodes.Import: "imports",
    nodes.FromImport: "imports",
    nodes.ScopedEvalContextModifier: "autoescape",
    nodes.EvalContextModifier: "autoescape",
}
CODE_FILTERS: Final = frozenset({"identifier", "multiline", "verbatim"})
"""Filters whose result is code. They stand last in what is printed: code is in sight."""
_NOT_IN_COMMENTS: Final = frozenset({"multiline", "verbatim"})
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_MAX_WORK: Final = 2_000_000
"""Characters and tags read; a template within the limits that loops wildly would take forever."""

_TAG: Final = 50
_MAX_TURNS: Final = 20
"""Turns of a loop until every further one begins like one before it."""


@dataclass(frozen=True, slots=True, order=True)
class Misplaced:
    """A line of a template that prints a value, or uses a statement, where it must not."""

    line: int
    message: str
    expected: str = ""


class Refused(Exception):  # noqa: N818  # says what it is
    """Text or a value that must not stand where it does; `line` counts within the text, from 0."""

    def __init__(self, message: str, expected: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.line = line


def _match(pattern: re.Pattern[str], text: str, at: int = 0) -> re.Match[str]:
    match = pattern.match(text, at)
    if match is None:
        raise Refused("text that is not clear", "plainer text")
    return match


class State(Protocol):
    """Where in the language's text one is."""

    def text(self, data: str) -> "State":
        """After static text; Refused when the text touches a value before it, or is not clear."""
        ...

    def value(self, *, raw: bool) -> "State":
        """After a printed value; Refused where none may stand."""
        ...

    def branch(self) -> "State":
        """Where a branch or a loop begins or ends; Refused where none may."""
        ...

    def include(self) -> "State":
        """After another template's text; Refused where none may stand."""
        ...

    def end(self) -> None:
        """The end of the template; Refused when something is open."""
        ...


_TOUCHING = ("two values are printed without anything between them", "{{ a ~ b }}")
_ALONE = "a value that stands alone"
_HCL_BEFORE: Final = frozenset(" \t\n([{,=:?!")
_HCL_AFTER: Final = frozenset(" \t\n)]},=:?!")
_HCL_CODE = re.compile(
    r'(?P<heredoc><<-?(?P<marker>[A-Za-z_][A-Za-z0-9_-]*)\n)|(?P<unclear><<)|(?P<string>")'
    r"|(?P<line>\#|//)|(?P<block>/\*)|(?P<open>\{)|(?P<close>\})|(?P<split>[/<]\Z)|[^\"#/<{}]+|."
)
_HCL_TEXT = re.compile(r"(?P<signs>[$%]+\{?)|(?P<quote>\")|(?P<escape>\\.?)|[^$%\"\\\n]+|\n")


@dataclass(frozen=True, slots=True)
class HclState:
    """What is open: `"` a string, `{` code in a string, `#` and `/*` comments, `<<` and its end.

    `split` is set between the characters of what may become one token.
    """

    inside: tuple[str, ...] = ()
    last: str = "\n"
    after_value: bool = False
    split: bool = False

    def value(self, *, raw: bool) -> "HclState":
        top = self.inside[-1] if self.inside else "{"
        if top == "#":
            if raw:
                raise Refused("raw or multi-line text is printed inside a comment", "a plain value")
            return replace(self, last="x")
        if top == '"':
            raise Refused(
                "a value is printed inside a quoted string",
                "join it in the expression: {{ a ~ b }}",
            )
        if top == "/*":
            raise Refused("a value is printed inside a block comment", "a line comment")
        if top != "{":
            raise Refused(
                "a value is printed inside a heredoc", "a local value that the heredoc refers to"
            )
        if self.after_value:
            raise Refused(*_TOUCHING)
        if self.last not in _HCL_BEFORE:
            raise Refused(f"a value is printed right after `{self.last}`", _ALONE)
        return replace(self, after_value=True, last="x")

    def text(self, data: str) -> "HclState":
        if self.split:
            raise Refused("a tag stands in the middle of a token", "the tag before or after it")
        if self.after_value and data[0] not in _HCL_AFTER:
            raise Refused(f"a value is followed by `{data[0]}`", _ALONE)
        stack, at, split = list(self.inside), 0, False
        while at < len(data):
            try:
                at, split = self._token(stack, data, at)
            except Refused as err:
                err.line = data.count("\n", 0, at)
                raise
        return HclState(tuple(stack), data[-1], split=split)

    def _token(self, stack: list[str], data: str, at: int) -> tuple[int, bool]:
        """Reads one token; gives where it ends, and whether it may go on after the data."""
        top = stack[-1] if stack else "{"
        if top == "{":
            return self._code(stack, data, at)
        if top == "#":
            end = data.find("\n", at)
            if end < 0:
                return len(data), False
            stack.pop()
            return end + 1, False
        if top == "/*":
            end = data.find("*/", at)
            if end < 0:
                return len(data), data[-1] == "*"
            stack.pop()
            return end + 2, False
        if top != '"' and (data[at - 1] if at else self.last) == "\n":
            end = data.find("\n", at)
            line = data[at:] if end < 0 else data[at:end]
            if line.strip() == top[2:]:
                stack.pop()
                return (len(data) if end < 0 else end), end < 0
        return self._quoted(stack, data, at)

    def _code(self, stack: list[str], data: str, at: int) -> tuple[int, bool]:
        match = _match(_HCL_CODE, data, at)
        kind = match.lastgroup
        if match["heredoc"]:
            stack.append("<<" + match["marker"])
        elif kind == "unclear":
            raise Refused("a `<<` without a plain word and a line break after it", "<<EOT")
        elif kind == "string":
            stack.append('"')
        elif kind == "line":
            stack.append("#")
        elif kind == "block":
            stack.append("/*")
        elif stack and kind == "open":
            stack.append("{")
        elif stack and kind == "close":
            stack.pop()
        return match.end(), kind == "split"

    def _quoted(self, stack: list[str], data: str, at: int) -> tuple[int, bool]:
        r"""In a string or a heredoc: only `${` and `%{` begin something, and in a string `\`."""
        string = stack[-1] == '"'
        match = _match(_HCL_TEXT, data, at)
        found, end = match[0], match.end()
        if match["signs"]:
            if found in ("${", "%{"):
                stack.append("{")
            elif found[-1] == "{" and found not in ("$${", "%%{"):
                raise Refused(f"`{found}` is not clear", "`${`, or `$${` for the text `${`")
            return end, found[-1] != "{" and end == len(data)
        if string and match["quote"]:
            stack.pop()
        elif string and found == "\n":
            raise Refused("a quoted string goes over the end of the line", "a heredoc, or `\\n`")
        elif string and match["escape"]:
            return end, len(found) == 1
        elif not string and match["escape"]:
            return at + 1, at + 1 == len(data)
        # Within a line of a heredoc nobody knows yet whether it is the last.
        return end, not string and end == len(data) and found[-1] != "\n"

    def branch(self) -> "HclState":
        return self

    def include(self) -> "HclState":
        if self.inside or self.last != "\n":
            raise Refused("an include stands inside something else", "a line of its own")
        return HclState()

    def end(self) -> None:
        if self.inside:
            raise Refused(
                "the template ends inside a string, comment or heredoc", "text that closes it"
            )
        if self.last != "\n":
            raise Refused("the template ends in the middle of a line", "a line break at the end")


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
    head = _match(_HEAD, text)
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
    raise Refused(f"`{left.strip()[:10]}` follows what is whole already", _ALONE)


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
            raise Refused(*_TOUCHING)
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
        rest = self.line[_match(_HEAD, self.line).end() :]
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


class _TooMuch(Exception):  # noqa: N818  # says what it is
    """The template branches and loops too wildly to be read."""


@dataclass(slots=True)
class _Lint:
    found: set[Misplaced] = field(default_factory=set)
    work: int = 0

    def body(self, body: Iterable[nodes.Node], states: frozenset[State]) -> frozenset[State]:
        for node in body:
            states = self.node(node, states)
        return states

    def node(self, node: nodes.Node, states: frozenset[State]) -> frozenset[State]:
        self.spend(len(states) * _TAG)
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                states = self.output(child, states)
        elif isinstance(node, nodes.If):
            start = self.each(node.lineno, states, "branch")
            ends = [self.body(one, start) for one in (node.body, node.else_)]
            ends += [self.node(one, start) for one in node.elif_]
            states = self.each(node.lineno, frozenset().union(*ends), "branch")
        elif isinstance(node, nodes.For):
            states = self.each(node.lineno, states, "branch")
            new = seen = states
            turns = 0
            while new:
                turns += 1
                if turns > _MAX_TURNS:
                    raise _TooMuch
                new = self.each(node.lineno, self.body(node.body, new), "branch") - seen
                seen |= new
            states = seen | self.each(node.lineno, self.body(node.else_, states), "branch")
        elif isinstance(node, nodes.With | nodes.Scope):
            states = self.body(node.body, states)
        elif isinstance(node, nodes.Include):
            if not isinstance(node.template, nodes.Const):
                self.found.add(
                    Misplaced(node.lineno, "an include needs a fixed name", "a quoted name")
                )
            states = self.each(node.lineno, states, "include")
        elif not isinstance(node, nodes.Assign):
            word = _FORBIDDEN.get(type(node), "such statements")
            self.found.add(
                Misplaced(node.lineno, f"{word} are not allowed", "includes and plain values")
            )
        return states

    def spend(self, work: int) -> None:
        self.work += work
        if self.work > _MAX_WORK:
            raise _TooMuch

    def each(self, line: int, states: frozenset[State], what: str) -> frozenset[State]:
        """All states, asked whether they are at a place where a branch or an include may stand."""
        after: set[State] = set()
        for state in states:
            try:
                after.add(state.include() if what == "include" else state.branch())
            except Refused as err:
                self.refuse(line, err)
        return frozenset(after)

    def output(self, child: nodes.Node, states: frozenset[State]) -> frozenset[State]:
        static = child.data if isinstance(child, nodes.TemplateData) else None
        if static is not None and (invisible := _INVISIBLE.search(static)):
            line = child.lineno + static.count("\n", 0, invisible.start())
            sign = f"U+{ord(invisible[0]):04X}"
            self.found.add(Misplaced(line, f"the invisible character {sign}", "text that shows"))
        raw = isinstance(child, nodes.Filter) and child.name in _NOT_IN_COMMENTS
        after: set[State] = set()
        for state in states:
            self.spend(len(static or "") + _TAG)
            try:
                if static is None:
                    after.add(state.value(raw=raw))
                else:
                    after.add(state.text(static) if static else state)
            except Refused as err:
                self.refuse(child.lineno, err)
                # Where one is after unclear text, nobody knows: nothing more is said about it.
                if static is None:
                    after.add(state)
        return frozenset(after)

    def refuse(self, line: int, err: Refused) -> None:
        self.found.add(Misplaced(line + err.line, err.message, err.expected))


def _hidden_code(tree: nodes.Template) -> Iterable[Misplaced]:
    """Filters that make code, anywhere but last in what is printed."""
    last = {
        id(child)
        for output in tree.find_all(nodes.Output)
        for child in output.nodes
        if isinstance(child, nodes.Filter)
    }
    for one in tree.find_all(nodes.Filter):
        if one.name in CODE_FILTERS and id(one) not in last:
            message = f"`{one.name}` makes code, which nothing may work on any more"
            yield Misplaced(one.lineno, message, f"{{{{ value | {one.name} }}}}")


def lint(tree: nodes.Template, start: State) -> list[Misplaced]:
    """Everything in a parsed template that stands where it must not; each line once."""
    checker = _Lint()
    try:
        for state in checker.body(tree.body, frozenset({start})):
            try:
                state.end()
            except Refused as err:
                checker.refuse(_last_line(tree), err)
    except _TooMuch:
        checker.found.add(Misplaced(1, "too many branches and loops", "a simpler template"))
    return sorted({*checker.found, *_hidden_code(tree)})


def _last_line(tree: nodes.Template) -> int:
    """The line on which the last text of a template ends."""
    lines = (one.lineno + one.data.count("\n") for one in tree.find_all(nodes.TemplateData))
    return max(lines, default=1)
