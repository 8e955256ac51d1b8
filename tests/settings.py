"""Settings of the tests: the console's own, on a PostgreSQL of the tests that is thrown away.

DATABASE_URL, where given, is used for the tests as well; otherwise a PostgreSQL starts under var/test for
the run.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# Before the console's settings are read, and for every process that a test starts.
os.environ["CONSOLE_DATA_DIR"] = str(BASE_DIR / "var" / "test")

from console import embedded  # noqa: E402
from console.settings import *  # noqa: E402, F403
from console.settings import DATABASES, EMBEDDED_CLUSTER  # noqa: E402

if EMBEDDED_CLUSTER is not None:
    EMBEDDED_CLUSTER = embedded.Cluster(EMBEDDED_CLUSTER.folder, durable=False)

# A connection that outlives its test would keep the database from being dropped.
DATABASES["default"]["CONN_MAX_AGE"] = 0

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
