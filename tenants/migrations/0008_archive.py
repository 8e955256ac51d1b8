"""Add the columns of packed documents, and let a tenant say how long versions are kept.

Done in a moment whatever the tables hold: every new column is empty. What is there stays as it is and goes on being
read; 0009 adds the constraints beside the work, and the console packs what is there by and by.
"""

from django.db import migrations, models
from django.db.models import Q

PLACES = """
CREATE SEQUENCE IF NOT EXISTS tenants_document_chain AS integer;
ALTER TABLE tenants_document ALTER COLUMN body SET STORAGE EXTERNAL;
"""
UNPLACED = """
DROP SEQUENCE IF EXISTS tenants_document_chain;
ALTER TABLE tenants_document ALTER COLUMN body SET STORAGE EXTENDED;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("tenants", "0007_indices"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="keep_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Versions that were seen longer ago may be dropped; empty to keep all of them.",
                null=True,
                verbose_name="keep versions for days",
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="keep_versions",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="So many of each object stay, however old; empty for no number.",
                null=True,
                verbose_name="keep the last versions",
            ),
        ),
        migrations.AddField(
            model_name="tenant",
            name="retention_confirmed",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="The retention that a person has seen at work and let run.",
                max_length=60,
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=(Q(keep_days__isnull=True) | Q(keep_days__range=(1, 36_500)))
                & (Q(keep_versions__isnull=True) | Q(keep_versions__range=(1, 1_000_000))),
                name="tenant_retention_within_reason",
            ),
        ),
        migrations.AddField(
            model_name="trackedconfig",
            name="dropped_through",
            field=models.BigIntegerField(
                blank=True,
                help_text="The highest version that retention dropped; no import brings it back.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="document",
            name="size",
            field=models.PositiveIntegerField(help_text="Of the bytes themselves, in bytes."),
        ),
        migrations.AddField(
            model_name="document",
            name="chain",
            field=models.IntegerField(editable=False, help_text="Empty: the body is not packed.", null=True),
        ),
        migrations.AddField(
            model_name="document",
            name="place",
            field=models.SmallIntegerField(editable=False, help_text="In the chain, from 0.", null=True),
        ),
        migrations.AddField(
            model_name="document",
            name="leans_on",
            field=models.SmallIntegerField(
                editable=False,
                help_text="The place in the chain whose bytes this body is packed against.",
                null=True,
            ),
        ),
        migrations.RunSQL(PLACES, UNPLACED),
    ]
