"""Settings of the tests: the console's own, on a PostgreSQL that the tests start for themselves."""

from console.settings import *  # noqa: F403
