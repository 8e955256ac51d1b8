"""Keep the SHA-256 of a document as its 32 bytes instead of 64 digits: in each row, in its index, and in each version.

Both tables are written anew under a lock, which takes seconds for a million versions; the console waits meanwhile.
"""

from django.db import migrations, models

import tenants.hashes

AS_BYTES = """
DO $$
DECLARE reference text := (
    SELECT conname FROM pg_constraint
    WHERE contype = 'f' AND conrelid = 'tenants_snapshot'::regclass AND confrelid = 'tenants_document'::regclass
);
BEGIN
    EXECUTE format('ALTER TABLE tenants_snapshot DROP CONSTRAINT %I', reference);
    ALTER TABLE tenants_document DROP CONSTRAINT document_sha256_is_hex;
    ALTER TABLE tenants_document ALTER COLUMN sha256 TYPE bytea USING decode(sha256, 'hex');
    ALTER TABLE tenants_document ADD CONSTRAINT document_sha256_is_whole CHECK (octet_length(sha256) = 32);
    ALTER TABLE tenants_snapshot ALTER COLUMN document_id TYPE bytea USING decode(document_id, 'hex');
    EXECUTE format(
        'ALTER TABLE tenants_snapshot ADD CONSTRAINT %I FOREIGN KEY (document_id)'
        ' REFERENCES tenants_document (sha256) DEFERRABLE INITIALLY DEFERRED', reference
    );
END $$;
"""
AS_DIGITS = """
DO $$
DECLARE reference text := (
    SELECT conname FROM pg_constraint
    WHERE contype = 'f' AND conrelid = 'tenants_snapshot'::regclass AND confrelid = 'tenants_document'::regclass
);
BEGIN
    EXECUTE format('ALTER TABLE tenants_snapshot DROP CONSTRAINT %I', reference);
    ALTER TABLE tenants_document DROP CONSTRAINT document_sha256_is_whole;
    ALTER TABLE tenants_document ALTER COLUMN sha256 TYPE varchar(64) USING encode(sha256, 'hex');
    ALTER TABLE tenants_document
        ADD CONSTRAINT document_sha256_is_hex CHECK (sha256::text ~ '^[0-9a-f]{64}$');
    ALTER TABLE tenants_snapshot ALTER COLUMN document_id TYPE varchar(64) USING encode(document_id, 'hex');
    EXECUTE format(
        'ALTER TABLE tenants_snapshot ADD CONSTRAINT %I FOREIGN KEY (document_id)'
        ' REFERENCES tenants_document (sha256) DEFERRABLE INITIALLY DEFERRED', reference
    );
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("tenants", "0011_environment_and_tickets"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(AS_BYTES, AS_DIGITS)],
            state_operations=[
                migrations.RemoveConstraint(model_name="document", name="document_sha256_is_hex"),
                migrations.AlterField(
                    model_name="document",
                    name="sha256",
                    field=tenants.hashes.Sha256Field(
                        help_text="Of the bytes themselves.", primary_key=True, serialize=False
                    ),
                ),
            ],
        ),
    ]
