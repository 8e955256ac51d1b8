"""Add the tenant administrator and the incident commander, roles of groups, and roles from a provider's claims."""


import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('tenants', '0009_chains_of_documents'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ClaimRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('claim', models.CharField(help_text='The name of the claim, such as groups; a dot leads into an object, as in realm_access.roles.', max_length=100)),
                ('value', models.CharField(help_text='What it says, or what one of its list says, to the letter.', max_length=300)),
                ('role', models.CharField(choices=[('viewer', 'viewer: may look'), ('operator', 'operator: may request and carry out rollbacks'), ('approver', 'approver: may approve what others requested'), ('auditor', 'auditor: may read and export the audit trail'), ('administrator', "tenant administrator: may change the tenant's settings, memberships and freezes"), ('incident', 'incident commander: may override a freeze and break glass')], max_length=20)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name': 'role by a claim',
                'verbose_name_plural': 'roles by claims',
                'ordering': ('tenant__name', 'claim', 'value', 'role'),
            },
        ),
        migrations.CreateModel(
            name='GroupRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('viewer', 'viewer: may look'), ('operator', 'operator: may request and carry out rollbacks'), ('approver', 'approver: may approve what others requested'), ('auditor', 'auditor: may read and export the audit trail'), ('administrator', "tenant administrator: may change the tenant's settings, memberships and freezes"), ('incident', 'incident commander: may override a freeze and break glass')], max_length=20)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name': 'role of a group',
                'verbose_name_plural': 'roles of groups',
                'ordering': ('tenant__name', 'group__name', 'role'),
            },
        ),
        migrations.RemoveConstraint(
            model_name='membership',
            name='membership_once',
        ),
        migrations.RemoveConstraint(
            model_name='membership',
            name='membership_role_known',
        ),
        migrations.AddField(
            model_name='membership',
            name='origin',
            field=models.CharField(choices=[('hand', 'granted by hand'), ('claims', 'from the identity provider')], db_default='hand', default='hand', editable=False, help_text='What came from the identity provider is replaced at each sign-in, and never by hand.', max_length=10),
        ),
        migrations.AlterField(
            model_name='membership',
            name='role',
            field=models.CharField(choices=[('viewer', 'viewer: may look'), ('operator', 'operator: may request and carry out rollbacks'), ('approver', 'approver: may approve what others requested'), ('auditor', 'auditor: may read and export the audit trail'), ('administrator', "tenant administrator: may change the tenant's settings, memberships and freezes"), ('incident', 'incident commander: may override a freeze and break glass')], max_length=20),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('user', 'tenant', 'role', 'origin'), name='membership_once'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['viewer', 'operator', 'approver', 'auditor', 'administrator', 'incident'])), name='membership_role_known'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('origin__in', ['hand', 'claims'])), name='membership_origin_known'),
        ),
        migrations.AddField(
            model_name='claimrole',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='claim_roles', to='tenants.tenant'),
        ),
        migrations.AddField(
            model_name='grouprole',
            name='group',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tenant_roles', to='auth.group'),
        ),
        migrations.AddField(
            model_name='grouprole',
            name='tenant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='group_roles', to='tenants.tenant'),
        ),
        migrations.AddConstraint(
            model_name='claimrole',
            constraint=models.UniqueConstraint(fields=('claim', 'value', 'tenant', 'role'), name='claim_role_once'),
        ),
        migrations.AddConstraint(
            model_name='claimrole',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['viewer', 'operator', 'approver', 'auditor', 'administrator', 'incident'])), name='claim_role_known'),
        ),
        migrations.AddConstraint(
            model_name='claimrole',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('claim', ''), _negated=True), models.Q(('value', ''), _negated=True)), name='claim_role_of_something'),
        ),
        migrations.AddConstraint(
            model_name='grouprole',
            constraint=models.UniqueConstraint(fields=('group', 'tenant', 'role'), name='group_role_once'),
        ),
        migrations.AddConstraint(
            model_name='grouprole',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['viewer', 'operator', 'approver', 'auditor', 'administrator', 'incident'])), name='group_role_known'),
        ),
    ]
