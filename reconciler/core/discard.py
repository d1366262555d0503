"""Which of what nobody manages may be taken away, and why not. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from reconciler.core.drift import kind_of
from reconciler.core.suggest import listed

REMOVABLE: Final = frozenset(
    {
        "aws_cloudwatch_log_group",
        "aws_lambda_function",
        "aws_lb_target_group",
        "aws_security_group",
        "aws_sns_topic",
    }
)
"""What holds no data, and can be made again from a source. All other kinds a human removes."""


def against_removal(
    unmanaged: Collection[str], becomes: Mapping[str, str], most: int
) -> Iterator[str]:
    """Every reason why nobody but a human may take these away. `becomes`: ARN -> address."""
    if not unmanaged:
        return
    if not most:
        yield "no apply takes away what is unmanaged, and the profile lets nothing be removed"
        return
    if len(unmanaged) > most:
        yield f"{len(unmanaged)} are unmanaged, and by itself at most {most} are removed"
    known = sorted({becomes[arn] for arn in unmanaged if arn in becomes})
    if known:
        yield f"the blueprint has {listed(known, 3)}, which it could become"
    kinds = sorted({kind_of(arn) for arn in unmanaged} - REMOVABLE)
    if kinds:
        yield f"{listed(kinds, 3)}: that may hold data, and is never removed by this program"


def is_of(environment: str, tags: Mapping[str, str]) -> bool:
    """Whether the tags of a thing say that it is an environment's."""
    return tags.get("managed-by") == "reconciler" and tags.get("environment") == environment


def removed_words(removed: Iterable[str], kept: Iterable[tuple[str, str]]) -> str:
    """What came of it, for a record."""
    parts = [f"removed {listed(removed, 10)}"] if removed else []
    parts += [f"kept {arn}: {why}" for arn, why in kept]
    return "; ".join(parts)
