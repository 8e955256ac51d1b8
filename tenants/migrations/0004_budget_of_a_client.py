"""Count requests by where an OAuth client logs in and its id, as the platform does, and keep what is counted."""

import django.contrib.postgres.fields
from django.db import migrations, models

from tenants import regions

SLOTS = 61


def bring_over(apps, schema_editor):
    """Add up what the tenants of one client have counted, and keep the most careful of what they have learned."""
    client_of, budget_of = apps.get_model("tenants", "OAuthClient"), apps.get_model("tenants", "RequestBudget")
    for client in client_of.objects.select_related("tenant"):
        tenant = client.tenant
        base = (tenant.login_url or regions.login_host(tenant.region)).rstrip("/")
        budget, _ = budget_of.objects.get_or_create(
            login_host=base.partition("://")[2].lower(), client_id=client.client_id, defaults={"spent": []}
        )
        budget.spent, budget.spent_second = added(
            (budget.spent, budget.spent_second), (client.spent, client.spent_second)
        )
        budget.learned = min((one for one in (budget.learned, client.learned) if one is not None), default=None)
        for name in ("learned_at", "paused_until"):
            told = (getattr(budget, name), getattr(client, name))
            setattr(budget, name, max((one for one in told if one is not None), default=None))
        budget.save()


def added(*counts):
    """Give the sum of what was counted by the second, each as (newest first, second of the newest)."""
    newest = max(second for _, second in counts)
    total = [0] * SLOTS
    for spent, second in counts:
        for age, number in enumerate(spent, start=newest - second):
            if age < SLOTS:
                total[age] += number
    return total, newest


class Migration(migrations.Migration):

    dependencies = [
        ("tenants", "0003_onboarding"),
    ]

    operations = [
        migrations.CreateModel(
            name="RequestBudget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("login_host", models.CharField(max_length=300)),
                ("client_id", models.CharField(max_length=120)),
                (
                    "spent",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        db_default=[],
                        help_text="Requests in each of the last 61 seconds, the newest first, as of `spent_second`.",
                        size=None,
                    ),
                ),
                ("spent_second", models.BigIntegerField(db_default=0, help_text="In seconds since 1970.")),
                (
                    "learned",
                    models.FloatField(help_text="Requests a minute, learned from a 429; it grows back.", null=True),
                ),
                ("learned_at", models.DateTimeField(help_text="From when it grows back.", null=True)),
                ("paused_until", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("login_host", "client_id"), name="budget_once_a_client")
                ],
            },
        ),
        migrations.RunPython(bring_over, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField(model_name="oauthclient", name="spent"),
        migrations.RemoveField(model_name="oauthclient", name="spent_second"),
        migrations.RemoveField(model_name="oauthclient", name="learned"),
        migrations.RemoveField(model_name="oauthclient", name="learned_at"),
        migrations.RemoveField(model_name="oauthclient", name="paused_until"),
    ]
