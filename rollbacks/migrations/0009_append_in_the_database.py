"""Append to the trail in a function of the database, and index entries only by what they name."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

# The moment is taken behind the lock of the head, by the database's clock, so that later entries bear later moments
# whoever wrote them. The advisory lock hands the turn from one to the next with one waking instead of the two that a
# locked row takes, so that eight writers on one tenant append a quarter more; the head's lock is what the chain rests
# on. The tenant's first entry ever makes the head.
MAKE = """
CREATE FUNCTION append_to_trail(
    the_tenant uuid, the_id uuid, the_action text, the_outcome text, the_actor text, the_config uuid,
    the_rollback uuid, the_attempt uuid, before_at bytea, before_seq bytea, after_seq bytea,
    OUT new_seq bigint, OUT new_at timestamptz, OUT new_previous bytea, OUT new_hash bytea
) LANGUAGE plpgsql AS $$
DECLARE
    payload bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(the_tenant, 0));
    LOOP
        SELECT head.seq + 1, head.hash INTO new_seq, new_previous
            FROM rollbacks_audithead AS head WHERE head.tenant_id = the_tenant FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO rollbacks_audithead (tenant_id, seq, hash)
            VALUES (the_tenant, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
    END LOOP;
    new_at := clock_timestamp();
    payload := before_at || convert_to(to_char(new_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8')
        || before_seq || convert_to(new_seq::text, 'UTF8') || after_seq;
    new_hash := sha256('\\x00'::bytea || new_previous || sha256(payload));
    INSERT INTO rollbacks_auditentry (
        id, tenant_id, seq, at, action, outcome, actor, config_id, rollback_id, attempt_id, payload, previous_hash, hash
    ) VALUES (
        the_id, the_tenant, new_seq, new_at, the_action, the_outcome, the_actor, the_config, the_rollback, the_attempt,
        payload, new_previous, new_hash
    );
    UPDATE rollbacks_audithead AS head SET seq = new_seq, hash = new_hash WHERE head.tenant_id = the_tenant;
END $$;
"""

UNMAKE = "DROP FUNCTION append_to_trail"



def named(to: str, related_name: str = "audit_entries") -> models.ForeignKey:
    return models.ForeignKey(
        blank=True,
        db_index=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to=to,
    )


class Migration(migrations.Migration):
    dependencies = [("rollbacks", "0008_queue"), ("tenants", "0003_onboarding")]

    operations = [
        migrations.RunSQL(MAKE, UNMAKE),
        migrations.AlterField("auditentry", "attempt", named("rollbacks.attempt")),
        migrations.AlterField("auditentry", "config", named("tenants.trackedconfig", "+")),
        migrations.AlterField("auditentry", "rollback", named("rollbacks.rollback")),
        migrations.AlterField(
            "auditentry",
            "tenant",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to="tenants.tenant",
            ),
        ),
        *(
            migrations.AddIndex(
                "auditentry",
                models.Index(fields=[name], name=f"audit_by_{name}", condition=Q((f"{name}__isnull", False))),
            )
            for name in ("config", "rollback", "attempt")
        ),
    ]
