"""Fault: what is wrong at a field. It becomes a Problem when somebody needs its line.

Checks speak of fields; lines cost another reading of the file, so they are found last, once for
each file that has faults.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.yaml_reader import Path, Positions, YamlError, find_positions
from reconciler.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of one file.

    `at_name` points at the field's name. `refers` names the document (kind, name) that was looked
    for in vain: when it is there and broken, that is told where it stands, and only there.
    """

    file: str
    field: Path
    code: str
    message: str
    expected: str = ""
    suggestion: str = ""
    at_name: bool = False
    refers: tuple[str, str] | None = None


_KINDS = {
    "agent": "Agent",
    "blueprint": "Blueprint",
    "environment": "Environment",
    "team": "Team",
    "track": "Profile",
}


def unknown(file: str, field: Path, what: str, name: str, known: Iterable[str]) -> Fault:
    """A name that no document has."""
    names = list(known)
    return Fault(
        file,
        field,
        f"unknown-{what}",
        f"there is no {what} `{name}`",
        f"one of: {listed(names)}",
        did_you_mean(name, names),
        refers=(_KINDS[what], name),
    )


def located(faults: Iterable[Fault], read: Callable[[str], bytes | None]) -> list[Problem]:
    """Faults with their lines, sorted by place."""
    by_file: dict[str, list[Fault]] = {}
    for fault in faults:
        by_file.setdefault(fault.file, []).append(fault)
    problems = []
    for file, of_file in by_file.items():
        positions = _positions(read(file))
        for fault in of_file:
            place = (
                positions.of_name(fault.field) if fault.at_name else positions.of_value(fault.field)
            )
            problems.append(
                Problem(
                    file,
                    place.line,
                    place.column,
                    fault.code,
                    fault.message,
                    fault.expected,
                    fault.suggestion,
                )
            )
    return sorted(set(problems))


def _positions(data: bytes | None) -> Positions:
    if data is None:
        return Positions({}, {})
    try:
        return find_positions(data)
    except YamlError:
        return Positions({}, {})
