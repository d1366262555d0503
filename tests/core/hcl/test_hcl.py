"""Our reader of HCL: strict where Terraform is, and independent of what writes the literals."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.hcl.evaluate import Scope, Unknown
from reconciler.core.hcl.parse import HclError, parse_hcl
from reconciler.core.hcl.source import read_source
from reconciler.core.template import literals

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15), 10**15),
    st.text(max_size=30),
    st.sampled_from(
        ["${x}", "$${x}", "%{if a}", "%%{", "$", "%", '"', "\\", "\n", "}", "${", "#", "//"]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def evaluate(text: str) -> Any:
    body = parse_hcl(f"locals {{\n  x = {text}\n}}\n".encode())
    return Scope([body]).value(body.blocks[0].body.attributes[0].value)


@given(values)
def test_every_literal_that_we_write_is_read_back(value: Any) -> None:
    assert evaluate(literals.hcl(value)) == value


@given(values, st.integers(0, 3))
def test_literals_over_several_lines_are_read_back(value: Any, indent: int) -> None:
    assert evaluate(literals.multiline_hcl(value, indent * 2)) == value


@pytest.mark.parametrize(
    "text, value",
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 / 2", 3.5),
        ("8 / 2", 4),
        ("-3", -3),
        ('"a" == "a" ? "yes" : "no"', "yes"),
        ("1 == true", False),
        ("!false && (1 < 2 || 2 < 1)", True),
        ("false && aws_vpc.x.id == 1", False),
        ("true || aws_vpc.x.id == 1", True),
        ('"a-${1 + 1}-b"', "a-2-b"),
        ('join("-", ["a", "b"])', "a-b"),
        ('merge({a = 1}, {"b" : 2})', {"a": 1, "b": 2}),
        ("merge([{a = 1}, {b = 2}]...)", {"a": 1, "b": 2}),
        ('concat(["a"], [1, 2])', ["a", 1, 2]),
        ("jsonencode({a = [1, true, null]})", '{"a":[1,true,null]}'),
        ('lookup({a = 1}, "b", 5)', 5),
        ("<<-E\n    one\n      two\n    E\n", "one\n  two\n"),
        ("[1, 2,\n]", [1, 2]),
        ('{ (upper("k")) = 1 }', {"K": 1}),
        ('"\\u00e9\\n"', "é\n"),
    ],
)
def test_constant_expressions(text: str, value: Any) -> None:
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "aws_vpc.main.id",
        "var.nobody",
        "local.x",
        '"a-${aws_vpc.main.id}"',
        "aws_vpc.main.id == 1",
        'file("secret")',
        "[for k in [1] : k]",
        "[1, 2][0]",
        "1 / 0",
        '"%{ if true }a%{ endif }"',
        "timestamp()",
    ],
)
def test_what_only_a_plan_tells_is_unknown(text: str) -> None:
    assert isinstance(evaluate(text), Unknown)


def test_a_policy_that_is_known_in_part_keeps_what_is_known() -> None:
    found = evaluate('jsonencode({Action = "*", Resource = aws_s3_bucket.x.arn})')
    assert found == {"Action": "*", "Resource": Unknown("aws_s3_bucket.x.arn")}


def test_locals_and_variables_with_defaults_are_known() -> None:
    body = parse_hcl(
        b'variable "n" {\n  default = "x"\n}\nlocals {\n  a = "${var.n}-${local.b.c[1]}"\n'
        b"  b = { c = [1, 2] }\n  loop = local.loop\n}\n"
    )
    scope = Scope([body])
    known = {one.name: scope.value(one.value) for one in body.blocks[1].body.attributes}
    assert known["a"] == "x-2"
    assert isinstance(known["loop"], Unknown)


@pytest.mark.parametrize(
    "text, line",
    [
        ("a = 1 b = 2\n", 1),
        ("a = 1\n\nb {\n", 4),
        ('a = "x\n"\n', 1),
        ("a = [1,\n", 2),
        ("a = 1\na = 2\n", 2),
        ("b {\n}}\n", 2),
        ("a = <<E\nx\n", 1),
        ('a = "${b"\n', 1),
        ('a = "\\q"\n', 1),
        ("a = \n", 1),
        ("a {\n  b = {\n    c = 1 d = 2\n  }\n}\n", 3),
        ("\x00", 1),
        ("a = " + "[" * 5000, 1),
        ("a = " + "(" * 5000, 1),
        ("a = " + "!" * 5000 + "true", 1),
        ("a {\n" * 5000, 60),
    ],
)
def test_what_is_not_hcl_is_an_error_with_its_line(text: str, line: int) -> None:
    with pytest.raises(HclError) as caught:
        parse_hcl(text.encode())
    assert caught.value.line >= 1
    assert caught.value.line == line or len(text) > 1000


@given(st.binary(max_size=200))
def test_any_bytes_are_hcl_or_an_error(data: bytes) -> None:
    try:
        parse_hcl(data)
    except HclError as err:
        assert err.line >= 1  # noqa: PT017  # both ways are right


@given(st.text('ab ={}[]()"$%\\\n,.?:!<-#/*E0', max_size=60))
def test_any_text_is_hcl_or_an_error(text: str) -> None:
    try:
        body = parse_hcl(text.encode())
    except HclError:
        return
    scope = Scope([body])
    for attribute in body.attributes:
        scope.value(attribute.value)


def test_cost_is_bounded_where_values_double() -> None:
    lines = ["  v0 = [1, 1]"] + [
        f"  v{n} = concat(local.v{n - 1}, local.v{n - 1})" for n in range(1, 40)
    ]
    body = parse_hcl(("locals {\n" + "\n".join(lines) + "\n}\n").encode())
    with pytest.raises(HclError, match="too much to work out"):
        Scope([body]).value(body.blocks[0].body.attributes[-1].value)


SOURCE = b"""
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.25.0"
    }
  }
}
locals {
  name = "x"
}
data "aws_ami" "a" {
  owners = ["self"]
}
module "m" {
  source = "./m"
}
resource "aws_s3_bucket" "b" {
  count  = 2
  bucket = "${local.name}-data"
  tags   = { name = aws_vpc.v.id }
  rule {
    id = file("a")
  }
  rule {
    id = 2
  }
  provisioner "local-exec" {
    command = "true"
  }
}
"""


def test_source_as_policies_see_it() -> None:
    found = read_source([("terraform/main.tf", SOURCE), ("terraform/handler.py", b"import os")])
    (bucket,) = found.resources
    assert (bucket.address, bucket.path, bucket.line) == (
        "aws_s3_bucket.b",
        "terraform/main.tf",
        19,
    )
    assert bucket.values == {
        "bucket": "x-data",
        "tags": {"name": {"__unknown__": "aws_vpc.v.id"}},
        "rule": [{"id": {"__unknown__": 'file("a")'}}, {"id": 2}],
    }
    assert [(one.source, one.version) for one in found.providers] == [("hashicorp/aws", "6.25.0")]
    assert [one.address for one in found.data] == ["data.aws_ami.a"]
    assert found.modules[0].values == {"source": "./m"}
    assert [(one.name, one.address) for one in found.provisioners] == [
        ("local-exec", "aws_s3_bucket.b")
    ]
    assert [(one.name, one.line) for one in found.functions] == [("file", 24)]


def test_a_provider_has_its_source_and_its_settings() -> None:
    text = (
        SOURCE
        + b"""
provider "aws" {
  region = "eu-central-1"
  default_tags {
    tags = { owner = local.name }
  }
}
provider "other" {
}
"""
    )
    aws, other = read_source([("main.tf", text)]).providers
    assert (aws.source, aws.version) == ("hashicorp/aws", "6.25.0")
    assert aws.values == {"region": "eu-central-1", "default_tags": [{"tags": {"owner": "x"}}]}
    assert (other.name, other.source) == ("other", "")


def test_a_function_reads_files_of_the_blueprint_only_when_that_is_certain() -> None:
    text = b"""
a = file("${path.module}/files/a.txt")
b = core::file("${path.module}/../a.txt")
c = file("${path.module}/files/../../a.txt")
d = file("${path.module}/none.txt")
e = file("${path.root}/files/a.txt")
f = file("${local.x}/files/a.txt")
g = file("${path.module}${local.x}")
h = file(["${path.module}/files/a.txt"]...)
i = fileset("${path.module}/files", "*.txt")
j = fileset("${path.module}/files", "../*")
k = fileset("${path.module}/files", local.x)
l = templatefile("${path.module}/files/t.tftpl", {})
"""
    files = [
        ("t/m.tf", text),
        ("t/files/a.txt", b"x"),
        ("t/files/t.tftpl", b'%{ for x in [1] }\n${upper(file("/etc/passwd"))}%{ endfor }'),
    ]
    found = read_source(files).functions
    assert [one.line for one in found if one.own] == [2, 10, 13]
    assert {one.name for one in found} == {"file", "fileset", "templatefile", "upper"}
    inside = [one for one in found if one.path == "t/files/t.tftpl"]
    assert [(one.name, one.own) for one in inside] == [("upper", False), ("file", False)]


@pytest.mark.parametrize("end", ["\v", "\f", "\u0085", "\u00a0", "\u2003", "\u2028", "\r", "\x1f"])
@pytest.mark.parametrize("form", ["{}E", "E{} ", " {}E\r"])
def test_a_heredoc_with_an_end_that_terraform_may_see_and_we_not_is_refused(
    end: str, form: str
) -> None:
    text = f'a = <<E\n{form.format(end)}\nb = file("x")\nc = <<E\nE\n'
    with pytest.raises(HclError, match="odd spaces"):
        read_source([("m.tf", text.encode())])


def test_functions_are_found_wherever_they_hide() -> None:
    text = b"""
a = [for k in toset([file("1")]) : fileexists(k) if filebase64(k) != ""]
b = x[file("2")]
c = "${file("3")}%{ if fileexists("4") }%{ endif }"
d = { (file("5")) = 1 }
e = <<E
${templatefile("6", {})}
E
f = true ? file("7") : -filemd5("8")
g = pathexpand("9")[*].x
"""
    names = [one.name for one in read_source([("m.tf", text)]).functions]
    assert sorted(names) == sorted(
        ["toset", "fileexists", "filebase64", "fileexists", "templatefile", "filemd5", "pathexpand"]
        + ["file"] * 5
    )


def test_values_can_be_written_as_json() -> None:
    found = read_source([("m.tf", SOURCE)])
    assert json.loads(json.dumps([one.values for one in found.resources]))


def provided(text: str) -> dict[str, str]:
    source = read_source([("main.tf", text.encode())])
    return {one.name: one.source for one in source.providers}


def test_a_provider_that_is_only_used_is_one_too() -> None:
    assert provided('resource "null_resource" "x" {}\n') == {"null": ""}
    assert provided('data "http" "x" {}\n') == {"http": ""}
    assert provided('ephemeral "random_password" "x" {}\n') == {"random": ""}
    assert provided('resource "aws_vpc" "x" {\n  provider = evil.one\n}\n') == {"evil": ""}
    assert provided('resource "aws_vpc" "x" {\n  provider = "evil.one"\n}\n') == {"evil": ""}
    assert provided('resource "terraform_data" "x" {}\n') == {}
    known = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
    assert provided(known + 'resource "aws_vpc" "x" {}\n') == {"aws": "hashicorp/aws"}
    assert provided('provider "aws" {}\nresource "aws_vpc" "x" {}\n') == {"aws": ""}


def test_a_block_that_nothing_knows_is_refused() -> None:
    with pytest.raises(HclError, match="a block `action`") as err:
        read_source([("a.tf", b"locals {}\n"), ("b.tf", b'\naction "x" "y" {}\n')])
    assert (err.value.path, err.value.line) == ("b.tf", 2)
