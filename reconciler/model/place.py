"""Place: the account and region that an environment is built in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where one environment is built."""

    environment: str
    account: str
    region: str
