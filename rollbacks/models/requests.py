"""Rollbacks, the steps that each of them is, and who approved them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from tenants.models import Snapshot, Tenant, TrackedConfig


class Rollback(models.Model):
    """One planned return of one object to an earlier version: the frozen plan and where it stands."""

    class State(models.TextChoices):
        AWAITING_APPROVAL = "awaiting_approval", "awaiting approval"
        APPROVED = "approved", "approved"
        APPLYING = "applying", "applying"
        APPLIED = "applied", "applied"
        REFUSED = "refused", "refused"
        CONFLICT = "conflict", "conflict"
        FAILED = "failed", "failed"
        UNKNOWN = "unknown", "outcome unknown"
        CANCELLED = "cancelled", "cancelled"
        EXPIRED = "expired", "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="rollbacks")
    config = models.ForeignKey(TrackedConfig, on_delete=models.PROTECT, related_name="rollbacks")
    target = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="+")
    base = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="+")
    undoes = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by")
    succeeds = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="succeeded_by",
        help_text="The request that it takes the place of, planned again on the new live.",
    )

    only = models.JSONField(default=list, help_text="Places: restore just these; empty for all of it.")
    keep = models.JSONField(default=list, help_text="Places: leave these as they were on live.")
    reverts = models.ForeignKey(
        Snapshot,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The version whose own change alone is taken back; the target is the one before it.",
    )

    despite_label = models.TextField(
        blank=True,
        help_text="Why it goes back to content that is labelled bad; empty where it is not, or was not then.",
    )

    confirm_minutes = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Undo it unless somebody keeps it within so many minutes; empty for not."
    )

    base_version = models.BigIntegerField(null=True)
    base_etag = models.BinaryField(null=True)
    base_digest = models.CharField(max_length=64)
    target_digest = models.CharField(max_length=64)
    expected_version = models.BigIntegerField(null=True, help_text="What live bears once every step has landed.")
    guard_level = models.CharField(
        max_length=1, choices=[("A", "A"), ("B", "B"), ("C", "C")], help_text="Of the step that is guarded least."
    )
    type_profile = models.CharField(max_length=64, help_text="Digest of the resource type's declaration.")
    plan_digest = models.CharField(max_length=64)

    notes = models.JSONField(default=list, help_text="What the plan leaves out or alone, in whole sentences.")

    reason = models.TextField()
    ticket = models.CharField(max_length=100, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty when it was asked for at the console's own terminal, where nobody is signed in.",
    )
    requester = models.CharField(max_length=200, help_text="The name of whoever asked, as the trail gives it.")
    asked_by_account = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="The account of the machine at whose terminal it was asked for; empty for the browser.",
    )
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    approvals_needed = models.PositiveSmallIntegerField()

    run_requested_at = models.DateTimeField(
        null=True, blank=True, help_text="Set while it is queued; the broker only rings the bell."
    )
    run_requester = models.CharField(max_length=200, blank=True)
    run_again_at = models.DateTimeField(
        null=True, blank=True, help_text="While it is queued: not before; somebody is at it, or it waits."
    )
    run_tries = models.PositiveIntegerField(default=0, help_text="Runs in a row that were refused only for now.")

    glass = models.ForeignKey(
        "rollbacks.BrokenGlass",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="rollbacks",
        help_text="Under which its run was asked for without the approvals.",
    )

    state = models.CharField(max_length=20, choices=State.choices)
    verdict = models.CharField(max_length=20, blank=True)
    explanation = models.TextField(blank=True, help_text="Why it stands where it stands, in whole sentences.")
    refusals = models.JSONField(default=list, help_text='[{"guard": …, "message": …}] of the last check.')
    state_changed_at = models.DateTimeField()

    class Meta:
        ordering = ("-requested_at",)
        constraints: ClassVar = [
            models.CheckConstraint(
                name="rollback_state_known",
                condition=Q(
                    state__in=[
                        "awaiting_approval",
                        "approved",
                        "applying",
                        "applied",
                        "refused",
                        "conflict",
                        "failed",
                        "unknown",
                        "cancelled",
                        "expired",
                    ]
                ),
            ),
            models.CheckConstraint(name="rollback_guard_level_known", condition=Q(guard_level__in=["A", "B", "C"])),
        ]
        indexes: ClassVar = [models.Index(fields=("state", "expires_at"), name="rollback_by_state")]

    def __str__(self) -> str:
        return f"{self.config} {self.goal}"

    def get_state_display(self) -> str:  # type: ignore[no-redef]  # Django lets a model say it itself
        """Say where it stands, as people do; what runs under a broken glass was approved by nobody."""
        if self.state == self.State.APPROVED and self.glass_id is not None:
            return "glass broken"
        return str(self.State(self.state).label)

    @property
    def goal(self) -> str:
        """Where it leads, after the object's name."""
        return f"to v{self.target.version}" if self.reverts is None else f"without v{self.reverts.version}"

    @property
    def doing(self) -> str:
        """What is done while it runs, as a headline begins."""
        return f"Going back to v{self.target.version}" if self.reverts is None else f"Undoing v{self.reverts.version}"

    @property
    def content(self) -> str:
        """What it makes live, in words."""
        if self.reverts is not None:
            return f"what was live without what v{self.reverts.version} changed"
        return f"{'the chosen values' if self.only or self.keep else 'the content'} of v{self.target.version}"

    @property
    def is_composed(self) -> bool:
        """Whether it leaves something else than the target."""
        return bool(self.only or self.keep or self.reverts_id)


class Step(models.Model):
    """One write of a rollback, frozen with its plan: what it acts on, the exact bytes, its guard and what it leaves."""

    class Kind(models.TextChoices):
        WRITE = "write", "write the object"
        CREATE_DRAFT = "create_draft", "make a draft"
        WRITE_DRAFT = "write_draft", "write the draft"
        PUBLISH = "publish", "publish the draft"
        REPOINT = "repoint", "point at the new version"
        NATIVE_ROLLBACK = "native_rollback", "roll back on the platform"
        NATIVE_RESTORE = "native_restore", "restore on the platform"

    rollback = models.ForeignKey(Rollback, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveSmallIntegerField(help_text="From 1, in the order in which they are carried out.")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    title = models.CharField(max_length=400, help_text="What it does, for people.")
    resource_type = models.CharField(max_length=80, help_text="Of the object that it acts on.")
    object_id = models.CharField(max_length=200)
    observed_path = models.CharField(
        max_length=500, blank=True, help_text="What is read to judge it; empty for the live object."
    )
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=500, help_text="Of the request, below the tenant's API host.")
    body = models.BinaryField(help_text="The exact bytes to send, frozen when the plan was made.")
    body_sha256 = models.CharField(max_length=64)
    guard_level = models.CharField(max_length=1, choices=[("A", "A"), ("B", "B"), ("C", "C")])
    base_version = models.BigIntegerField(null=True)
    base_etag = models.BinaryField(null=True)
    base_digest = models.CharField(max_length=64, help_text="Of what must stand before it.")
    target_digest = models.CharField(max_length=64, help_text="Of what must stand after it.")
    sent_version = models.BigIntegerField(null=True, help_text="The version number inside the body.")
    expected_version = models.BigIntegerField(null=True, help_text="What it bears once the write has landed.")

    class Meta:
        ordering = ("rollback", "number")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("rollback", "number"), name="step_numbered_once"),
            models.CheckConstraint(name="step_numbered_from_one", condition=Q(number__gte=1)),
            models.CheckConstraint(name="step_guard_level_known", condition=Q(guard_level__in=["A", "B", "C"])),
            models.CheckConstraint(
                name="step_kind_known",
                condition=Q(
                    kind__in=[
                        "write",
                        "create_draft",
                        "write_draft",
                        "publish",
                        "repoint",
                        "native_rollback",
                        "native_restore",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"step {self.number} of {self.rollback}"


class Approval(models.Model):
    """One person's word on one plan, bound to the digest of what they saw."""

    class Decision(models.TextChoices):
        APPROVED = "approved", "approved"
        REJECTED = "rejected", "rejected"

    rollback = models.ForeignKey(Rollback, on_delete=models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10, choices=Decision.choices)
    plan_digest = models.CharField(max_length=64)
    comment = models.TextField(blank=True)
    decided_at = models.DateTimeField()
    given_at_account = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="The account of the machine at whose terminal it was given; empty for the browser.",
    )
    circumstances = models.JSONField(default=list, help_text="Under which freezes it was given; other ones void it.")
    voided_at = models.DateTimeField(null=True, blank=True)
    void_because = models.TextField(blank=True, default="", db_default="", help_text="In a whole sentence.")

    class Meta:
        ordering = ("decided_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("rollback", "approver"), condition=Q(voided_at__isnull=True), name="approval_once_a_person"
            ),
            models.CheckConstraint(
                name="approval_void_with_its_reason",
                condition=Q(voided_at__isnull=True, void_because="")
                | (Q(voided_at__isnull=False) & ~Q(void_because="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.approver} {self.decision} {self.rollback}"
