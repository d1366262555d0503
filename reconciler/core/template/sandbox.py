"""The sandbox: plain data in, encoded text out, and nothing of Python within reach.

Attributes are look-ups in maps, calls reach nothing but `range`, operators and what is built are
bounded, and nothing is worked out while a template is compiled.
"""

from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any, Final, NoReturn, TypeVar

from jinja2 import StrictUndefined, Template, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import missing

from reconciler.core.suggest import did_you_mean
from reconciler.core.template import literals
from reconciler.core.template.filters import (
    MAX_BUILT,
    MAX_NUMBER,
    MAX_RANGE,
    as_text,
    bounded,
    bounded_range,
    filters_of,
    weight,
)
from reconciler.core.template.lint import CODE_FILTERS
from reconciler.core.template.place import State

T = TypeVar("T")

_LOOP_FIELDS: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length"}
)
_TESTS: Final = (
    *("boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt"),
    *(
        "in",
        "integer",
        "iterable",
        "le",
        "lt",
        "mapping",
        "ne",
        "none",
        "number",
        "odd",
        "sequence",
    ),
    *("string", "true", "undefined", "==", "!=", "<", "<=", ">", ">=", "greaterthan", "lessthan"),
    *("lower", "upper"),
)


class Language:
    """What a rendered file is written in: how values are encoded, and where they may stand."""

    def __init__(
        self,
        name: str,
        encode: literals.Encoder,
        start: State,
        filters: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.name = name
        self.encode = encode
        self.start = start
        self.filters = filters or {}


class _Generator(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802  # jinja2's name
        self.write("environment.concat((")
        for argument in node.nodes:
            self.visit(argument, frame)
            self.write(", ")
        self.write("))")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:  # noqa: N802  # "
        self.write("environment.weighed(")
        super().visit_List(node, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802  # "
        self.write("environment.weighed(")
        super().visit_Dict(node, frame)
        self.write(")")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802  # "
        """Slices too go through the environment."""
        self.write("environment.getitem(")
        self.visit(node.node, frame)
        self.write(", slice(" if isinstance(node.arg, nodes.Slice) else ", ")
        if isinstance(node.arg, nodes.Slice):
            for number, one in enumerate((node.arg.start, node.arg.stop, node.arg.step)):
                self.write(", " if number else "")
                self.write("None") if one is None else self.visit(one, frame)
            self.write(")")
        else:
            self.visit(node.arg, frame)
        self.write(")")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        """Nothing of a template is worked out while it is compiled, where nothing bounds it."""
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


class _Missing(StrictUndefined):
    """A name or field that is not there; says so in a template writer's words."""

    @property
    def _undefined_message(self) -> str:
        name, within = self._undefined_name, self._undefined_obj
        if self._undefined_hint:
            return self._undefined_hint
        if isinstance(within, dict):
            hint = did_you_mean(name, [key for key in within if isinstance(key, str)])
            return f"there is no field `{name}` here" + (f"; {hint}" if hint else "")
        if within is missing:
            return f"`{name}` is not defined"
        return f"a {type(within).__name__} has no `{name}`"


class ValueEnvironment(SandboxedEnvironment):
    """The sandbox: attributes are look-ups in a map, calls reach nothing, operators are bounded."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "*", "**", "%", "//", "/", "-"})
    intercepted_unops = frozenset()

    def __init__(self, language: Language, load: Callable[[str], CodeType]) -> None:
        super().__init__(
            undefined=_Missing,
            finalize=language.encode,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            newline_sequence="\n",
            cache_size=0,
            optimized=False,
        )
        self.language = language
        self.spent = 0
        self._load = load
        self._ready: dict[str, Template] = {}
        self.filters = {**filters_of(self.filters), **language.filters}
        self.tests = {name: self.tests[name] for name in _TESTS if name in self.tests}
        self.globals = {"range": bounded_range}

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: Any = None,  # noqa: A002  # jinja2's name
    ) -> Template:
        """Only what the tree holds for this blueprint, and only of this language."""
        found = self._ready.get(str(name))
        if found is None:
            code = self._load(str(name))
            found = self.template_class.from_code(self, code, self.globals)
            self._ready[str(name)] = found
        return found

    def spend(self, length: int) -> None:
        """Counts what is built while one file is printed; SecurityError when it is too much."""
        self.spent += length
        if self.spent > MAX_BUILT:
            raise SecurityError(f"all values together grow beyond {MAX_BUILT} characters")

    def built(self, text: str) -> str:
        """A text that a template has just built."""
        bounded(len(text))
        self.spend(len(text))
        return text

    def weighed(self, value: T) -> T:
        """A list or map that a template has just built."""
        self.spend(weight(value))
        return value

    def call_filter(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """By name, as `map` does: not those that make code, which a reader has to see."""
        if name in CODE_FILTERS:
            raise SecurityError(f"`{name}` makes code and cannot be used by `map`")
        return super().call_filter(name, *args, **kwargs)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b` looks up "b" in the map a; Python's attributes are out of reach."""
        if obj.__class__ is dict:
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        if isinstance(obj, LoopContext) and attribute in _LOOP_FIELDS:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`a["b"]` or `a[0]`."""
        if isinstance(obj, dict | list | tuple | str):
            try:
                found = obj[argument]
            except (KeyError, IndexError, TypeError):
                return self.undefined(obj=obj, name=argument)
            if argument.__class__ is slice:
                self.spend(len(found))
            return found
        return self.undefined(obj=obj, name=argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """None is."""
        return False

    def call(self, context: Any, obj: Any, /, *args: Any, **_names: Any) -> Any:
        """Only `range` is ever called."""
        if obj is not bounded_range:
            raise SecurityError("a template calls nothing but `range`")
        return bounded_range(*args)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers, `+` on lists and texts; nothing that grows without bound."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            bounded(len(left) + len(right))
            return self.built(str(left) + str(right))
        if operator == "+" and isinstance(left, tuple | list) and isinstance(right, tuple | list):
            if len(left) + len(right) > MAX_RANGE:
                msg = f"a list of more than {MAX_RANGE}"
                raise SecurityError(msg)
            return self.weighed([*left, *right])
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            str(left if isinstance(left, Undefined) else right)
        if operator == "**":
            raise SecurityError("`**` is not allowed")
        if not numbers:
            raise SecurityError(f"`{operator}` needs numbers")
        result = super().call_binop(context, operator, left, right)
        if abs(result) > MAX_NUMBER:
            msg = f"`{operator}` gives a number that is too large"
            raise SecurityError(msg)
        return result

    def concat(self, parts: Sequence[Any]) -> str:  # type: ignore[override]  # jinja2 keeps a function here
        """`a ~ b`."""
        text = "".join([part if part.__class__ is str else as_text(part) for part in parts])
        return self.built(text)

    def handle_exception(self, source: str | None = None) -> NoReturn:
        """Without jinja2's rewriting of tracebacks: we read the line ourselves."""
        raise  # noqa: PLE0704  # called from an except block
