"""Keep the checkpoints, append-only as the entries, and how far each sink outside the database has them."""

import django.db.models.deletion
from django.db import migrations, models

FORBID = """
CREATE TRIGGER checkpoint_append_only BEFORE UPDATE OR DELETE ON rollbacks_checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_the_past();
CREATE TRIGGER checkpoint_no_truncate BEFORE TRUNCATE ON rollbacks_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_the_past();
"""

ALLOW = """
DROP TRIGGER checkpoint_append_only ON rollbacks_checkpoint;
DROP TRIGGER checkpoint_no_truncate ON rollbacks_checkpoint;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('rollbacks', '0005_guard_probes'),
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Checkpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.BigIntegerField()),
                ('size', models.BigIntegerField(help_text='How many entries it covers.')),
                ('peaks', models.BinaryField(help_text='The roots of the perfect subtrees, from which the next tree grows.')),
                ('line', models.BinaryField(help_text='The signed line, as the sinks have it.')),
                ('at', models.DateTimeField()),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checkpoints', to='tenants.tenant')),
            ],
            options={
                'ordering': ('tenant', 'number'),
                'constraints': [models.UniqueConstraint(fields=('tenant', 'number'), name='checkpoint_numbered_once'), models.CheckConstraint(condition=models.Q(('number__gte', 1), ('size__gte', 1)), name='checkpoint_covers_something')],
            },
        ),
        migrations.CreateModel(
            name='SinkState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sink', models.CharField(max_length=300)),
                ('delivered', models.BigIntegerField(default=0, help_text='The number of the last checkpoint that it has.')),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveIntegerField(default=0, help_text='In a row, since it last took one.')),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('problem', models.TextField(blank=True, help_text='What it said, or did not say, the last time.')),
                ('next_try_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('sink', 'tenant'), name='sink_state_once_a_tenant')],
            },
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
