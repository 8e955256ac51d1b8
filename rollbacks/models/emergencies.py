"""Broken glass: who skipped the approvals, on which object, for how long, why, and what a second person says of it."""

import uuid
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from tenants.models import Tenant, TrackedConfig

LONGEST_BOX = timedelta(hours=4)


class BrokenGlass(models.Model):
    """One break of the glass, and the review that it owes.

    The database refuses a second one in a tenant while a review is owed, a box that is longer than four hours, and a
    review by the person who broke the glass.
    """

    class End(models.TextChoices):
        ENDED = "ended", "ended by a person"
        EXPIRED = "expired", "time is over"

    class Verdict(models.TextChoices):
        JUSTIFIED = "justified", "justified"
        NOT_JUSTIFIED = "not_justified", "not justified"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="broken_glasses")
    config = models.ForeignKey(TrackedConfig, on_delete=models.PROTECT, related_name="broken_glasses")
    broken_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    breaker = models.CharField(max_length=200, help_text="The name of whoever broke it, as the trail gives it.")
    reason = models.TextField()
    broken_at = models.DateTimeField()
    until = models.DateTimeField(help_text="The end of its time box.")
    ended_at = models.DateTimeField(null=True, blank=True)
    end = models.CharField(max_length=10, choices=End.choices, blank=True)
    ender = models.CharField(max_length=200, blank=True)

    due_at = models.DateTimeField(help_text="Until when somebody else must have reviewed it.")
    reminded_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=20, choices=Verdict.choices, blank=True)
    comment = models.TextField(blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-broken_at",)
        verbose_name_plural = "broken glasses"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("tenant",), condition=Q(settled_at__isnull=True), name="one_review_owed_a_tenant"
            ),
            models.CheckConstraint(
                name="glass_in_its_time_box",
                condition=Q(until__gt=F("broken_at"), until__lte=F("broken_at") + LONGEST_BOX, due_at__gte=F("until")),
            ),
            models.CheckConstraint(
                name="glass_ended_somehow",
                condition=Q(ended_at__isnull=True, end="") | Q(ended_at__isnull=False, end__in=["ended", "expired"]),
            ),
            models.CheckConstraint(
                name="review_settled_with_verdict",
                condition=Q(settled_at__isnull=True, settled_by__isnull=True, verdict="")
                | Q(
                    settled_at__isnull=False,
                    ended_at__isnull=False,
                    settled_by__isnull=False,
                    verdict__in=["justified", "not_justified"],
                ),
            ),
            models.CheckConstraint(
                name="review_by_a_second_person", condition=~Q(settled_by=F("broken_by")) | Q(settled_by__isnull=True)
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=("until",), condition=Q(ended_at__isnull=True), name="glass_open"),
        ]

    def __str__(self) -> str:
        return f"{self.breaker} on {self.config}"
