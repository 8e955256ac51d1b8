"""Make a broken chain of documents impossible, beside the work: nothing here holds a lock that anybody waits for long.

Indexes are made concurrently and constraints hold for whole tables only once they were checked without a lock. On the
way back every document is unpacked first.
"""

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.models import F, Q

from tenants.documents import packing

LEANING = """
ALTER TABLE tenants_document ADD CONSTRAINT document_leans_on_kept
    FOREIGN KEY (chain, leans_on) REFERENCES tenants_document (chain, place) NOT VALID;
ALTER TABLE tenants_document VALIDATE CONSTRAINT document_leans_on_kept;
"""
# Nobody looks up the beginning of a SHA-256, and each of these indexes costs as much as what is packed.
LOOKED_UP_BY_NOBODY = """
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT indexrelid::regclass AS name FROM pg_index, pg_class
        WHERE pg_class.oid = indexrelid AND relname LIKE '%\\_like'
          AND (indrelid = 'tenants_document'::regclass
               OR (indrelid = 'tenants_snapshot'::regclass AND relname LIKE 'tenants\\_snapshot\\_document\\_id%'))
    LOOP
        EXECUTE format('DROP INDEX %s', found.name);
    END LOOP;
END $$;
"""


def unpack_all(apps, schema_editor):
    """Keep the bytes of every document as they came, chain by chain and each chain from its end."""
    documents = apps.get_model("tenants", "Document").objects
    for chain in documents.filter(chain__isnull=False).values_list("chain", flat=True).distinct():
        known = {}
        rows = list(documents.filter(chain=chain).order_by("place"))
        for row in rows:
            known[row.place] = packing.unpack(bytes(row.body), size=row.size, base=known.get(row.leans_on))
        for row in reversed(rows):
            documents.filter(pk=row.pk).update(body=known[row.place], chain=None, place=None, leans_on=None)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("tenants", "0008_archive"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS document_place_once"
                    " ON tenants_document (chain, place)",
                    "ALTER TABLE tenants_document DROP CONSTRAINT IF EXISTS document_place_once",
                ),
                migrations.RunSQL(
                    "ALTER TABLE tenants_document"
                    " ADD CONSTRAINT document_place_once UNIQUE USING INDEX document_place_once",
                    migrations.RunSQL.noop,
                ),
            ],
            state_operations=[migrations.AddConstraint(model_name="document", constraint=models.UniqueConstraint(fields=("chain", "place"), name="document_place_once"))],
        ),
        AddConstraintNotValid(
            model_name="document",
            constraint=models.CheckConstraint(
                condition=Q(chain__isnull=True, place__isnull=True, leans_on__isnull=True)
                | Q(chain__isnull=False, place__isnull=False, place__range=(0, 49)),
                name="document_place_in_chain",
            ),
        ),
        ValidateConstraint(model_name="document", name="document_place_in_chain"),
        AddConstraintNotValid(
            model_name="document",
            constraint=models.CheckConstraint(
                condition=Q(leans_on__isnull=True) | Q(leans_on__gte=0, leans_on__lt=F("place")),
                name="document_leans_on_earlier",
            ),
        ),
        ValidateConstraint(model_name="document", name="document_leans_on_earlier"),
        migrations.RunSQL(
            LEANING, "ALTER TABLE tenants_document DROP CONSTRAINT IF EXISTS document_leans_on_kept"
        ),
        AddIndexConcurrently(
            model_name="document",
            index=models.Index(fields=["sha256"], condition=Q(chain__isnull=True), name="document_not_packed"),
        ),
        migrations.RunSQL(LOOKED_UP_BY_NOBODY, migrations.RunSQL.noop),
        migrations.RunPython(migrations.RunPython.noop, unpack_all),
    ]
