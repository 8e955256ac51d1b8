"""How gunicorn serves the console; gunicorn reads this file by itself, and its command line wins over it."""

import os
import sys
from importlib import import_module
from pathlib import Path

worker_class = "gthread"
workers = 1
threads = 8
bind = "127.0.0.1:8000"
# The first pages are slow where PostgreSQL must start; a hung request is ended all the same.
# Nothing here is steered through a socket in the home folder.
control_socket_disable = True
timeout = 60
graceful_timeout = 10
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(D)sus'

# An unreadable environment is refused here, once, before any worker is started and started again.
sys.path.insert(0, str(Path(__file__).resolve().parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
import_module(os.environ["DJANGO_SETTINGS_MODULE"])
