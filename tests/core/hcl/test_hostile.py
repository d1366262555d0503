"""Terraform that is written to mislead rules, or to keep the gate busy: an error, never a pass."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.app import judge
from reconciler.app.judge import Unreadable, read_terraform
from reconciler.core.hcl.parse import HclError
from reconciler.core.hcl.source import TerraformSource, read_source
from reconciler.model.rendered import Rendered, RenderedFile

SECONDS = 5.0
"""Far more than the bounds allow, for slow machines."""


def source(text: str) -> TerraformSource:
    return read_source([("terraform/main.tf", text.encode())])


def values(text: str) -> dict[str, Any]:
    (found,) = source(text).resources
    return found.values


def resource(value: str, names: str = "") -> str:
    return f'locals {{\n{names}}}\nresource "a_b" "c" {{\n  x = {value}\n}}\n'


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """Whatever is written, the answer is there soon."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < SECONDS


def test_another_folder_changes_no_name() -> None:
    main = (
        b'variable "v" {\n  default = "no"\n}\n'
        + resource('"${local.open}-${var.v}"', "  open = true\n").encode()
    )
    decoy = b'variable "v" {\n  default = "x"\n}\nlocals {\n  open = false\n}\n'
    own = resource("local.open", "").encode()
    files = [
        ("terraform/main.tf", main),
        ("terraform/z/decoy.tf", decoy),
        ("terraform/y/o.tf", own),
    ]
    first, other = read_source(files).resources
    assert first.values == {"x": "true-no"}
    assert other.values == {"x": {"__unknown__": "local.open"}}


@pytest.mark.parametrize(
    "text, words",
    [
        ("\nlocals {\n  a = 2\n}\n", "the local `a`"),
        ('\n\nvariable "v" {}\n', "the variable `v`"),
    ],
)
def test_a_name_twice_in_a_folder_is_refused(text: str, words: str) -> None:
    first = b'locals {\n  a = 1\n}\nvariable "v" {\n  default = 1\n}\n'
    with pytest.raises(HclError, match=words) as err:
        read_source([("terraform/a.tf", first), ("terraform/b.tf", text.encode())])
    assert (err.value.path, err.value.line) == ("terraform/b.tf", 3)
    with pytest.raises(HclError, match=words):
        read_source([("terraform/a.tf", first + text.encode())])
    read_source([("terraform/a.tf", first), ("terraform/sub/b.tf", text.encode())])


LITERAL = "  ingress {\n    port = 22\n  }\n"
DYNAMIC = '  dynamic "ingress" {\n    for_each = [1]\n    content {}\n  }\n'
UNKNOWN = {"__unknown__": "dynamic ingress"}


@pytest.mark.parametrize(
    "inner, expected",
    [
        (LITERAL + DYNAMIC, [{"port": 22}, UNKNOWN]),
        (DYNAMIC + LITERAL, [UNKNOWN, {"port": 22}]),
        (LITERAL + DYNAMIC + LITERAL, [{"port": 22}, UNKNOWN, {"port": 22}]),
        (DYNAMIC, UNKNOWN),
        (DYNAMIC + DYNAMIC, UNKNOWN),
        (LITERAL, [{"port": 22}]),
    ],
)
def test_dynamic_blocks_hide_no_others(inner: str, expected: Any) -> None:
    assert values(f'resource "a_b" "c" {{\n{inner}}}\n') == {"ingress": expected}


@pytest.mark.parametrize("block", [LITERAL, DYNAMIC])
def test_an_argument_hides_no_block(block: str) -> None:
    with pytest.raises(HclError, match="an argument and a block") as err:
        values(f'resource "a_b" "c" {{\n  ingress = a_b.d.e\n{block}}}\n')
    assert err.value.line == 3


def chain(first: str, following: str, count: int) -> str:
    lines = [f"  v0 = {first}\n"]
    lines += [f"  v{n} = {following.replace('@', f'local.v{n - 1}')}\n" for n in range(1, count)]
    return "".join(lines)


TEN = ", ".join(["@"] * 10)
NUMBERS = ", ".join(str(n) for n in range(40_000))
SAME_HASH = ", ".join(str(n * (2**61 - 1)) for n in range(20_000))
WIDE = ", ".join(['"x"'] * 30_000)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(resource("local.v7", chain('["x"]', f"concat({TEN})", 8)), id="concat"),
        pytest.param(resource("local.v10", chain('"x"', '"' + "${@}" * 10 + '"', 11)), id="text"),
        pytest.param(resource(f"distinct([{NUMBERS}, {NUMBERS}])"), id="distinct"),
        pytest.param(resource("local.v40", chain("[1]", "[@, @]", 41)), id="shared lists"),
        pytest.param(resource("local.v40", chain("{}", "{ a = @, b = @ }", 41)), id="shared maps"),
        pytest.param(resource("local.v40 == local.v39", chain("[1]", "[@, @]", 41)), id="equal"),
        pytest.param(resource("local.v99 == 1", chain("9", "@ * @", 100)), id="big number"),
        pytest.param(resource("1e200 * 1e200"), id="no end"),
        pytest.param(resource("1e999"), id="no end, written"),
        pytest.param(resource("9" * 5000), id="digits"),
        pytest.param(resource(f"a_b.d.{'9' * 5000}"), id="digits of an index"),
        pytest.param(resource("1" + "+1" * 2000), id="sum"),
        pytest.param(resource("can(" + "1" + "+1" * 2000 + ")"), id="sum that is not asked"),
        pytest.param(resource("local.v19999", chain("1", "@", 20_000)), id="chain of names"),
        pytest.param(resource("local.v120", chain("1", "[@]", 121)), id="chain of lists"),
        pytest.param(resource(f'join("{"x" * 100_000}", [{WIDE}])'), id="join"),
        pytest.param(resource(f'jsondecode("{"[" * 50_000}")'), id="nested JSON"),
        pytest.param(resource(f'upper("{"x" * 1_100_000}")'), id="long text"),
        pytest.param(
            resource("[" + "local.v0, " * 1000 + "]", chain(f'"{"x" * 100_000}"', "@", 1)),
            id="a text often",
        ),
    ],
)
def test_too_much_is_no_verdict(text: str) -> None:
    with pytest.raises(HclError) as err:
        source(text)
    assert err.value.line >= 1
    assert err.value.path == "terraform/main.tf"


def test_what_follows_too_much_is_not_unknown() -> None:
    much = chain('["x"]', f"concat({TEN})", 8)
    with pytest.raises(HclError, match="too much to work out") as err:
        source(resource("local.v7", much) + 'resource "a_b" "d" {\n  open = true\n}\n')
    assert err.value.line == 12


def test_many_folders_share_what_may_be_spent() -> None:
    text = resource("local.v3", chain('["x"]', f"concat({TEN})", 4)).encode()
    source(text.decode())
    with pytest.raises(HclError, match="too much to work out"):
        read_source([(f"terraform/f{n}/main.tf", text) for n in range(500)])


def test_numbers_of_one_hash_are_no_burden() -> None:
    try:
        source(resource(f"toset([{SAME_HASH}])"))
    except HclError:
        return


def test_long_texts_of_what_is_unknown_are_no_burden() -> None:
    text = "f(" * 50 + NUMBERS + ")" * 50
    try:
        source(resource(text))
    except HclError:
        return


@pytest.mark.parametrize(
    "text, expected",
    [
        ('distinct(["b", "a", "b", 1, 1.0, true])', ["b", "a", 1, True]),
        ("distinct([{ a = 1, b = 2 }, { b = 2, a = 1 }])", [{"a": 1, "b": 2}]),
        ('toset(["b", "a", "b"])', ["a", "b"]),
        ("toset([[1]])", {"__unknown__": "toset([[1]])"}),
        (f"length(distinct([{', '.join(str(n) for n in range(10_000))}]))", 10_000),
        ("1 + 1 + 1", 3),
        ("a_b.d[0].e", {"__unknown__": "a_b.d[0].e"}),
        ('f(a.b ? 1 : -c.d, { x = "y${z.z}" })', None),
    ],
)
def test_what_is_ordinary_stays(text: str, expected: Any) -> None:
    found = values(resource(text))["x"]
    whole = {"__unknown__": 'f(a.b ? 1 : -c.d, {"x" = "y${z.z}"})'}
    assert found == (whole if expected is None else expected)
    assert json.dumps(found)


def rendered(text: str) -> Rendered:
    return Rendered("e", (RenderedFile("terraform/main.tf", text.encode()),))


def test_the_gate_says_where_there_was_too_much() -> None:
    with pytest.raises(Unreadable, match=r"terraform/main\.tf:4 .*too deeply"):
        read_terraform(rendered(resource("1" + "+1" * 2000)))


def test_the_end_of_the_stack_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr("reconciler.core.hcl.source._values", deep)
    with pytest.raises(HclError, match="nested too deeply") as err:
        source(resource("1"))
    assert err.value.path == "terraform/main.tf"
    monkeypatch.setattr(judge, "read_source", deep)
    with pytest.raises(Unreadable, match="nested too deeply"):
        read_terraform(rendered(resource("1")))
