"""Where a value may stand in a template: every odd place is refused, with its line."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.template.engine import (
    TemplateFault,
    Templates,
    check_template,
    print_template,
)
from tests.core.template.printing import HCL, PIPELINE, YAML, printed
from tests.core.template.values import HOSTILE

V = "{{ v }}"


def lines(source: str, name: str) -> list[int]:
    return sorted({one.line for one in check_template(name, source)})


# -------------------------------------------------------------------------------------- HCL

HCL_FINE = {
    "attribute": f"a = {V}\n",
    "list": f"a = [{V}, 1, {V}]\n",
    "map": f"a = {{ b = {V}, {V} = 2 }}\n",
    "call": f"a = toset({V})\n",
    "conditional": f"a = true ? {V} : {V}\n",
    "index": f"a = local.b[{V}]\n",
    "for": f"a = {{ for k, x in {V} : k => x }}\n",
    "comparison": f"a = {V} == {V}\n",
    "not": f"a = !{V}\n",
    "in an interpolation": f'a = "x${{ {V} }}y"\n',
    "after a string": f'a = "x" == {V}\n',
    "after an escaped quote": f'a = "x\\"y"\nb = {V}\n',
    "after escaped interpolations": f'a = "$${{x %%{{y $ % $5"\nb = {V}\n',
    "after a nested string": f'a = "${{ b("}}", {{ c = "d" }}) }}"\nb = {V}\n',
    "after a heredoc": f'a = <<EOT\n" ${{b}} /* \\\nEOT\nb = {V}\n',
    "after an indented heredoc": f"a = <<-EOT\n  text\n  EOT\nb = {V}\n",
    "after an interpolation in a heredoc": f'a = <<EOT\n${{b("}}")}}EOT\nEOT\nb = {V}\n',
    "after comments": f'# " <<EOT\n// /*\n/* " */ a = {V}\n',
    "in a line comment": f"# about {V} and {V}\na = 1\n",
    "inline loop": "a = [{% for x in v %}{{ x }}, {% endfor %}]\n",
    "inline branch": f"a = {{% if v %}}{V}{{% else %}}null{{% endif %}}\n\n",
    "raw": f"{{% raw %}}\na = 1 # {{{{ v }}}}\n{{% endraw %}}\nb = {V}\n",
    "block label": f'resource "x" {V} {{\n}}\n',
    "with": "{% with w = v %}\na = {{ w }}\n{% endwith %}\n",
    "crlf": f"a = {V}\r\nb = 1\r\n",
    "last filter": "a = {{ v | multiline(0) }}\n{{ v | identifier }} = 1\n",
}


@pytest.mark.parametrize("name", HCL_FINE)
def test_hcl_takes_values_between_tokens(name: str) -> None:
    assert not check_template(HCL, HCL_FINE[name])


HCL_WRONG: dict[str, tuple[int, str]] = {
    "string": (1, f'a = "{V}"\n'),
    "part of a string": (2, f'x = 1\na = "b-{V}-c"\n'),
    "string in an interpolation": (1, f'a = "${{ b("{V}") }}"\n'),
    "string after an interpolation": (1, f'a = "${{b}}{V}"\n'),
    "string after an escaped quote": (1, f'a = "\\"{V}"\n'),
    "string after two backslashes and a quote": (1, f'a = "\\\\" + "{V}"\n'),
    "string after a single quote": (1, f"a = '{V}\"'\n"),
    "string that hides a comment": (1, f'a = "# {V}"\n'),
    "directive": (1, f'a = "%{{ if true }}\n{V}%{{ endif }}"\n'),
    "heredoc": (2, f"a = <<EOT\n{V}\nEOT\n"),
    "indented heredoc": (2, f"a = <<-EOT\n    {V}\n    EOT\n"),
    "heredoc with another end": (4, f"a = <<EOT\nEOTX\nXEOT\n{V}\nEOT\n"),
    "heredoc after its name in a line": (3, f"a = <<EOT\n EOT x\n{V}\nEOT\n"),
    "heredoc after its name in code": (4, f"a = <<EOT\n${{\nEOT\n}}{V}\nEOT\n"),
    "heredoc after its name behind code": (3, f"a = <<EOT\n${{b}}EOT\n{V}\nEOT\n"),
    "heredoc after a split name": (2, f"a = <<EOT\nEOT{{# #}}x\n{V}\nEOT\n"),
    "heredoc after a joined name": (2, f"a = <<EOT\nEO{{# #}}T\nb = <<X\nEOT\n{V}\nX\n"),
    "heredoc of an odd name": (1, f"a = <<É\n{V}\nÉ\n"),
    "heredoc of a printed name": (1, f"a = <<{{{{ v | identifier }}}}\n{V}\nEOT\n"),
    "heredoc of a name after a space": (1, f"a = << EOT\n{V}\nEOT\n"),
    "heredoc of a split sign": (1, f"a = <{{# #}}<EOT\n{V}\nEOT\n"),
    "block comment": (2, f"/* a\n{V} */\n"),
    "block comment after stars": (1, f"/*/ {V} */\n"),
    "block comment with a split end": (1, f"/* *{{# #}}/ a = {V}\n"),
    "block comment with a split start": (1, f"a = 1 /{{# #}}* {V} */\n"),
    "string of a split escape": (1, f'a = "\\{{# #}}" + {V} + ""\n'),
    "string of a split escape by a branch": (
        1,
        f'a = "\\{{% if v %}}{{% endif %}}" + {V} + ""\n',
    ),
    "string of a split interpolation": (1, f'a = "${{# #}}{{ {V} }}"\n'),
    "string of an unclear sign": (1, f'a = "$$${{ {V} }}"\n'),
    "string of two signs": (1, f'a = "$%{{ {V} }}"\n'),
    "string over lines": (1, f'a = "b\nc = {V}\n'),
    "after a name": (1, f"a = local.{V}\n"),
    "after a word": (1, f"a = b{V}\n"),
    "after a minus": (1, f"a = b-{V}\n"),
    "before a word": (1, f"a = {V}b\n"),
    "before a dot": (1, f"a = {V}.b\n"),
    "before an index": (1, f"a = {V}[0]\n"),
    "before a call": (1, f"a = {V}(1)\n"),
    "before a string": (1, f'a = {V}"b"\n'),
    "before a minus": (1, f"a = {V}-b\n"),
    "after a value": (1, f"a = {V}{V}\n"),
    "after a value and a branch": (1, f"a = {V}{{% if v %}}{V}{{% endif %}}\n"),
    "after a value in a loop": (1, f"a = {{% for x in v %}}{V}{{% endfor %}}\n"),
    "after trimmed space": (1, "a = b   {{- v }}\n"),
    "before trimmed space": (1, "a = {{ v -}}   b\n"),
    "in one branch": (1, f'a = {{% if v %}}"{{% endif %}}{V}\n'),
    "in the other branch": (1, f'a = {{% if v %}}1{{% else %}}"{{% endif %}}{V}\n'),
    "in the third branch": (
        1,
        f'a = {{% if v %}}1{{% elif w %}}"{{% else %}}2{{% endif %}}{V}\n',
    ),
    "in the second turn": (2, f'{{% for x in v %}}\na = {V} "\n{{% endfor %}}"\n'),
    "in the third turn": (1, f'{{% for x in v %}} {V} "*/ /*{{% endfor %}} */ "\n'),
    "in a loop that may not run": (1, f'a = "{{% for x in v %}}"{{% endfor %}} + {V}\n'),
    "in the else of a loop": (1, f'{{% for x in v %}}"{{% else %}}{{% endfor %}} {V}\n'),
    "lines in a comment": (1, "# {{ v | multiline(0) }}\n"),
    "raw in a comment": (1, "# {{ v | verbatim }}\n"),
    "hidden lines in a comment": (1, "{% set w = v | multiline(0) %}\n# {{ w }}\n"),
    "hidden lines in a choice": (1, "# {{ (v | multiline(0)) if v else 1 }}\n"),
    "hidden raw in a list": (1, "a = {{ [v | verbatim] }}\n"),
    "hidden raw in a loop": (1, "{% for x in [v | verbatim] %}\n# {{ x }}\n{% endfor %}\n"),
    "hidden raw in with": (1, "{% with w = v | verbatim %}\n# {{ w }}\n{% endwith %}\n"),
    "null byte": (1, f"a = 1 \x00 {V}\n"),
    "escape": (2, f"\na = 1 \x1b {V}\n"),
    "line separator": (1, f"# a\u2028b = {V}\n"),
    "end in a string": (1, 'a = "'),
    "end in a heredoc": (3, "a = <<EOT\nx\n"),
    "end in a heredoc's name": (2, "a = <<EOT\nEOT"),
    "end in a comment": (1, "# a"),
    "end in a block comment": (2, "/* a\n"),
    "end in a line": (1, "a = 1"),
    "include in a comment": (1, '# {% include "x.tf.j2" %}\n'),
    "include in a block comment": (1, '/* {% include "x.tf.j2" %} */\n'),
    "include in a string": (1, 'a = "{% include "x.tf.j2" %}"\n'),
    "include in a heredoc": (2, 'a = <<EOT\n{% include "x.tf.j2" %}\nEOT\n'),
    "include in a line": (1, 'a = {% include "x.tf.j2" %}\n'),
}


@pytest.mark.parametrize("name", HCL_WRONG)
def test_hcl_takes_values_nowhere_else(name: str) -> None:
    line, source = HCL_WRONG[name]
    found = lines(source, HCL)
    assert found
    assert found[0] == line


# ------------------------------------------------------------------------------------- YAML

YAML_FINE = {
    "field": f"a: {V}\nb: {V}  # why\n",
    "nested": f"a:\n  b:\n    c: {V}\n",
    "list": f"a:\n  - {V}\n  - {V}\n",
    "list at its parent's column": f"a:\n- {V}\n- b: {V}\n  c: {V}\n",
    "list of lists": f"a:\n  - - {V}\n    - {V}\n",
    "flow list": f"a: [b, {V}, 'c d', \"e\", {V}]\n",
    "flow map": f"a: {{b: {V}, 'c': {V}, d: [{V}]}}\n",
    "quoted field": f"\"a: b\": {V}\n'c #': {V}\n",
    "field with spaces": f"a job (one): {V}\n",
    "after a block of text": f"a: |\n  x: 'y\nb: {V}\n",
    "after a block of text in a list": f"a:\n  - |\n    x\n  - {V}\n",
    "after a block of text beside": f"a:\n  - b: |-\n      x\n    c: {V}\n",
    "after a long text": f"a: b\n  c\nd: {V}\n",
    "after quotes": f"a: \"b # c\"\nd: 'it''s'\ne: {V}\n",
    "after an anchor": f"a: &b\n  c: {V}\nd:\n  <<: *b\n  e: {V}\n",
    "after a reference": f"a:\n  - !reference [b, c]\n  - {V}\n",
    "comment": f'# about {V}\na: b # {V}\nc: "d" # {V}\n',
    "after a document's start": f"---\na: {V}\n",
    "branch": f"{{% if v %}}\na: {V}\n{{% else %}}\na: 1\n{{% endif %}}\n",
    "loop": "a:\n{% for x in v %}\n  - {{ x }}\n{% endfor %}\n",
    "crlf": f"a: {V}\r\nb: {V}\r\n",
    "unicode": f"a: ümläut\nb: {V}\n",
}


@pytest.mark.parametrize("name", YAML_FINE)
def test_yaml_takes_whole_values(name: str) -> None:
    assert not check_template(YAML, YAML_FINE[name])
    for value in ('a: "b" # c', "x\ny: z", "- a"):
        got = yaml.safe_load(
            print_template(Templates({YAML: YAML_FINE[name]}), YAML, {"v": [value]}, 1000).replace(
                "!reference ", ""
            )
        )
        assert value in str(got).encode().decode("unicode_escape") or "comment" in name


YAML_WRONG: dict[str, tuple[int, str]] = {
    "double quotes": (1, f'a: "{V}"\n'),
    "single quotes": (1, f"a: '{V}'\n"),
    "quotes with a comment sign": (1, f'a: "b # {V}"\n'),
    "single quotes with a comment sign": (1, f"a: 'b # {V}'\n"),
    "quotes over lines": (1, f'a: "b\n  c: {V}"\n'),
    "quotes in a flow over lines": (1, f'a: ["b\n  c", {V}]\n'),
    "start of a text": (1, f"a: {V} b\n"),
    "end of a text": (1, f"a: b {V}\n"),
    "without a space": (1, f"a:{V}\n"),
    "without a space after a dash": (2, f"a:\n  -{V}\n"),
    "key": (1, f"{V}: a\n"),
    "nested key": (2, f"a:\n  {V}: b\n"),
    "key in a flow": (1, f"a: {{{V}: b}}\n"),
    "key in a list": (2, f"a:\n  - {V}: b\n"),
    "part of a key": (1, f"a{V}: b\n"),
    "explicit key": (1, f"? {V}\n: a\n"),
    "value of an explicit key": (1, f"? a\n: {V}\n"),
    "anchor": (1, f"a: &{V} b\n"),
    "after an anchor": (1, f"a: &b {V}\n"),
    "after a tag": (1, f"a: !!int {V}\n"),
    "tag": (1, f"a: !{V} b\n"),
    "alias": (1, f"a: *{V}\n"),
    "alone": (1, f"{V}\n"),
    "alone and nested": (2, f"a:\n  {V}\n"),
    "literal": (2, f"a: |\n  b {V}\n"),
    "literal that looks like a field": (2, f"a: |\n  b: {V}\n"),
    "literal with a comment sign": (2, f"a: |\n  # {V}\n"),
    "literal with a comment sign after text": (2, f'a: |\n  echo "b #{V}"\n'),
    "literal in a list by one column": (3, f"a:\n- |\n b: {V}\n"),
    "literal in a list of lists": (3, f"a:\n- - |\n   b: {V}\n"),
    "literal after a blank line": (4, f"a: |\n  b\n\n  c: {V}\n"),
    "literal with an indent": (2, f"a: |2\n   b: {V}\n"),
    "literal with all": (2, f"a: >-2 # why\n   b: {V}\n"),
    "folded": (2, f"a: >\n  b: {V}\n"),
    "literal after an anchor": (2, f"a: &b |\n  c: {V}\n"),
    "literal after a tag": (2, f"a: !!str |\n  c: {V}\n"),
    "literal on its own line": (3, f"a:\n  |\n  b: {V}\n"),
    "literal on its own line, less deep": (3, f"a:\n   |\n b: {V}\n"),
    "literal of the document": (1, f"--- |\n{V}\n"),
    "literal after a raw": (4, f"{{% raw %}}\na: |\n{{% endraw %}}\n  b: {V}\n"),
    "text over lines": (2, f"a: b\n  c: {V}\n"),
    "text over lines in a list": (2, f"- b\n  c: {V}\n"),
    "text on its own line": (3, f"a:\n  b\n  c: {V}\n"),
    "text on its own line, less deep": (3, f"a:\n   b\n c: {V}\n"),
    "text with a quote": (1, f'a: b "{V}"\n'),
    "flow over lines": (1, f"a: [b,\n  {V}]\n"),
    "flow over lines at its column": (1, f"a: [b,\nc: {V}]\n"),
    "flow of a tag over lines": (1, f"a: !b [c,\nd: {V}]\n"),
    "flow with text": (1, f"a: [b {V}]\n"),
    "flow with text after": (1, f"a: [{V} b]\n"),
    "flow with a quote in a text": (1, f'a: [b "c, {V}]\n'),
    "flow with a colon and no space": (1, f"a: {{b:{V}}}\n"),
    "flow of pairs": (1, f"a: [b: {V}]\n"),
    "flow with a comma and no space": (1, f"a: [b,{V}]\n"),
    "two in a flow": (1, f"a: [{V} {V}]\n"),
    "flow that is over": (1, f"a: [b] {V}\n"),
    "two values": (1, f"a: {V}{V}\n"),
    "comment without a space": (1, f'a: "b"# {V}\n'),
    "comment sign in a text": (1, f"a: b#{V}\n"),
    "tab before": (1, f"a:\t{V}\n"),
    "tab as indent": (2, f"a:\n\tb: {V}\n"),
    "tab in a line": (1, f"a: b\t# c\nd: {V}\n"),
    "two fields in a line": (1, f"a: b: {V}\n"),
    "odd key with quotes": (1, f'a,b: "c\nd: {V}\n'),
    "list and text that is a map": (1, f'- echo "a: b\n- {V}\n'),
    "branch in a line": (1, f"a: {{% if v %}}{V}{{% endif %}}\n"),
    "loop in a line": (1, f"a: [{{% for x in v %}}{V}, {{% endfor %}}]\n"),
    "branch that opens a text": (4, f"{{% if v %}}\na: |\n{{% endif %}}\n  b: {V}\n"),
    "loop that opens a text": (2, f"{{% for x in v %}}\n  b: {V}\na: |\n{{% endfor %}}\n"),
    "loop that opens a text for the next turn": (
        3,
        f"c: 1\n{{% for x in v %}}\n b: {V}\na: |\n{{% endfor %}}\n",
    ),
    "at the start, indented": (1, f"  a: {V}\n"),
    "after an include, indented": (2, f'{{% include "x.yaml.j2" %}}\n  a: {V}\n'),
    "include in a line": (1, 'a: {% include "x.yaml.j2" %}\n'),
    "line separator": (1, f"# a\u2028b: {V}\n"),
    "next line": (1, f"# a\x85b: {V}\n"),
    "byte order mark": (1, f"\ufeffa: {V}\n"),
    "null byte": (1, "a: \x00\n"),
    "directive": (1, f"%YAML 1.2\n---\na: {V}\n"),
    "end of a document": (1, f"...\na: {V}\n"),
    "end in a line": (1, "a: b"),
    "raw in a comment": (1, "# {{ v | verbatim }}\n"),
}


@pytest.mark.parametrize("name", YAML_WRONG)
def test_yaml_takes_values_nowhere_else(name: str) -> None:
    line, source = YAML_WRONG[name]
    found = lines(source, YAML)
    assert found
    assert found[0] == line


SCRIPTS = {
    "command": (2, f"job:\n  script: {V}\n"),
    "commands": (3, f"job:\n  script:\n    - {V}\n"),
    "commands at the column": (3, f"job:\n  script:\n  - {V}\n"),
    "commands of commands": (3, f"job:\n  script:\n    - - {V}\n"),
    "flow": (2, f"job:\n  script: [a, {V}]\n"),
    "flow of the job": (1, f"job: {{script: [{V}]}}\n"),
    "quoted": (2, f'job:\n  "script": [{V}]\n'),
    "before": (3, f"job:\n  before_script:\n    - {V}\n"),
    "after": (3, f"job:\n  after_script:\n    - {V}\n"),
    "hooks": (4, f"job:\n  hooks:\n    pre_get_sources_script:\n      - {V}\n"),
    "rule": (3, f"job:\n  rules:\n    - if: {V}\n"),
    "service": (4, f"job:\n  services:\n    - name: a\n      command: [{V}]\n"),
    "entrypoint": (4, f"job:\n  image:\n    name: a\n    entrypoint: [{V}]\n"),
    "alias": (4, f".a: &a\n  - {V}\njob:\n  script: *a\n"),
    "reference": (5, f".a:\n  b:\n    - {V}\njob:\n  script: !reference [.a, b]\n"),
    "reference in a list": (
        6,
        f".a:\n  b:\n    - {V}\njob:\n  script:\n    - !reference [.a, b]\n",
    ),
    "partial": (1, f"- {V}\n"),
    "text": (3, f"job:\n  script:\n    - echo {V}\n"),
    "block": (4, f"job:\n  script:\n    - |\n      # {V}\n"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_never_holds_a_value(name: str) -> None:
    line, source = SCRIPTS[name]
    assert lines(source, PIPELINE) == [line]


def test_what_surrounds_a_script_takes_values() -> None:
    source = (
        f"job:\n  script:\n    - echo $A\n    - !reference [.b, script]\n  variables:\n    A: {V}\n"
        f'  rules:\n    - if: $CI_X == "a: b"\n      variables: {{B: {V}}}\n'
        f"  environment:\n    name: {V}\nother:\n  tags:\n  - {V}\n"
    )
    source = source.replace('$CI_X == "a: b"', "$CI_X")
    assert not check_template(PIPELINE, source)


def test_a_text_with_a_colon_in_a_script_is_refused_before_it_surprises() -> None:
    # YAML reads `echo "a: b"` as a map.
    assert lines('job:\n  script:\n    - echo "a: b"\n', PIPELINE) == [3]


def test_an_unknown_kind_of_file_takes_no_template() -> None:
    found = check_template("box/1.0.0/terraform/x.sh.j2", "echo\n")
    assert [one.line for one in found] == [0]
    assert ".tf.j2" in found[0].expected


@pytest.mark.parametrize("tag", ["if v", "for x in v"])
def test_wild_templates_are_refused_in_time(tag: str) -> None:
    word = tag.partition(" ")[0]
    deep = "".join(f'{{% {tag} %}} "' for _ in range(18)) + f"{{% end{word} %}}" * 18 + "\n"
    wide = f'{{% {tag} %}}"{{% end{word} %}}' * 3000 + "\n"
    assert check_template(HCL, deep)
    assert check_template(HCL, wide)


# ---------------------------------------------------- whatever the lint accepts is harmless

HCL_PIECES = (
    *('"', "\\", "${", "%{", "}", "{", "$", "%", "/*", "*/", "#", "//", "<<EOT\n", "EOT", "<<-E\n"),
    *("E", "\n", " ", "a", " = ", "a = ", ", ", "[", "]", "(", ")", "1", "-", "<", "/", "*", "~"),
    *(" {{ v }} ", "{{ v }}", "a = {{ v }}\n", 'b = "x"\n', "{# #}", "{%- if v %}", "{% if v %}"),
    *("{% endif %}", "{% else %}", "{% for x in w %}", "{% endfor %}", "{{- v -}}"),
)
YAML_PIECES = (
    *("a: ", "b:", "- ", "\n", "  ", " ", '"', "'", "#", " #", "|", ">", "|2", "[", "]", "{", "}"),
    *(
        ", ",
        ",",
        ": ",
        ":",
        "&a ",
        "*a",
        "!!str ",
        "---",
        "? ",
        "x",
        "x y",
        "\n  ",
        "\n    ",
        "\n ",
    ),
    *("{{ v }}", "a: {{ v }}\n", "- {{ v }}\n", "{{ v }}\n", "  c: {{ v }}\n", "{# #}", "\t"),
    *("{% if v %}\n", "{% endif %}\n", "{% for x in w %}\n", "{% endfor %}\n", "a: |\n", "a:\n"),
)


def variants(source: str, name: str, values: tuple[str, ...]) -> list[str]:
    templates = Templates({name: source})
    return [
        print_template(templates, name, {"v": value, "w": [1, 2, 3]}, 10_000) for value in values
    ]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(HCL_PIECES), max_size=9).map("".join))
def test_no_accepted_hcl_lets_a_value_out(source: str) -> None:
    source += "\n"
    if check_template(HCL, source):
        return
    try:
        texts = variants(source, HCL, ("MARK", 'MARK" + evil + "', "MARK */ evil", "MARK ${evil}"))
    except TemplateFault:
        return
    shapes = {shape(text) for text in texts}
    assert len(shapes) == 1, texts


def shape(text: str) -> str:  # noqa: C901, PLR0912  # one small lexer
    """HCL without comments and with every string as "S", read by a lexer of its own."""
    found, at = [], 0
    stack: list[str] = []
    while at < len(text):
        top = stack[-1] if stack else ""
        if top == '"' or top.startswith("<<"):
            line = text[at : text.find("\n", at) if "\n" in text[at:] else len(text)]
            begins = at == 0 or text[at - 1] == "\n"
            if top != '"' and begins and line.strip() == top[2:]:
                stack.pop()
                at += len(line)
                found.append("H")
            elif text.startswith(("$${", "%%{"), at):
                at += 3
            elif text.startswith(("${", "%{"), at):
                stack.append("{")
                at += 2
            elif top == '"' and text[at] == "\\":
                at += 2
            elif top == '"' and text[at] == '"':
                stack.pop()
                found.append("S")
                at += 1
            else:
                if text.startswith("MARK", at) and top != '"':
                    found.append("!" + text[at : at + 12])
                at += 1
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2)
            comment = text[at:] if end < 0 else text[at : end + 2]
            found.append("!" + comment if "MARK" in comment else "")
            at += len(comment)
        elif text[at] == "#" or text.startswith("//", at):
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif text.startswith("<<", at) and "\n" in text[at:]:
            end = text.find("\n", at)
            stack.append("<<" + text[at + 2 : end].lstrip("-"))
            at = end + 1
        else:
            if text[at] == '"':
                stack.append('"')
            elif text[at] == "{" and stack:
                stack.append("{")
            elif text[at] == "}" and stack:
                stack.pop()
            else:
                found.append(text[at])
            at += 1
    return "".join(found) + "|" + "".join(stack)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(YAML_PIECES), max_size=9).map("".join))
def test_no_accepted_yaml_lets_a_value_out(source: str) -> None:
    source += "\n"
    if check_template(YAML, source):
        return
    hostile = ('MARK", evil: "', "MARK' # x", "MARK: x", "MARK\n- x", "- MARK # &a *b | {[")
    shapes = set()
    for value, text in zip(
        ("MARK", *hostile), variants(source, YAML, ("MARK", *hostile)), strict=True
    ):
        try:
            tokens = list(yaml.scan(text))
        except yaml.YAMLError:
            shapes.add("not YAML")
            continue
        for token in tokens:
            if isinstance(token, yaml.ScalarToken) and "MARK" in token.value:
                assert token.value == value
                assert not token.plain
        shapes.add(" ".join(type(token).__name__ for token in tokens))
    assert len(shapes) == 1


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_stays_in_its_comment(value: str) -> None:
    text = printed("# about {{ v }}\na = 1\n// {{ v }} {{ v }}\n", v=value)
    assert [line[:2] for line in text.split("\n")] == ["# ", "a ", "//", ""]
    text = printed("# about {{ v }}\na: 1 # {{ v }}\n", YAML, v=value)
    assert yaml.safe_load(text) == {"a": 1}
