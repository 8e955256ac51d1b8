"""Settings of the tests: the console's own, on a PostgreSQL of the tests that is thrown away.

DATABASE_URL, where given, is used for the tests as well; otherwise a PostgreSQL starts under var/test for
the run.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# Before the console's settings are read, and for every process that a test starts.
os.environ.update(
    CONSOLE_DATA_DIR=str(BASE_DIR / "var" / "test"),
    SECRET_KEY="only-for-tests-and-known-to-everybody-who-reads-this",
    CONSOLE_SECRET_KEYS="dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGU=",
    CONSOLE_ALLOW_CUSTOM_HOSTS="on",
    # The PostgreSQL of the tests is thrown away, so it waits for no disk (embedded.FAST).
    CONSOLE_ALLOW_LOSSY_DATABASE="on",
    ALLOWED_HOSTS="127.0.0.1,localhost",
    DEBUG="off",
    # The practice platform takes more; a test about the budget gives its tenant one of its own.
    CONSOLE_REQUESTS_A_MINUTE="6000",
)
for _name in (
    "SECRET_KEY_FILE",
    "CONSOLE_SECRET_KEYS_FILE",
    "CSRF_TRUSTED_ORIGINS",
    "CELERY_BROKER_URL",
    "CONSOLE_RESOURCE_TYPES_FILE",
    "CONSOLE_URL",
    "CONSOLE_NOTICE_WEBHOOK",
    "CONSOLE_NOTICE_WEBHOOK_TOKEN",
    "EMAIL_URL",
    "EMAIL_URL_FILE",
    "EMAIL_FROM",
    "CONSOLE_CHECKPOINT_KEY",
    "CONSOLE_CHECKPOINT_KEY_FILE",
    "CONSOLE_CHECKPOINT_PUBLIC_KEYS",
    "CONSOLE_CHECKPOINT_FOLDER",
    "CONSOLE_CHECKPOINT_WEBHOOK",
    "CONSOLE_CHECKPOINT_WEBHOOK_TOKEN",
    "CONSOLE_CHECKPOINT_S3",
):
    os.environ.pop(_name, None)

from console import embedded  # noqa: E402
from console.settings import *  # noqa: E402, F403
from console.settings import DATABASES, EMBEDDED_CLUSTER, STORAGES  # noqa: E402

if EMBEDDED_CLUSTER is not None:
    EMBEDDED_CLUSTER = embedded.Cluster(EMBEDDED_CLUSTER.folder, durable=False)

# A connection that outlives its test would keep the database from being dropped.
DATABASES["default"]["CONN_MAX_AGE"] = 0

# A test's whole work is one transaction, in which a busy machine may stand still for longer than the console's may.
DATABASES["default"]["OPTIONS"] = {"options": "-c idle_in_transaction_session_timeout=10min"}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# The tests collect no static files; the plain names are found where they are written.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
