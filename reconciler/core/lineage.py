"""Which steps a state rests on: those without which it would be another one."""

from collections.abc import Hashable, Sequence


def resting(states: Sequence[Hashable]) -> tuple[int, ...]:
    """Of states in a row, newest first, the numbers of those that were new and still count.

    The last one is where it began. Whatever led away from a state and back to it is left out.
    """
    oldest = {state: number for number, state in enumerate(states)}
    found: list[int] = []
    at = oldest[states[0]] if states else 0
    while at < len(states) - 1:
        found.append(at)
        at = oldest[states[at + 1]]
    return tuple(found)
