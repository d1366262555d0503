"""What docs/ says is true of the code: tables, examples, outputs, help texts, links.

Renew what is generated with: .venv/bin/python -m tests.docs.field_tables
"""

import ast
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final
from unittest.mock import patch

import click
import jsonschema
import pytest
from pydantic import AliasChoices

from reconciler.adapters.terraform import SUPPORTED as SUPPORTED_ENGINES
from reconciler.adapters.terraform import Limits, Terraform
from reconciler.app.schema import texts_of
from reconciler.cli.lazy import LazyGroup
from reconciler.cli.main import COMMANDS, cli
from reconciler.core.effective import effective
from reconciler.core.load import load
from reconciler.core.policy.builtins import FORBIDDEN, SUPPORTED
from reconciler.core.policy.inputs import FIELDS
from reconciler.core.render import context
from reconciler.core.template.engine import HCL, Templates
from reconciler.core.yaml_reader import read_yaml
from reconciler.errors import Exit
from reconciler.model.documents import KINDS, Kind
from reconciler.model.environment import EnvironmentSpec
from reconciler.model.settings import SettingsSpec
from reconciler.settings import OPTIONS, ProcessSettings
from reconciler.wiring import build
from tests.core.secrets.samples import sample
from tests.docs.audited import audited
from tests.docs.built import built
from tests.docs.field_tables import DOCUMENTS, ROOT, models_in, page_of, with_tables
from tests.docs.record_pages import PAGE, record_page
from tests.docs.rule_pages import RULES, rule_pages
from tests.docs.scenes import Scene, changed, commit_all, pages, parts, run, with_outputs
from tests.policy.small import whole_input

RENEW: Final = "run: .venv/bin/python -m tests.docs.field_tables"
PAGES: Final = [str(path.relative_to(ROOT)) for path in pages()]
OUTLINE: Final = ["Example", "Fields", "How it is judged", "Errors"]

by_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
by_page = pytest.mark.parametrize("page", PAGES)


@cache
def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading of the second level."""
    found = re.search(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
    )
    assert found is not None, heading
    return found[1]


def between(text: str, mark: str) -> str:
    """What stands between `<!-- mark -->` and `<!-- /mark -->`."""
    (found,) = re.findall(rf"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", text, re.DOTALL)
    assert isinstance(found, str)
    return found


def table(text: str) -> list[list[str]]:
    """The cells of the tables' rows, without heads."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    heads = {index - 1 for index, row in enumerate(cells) if set("".join(row)) <= {"-"}}
    return [
        row
        for index, row in enumerate(cells)
        if index not in heads and set("".join(row)) - {"-"} != set()
    ]


# ------------------------------------------------------------------ generated parts and examples


@by_page
def test_generated_parts_are_current(page: str) -> None:
    assert with_outputs(with_tables(ROOT / page, read(page))) == read(page), RENEW


@by_kind
def test_each_kind_has_a_page_in_one_outline(kind: Kind) -> None:
    text = page_of(kind).read_text(encoding="utf-8")
    first, after = text.splitlines()[0], text.splitlines()[2]
    assert first == f"# {kind.name}"
    assert after.endswith(".")
    assert kind.folder in text.split("## ")[0]
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in OUTLINE] == OUTLINE
    assert headings[0] == OUTLINE[0]
    assert headings[-1] == OUTLINE[-1]
    assert text.count("<!-- fields -->") == 1
    errors = [part for part in parts(text) if part.what == "problems"]
    assert len(errors) >= 2


@by_kind
def test_the_example_of_a_kind_is_valid(kind: Kind) -> None:
    files = {
        part.argument: part.body
        for part in parts(page_of(kind).read_text(encoding="utf-8"))
        if part.what == "file" and part.heading == "Example"
    }
    mine = [path for path in files if path.startswith(kind.folder) and path.endswith(".yaml")]
    assert mine
    for path in mine:
        data = read_yaml(files[path].encode())
        kind.model.model_validate(data)
        schema = kind.model.model_json_schema(by_alias=True)
        jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(data)))
    code, out, err = Scene(files).run("validate")
    assert (code, err) == (0, ""), out


@by_page
def test_every_block_of_yaml_is_held_against_the_code(page: str) -> None:
    marked = [part.match.start("open") for part in parts(read(page))]
    for block in re.finditer(r"^```ya?ml$", read(page), re.MULTILINE):
        assert block.start() in marked, read(page)[block.start() :][:80]


def test_a_change_must_fit_exactly_once() -> None:
    assert changed("a\nb\nc\n", " a\n-b\n+B\n") == "a\nB\nc\n"
    with pytest.raises(AssertionError, match="stands 0 times"):
        changed("a\nb\n", "-x\n+y\n")
    with pytest.raises(AssertionError, match="stands 2 times"):
        changed("a\nb\na\n", "-a\n+b\n")


# ---------------------------------------------------------------------------------- field tables


def schema_paths(schema: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Every field of a JSON Schema as a dotted path, and whether it is required."""

    def at(node: dict[str, Any], prefix: str) -> Iterator[tuple[str, bool]]:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            yield from at(choice, prefix)
        if "items" in node:
            yield from at(node["items"], prefix + "[]")
        extra = node.get("additionalProperties")
        for inner in (extra, *node.get("patternProperties", {}).values()):
            if isinstance(inner, dict):
                yield from at(inner, f"{prefix}.<name>")
        for name, inner in node.get("properties", {}).items():
            path = f"{prefix}.{name}" if prefix else name
            yield path, name in node.get("required", ())
            yield from at(inner, path)

    return at(schema, "")


@by_kind
def test_the_table_names_each_field_of_the_schema_once(kind: Kind) -> None:
    rows = table(between(page_of(kind).read_text(encoding="utf-8"), "fields"))
    stated = {row[0].strip("`"): row[2].startswith("required") for row in rows}
    assert len(stated) == len(rows)
    assert stated == dict(schema_paths(kind.model.model_json_schema(by_alias=True)))
    assert all(len(row) == 4 and all(row) for row in rows)


def test_meanings_are_read_from_the_source() -> None:
    schema = json.loads(read("docs/schemas/environment.schema.json"))
    fields = schema["$defs"]["EnvironmentSpec"]["properties"]
    assert texts_of(EnvironmentSpec)["region"] == fields["region"]["description"]


def test_every_word_for_a_type_is_explained() -> None:
    known = {
        row[0]
        for row in table(section(read("docs/documents/README.md"), "The words in the tables"))
    }
    plain = {
        "map",
        "list",
        "number",
        "whole number",
        "true or false",
        "any value",
        "text or number",
    }
    for kind in KINDS:
        for row in table(between(page_of(kind).read_text(encoding="utf-8"), "fields")):
            word = re.sub(r", .*|^list of | to .*|^map of ", "", row[1])
            word = (
                re.sub(r"(?<!addres)s$", "", word.replace("addresses", "address"))
                if "of" in row[1]
                else word
            )
            assert word in known | plain or "`" in word or word == "texts or number", row[1]


# ------------------------------------------------------------------------------------- blueprint


def test_the_context_table_is_what_templates_see() -> None:
    desired, _ = load(build().repository(ROOT).snapshot(None))
    (loaded,) = (one for one in desired.environments if one.document.metadata.name == "identity")
    filled, _ = effective(loaded, desired.shared)
    assert filled is not None
    stated = {
        row[0].strip("`") for row in table(between(read("docs/documents/blueprint.md"), "context"))
    }
    opaque = {"environment.labels", "parameters", "tags", "profile.rollout.steps"}

    def paths(value: dict[str, Any], prefix: str) -> Iterator[str]:
        for key, inner in value.items():
            if isinstance(inner, dict) and prefix + key not in opaque:
                yield from paths(inner, f"{prefix}{key}.")
            else:
                yield prefix + key

    assert set(paths(context(filled), "")) == stated


def test_filters_and_tests_are_the_ones_that_there_are() -> None:
    text, engine = read("docs/documents/blueprint.md"), Templates({}).environment(HCL)
    cells = " ".join(row[0] for row in table(between(text, "filters")))
    assert set(re.findall(r"`(\w+)(?:\(\w+\))?`", cells)) == set(engine.filters)
    (stated,) = re.findall(r"^After `is`: (.*?)\.$", text, re.DOTALL | re.MULTILINE)
    words = {name for name in engine.tests if name.isalpha()}
    assert set(re.findall(r"`(\w+)`", stated)) == words


# ------------------------------------------------------------------------------ codes of problems


CODE_AT: Final = {"Fault": 2, "_fault": 2, "Problem": 3, "_problem": 1}


def codes() -> Iterator[str]:
    """Constant codes of faults and problems, by the place of the argument."""
    for file in sorted((ROOT / "reconciler").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                place = CODE_AT.get(called, len(node.args))
                if len(node.args) > place:
                    for inner in ast.walk(node.args[place]):
                        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                            yield inner.value


def test_every_code_is_documented() -> None:
    text = "".join(read(page) for page in PAGES)
    found = {code for code in codes() if re.fullmatch(r"[a-z]+(-[a-z]+)*", code)}
    assert len(found) > 25
    assert [code for code in sorted(found) if f"`{code}`" not in text] == []


# --------------------------------------------------------------------------------------- commands


def test_every_command_has_its_help_in_order() -> None:
    shown = [part.argument for part in parts(read("docs/cli.md")) if part.what == "help"]
    wanted = ["reconciler"]
    for name in COMMANDS:
        wanted.append(f"reconciler {name}")
        found = cli.get_command(click.Context(cli), name)
        if isinstance(found, click.Group):
            lazy = isinstance(found, LazyGroup)
            inside = found.list_commands(click.Context(found)) if lazy else list(found.commands)
            wanted += [f"reconciler {name} {inner}" for inner in inside]
    assert shown == wanted


@by_page
def test_only_commands_that_exist_are_mentioned(page: str) -> None:
    for name in re.findall(r"(?:`|^|&& |\$ )reconciler ([a-z]+)", read(page), re.MULTILINE):
        assert name in COMMANDS, name


def names_of(setting: str) -> list[str]:
    """Each variable that a setting is read from, its own first."""
    alias = ProcessSettings.model_fields[setting].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(one) for one in alias.choices]
    return [str(alias or f"RECONCILER_{setting.upper()}")]


def test_the_table_of_variables_is_what_is_read() -> None:
    stated = {
        row[0].strip("`"): row[1] for row in table(between(read("docs/variables.md"), "variables"))
    }
    defaults = " ".join(stated.values())
    names = [names_of(name) for name in ProcessSettings.model_fields]
    own = {first for first, *_ in names if not first.startswith("XDG_")}
    # What stands in for another one is told beside it.
    for name in {one for many in names for one in many} - own:
        assert name in defaults, name
    own_seconds = [name for name in ProcessSettings.model_fields if name.endswith("_seconds")]
    assert len(own_seconds) == 6
    assert set(stated) == own | set(OPTIONS)
    for name in own_seconds:
        seconds = ProcessSettings.model_fields[name].default
        assert stated[f"RECONCILER_{name.upper()}"] == f"`{seconds}`"


def test_the_table_of_exit_codes_is_complete() -> None:
    rows = table(read("docs/exit-codes.md"))
    assert [int(row[0]) for row in rows] == [*(int(code) for code in Exit), 130, 141]


def test_the_table_of_records_has_each_kind_once() -> None:
    rows = table(section(read("docs/records.md"), "What is recorded"))
    stated = [name for row in rows for name in re.findall(r"`([a-z-]+)`", row[0])]
    schema = json.dumps(json.loads(read("docs/schemas/record.schema.json")))
    mapping = re.search(r'"mapping": (\{[^}]*\})', schema)
    assert mapping is not None
    assert sorted(stated) == sorted(json.loads(mapping[1]))


# ---------------------------------------------------------------------------------- JSON documents

BROKEN: Final = {"environments/demo/broken.yaml": "apiVersion: reconciler/v1\nkind: Environment\n"}
SCANNED: Final = {
    "leak.txt": sample("secret-gitlab-token").encode(),
    "packed.gz": b"\x1f\x8b",
    "program": b"\x7fELF\0\1\2\3\0\1\2\3",
}
NEW: Final = "new --track demo --name hello --owner team-sales --set image=registry.example.com/a:1"
COMMAND_LINES: Final = (
    "validate",
    "list",
    "show pitch-acme",
    "show identity",
    "show broken",
    "render pitch-acme",
    "render broken",
    "render pitch-acme --out rendered",
    "render pitch-acme --diff HEAD",
    "render",
    "affected --base HEAD",
    NEW,
    NEW.replace("hello", "other").replace("registry.example.com/a:1", "UPPER"),
    "init elsewhere",
    "policy list --category cost",
    "policy explain SEC001",
    "policy test --coverage",
    "policy test",
    "policy eval --input input.json",
    "tools list",
    "schema",
    "schema --check",
    "show nobody",
    "scan",
    "scan --range HEAD",
    "scan --staged",
)


def hostile_input() -> dict[str, Any]:
    """An input in which something is wrong with a resource."""
    found = whole_input()
    found["terraform"]["resources"] = [
        {
            "type": "aws_s3_bucket_acl",
            "name": "main",
            "address": "aws_s3_bucket_acl.main",
            "path": "main.tf",
            "line": 3,
            "values": {"acl": "public-read"},
        }
    ]
    return found


SAID = "plainly-" + "said-7"
"""Not in one piece: the scan of this project looks here, too."""


def checked() -> Iterator[dict[str, Any]]:
    """Checks of a bad change and of changed rules, without Checkov, and the story of a finding."""
    fair, customer = "environments/demo/trade-fair.yaml", "profiles/tracks/customer.yaml"
    bad = Scene({}).text(fair) + f"    environment_variables: {{DATABASE_PASSWORD: {SAID}}}\n"
    rules = changed(Scene({}).text(customer), "-    backupDays: 7\n+    backupDays: 30\n")
    with (
        Scene({fair: bad, customer: rules}).repository() as folder,
        patch.dict(os.environ, {"RECONCILER_TOOLS_DIR": str(folder / "none")}),
    ):
        code, out, err = run("check --format json", folder)
        assert code == Exit.DENIED, err
        yield json.loads(out)
        marks = {
            finding["rule"]: finding["fingerprint"]
            for decision in json.loads(out)["decisions"]
            for finding in decision["findings"]
        }
        code, out, err = run(f"explain {marks['SEC014']} --format json", folder)
        assert code == Exit.OK, err
        yield json.loads(out)


@pytest.fixture(scope="module")
def documents() -> dict[str, list[dict[str, Any]]]:
    """What the commands print, by kind."""
    found: dict[str, list[dict[str, Any]]] = {}
    with Scene({}).repository() as folder:
        for path, data in SCANNED.items():
            (folder / path).write_bytes(data)
        commit_all(folder)
        for path, text in BROKEN.items():
            (folder / path).write_text(text, encoding="utf-8")
        changed_file = folder / "environments" / "demo" / "pitch-acme.yaml"
        changed_file.write_text(
            changed_file.read_text(encoding="utf-8").replace("size: small", "size: medium"),
            encoding="utf-8",
        )
        (folder / "input.json").write_text(json.dumps(hostile_input()), encoding="utf-8")
        for line in COMMAND_LINES:
            code, out, err = run(f"{line} --format json", folder)
            assert code in tuple(Exit), err
            document = json.loads(out)
            found.setdefault(document["kind"], []).append(document)
    for document in (*checked(), *built(), *audited()):
        found.setdefault(document["kind"], []).append(document)
    return found


KIND_SECTIONS: Final = [
    heading
    for heading in re.findall(r"^## (.*)$", read("docs/output.md"), re.MULTILINE)
    if " " not in heading and heading != "Commands"
]
FINDING: Final = re.findall(
    r"^\| `decisions\[\]\.findings\[\]\.(\w+)`", read("docs/output.md"), re.MULTILINE
)
PROBLEM: Final = ["path", "line", "column", "code", "message", "expected", "suggestion"]
TYPES: Final[dict[str, tuple[type, ...]]] = {
    "text": (str,),
    "number": (int, float),
    "true or false": (bool,),
    "true or false or null": (bool, type(None)),
    "map": (dict,),
    "object": (dict,),
    "list": (list,),
    "null": (type(None),),
    "any": (object,),
    "finding": (dict,),
}


def allowed(words: str) -> tuple[type, ...]:
    """The types that a cell of a table names."""
    if words.startswith("true or false"):
        return TYPES[words]
    names = [re.sub(r" of .*", "", word) for word in words.split(" or ")]
    return tuple(kind for name in names for kind in TYPES[name])


def fields_of(kind: str) -> dict[str, tuple[str, str]]:
    rows = table(section(read("docs/output.md"), kind))
    return {row[0].strip("`"): (row[1], row[2]) for row in rows}


def check_value(value: Any, path: str, stated: dict[str, tuple[str, str]]) -> Iterator[str]:
    """The stated fields that a value has; an assertion where something is not as stated."""
    words = stated.get(path, ("", ""))[0]
    if words:
        yield path
        assert isinstance(value, allowed(words)), (path, words, value)
        assert not (isinstance(value, bool) and words == "number"), path
    if words == "list of problems":
        assert all(list(one) == PROBLEM for one in value)
    elif words in ("list of findings", "finding"):
        assert all(list(one) == FINDING for one in (value if isinstance(value, list) else [value]))
    elif words == "list of texts":
        assert all(isinstance(one, str) for one in value)
    elif words in ("object", "object or null", "any"):
        return
    elif isinstance(value, list):
        for one in value:
            yield from check_value(one, f"{path}[]", stated)
    elif isinstance(value, dict):
        prefix = f"{path}." if path else ""
        free = {re.sub(r"(>).*", r"\1", one) for one in stated if one.startswith(f"{prefix}<")}
        assert len(free) <= 1
        for key, inner in value.items():
            step = next(iter(free), prefix + key)
            known = [
                one for one in stated if one == step or one.startswith((f"{step}.", f"{step}["))
            ]
            assert known, f"{step} is not documented"
            yield from check_value(inner, step, stated)


def body(document: dict[str, Any]) -> dict[str, Any]:
    assert list(document)[:2] == ["apiVersion", "kind"]
    return {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}


def test_every_json_document_is_documented(documents: dict[str, list[dict[str, Any]]]) -> None:
    assert sorted(documents) == sorted(KIND_SECTIONS)
    linked = {
        re.findall(r"\[(\w+)\]", row[1])[0]
        for row in table(section(read("docs/output.md"), "Commands"))[: len(KIND_SECTIONS)]
    }
    assert linked == set(KIND_SECTIONS)


def test_a_problem_has_the_documented_fields() -> None:
    rows = table(section(read("docs/output.md"), "Commands"))[len(KIND_SECTIONS) :]
    assert [row[0].strip("`") for row in rows] == PROBLEM


@pytest.mark.parametrize("kind", KIND_SECTIONS)
def test_json_is_as_documented(kind: str, documents: dict[str, list[dict[str, Any]]]) -> None:
    stated = fields_of(kind)
    seen: set[str] = set()
    always = {
        one
        for one, (_, meaning) in stated.items()
        if not re.search(r"[.\[]", one) and "(only " not in meaning and "(not " not in meaning
    }
    for document in documents[kind]:
        found = set(check_value(body(document), "", stated))
        assert always <= found
        seen |= found
    assert seen == set(stated)


@pytest.mark.parametrize("kind", KIND_SECTIONS)
def test_the_json_example_is_as_documented(
    kind: str, documents: dict[str, list[dict[str, Any]]]
) -> None:
    (text,) = re.findall(
        r"^```json\n(.*?)^```", section(read("docs/output.md"), kind), re.DOTALL | re.MULTILINE
    )
    example = json.loads(text)
    assert example["kind"] == kind
    assert set(check_value(body(example), "", fields_of(kind)))
    assert list(example) in [list(document) for document in documents[kind]]


# -------------------------------------------------------------------------------------- the words


def slugs(text: str) -> set[str]:
    """The anchors of a page, as GitLab makes them."""
    headings = re.findall(
        r"^#{1,6} (.*)$",
        re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def markdown() -> list[str]:
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


@pytest.mark.parametrize("page", markdown())
def test_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        assert not anchor or anchor in slugs(file.read_text(encoding="utf-8")), target


PEERS: Final = {
    "www.runatlantis.io",
    "github.com",
    "flux-iac.github.io",
    "developer.hashicorp.com",
    "argo-cd.readthedocs.io",
}


@by_page
def test_files_that_are_named_are_there(page: str) -> None:
    named = re.findall(r"\b((?:tests|scripts|benchmarks)/[\w/.-]*\w)", read(page))
    assert [one for one in named if not (ROOT / one).exists()] == []
    for file, test in re.findall(r"\b(tests/[\w/]+\.py)::(test_\w+)", read(page)):
        assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), test


def test_the_trust_of_the_role_that_changes_things_is_exact() -> None:
    blocks = re.findall(
        r"^<!-- policy -->\n```json\n(.*?)^```",
        read("docs/howto/aws-roles.md"),
        re.DOTALL | re.MULTILINE,
    )
    plan, apply, controller = (json.loads(block)["Statement"] for block in blocks)
    for (statement,) in (plan, apply, controller):
        assert set(statement) == {"Effect", "Principal", "Action", "Condition"}
    assert "StringLike" in plan[0]["Condition"]
    assert set(apply[0]["Condition"]) == {"StringEquals"}
    assert "*" not in json.dumps([apply, controller])


@by_page
def test_hosts_are_examples(page: str) -> None:
    for host in re.findall(r"https?://([\w.-]+\w)", read(page)):
        linked = {"docs.aws.amazon.com", "docs.gitlab.com", "developer.hashicorp.com"}
        known = {"gitlab.com", "127.0.0.1"} | (linked if page.startswith("docs/rules/") else set())
        if page == "docs/comparison.md":
            known |= PEERS
        assert host.endswith("example.com") or host in known, host


def test_the_page_of_records_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == record_page(), RENEW


def test_rule_pages_are_current() -> None:
    wanted = rule_pages()
    assert set(wanted) == set(RULES.glob("*.md")), RENEW
    for path, text in wanted.items():
        assert path.read_text(encoding="utf-8") == text, RENEW


def test_the_builtins_of_the_page_are_those_of_the_guard() -> None:
    text = read("docs/policies.md")
    (listed,) = re.findall(r"```text\n(.*?)```", between(text, "builtins"), re.DOTALL)
    assert set(listed.split()) == SUPPORTED
    (row,) = re.findall(r"<!-- forbidden -->(.*?)<!-- /forbidden -->", text)
    assert set(re.findall(r"`([^`]+)`", row)) == set(FORBIDDEN)


def test_the_input_of_the_page_is_that_of_the_guard() -> None:
    rows = table(section(read("docs/policies.md"), "Input"))
    names = {name for row in rows for name in re.findall(r"`([a-z.]+)`", row[0])}
    assert {name.partition(".")[0] for name in names} == set(FIELDS)
    inner = {name.partition(".")[2] for name in names if name.startswith("terraform.")}
    assert inner == FIELDS["terraform"]
    (cell,) = (row[1] for row in rows if row[0] == "`environment`")
    assert set(re.sub(r" \(.*?\)", "", cell).split(", ")) == FIELDS["environment"]


def test_the_engines_of_the_page_are_those_that_are_taken() -> None:
    rows = table(section(read("docs/terraform.md"), "The engine"))
    wanted = [
        [f"`{name}`", f"{low[0]}.{low[1]} or newer, below {below[0]}.{below[1]}"]
        for name, (low, below) in SUPPORTED_ENGINES.items()
    ]
    assert rows == wanted


def test_the_times_of_the_page_are_the_limits() -> None:
    limits, settings = Limits(), ProcessSettings.model_fields
    minutes = {row[0]: row[1] for row in table(section(read("docs/terraform.md"), "Stopping"))}
    assert list(minutes.values()) == ["10 minutes", "30 minutes", "2 hours", "5 minutes"]
    assert (limits.init, limits.state) == (600, 300)
    assert limits.plan == settings["plan_seconds"].default == 1800
    assert limits.apply == settings["apply_seconds"].default == 7200
    assert limits.lock == settings["lock_seconds"].default
    assert Terraform.__dataclass_fields__["grace"].default == 600


def test_the_reasons_of_the_page_are_those_of_the_code() -> None:
    text = read("docs/terraform.md")
    named = {
        reason
        for heading in ("What happens", "Faults")
        for row in table(section(text, heading))
        for reason in re.findall(r"`([a-z]+(?:-[a-z]+)+|credentials|unwritable)`", " ".join(row))
    }
    assert len(named) > 10
    code = "".join(path.read_text("utf-8") for path in (ROOT / "reconciler").rglob("*.py"))
    assert [reason for reason in sorted(named) if f'"{reason}"' not in code] == []


def test_the_backends_of_the_page_are_those_of_the_settings() -> None:
    rows = table(section(read("docs/terraform.md"), "State backends"))
    field = SettingsSpec.model_fields["state"]
    known = {str(one.model_fields["backend"].annotation) for one in models_in(field.annotation)}
    assert {f"typing.Literal['{row[0].strip('`')}']" for row in rows} == known


def test_documents_folder_holds_a_page_for_each_kind_and_an_index() -> None:
    names = {path.name for path in DOCUMENTS.glob("*.md")}
    assert names == {"README.md", *(page_of(kind).name for kind in KINDS)}
