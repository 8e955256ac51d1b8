"""Serve the console through a WSGI server: `gunicorn console.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from console import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

application = get_wsgi_application()
embedded.ensure_running()
