"""Probes of the platform's guards."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from tenants.models import Snapshot, Tenant, TrackedConfig


class GuardProbe(models.Model):
    """One probe of a type's guard in a tenant: the live content sent under a stale guard; open until its outcome."""

    class Result(models.TextChoices):
        ENFORCED = "enforced", "enforced"
        NOT_ENFORCED = "not_enforced", "not enforced"
        UNCLEAR = "unclear", "unclear"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="guard_probes")
    resource_type = models.CharField(max_length=80)
    guard = models.CharField(max_length=20, help_text="The guard that the type declared then: etag or version.")
    config = models.ForeignKey(TrackedConfig, on_delete=models.PROTECT, related_name="guard_probes")
    base = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="+", help_text="Live, before it.")
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    prober = models.CharField(max_length=200, help_text="The name of whoever asked for it, as the trail gives it.")
    probed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    driver = models.CharField(max_length=120, blank=True, help_text="Who carries it out; decides nothing but that.")
    driven_until = models.DateTimeField(null=True, blank=True)
    requests = models.JSONField(default=list, help_text="Each stale request, its answer and what it came to.")
    result = models.CharField(max_length=20, choices=Result.choices, blank=True)
    wrote = models.BooleanField(default=False, help_text="Whether the probe itself left one more version.")
    level_before = models.CharField(max_length=1)
    level = models.CharField(max_length=1, blank=True, help_text="The guard level of the type in the tenant after it.")
    explanation = models.TextField(blank=True)
    read_back = models.ForeignKey(Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-begun_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("config",), condition=Q(ended_at__isnull=True), name="one_open_probe_a_config"
            ),
            models.CheckConstraint(
                name="guard_probe_ended_with_result",
                condition=(Q(ended_at__isnull=True) & Q(result=""))
                | (Q(ended_at__isnull=False) & Q(result__in=["enforced", "not_enforced", "unclear"])),
            ),
            models.CheckConstraint(name="guard_probe_level_known", condition=Q(level__in=["", "A", "B", "C"])),
        ]
        indexes: ClassVar = [
            models.Index(fields=("tenant", "resource_type", "-ended_at"), name="guard_probe_by_type"),
        ]

    def __str__(self) -> str:
        return f"probe of {self.resource_type} at {self.tenant.slug}"
