"""What a template's writer is told: in words of templates, not of Python."""

from typing import Any

import pytest

from reconciler.core.template.engine import (
    TemplateFault,
    Templates,
    check_template,
    print_template,
)

VALUES: dict[str, Any] = {"parameters": {"origins": [1]}, "tags": {"a": "b"}}


@pytest.mark.parametrize(
    "expression, words",
    [
        ("parameters.origin", "there is no field `origin` here; did you mean `origins`?"),
        ("parameter", "`parameter` is not defined"),
        ("parameters.origins.append(1)", "a template calls nothing but `range`"),
        ("2 ** 3", "`**` is not allowed"),
        ("'a' * 3", "`*` needs numbers"),
        ("tags | verbatim", "`verbatim` takes a text or a number, not a dict"),
        ("true | verbatim", "`verbatim` takes a text or a number, not a bool"),
        ("'a b' | identifier", "'a b' is not an identifier"),
    ],
)
def test_a_fault_is_told_in_a_template_writers_words(expression: str, words: str) -> None:
    source = f"# one\nx = {{{{ {expression} }}}}\n"
    with pytest.raises(TemplateFault) as caught:
        print_template(Templates({"a.tf.j2": source}), "a.tf.j2", VALUES, 1000)
    assert (caught.value.name, caught.value.line, caught.value.message) == ("a.tf.j2", 2, words)


@pytest.mark.parametrize(
    "source, words",
    [
        ("{% if x is sameas y %}\n{% endif %}\n", "there is no test `is sameas`"),
        ("x = {{ y | nope }}\n", "not a valid template: No filter named 'nope'."),
    ],
)
def test_what_does_not_exist_is_told_before_anything_is_rendered(source: str, words: str) -> None:
    assert [one.message for one in check_template("a.tf.j2", source)] == [words]
