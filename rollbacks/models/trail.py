"""The audit trail, the checkpoints over it, and how far each sink outside the database has them."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from rollbacks.models.attempts import Attempt
from rollbacks.models.requests import Rollback
from tenants.models import Tenant, TrackedConfig


class AuditHead(models.Model):
    """The end of a tenant's chain: the row that is locked last, so that the sequence has no gap and no fork."""

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="audit_head")
    seq = models.BigIntegerField(default=0)
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.tenant} at {self.seq}"


class AuditEntry(models.Model):
    """One thing that happened, in a tenant's chain; append-only in the database itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="audit_entries", db_index=False)
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=60)
    outcome = models.CharField(max_length=20)
    actor = models.CharField(max_length=200, help_text="The user's name then, or the part of the console that acted.")
    config = models.ForeignKey(
        TrackedConfig, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    rollback = models.ForeignKey(
        Rollback, null=True, blank=True, on_delete=models.PROTECT, related_name="audit_entries", db_index=False
    )
    attempt = models.ForeignKey(
        Attempt, null=True, blank=True, on_delete=models.PROTECT, related_name="audit_entries", db_index=False
    )
    payload = models.BinaryField(help_text="The canonical JSON (RFC 8785) that the hash is over.")
    previous_hash = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        ordering = ("-at", "-seq")
        verbose_name_plural = "audit entries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("tenant", "seq"), name="audit_seq_once_a_tenant"),
            models.UniqueConstraint(fields=("tenant", "previous_hash"), name="audit_chain_never_forks"),
            models.CheckConstraint(name="audit_seq_from_one", condition=Q(seq__gte=1)),
        ]
        # Each index costs every append; most entries name no object, and those that do are found by it.
        indexes: ClassVar = [
            models.Index(fields=("tenant", "-at"), name="audit_by_time"),
            models.Index(fields=("config",), name="audit_by_config", condition=Q(config__isnull=False)),
            models.Index(fields=("rollback",), name="audit_by_rollback", condition=Q(rollback__isnull=False)),
            models.Index(fields=("attempt",), name="audit_by_attempt", condition=Q(attempt__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant.slug} #{self.seq} {self.action}"


class Checkpoint(models.Model):
    """A signed statement of how a tenant's trail was at a moment; a copy of what went to the sinks outside."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="checkpoints")
    number = models.BigIntegerField()
    size = models.BigIntegerField(help_text="How many entries it covers.")
    peaks = models.BinaryField(help_text="The roots of the perfect subtrees, from which the next tree grows.")
    line = models.BinaryField(help_text="The signed line, as the sinks have it.")
    at = models.DateTimeField()

    class Meta:
        ordering = ("tenant", "number")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("tenant", "number"), name="checkpoint_numbered_once"),
            models.CheckConstraint(name="checkpoint_covers_something", condition=Q(number__gte=1, size__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant.slug} checkpoint {self.number} over {self.size}"


class SinkState(models.Model):
    """How far one sink outside the database has the checkpoints of one tenant, and what keeps it from the rest."""

    sink = models.CharField(max_length=300)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    delivered = models.BigIntegerField(default=0, help_text="The number of the last checkpoint that it has.")
    delivered_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row, since it last took one.")
    failing_since = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, help_text="What it said, or did not say, the last time.")
    next_try_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=("sink", "tenant"), name="sink_state_once_a_tenant")]

    def __str__(self) -> str:
        return f"{self.sink} has {self.delivered} of {self.tenant}"
