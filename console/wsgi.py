"""Serve the console through a WSGI server: `gunicorn console.wsgi`.

On a database that may lose what it has acknowledged the pages are served, so that people can look; the log says by name
what is off, and no rollback runs (`tenants.durability`).
"""

import os

import structlog
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection

from console import embedded
from tenants import durability

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

application = get_wsgi_application()
embedded.ensure_running()
try:
    durability.require()
except durability.CommitsMayBeLost as problem:
    structlog.get_logger(__name__).error("database.may_lose_commits", problem=str(problem))
except DatabaseError as problem:
    structlog.get_logger(__name__).warning("database.not_asked", error=" ".join(str(problem).split()))
finally:
    # Opened in the process that gunicorn forks from, or by a thread that serves nobody.
    connection.close()
