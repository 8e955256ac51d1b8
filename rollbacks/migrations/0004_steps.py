"""Give every rollback its steps: what was one write of the object becomes the first and only step."""

import django.db.models.deletion
from django.db import migrations, models

LEVELS = [("A", "A"), ("B", "B"), ("C", "C")]
MOVED = ("method", "path", "body", "body_sha256", "sent_version")

ALL_CHECKS_NOW = "SET CONSTRAINTS ALL IMMEDIATE"
"""A table cannot be altered while a check of its new rows is still to come."""


def one_step_each(apps, _schema_editor):
    """Make the step of each rollback that there is, and have its attempt point at it."""
    rollback_model = apps.get_model("rollbacks", "Rollback")
    step_model = apps.get_model("rollbacks", "Step")
    attempt_model = apps.get_model("rollbacks", "Attempt")
    for rollback in rollback_model.objects.select_related("config").iterator():
        step = step_model.objects.create(
            rollback=rollback,
            number=1,
            kind="write",
            title="Write the object",
            resource_type=rollback.config.resource_type,
            object_id=rollback.config.object_id,
            guard_level=rollback.guard_level,
            base_version=rollback.base_version,
            base_etag=rollback.base_etag,
            base_digest=rollback.base_digest,
            target_digest=rollback.target_digest,
            expected_version=rollback.expected_version,
            **{name: getattr(rollback, name) for name in MOVED},
        )
        attempt_model.objects.filter(rollback=rollback).update(step=step)


def back_to_the_rollback(apps, _schema_editor):
    """Copy the first step back; refuses where a rollback has several, because the old tables cannot hold them."""
    step_model = apps.get_model("rollbacks", "Step")
    rollback_model = apps.get_model("rollbacks", "Rollback")
    several = step_model.objects.filter(number=2).count()
    if several:
        message = f"{several} rollbacks have several steps, which the tables before 0004 cannot hold. Nothing was changed."
        raise RuntimeError(message)
    for step in step_model.objects.filter(number=1).iterator():
        rollback_model.objects.filter(pk=step.rollback_id).update(**{name: getattr(step, name) for name in MOVED})


class Migration(migrations.Migration):
    dependencies = [("rollbacks", "0003_refusal_kinds"), ("tenants", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Step",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "number",
                    models.PositiveSmallIntegerField(help_text="From 1, in the order in which they are carried out."),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("write", "write the object"),
                            ("create_draft", "make a draft"),
                            ("write_draft", "write the draft"),
                            ("publish", "publish the draft"),
                            ("repoint", "point at the new version"),
                            ("native_rollback", "roll back on the platform"),
                            ("native_restore", "restore on the platform"),
                        ],
                        max_length=20,
                    ),
                ),
                ("title", models.CharField(help_text="What it does, for people.", max_length=400)),
                ("resource_type", models.CharField(help_text="Of the object that it acts on.", max_length=80)),
                ("object_id", models.CharField(max_length=200)),
                (
                    "observed_path",
                    models.CharField(
                        blank=True, help_text="What is read to judge it; empty for the live object.", max_length=500
                    ),
                ),
                ("method", models.CharField(max_length=10)),
                ("path", models.CharField(help_text="Of the request, below the tenant's API host.", max_length=500)),
                ("body", models.BinaryField(help_text="The exact bytes to send, frozen when the plan was made.")),
                ("body_sha256", models.CharField(max_length=64)),
                ("guard_level", models.CharField(choices=LEVELS, max_length=1)),
                ("base_version", models.BigIntegerField(null=True)),
                ("base_etag", models.BinaryField(null=True)),
                ("base_digest", models.CharField(help_text="Of what must stand before it.", max_length=64)),
                ("target_digest", models.CharField(help_text="Of what must stand after it.", max_length=64)),
                ("sent_version", models.BigIntegerField(help_text="The version number inside the body.", null=True)),
                (
                    "expected_version",
                    models.BigIntegerField(help_text="What it bears once the write has landed.", null=True),
                ),
                (
                    "rollback",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="steps", to="rollbacks.rollback"
                    ),
                ),
            ],
            options={"ordering": ("rollback", "number")},
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.UniqueConstraint(fields=("rollback", "number"), name="step_numbered_once"),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="step_numbered_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(("guard_level__in", ["A", "B", "C"])), name="step_guard_level_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "write",
                            "create_draft",
                            "write_draft",
                            "publish",
                            "repoint",
                            "native_rollback",
                            "native_restore",
                        ],
                    )
                ),
                name="step_kind_known",
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="step",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="attempt",
                to="rollbacks.step",
            ),
        ),
        # So that the way back can add the columns before it fills them.
        migrations.AlterField("rollback", "method", models.CharField(max_length=10, null=True)),
        migrations.AlterField("rollback", "path", models.CharField(max_length=500, null=True)),
        migrations.AlterField("rollback", "body", models.BinaryField(null=True)),
        migrations.AlterField("rollback", "body_sha256", models.CharField(max_length=64, null=True)),
        migrations.RunSQL(migrations.RunSQL.noop, ALL_CHECKS_NOW),
        migrations.RunPython(one_step_each, back_to_the_rollback),
        migrations.RunSQL(ALL_CHECKS_NOW, migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="attempt", name="one_attempt_a_rollback"),
        migrations.AlterField(
            model_name="attempt",
            name="step",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT, related_name="attempt", to="rollbacks.step"
            ),
        ),
        *[migrations.RemoveField(model_name="rollback", name=name) for name in MOVED],
        migrations.AddField(
            model_name="rollback",
            name="notes",
            field=models.JSONField(default=list, help_text="What the plan leaves out or alone, in whole sentences."),
        ),
        migrations.AlterField(
            model_name="rollback",
            name="expected_version",
            field=models.BigIntegerField(help_text="What live bears once every step has landed.", null=True),
        ),
        migrations.AlterField(
            model_name="rollback",
            name="guard_level",
            field=models.CharField(choices=LEVELS, help_text="Of the step that is guarded least.", max_length=1),
        ),
    ]
