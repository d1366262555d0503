"""Desired, environment -> Rendered: deterministic, bounded, and the same everywhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import dirname
from typing import Any, Final

from reconciler.core.hcl.parse import HclError
from reconciler.core.hcl.source import read_source
from reconciler.core.imports import FILE as IMPORTS
from reconciler.core.imports import imports_file, without_key
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.template.engine import (
    TemplateFault,
    Templates,
    check_template,
    includes_of,
    language_of,
    print_template,
)
from reconciler.model.desired import BlueprintFolder, Effective, Shared
from reconciler.model.environment import Import
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered, RenderedFile
from reconciler.model.tree import DOCUMENT_LIMIT, STATIC_LIMIT, Entry
from reconciler.ports import RepoTree

OUTPUT_LIMIT: Final = 1024 * 1024
"""Characters of one rendered file."""
OUTPUTS: Final = ("terraform/", "pipeline/")
"""The folders of a blueprint that become files of an environment."""
TEMPLATES_LIMIT: Final = 512 * 1024
"""Characters of all templates of a blueprint: compiling them takes time for each."""
ROOT: Final = "templates/"


def context(filled: Effective) -> dict[str, Any]:
    """What a template sees: plain values, documented in docs/documents/blueprint.md."""
    environment = filled.environment.document
    profile, team, blueprint = (
        filled.profile.document,
        filled.team.document,
        filled.blueprint.document,
    )
    return {
        "environment": {
            "name": environment.metadata.name,
            "description": environment.metadata.description,
            "stage": environment.spec.stage,
            "track": environment.spec.track,
            "region": filled.region,
            "account": environment.spec.account,
            "owner": environment.metadata.owner,
            "labels": environment.metadata.labels,
            "ttl_hours": filled.ttl_hours,
        },
        "parameters": filled.parameters,
        "tags": tags(filled),
        "profile": {
            "name": profile.metadata.name,
            "isolation": profile.spec.isolation,
            "rollout": {
                "strategy": filled.rollout.strategy,
                "steps": [
                    {"traffic": step.traffic, "wait_seconds": int(step.wait.total_seconds())}
                    for step in filled.rollout.steps
                ],
            },
        },
        "blueprint": {"name": blueprint.metadata.name, "version": blueprint.spec.version},
        "team": {
            "name": team.metadata.name,
            "contact": team.spec.contact,
            "cost_centre": team.spec.cost_centre,
        },
    }


def tags(filled: Effective) -> dict[str, str]:
    """The tags of every resource: labels first, so that they cannot pretend to be one of ours."""
    environment, blueprint = filled.environment.document, filled.blueprint.document
    ours = {
        "managed-by": "reconciler",
        "environment": environment.metadata.name,
        "track": environment.spec.track,
        "stage": environment.spec.stage,
        "owner": environment.metadata.owner,
        "cost-centre": filled.team.document.spec.cost_centre,
        "blueprint": blueprint.metadata.name,
        "blueprint-version": blueprint.spec.version,
    }
    if filled.ttl_hours is not None:
        ours["expires-after"] = f"{filled.ttl_hours}h"
    labels = {**filled.profile.document.spec.defaults.labels, **environment.metadata.labels}
    return dict(sorted({**labels, **ours}.items()))


class Renderer:
    """Renders the environments of one tree. Keeps compiled templates, and nothing else."""

    def __init__(self, tree: RepoTree, shared: Shared) -> None:
        self._tree = tree
        self.shared = shared
        self._prepared: dict[str, _Prepared | tuple[Problem, ...]] = {}

    def render(self, filled: Effective) -> Rendered | tuple[Problem, ...]:
        """The environment's files, or why there are none."""
        folder = filled.blueprint
        prepared = self._prepared.get(folder.path)
        if prepared is None:
            prepared = self._prepared[folder.path] = _prepare(self._tree, folder, self.shared)
        if isinstance(prepared, tuple):
            return prepared
        return prepared.render(filled)

    def template_problems(self) -> Iterator[Problem]:
        """What is wrong with the templates of all blueprints, rendered or not."""
        for folder in self.shared.blueprints.values():
            prepared = _prepare(self._tree, folder, self.shared)
            if isinstance(prepared, tuple):
                yield from prepared


class _Prepared:
    """A blueprint's templates, compiled, and its static files, read."""

    def __init__(
        self, templates: Templates, outputs: Mapping[str, str], static: tuple[RenderedFile, ...]
    ) -> None:
        self._templates = templates
        self._outputs = outputs
        self._static = static

    def render(self, filled: Effective) -> Rendered | tuple[Problem, ...]:
        values = context(filled)
        files = list(self._static)
        for output, name in self._outputs.items():
            try:
                text = print_template(self._templates, name, values, OUTPUT_LIMIT)
            except TemplateFault as fault:
                return (_render_problem(fault, filled),)
            files.append(RenderedFile(output, text.encode()))
        wanted = filled.environment.document.spec.imports
        if wanted:
            problems = _import_problems(wanted, files, filled)
            if problems:
                return problems
            files.append(RenderedFile(IMPORTS, imports_file(wanted)))
        files.sort(key=lambda file: file.path)
        return Rendered(filled.environment.document.metadata.name, tuple(files))


def _import_problems(
    wanted: Sequence[Import], files: Iterable[RenderedFile], filled: Effective
) -> tuple[Problem, ...]:
    """What is to be taken over becomes a resource that the blueprint has, and nothing else."""
    path, name = filled.environment.path, filled.environment.document.metadata.name
    sources = [(one.path, one.content) for one in files if dirname(one.path) == dirname(IMPORTS)]
    if any(one == IMPORTS for one, _ in sources):
        words = f"the blueprint of {name} has a file {IMPORTS} of its own"
        return (Problem(path, 0, 0, "imports", words, "no `spec.imports`"),)
    try:
        known = {one.address for one in read_source(sources).resources}
    except (HclError, RecursionError):
        words = f"nobody can tell what resources {name} has: its Terraform cannot be read"
        return (Problem(path, 0, 0, "imports", words),)
    return tuple(
        Problem(
            path,
            0,
            0,
            "imports",
            f"`{one.to}` is no resource of the blueprint that {name} has",
            f"one of: {listed(sorted(known), 12)}",
            did_you_mean(without_key(one.to), known),
        )
        for one in wanted
        if without_key(one.to) not in known
    )


def _render_problem(fault: TemplateFault, filled: Effective) -> Problem:
    name = filled.environment.document.metadata.name
    return Problem(
        ROOT + fault.name,
        fault.line,
        1 if fault.line else 0,
        "template",
        f"{name} cannot be rendered: {fault.message}",
        suggestion=f"`reconciler show {name}` shows what templates see",
    )


def _prepare(
    tree: RepoTree, folder: BlueprintFolder, shared: Shared
) -> "_Prepared | tuple[Problem, ...]":
    problems: list[Problem] = []
    sources: dict[str, str] = {}
    outputs: dict[str, str] = {}
    static: list[RenderedFile] = []
    for entry in (*shared.includes, *folder.files):
        name = entry.path.removeprefix(ROOT)
        inner = entry.path.removeprefix(folder.path + "/")
        is_output = entry.path.startswith(folder.path + "/") and inner.startswith(OUTPUTS)
        if name.endswith(".j2"):
            source = _source(tree, entry, problems)
            if source is None:
                continue
            sources[name] = source
            if sum(map(len, sources.values())) > TEMPLATES_LIMIT:
                words = "all templates of the blueprint together are too large"
                limit = f"at most {TEMPLATES_LIMIT // 1024} KiB"
                problems.append(Problem(folder.path, 0, 0, "too-large", words, limit))
                return tuple(sorted(set(problems)))
            if is_output:
                outputs[inner.removesuffix(".j2")] = name
        elif is_output:
            data = tree.read(entry, STATIC_LIMIT)
            if data is None:
                problems.append(_too_large(entry, STATIC_LIMIT))
            else:
                static.append(RenderedFile(inner, data))
    for name, source in sources.items():
        problems += [
            Problem(
                ROOT + name, one.line, 1 if one.line else 0, "template", one.message, one.expected
            )
            for one in check_template(name, source)
        ]
    problems += _include_problems(sources)
    problems += [
        Problem(
            f"{folder.path}/{file.path}",
            0,
            0,
            "template",
            f"there is also `{file.path}.j2`",
            "one of the two",
        )
        for file in static
        if file.path in outputs
    ]
    if problems:
        return tuple(sorted(set(problems)))
    return _Prepared(Templates(sources), outputs, tuple(static))


def _source(tree: RepoTree, entry: Entry, problems: list[Problem]) -> str | None:
    data = tree.read(entry, DOCUMENT_LIMIT)
    if data is None:
        problems.append(_too_large(entry, DOCUMENT_LIMIT))
        return None
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        problems.append(
            Problem(entry.path, 0, 0, "template", "the template is not UTF-8 text", "UTF-8")
        )
        return None


def _too_large(entry: Entry, limit: int) -> Problem:
    return Problem(
        entry.path, 0, 0, "too-large", "the file is too large", f"at most {limit // 1024} KiB"
    )


def _include_problems(sources: Mapping[str, str]) -> Iterator[Problem]:
    """Names that are not there, other languages, and circles."""
    graph = {name: includes_of(name, source) for name, source in sources.items()}
    for name, included in graph.items():
        for line, target in included:
            if target not in sources:
                yield Problem(
                    ROOT + name, line, 1, "template", f"there is no template `{target}` to include",
                    "a file of this version's folder or of `_shared/`, named from `templates/`",
                )  # fmt: skip
            elif language_of(target) is not language_of(name):
                yield Problem(
                    ROOT + name,
                    line,
                    1,
                    "template",
                    f"`{target}` is of another language",
                    "the same language",
                )
            elif _reaches(graph, target, name):
                yield Problem(
                    ROOT + name,
                    line,
                    1,
                    "template",
                    f"`{target}` includes this file again",
                    "no circle",
                )


def _reaches(graph: Mapping[str, tuple[tuple[int, str], ...]], start: str, goal: str) -> bool:
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            todo += [target for _, target in graph.get(name, ())]
    return False
