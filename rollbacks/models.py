"""Rollbacks, their steps, who approved them, every attempt and send, the audit trail, and its checkpoints.

The trail points to what it speaks of, so everything it points to is protected from deletion. What must never happen is
refused by the database: a second open attempt on an object, a second approval by the same person, a gap or a fork in a
tenant's chain, a change of an entry.
"""

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

    class Meta:
        ordering = ("decided_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("rollback", "approver"), name="approval_once_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.approver} {self.decision} {self.rollback}"


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
