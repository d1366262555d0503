"""The demonstration: who appears in it. The teams are those of the shipped samples."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person, an agent, or the program."""

    word: str
    """In one word: the file in `as/` that makes a shell theirs."""
    name: str
    email: str
    what: str
    """Who they are, for people."""


ADA: Final = Somebody("ada", "Ada Berg", "ada@example.com", "of the platform team")
INES: Final = Somebody("ines", "Ines Duarte", "ines@example.com", "an engineer of the web team")
TOM: Final = Somebody("tom", "Tom Weber", "tom@example.com", "of the web team, too")
SARA: Final = Somebody("sara", "Sara Lind", "sara@example.com", "of the sales team")
MINA: Final = Somebody("mina", "Mina Sato", "mina@example.com", "of the security team")
AGENT: Final = Somebody(
    "caretaker", "caretaker", "caretaker@agents.example.com", "an AI agent of the platform team"
)
PROGRAM: Final = Somebody(
    "reconciler", "reconciler", "reconciler@example.com", "the program itself"
)
EVERYBODY: Final = (ADA, INES, TOM, SARA, MINA, AGENT, PROGRAM)
