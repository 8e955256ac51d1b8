"""Keep histories as the peers do and measure it: `python archives.py '{"HOST": …}' CONFIGS VERSIONS TIMED READS`.

In their environment, with the checkout on the path for the same histories that ours are measured with. Each keeps every
version of every configuration; only the writes of the last rounds are timed, each in a transaction of its own. Prints for
each peer the bytes on disk and the seconds of each write and read.
"""

import json
import random
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
            "reversion",
            "simple_history",
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        SECRET_KEY="only for measuring",
    )
    django.setup()


def main():
    """Make the tables, write, read, and print."""
    configure(json.loads(sys.argv[1]))
    configs, versions, timed, reads = map(int, sys.argv[2:6])
    import reversion
    from django.core.management import call_command
    from django.db import connection, models, transaction
    from reversion.models import Version
    from simple_history.models import HistoricalRecords

    from tests.bench.histories import rounds

    def make(name, **more):
        fields = {"number": models.IntegerField(), "content": models.JSONField()}
        meta = type("Meta", (), {"app_label": "auth"})
        return type(name, (models.Model,), {"__module__": __name__, "Meta": meta, **fields, **more})

    full = make("Full")
    revised = make("Revised")
    historic = make("Historic", history=HistoricalRecords(app="auth"))
    reversion.register(revised)
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in (full, revised, historic, historic.history.model):
            editor.create_model(model)

    kept = {"full": {}, "reversion": {}, "history": {}}

    def keep_full(number, version, content):
        kept["full"][number, version] = full.objects.create(number=number, content=content).pk

    def keep_revision(number, version, content):
        with reversion.create_revision():
            row = revised(pk=number + 1, number=number, content=content)
            row.save()
            reversion.set_comment("Changed")

    def keep_history(number, version, content):
        historic(pk=number + 1, number=number, content=content).save()

    keep = {"full": keep_full, "reversion": keep_revision, "history": keep_history}
    writes = {name: [] for name in keep}
    for version, raws in enumerate(rounds(configs, versions), start=1):
        contents = [json.loads(raw) for raw in raws]
        if version <= versions - timed:
            for one in keep.values():
                with transaction.atomic():
                    for number, content in enumerate(contents):
                        one(number, version, content)
            continue
        for number, content in enumerate(contents):
            for name, one in keep.items():
                began = time.perf_counter()
                with transaction.atomic():
                    one(number, version, content)
                writes[name].append(time.perf_counter() - began)

    kept["reversion"] = dict(enumerate(Version.objects.order_by("pk").values_list("pk", flat=True)))
    kept["history"] = dict(enumerate(historic.history.order_by("pk").values_list("pk", flat=True)))
    read = {
        "full": lambda pk: full.objects.get(pk=pk).content,
        "reversion": lambda pk: Version.objects.get(pk=pk).field_dict["content"],
        "history": lambda pk: historic.history.get(pk=pk).content,
    }
    chance = random.Random(7)  # noqa: S311 - no secret
    seconds = {name: [] for name in read}
    chosen = {name: chance.choices(list(kept[name].values()), k=reads) for name in read}
    for turn in range(reads):
        for name, one in read.items():
            began = time.perf_counter()
            one(chosen[name][turn])
            seconds[name].append(time.perf_counter() - began)

    tables = {
        "full": ["auth_full"],
        "reversion": ["auth_revised", "reversion_version", "reversion_revision"],
        "history": ["auth_historic", historic.history.model._meta.db_table],
    }
    sizes = {}
    with connection.cursor() as cursor:
        for name, of_peer in tables.items():
            cursor.execute("SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s) AS name", [of_peer])
            sizes[name] = int(cursor.fetchone()[0])
    print(json.dumps({name: [sizes[name], writes[name], seconds[name]] for name in read}))


if __name__ == "__main__":
    main()
