"""Make the audit trail append-only in the database itself (PROTOCOL.md, "The audit chain")."""

from django.db import migrations

FORBID = """
CREATE FUNCTION refuse_change_of_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: facts about the past are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON rollbacks_auditentry
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_the_past();
CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON rollbacks_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_the_past();
"""

ALLOW = """
DROP TRIGGER audit_entry_append_only ON rollbacks_auditentry;
DROP TRIGGER audit_entry_no_truncate ON rollbacks_auditentry;
DROP FUNCTION refuse_change_of_the_past();
"""


class Migration(migrations.Migration):
    dependencies = [("rollbacks", "0001_initial")]

    operations = [migrations.RunSQL(FORBID, ALLOW)]
