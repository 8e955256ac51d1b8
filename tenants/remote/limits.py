"""How long and how much: the bounds of every exchange with the platform."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bound one exchange and the retries of one read; seconds and bytes."""

    connect_seconds: float = 5.0
    """For each address of the host, and for each step of making a connection."""
    read_seconds: float = 20.0
    """The longest silence within an answer."""
    total_seconds: float = 30.0
    """From the first byte sent to the last byte of the answer, however lively the connection is."""
    answer_bytes: int = 16 * 1024 * 1024
    """The longest answer; as much as a document may have."""
    tries: int = 3
    """How often one read is tried; a write is sent once."""
    first_pause_seconds: float = 0.25
    """The longest pause before the second try; it doubles with each try (full jitter)."""
    longest_wait_seconds: float = 15.0
    """The longest Retry-After that a read waits for; a longer one is the caller's to plan with."""
    patience_seconds: float = 60.0
    """For one read with all its tries and pauses."""
    pages: int = 1000
    """The most pages of one list."""


LIMITS = Limits()
