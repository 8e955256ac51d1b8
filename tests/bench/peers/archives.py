"""Keep histories as the peers do and measure it: `python archives.py '{"HOST": …}' CONFIGS VERSIONS TIMED READS`.

In their environment, with the checkout on the path for the same histories that ours are measured with. Each keeps every
version of every configuration. The rows of all rounds but the last ones are put there at once, as the peer would have
written them (which spares it the dead rows of its updates); the others are written by it, each in a transaction of its
own, and timed. Prints for each peer the bytes on disk and the seconds of each write and read.
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


def main():  # noqa: C901 - one peer after another
    """Make the tables, write, read, and print."""
    configure(json.loads(sys.argv[1]))
    configs, versions, timed, reads = map(int, sys.argv[2:6])
    import reversion
    from django.contrib.contenttypes.models import ContentType
    from django.core.management import call_command
    from django.core.serializers import serialize
    from django.db import connection, models, transaction
    from django.utils import timezone
    from reversion.models import Revision, Version
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

    def keep_full(number, content):
        full.objects.create(number=number, content=content)

    def keep_revision(number, content):
        with reversion.create_revision():
            revised(pk=number + 1, number=number, content=content).save()
            reversion.set_comment("Changed")

    def keep_history(number, content):
        historic(pk=number + 1, number=number, content=content).save()

    kind = ContentType.objects.get_for_model(revised)
    past = historic.history.model

    def all_at_once(contents):
        now = timezone.now()
        full.objects.bulk_create(full(number=number, content=one) for number, one in enumerate(contents))
        past.objects.bulk_create(
            past(id=number + 1, number=number, content=one, history_date=now, history_type="~")
            for number, one in enumerate(contents)
        )
        revisions = Revision.objects.bulk_create(Revision(date_created=now, comment="Changed") for _ in contents)
        rows = [revised(pk=number + 1, number=number, content=one) for number, one in enumerate(contents)]
        Version.objects.bulk_create(
            Version(
                revision=revision,
                object_id=str(row.pk),
                content_type=kind,
                db="default",
                format="json",
                serialized_data=serialize("json", [row]),
                object_repr=str(row),
            )
            for revision, row in zip(revisions, rows, strict=True)
        )

    keep = {"full": keep_full, "reversion": keep_revision, "history": keep_history}
    writes = {name: [] for name in keep}
    for version, raws in enumerate(rounds(configs, versions), start=1):
        contents = [json.loads(raw) for raw in raws]
        if version <= versions - timed:
            with transaction.atomic():
                all_at_once(contents)
            continue
        for number, content in enumerate(contents):
            for name, one in keep.items():
                began = time.perf_counter()
                with transaction.atomic():
                    one(number, content)
                writes[name].append(time.perf_counter() - began)

    read = {
        "full": (full, lambda pk: full.objects.get(pk=pk).content),
        "reversion": (Version, lambda pk: Version.objects.get(pk=pk).field_dict["content"]),
        "history": (past, lambda pk: past.objects.get(pk=pk).content),
    }
    chance = random.Random(7)  # noqa: S311 - no secret
    chosen = {
        name: chance.choices(list(model.objects.order_by("pk").values_list("pk", flat=True)), k=reads)
        for name, (model, _) in read.items()
    }
    seconds = {name: [] for name in read}
    for turn in range(reads):
        for name, (_, one) in read.items():
            began = time.perf_counter()
            one(chosen[name][turn])
            seconds[name].append(time.perf_counter() - began)

    tables = {
        "full": ["auth_full"],
        "reversion": ["auth_revised", "reversion_version", "reversion_revision"],
        "history": ["auth_historic", past._meta.db_table],
    }
    sizes = {}
    with connection.cursor() as cursor:
        for name, of_peer in tables.items():
            cursor.execute(
                "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name", [of_peer]
            )
            sizes[name] = int(cursor.fetchone()[0])
    print(json.dumps({name: [sizes[name], writes[name], seconds[name]] for name in read}))


if __name__ == "__main__":
    main()
