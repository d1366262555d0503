"""Rendering a blueprint: limits, odd files, and values that want to become code."""

from __future__ import annotations

import json
import re
from typing import Any

import hcl2
import pytest
import yaml

from reconciler.core.effective import effective
from reconciler.core.load import load_environment, load_shared
from reconciler.core.render import OUTPUT_LIMIT, Renderer
from reconciler.core.tree import find
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered
from reconciler.model.tree import DOCUMENT_LIMIT, STATIC_LIMIT
from tests.core.template.hcl_text import unquote
from tests.core.template.values import HOSTILE
from tests.memory_tree import MemoryTree
from tests.repos import shipped

FOLDER = "templates/box/1.0.0"
MAIN = f"{FOLDER}/terraform/main.tf.j2"
ENVIRONMENT = "environments/shop.yaml"


def as_yaml(value: Any) -> str:
    """JSON, with escapes of YAML for what JSON writes in halves."""

    def whole(match: re.Match[str]) -> str:
        char: str = json.loads(f'"{match[0]}"')
        return f"\\U{ord(char):08x}"

    return re.sub(r"\\ud[89ab]..\\ud[c-f]..", whole, json.dumps(value))


def document(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> str:
    head = {"apiVersion": "reconciler/v1", "kind": kind}
    return as_yaml({**head, "metadata": {"name": name, **metadata}, "spec": spec})


def repository(
    templates: dict[str, str | bytes],
    parameters: dict[str, Any] | None = None,
    contact: str = "here",
    description: str = "a shop",
) -> dict[str, str | bytes]:
    text = {"type": "string", "default": "", "description": "a text"}
    schema = {
        "text": text,
        "list": {**text, "type": "list", "default": []},
        "map": {**text, "type": "map", "default": {}},
    }
    return {
        "profiles/teams/red.yaml": document(
            "Team",
            "red",
            {
                "members": [{"name": "Ada", "email": "ada@example.com"}],
                "contact": contact,
                "costCentre": "cc-1",
            },
        ),
        "profiles/tracks/lab.yaml": document(
            "Profile",
            "lab",
            {
                "allowed": {"regions": ["eu-west-1"], "blueprints": ["box"], "stages": ["dev"]},
                "drift": {"mode": "advisory", "interval": "1h"},
                "rollout": {"strategy": "rolling"},
                "isolation": "shared",
                "agents": {"highestRisk": "L0", "changesPerDay": 0},
            },
            owner="red",
        ),
        f"{FOLDER}/blueprint.yaml": document(
            "Blueprint",
            "box",
            {
                "version": "1.0.0",
                "engine": {"terraform": ">= 1.9"},
                "rollouts": ["rolling"],
                "parameters": schema,
            },
            owner="red",
        ),
        ENVIRONMENT: document(
            "Environment",
            "shop",
            {
                "track": "lab",
                "stage": "dev",
                "region": "eu-west-1",
                "account": "111122223333",
                "blueprint": {"name": "box", "version": "1.0.0"},
                "parameters": parameters or {},
            },
            owner="red",
            description=description,
        ),
        **templates,
    }


def render(files: dict[str, str | bytes]) -> Rendered | tuple[Problem, ...]:
    tree = MemoryTree(files)
    shared = load_shared(tree, [])
    entry = find(tree, ENVIRONMENT)
    assert entry is not None
    found: list[Any] = []
    loaded = load_environment(tree, entry, found)
    assert loaded is not None, found
    filled, faults = effective(loaded, shared)
    assert filled is not None, faults
    return Renderer(tree, shared).render(filled)


def files_of(files: dict[str, str | bytes]) -> dict[str, str]:
    result = render(files)
    assert isinstance(result, Rendered), result
    return {file.path: file.content.decode() for file in result.files}


def problem(templates: dict[str, str | bytes]) -> Problem:
    result = render(repository(templates))
    assert isinstance(result, tuple)
    return result[0]


def test_templates_are_printed_and_other_files_are_carried_along() -> None:
    result = files_of(
        repository(
            {
                MAIN: "a = {{ environment.name }}\n",
                f"{FOLDER}/terraform/fixed.tf": "b = 1\n",
                f"{FOLDER}/partials/c.tf.j2": "c = 1\n",
                f"{FOLDER}/README.md": "words\n",
            }
        )
    )
    assert result == {"terraform/main.tf": 'a = "shop"\n', "terraform/fixed.tf": "b = 1\n"}


TOO_MUCH = "{% for i in range(4000) %}\n# " + "x" * 400 + "\n{% endfor %}\n"
WRONG: dict[str, tuple[dict[str, str | bytes], str, int, str]] = {
    "output": ({MAIN: TOO_MUCH}, MAIN, 0, str(OUTPUT_LIMIT)),
    "fault": ({MAIN: "a = 1\nb = {{ nothing }}\n"}, MAIN, 2, "shop"),
    "static file": (
        {f"{FOLDER}/terraform/a.tf": b"#" * (STATIC_LIMIT + 1)},
        f"{FOLDER}/terraform/a.tf",
        0,
        "large",
    ),
    "template": ({MAIN: b"#" * (DOCUMENT_LIMIT + 1)}, MAIN, 0, "large"),
    "not UTF-8": ({MAIN: b"a = \xff\n"}, MAIN, 0, "UTF-8"),
    "twice": (
        {MAIN: "a = 1\n", f"{FOLDER}/terraform/main.tf": "a = 1\n"},
        f"{FOLDER}/terraform/main.tf",
        0,
        "main.tf.j2",
    ),
    "missing include": (
        {MAIN: '# a\n{% include "_shared/b.tf.j2" %}\n'},
        MAIN,
        2,
        "_shared/b.tf.j2",
    ),
    "include of another language": (
        {MAIN: '{% include "_shared/b.yml.j2" %}\n', "templates/_shared/b.yml.j2": "b: 1\n"},
        MAIN,
        1,
        "language",
    ),
    "include of itself": (
        {MAIN: '{% include "box/1.0.0/terraform/main.tf.j2" %}\n'},
        MAIN,
        1,
        "includes this file again",
    ),
    "include of another version": (
        {
            MAIN: '{% include "box/2.0.0/terraform/main.tf.j2" %}\n',
            "templates/box/2.0.0/terraform/main.tf.j2": "a = 1\n",
        },
        MAIN,
        1,
        "no template",
    ),
    "unknown kind": (
        {f"{FOLDER}/terraform/x.sh.j2": "echo\n"},
        f"{FOLDER}/terraform/x.sh.j2",
        0,
        "encoded",
    ),
    "value in a string": ({MAIN: 'a = 1\nb = "{{ team.name }}"\n'}, MAIN, 2, "quoted string"),
    "in an include that nobody uses": (
        {MAIN: "a = 1\n", "templates/_shared/b.tf.j2": 'b = "{{ team.name }}"\n'},
        "templates/_shared/b.tf.j2",
        1,
        "quoted string",
    ),
    "too deep": ({MAIN: "{% if true %}\n" * 2000 + "{% endif %}\n" * 2000}, MAIN, 1, "deep"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_rendered_is_a_problem_with_its_place(name: str) -> None:
    templates, path, line, words = WRONG[name]
    found = problem(templates)
    assert (found.path, found.line) == (path, line)
    assert words in f"{found.message} {found.expected}"


def test_a_fault_in_a_shared_template_names_it_and_the_environment() -> None:
    found = problem(
        {MAIN: '{% include "_shared/b.tf.j2" %}\n', "templates/_shared/b.tf.j2": "\nb = {{ no }}\n"}
    )
    assert (found.path, found.line) == ("templates/_shared/b.tf.j2", 2)
    assert "shop cannot be rendered" in found.message


EVERYWHERE: dict[str, str | bytes] = {
    MAIN: (
        "# {{ environment.description }} {{ team.contact }}\n"
        "locals {\n  a = {{ environment.description }}\n  b = [{{ parameters.text }}, 1]\n"
        "  c = {{ parameters.map }}\n  d = {{ parameters.list }}\n"
        "  e = { k = {{ team.contact }}, {{ parameters.text }} = 1 }\n"
        '  f = "x${upper({{ parameters.text }})}y"\n  g = {{ parameters.map | multiline(2) }}\n'
        "  h = {{ parameters.text }} == {{ team.contact ~ parameters.text }}\n}\n"
    ),
    f"{FOLDER}/terraform/values.yaml.j2": (
        "# {{ environment.description }}\na: {{ parameters.text }}\nb: [{{ team.contact }}, x]\n"
        "c: {{ parameters.map }}\nd:\n  - {{ parameters.list }}\n  - e: {{ parameters.text }}\n"
    ),
}


def neutral(parsed: Any, value: str) -> Any:
    """The structure, with every text that holds the value replaced by one word."""
    if isinstance(parsed, dict):
        return [
            (neutral(key, value), neutral(item, value))
            for key, item in parsed.items()
            if key != "__comments__"
        ]
    if isinstance(parsed, list):
        return [neutral(item, value) for item in parsed]
    if parsed == value:
        return "TEXT"
    if isinstance(parsed, str):
        try:
            plain = unquote(parsed) if parsed.startswith('"') else parsed
        except (ValueError, KeyError, IndexError):
            plain = parsed
        return "TEXT" if plain == value else plain
    return parsed


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_changes_nothing_but_itself(value: str) -> None:
    # python-hcl2 wants an end for every escaped beginning.
    value = value[:400] + "}" * (value.count("${") + value.count("%{")) or "-"

    def structure(text: str) -> tuple[Any, Any, list[str]]:
        parameters = {"text": text, "list": [text, "x"], "map": {text: text}}
        files = files_of(repository(EVERYWHERE, parameters, contact=text, description=text))
        main = files["terraform/main.tf"].split("\n")
        without = [line for line in main if " f = " not in line and " h = " not in line]
        return (
            neutral(hcl2.loads("\n".join(without)), text),
            neutral(yaml.safe_load(files["terraform/values.yaml"]), text),
            [line.partition("=")[0] for line in main],
        )

    hostile, harmless = structure(value), structure("harmless-text")
    assert hostile[:2] == harmless[:2]
    assert len(hostile[2]) == len(harmless[2])


SHIPPED_PLACES = (
    ("environments/demo/pitch-acme.yaml", "team-sales"),
    ("environments/customer/acme-portal.yaml", "team-web"),
    ("environments/platform/identity.yaml", "team-platform"),
)


@pytest.mark.parametrize("path, owner", SHIPPED_PLACES)
def test_a_hostile_value_changes_no_structure_of_a_shipped_blueprint(path: str, owner: str) -> None:
    files = shipped()

    def lines(description: str, variables: dict[str, str]) -> tuple[list[str], dict[str, Any]]:
        raw = yaml.safe_load(files[path])
        raw["metadata"]["description"] = description
        raw["spec"]["parameters"]["environment_variables"] = variables
        team = yaml.safe_load(files[f"profiles/teams/{owner}.yaml"])
        team["spec"]["contact"] = description
        tree = MemoryTree(
            {**files, path: as_yaml(raw), f"profiles/teams/{owner}.yaml": as_yaml(team)}
        )
        shared, entry = load_shared(tree, []), find(tree, path)
        assert entry is not None
        found: list[Any] = []
        loaded = load_environment(tree, entry, found)
        assert loaded is not None, found
        filled, faults = effective(loaded, shared)
        assert filled is not None, faults
        result = Renderer(tree, shared).render(filled)
        assert isinstance(result, Rendered), result
        texts = {file.path: file.content.decode() for file in result.files}
        pipeline = yaml.safe_load(texts.pop("pipeline/.gitlab-ci.yml"))
        return "\n".join(texts.values()).split("\n"), pipeline

    plain, pipeline = lines("harmless", {"A": "harmless", "B": "x"})
    for value in HOSTILE:
        now, now_pipeline = lines(value[:400] or "-", {value: value, "zz": "x"})
        assert now_pipeline == pipeline
        assert len(now) == len(plain)
        differing = [line for line, before in zip(now, plain, strict=True) if line != before]
        assert len(differing) <= 8


def test_a_blueprint_has_so_much_template_text_and_no_more() -> None:
    found = problem(
        {f"templates/box/1.0.0/terraform/big{n}.tf.j2": "# x\n" * 50_000 for n in range(3)}
    )
    assert found.code == "too-large"
    assert found.message == "all templates of the blueprint together are too large"


TOPIC = 'resource "aws_sns_topic" "alarms" {\n  count = 2\n}\n'


def taking(*entries: tuple[str, str], **more: str) -> dict[str, str | bytes]:
    """An environment that takes something over."""
    files = repository({MAIN: TOPIC, **more})
    found = json.loads(str(files[ENVIRONMENT]))
    found["spec"]["imports"] = [{"to": to, "id": identity} for to, identity in entries]
    return {**files, ENVIRONMENT: json.dumps(found)}


def test_what_is_taken_over_stands_beside_the_files_of_the_blueprint() -> None:
    files = files_of(taking(("aws_sns_topic.alarms[1]", "arn:aws:sns:eu-west-1:1:a")))
    assert files == {
        "terraform/main.tf": TOPIC,
        "terraform/imports.tf": (
            'import {\n  to = aws_sns_topic.alarms[1]\n  id = "arn:aws:sns:eu-west-1:1:a"\n}\n'
        ),
    }


@pytest.mark.parametrize(
    "files, words",
    [
        (taking(("aws_sns_topic.alarm", "a")), "did you mean `aws_sns_topic.alarms`"),
        (taking(("aws_iam_role.root", "a")), "is no resource of the blueprint"),
        (
            taking(
                ("aws_sns_topic.inner", "a"),
                **{f"{FOLDER}/terraform/m/main.tf": 'resource "aws_sns_topic" "inner" {}\n'},
            ),
            "is no resource of the blueprint",
        ),
        (
            taking(("aws_sns_topic.alarms", "a"), **{f"{FOLDER}/terraform/imports.tf": "# mine\n"}),
            "of its own",
        ),
        (taking(("aws_sns_topic.alarms", "a"), **{f"{FOLDER}/terraform/b.tf": "{"}), "cannot be"),
    ],
)
def test_nothing_becomes_what_the_blueprint_does_not_have(
    files: dict[str, str | bytes], words: str
) -> None:
    (one,) = render(files)  # type: ignore[misc]  # it is no `Rendered`
    assert (one.path, one.code) == (ENVIRONMENT, "imports")
    assert words in f"{one.message} {one.suggestion}"


@pytest.mark.parametrize("to, identity", [("aws_a.b", "x"), ("aws_a.c", "y")])
def test_nothing_is_taken_over_twice(to: str, identity: str) -> None:
    tree = MemoryTree(taking(("aws_a.b", "y"), (to, identity)))
    entry = find(tree, ENVIRONMENT)
    assert entry is not None
    found: list[Any] = []
    assert load_environment(tree, entry, found) is None
    assert "only once" in found[0].expected
