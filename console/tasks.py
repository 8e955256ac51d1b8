"""What the schedule does for the console itself."""

from celery import shared_task
from django.conf import settings

from console import broker


@shared_task(name="console.tasks.tidy_broker")
def tidy_broker() -> None:
    """Remove messages of the embedded broker that nobody will fetch."""
    if settings.EMBEDDED_BROKER is not None:
        broker.tidy(settings.EMBEDDED_BROKER)
