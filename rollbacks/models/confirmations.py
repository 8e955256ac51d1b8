"""The countdown after a rollback that is undone unless somebody keeps it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from rollbacks.models.requests import Rollback
from tenants.models import Snapshot


class Confirmation(models.Model):
    """One countdown: what the rollback left, until when somebody may keep it, and what came of it.

    The row is the queue of the undo; leaving *counting* is decided by the database, once.
    """

    class State(models.TextChoices):
        COUNTING = "counting", "waits to be kept"
        KEPT = "kept", "kept"
        UNDOING = "undoing", "not kept"
        STOPPED = "stopped", "not kept and not undone"

    rollback = models.OneToOneField(Rollback, on_delete=models.PROTECT, related_name="confirmation")
    minutes = models.PositiveSmallIntegerField()
    began_at = models.DateTimeField()
    until = models.DateTimeField()
    left = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="+", help_text="Live as we left it.")
    left_version = models.BigIntegerField(null=True)
    left_etag = models.BinaryField(null=True)
    left_digest = models.CharField(max_length=64)
    state = models.CharField(max_length=20, choices=State.choices, default=State.COUNTING)
    look_at = models.DateTimeField(help_text="When its undo is tried next; moved behind a lease by whoever tries.")
    tries = models.PositiveIntegerField(default=0, help_text="Tries in a row that something stood in the way of.")
    problem = models.TextField(blank=True, help_text="What stands in the way of the undo, or stopped it.")
    kept_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    keeper = models.CharField(max_length=200, blank=True, help_text="Who kept it, as the trail gives it.")
    ended_at = models.DateTimeField(null=True, blank=True)
    undo = models.OneToOneField(
        Rollback,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="demanded_by",
        help_text="The rollback that takes it back, once nobody has kept it.",
    )

    class Meta:
        ordering = ("until",)
        constraints: ClassVar = [
            models.CheckConstraint(
                name="confirmation_counting_or_ended",
                condition=Q(state="counting", ended_at__isnull=True)
                | (Q(state__in=["kept", "undoing", "stopped"]) & Q(ended_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="confirmation_undone_by_one",
                condition=Q(state="undoing", undo__isnull=False) | (~Q(state="undoing") & Q(undo__isnull=True)),
            ),
            models.CheckConstraint(
                name="confirmation_kept_by_somebody",
                condition=~Q(state="kept") | ~Q(keeper=""),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=("look_at",), condition=Q(state="counting"), name="confirmation_due"),
        ]

    def __str__(self) -> str:
        return f"{self.rollback_id} {self.state}"
