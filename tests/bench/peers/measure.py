"""Measure what the peers take for one recorded write: `python measure.py '{"HOST": …}' WRITES`, in their environment.

Each saves one changed field of one row, in a transaction of its own, and keeps its record of it: Django's LogEntry as
the admin does, django-simple-history a copy of the row, django-auditlog the difference. Prints seconds for each write.
"""

import json
import sys
import time

import django
from django.conf import settings


def configure(database):
    """Point Django at the measurement's own database."""
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **database}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.admin",
            "auditlog",
            "simple_history",
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        SECRET_KEY="only for measuring",
    )
    django.setup()


def main():
    """Make the tables, write, and print."""
    configure(json.loads(sys.argv[1]))
    from auditlog.registry import auditlog
    from django.contrib.admin.models import CHANGE, LogEntry
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection, models, transaction
    from simple_history.models import HistoricalRecords

    def make(name, **more):
        fields = {"name": models.CharField(max_length=100), "number": models.IntegerField(default=0)}
        meta = type("Meta", (), {"app_label": "auth"})
        return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **fields, **more})

    plain, logged, audited = make("Plain"), make("Logged"), make("Audited")
    historic = make("Historic", history=HistoricalRecords(app="auth"))
    auditlog.register(audited)
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in (plain, logged, audited, historic, historic.history.model):
            editor.create_model(model)
    somebody = User.objects.create_user("alice")

    def log(row):
        LogEntry.objects.log_actions(
            somebody.pk, [row], CHANGE, [{"changed": {"fields": ["Number"]}}], single_object=True
        )

    figures = {}
    for name, model, record in (
        ("a plain save", plain, None),
        ("Django's LogEntry", logged, log),
        ("django-simple-history", historic, None),
        ("django-auditlog", audited, None),
    ):
        row = model.objects.create(name="Agent Assist – Billing EMEA")
        times = []
        for number in range(int(sys.argv[2]) + 20):
            row.number = number
            began = time.perf_counter()
            with transaction.atomic():
                row.save()
                if record is not None:
                    record(row)
            times.append(time.perf_counter() - began)
        figures[name] = times[20:]

    print(json.dumps(figures))


if __name__ == "__main__":
    main()
