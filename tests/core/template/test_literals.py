"""Values -> literals: whatever the value, it is read back unchanged, by others than us."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.template import literals
from reconciler.core.template.literals import UnprintableValue
from reconciler.core.yaml_reader import read_yaml
from tests.core.template.hcl_text import read_literal, unquote
from tests.core.template.printing import HCL, PIPELINE, YAML, printed
from tests.core.template.values import HOSTILE, scalars, texts, values


def same(left: Any, right: Any) -> bool:
    """Equal, with tuples as lists and without taking 1 for True."""
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def unquoted(parsed: Any) -> Any:
    """python-hcl2's tree, whose strings keep their quotes, as values."""
    if isinstance(parsed, dict):
        return {unquote(key): unquoted(item) for key, item in parsed.items()}
    if isinstance(parsed, list):
        return [unquoted(item) for item in parsed]
    return unquote(parsed) if isinstance(parsed, str) and parsed.startswith('"') else parsed


# -------------------------------------------------------------------------------------- HCL


@given(values)
def test_any_value_is_read_back_from_hcl(value: Any) -> None:
    text = printed("x = {{ value }}\n", value=value)
    assert same(read_literal(text.removeprefix("x = ").removesuffix("\n")), value)


@given(values, st.integers(0, 8))
def test_any_value_is_read_back_from_several_lines(value: Any, indent: int) -> None:
    assert same(read_literal(literals.multiline_hcl(value, indent)), value)


@given(texts)
def test_another_parser_of_hcl_sees_one_string(value: str) -> None:
    # This parser wants an end for what looks like a beginning, even an escaped one.
    value += "}" * (value.count("${") + value.count("%{"))
    parsed = hcl2.loads(printed("x = {{ value }}\ny = 1\n", value=value))
    assert unquoted(parsed["x"]) == value
    assert parsed["y"] == 1


@pytest.mark.parametrize("value", HOSTILE)
def test_another_parser_of_hcl_sees_the_structure(value: str) -> None:
    nested = {"plain": [value, {value: value}], value: None}
    text = printed("x = {{ value }}\nz = {{ value | multiline }}\ny = 1\n", value=nested)
    parsed = hcl2.loads(text)
    assert unquoted(parsed["y"]) == 1
    assert read_literal(text.splitlines()[0].removeprefix("x = ")) == nested
    assert len(parsed) == 3


def test_hcl_is_as_short_as_people_write_it() -> None:
    assert printed("x = {{ v }}\n", v="plain") == 'x = "plain"\n'
    assert printed("x = {{ v }}\n", v="über 100% $5") == 'x = "über 100% $5"\n'
    assert printed("x = {{ v }}\n", v="a ${b}") == 'x = "a $${b}"\n'
    assert printed("x = {{ v }}\n", v=[1, 2.5, True, None]) == "x = [1, 2.5, true, null]\n"
    assert printed("x = {{ v }}\n", v={"b": 1, "a": {}}) == 'x = { "a" = {}, "b" = 1 }\n'


def test_what_a_reviewer_cannot_see_is_written_as_an_escape() -> None:
    hidden = "a\u202eb\u200bc\u00a0d\ufeffe\x1b\U000e0041"
    text = printed("x = {{ v }}\n", v=hidden)
    assert text.isascii()
    assert read_literal(text[4:-1]) == hidden


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "\ud800", "a\udfffb", object()])
@pytest.mark.parametrize("encode", [literals.hcl, literals.yaml, literals.pipeline])
def test_what_has_no_literal_is_refused(value: Any, encode: literals.Encoder) -> None:
    for one in (value, [value], {"key": value}):
        with pytest.raises(UnprintableValue):
            encode(one)


@pytest.mark.parametrize(
    "value", ["", "1a", "-a", "a.b", "a b", "a\n", "é", "${a}", 1, None, True, ["a"]]
)
def test_only_names_are_identifiers(value: Any) -> None:
    with pytest.raises(UnprintableValue):
        literals.identifier(value)


def test_an_identifier_is_printed_bare() -> None:
    assert printed("{{ v | identifier }} = 1\n", v="snake_case-2") == "snake_case-2 = 1\n"


# ---------------------------------------------------------------------------------- terraform


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not on PATH")
    return tmp_path_factory.mktemp("terraform")


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["terraform", f"-chdir={folder}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def composed(value: Any) -> Any:
    """What Terraform keeps of a text: it composes what can be composed."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [composed(one) for one in value]
    if isinstance(value, dict):
        return {composed(key): composed(one) for key, one in value.items()}
    return value


PAIRS = tuple(f"{one}{other}" for one in HOSTILE[:14] for other in HOSTILE[:14])
RUNS = tuple(
    before + sign * count + "{x}" + after
    for sign in ("$", "%", "$%", "%$")
    for count in range(1, 5)
    for before in ("", "a", "\\", '"', "{")
    for after in ("", "}")
)


def test_terraform_reads_every_hostile_value_back(terraform: Path) -> None:
    texts_ = sorted({composed(text) for text in (*HOSTILE, *PAIRS, *RUNS)})
    wanted: dict[str, Any] = {
        "texts": texts_,
        "keys": {text: number for number, text in enumerate(texts_)},
        "nested": [{"a": [text, {text: text}]} for text in HOSTILE],
        "numbers": [0, -1, 2**53, 1.5, 1e22, 1e-7, -2.5e-10],
        "words": [True, False, "true", "null", "1"],
    }
    source = "".join(
        f'output "{name}" {{\n  value = {{{{ wanted.{name} }}}}\n}}\n'
        f'output "{name}_lines" {{\n  value = {{{{ wanted.{name} | multiline(2) }}}}\n}}\n'
        for name in wanted
    )
    text = printed(source, limit=1_000_000, wanted=wanted)
    (terraform / "main.tf").write_text(text, encoding="utf-8")
    run(terraform, "init", "-backend=false")
    run(terraform, "apply", "-auto-approve", "-input=false")
    outputs = json.loads(run(terraform, "output", "-json"))
    for name, value in wanted.items():
        assert same(outputs[name]["value"], composed(value)), name
        assert same(outputs[f"{name}_lines"]["value"], composed(value)), name


def test_several_lines_are_as_terraform_formats_them(terraform: Path) -> None:
    shapes: list[Any] = [
        {},
        [],
        "text",
        {"a": 1},
        {"é": 1, "longer key": "x", "b": [1, 2]},
        {"日本": "wide", "a": "narrow", "e\u0301": "composed"},
        {"a": {"b": {"c": [1, {"d": "e"}]}}, "zz": 1, "zzzz": {}},
        [[], [[1], {"a": "b"}], "x"],
        {text: text for text in HOSTILE},
        [{text: [text]} for text in HOSTILE[:10]],
    ]
    for indent in (0, 2, 4, 7):
        pad = " " * indent
        lines = [
            f"{pad}x{number} = {literals.multiline_hcl(shape, indent)}\n\n"
            for number, shape in enumerate(shapes)
        ]
        opening = "".join(f"{' ' * two}b{two} {{\n" for two in range(0, indent - 1, 2))
        closing = "".join(f"{' ' * two}}}\n" for two in reversed(range(0, indent - 1, 2)))
        if indent % 2 == 0:
            body = "".join(lines).removesuffix("\n")
            file = terraform / f"indent{indent}" / "main.tf"
            file.parent.mkdir()
            file.write_text(opening + body + closing, encoding="utf-8")
    run(terraform, "fmt", "-check", "-diff", "-recursive")


# ------------------------------------------------------------------------------------- YAML

short_scalars = scalars.filter(lambda one: not isinstance(one, int) or abs(one) < 10**18)
"""Our reader takes longer numbers for texts."""


@given(values)
def test_any_value_is_read_back_from_yaml(value: Any) -> None:
    text = printed("x: {{ value }}\n", YAML, value=value)
    assert same(yaml.safe_load(text), {"x": value})


@given(
    st.one_of(short_scalars, st.lists(texts, max_size=4), st.dictionaries(texts, texts, max_size=4))
)
def test_our_own_reader_reads_values_back(value: Any) -> None:
    text = printed("x: {{ value }}\ny: [1, {{ value }}]\n", YAML, value=value)
    assert same(read_yaml(text.encode()), {"x": value, "y": [1, value]})


@given(texts)
def test_gitlab_never_sees_a_variable_in_a_value(value: str) -> None:
    source = "x:\n  - {{ value }}\n  - [{{ value }}]\n"
    if "$" in value:
        for one in (value, [value], {"key": value}, {value: 1}):
            with pytest.raises(UnprintableValue, match=r"\$"):
                literals.pipeline(one)
    else:
        text = printed(source, PIPELINE, value=value)
        assert yaml.safe_load(text) == {"x": [value, [value]]}
        assert "$" not in text


@pytest.mark.parametrize("name", [HCL, YAML, PIPELINE])
def test_an_empty_value_is_still_a_value(name: str) -> None:
    sign = "=" if name == HCL else ":"
    text = printed(f"x{sign} {{{{ a }}}}\ny{sign} {{{{ b }}}}\n", name, a="", b=None)
    assert text == f'x{sign} ""\ny{sign} null\n'
