"""What was sent for a step, each time that it was, and whether routing was seen to use it."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from rollbacks.models.requests import Rollback, Step
from tenants.models import Snapshot, TrackedConfig


class Attempt(models.Model):
    """One guard and one frozen body, driven to a verdict; open from T1 to T2 (PROTOCOL.md)."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        CLOSED = "closed", "closed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rollback = models.ForeignKey(Rollback, on_delete=models.PROTECT, related_name="attempts")
    step = models.OneToOneField(Step, on_delete=models.PROTECT, related_name="attempt")
    config = models.ForeignKey(TrackedConfig, on_delete=models.PROTECT, related_name="attempts")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    if_match = models.BinaryField(null=True)
    body_sha256 = models.CharField(max_length=64)
    verdict = models.CharField(max_length=20, blank=True)
    evidence = models.JSONField(default=dict)
    read_back = models.ForeignKey(Snapshot, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    race_window_ms = models.PositiveIntegerField(null=True, help_text="Level C: from the compared GET to the PUT.")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    driver = models.CharField(max_length=120, blank=True, help_text="Who drives it now; decides nothing but that.")
    driven_until = models.DateTimeField(null=True, blank=True, help_text="The end of the driver's lease.")
    look_again_at = models.DateTimeField(null=True, blank=True)
    horizon_at = models.DateTimeField(help_text="Until when a stale read is to be expected after the last send.")

    class Meta:
        ordering = ("opened_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("config",), condition=Q(state="open"), name="one_open_attempt_a_config"),
            models.CheckConstraint(
                name="attempt_closed_with_verdict",
                condition=Q(state="open", closed_at__isnull=True)
                | (Q(state="closed", closed_at__isnull=False) & ~Q(verdict="")),
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {str(self.id)[:8]} {self.state}"


class Send(models.Model):
    """One time that the attempt's bytes may have left; written before they do, completed when an answer came."""

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="sends")
    number = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField()
    client_id = models.CharField(max_length=120, blank=True, help_text="The OAuth client that sent it.")
    ended_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    code = models.CharField(max_length=200, blank=True)
    message = models.TextField(blank=True)
    outcome = models.CharField(
        max_length=20,
        blank=True,
        help_text="How the answer was read: applied, refused, lost_race, locked, unknown …",
    )
    refusal_kind = models.CharField(max_length=30, blank=True, help_text="What kind of no it was; empty for none.")
    refusal_name = models.CharField(max_length=200, blank=True, help_text="The permission, property or person in it.")
    answered_version = models.BigIntegerField(null=True, blank=True)
    answered_digest = models.CharField(max_length=64, blank=True)
    answered_etag = models.BinaryField(null=True)
    correlation_id = models.CharField(max_length=100, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("number",)
        constraints: ClassVar = [models.UniqueConstraint(fields=("attempt", "number"), name="send_numbered_once")]

    def __str__(self) -> str:
        return f"send {self.number}"


class PropagationWatch(models.Model):
    """The watch of one written version until routing is seen to use it; says nothing about the write itself."""

    class State(models.TextChoices):
        WATCHING = "watching", "watching"
        SEEN = "seen", "seen in routing"
        NOT_SEEN = "not_seen", "not seen in routing"
        OVERTAKEN = "overtaken", "overtaken"
        UNREADABLE = "unreadable", "cannot be seen"

    rollback = models.OneToOneField(Rollback, on_delete=models.PROTECT, related_name="propagation")
    config = models.ForeignKey(TrackedConfig, on_delete=models.PROTECT, related_name="propagation_watches")
    version = models.BigIntegerField(help_text="Which version routing is expected to use.")
    counts_from = models.DateTimeField(help_text="Conversations from here on count: when the write was announced.")
    started_at = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=20, choices=State.choices, default=State.WATCHING)
    look_at = models.DateTimeField(help_text="When it is looked next; moved behind a lease by whoever looks.")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="When the platform last answered.")
    looks = models.PositiveIntegerField(default=0, help_text="How often the platform answered.")
    failures = models.PositiveIntegerField(default=0, help_text="Looks in a row that were not answered.")
    problem = models.TextField(blank=True, help_text="Why the last look was not answered, in a sentence.")
    seen_at = models.DateTimeField(null=True, blank=True)
    conversations = models.PositiveIntegerField(default=0, help_text="Under the version that was seen at work last.")
    active_version = models.CharField(max_length=100, blank=True, help_text="The version seen at work last.")
    overtaken_by = models.BigIntegerField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-started_at",)
        verbose_name_plural = "propagation watches"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="propagation_ended_or_watching",
                condition=Q(state="watching", ended_at__isnull=True)
                | (Q(state__in=["seen", "not_seen", "overtaken", "unreadable"]) & Q(ended_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="propagation_seen_with_conversations",
                condition=~Q(state="seen") | Q(seen_at__isnull=False, conversations__gte=1),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=("look_at",), condition=Q(state="watching"), name="propagation_due"),
            models.Index(fields=("config",), condition=Q(state="not_seen"), name="propagation_not_seen"),
        ]

    def __str__(self) -> str:
        return f"v{self.version} {self.state}"
