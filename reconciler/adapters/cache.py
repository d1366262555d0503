"""Results by digest in one SQLite file. It may be deleted at any time, and loses nothing.

Only data is kept, never code. Each value carries a digest, so that a damaged one is not believed.
A cache that cannot be opened or written is as good as none.
"""

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

_DIGEST = 16
_BATCH = 500
_MAX_BYTES = 1 << 30


class SqliteCache:
    """The cache in a user's own folder; without a folder, one that forgets everything."""

    def __init__(self, folder: Path | None) -> None:
        self._connection: sqlite3.Connection | None = None
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _is_ours_alone(folder):
                return
            file = folder / "results.sqlite"
            file.touch(mode=0o600)
            if file.exists() and file.stat().st_size > _MAX_BYTES:
                file.unlink()
            connection = sqlite3.connect(file, timeout=2, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS results"
                " (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID"
            )
            self._connection = connection
        except (OSError, sqlite3.Error):
            self._connection = None

    def __del__(self) -> None:
        """Python 3.13 complains of a connection that nobody closed."""
        if self._connection is not None:
            with suppress(sqlite3.ProgrammingError):  # whoever collects it may be another thread
                self._connection.close()

    def get(self, kind: str, key: str) -> bytes | None:
        """What was put under the key, if it is there and whole."""
        return self.get_many(kind, (key,)).get(key)

    def get_many(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Those of the keys that are there and whole."""
        found: dict[str, bytes] = {}
        if self._connection is None:
            return found
        try:
            for start in range(0, len(keys), _BATCH):
                batch = keys[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                rows = self._connection.execute(
                    f"SELECT key, value FROM results WHERE kind = ? AND key IN ({marks})",  # noqa: S608  # only marks
                    (kind, *batch),
                )
                for key, value in rows:
                    opened = _open(kind, key, value)
                    if opened is not None:
                        found[key] = opened
        except sqlite3.Error:
            pass
        return found

    def put_many(self, kind: str, items: Iterable[tuple[str, bytes]]) -> None:
        """Remember; when it cannot, it says nothing."""
        if self._connection is None:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?)",
                ((kind, key, _close(kind, key, value)) for key, value in items),
            )
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def _is_ours_alone(folder: Path) -> bool:
    """Whoever can write the cache can say what is valid, so nobody else may."""
    found = folder.stat()
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _digest(kind: str, key: str, packed: bytes) -> bytes:
    return hashlib.blake2b(f"{kind} {key} ".encode() + packed, digest_size=_DIGEST).digest()


def _close(kind: str, key: str, value: bytes) -> bytes:
    packed = zlib.compress(value, 1)
    return _digest(kind, key, packed) + packed


def _open(kind: str, key: str, stored: object) -> bytes | None:
    if not isinstance(stored, bytes) or stored[:_DIGEST] != _digest(kind, key, stored[_DIGEST:]):
        return None
    try:
        return zlib.decompress(stored[_DIGEST:])
    except zlib.error:
        return None
