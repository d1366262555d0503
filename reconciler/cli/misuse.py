"""A call that the command line does not allow, told as everything else that goes wrong is."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import click

from reconciler.errors import UsageError

_NAME: Final = re.compile(r"'(--?[\w-]+|[A-Z][A-Z_]*)'")


def as_ours(err: click.ClickException, argv: Sequence[str]) -> UsageError:
    """The same in the house's words: what, and what to do; every option that is missing at once."""
    context = err.ctx if isinstance(err, click.UsageError) else None
    message = _plain(err.format_message())
    if isinstance(err, click.MissingParameter) and context is not None:
        missing = [f"`{name}`" for name in _missing(err, context, argv)]
        if len(missing) > 1:
            message = f"missing options {', '.join(missing[:-1])} and {missing[-1]}"
    if context is None:
        return UsageError("usage", message)
    path, pieces = context.command_path, context.command.collect_usage_pieces(context)
    called = f"`{path} {' '.join(pieces)}`; " if len(pieces) > 1 else ""
    return UsageError("usage", message, hint=f"{called}`{path} --help` tells more")


def _missing(
    err: click.MissingParameter, context: click.Context, argv: Sequence[str]
) -> Iterator[str]:
    """What was found missing first, and each option that would have been next."""
    if isinstance(err.param, click.Option):
        yield err.param.opts[0]
    for one in context.command.params:
        if not isinstance(one, click.Option) or not one.required or one is err.param:
            continue
        given = any(word.partition("=")[0] in one.opts for word in argv)
        if one.name not in context.params and not given:
            yield one.opts[0]


def _plain(words: str) -> str:
    """Without the capital letter and the full stop of a sentence; names as they stand elsewhere."""
    text = _NAME.sub(r"`\1`", " ".join(words.split()).removesuffix("."))
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
