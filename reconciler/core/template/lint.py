"""Where a template may print a value: only where a whole literal of the language can stand.

A value is printed as a literal. That is safe between tokens; inside quotes, a heredoc, a comment or
a shell line the same characters would mean something else. This reads a template's static text as
far as needed to tell, over all branches and loops, and refuses every other place. It refuses too
much rather than too little: what it does not understand, it does not allow.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from jinja2 import nodes

from reconciler.core.template.place import Refused, State

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


def everything(tree: nodes.Template) -> tuple[nodes.Node, ...]:
    """All nodes below one, from the top: one walk for whoever looks for something."""
    found: list[nodes.Node] = []
    todo = [*tree.iter_child_nodes()]
    todo.reverse()
    while todo:
        node = todo.pop()
        found.append(node)
        todo += reversed([*node.iter_child_nodes()])
    return tuple(found)


def _hidden_code(every: Iterable[nodes.Node]) -> Iterable[Misplaced]:
    """Filters that make code, anywhere but last in what is printed."""
    last = {
        id(child)
        for output in every
        if isinstance(output, nodes.Output)
        for child in output.nodes
        if isinstance(child, nodes.Filter)
    }
    for one in every:
        if isinstance(one, nodes.Filter) and one.name in CODE_FILTERS and id(one) not in last:
            message = f"`{one.name}` makes code, which nothing may work on any more"
            yield Misplaced(one.lineno, message, f"{{{{ value | {one.name} }}}}")


def lint(tree: nodes.Template, every: Iterable[nodes.Node], start: State) -> list[Misplaced]:
    """Everything in a parsed template that stands where it must not; each line once."""
    checker = _Lint()
    try:
        for state in checker.body(tree.body, frozenset({start})):
            try:
                state.end()
            except Refused as err:
                checker.refuse(_last_line(every), err)
    except _TooMuch:
        checker.found.add(Misplaced(1, "too many branches and loops", "a simpler template"))
    return sorted({*checker.found, *_hidden_code(every)})


def _last_line(every: Iterable[nodes.Node]) -> int:
    """The line on which the last text of a template ends."""
    texts = (one for one in every if isinstance(one, nodes.TemplateData))
    lines = (one.lineno + one.data.count("\n") for one in texts)
    return max(lines, default=1)
