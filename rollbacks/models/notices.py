"""What people were told outside the console: each message to each receiver, and what became of it."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from rollbacks.models.requests import Rollback
from tenants.models import Tenant


class Notice(models.Model):
    """One message to one receiver; written with the change that it tells of, delivered after it."""

    class Channel(models.TextChoices):
        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook", "webhook"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting to be delivered"
        DELIVERED = "delivered", "delivered"
        GIVEN_UP = "given_up", "given up"
        NO_ADDRESS = "no_address", "no address is known"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    rollback = models.ForeignKey(Rollback, null=True, blank=True, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=60, help_text="What it tells of: approval.wanted, plan.void …")
    channel = models.CharField(max_length=10, choices=Channel.choices)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    people = models.JSONField(default=list, help_text="The names of everybody whom it concerns.")
    subject = models.CharField(max_length=300)
    text = models.TextField()
    path = models.CharField(max_length=500, help_text="Where it leads, below the console's own address.")
    created_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(help_text="Moved behind a lease by whoever delivers it.")
    problem = models.TextField(blank=True, help_text="What the receiver said, or did not say, the last time.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.CheckConstraint(
                name="notice_ended_or_waiting",
                condition=Q(state="waiting", ended_at__isnull=True)
                | (Q(state__in=["delivered", "given_up", "no_address"]) & Q(ended_at__isnull=False)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=("next_try_at",), condition=Q(state="waiting"), name="notice_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.channel}: {self.state}"
