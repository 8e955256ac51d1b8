"""Drop the indexes that nobody reads: of columns that another index begins with, or that nothing is looked up by.

Each costs a write and some twenty bytes for every version, or for every value that is gone. Dropped in a moment.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0013_longer_chains'),
    ]

    operations = [
        migrations.AlterField(
            model_name='configindex',
            name='last',
            field=models.ForeignKey(db_constraint=False, db_index=False, help_text='The last one that can be read.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot'),
        ),
        migrations.AlterField(
            model_name='livespan',
            name='config',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='live_spans', to='tenants.trackedconfig'),
        ),
        migrations.AlterField(
            model_name='pastvalue',
            name='before',
            field=models.ForeignKey(db_constraint=False, db_index=False, help_text='The last version that had it.', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot'),
        ),
        migrations.AlterField(
            model_name='pastvalue',
            name='gone_in',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot'),
        ),
        migrations.AlterField(
            model_name='pastvalue',
            name='since',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot'),
        ),
        migrations.AlterField(
            model_name='snapshot',
            name='config',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='snapshots', to='tenants.trackedconfig'),
        ),
        migrations.AlterField(
            model_name='versionchanges',
            name='before',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot'),
        ),
        migrations.AlterField(
            model_name='versionchanges',
            name='config',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.trackedconfig'),
        ),
    ]
