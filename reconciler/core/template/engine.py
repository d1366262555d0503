"""Jinja2 as a language of values: sandboxed, strict, and encoding everything that it prints.

A template sees plain data and looks things up in it; it calls nothing but the filters listed here.
What it prints is encoded as a literal of the file's language. What it can build is bounded, so that
a template cannot take more memory than a file is worth.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import CodeType
from typing import Any, Final, NoReturn

from jinja2 import Environment, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, TemplateNotFound

from reconciler.core.suggest import did_you_mean
from reconciler.core.template import literals
from reconciler.core.template.lint import Misplaced, everything, lint
from reconciler.core.template.place_hcl import HclState
from reconciler.core.template.place_yaml import YamlState
from reconciler.core.template.sandbox import Language, ValueEnvironment

HCL: Final = Language("HCL", literals.hcl, HclState(), {"multiline": literals.multiline_hcl})
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


def _nothing(name: str) -> NoReturn:
    raise TemplateNotFound(name)


@lru_cache(maxsize=8)
def _bare(language: Language) -> ValueEnvironment:
    return ValueEnvironment(language, _nothing)


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
    every = everything(tree)
    # jinja2 walks all of it three times more, for what it could find here.
    tree.find_all = lambda node_type: (one for one in every if isinstance(one, node_type))  # type: ignore[method-assign]
    includes = tuple(
        (node.lineno, node.template.value)
        for node in every
        if isinstance(node, nodes.Include)
        and isinstance(node.template, nodes.Const)
        and isinstance(node.template.value, str)
    )
    found = {*lint(tree, every, language.start), *_unknown_tests(environment, every)}
    misplaced = tuple(sorted(found))
    return _Compiled(environment.compile(tree, name, name), misplaced, includes)


def _unknown_tests(environment: Environment, every: Iterable[nodes.Node]) -> Iterator[Misplaced]:
    """jinja2 finds an unknown filter when it compiles, an unknown test only when it is reached."""
    for test in every:
        if isinstance(test, nodes.Test) and test.name not in environment.tests:
            known = did_you_mean(test.name, environment.tests)
            yield Misplaced(test.lineno, f"there is no test `is {test.name}`", known)


def check_template(name: str, source: str) -> list[Misplaced]:
    """Whether a template can be used, without rendering it."""
    language = language_of(name)
    if language is None:
        return [
            Misplaced(
                0,
                f"`{name}` is no template that can be filled in: values are encoded as literals of"
                " Terraform or YAML, and for this kind of file that cannot be done",
                "a name that ends with .tf.j2, .yml.j2 or .yaml.j2"
                + ("; write it as plain Terraform" if name.endswith(".tf.json.j2") else ""),
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
        self._sources = sources
        self._environments = {
            language: ValueEnvironment(language, partial(self._load, language))
            for language in (HCL, YAML, PIPELINE)
        }

    def environment(self, language: Language) -> ValueEnvironment:
        """The sandbox of one language."""
        return self._environments[language]

    def _load(self, language: Language, name: str) -> CodeType:
        """Only what the tree holds for this blueprint, and only of one language."""
        if name not in self._sources:
            raise TemplateNotFound(name)
        if language_of(name) is not language:
            raise SecurityError(f"{name} is not {language.name}")
        compiled = _compiled(language, name, self._sources[name])
        if compiled.misplaced:
            first = compiled.misplaced[0]
            raise TemplateSyntaxError(first.message, first.line, name, name)
        return compiled.code

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
