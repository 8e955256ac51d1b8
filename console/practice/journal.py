"""An append-only file of JSON lines: on disk before the answer leaves, and readable after kill -9.

A torn last line was never answered for, so it is cut off at the next start. A line that cannot be read
anywhere else is damage, and nothing is started on damaged data.
"""

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any


class JournalDamaged(Exception):
    """The journal holds a line that no crash explains."""


class DataInUse(Exception):
    """Another practice platform works on the same folder."""


class Journal:
    """The file of every accepted change in one folder, locked while it is open."""

    def __init__(self, folder: Path) -> None:
        """Lock the folder. Raises `DataInUse`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "journal.jsonl"
        self._lock: IO[str] = (folder / "lock").open("w")
        self._file: IO[bytes] | None = None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise DataInUse(f"Another practice platform already works on {folder}; nothing was started.") from error

    @property
    def exists(self) -> bool:
        """Tell whether a first start has been completed here."""
        return self.path.exists()

    def create(self, records: Iterable[dict[str, Any]]) -> None:
        """Write the first records all at once: a start that is killed half-way leaves no journal."""
        draft = self.path.with_suffix(".draft")
        with draft.open("wb") as file:
            for record in records:
                file.write(_line(record))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self) -> list[dict[str, Any]]:
        """Return every record, having cut off a torn last line. Raises `JournalDamaged`."""
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            with self.path.open("r+b") as file:
                file.truncate(whole)
                file.flush()
                os.fsync(file.fileno())
        records = []
        for number, line in enumerate(data[:whole].splitlines(), start=1):
            try:
                records.append(json.loads(line))
            except ValueError as error:
                raise JournalDamaged(
                    f"Line {number} of {self.path} cannot be read; nothing was started. "
                    "Move the folder away to begin with fresh organizations."
                ) from error
        return records

    def append(self, record: dict[str, Any]) -> None:
        """Add one record; it is on disk when this returns."""
        if self._file is None:
            self._file = self.path.open("ab")
        self._file.write(_line(record))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file and give the folder back."""
        if self._file is not None:
            self._file.close()
        self._lock.close()


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
