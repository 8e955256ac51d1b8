"""Labels of versions, and the alarm where content that is labelled bad is live.

A version bears at most one label at a time: *known good*, set by a person or earned by time, or *bad* with a reason. A
label belongs to one version; what is *bad* is its content, and the fingerprint of content is the type with the digest.
So content that is labelled bad in one tenant is found in every other. What a tenant's trail and guards say never names
another tenant, nor anything in it: "in another tenant of this console" is all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from tenants import trail
from tenants.chronicle import BadContentAlarm, Bisection, BisectionAnswer, Label
from tenants.models import Snapshot, TrackedConfig

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.contrib.auth.models import AbstractBaseUser
    from django.db.models import QuerySet

Word = Label.Word

NAMES: Final = {"good": Word.GOOD, "known-good": Word.GOOD, "last-known-good": Word.GOOD, "bad": Word.BAD}
"""The words that name the newest version with a label, as a side of a comparison or as the target of a rollback."""
ELSEWHERE: Final = "in another tenant of this console"


class NotLabelled(ValueError):
    """A label could not be set or withdrawn as things stand; the message is a sentence."""


# --- reading ---------------------------------------------------------------------------------------------------------


def standing() -> "QuerySet[Label]":
    """Give the labels that nobody has withdrawn."""
    return Label.objects.filter(withdrawn_at__isnull=True)


def of_config(config: TrackedConfig) -> dict[int, Label]:
    """Give the labels that stand on a config's versions, by the snapshot's id."""
    return {label.snapshot_id: label for label in standing().filter(snapshot__config=config)}


def of_snapshot(snapshot: Snapshot) -> list[Label]:
    """Give every label that a version bears or bore, the newest first."""
    return list(Label.objects.filter(snapshot=snapshot))


def newest(config: TrackedConfig, word: Word) -> Snapshot | None:
    """Give the newest version with this label; one whose content another version labels bad is not known good."""
    own = standing().filter(snapshot__config=config)
    found = config.snapshots.filter(labels__in=own.filter(word=word))
    if word == Word.GOOD:
        found = found.exclude(digest__in=own.filter(word=Word.BAD).values("digest"))
    return found.order_by("-version", "-captured_at", "-pk").first()


def last_known_good(config: TrackedConfig) -> Snapshot | None:
    """Give the version to go back to: the newest that is known good, unless that is what live already holds."""
    found = newest(config, Word.GOOD)
    return None if found is None or (config.live is not None and config.live.digest == found.digest) else found


def last_known_good_of(configs: Iterable[TrackedConfig]) -> "dict[UUID, Snapshot]":
    """Give the same for many configs with one query, by the config's id."""
    live = {config.pk: config.live.digest for config in configs if config.live is not None}
    labels = list(standing().filter(snapshot__config__in=live).select_related("snapshot"))
    bad = {(label.snapshot.config_id, label.digest) for label in labels if label.word == Word.BAD}
    found: dict[UUID, Snapshot] = {}
    for label in sorted(labels, key=lambda one: (one.snapshot.version, one.snapshot.captured_at, one.snapshot_id)):
        if label.word == Word.GOOD and (label.snapshot.config_id, label.digest) not in bad:
            found[label.snapshot.config_id] = label.snapshot
    return {pk: snapshot for pk, snapshot in found.items() if snapshot.digest != live[pk]}


def held() -> "QuerySet[Snapshot]":
    """Give the versions that retention has to keep for what people said of them.

    Every one that bears or bore a label or raised an alarm, and those between which somebody looked for the first bad.
    """
    this = OuterRef("pk")
    return Snapshot.objects.filter(
        Exists(Label.objects.filter(snapshot=this))
        | Exists(BadContentAlarm.objects.filter(snapshot=this))
        | Exists(Bisection.objects.filter(Q(good=this) | Q(bad=this)))
        | Exists(BisectionAnswer.objects.filter(snapshot=this))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What labels say of content, for somebody of one tenant."""

    here: Sequence[Label] = ()
    """Those labels *bad* that stand in the tenant, on the very version or on the same content."""
    elsewhere: bool = False
    """Whether the same content is labelled bad in another tenant."""
    good: Label | None = None
    """The label *known good* of the very version."""

    @property
    def sentences(self) -> list[str]:
        """Say each of them, naming nothing of another tenant."""
        said = [f"v{label.snapshot.version} of {label.snapshot.config} is {label.words}." for label in self.here]
        return [*said, f"The same content is labelled bad {ELSEWHERE}."] if self.elsewhere else said


def beside(snapshot: Snapshot) -> list[str]:
    """Say which other versions, here or in another tenant, have the content of this one and are labelled bad."""
    found = against(snapshot.config, snapshot, digests=[])
    others = [label for label in found.here if label.snapshot_id != snapshot.pk]
    return Against(here=others, elsewhere=found.elsewhere).sentences


def against(config: TrackedConfig, target: Snapshot, *, digests: Iterable[str]) -> Against:
    """Give what speaks against going to a version, or to content with one of these digests."""
    fingerprints = standing().filter(
        word=Word.BAD, resource_type=config.resource_type, digest__in={*digests, target.digest}
    )
    found = list(fingerprints.select_related("snapshot__config"))
    return Against(
        here=[label for label in found if label.snapshot.config.tenant_id == config.tenant_id],
        elsewhere=any(label.snapshot.config.tenant_id != config.tenant_id for label in found),
        good=standing().filter(word=Word.GOOD, snapshot=target).first(),
    )


def against_live_of(configs: Iterable[TrackedConfig]) -> "dict[UUID, Against]":
    """Give what speaks against the live content of each config, with one query, by the config's id."""
    live = {
        config.pk: (config.live.digest, config.resource_type, config.tenant_id) for config in configs if config.live
    }
    labels = list(
        standing()
        .filter(word=Word.BAD, digest__in={digest for digest, _type, _tenant in live.values()})
        .select_related("snapshot__config")
    )
    found = {}
    for pk, (digest, type_name, tenant) in live.items():
        same = [label for label in labels if (label.digest, label.resource_type) == (digest, type_name)]
        here = [label for label in same if label.snapshot.config.tenant_id == tenant]
        found[pk] = Against(here=here, elsewhere=len(here) < len(same))
    return found


def with_bad_live(configs: "QuerySet[TrackedConfig]") -> "QuerySet[TrackedConfig]":
    """Keep those of the configs whose live content is labelled bad, here or in another tenant."""
    return configs.filter(
        Exists(
            standing().filter(word=Word.BAD, digest=OuterRef("live__digest"), resource_type=OuterRef("resource_type"))
        )
    )


# --- writing ---------------------------------------------------------------------------------------------------------


def put(
    snapshot: Snapshot,
    word: Word,
    *,
    reason: str,
    acting_user: "AbstractBaseUser | None",
    earned: bool = False,
) -> Label:
    """Set a label with its entry in the trail, and raise the alarm wherever its content is live.

    What a version earned by time gives way to a person's word. Raises NotLabelled where a person's label stands, or
    the reason is missing that *bad* needs.
    """
    reason = reason.strip()
    if word == Word.BAD and not reason:
        raise NotLabelled(
            f"v{snapshot.version} was not labelled bad: say why, so that whoever meets this content again knows."
        )
    actor = trail.SYSTEM if earned else trail.actor_name(acting_user)
    now = timezone.now()
    with transaction.atomic():
        config = TrackedConfig.objects.select_for_update(no_key=True).get(pk=snapshot.config_id)
        there = standing().filter(snapshot=snapshot).first()
        if there is not None and (earned or not there.earned):
            again = "Nothing was changed" if there.word == word else "Withdraw it first; nothing was changed"
            raise NotLabelled(f"v{snapshot.version} is already {there.words}. {again}.")
        if there is not None:
            _withdraw(there, config, actor=actor, acting_user=acting_user, reason=f"{actor} labels it {word.label}.")
        label = Label.objects.create(
            snapshot=snapshot,
            word=word,
            earned=earned,
            resource_type=config.resource_type,
            digest=snapshot.digest,
            reason=reason,
            set_at=now,
            set_by_id=None if acting_user is None else acting_user.pk,
            setter=actor,
        )
        trail.report(
            "label.set",
            tenant=config.tenant,
            actor=actor,
            config=config,
            detail={**_facts(label), "earned": earned, "live": config.live_id == snapshot.pk},
        )
        if word == Word.BAD:
            # The label stands whatever comes of this; the schedule raises what is left out.
            transaction.on_commit(lambda: raise_alarms(label), robust=True)
    return label


def withdraw(label: Label, *, reason: str, acting_user: "AbstractBaseUser | None") -> Label:
    """Withdraw a label with its entry in the trail; it stays as a fact. Raises NotLabelled where somebody has."""
    with transaction.atomic():
        config = TrackedConfig.objects.select_for_update(no_key=True).get(pk=label.snapshot.config_id)
        _withdraw(label, config, actor=trail.actor_name(acting_user), acting_user=acting_user, reason=reason.strip())
    return label


def _withdraw(
    label: Label, config: TrackedConfig, *, actor: str, acting_user: "AbstractBaseUser | None", reason: str
) -> None:
    now = timezone.now()
    changed = standing().filter(pk=label.pk)
    if not changed.update(
        withdrawn_at=now,
        withdrawn_by=None if acting_user is None else acting_user.pk,
        withdrawer=actor,
        withdrawal_reason=reason,
    ):
        raise NotLabelled(f"The label of v{label.snapshot.version} was withdrawn already. Nothing was changed.")
    label.refresh_from_db()
    trail.report(
        "label.withdrawn",
        tenant=config.tenant,
        actor=actor,
        config=config,
        detail={**_facts(label), "set_by": label.setter, "withdrawal_reason": reason},
    )


def _facts(label: Label) -> dict[str, object]:
    return {
        "label": label.get_word_display(),
        "version": str(label.snapshot.version),
        "digest": label.digest,
        "reason": label.reason,
    }


# --- alarms ----------------------------------------------------------------------------------------------------------


def raise_alarm(
    config: TrackedConfig, snapshot: Snapshot, *, now: "datetime", past: bool = False
) -> BadContentAlarm | None:
    """Raise the alarm where what is live now is labelled bad anywhere; the caller holds the lock of the config's row.

    `past` says that it is not, or no longer, live: it was found in the platform's own history, or in a read that was
    behind. Then the alarm is raised where somebody had labelled it before it was written: it came back between two
    looks. The entry tells the labels of the config's own tenant, and of others only that there is one.
    """
    bad = standing().filter(word=Word.BAD, digest=snapshot.digest, resource_type=config.resource_type)
    if past and snapshot.written_at is not None:
        bad = bad.filter(set_at__lte=snapshot.written_at)
    if not bad.exists():  # as nearly always, and much less work than the rows with all that they refer to
        return None
    labels = list(bad.select_related("snapshot__config"))
    if not labels:
        return None
    here = [label for label in labels if label.snapshot.config.tenant_id == config.tenant_id]
    alarm: BadContentAlarm = BadContentAlarm.objects.create(
        config=config, snapshot=snapshot, label=[*here, *labels][0], raised_at=now
    )
    trail.report(
        "config.bad_content_between" if past else "config.bad_content",
        tenant=config.tenant,
        actor=trail.SYSTEM,
        outcome="alarm",
        config=config,
        detail={
            "version": str(snapshot.version),
            "digest": snapshot.digest,
            "labelled": [
                {
                    "object": label.snapshot.config.address,
                    "version": str(label.snapshot.version),
                    "by": label.setter,
                    "reason": label.reason,
                }
                for label in here
            ],
            "elsewhere": len(here) < len(labels),
        },
    )
    return alarm


def raise_alarms(label: Label | None = None) -> int:
    """Raise every alarm that nobody has raised yet, each in its own transaction; give how many.

    With a label only those for its content. Called when a label is set, and by the schedule, which finds what a crash
    has left out.
    """
    bad = standing().filter(word=Word.BAD)
    if label is not None:
        bad = bad.filter(pk=label.pk)
    raised = 0
    for digest, type_name in sorted(set(bad.values_list("digest", "resource_type"))):
        live = TrackedConfig.objects.filter(live__digest=digest, resource_type=type_name)
        for pk in list(live.filter(~_alarmed()).values_list("pk", flat=True)):
            with transaction.atomic():
                config = TrackedConfig.objects.select_for_update(no_key=True).get(pk=pk)
                still = config.live is not None and config.live.digest == digest
                known = not TrackedConfig.objects.filter(pk=pk).filter(~_alarmed()).exists()
                if still and not known and config.live is not None:
                    raised += raise_alarm(config, config.live, now=timezone.now()) is not None
    return raised


def _alarmed() -> Exists:
    """Tell of a config whether the alarm for what is live has been raised since that came there."""
    return Exists(
        BadContentAlarm.objects.filter(
            config=OuterRef("pk"),
            snapshot=OuterRef("live"),
            label__withdrawn_at__isnull=True,
            raised_at__gte=Coalesce(OuterRef("changed_at"), OuterRef("created_at")),
        )
    )
