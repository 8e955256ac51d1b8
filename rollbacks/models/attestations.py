"""What the platform's own audit says of our writes, and of the writes that came before a conflict."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from rollbacks.models.attempts import Attempt
from rollbacks.models.requests import Rollback


class Inquiry(models.Model):
    """One question to the platform's audit, asked until it is answered or its time is over; it touches no verdict."""

    class Kind(models.TextChoices):
        ATTESTATION = "attestation", "of a write of ours"
        CONFLICT = "conflict", "of what came before a conflict"

    class State(models.TextChoices):
        LOOKING = "looking", "looked for"
        MATCHED = "matched", "attested by the platform"
        MISSING = "missing", "no record"
        ABSENT = "absent", "no record, and none had to be"
        FOREIGN = "foreign", "foreign write in between"
        UNCLEAR = "unclear", "unclear"
        NAMED = "named", "named by the platform"
        UNNAMED = "unnamed", "not named by the platform"
        UNREADABLE = "unreadable", "cannot be seen"

    rollback = models.ForeignKey(Rollback, on_delete=models.PROTECT, related_name="inquiries")
    attempt = models.OneToOneField(Attempt, null=True, blank=True, on_delete=models.PROTECT, related_name="attestation")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    state = models.CharField(max_length=20, choices=State.choices, default=State.LOOKING)
    resource_type = models.CharField(max_length=80, help_text="Of the object that was written.")
    object_id = models.CharField(max_length=200)
    began_at = models.DateTimeField(help_text="From here on records count, by this machine's clock.")
    ended_by = models.DateTimeField(help_text="Up to here, by this machine's clock.")
    asked_at = models.DateTimeField(help_text="Since when it is looked for.")
    settles_at = models.DateTimeField(help_text="What was found is final from here on.")
    until = models.DateTimeField(help_text="What was not found by now is missing.")
    look_at = models.DateTimeField(help_text="When it is looked next.")
    leased_until = models.DateTimeField(null=True, blank=True, help_text="While somebody looks: the end of the lease.")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="When the platform last answered.")
    looks = models.PositiveIntegerField(default=0, help_text="How often the platform answered.")
    failures = models.PositiveIntegerField(default=0, help_text="Looks in a row that were not answered.")
    problem = models.TextField(blank=True, help_text="Why the last look was not answered, in a sentence.")
    missing_permission = models.CharField(max_length=100, blank=True)
    query = models.CharField(max_length=100, blank=True, help_text="An asynchronous query that still runs.")
    ours = models.JSONField(null=True, blank=True, help_text="The platform's record of our write.")
    records = models.JSONField(default=list, help_text="Records of others that lie, or may lie, in between.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-asked_at", "-pk")
        verbose_name_plural = "inquiries"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="inquiry_of_a_write_or_of_a_conflict",
                condition=Q(kind="attestation", attempt__isnull=False) | Q(kind="conflict", attempt__isnull=True),
            ),
            models.UniqueConstraint(fields=("rollback",), condition=Q(kind="conflict"), name="one_inquiry_a_conflict"),
            models.CheckConstraint(
                name="inquiry_state_of_its_kind",
                condition=Q(
                    kind="attestation",
                    state__in=["looking", "matched", "missing", "absent", "foreign", "unclear", "unreadable"],
                )
                | Q(kind="conflict", state__in=["looking", "named", "unnamed", "unreadable"]),
            ),
            models.CheckConstraint(
                name="inquiry_ended_with_a_finding", condition=Q(ended_at__isnull=True) | ~Q(state="looking")
            ),
            models.CheckConstraint(name="inquiry_matched_by_a_record", condition=~Q(state="matched") | ~Q(ours=None)),
        ]
        indexes: ClassVar = [
            models.Index(fields=("look_at",), condition=Q(ended_at__isnull=True), name="inquiry_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.rollback}: {self.state}"
