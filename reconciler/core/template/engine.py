"""Jinja2 as a language of values: sandboxed, strict, and encoding everything that it prints.

A template sees plain data and looks things up in it; it calls nothing but the filters listed here.
What it prints is encoded as a literal of the file's language. What it can build is bounded, so that
a template cannot take more memory than a file is worth.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any, Final, NoReturn, TypeVar

from jinja2 import (
    Environment,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    Undefined,
    nodes,
)
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateNotFound
from jinja2.filters import do_round, do_sort
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import missing, pass_environment

from reconciler.core.suggest import did_you_mean
from reconciler.core.template import literals
from reconciler.core.template.lint import (
    CODE_FILTERS,
    HclState,
    Misplaced,
    State,
    YamlState,
    lint,
)

MAX_TEXT: Final = 1024 * 1024
"""Characters that one value may grow to while a template works on it."""
MAX_BUILT: Final = 16 * MAX_TEXT
"""Characters of everything that a template builds while one file is printed."""
MAX_RANGE: Final = 4096
MAX_DIGITS: Final = 30
MAX_NUMBER: Final = 2**63

T = TypeVar("T")

_LOOP_FIELDS: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length"}
)
_FILTERS: Final = (
    *("abs", "count", "default", "d", "dictsort", "first", "float", "int", "items", "last"),
    *("length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "round", "select"),
    *("selectattr", "sort", "sum", "trim", "unique", "upper"),
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

    def __init__(self, name: str, encode: literals.Encoder, start: State) -> None:
        self.name = name
        self.encode = encode
        self.start = start


HCL: Final = Language("HCL", literals.hcl, HclState())
YAML: Final = Language("YAML", literals.yaml, YamlState())
PIPELINE: Final = Language("GitLab CI", literals.pipeline, YamlState(script=0, pipeline=True))


def language_of(path: str) -> Language | None:
    """The language of a template by its name; None when we cannot encode values for it."""
    name = path.removesuffix(".j2")
    if name.endswith((".tf", ".tfvars", ".hcl")):
        return HCL
    if name.endswith((".yml", ".yaml")):
        return PIPELINE if "/pipeline/" in f"/{name}" or name.endswith(".gitlab-ci.yml") else YAML
    return None


def _bounded(length: int) -> None:
    if length > MAX_TEXT:
        msg = f"a value grows beyond {MAX_TEXT} characters"
        raise SecurityError(msg)


def _weight(value: Any) -> int:
    """Characters that a value would take, what it refers to more than once counted each time."""
    total, todo = 0, [value]
    while todo:
        one = todo.pop()
        if isinstance(one, list | tuple | dict):
            todo.extend(one)
            total += len(one)
            if isinstance(one, dict):
                todo.extend(one.values())
        elif isinstance(one, str):
            total += len(one)
        total += 1
        _bounded(total)
    return total


def _range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > MAX_RANGE:
        msg = f"a range of {len(numbers)} numbers; at most {MAX_RANGE}"
        raise SecurityError(msg)
    return numbers


def _join(
    environment: "ValueEnvironment",
    value: Iterable[Any],
    d: str = "",
    attribute: str | None = None,
) -> str:
    between, length = _text(d), 0
    parts: list[str] = []
    for item in value:
        part = _text(item if attribute is None else environment.getitem(item, attribute))
        length += len(part) + len(between)
        _bounded(length)
        parts.append(part)
    return environment.built(between.join(parts))


def _replace(environment: "ValueEnvironment", value: str, old: str, new: str) -> str:
    value, old, new = _text(value), _text(old), _text(new)
    _bounded(len(value) + value.count(old) * (len(new) - len(old)))
    return environment.built(value.replace(old, new))


def _list(environment: "ValueEnvironment", value: Iterable[Any]) -> list[Any]:
    items: list[Any] = []
    total = 0
    for item in value:
        total += _weight(item) + 1
        _bounded(total)
        items.append(item)
    environment.spend(total)
    return items


def _sum(
    environment: "ValueEnvironment",
    value: Iterable[Any],
    attribute: str | None = None,
    start: float = 0,
) -> Any:
    total: Any = start
    for item in value:
        number = item if attribute is None else environment.getitem(item, attribute)
        total = environment.call_binop(None, "+", total, number)
    return total


def _round(value: float, precision: Any = 0, method: str = "common") -> Any:
    if not isinstance(precision, int) or abs(precision) > MAX_DIGITS:
        raise SecurityError(f"rounding to more than {MAX_DIGITS} digits")
    return do_round(value, precision, method)  # type: ignore[arg-type]  # it checks the word


def _on_text(known: Callable[..., str]) -> Callable[..., str]:
    """A filter of jinja2 that makes one text of another, within the bounds."""

    @pass_environment
    def bounded(environment: "ValueEnvironment", value: Any, *more: Any) -> str:
        return environment.built(known(_text(value), *more))

    return bounded


@pass_environment
def _sort(environment: "ValueEnvironment", value: Iterable[Any], *a: Any, **k: Any) -> list[Any]:
    return do_sort(environment, _list(environment, value), *a, **k)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Undefined):
        return str(value)
    msg = f"a {type(value).__name__} cannot become a part of a text"
    raise SecurityError(msg)


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

    def __init__(self, language: Language, sources: Mapping[str, str]) -> None:
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
        self._sources = sources
        self._ready: dict[str, Template] = {}
        known = self.filters
        self.filters = {name: known[name] for name in _FILTERS}
        self.filters.update(
            join=pass_environment(_join),
            list=pass_environment(_list),
            lower=_on_text(known["lower"]),
            replace=pass_environment(_replace),
            round=_round,
            sort=_sort,
            sum=pass_environment(_sum),
            trim=_on_text(known["trim"]),
            upper=_on_text(known["upper"]),
            identifier=literals.identifier,
            verbatim=literals.verbatim,
        )
        if language is HCL:
            self.filters["multiline"] = literals.multiline_hcl
        self.tests = {name: self.tests[name] for name in _TESTS if name in self.tests}
        self.globals = {"range": _range}

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: Any = None,  # noqa: A002  # jinja2's name
    ) -> Template:
        """Only what the tree holds for this blueprint, and only of this language."""
        found = self._ready.get(str(name))
        if found is None:
            found = self._ready[str(name)] = self._prepared(str(name))
        return found

    def _prepared(self, name: str) -> Template:
        if name not in self._sources:
            raise TemplateNotFound(name)
        if language_of(name) is not self.language:
            raise SecurityError(f"{name} is not {self.language.name}")
        compiled = _compiled(self.language, name, self._sources[name])
        if compiled.misplaced:
            first = compiled.misplaced[0]
            raise TemplateSyntaxError(first.message, first.line, name, name)
        return self.template_class.from_code(self, compiled.code, self.globals)

    def spend(self, length: int) -> None:
        """Counts what is built while one file is printed; SecurityError when it is too much."""
        self.spent += length
        if self.spent > MAX_BUILT:
            raise SecurityError(f"all values together grow beyond {MAX_BUILT} characters")

    def built(self, text: str) -> str:
        """A text that a template has just built."""
        _bounded(len(text))
        self.spend(len(text))
        return text

    def weighed(self, value: T) -> T:
        """A list or map that a template has just built."""
        self.spend(_weight(value))
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
        if obj is not _range:
            raise SecurityError("a template calls nothing but `range`")
        return _range(*args)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers, `+` on lists and texts; nothing that grows without bound."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            _bounded(len(left) + len(right))
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
        text = "".join([part if part.__class__ is str else _text(part) for part in parts])
        return self.built(text)

    def handle_exception(self, source: str | None = None) -> NoReturn:
        """Without jinja2's rewriting of tracebacks: we read the line ourselves."""
        raise  # noqa: PLE0704  # called from an except block


@lru_cache(maxsize=8)
def _bare(language: Language) -> ValueEnvironment:
    return ValueEnvironment(language, {})


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One template: its code, what is wrong with it, and what it includes at which line."""

    code: CodeType
    misplaced: tuple[Misplaced, ...]
    includes: tuple[tuple[int, str], ...]


@lru_cache(maxsize=4096)
def _compiled(language: Language, name: str, source: str) -> _Compiled:
    """Kept by the template's text: one text is parsed and compiled once in a process."""
    try:
        return _compile(language, name, source)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as err:
        # Python's own limits: on nesting, on digits.
        message = f"too deep or too large for Python ({err})"
        raise TemplateSyntaxError(message, 1, name, name) from None


def _compile(language: Language, name: str, source: str) -> _Compiled:
    environment = _bare(language)
    tree = environment.parse(source, name, name)
    includes = tuple(
        (node.lineno, node.template.value)
        for node in tree.find_all(nodes.Include)
        if isinstance(node.template, nodes.Const) and isinstance(node.template.value, str)
    )
    misplaced = tuple(sorted({*lint(tree, language.start), *_unknown_tests(environment, tree)}))
    return _Compiled(environment.compile(tree, name, name), misplaced, includes)


def _unknown_tests(environment: Environment, tree: nodes.Template) -> Iterator[Misplaced]:
    """jinja2 finds an unknown filter when it compiles, an unknown test only when it is reached."""
    for test in tree.find_all(nodes.Test):
        if test.name not in environment.tests:
            known = did_you_mean(test.name, environment.tests)
            yield Misplaced(test.lineno, f"there is no test `is {test.name}`", known)


def check_template(name: str, source: str) -> list[Misplaced]:
    """Whether a template can be used, without rendering it."""
    language = language_of(name)
    if language is None:
        return [
            Misplaced(
                0,
                "values cannot be encoded for this kind of file",
                ".tf.j2, .yml.j2 or .yaml.j2",
            )
        ]
    try:
        return list(_compiled(language, name, source).misplaced)
    except TemplateSyntaxError as err:
        return [Misplaced(err.lineno, f"not a valid template: {err.message}")]
    except TemplateError as err:
        return [Misplaced(1, f"not a valid template: {err.message}")]


def includes_of(name: str, source: str) -> tuple[tuple[int, str], ...]:
    """The names that a template includes, with their lines; none when it is not a template."""
    language = language_of(name)
    try:
        return _compiled(language, name, source).includes if language else ()
    except TemplateError:
        return ()


class Templates:
    """The templates that one blueprint may use."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._environments = {
            language: ValueEnvironment(language, sources) for language in (HCL, YAML, PIPELINE)
        }

    def get(self, name: str) -> Template:
        """The template of that name, to print it; jinja2's errors when it cannot be used."""
        language = language_of(name)
        if language is None:
            raise TemplateNotFound(name)
        environment = self._environments[language]
        environment.spent = 0
        return environment.get_template(name)


class TemplateFault(Exception):  # noqa: N818  # says what it is
    """A template could not be printed: which one, at which line, and why."""

    def __init__(self, name: str, line: int, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.line = line
        self.message = message


def print_template(templates: Templates, name: str, context: dict[str, Any], limit: int) -> str:
    """The output of the template of that name; TemplateFault when it cannot be had whole."""
    try:
        template = templates.get(name)
        pieces: list[str] = []
        size = 0
        for piece in template.root_render_func(template.new_context(context)):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                break
        else:
            return "".join(pieces)
    except RecursionError as err:
        raise TemplateFault(*_place(err, name), "the template goes too deep") from None
    except Exception as err:  # noqa: BLE001  # whatever happens in a template is its fault
        raise TemplateFault(*_place(err, name), str(err) or type(err).__name__) from None
    raise TemplateFault(name, 0, f"the output grows beyond {limit} characters")


def _place(error: BaseException, name: str) -> tuple[str, int]:
    """The template and line at which an error happened: the deepest that the traceback knows."""
    if isinstance(error, TemplateSyntaxError):
        return error.name or name, error.lineno
    line = 0
    trace = error.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            name, line = template.name or name, template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return name, line
