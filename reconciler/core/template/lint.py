"""Where a template may print a value: only where a whole literal of the language can stand.

A value is printed as a literal. That is safe between tokens; inside quotes, a heredoc, a comment or
a shell line the same characters would mean something else. This reads a template's static text as
far as needed to tell, over all branches and loops, and refuses every other place. It refuses too
much rather than too little.
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
_NOT_IN_COMMENTS: Final = {"verbatim", "multiline"}


@dataclass(frozen=True, slots=True, order=True)
class Misplaced:
    """A line of a template that prints a value, or uses a statement, where it must not."""

    line: int
    message: str
    expected: str = ""


class State(Protocol):
    """Where in the language's text one is."""

    def text(self, data: str) -> "State":
        """After static text; raises ValueError when the text touches a value before it."""
        ...

    def value(self, *, raw: bool) -> "State":
        """After a printed value; raises ValueError where none may stand."""
        ...

    @property
    def closed(self) -> bool:
        """Whether nothing is open: no string, comment or heredoc."""
        ...


_HCL_BEFORE: Final = frozenset(" \t\r\n([{,=:?!<>+-*/%&|")
_HCL_AFTER: Final = frozenset(" \t\r\n)]},=:?!<>+-*/%&|")
_HEREDOC = re.compile(r"<<-?([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\r?\n")


@dataclass(frozen=True, slots=True)
class HclState:
    """`inside` is the stack of what is open: `"` a string, `{` code in a string, or a heredoc's end."""

    inside: tuple[str, ...] = ()
    last: str = "\n"
    after_value: bool = False

    @property
    def closed(self) -> bool:
        return not [one for one in self.inside if one != "#"]

    def value(self, *, raw: bool) -> "HclState":
        top = self.inside[-1] if self.inside else ""
        if top == '"':
            raise ValueError(
                "a value is printed inside a quoted string",
                "join it in the expression: {{ a ~ b }}",
            )
        if top == "/*":
            raise ValueError("a value is printed inside a block comment", "a line comment")
        if top == "#":
            if raw:
                raise ValueError(
                    "raw or multi-line text is printed inside a comment", "a plain value"
                )
            return self
        if top not in ("", "{"):
            raise ValueError(
                "a value is printed inside a heredoc", "a local value that the heredoc refers to"
            )
        if self.after_value:
            raise ValueError("two values are printed without anything between them", "{{ a ~ b }}")
        if self.last not in _HCL_BEFORE:
            raise ValueError(
                f"a value is printed right after `{self.last}`", "a value that stands alone"
            )
        return replace(self, after_value=True, last="x")

    def text(self, data: str) -> "HclState":  # noqa: C901, PLR0912  # one small lexer
        if not data:
            return self
        stack = list(self.inside)
        if self.after_value and (not stack or stack[-1] == "{") and data[0] not in _HCL_AFTER:
            raise ValueError(f"a value is followed by `{data[0]}`", "a value that stands alone")
        at, end = 0, len(data)
        while at < end:
            top = stack[-1] if stack else ""
            char = data[at]
            if top == '"':
                if char == "\\":
                    at += 2
                    continue
                if data.startswith(("$${", "%%{"), at):
                    at += 3
                    continue
                if data.startswith(("${", "%{"), at):
                    stack.append("{")
                    at += 2
                    continue
                if char in '"\n':
                    stack.pop()
            elif top == "#":
                if char == "\n":
                    stack.pop()
            elif top == "/*":
                if data.startswith("*/", at):
                    stack.pop()
                    at += 2
                    continue
            elif top in ("", "{"):
                heredoc = _HEREDOC.match(data, at)
                if heredoc:
                    stack.append("<<" + heredoc[1])
                    at = heredoc.end()
                    continue
                if char == '"':
                    stack.append('"')
                elif char == "#" or data.startswith("//", at):
                    stack.append("#")
                elif data.startswith("/*", at):
                    stack.append("/*")
                    at += 2
                    continue
                elif char == "{" and top:
                    stack.append("{")
                elif char == "}" and top:
                    stack.pop()
            else:
                line_end = data.find("\n", at)
                line_end = end if line_end < 0 else line_end
                if data[at:line_end].strip() == top[2:]:
                    stack.pop()
                at = line_end + 1
                continue
            at += 1
        return HclState(tuple(stack), data[-1], after_value=False)


_KEY = r"""(?:[A-Za-z0-9_.$/-]+|"[^"\\]*"|'[^']*'|\x00)"""
_BLOCK_PLACE = re.compile(rf"[ ]*(?:- +)*(?:{_KEY}: +)?")
_FLOW_PLACE = re.compile(
    rf"[ ]*(?:- +)*(?:{_KEY}: +)?[\[{{](?:\x00|[\[\]{{}},: ]|\"[^\"\\]*\"|'[^']*'|[A-Za-z0-9_./-]+)*"
)
_NODE = re.compile(
    rf"(?P<indent>[ ]*)(?P<dashes>(?:- +)*)(?P<key>{_KEY}:(?: +|$))?(?P<rest>.*)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class YamlState:
    """The line so far (values as NUL), and the column below which a scalar that is open ends."""

    line: str = ""
    open_above: int | None = None
    after_value: bool = False

    @property
    def closed(self) -> bool:
        return True

    def value(self, *, raw: bool) -> "YamlState":
        stripped = self.line.lstrip(" ")
        if stripped.startswith("#") or " #" in self.line:
            if raw:
                raise ValueError("raw text is printed inside a comment", "a plain value")
            return replace(self, line=self.line + "\0")
        if self.after_value:
            raise ValueError("two values are printed without anything between them", "{{ a ~ b }}")
        if self.open_above is not None and len(self.line) - len(stripped) > self.open_above:
            raise ValueError(
                "a value is printed inside a text of several lines",
                "pass it through `variables:` and write $NAME in scripts",
            )
        ends = self.line[-1:]
        if self.line == "" or (stripped and _BLOCK_PLACE.fullmatch(self.line) and ends == " "):
            pass
        elif not (
            _FLOW_PLACE.fullmatch(self.line)
            and self.line.rstrip(" ")[-1:] in "[{,:"
            and (ends in "[{ ")
        ):
            raise ValueError(
                "a value is printed where it is only a part of a text",
                "a whole value after `key: ` or `- `; pass it through `variables:` to scripts",
            )
        return replace(self, line=self.line + "\0", after_value=True)

    def text(self, data: str) -> "YamlState":
        state = self
        for number, part in enumerate(data.split("\n")):
            if number:
                state = YamlState("", state._open_after())
            if part:
                if state.after_value:
                    rest = part.lstrip(" ")
                    alone = rest == "" or rest[0] in ",]}" or (rest[0] == "#" and rest != part)
                    key = state.line == "\0" and part.startswith(":") and part[1:2] in ("", " ")
                    flow_key = "{" in state.line and part.startswith(": ")
                    if not (alone or key or flow_key):
                        raise ValueError(
                            f"a value is followed by `{part[:10]}`", "a value that stands alone"
                        )
                    if not rest:
                        state = replace(state, line=state.line + part)
                        continue
                state = YamlState(state.line + part, state.open_above)
        return state

    def _open_after(self) -> int | None:
        """The column that a following line must not exceed to be a node of its own."""
        stripped = self.line.strip(" ")
        if not stripped or stripped.startswith("#"):
            return self.open_above
        indent = len(self.line) - len(self.line.lstrip(" "))
        if self.open_above is not None and indent > self.open_above:
            return self.open_above
        match = _NODE.fullmatch(self.line)
        if match is None or stripped == "---":
            return None
        rest = re.sub(r"(^| )#.*", "", match["rest"]).strip()
        if not rest:
            return None
        column = len(match["indent"]) + len(match["dashes"])
        return column if match["key"] else max(column - 1, 0)


@dataclass(slots=True)
class _Lint:
    found: list[Misplaced] = field(default_factory=list)

    def body(self, body: Iterable[nodes.Node], states: frozenset[State]) -> frozenset[State]:
        for node in body:
            states = self.node(node, states)
        return states

    def node(self, node: nodes.Node, states: frozenset[State]) -> frozenset[State]:
        for kind, word in _FORBIDDEN.items():
            if isinstance(node, kind):
                self.found.append(
                    Misplaced(node.lineno, f"{word} are not allowed", "includes and plain values")
                )
                return states
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                states = self.output(child, states)
        elif isinstance(node, nodes.If):
            branches = [
                self.body(node.body, states),
                *(self.node(one, states) for one in node.elif_),
            ]
            branches.append(
                self.body(node.else_, states) if not node.elif_ or node.else_ else states
            )
            states = frozenset().union(*branches)
        elif isinstance(node, nodes.For):
            once = self.body(node.body, states)
            again = self.body(node.body, once)
            states = (
                states
                | once
                | again
                | (self.body(node.else_, states) if node.else_ else frozenset())
            )
        elif isinstance(node, nodes.With | nodes.Scope):
            states = self.body(node.body, states)
        elif isinstance(node, nodes.Include):
            if not isinstance(node.template, nodes.Const):
                self.found.append(
                    Misplaced(node.lineno, "an include needs a fixed name", "a quoted name")
                )
            if any(not state.closed for state in states):
                self.found.append(
                    Misplaced(
                        node.lineno,
                        "an include stands inside a string or comment",
                        "a line of its own",
                    )
                )
        return states

    def output(self, child: nodes.Node, states: frozenset[State]) -> frozenset[State]:
        after: set[State] = set()
        for state in states:
            try:
                if isinstance(child, nodes.TemplateData):
                    after.add(state.text(child.data))
                else:
                    raw = any(one.name in _NOT_IN_COMMENTS for one in child.find_all(nodes.Filter))
                    raw = raw or (
                        isinstance(child, nodes.Filter) and child.name in _NOT_IN_COMMENTS
                    )
                    after.add(state.value(raw=raw))
            except ValueError as err:
                message, expected = err.args
                self.found.append(Misplaced(child.lineno, message, expected))
                after.add(state)
        return frozenset(after)


def lint(tree: nodes.Template, start: State) -> list[Misplaced]:
    """Everything in a parsed template that stands where it must not; each line once."""
    checker = _Lint()
    end = checker.body(tree.body, frozenset({start}))
    if any(not state.closed for state in end):
        checker.found.append(
            Misplaced(
                1, "the template ends inside a string, comment or heredoc", "text that closes it"
            )
        )
    return sorted(set(checker.found))
