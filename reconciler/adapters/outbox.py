"""Letters on this machine's disk: one file for each batch, whole or not there at all."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from reconciler.adapters.locks import taken
from reconciler.errors import TransientError
from reconciler.model.notice import Batch, Letter, Notice

_SUFFIX: Final = ".json"


class DiskOutbox:
    """The outbox of one repository."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """A lock that ends with its holder, however that ends."""
        self._made()
        try:
            file = (self._folder / "lock").open("ab")
        except OSError as err:
            raise _unwritable(self._folder, err) from err
        with file:
            yield taken(file.fileno())

    def all(self) -> Sequence[Batch]:
        """Every batch. One that cannot be read is of another version, and is left where it is."""
        found = []
        for path in sorted(self._folder.glob("*" + _SUFFIX)):
            with suppress(OSError, ValueError, KeyError, TypeError):
                found.append(_batch(json.loads(path.read_text(encoding="utf-8"))))
        return found

    def keep(self, batch: Batch) -> None:
        """It is on the disk afterwards."""
        path = self._folder / (batch.id + _SUFFIX)
        try:
            if not batch.letters:
                path.unlink(missing_ok=True)
                return
            self._made()
            part = path.with_suffix(".part")
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  # with its mode
                json.dump(asdict(batch), file, default=_instant)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as err:
            raise _unwritable(self._folder, err) from err

    def _made(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as err:
            raise _unwritable(self._folder, err) from err


def _unwritable(folder: Path, err: OSError) -> TransientError:
    return TransientError(
        "outbox-unwritable",
        f"what is to be told cannot be written to {folder}: {err.strerror}",
        hint="is the disk full? nobody is told before it is written; RECONCILER_STATE_DIR says"
        " where it is",
        subject=str(folder),
    )


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _batch(found: dict[str, Any]) -> Batch:
    letters = tuple(
        Letter(
            one["rule"],
            Notice(**one["notice"]),
            datetime.fromisoformat(one["written"]),
            datetime.fromisoformat(one["due"]),
            int(one["tries"]),
        )
        for one in found["letters"]
    )
    return Batch(str(found["id"]), str(found["until"]), bool(found["ours"]), letters)
