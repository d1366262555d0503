"""Bytes of a `.tf` file -> its syntax tree, or the first place that is not HCL.

Strict where Terraform is strict: a name twice, a brace that is missing, text that is left over are
errors. Depth is bounded, cost is linear in the text.
"""

import math
import re
from typing import Final, NoReturn

from reconciler.core.hcl.syntax import (
    Attribute,
    Binary,
    Block,
    Body,
    Call,
    Conditional,
    Expression,
    ListOf,
    Literal,
    ObjectOf,
    Opaque,
    Reference,
    Template,
    Unary,
)

MAX_DEPTH: Final = 60
_MAX_DIGITS: Final = 300
"""Of a number; Terraform keeps 154, and Python refuses thousands."""

_SPACE = re.compile(r"(?:[ \t]+|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_SPACE_LINES = re.compile(r"(?:[ \t\r\n]+|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NEWLINE = re.compile(r"\r?\n")
_NAME = re.compile(r"[^\W\d][\w-]*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TOKEN = re.compile(r"&&|\|\||==|!=|<=|>=|=>|\.\.\.|[-+*/%<>!?:=.,()\[\]{}]")
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w-]*)[ \t]*\r?\n")
_PLAIN = re.compile(r'[^"\\$%\n]+')
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_BINARY: Final = (
    ("||",),
    ("&&",),
    ("==", "!="),
    ("<", ">", "<=", ">="),
    ("+", "-"),
    ("*", "/", "%"),
)


_LEVELS: Final = {operator: level for level, many in enumerate(_BINARY) for operator in many}
_ALONE: Final = frozenset("()[]{},?")
"""Tokens that no other one begins with."""
_BLANK: Final = frozenset(" \t\r\n#/")
"""What may begin a space or a comment."""


class HclError(Exception):
    """Text that is not HCL; the line counts from 1."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message
        self.path = ""
        """The file, where more than one was read."""


def parse_template(data: bytes) -> Expression:
    """A file that `templatefile` fills in; HclError when it cannot be read."""
    try:
        return _Parser(data.decode("utf-8") + "\0").template()
    except UnicodeDecodeError:
        raise HclError(1, 1, "not UTF-8 text") from None
    except RecursionError:
        raise HclError(1, 1, "nested too deeply") from None


def parse_hcl(data: bytes) -> Body:
    """The file's tree; HclError when it is not HCL."""
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as err:
        raise HclError(data.count(b"\n", 0, err.start) + 1, 1, "not UTF-8 text") from None
    try:
        return _Parser(text).file()
    except RecursionError:
        raise HclError(1, 1, "nested too deeply") from None


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._last_line = (0, 1)

    # --- places and tokens

    def _line(self, at: int) -> int:
        known, line = self._last_line
        line = (
            line + self._text.count("\n", known, at)
            if at >= known
            else self._text.count("\n", 0, at) + 1
        )
        self._last_line = (at, line)
        return line

    def _fail(self, message: str, at: int | None = None) -> NoReturn:
        place = self._at if at is None else at
        column = place - (self._text.rfind("\n", 0, place) + 1) + 1
        raise HclError(self._text.count("\n", 0, place) + 1, column, message)

    def _skip(self, *, lines: bool) -> None:
        if self._text[self._at : self._at + 1] not in _BLANK:
            return
        match = (_SPACE_LINES if lines else _SPACE).match(self._text, self._at)
        if match:
            self._at = match.end()

    def _peek(self) -> str:
        match = _TOKEN.match(self._text, self._at)
        return match[0] if match else ""

    def _take(self, token: str) -> bool:
        if self._text.startswith(token, self._at) and (token in _ALONE or self._peek() == token):
            self._at += len(token)
            return True
        return False

    def _expect(self, token: str, where: str) -> None:
        if not self._take(token):
            found = self._text[self._at : self._at + 12].split("\n")[0] or "the end"
            self._fail(f"expected `{token}` {where}, found `{found}`")

    def _name(self) -> str | None:
        match = _NAME.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[0]

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail("nested too deeply")

    # --- bodies

    def template(self) -> Expression:
        parts, directive = self._heredoc_parts()
        return self._joined(parts, 0, directive=directive)

    def file(self) -> Body:
        body = self._body("")
        if self._at < len(self._text):
            self._fail(f"unexpected `{self._text[self._at]}`")
        return body

    def _body(self, end: str) -> Body:
        self._deeper()
        attributes: dict[str, Attribute] = {}
        blocks: list[Block] = []
        while True:
            self._skip(lines=True)
            if self._at >= len(self._text) or (end and self._peek() == end):
                break
            start = self._at
            name = self._name()
            if name is None:
                if not end:
                    break
                self._fail("expected a name")
            self._skip(lines=False)
            if self._peek() == "=":
                self._at += 1
                if name in attributes:
                    self._fail(f"`{name}` stands twice", start)
                line = self._line(start)
                attributes[name] = Attribute(name, self._expression(lines=False), line)
            else:
                blocks.append(self._block(name, start))
            self._end_of_line(end)
        self._depth -= 1
        return Body(tuple(attributes.values()), tuple(blocks))

    def _end_of_line(self, end: str) -> None:
        self._skip(lines=False)
        if self._at >= len(self._text) or (end and self._peek() == end):
            return
        if not _NEWLINE.match(self._text, self._at):
            self._fail("expected the end of the line")

    def _block(self, name: str, start: int) -> Block:
        labels: list[str] = []
        while True:
            self._skip(lines=False)
            if self._take("{"):
                break
            label = self._name()
            if label is None:
                if not self._text.startswith('"', self._at):
                    self._fail(f"expected `=` or a block after `{name}`")
                quoted = self._string()
                if not isinstance(quoted, Literal) or not isinstance(quoted.value, str):
                    self._fail("a label must be plain text")
                label = quoted.value
            labels.append(label)
        line = self._line(start)
        body = self._body("}")
        self._expect("}", f"at the end of `{name}`")
        return Block(name, tuple(labels), body, line)

    # --- expressions

    def _expression(self, *, lines: bool) -> Expression:
        self._deeper()
        self._skip(lines=lines)
        test = self._binary(0, lines=lines)
        self._skip(lines=lines)
        if self._take("?"):
            then = self._expression(lines=lines)
            self._skip(lines=lines)
            self._expect(":", "in a condition")
            test = Conditional(test, then, self._expression(lines=lines))
        self._depth -= 1
        return test

    def _binary(self, level: int, *, lines: bool) -> Expression:
        """Operators of this level and of those that bind more, from the left."""
        left = self._unary(lines=lines)
        while True:
            self._skip(lines=lines)
            operator = self._peek()
            own = _LEVELS.get(operator, -1)
            if own < level:
                return left
            self._at += len(operator)
            self._skip(lines=lines)
            left = Binary(operator, left, self._binary(own + 1, lines=lines))

    def _unary(self, *, lines: bool) -> Expression:
        self._skip(lines=lines)
        for operator in ("!", "-"):
            if self._take(operator):
                self._deeper()
                operand = self._unary(lines=lines)
                self._depth -= 1
                if (
                    operator == "-"
                    and isinstance(operand, Literal)
                    and isinstance(operand.value, int | float)
                ):
                    return Literal(-operand.value)
                return Unary(operator, operand)
        return self._postfix(self._primary())

    def _postfix(self, value: Expression) -> Expression:  # noqa: PLR0912  # one case for each form
        start = self._at
        steps: list[Expression] = []
        splat = False
        while True:
            if self._text.startswith("...", self._at):
                break
            if self._take("."):
                number = _NUMBER.match(self._text, self._at)
                if self._take("*"):
                    splat = True
                elif (name := self._name()) is not None:
                    steps.append(Literal(name))
                elif number:
                    self._take_number(number)
                    steps += [Literal(int(part)) for part in number[0].split(".") if part.isdigit()]
                else:
                    self._fail("expected a name after `.`")
            elif self._take("["):
                self._skip(lines=True)
                if self._take("*"):
                    splat = True
                else:
                    steps.append(self._expression(lines=True))
                self._skip(lines=True)
                self._expect("]", "after an index")
            else:
                break
        if not steps and not splat:
            return value
        if splat:
            return Opaque(self._text[start : self._at], (value, *steps))
        if isinstance(value, Reference):
            return Reference(value.root, (*value.steps, *steps))
        return Opaque(self._text[start : self._at], (value, *steps))

    def _primary(self) -> Expression:
        char = self._text[self._at : self._at + 1]
        if char == '"':
            return self._string()
        if self._text.startswith("<<", self._at):
            return self._heredoc()
        if char.isdigit():
            match = _NUMBER.match(self._text, self._at)
            assert match is not None  # noqa: S101  # it starts with a digit
            self._take_number(match)
            number = int(match[0]) if match[0].isdigit() else float(match[0])
            if number == math.inf:
                self._fail("a number that is too big", match.start())
            return Literal(number)
        if self._take("("):
            inner = self._expression(lines=True)
            self._skip(lines=True)
            self._expect(")", "after an expression")
            return inner
        if self._take("["):
            return self._list()
        if self._take("{"):
            return self._object()
        start = self._at
        name = self._name()
        if name is None:
            found = self._text[self._at : self._at + 12].split("\n")[0] or "the end"
            self._fail(f"expected a value, found `{found}`")
        if name in ("true", "false", "null"):
            return Literal({"true": True, "false": False, "null": None}[name])
        while self._text.startswith("::", self._at):
            self._at += 2
            more = self._name()
            if more is None:
                self._fail("expected a function's name after `::`")
            name = f"{name}::{more}"
        if self._take("("):
            return self._call(name, start)
        return Reference(name, ())

    def _take_number(self, match: re.Match[str]) -> None:
        if len(match[0]) > _MAX_DIGITS:
            self._fail("a number that is too long")
        self._at = match.end()

    def _call(self, name: str, start: int) -> Call:
        line = self._line(start)
        arguments: list[Expression] = []
        spread = False
        while True:
            self._skip(lines=True)
            if self._take(")"):
                return Call(name, tuple(arguments), spread, line)
            arguments.append(self._expression(lines=True))
            self._skip(lines=True)
            if self._take("..."):
                spread = True
                self._skip(lines=True)
            if self._take(")"):
                return Call(name, tuple(arguments), spread, line)
            self._expect(",", f"in the arguments of {name}")

    def _list(self) -> Expression:
        start = self._at - 1
        self._skip(lines=True)
        if self._is_for():
            return self._for("]", start)
        items: list[Expression] = []
        while True:
            self._skip(lines=True)
            if self._take("]"):
                return ListOf(tuple(items))
            items.append(self._expression(lines=True))
            self._skip(lines=True)
            if not self._take(","):
                self._expect("]", "at the end of a list")
                return ListOf(tuple(items))

    def _object(self) -> Expression:
        start = self._at - 1
        self._skip(lines=True)
        if self._is_for():
            return self._for("}", start)
        items: list[tuple[Expression, Expression]] = []
        while True:
            self._skip(lines=True)
            if self._take("}"):
                return ObjectOf(tuple(items))
            key = self._expression(lines=False)
            if isinstance(key, Reference) and not key.steps:
                key = Literal(key.root)
            self._skip(lines=False)
            if not self._take(":"):
                self._expect("=", "after a key")
            items.append((key, self._expression(lines=False)))
            self._skip(lines=False)
            if self._take(","):
                continue
            if self._peek() != "}" and not _NEWLINE.match(self._text, self._at):
                self._fail("expected `,` or a new line after a value")

    def _is_for(self) -> bool:
        match = _NAME.match(self._text, self._at)
        return match is not None and match[0] == "for"

    def _for(self, end: str, start: int) -> Opaque:
        """`for` expressions are read for what they contain, not worked out."""
        self._name()
        inner: list[Expression] = []
        self._skip(lines=True)
        self._name()
        self._skip(lines=True)
        if self._take(","):
            self._skip(lines=True)
            self._name()
            self._skip(lines=True)
        if self._name() != "in":
            self._fail("expected `in` in a `for` expression")
        inner.append(self._expression(lines=True))
        self._skip(lines=True)
        self._expect(":", "in a `for` expression")
        inner.append(self._expression(lines=True))
        self._skip(lines=True)
        if self._take("=>"):
            inner.append(self._expression(lines=True))
            self._skip(lines=True)
            self._take("...")
            self._skip(lines=True)
        match = _NAME.match(self._text, self._at)
        if match is not None and match[0] == "if":
            self._at = match.end()
            inner.append(self._expression(lines=True))
            self._skip(lines=True)
        self._expect(end, "at the end of a `for` expression")
        return Opaque(self._text[start : self._at], tuple(inner))

    # --- strings

    def _string(self) -> Expression:
        start = self._at
        self._at += 1
        parts, directive = self._template('"')
        self._at += 1
        return self._joined(parts, start, directive=directive)

    def _joined(self, parts: list[Expression], start: int, *, directive: bool) -> Expression:
        if directive:
            return Opaque(self._text[start : self._at], tuple(parts))
        if all(isinstance(part, Literal) for part in parts):
            return Literal("".join(str(part.value) for part in parts if isinstance(part, Literal)))
        return Template(tuple(parts))

    def _template(self, end: str) -> tuple[list[Expression], bool]:
        """Parts until the quote, which is left standing; and whether there are `%{` directives."""
        parts: list[Expression] = []
        buffer: list[str] = []
        directive = False
        text = self._text
        while True:
            match = _PLAIN.match(text, self._at)
            if match:
                buffer.append(match[0])
                self._at = match.end()
            char = text[self._at : self._at + 1]
            if char == end:
                break
            if char in ("", "\n"):
                self._fail("a text is not closed on its line")
            if char == "\\":
                buffer.append(self._escape())
            elif text.startswith(("$${", "%%{"), self._at):
                buffer.append(text[self._at + 1 : self._at + 3])
                self._at += 3
            elif text.startswith(("${", "%{"), self._at):
                if buffer:
                    parts.append(Literal("".join(buffer)))
                    buffer = []
                directive |= char == "%"
                parts.append(self._interpolation(directive=char == "%"))
            else:
                buffer.append(char)
                self._at += 1
        if buffer or not parts:
            parts.append(Literal("".join(buffer)))
        return parts, directive

    def _escape(self) -> str:
        char = self._text[self._at + 1 : self._at + 2]
        if char in _ESCAPES and char:
            self._at += 2
            return _ESCAPES[char]
        width = {"u": 4, "U": 8}.get(char, 0)
        digits = self._text[self._at + 2 : self._at + 2 + width]
        if not width or not re.fullmatch(rf"[0-9A-Fa-f]{{{width}}}", digits):
            self._fail("an escape that is not known")
        self._at += 2 + width
        try:
            return chr(int(digits, 16))
        except ValueError:
            self._fail("an escape of no character")

    def _interpolation(self, *, directive: bool) -> Expression:
        self._at += 2
        if self._text.startswith("~", self._at):
            self._at += 1
        self._skip(lines=True)
        if directive:
            return self._directive()
        inner = self._expression(lines=True)
        self._skip(lines=True)
        if self._text.startswith("~", self._at):
            self._at += 1
        self._expect("}", "at the end of `${`")
        return inner

    def _directive(self) -> Expression:
        """`%{ if x }`: the expression in it, so that nothing hides there."""
        start = self._at
        word = self._name()
        inner: tuple[Expression, ...] = ()
        if word == "if":
            inner = (self._expression(lines=True),)
        elif word == "for":
            self._skip(lines=True)
            while self._name() not in ("in", None):
                self._skip(lines=True)
                self._take(",")
                self._skip(lines=True)
            inner = (self._expression(lines=True),)
        elif word not in ("else", "endif", "endfor"):
            self._fail("a directive that is not known")
        self._skip(lines=True)
        if self._text.startswith("~", self._at):
            self._at += 1
        self._expect("}", "at the end of `%{`")
        return Opaque(self._text[start : self._at - 1].strip(), inner)

    def _heredoc(self) -> Expression:
        match = _HEREDOC.match(self._text, self._at)
        if match is None:
            self._fail("expected a heredoc's word after `<<`")
        start = self._at
        # Terraform also ends it at a line with odd spaces: what follows is code there, text here.
        closing = re.compile(rf"^[^\S\n]*{re.escape(match[2])}[^\S\n]*$", re.MULTILINE)
        end = closing.search(self._text, match.end())
        if end is None:
            self._fail(f"the heredoc `{match[2]}` is not closed")
        if end[0].removesuffix("\r").strip(" \t") != match[2]:
            self._fail(f"odd spaces beside the end of the heredoc `{match[2]}`", end.start())
        content = self._text[match.end() : end.start()]
        if match[1]:
            lines = content.split("\n")
            indents = [len(line) - len(line.lstrip(" \t")) for line in lines if line.strip()]
            cut = min(indents, default=0)
            content = "\n".join(line[cut:] for line in lines)
        inner = _Parser(content + "\0")
        parts, directive = inner._heredoc_parts()
        self._at = end.end()
        return self._joined(parts, start, directive=directive)

    def _heredoc_parts(self) -> tuple[list[Expression], bool]:
        parts: list[Expression] = []
        buffer: list[str] = []
        directive = False
        while self._text[self._at] != "\0" or self._at < len(self._text) - 1:
            if self._text.startswith(("$${", "%%{"), self._at):
                buffer.append(self._text[self._at + 1 : self._at + 3])
                self._at += 3
            elif self._text.startswith(("${", "%{"), self._at):
                parts.append(Literal("".join(buffer)))
                buffer = []
                directive |= self._text[self._at] == "%"
                parts.append(self._interpolation(directive=self._text[self._at] == "%"))
            else:
                buffer.append(self._text[self._at])
                self._at += 1
        parts.append(Literal("".join(buffer)))
        return parts, directive
