"""A template reaches no object and builds nothing huge; each try is a fault with its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.workers import Workers
from reconciler.core.template.engine import (
    TemplateFault,
    Templates,
    check_template,
    print_template,
)
from tests.core.template.printing import HCL, printed

CONTEXT = {
    "parameters": {"name": "shop", "list": ["b", "a"], "map": {"k": "v"}, "number": 3},
    "environment": {"name": "shop"},
    "none": None,
}


def fault(source: str, name: str = HCL) -> tuple[int, str]:
    """Line and message of a template that must not print; it is refused early or stopped late."""
    misplaced = check_template(name, source)
    if misplaced:
        return misplaced[0].line, misplaced[0].message
    with pytest.raises(TemplateFault) as caught:
        print_template(Templates({name: source}), name, dict(CONTEXT), 1_000_000)
    assert caught.value.name == name
    return caught.value.line, caught.value.message


REACHING = (
    "''.__class__",
    "''.__class__.__mro__[1].__subclasses__()",
    "''['__class__']",
    "parameters.__class__",
    "parameters['__class__']",
    "parameters.name.__class__.__base__",
    "parameters.items()",
    "parameters.get('name')",
    "parameters.list.append('x')",
    "parameters.name.format('x')",
    "'{0.__class__}'.format(parameters)",
    "'{0.__class__.__init__.__globals__}'|format(parameters)",
    "'%s'|format(parameters)",
    "'%s' % parameters",
    "'%1000000000d' % 1",
    "('{0.__class__}'|attr('format'))(parameters)",
    "''|attr('__class__')",
    "parameters.list|map('attr', '__class__')|list",
    "parameters.list|map(attribute='__class__')|list",
    "parameters.list|map(attribute='__class__.__mro__')|list",
    "parameters.list|join(attribute='__class__')",
    "parameters.list|sum(attribute='__class__')",
    "parameters.list|sort(attribute='__class__')",
    "parameters.list|unique(attribute='__class__')|list",
    "parameters.list|min(attribute='__class__')",
    "parameters.list|selectattr('__class__')|list",
    "parameters.list|rejectattr('__class__.x')|list",
    "parameters.list|map('verbatim')|list",
    "parameters.list|map('ident' ~ 'ifier')|list",
    "parameters.list|map('multiline')|list",
    "self.__init__.__globals__",
    "self._TemplateReference__context",
    "self",
    "lipsum.__globals__",
    "cycler.__init__.__globals__.os.popen('id')",
    "joiner",
    "namespace(a=1)",
    "dict(a=1)",
    "get_flashed_messages.__globals__",
    "config",
    "request",
    "range",
    "range.__class__",
    "range.__globals__",
    "range(1).__class__",
    "range(1)['__class__']",
    "[].__class__.__base__",
    "{}.__class__",
    "().__class__",
    "none.__class__",
    "true.__class__",
    "(1).__class__",
    "(1)['__class__']",
    "1.0.real",
    "missing",
    "missing.deeper",
    "parameters.missing",
    "parameters.list[9]",
    "parameters.name.missing",
    "parameters.map|items",
    "parameters|xmlattr",
    "parameters|tojson",
    "parameters|pprint",
    "parameters|string",
    "parameters|urlize",
    "parameters.list|random",
    "parameters.list|groupby('x')",
    "parameters.list|batch(1)",
    "parameters.name|safe",
    "parameters.name|center(1000000000)",
    "parameters.name|indent(1000000000)",
    "parameters is callable",
    "parameters.name is filter",
    "parameters.name()",
    "''.join(['a'])",
    "caller()",
    "super()",
    "_",
    "environment.name.__getitem__(0)",
    "context",
    "resolve('parameters')",
    "parameters.list|map",
    "parameters.list|map('nothing')|list",
    "parameters.name|dictsort",
    "parameters.number|items",
    "parameters.number|join",
    "parameters.number|length",
    "parameters.list|first.x",
    "[missing]",
    "{'a': missing}",
    "{'a': [missing]}|multiline",
    "missing ~ 'x'",
    "missing + 'x'",
    "'x' + missing",
    "missing == 1",
    "missing in parameters.list",
    "'a' in missing",
    "not missing",
    "missing and 1",
    "missing|upper",
    "missing|length",
    "missing|join",
    "missing|list",
    "missing|sum",
    "[missing]|join",
    "-missing",
    "none ~ 'x'",
    "parameters.list ~ 'x'",
    "1 / 0",
    "1 % 0",
    "5 is divisibleby 0",
    "'a' * 3",
    "'a' < 1",
    "parameters.list|sort|first < 1",
    "'\\ud800'",
    "'\\ud800'|verbatim",
    "1e400",
    "range(1, 2, 0)",
    "range('a')",
)


@pytest.mark.parametrize("expression", REACHING)
def test_an_expression_reaches_no_object_and_no_missing_name(expression: str) -> None:
    line, message = fault(f"# one\n# two\nx = {{{{ {expression} }}}}\n")
    assert line == 3
    assert message
    assert "0x" not in message, "an address differs from run to run"


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in missing %}\n{% endfor %}\n",
        "{% for x in parameters.list if missing %}\n{% endfor %}\n",
        "{% if missing %}\n{% endif %}\n",
        "{% if parameters.missing == 'x' %}\n{% endif %}\n",
        "{% if false %}\n{% elif missing %}\n{% endif %}\n",
        "{% for a, b in parameters.list %}\n{% endfor %}\n",
        "{% for x in parameters.number %}\n{% endfor %}\n",
        "{% for x in parameters.list %}\nx = {{ loop.__class__ }}\n{% endfor %}\n",
        "{% for x in parameters.list %}\nx = {{ loop.cycle('a', 'b') }}\n{% endfor %}\n",
        "{% for x in parameters.list %}\nx = {{ loop._iterable }}\n{% endfor %}\n",
        "{% for x in parameters.list %}\nx = {{ loop }}\n{% endfor %}\n",
        "{% for x in parameters.list recursive %}\nx = {{ loop([x]) }}\n{% endfor %}\n",
        "{% set parameters.name = 'x' %}\nx = {{ parameters.name }}\n",
        "{% set x.y = 1 %}\n",
        "{% with x = missing %}\nx = {{ x }}\n{% endwith %}\n",
        "{% set x = missing %}\nx = {{ x }}\n",
        "{% include 'etc/passwd.tf.j2' %}\n",
        "{% include '../../../etc/passwd' %}\n",
        "{% include '/etc/passwd' %}\n",
        "{% include parameters.name %}\n",
        "{% include ['a.tf.j2', 'b.tf.j2'] %}\n",
        "{% import 'a.tf.j2' as a %}\n",
        "{% from 'a.tf.j2' import a %}\n",
        "{% extends 'a.tf.j2' %}\n",
        "{% block a %}\n{% endblock %}\n",
        "{% macro a() %}\n{% endmacro %}\n",
        "{% call(x) range(1) %}\n{% endcall %}\n",
        "{% filter upper %}\n{% endfilter %}\n",
        "{% set x %}y{% endset %}\n",
        "{% autoescape true %}\n{% endautoescape %}\n",
        "{% do parameters.list.append(1) %}\n",
        "{% debug %}\n",
        "{% break %}\n",
        "{% if %}\n",
        "{{ 'a' }\n",
        "{% for x in range(3) %}\n",
        "{{ " + "9" * 5000 + " }}\n",
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}\n",
        "{{ " + "[" * 300 + "]" * 300 + " }}\n",
        "{{ " + "-" * 3000 + "1 }}\n",
        "{% if true %}\n" * 500 + "{% endif %}\n" * 500,
        "{% for x in [1] %}\n" * 30 + "{% endfor %}\n" * 30,
    ],
)
def test_a_statement_reaches_no_object_and_no_missing_name(source: str) -> None:
    line, message = fault("# one\n" + source)
    assert 1 <= line <= 1 + source.count("\n")
    assert message


DOUBLED = "{% set x = 'aaaaaaaa' %}\n" + "{% set x = x ~ x %}\n" * 40
LISTS = "{% set x = [1] %}\n" + "{% set x = x + x %}\n" * 40
NESTED = "{% set x = [1] %}\n" + "{% set x = [x, x] %}\n" * 60
OTHER = NESTED.replace(" x", " y").replace("[x, x]", "[y, y]")
MEGA = "{% set x = 'aaaaaaaa' %}\n" + "{% set x = x ~ x %}\n" * 17

BOMBS = {
    "repeat": "x = {{ 'a' * 1000000000 }}\n",
    "repeat list": "x = {{ [1] * 1000000000 }}\n",
    "power": "x = {{ 10 ** 10 ** 10 }}\n",
    "power alone": "{% if 10 ** 1000000000 %}\n{% endif %}\n",
    "large numbers": "{% set x = 9223372036854775807 %}\n" + "{% set x = x * x %}\n" * 40,
    "long number": "x = {{ ('f' * 1)|int(base=16) + 99999999999999999999 }}\n",
    "join doubled": DOUBLED + "x = {{ x }}\n",
    "plus doubled": DOUBLED.replace("~", "+") + "x = {{ x }}\n",
    "list doubled": LISTS + "x = {{ x }}\n",
    "list nested": NESTED + "x = {{ x }}\n",
    "list compared": NESTED + OTHER + "x = {{ x == y }}\n",
    "map nested": NESTED.replace("[x, x]", "{'a': x, 'b': x}") + "x = {{ x }}\n",
    "replace": "{% set x = 'aaaaaaaaaaaaaaaa' %}\n" + "{% set x = x|replace('a', x) %}\n" * 9,
    "replace nothing": "x = {{ 'a'|replace('', 'b' ~ 'c') }}\n" * 0
    + "{% set x = 'abcdefgh' %}\n"
    + "{% set x = x|replace('', x) %}\n" * 9,
    "join": MEGA + "x = {{ range(4096)|join(x) }}\n",
    "join texts": MEGA + "x = {{ range(4096)|map('replace', '1', x)|join }}\n",
    "texts in a list": MEGA + "x = {{ range(4096)|map('replace', '1', x)|list }}\n",
    "texts sorted": MEGA + "x = {{ range(4096)|map('replace', '1', x)|sort|length }}\n",
    "texts unique": MEGA + "x = {{ range(4096)|map('replace', '1', x)|unique|list|length }}\n",
    "upper in a list": MEGA + "x = {{ [x, x]|map('upper')|list }}\n",
    "texts printed": MEGA + "x = {{ [x, x, x, x] }}\n",
    "texts kept": MEGA + "".join(f"{{% set y{n} = x[{n}:] %}}\n" for n in range(40)),
    "range": "x = {{ range(1000000000)|list }}\n",
    "range sum": "x = {{ range(10 ** 12)|sum }}\n",
    "range negative": "x = {{ range(0, -1000000000, -1)|list }}\n",
    "sum of lists": "{% set x = range(4096)|list %}\nx = {{ [x, x, x]|sum(start=[]) }}\n",
    "sum of texts": "x = {{ ['a', 'b']|sum(start='') }}\n" + MEGA + "y = {{ [x, x]|sum }}\n",
    "round": "x = {{ 1|round(1000000000, 'ceil') }}\n",
    "round deeper": "x = {{ 1.5|round(-1000000000, 'floor') }}\n",
    "output": "{% for i in range(4096) %}\nx = {{ range(100)|list }}\n{% endfor %}\n",
    "one line": "{% for i in range(4096) %}{% for j in range(4096) %} {% endfor %}{% endfor %}\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_nothing_grows_without_bound(name: str) -> None:
    seconds, late = 20.0, (-1, "late")
    results = Workers(1).map(fault, [BOMBS[name]], seconds, lambda _: late)
    line, message = next(results)
    assert (line, message) != late
    assert message


def test_compiling_works_nothing_out() -> None:
    # Validation compiles and does not print: nothing there bounds what is worked out.
    heavy = (
        "{% if false %}\nx = {{ "
        + " ~ ".join(["'ab'|replace('a', 'b')"] * 50)
        + " }}\n{% endif %}\n"
    )
    assert not check_template(HCL, heavy)
    assert printed("x = {{ 'a' ~ true }}\ny = {{ 'a' ~ 1.0 }}\n") == 'x = "atrue"\ny = "a1.0"\n'
    assert printed("{% if false %}\nx = {{ 1 / 0 }}\n{% endif %}\n") == ""


LOOPS = "{% for a in range(4096) %}{% for b in range(4096) %}{% for c in range(4096) %}"


def test_an_endless_loop_is_cut_by_the_time_limit() -> None:
    source = LOOPS + "{% endfor %}" * 3 + "\n"

    def work(item: str) -> str:
        return printed(item)

    results = list(Workers(1).map(work, [source, "x = 1\n"], 0.2, lambda _: "late"))
    assert results == ["late", "x = 1\n"]


def test_what_is_spent_on_one_file_is_not_missing_for_the_next() -> None:
    source = MEGA + "x = {{ x|length }}\n"
    templates = Templates({HCL: source})
    outputs = {print_template(templates, HCL, {}, 10_000) for _ in range(20)}
    assert outputs == {f"x = {8 * 2**17}\n"}


def chain(first: str, second: str) -> dict[str, str]:
    return {
        "box/1.0.0/terraform/a.tf.j2": first,
        "box/1.0.0/terraform/b.tf.j2": second,
    }


def test_a_circle_of_includes_ends() -> None:
    sources = chain(
        '{% include "box/1.0.0/terraform/b.tf.j2" %}\n',
        '{% include "box/1.0.0/terraform/a.tf.j2" %}\n',
    )
    with pytest.raises(TemplateFault, match="deep"):
        print_template(Templates(sources), "box/1.0.0/terraform/a.tf.j2", {}, 1000)


def test_a_fault_in_an_include_names_the_include() -> None:
    sources = chain('# a\n{% include "box/1.0.0/terraform/b.tf.j2" %}\n', "# b\n\nx = {{ gone }}\n")
    with pytest.raises(TemplateFault, match="gone") as caught:
        print_template(Templates(sources), "box/1.0.0/terraform/a.tf.j2", {}, 1000)
    assert (caught.value.name, caught.value.line) == ("box/1.0.0/terraform/b.tf.j2", 3)


def test_an_include_of_another_language_is_refused() -> None:
    sources = {
        "box/1.0.0/terraform/a.tf.j2": '{% include "box/1.0.0/pipeline/b.yml.j2" %}\n',
        "box/1.0.0/pipeline/b.yml.j2": "x: 1\n",
    }
    with pytest.raises(TemplateFault, match="HCL"):
        print_template(Templates(sources), "box/1.0.0/terraform/a.tf.j2", {}, 1000)


def test_output_stops_at_the_limit() -> None:
    source = "{% for i in range(100) %}\nx = 1\n{% endfor %}\n"
    assert len(printed(source, limit=600)) == 600
    with pytest.raises(TemplateFault, match="599"):
        printed(source, limit=599)


def test_what_templates_are_given_is_not_changed() -> None:
    values = {"list": ["b", "a"], "map": {"b": 1, "a": 2}}
    before = json.dumps(values)
    printed(
        "x = {{ v.list|sort }}\ny = {{ v.map|dictsort }}\nz = {{ (v.list + ['c'])|unique|list }}\n",
        v=values,
    )
    assert json.dumps(values) == before


USEFUL: tuple[tuple[str, str], ...] = (
    ("v.list|join('-')", '"b-a"'),
    ("v.list|sort", '["a", "b"]'),
    ("v.list|sort(reverse=true)|first", '"b"'),
    ("v.list|map('upper')|list", '["B", "A"]'),
    ("v.list[:1]", '["b"]'),
    ("v.list[0]", '"b"'),
    ("v.list|length", "2"),
    ("v.rows|map(attribute='n')|sum", "3"),
    ("v.rows|sum(attribute='n')", "3"),
    ("v.rows|selectattr('n', 'gt', 1)|map(attribute='n')|list", "[2]"),
    ("v.rows|map(attribute='n')|max", "2"),
    ("v.map|items|list|length", "2"),
    ("(v.map|dictsort|first)[0]", '"a"'),
    ("v.text|upper", '"ÜBER"'),
    ("v.text|replace('ü', 'u')", '"uber"'),
    ("' x '|trim", '"x"'),
    ("v.text[:2]", '"üb"'),
    ("v.gone|default('none')", '"none"'),
    ("v.number / 2", "1.5"),
    ("v.number // 2 + 1", "2"),
    ("(v.number / 2)|round|int", "2"),
    ("(v.number / 7)|round(2)", "0.43"),
    ("v.text ~ '-' ~ v.number ~ '-' ~ true", '"über-3-true"'),
    ("range(3)|list", "[0, 1, 2]"),
    ("'a' if v.number > 2 else 'b'", '"a"'),
    ("{'a': 1}[v.key]", "1"),
    ("v.key in v.map", "true"),
    ("v.gone is defined", "false"),
)


@pytest.mark.parametrize("expression, output", USEFUL)
def test_what_a_blueprint_needs_works(expression: str, output: str) -> None:
    values = {
        "list": ["b", "a"],
        "rows": [{"n": 1}, {"n": 2}],
        "map": {"b": 1, "a": 2},
        "text": "über",
        "number": 3,
        "key": "a",
    }
    assert printed(f"x = {{{{ {expression} }}}}\n", v=values) == f"x = {output}\n"


@given(st.text(alphabet="{}%#-+'\"()[]|.,~ab1\n \\", max_size=40))
def test_no_template_gives_another_exception(source: str) -> None:
    name = HCL
    if not check_template(name, source):
        with suppress(TemplateFault):
            text = print_template(
                Templates({name: source}), name, {"a": {"b": "1"}, "b": ["a"]}, 1000
            )
            assert len(text) <= 1000


SCRIPT = """
import json, sys
from tests.core.template.printing import printed
keys = [f"k{n}" for n in range(50)]
keys = keys if sys.argv[1] == "up" else keys[::-1]
value = {key: {"b": 1, "a": [key]} for key in keys}
source = (
    "x = {{ v }}\\ny = {{ v | multiline(0) }}\\nz = {{ v | dictsort }}\\n"
    "{% for key, one in v | dictsort %}\\n# {{ key }} {{ one.a | unique | list }}\\n{% endfor %}\\n"
)
sys.stdout.write(printed(source, v=value))
"""


def test_the_same_bytes_in_every_process() -> None:
    outputs = set()
    for seed, order in (("0", "up"), ("1", "down"), ("4294967295", "up")):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, order],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert b"k49" in outputs.pop()
