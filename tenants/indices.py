"""What is worked out once from the versions and kept to be quick: what each changed, and every value that has gone.

All of it can be thrown away and is made anew from the archive (`tenants.indexing`), so nothing here protects a version
from being dropped: a row of a version that is no more is swept away with the next round. Nobody looks rows up by the
versions that they name, so these columns have no indexes of their own; each would cost some twenty bytes for each row.
"""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models


class ConfigIndex(models.Model):
    """How far one configuration is worked out, and what is known at that point."""

    config = models.OneToOneField(
        "tenants.TrackedConfig", on_delete=models.CASCADE, primary_key=True, related_name="index"
    )
    done = models.PositiveIntegerField(default=0, help_text="How many versions are worked out, from the first on.")
    chain = models.CharField(max_length=64, help_text="Digest of their row numbers in order: another one, start anew.")
    versions = models.PositiveIntegerField(default=0, help_text="How many versions there were.")
    newest_pk = models.BigIntegerField(default=0, help_text="The highest row number among them.")
    profile = models.CharField(max_length=120, help_text="The rules by which they were compared.")
    blame = models.BinaryField(default=b"", help_text="Of the last one, packed (`documents.Blame`).")
    last = models.ForeignKey(
        "tenants.Snapshot",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The last one that can be read.",
    )
    words = SearchVectorField(default="", help_text="The terms of the last one.")
    all_words = models.BooleanField(default=True, help_text="Off where it has more terms than can be kept.")

    class Meta:
        verbose_name_plural = "config indices"
        indexes: ClassVar = [GinIndex(fields=("words",), name="config_index_words")]

    def __str__(self) -> str:
        return f"{self.done} of {self.versions}"


class VersionChanges(models.Model):
    """What one version changed against the one before it that can be read."""

    snapshot = models.OneToOneField(
        "tenants.Snapshot",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        primary_key=True,
        related_name="changes",
    )
    config = models.ForeignKey("tenants.TrackedConfig", on_delete=models.CASCADE, db_index=False, related_name="+")
    before = models.ForeignKey(
        "tenants.Snapshot",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    position = models.PositiveIntegerField(help_text="Among the versions of the configuration, from 0.")
    changed = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    moved = models.PositiveIntegerField(default=0)
    apart = models.PositiveIntegerField(default=0, help_text="Changes of what the platform sets by itself.")
    top = models.JSONField(default=list, help_text='[{"where": …, "count": …}]: where most was changed.')
    places = models.TextField(blank=True, help_text="A line for each place, in words and as a pointer, without case.")
    outline = models.BinaryField(default=b"", help_text="All changes without their values, packed.")
    problem = models.TextField(blank=True, help_text="Why it cannot be read, in a sentence.")

    class Meta:
        verbose_name_plural = "version changes"
        indexes: ClassVar = [models.Index(fields=("config", "position"), name="version_changes_in_order")]

    def __str__(self) -> str:
        return f"{self.count} changes"

    @property
    def count(self) -> int:
        """How many changes of configuration there are."""
        return self.changed + self.added + self.removed + self.moved


class PastValue(models.Model):
    """One value that stood in a configuration and is gone: where, from which version, and which took it away."""

    config = models.ForeignKey("tenants.TrackedConfig", on_delete=models.CASCADE, related_name="past_values")
    since = models.ForeignKey(
        "tenants.Snapshot", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    gone_in = models.ForeignKey(
        "tenants.Snapshot", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    before = models.ForeignKey(
        "tenants.Snapshot",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        help_text="The last version that had it.",
    )
    gone_at = models.DateTimeField(help_text="When that was written, else first seen.")
    path = models.TextField(help_text="JSON Pointer into the last version that had it.")
    trail = models.TextField(help_text="The same place in words.")
    text = models.TextField()
    became = models.TextField(help_text="What stands there since, on one line; empty where nothing does.")
    words = SearchVectorField()

    class Meta:
        indexes: ClassVar = [GinIndex(fields=("words",), name="past_value_words")]

    def __str__(self) -> str:
        return self.trail
