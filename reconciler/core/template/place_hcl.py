"""Where a value may stand in HCL: between tokens, never inside a text, heredoc or comment."""

import re
from dataclasses import dataclass, replace
from typing import Final

from reconciler.core.template.place import ALONE, TOUCHING, Refused, matched

_HCL_BEFORE: Final = frozenset(" \t\n([{,=:?!")
_HCL_AFTER: Final = frozenset(" \t\n)]},=:?!")
_HCL_CODE = re.compile(
    r'(?P<heredoc><<-?(?P<marker>[A-Za-z_][A-Za-z0-9_-]*)\n)|(?P<unclear><<)|(?P<string>")'
    r"|(?P<line>\#|//)|(?P<block>/\*)|(?P<open>\{)|(?P<close>\})|(?P<split>[/<]\Z)|[^\"#/<{}]+|."
)
_HCL_PLAIN = re.compile(r'(?:[^"#/<]++|"[^"\\$%\n]*+"|#[^\n]*+\n)*+')
"""Code, texts and comments that are whole: what is outside of all is outside again after it."""
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
            raise Refused(*TOUCHING)
        if self.last not in _HCL_BEFORE:
            raise Refused(f"a value is printed right after `{self.last}`", ALONE)
        return replace(self, after_value=True, last="x")

    def text(self, data: str) -> "HclState":
        if self.split:
            raise Refused("a tag stands in the middle of a token", "the tag before or after it")
        if self.after_value and data[0] not in _HCL_AFTER:
            raise Refused(f"a value is followed by `{data[0]}`", ALONE)
        stack, at, split = list(self.inside), 0, False
        while True:
            if not stack:
                at = matched(_HCL_PLAIN, data, at).end()
            if at == len(data):
                break
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
        match = matched(_HCL_CODE, data, at)
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
        match = matched(_HCL_TEXT, data, at)
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
