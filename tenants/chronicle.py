"""What is known of versions beside their content: labels, when each was live, alarms, and searches for the first bad.

A label is a fact: it is added, and withdrawn once, and both times say who, when and why; the database refuses any other
change of it. `tenants.models` brings these to Django.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Label(models.Model):
    """What a person, or time, says of one version: known good, or bad."""

    class Word(models.TextChoices):
        GOOD = "good", "known good"
        BAD = "bad", "bad"

    snapshot = models.ForeignKey("tenants.Snapshot", on_delete=models.PROTECT, related_name="labels")
    word = models.CharField(max_length=10, choices=Word.choices)
    earned = models.BooleanField(default=False, help_text="By time: live for long enough, without drift or rollback.")
    resource_type = models.CharField(max_length=80, help_text="With the digest, the fingerprint of the content.")
    digest = models.CharField(max_length=64)
    reason = models.TextField()
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    setter = models.CharField(max_length=200, help_text="The name of whoever set it, as the trail gives it.")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawer = models.CharField(max_length=200, blank=True)
    withdrawal_reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-set_at", "-pk")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("snapshot",), condition=Q(withdrawn_at__isnull=True), name="label_one_standing_a_snapshot"
            ),
            models.CheckConstraint(name="label_word_known", condition=Q(word__in=["good", "bad"])),
            models.CheckConstraint(name="label_only_good_is_earned", condition=Q(earned=False) | Q(word="good")),
            models.CheckConstraint(
                name="label_withdrawn_by_somebody",
                condition=(Q(withdrawn_at__isnull=True) & Q(withdrawer="") & Q(withdrawn_by__isnull=True))
                | (Q(withdrawn_at__isnull=False) & ~Q(withdrawer="")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=("digest", "resource_type"),
                condition=Q(word="bad", withdrawn_at__isnull=True),
                name="label_bad_content",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_word_display()} since {self.set_at:%Y-%m-%d}"

    @property
    def words(self) -> str:
        """Say who labelled it so, since when and why, in one line."""
        by = "earned" if self.earned else f"by {self.setter}"
        return f"labelled {self.get_word_display()} {by} on {self.set_at:%d %b %Y at %H:%M} UTC: “{self.reason}”"


class BadContentAlarm(models.Model):
    """Content that is labelled bad came to live, here or in another tenant; the trail has the entry."""

    config = models.ForeignKey("tenants.TrackedConfig", on_delete=models.PROTECT, related_name="bad_content_alarms")
    snapshot = models.ForeignKey("tenants.Snapshot", on_delete=models.PROTECT, related_name="+")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="alarms")
    raised_at = models.DateTimeField()

    class Meta:
        ordering = ("-raised_at",)
        indexes: ClassVar = [models.Index(fields=("config", "-raised_at"), name="bad_content_alarm_by_time")]

    def __str__(self) -> str:
        return f"{self.config} at {self.raised_at:%Y-%m-%d %H:%M}"


class LiveSpan(models.Model):
    """A time in which every look showed one and the same state as live; extended in place by each of them.

    A pause of the looks that is too long ends a span, and the next look begins another, of the same state or not.
    """

    config = models.ForeignKey(  # `live_span_by_time` begins with it
        "tenants.TrackedConfig", on_delete=models.PROTECT, db_index=False, related_name="live_spans"
    )
    snapshot = models.ForeignKey(
        "tenants.Snapshot",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="What was seen; empty where it was not kept, and where the object was gone.",
    )
    version = models.BigIntegerField(null=True, help_text="Of what was seen; empty where the object was gone.")
    digest = models.CharField(max_length=64, blank=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    open = models.BooleanField(default=True, help_text="Whether the next look may extend it.")

    class Meta:
        ordering = ("config", "first_seen_at", "pk")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("config",), condition=Q(open=True), name="live_span_one_open_a_config"),
            models.CheckConstraint(
                name="live_span_ends_after_it_began", condition=Q(last_seen_at__gte=F("first_seen_at"))
            ),
        ]
        indexes: ClassVar = [models.Index(fields=("config", "first_seen_at"), name="live_span_by_time")]

    def __str__(self) -> str:
        return f"{'gone' if self.version is None else f'v{self.version}'} from {self.first_seen_at:%Y-%m-%d %H:%M}"


class Bisection(models.Model):
    """One search for the first bad version between a good and a bad one; several of a config are kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    config = models.ForeignKey("tenants.TrackedConfig", on_delete=models.PROTECT, related_name="bisections")
    good = models.ForeignKey("tenants.Snapshot", on_delete=models.PROTECT, related_name="+")
    bad = models.ForeignKey("tenants.Snapshot", on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    starter = models.CharField(max_length=200, help_text="The name of whoever started it, as the trail gives it.")

    class Meta:
        ordering = ("-started_at", "-pk")

    def __str__(self) -> str:
        return f"bisection of {self.config} from {self.started_at:%Y-%m-%d %H:%M}"


class BisectionAnswer(models.Model):
    """What somebody said of one version in a bisection; the last word on a version counts."""

    class Answer(models.TextChoices):
        GOOD = "good", "good"
        BAD = "bad", "bad"
        SKIP = "skip", "cannot be told"

    bisection = models.ForeignKey(Bisection, on_delete=models.PROTECT, related_name="answers")
    snapshot = models.ForeignKey("tenants.Snapshot", on_delete=models.PROTECT, related_name="+")
    answer = models.CharField(max_length=10, choices=Answer.choices)
    note = models.CharField(max_length=300, blank=True)
    answered_at = models.DateTimeField()
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answerer = models.CharField(max_length=200)

    class Meta:
        ordering = ("answered_at", "pk")
        constraints: ClassVar = [
            models.CheckConstraint(name="bisection_answer_known", condition=Q(answer__in=["good", "bad", "skip"]))
        ]

    def __str__(self) -> str:
        return f"{self.snapshot} is {self.answer}"
