"""Drop versions that a tenant need not keep: shown first, done only as shown, and recorded in the trail.

A tenant without `keep_days` and `keep_versions` keeps everything; that is how it begins. With one of them a version may
go that was in force at no moment of the last days and is none of the last versions; with both, only what is neither.
In force counts to the moment at which the next one was seen. Days are whole days in UTC, so a plan stands for a day.

Never dropped are the first and the last version of an object, what is live, what somebody accepted or labelled, and
whatever else a row refers to that protects it (rollbacks, attempts, probes, labels, searches for the first bad one),
and the versions that the trail names in an entry about more than having seen them. `held` is the one place that says
so.

A plan has a digest. A person who has seen it names it, and only then, and only if it is still the same, the versions
go: object by object, each in a transaction with its entry, everything looked at once more under the object's lock.
What cannot go then is left, and said so. After that the schedule goes on by itself while the rule stays the same.

Order of locks: the config's row, its versions, documents by chain and place, the trail.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from django.db import IntegrityError, connection, models, transaction
from django.db.models.deletion import ProtectedError, RestrictedError
from django.utils import timezone

from tenants import chains, labelling, repacking, trail
from tenants.chains import UnusableContent
from tenants.models import Snapshot, Tenant, TrackedConfig

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

AT_ONCE: Final = 200
"""So many versions go in one transaction, with one entry."""

Teller: TypeAlias = "Callable[[Collection[UUID]], Iterable[tuple[UUID, int]]]"
"""Tells of some configs which of their versions must stay, as (config, version number)."""


class NotAsShown(Exception):
    """What would be dropped is not what was shown, or nothing was; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How long a tenant keeps versions."""

    days: int | None = None
    versions: int | None = None

    @property
    def words(self) -> str:
        """The rule for people, and the word by which its confirmation is remembered."""
        said = [] if self.days is None else [f"{self.days} day{'s' if self.days > 1 else ''}"]
        said += [] if self.versions is None else [f"the last {self.versions}"]
        return " and ".join(said)

    def begins(self, now: datetime) -> datetime | None:
        """Give the moment since which everything in force is kept; None where no days are asked for."""
        if self.days is None:
            return None
        return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=self.days)


def rule_of(tenant: Tenant) -> Rule | None:
    """Give the tenant's rule; None where it keeps everything."""
    if tenant.keep_days is None and tenant.keep_versions is None:
        return None
    return Rule(days=tenant.keep_days, versions=tenant.keep_versions)


# --- what stays ------------------------------------------------------------------------------------------------------

_tellers: dict[str, Teller] = {}


def also_held(why: str, teller: Teller) -> None:
    """Let whoever stands above this app tell which versions must stay, and why in a word or two."""
    _tellers[why] = teller


def held(configs: "QuerySet[TrackedConfig]") -> dict[int, str]:
    """Give the versions of some configs that are never dropped, by the snapshot's id, and why."""
    found: dict[int, str] = {}
    ids = list(configs.values_list("pk", flat=True))
    for why, teller in _tellers.items():
        told = set(teller(ids))
        numbers = Snapshot.objects.filter(config__in=ids, version__in={number for _config, number in told})
        found |= {
            pk: why
            for pk, config, version in numbers.values_list("pk", "config_id", "version")
            if (config, version) in told
        }
    found |= dict.fromkeys(labelling.held().filter(config__in=ids).values_list("pk", flat=True), "label")
    for model, name in protecting():
        rows = model._base_manager.filter(**{f"{name}__config__in": ids})  # noqa: SLF001 - as Django's collector asks
        of_config = model is TrackedConfig
        why = name if of_config else str(model._meta.verbose_name)  # noqa: SLF001
        found |= dict.fromkeys(rows.values_list(name, flat=True), why)
    return found


def protecting() -> list[tuple[type[models.Model], str]]:
    """Give every column of the console that protects the version it refers to."""
    return [
        (relation.field.model, relation.field.name)
        for relation in Snapshot._meta.get_fields(include_hidden=True)  # noqa: SLF001
        if isinstance(relation, models.ManyToOneRel) and relation.on_delete in {models.PROTECT, models.RESTRICT}
    ]


# --- what would go ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Version:
    """One version that was seen, as much of it as is decided on."""

    pk: int
    number: int
    document: str
    digest: str
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigPlan:
    """What would be dropped of one config, and why the others that are old enough stay."""

    config: TrackedConfig
    versions: int
    dropped: Sequence[Version]
    kept_for: "Counter[str]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be dropped of a tenant."""

    tenant: Tenant
    rule: Rule
    configs: Sequence[ConfigPlan]
    """Those of which something would go."""
    versions: int
    kept_for: "Counter[str]"
    freed: int
    """Bytes of the packed documents that nobody else shows."""

    @property
    def dropped(self) -> int:
        """How many versions would go."""
        return sum(len(one.dropped) for one in self.configs)

    @property
    def digest(self) -> str:
        """What a person names who has seen the plan: twelve signs over the rule and every version in it."""
        told = [
            str(self.tenant.pk),
            self.rule.words,
            *([one.config.address, *((v.pk, v.number, v.document) for v in one.dropped)] for one in self.configs),
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def plan(tenant: Tenant, rule: Rule, *, now: datetime) -> Plan:
    """Work out what the rule would drop; changes nothing."""
    configs = {config.pk: config for config in tenant.configs.order_by("resource_type", "object_id")}
    stays = held(tenant.configs.all())
    found = {
        pk: _planned(configs[pk], versions, stays, rule, now=now)
        for pk, versions in _by_config(Snapshot.objects.filter(config__tenant=tenant))
    }
    losing = [found[pk] for pk in configs if pk in found and found[pk].dropped]
    return Plan(
        tenant=tenant,
        rule=rule,
        configs=losing,
        versions=sum(one.versions for one in found.values()),
        kept_for=sum((one.kept_for for one in found.values()), Counter()),
        freed=_freed([version for one in losing for version in one.dropped]),
    )


def _by_config(snapshots: "QuerySet[Snapshot]") -> "Iterator[tuple[UUID, list[Version]]]":
    rows = snapshots.order_by("config_id", "version", "captured_at", "pk").values_list(
        "config_id", "pk", "version", "document_id", "digest", "captured_at"
    )
    for config, of_config in groupby(rows.iterator(chunk_size=5000), key=lambda row: row[0]):
        yield config, [Version(*row[1:]) for row in of_config]


def _planned(
    config: TrackedConfig, versions: Sequence[Version], stays: dict[int, str], rule: Rule, *, now: datetime
) -> ConfigPlan:
    """Decide on the versions of one config, which come oldest first."""
    begins = rule.begins(now)
    last = len(versions) - 1
    dropped, kept_for = [], Counter[str]()
    for index, version in enumerate(versions):
        until = max((later.seen_at for later in versions[index + 1 : index + 2]), default=now)
        young = begins is not None and max(version.seen_at, until) >= begins
        if young or (rule.versions is not None and index > last - rule.versions):
            continue
        why = "first" if index == 0 else "last" if index == last else stays.get(version.pk)
        if why is None:
            dropped.append(version)
        else:
            kept_for[why] += 1
    return ConfigPlan(config=config, versions=len(versions), dropped=dropped, kept_for=kept_for)


def _freed(versions: Sequence[Version]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(octet_length(body)), 0) FROM tenants_document AS document WHERE sha256 = ANY(%s) AND "
            "NOT EXISTS (SELECT 1 FROM tenants_snapshot WHERE document_id = document.sha256 AND id <> ALL(%s))",
            (chains.keys(version.document for version in versions), [version.pk for version in versions]),
        )
        return int(cursor.fetchone()[0])


# --- doing it --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Done:
    """What was dropped."""

    versions: int = 0
    documents: int = 0
    repacked: int = 0
    left: list[str] = field(default_factory=list)
    """A sentence for each object of which something could not go."""


def carry_out(shown: Plan, *, actor: str) -> Done:
    """Drop exactly what the plan names, config by config; what has come to be held meanwhile is left, and said so."""
    done = Done()
    for one in shown.configs:
        for start in range(0, len(one.dropped), AT_ONCE):
            some = one.dropped[start : start + AT_ONCE]
            try:
                dropped = _drop(one.config.pk, some, shown, actor=actor)
            except (ProtectedError, RestrictedError, IntegrityError):
                done.left.append(
                    f"{one.config.address}: something refers to a version that was to go. None of it went."
                )
                break
            except (NotAsShown, UnusableContent) as error:
                done.left.append(f"{one.config.address}: {error}")
                break
            done.versions += len(some)
            done.documents += dropped.documents
            done.repacked += dropped.repacked
    return done


def _drop(config_id: "UUID", versions: Sequence[Version], shown: Plan, *, actor: str) -> repacking.Dropped:
    with transaction.atomic():
        config = TrackedConfig.objects.select_for_update(no_key=True, of=("self",)).get(pk=config_id)
        this = TrackedConfig.objects.filter(pk=config_id)
        standing = next(iter(_by_config(config.snapshots.all())), (config_id, []))[1]
        today = {one.pk for one in _planned(config, standing, held(this), shown.rule, now=timezone.now()).dropped}
        if not today.issuperset(version.pk for version in versions):
            raise NotAsShown("it has changed since that was shown. Nothing of it was dropped.")
        Snapshot.objects.filter(pk__in=[version.pk for version in versions]).delete()
        dropped = repacking.drop({version.document for version in versions})
        highest = max(version.number for version in versions)
        if config.dropped_through is None or config.dropped_through < highest:
            this.update(dropped_through=highest)
        trail.report(
            "config.versions_dropped",
            tenant=shown.tenant,
            actor=actor,
            config=config,
            detail={
                "rule": shown.rule.words,
                "plan": shown.digest,
                "dropped": [
                    {"version": str(version.number), "digest": version.digest, "sha256": version.document}
                    for version in versions
                ],
                "documents_dropped": dropped.documents,
                "documents_repacked": dropped.repacked,
            },
        )
    return dropped
