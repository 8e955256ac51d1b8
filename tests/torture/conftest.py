"""Where these tests carry rollbacks out against the practice platform, they stand at the same desk as the others."""

from tests.rollbacks.conftest import desk

__all__ = ["desk"]
