"""Remember with each send which OAuth client it was sent with; what is still open was sent with the tenant's."""

from django.db import migrations, models

OPEN = """
UPDATE rollbacks_send AS send SET client_id = tenant.client_id
FROM rollbacks_attempt AS attempt, rollbacks_rollback AS rollback, tenants_tenant AS tenant
WHERE attempt.id = send.attempt_id AND attempt.state = 'open'
    AND rollback.id = attempt.rollback_id AND tenant.id = rollback.tenant_id"""


class Migration(migrations.Migration):

    dependencies = [
        ("rollbacks", "0009_append_in_the_database"),
    ]

    operations = [
        migrations.AddField(
            model_name="send",
            name="client_id",
            field=models.CharField(blank=True, default="", help_text="The OAuth client that sent it.", max_length=120),
            preserve_default=False,
        ),
        migrations.RunSQL(OPEN, migrations.RunSQL.noop),
    ]
