"""A file that appears whole or not at all."""

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def appearing(target: Path) -> "Iterator[IO[bytes]]":
    """Give a file to write; it takes its place when the block ends well, and what stood there stays otherwise.

    It is on disk then, and readable for its owner alone. Raises OSError where that is not possible.
    """
    with NamedTemporaryFile("wb", dir=target.parent, delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
