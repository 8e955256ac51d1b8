"""When rollbacks may run: freeze windows, who overrode them for one rollback, and runs that wait for their time."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from rollbacks.models.requests import Rollback
from tenants.models import Tenant, TrackedConfig


class FreezeWindow(models.Model):
    """Times in which rollbacks of a tenant, a type or an object may not run, or outside which they may not.

    Never changed and never deleted: a window is ended, and another one added.
    """

    class Effect(models.TextChoices):
        DENY = "deny", "no rollback inside it"
        ALLOW = "allow", "rollbacks only inside it"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="freeze_windows")
    resource_type = models.CharField(max_length=80, blank=True, help_text="Only for objects of this type.")
    config = models.ForeignKey(
        TrackedConfig,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="freeze_windows",
        help_text="Only for this object.",
    )
    effect = models.CharField(max_length=10, choices=Effect.choices)
    pattern = models.CharField(max_length=200, help_text="When, as `windows.read` reads it.")
    zone = models.CharField(max_length=64, help_text="The time zone on whose clocks that is, as IANA names it.")
    reason = models.CharField(max_length=300)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    setter = models.CharField(max_length=200, help_text="The name of whoever added it, as the trail gives it.")
    set_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ender = models.CharField(max_length=200, blank=True)
    end_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("set_at",)
        constraints: ClassVar = [
            models.CheckConstraint(name="freeze_effect_known", condition=Q(effect__in=["deny", "allow"])),
            models.CheckConstraint(name="freeze_of_type_or_object", condition=Q(resource_type="") | Q(config=None)),
            models.CheckConstraint(
                name="freeze_ended_by_somebody",
                condition=Q(ended_at=None, ender="") | (Q(ended_at__isnull=False) & ~Q(ender="")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=("tenant",), condition=Q(ended_at__isnull=True), name="freeze_in_force"),
        ]

    def __str__(self) -> str:
        return f"{self.effect} {self.pattern} {self.zone}"

    @property
    def scope(self) -> str:
        """What it is for, as a sentence names it."""
        if self.config is not None:
            return str(self.config)
        return f"every {self.resource_type} of {self.tenant}" if self.resource_type else str(self.tenant)


class FreezeOverride(models.Model):
    """One person's word that one rollback may run in spite of a freeze: of this plan, and of this freeze alone."""

    rollback = models.ForeignKey(Rollback, on_delete=models.PROTECT, related_name="freeze_overrides")
    overrider = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    plan_digest = models.CharField(max_length=64)
    freeze_digest = models.CharField(max_length=64, help_text="Of all windows that the rollback falls under.")
    until = models.DateTimeField(null=True, blank=True, help_text="The end of that freeze; empty where none was known.")
    freeze = models.TextField(help_text="The freeze in a sentence, as it was shown.")
    reason = models.TextField()
    overridden_at = models.DateTimeField()

    class Meta:
        ordering = ("overridden_at",)

    def __str__(self) -> str:
        return f"{self.overrider} overrode a freeze for {self.rollback}"


class Schedule(models.Model):
    """An approved rollback that waits for its time; at most one is open, and the row is the queue."""

    class Kind(models.TextChoices):
        AT = "at", "at a time"
        WHEN_OPEN = "when_open", "as soon as no freeze is on"

    class End(models.TextChoices):
        RUN = "run", "handed to the workers"
        CANCELLED = "cancelled", "cancelled"
        REPLACED = "replaced", "replaced"
        MISSED = "missed", "missed"
        VOID = "void", "void"

    rollback = models.ForeignKey(Rollback, on_delete=models.PROTECT, related_name="schedules")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField(null=True, blank=True, help_text="Not before; empty for as soon as it is open.")
    zone = models.CharField(max_length=64, help_text="In which people asked for it and are shown it.")
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    setter = models.CharField(max_length=200)
    set_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end = models.CharField(max_length=10, choices=End.choices, blank=True)

    class Meta:
        ordering = ("set_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("rollback",), condition=Q(ended_at__isnull=True), name="schedule_one_open_a_rollback"
            ),
            models.CheckConstraint(
                name="schedule_at_a_time_or_when_open",
                condition=Q(kind="at", at__isnull=False) | Q(kind="when_open", at__isnull=True),
            ),
            models.CheckConstraint(
                name="schedule_ended_somehow",
                condition=Q(ended_at=None, end="") | (Q(ended_at__isnull=False) & ~Q(end="")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=("at",), condition=Q(ended_at__isnull=True), name="schedule_open"),
        ]

    def __str__(self) -> str:
        return f"{self.rollback} {self.get_kind_display()}"
