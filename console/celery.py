"""Give the workers' application: `celery -A console worker`.

A broker only carries "look at row N", so a lost or doubled message costs nothing: the row is the record, and the
schedule rings again. Without CELERY_BROKER_URL the messages are files under the data folder, and one worker with
threads and its own schedule does it all: `celery -A console worker -P threads -B`. With Redis, any number of workers
and one `celery -A console beat`. A worker without `-Q` serves both queues, and has two places more than it was asked to
have, which only rollbacks get (`console.places`).
"""

import os
from typing import Any

import structlog
from celery import Celery
from celery.signals import worker_init
from django.db import DatabaseError, connection

from console import broker, embedded, places
from tenants import durability, trail

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

log = structlog.get_logger(__name__)

broker.register()
app = Celery("console", task_cls="console.places:Task")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def have_the_database_running(**_: Any) -> None:
    """Start the embedded PostgreSQL with the worker, and say in the trail that a worker acts."""
    trail.this_process_is("worker")
    embedded.ensure_running()
    refuse_a_lossy_database()


@worker_init.connect
def keep_places_for_rollbacks(sender: Any, **_: Any) -> None:
    """Let the worker have places that only rollbacks get, beside those that its command asks for."""
    autoscale = sender.options.get("autoscale")
    if isinstance(sender.concurrency, int) and not autoscale:
        sender.concurrency = places.add_kept(sender.concurrency)


def refuse_a_lossy_database() -> None:
    """End this process, naming the settings, where the database may lose what it has acknowledged.

    One that does not answer yet is no reason: every rollback asks again before its intent is recorded.
    """
    try:
        durability.require()
    except durability.CommitsMayBeLost as problem:
        raise SystemExit(f"{problem}") from problem
    except DatabaseError as problem:
        log.warning("database.not_asked", error=" ".join(str(problem).split()))
    finally:
        connection.close()
