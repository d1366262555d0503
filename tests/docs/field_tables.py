"""Tables of fields from the models, and the command that renews all generated parts of docs/.

Renew with: .venv/bin/python -m tests.docs.field_tables
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from reconciler.adapters.sandbox.kinds import kept
from reconciler.app.schema import texts_of
from reconciler.core.secrets.rules import FAMILIES
from reconciler.model import base, blueprint, profile, settings, suppression, team, waiver
from reconciler.model.documents import KINDS, Kind
from reconciler.model.metric import METRICS

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = ROOT / "docs" / "documents"

_WORDS: Final[tuple[tuple[object, str], ...]] = (
    (base.Name, "name"),
    (suppression.ResourceType, "resource type"),
    (blueprint.AttributePlace, "attribute of a resource"),
    (base.Text, "text"),
    (base.Label, "label"),
    (base.LabelKey, "label key"),
    (base.Version, "version"),
    (base.Account, "account id"),
    (base.Region, "region"),
    (base.PathGlob, "path pattern"),
    (base.Duration, "duration"),
    (base.Lifetime, "duration in hours or days"),
    (base.Start, "day or instant"),
    (base.End, "day or instant"),
    (blueprint.ParameterName, "parameter name"),
    (blueprint.OutputName, "output name"),
    (profile.ClockTime, "time of day"),
    (settings.BranchName, "branch name"),
    (settings.EnvVar, "variable name"),
    (settings.HttpUrl, "web address"),
    (settings.HttpsUrl, "https address"),
    (settings.StateUrl, "https address"),
    (team.Email, "e-mail address"),
    (team.ForgeId, "user id"),
    (team.SshKey, "SSH public key"),
    (waiver.RuleId, "rule id"),
    (waiver.Fingerprint, "fingerprint"),
    (Any, "any value"),
    (bool, "true or false"),
    (int, "whole number"),
    (str, "text"),
)
_PLURALS: Final = {
    "text": "texts",
    "e-mail address": "e-mail addresses",
    "any value": "any values",
    "text or number": "texts or numbers",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a document."""

    path: str
    type: str
    need: str
    meaning: str

    def __str__(self) -> str:
        cells = (f"`{self.path}`", self.type, self.need, self.meaning)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _alternatives(values: list[str]) -> str:
    quoted = [f"`{value}`" for value in values]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _limits(metadata: list[Any]) -> str:
    low = next((one.ge for one in metadata if isinstance(one, Ge)), None)
    high = next((one.le for one in metadata if isinstance(one, Le)), None)
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", {low} or more" if low is not None else ""


def _counts(metadata: list[Any]) -> str:
    low = next((one.min_length for one in metadata if isinstance(one, MinLen)), 0)
    high = next((one.max_length for one in metadata if isinstance(one, MaxLen)), 0)
    return (f", at least {low}" if low else "") + (f", at most {high}" if high else "")


def _rule(words: str, metadata: list[Any]) -> str:
    """What the field asks for beyond its type."""
    if words.startswith("whole number"):
        return _limits(metadata)
    if words.startswith(("list", "map")):
        return _counts(metadata)
    low = max(
        (one.min_length or 0 for one in metadata if isinstance(one, StringConstraints)), default=0
    )
    return f", at least {low} characters" if words == "text" and low > 1 else ""


def _plural(word: str) -> str:
    return word if word.startswith("`") else _PLURALS.get(word, word + "s")


def _word(hint: Any) -> str:
    for known, word in _WORDS:
        if hint is known or hint == known:
            return word
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _word(arguments[0])
    if origin is Literal:
        return _alternatives([str(argument) for argument in arguments])
    if origin in (Union, UnionType):
        left = [argument for argument in arguments if argument is not type(None)]
        if set(left) == {int, float}:
            return "number"
        if set(left) == {str, int, float}:
            return "text or number"
        return _word(left[0])
    if origin is tuple:
        return "list" if models_in(arguments[0]) else f"list of {_plural(_word(arguments[0]))}"
    if origin is dict:
        key, value = arguments
        words = "maps" if models_in(value) else _plural(_word(value))
        return f"map of {_plural(_word(key))} to {words}"
    assert models_in(hint), hint
    return "map"


def models_in(hint: Any) -> list[type[BaseModel]]:
    """The models that a value of this type may be."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return [hint]
    if get_origin(hint) in (Union, UnionType, Annotated):
        return [model for argument in get_args(hint) for model in models_in(argument)]
    return []


def _inner(hint: Any) -> tuple[str, list[type[BaseModel]]]:
    """What is added to the path of a field to name what is in it, and the models there."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) is tuple:
        return "[]", models_in(get_args(hint)[0])
    if get_origin(hint) is dict:
        return ".<name>", models_in(get_args(hint)[1])
    return "", models_in(hint)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.default
    if value is None or isinstance(value, BaseModel):
        return "optional"
    if isinstance(value, timedelta):
        value = base.format_duration(value)
    elif isinstance(value, time):
        value = value.strftime("%H:%M")
    elif isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, tuple):
        value = f"[{', '.join(map(str, value))}]"
    elif value == "":
        value = '""'
    return f"default `{value}`"


def rows(model: type[BaseModel], prefix: str = "", only_for: str = "") -> Iterator[Row]:
    """Every field of a model and of what is in it, in the order of the source."""
    hints = get_type_hints(model, include_extras=True)
    meanings = {name: " ".join(text.split()) for name, text in texts_of(model).items()}
    for name, info in model.model_fields.items():
        path = prefix + (info.alias or name)
        hint = hints[name]
        words = _word(hint)
        words += _rule(words, info.metadata)
        need = _default(info) + (f" (`{only_for}`)" if only_for else "")
        yield Row(path, words, need, meanings[name])
        step, inner = _inner(hint)
        if info.discriminator:
            yield from _tagged(inner, str(info.discriminator), f"{path}{step}.")
        else:
            for one in inner:
                yield from rows(one, f"{path}{step}.")


def _tagged(models: list[type[BaseModel]], tag: str, prefix: str) -> Iterator[Row]:
    """The tag once, with all its values; then the other fields, each with its tag's value."""
    names = [str(get_args(one.model_fields[tag].annotation)[0]) for one in models]
    meaning = "; ".join(
        f"`{name}`: {(one.__doc__ or '').strip().rstrip('.')}"
        for name, one in zip(names, models, strict=True)
    )
    yield Row(prefix + tag, _alternatives(names), "required", meaning)
    for name, one in zip(names, models, strict=True):
        for row in rows(one, prefix, name):
            if row.path != prefix + tag:
                yield row


def table(kind: Kind) -> str:
    """The table of a kind's fields, as it stands in its page."""
    head = "| field | type | required, default | meaning |\n|---|---|---|---|\n"
    return head + "".join(f"{row}\n" for row in rows(kind.model))


def page_of(kind: Kind) -> Path:
    """Where a kind is described."""
    return DOCUMENTS / f"{kind.name.lower()}.md"


FIELDS: Final = re.compile(r"(<!-- fields -->\n)(.*?)(<!-- /fields -->)", re.DOTALL)


RULES: Final = re.compile(r"(<!-- rules -->\n)(.*?)(<!-- /rules -->)", re.DOTALL)


def rules_table() -> str:
    """All rules of the secret scan, by family, as they stand in their page."""
    parts = []
    for family, rules in FAMILIES:
        parts.append(f"### {family}\n\n| rule | finds | severity |\n|---|---|---|\n")
        for rule in rules:
            severity = "advice" if rule.advice else rule.severity
            parts.append(f"| `{rule.id}` | {rule.title} | {severity} |\n")
        parts.append("\n")
    return "".join(parts)


KEPT: Final = re.compile(r"(<!-- kept -->\n)(.*?)(<!-- /kept -->)", re.DOTALL)


def kept_table() -> str:
    """What the sandbox does not read back from its cloud, by resource type."""
    head = "| resource type | attributes |\n|---|---|\n"
    return head + "".join(
        f"| `{name}` | {', '.join(f'`{one}`' for one in attributes)} |\n"
        for name, attributes in kept().items()
    )


METRIC_LIST: Final = re.compile(r"(<!-- metrics -->\n)(.*?)(<!-- /metrics -->)", re.DOTALL)


def metrics_table() -> str:
    """Everything that is counted, timed and weighed."""
    head = "| metric | type | labels | meaning |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{one.shown}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)}"
        f" | {one.meaning} |\n"
        for one in METRICS
    )


def with_tables(path: Path, text: str) -> str:
    """A page with its generated tables as they ought to be."""
    if path == ROOT / "docs" / "secrets.md":
        return RULES.sub(lambda match: f"{match[1]}\n{rules_table()}{match[3]}", text)
    if path == ROOT / "docs" / "sandbox.md":
        return KEPT.sub(lambda match: f"{match[1]}\n{kept_table()}\n{match[3]}", text)
    if path == ROOT / "docs" / "telemetry.md":
        return METRIC_LIST.sub(lambda match: f"{match[1]}\n{metrics_table()}\n{match[3]}", text)
    pages: Mapping[Path, Kind] = {page_of(kind): kind for kind in KINDS}
    if path not in pages:
        return text
    return FIELDS.sub(lambda match: f"{match[1]}\n{table(pages[path])}\n{match[3]}", text)


def main() -> None:
    """Rewrite what is generated in docs/, and say which pages changed."""
    from tests.docs.commands import TESTED, overview
    from tests.docs.record_pages import PAGE, record_page
    from tests.docs.rule_pages import renew
    from tests.docs.scenes import pages, with_outputs

    for path in renew():
        print(f"renewed {path.relative_to(ROOT)}")  # noqa: T201  # what a person ran it for
    for path in pages():
        before = path.read_text(encoding="utf-8")
        after = with_outputs(with_tables(path, before))
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"renewed {path.relative_to(ROOT)}")  # noqa: T201  # what a person ran it for
    PAGE.write_text(record_page(), encoding="utf-8")
    TESTED.write_text(overview(), encoding="utf-8")


if __name__ == "__main__":
    main()
