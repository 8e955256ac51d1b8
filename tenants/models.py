"""Tenants, who may see them, what is tracked in them, and every version that was seen and is kept.

A fact about the past is only ever added: a `Snapshot` is never changed, and a `Document` only in how its bytes are
packed (`chains`), never in what they are. Both go only where a tenant's retention says so (`retention`, off unless it
is set), with an entry in the trail. What the platform no longer shows is marked so on its `TrackedConfig`.
Invariants are constraints of the database.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from tenants import chronicle, granting, indices, regions, tickets
from tenants.hashes import Sha256Field

MODELS_BESIDE = (
    granting.GroupRole,
    granting.ClaimRole,
    chronicle.Label,
    chronicle.BadContentAlarm,
    chronicle.LiveSpan,
    chronicle.Bisection,
    chronicle.BisectionAnswer,
    indices.ConfigIndex,
    indices.PastValue,
    indices.VersionChanges,
)
"""Django finds the models of an app through this module."""


class Tenant(models.Model):
    """One organization on the platform, with the OAuth client through which the console reaches it."""

    class Environment(models.TextChoices):
        PRODUCTION = "production", "production"
        SANDBOX = "sandbox", "sandbox"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$", "Use lower-case letters, digits and hyphens.")],
        help_text="The short name that commands use.",
    )
    name = models.CharField(max_length=120)
    region = models.CharField(
        max_length=60,
        choices=[*((domain, domain) for domain in regions.DOMAINS), (regions.CUSTOM, "custom hosts")],
        help_text="The domain of the platform on which the organization lives.",
    )
    api_url = models.URLField(blank=True, help_text="Only for custom hosts.")
    login_url = models.URLField(blank=True, help_text="Only for custom hosts.")
    client_id = models.CharField("OAuth client id", max_length=120)
    client_secret_sealed = models.BinaryField(editable=False)
    organization_id = models.CharField(
        max_length=60,
        blank=True,
        help_text="The organization that the OAuth client must belong to; learned at the first check when left empty.",
    )
    environment = models.CharField(
        max_length=12,
        choices=Environment.choices,
        blank=True,
        default="",
        db_default="",
        help_text="Shown on every page. In production, whoever asks for a rollback types the name of the object.",
    )
    ticket_pattern = models.CharField(
        max_length=tickets.LONGEST_PATTERN,
        blank=True,
        default="",
        db_default="",
        validators=[tickets.check_pattern],
        help_text="What a whole ticket looks like, such as CHG[0-9]{7}; every request then needs one. See the manual.",
    )
    ticket_url = models.CharField(
        "ticket address",
        max_length=300,
        blank=True,
        default="",
        db_default="",
        validators=[tickets.check_address],
        help_text="Where a ticket leads, such as https://jira.example.com/browse/{ticket}.",
    )
    approvals_needed = models.PositiveSmallIntegerField(
        default=1, help_text="How many other people must approve each rollback."
    )
    requests_a_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="What the OAuth client may ask of the platform in any minute; empty for this console's default.",
    )
    good_after_days = models.PositiveSmallIntegerField(
        default=7,
        help_text="After so many days live without drift or rollback a version is known good by itself; 0 for never.",
    )
    keep_days = models.PositiveIntegerField(
        "keep versions for days",
        null=True,
        blank=True,
        help_text="Versions that were seen longer ago may be dropped; empty to keep all of them.",
    )
    keep_versions = models.PositiveIntegerField(
        "keep the last versions",
        null=True,
        blank=True,
        help_text="So many of each object stay, however old; empty for no number.",
    )
    retention_confirmed = models.CharField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="The retention that a person has seen at work and let run.",
    )
    frozen = models.BooleanField(default=False, help_text="No rollback is carried out while this is on.")
    frozen_reason = models.CharField(max_length=300, blank=True)
    freeze_changes = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="How often it was frozen or freed: approvals name it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints: ClassVar = [
            models.CheckConstraint(
                name="tenant_region_known",
                condition=Q(region__in=[*regions.DOMAINS, regions.CUSTOM]),
            ),
            models.CheckConstraint(
                name="tenant_hosts_belong_to_custom_region",
                condition=(Q(region=regions.CUSTOM) & ~Q(api_url="") & ~Q(login_url=""))
                | (~Q(region=regions.CUSTOM) & Q(api_url="", login_url="")),
            ),
            models.CheckConstraint(
                name="tenant_environment_known", condition=Q(environment__in=["", "production", "sandbox"])
            ),
            models.CheckConstraint(name="tenant_approvals_at_most_nine", condition=Q(approvals_needed__lte=9)),
            models.CheckConstraint(
                name="tenant_requests_within_reason",
                condition=Q(requests_a_minute__isnull=True) | Q(requests_a_minute__range=(10, 100_000)),
            ),
            models.CheckConstraint(name="tenant_good_within_a_year", condition=Q(good_after_days__lte=365)),
            models.CheckConstraint(
                name="tenant_retention_within_reason",
                condition=(Q(keep_days__isnull=True) | Q(keep_days__range=(1, 36_500)))
                & (Q(keep_versions__isnull=True) | Q(keep_versions__range=(1, 1_000_000))),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def api_base(self) -> str:
        """The base URL of the API, without a slash at its end."""
        return (self.api_url or regions.api_host(self.region)).rstrip("/")

    @property
    def login_base(self) -> str:
        """The base URL of the token endpoint, without a slash at its end."""
        return (self.login_url or regions.login_host(self.region)).rstrip("/")

    @property
    def budget_key(self) -> tuple[str, str]:
        """By what the platform counts requests: the host of the token endpoint, and the OAuth client."""
        return self.login_base.partition("://")[2].lower(), self.client_id


class RequestBudget(models.Model):
    """What one OAuth client of the platform may still ask, however many tenants of the console bear it.

    The platform counts by client, and a client is known by where it logs in and its id.
    """

    login_host = models.CharField(max_length=300)
    client_id = models.CharField(max_length=120)
    spent = ArrayField(
        models.IntegerField(),
        db_default=[],
        help_text="Requests in each of the last 61 seconds, the newest first, as of `spent_second`.",
    )
    spent_second = models.BigIntegerField(db_default=0, help_text="In seconds since 1970.")
    learned = models.FloatField(null=True, help_text="Requests a minute, learned from a 429; it grows back.")
    learned_at = models.DateTimeField(null=True, help_text="From when it grows back.")
    paused_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("login_host", "client_id"), name="budget_once_a_client"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} at {self.login_host}"


class OAuthClient(models.Model):
    """What all workers know together of a tenant's OAuth client: its token, and whether anybody answers.

    Written by single statements on a connection of their own (`aside`), which may not see yet the tenant that is just
    being added: hence no constraint to it.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, db_constraint=False, related_name="oauth_clients", editable=False
    )
    client_id = models.CharField(max_length=120)

    failures = models.IntegerField(db_default=0, help_text="Of the way, in a row, by all workers.")
    failure = models.TextField(db_default="", help_text="What the last one was, in a sentence.")
    opened_at = models.DateTimeField(null=True, help_text="Since when the circuit breaker is open.")
    probe_at = models.DateTimeField(null=True, help_text="When the next sweep may try.")
    probes = models.IntegerField(db_default=0, help_text="That failed since it opened.")
    told_open = models.BooleanField(db_default=False, help_text="What the trail says of the circuit breaker.")
    swept_until = models.DateTimeField(null=True, help_text="The end of the turn of the sweep that is at it.")

    token_sealed = models.BinaryField(null=True, editable=False)
    token_fingerprint = models.CharField(max_length=64, db_default="")
    token_of = models.CharField(max_length=64, db_default="", help_text="Digest of the secret and host it is for.")
    token_generation = models.BigIntegerField(db_default=0)
    token_fresh_until = models.DateTimeField(null=True)
    fetching_until = models.DateTimeField(null=True, help_text="The end of the claim of whoever fetches a token.")
    fetcher = models.CharField(max_length=120, db_default="")
    fetch_failures = models.BigIntegerField(db_default=0)
    fetch_failure = models.JSONField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("tenant", "client_id"), name="oauth_client_once_a_tenant"),
        ]

    def __str__(self) -> str:
        return self.client_id


class Membership(models.Model):
    """One role of one user in one tenant; a user may hold several, and one role by hand and from claims at once."""

    Role = granting.Role
    Origin = granting.Origin

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)
    origin = models.CharField(
        max_length=10,
        choices=Origin.choices,
        default=Origin.HAND,
        db_default="hand",
        editable=False,
        help_text="What came from the identity provider is replaced at each sign-in, and never by hand.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("tenant__name", "user__username", "role")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("user", "tenant", "role", "origin"), name="membership_once"),
            models.CheckConstraint(name="membership_role_known", condition=Q(role__in=granting.Role.values)),
            models.CheckConstraint(name="membership_origin_known", condition=Q(origin__in=granting.Origin.values)),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} in {self.tenant}"


class TrackedConfig(models.Model):
    """One remote object whose every version is kept."""

    class Presence(models.TextChoices):
        UNSEEN = "unseen", "not looked at yet"
        PRESENT = "present", "present"
        VANISHED = "vanished", "vanished from the platform"
        UNREADABLE = "unreadable", "cannot be read"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="configs")
    resource_type = models.CharField(max_length=80)
    object_id = models.CharField(max_length=200)
    name = models.CharField(max_length=300, blank=True, help_text="The name the object bore when it was last seen.")
    presence = models.CharField(max_length=20, choices=Presence.choices, default=Presence.UNSEEN)
    presence_detail = models.TextField(blank=True, help_text="Why the object cannot be read, in a sentence.")
    presence_cause = models.CharField(max_length=20, blank=True, help_text="The kind of that reason (`causes.Cause`).")
    live = models.ForeignKey(
        "Snapshot",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What live was when it was last seen.",
    )
    baseline = models.ForeignKey(
        "Snapshot",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The version that somebody accepted as right; anything else on live is drift.",
    )
    looked_at = models.DateTimeField(null=True, blank=True, help_text="The heartbeat: when live was last asked for.")
    changed_at = models.DateTimeField(null=True, blank=True, help_text="When a change was last seen.")
    history_imported_at = models.DateTimeField(null=True, blank=True)
    dropped_through = models.BigIntegerField(
        null=True, blank=True, help_text="The highest version that retention dropped; no import brings it back."
    )
    history_refused = models.JSONField(
        default=list, blank=True, help_text="Versions of the platform's history that could not be kept, and why."
    )
    next_look_at = models.DateTimeField(null=True, blank=True, db_index=True)
    failures = models.PositiveIntegerField(default=0, help_text="Looks in a row that failed; they space the next ones.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("tenant__name", "resource_type", "name")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("tenant", "resource_type", "object_id"), name="config_tracked_once"),
        ]
        indexes: ClassVar = [models.Index(fields=("tenant", "next_look_at"), name="config_due_in_tenant")]

    def __str__(self) -> str:
        return self.name or self.object_id

    @property
    def address(self) -> str:
        """`TYPE:OBJECT_ID`, as commands write it."""
        return f"{self.resource_type}:{self.object_id}"


class Onboarding(models.Model):
    """One person's request to take in what an organization has: what was found, what was chosen, how far it is.

    The row is the queue: a worker lists, waits for the choice, tracks what was chosen, and the scheduled looks read it.
    """

    class State(models.TextChoices):
        LISTING = "listing", "finding out what is there"
        CHOOSING = "choosing", "waiting for a choice"
        TRACKING = "tracking", "listing what was chosen"
        READING = "reading", "reading for the first time"
        DONE = "done", "done"
        CANCELLED = "cancelled", "cancelled"

    OPEN: ClassVar = (State.LISTING, State.CHOOSING, State.TRACKING, State.READING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="onboardings")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=20, choices=State.choices, default=State.LISTING)
    survey = models.JSONField(default=dict, help_text="What the platform listed (`discovery.Survey`).")
    chosen = models.JSONField(default=list, help_text="The names of the types that are taken in.")
    tracked = models.JSONField(default=list, help_text="Those of them whose objects are tracked by now.")
    problem = models.TextField(blank=True, help_text="Why it waits, in a sentence.")
    failures = models.PositiveIntegerField(default=0, help_text="Failures in a row; they space the next tries.")
    next_at = models.DateTimeField(default=timezone.now, help_text="When a worker may take it up again.")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("tenant",),
                condition=Q(state__in=["listing", "choosing", "tracking", "reading"]),
                name="onboarding_one_open_a_tenant",
            ),
            models.CheckConstraint(
                name="onboarding_state_known",
                condition=Q(state__in=["listing", "choosing", "tracking", "reading", "done", "cancelled"]),
            ),
        ]

    def __str__(self) -> str:
        return f"everything of {self.tenant}"


class Document(models.Model):
    """The exact bytes of an answer of the platform, each content once.

    Outside a chain `body` is those bytes. In a chain it is a frame of Zstandard, packed against the document of the
    same chain at the place that it leans on, or against nothing. Each leans on an earlier place, a chain has so many
    places at most, and what others lean on cannot be deleted: the database itself refuses a broken chain.
    """

    LONGEST_CHAIN: ClassVar = 200

    sha256 = Sha256Field(primary_key=True, help_text="Of the bytes themselves.")
    body = models.BinaryField()
    size = models.PositiveIntegerField(help_text="Of the bytes themselves, in bytes.")
    chain = models.IntegerField(null=True, editable=False, help_text="Empty: the body is not packed.")
    place = models.SmallIntegerField(null=True, editable=False, help_text="In the chain, from 0.")
    leans_on = models.SmallIntegerField(
        null=True, editable=False, help_text="The place in the chain whose bytes this body is packed against."
    )

    class Meta:
        # Migrations 0009, 0012 and 0013 add what Django cannot say: (chain, leans_on) is a foreign key to (chain,
        # place), a SHA-256 has 32 bytes, and a body stays in its row as long as it fits there.
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("chain", "place"), name="document_place_once"),
            models.CheckConstraint(
                name="document_place_in_chain",
                condition=Q(chain__isnull=True, place__isnull=True, leans_on__isnull=True)
                | Q(chain__isnull=False, place__isnull=False, place__range=(0, 199)),
            ),
            models.CheckConstraint(
                name="document_leans_on_earlier",
                condition=Q(leans_on__isnull=True) | Q(leans_on__gte=0, leans_on__lt=F("place")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=("sha256",), condition=Q(chain__isnull=True), name="document_not_packed"),
        ]

    def __str__(self) -> str:
        return self.sha256[:12]


class Snapshot(models.Model):
    """One version of one object as it was seen once, and how; kept unless a tenant's retention lets it go."""

    class Source(models.TextChoices):
        LIVE = "live", "seen live"
        HISTORY = "history", "imported from the platform's own history"
        READ_BACK = "read_back", "read back after a write of ours"

    config = models.ForeignKey(  # `snapshot_once` begins with it
        TrackedConfig, on_delete=models.PROTECT, db_index=False, related_name="snapshots"
    )
    version = models.BigIntegerField(
        help_text="The platform's number; the console's own running number for types that have none."
    )
    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="snapshots")
    etag = models.BinaryField(null=True, help_text="Exactly as received, quotes included.")
    digest = models.CharField(max_length=64, help_text="Of the type's projection of the content (PROTOCOL.md).")
    source = models.CharField(max_length=20, choices=Source.choices)
    author_id = models.CharField(max_length=200, blank=True, help_text="As the platform names whoever wrote it.")
    author_name = models.CharField(max_length=300, blank=True)
    written_at = models.DateTimeField(null=True, blank=True, help_text="When the platform says that it was written.")
    captured_at = models.DateTimeField(help_text="When it was first seen here.")
    correlation_id = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ("-version", "-captured_at", "-id")
        get_latest_by = ("version", "captured_at")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("config", "version", "digest", "etag"),
                name="snapshot_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(name="snapshot_digest_is_hex", condition=Q(digest__regex=r"^[0-9a-f]{64}$")),
        ]
        indexes: ClassVar = [models.Index(F("config"), F("captured_at").desc(), name="snapshot_by_time")]

    def __str__(self) -> str:
        return f"v{self.version}"

    @property
    def etag_text(self) -> str:
        """The ETag for a page or a terminal; header bytes are Latin-1 (RFC 9110 section 5.5)."""
        return bytes(self.etag).decode("latin-1") if self.etag is not None else ""
