"""Keep what each version changed and which values went away; the worker fills it for the versions that are there."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', "0006_labels_and_spans"),
    ]

    operations = [
        migrations.CreateModel(
            name='ConfigIndex',
            fields=[
                ('config', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='index', serialize=False, to='tenants.trackedconfig')),
                ('done', models.PositiveIntegerField(default=0, help_text='How many versions are worked out, from the first on.')),
                ('chain', models.CharField(help_text='Digest of their row numbers in order: another one, start anew.', max_length=64)),
                ('versions', models.PositiveIntegerField(default=0, help_text='How many versions there were.')),
                ('newest_pk', models.BigIntegerField(default=0, help_text='The highest row number among them.')),
                ('profile', models.CharField(help_text='The rules by which they were compared.', max_length=120)),
                ('blame', models.BinaryField(default=b'', help_text='Of the last one, packed (`documents.Blame`).')),
                ('words', django.contrib.postgres.search.SearchVectorField(default='', help_text='The terms of the last one.')),
                ('all_words', models.BooleanField(default=True, help_text='Off where it has more terms than can be kept.')),
                ('last', models.ForeignKey(db_constraint=False, help_text='The last one that can be read.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot')),
            ],
            options={
                'verbose_name_plural': 'config indices',
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['words'], name='config_index_words')],
            },
        ),
        migrations.CreateModel(
            name='PastValue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('gone_at', models.DateTimeField(help_text='When that was written, else first seen.')),
                ('path', models.TextField(help_text='JSON Pointer into the last version that had it.')),
                ('trail', models.TextField(help_text='The same place in words.')),
                ('text', models.TextField()),
                ('became', models.TextField(help_text='What stands there since, on one line; empty where nothing does.')),
                ('words', django.contrib.postgres.search.SearchVectorField()),
                ('before', models.ForeignKey(db_constraint=False, help_text='The last version that had it.', on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot')),
                ('config', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='past_values', to='tenants.trackedconfig')),
                ('gone_in', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot')),
                ('since', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot')),
            ],
            options={
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['words'], name='past_value_words')],
            },
        ),
        migrations.CreateModel(
            name='VersionChanges',
            fields=[
                ('snapshot', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='changes', serialize=False, to='tenants.snapshot')),
                ('position', models.PositiveIntegerField(help_text='Among the versions of the configuration, from 0.')),
                ('changed', models.PositiveIntegerField(default=0)),
                ('added', models.PositiveIntegerField(default=0)),
                ('removed', models.PositiveIntegerField(default=0)),
                ('moved', models.PositiveIntegerField(default=0)),
                ('apart', models.PositiveIntegerField(default=0, help_text='Changes of what the platform sets by itself.')),
                ('top', models.JSONField(default=list, help_text='[{"where": …, "count": …}]: where most was changed.')),
                ('places', models.TextField(blank=True, help_text='A line for each place, in words and as a pointer, without case.')),
                ('outline', models.BinaryField(default=b'', help_text='All changes without their values, packed.')),
                ('problem', models.TextField(blank=True, help_text='Why it cannot be read, in a sentence.')),
                ('before', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tenants.snapshot')),
                ('config', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.trackedconfig')),
            ],
            options={
                'verbose_name_plural': 'version changes',
                'indexes': [models.Index(fields=['config', 'position'], name='version_changes_in_order')],
            },
        ),
    ]
