"""Give the workers' application: `celery -A console worker`.

A broker only carries "look at row N", so a lost or doubled message costs nothing: the row is the record, and the
schedule rings again. Without CELERY_BROKER_URL the messages are files under the data folder, and one worker with
threads and its own schedule does it all: `celery -A console worker -P threads -B`. With Redis, any number of workers
and one `celery -A console beat`.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

from console import broker, embedded
from tenants import trail

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

broker.register()
app = Celery("console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def have_the_database_running(**_: Any) -> None:
    """Start the embedded PostgreSQL with the worker, and say in the trail that a worker acts."""
    trail.this_process_is("worker")
    embedded.ensure_running()
