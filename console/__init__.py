"""The project: wiring of the apps, and no rule about configurations."""

from console.celery import app as celery_app

__all__ = ["celery_app"]
