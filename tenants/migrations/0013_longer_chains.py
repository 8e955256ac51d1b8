"""Let chains of documents grow to 200 places, and keep bodies in their rows without a moment of their own.

Done beside the work: nothing is written anew, and the constraint holds for the whole table once it was checked without
a lock. On the way back every document is unpacked first: what is older cannot read the bodies that are written since.
"""

from django.db import migrations, models
from django.db.models import Q

from tenants.documents import packing

LONGER = """
ALTER TABLE tenants_document DROP CONSTRAINT document_place_in_chain, ADD CONSTRAINT document_place_in_chain CHECK (
    (chain IS NULL AND place IS NULL AND leans_on IS NULL)
    OR (chain IS NOT NULL AND place IS NOT NULL AND place BETWEEN 0 AND {last})
) NOT VALID;
"""
CHECKED = "ALTER TABLE tenants_document VALIDATE CONSTRAINT document_place_in_chain"
# An anchor of some KB takes a quarter more outside of its row, and every read of a chain needs it.
IN_ITS_ROW = "ALTER TABLE tenants_document ALTER COLUMN body SET STORAGE MAIN"
OUTSIDE = "ALTER TABLE tenants_document ALTER COLUMN body SET STORAGE EXTERNAL"


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
        ("tenants", "0012_keys_as_bytes"),
    ]

    operations = [
        migrations.RemoveField(model_name="document", name="created_at"),
        migrations.RunSQL(IN_ITS_ROW, OUTSIDE),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(LONGER.format(last=199), LONGER.format(last=49) + CHECKED),
                migrations.RunSQL(CHECKED, migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.RemoveConstraint(model_name="document", name="document_place_in_chain"),
                migrations.AddConstraint(
                    model_name="document",
                    constraint=models.CheckConstraint(
                        condition=Q(chain__isnull=True, place__isnull=True, leans_on__isnull=True)
                        | Q(chain__isnull=False, place__isnull=False, place__range=(0, 199)),
                        name="document_place_in_chain",
                    ),
                ),
            ],
        ),
        migrations.RunPython(migrations.RunPython.noop, unpack_all),
    ]
