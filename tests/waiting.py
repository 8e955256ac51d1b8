"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, seconds: float = 120.0) -> None:
    """Wait until something holds; fail when it does not in time, in which a busy machine starts a worker too."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.05)
