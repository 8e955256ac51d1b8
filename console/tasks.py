"""What the schedule does for the console itself."""

from celery import shared_task
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from console import broker


@shared_task(name="console.tasks.tidy_broker")
def tidy_broker() -> None:
    """Remove messages of the embedded broker that nobody will fetch."""
    if settings.EMBEDDED_BROKER is not None:
        broker.tidy(settings.EMBEDDED_BROKER)


@shared_task(name="console.tasks.tidy_sessions")
def tidy_sessions() -> None:
    """Remove sessions that are over, and counts of the shared cache that no longer count."""
    call_command("clearsessions")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM console_cache WHERE expires < now()")
