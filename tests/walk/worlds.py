"""Two tenants with rows of every kind: one that the walkers work in, and one of which they may learn nothing.

Every text of the other tenant's rows bears a mark, so that a single byte of them in an answer is found. A model of a
tenant's rows that nobody has filled is filled here by its columns; where that is not possible, the walk says so.
"""

import hashlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import Error, connection, models, transaction
from django.test import Client
from django.utils import timezone

from rollbacks import actions
from tenants import actions as tenants
from tenants import entitling, importing, indexing
from tenants.access import Role
from tenants.bisecting import Said
from tenants.labelling import Word
from tenants.models import Tenant, TrackedConfig
from tests import world as making
from tests.world import World

MARK = "zq7foreign"
"""In every text of the other tenant's rows and of its people, and nowhere else."""
APPS = ("tenants", "rollbacks")
NO_ROWS = {"tenants.requestbudget", "tenants.document", "rollbacks.sinkstate"}
"""Of no tenant: reached by no foreign key from one."""


@dataclass
class Sides:
    """The two tenants, and who walks."""

    world: World
    own: Tenant
    foreign: Tenant
    walkers: dict[str, User]
    secrets: frozenset[str]

    def row(self, label: str, tenant: Tenant) -> models.Model | None:
        """Give one row of a tenant, or its person or group; None where the model has nothing to do with tenants."""
        model = apps.get_model(label)
        if model is User:
            return User.objects.get(username=MARK if tenant == self.foreign else "wanda")
        if model is Group:
            return Group.objects.get(name=MARK if tenant == self.foreign else "Night shift")
        path = path_to_tenant(model)
        return None if path is None else rows_of(model, path, tenant).order_by("pk").first()


def path_to_tenant(model: type[models.Model], seen: tuple[type[models.Model], ...] = ()) -> str | None:
    """Give the lookup that leads from a model's rows to their tenant; `pk` for the tenant itself."""
    if model is Tenant:
        return "pk"
    keys = [one for one in model._meta.concrete_fields if one.is_relation and not one.null]
    keys += [one for one in model._meta.concrete_fields if one.is_relation and one.null]
    for one in keys:
        target: Any = one.related_model
        if target is Tenant:
            return one.name
        if target._meta.app_label in APPS and target not in seen and target is not model:
            further = path_to_tenant(target, (*seen, model))
            if further is not None:
                return f"{one.name}__{further}"
    return None


def rows_of(model: type[models.Model], path: str, tenant: Tenant) -> models.QuerySet[Any]:
    """Give a tenant's rows of a model."""
    return model._default_manager.filter(**{path.removesuffix("__pk"): tenant.pk})


def tenants_models() -> Iterator[tuple[type[models.Model], str]]:
    """Give every model whose rows belong to tenants, with the way there."""
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            path = path_to_tenant(model)
            if path is not None and model._meta.managed:
                yield model, path


def build(world: World) -> Sides:
    """Furnish both tenants: the walkers' is Tailspin Outdoor, the other one Northwind Bank."""
    own, foreign = world.tailspin, world.northwind
    mine = making.track(own, "cfg-22")
    making.look(mine)
    importing.import_history(mine, making.platform_of(mine))
    walkers = {role.value: _person(f"walker-{role.value}") for role in Role}
    for role in Role:
        making.give_roles(walkers[role.value], own, role)
    walkers["nobody"] = _person("walker-nobody")
    wanda, stranger = _person("wanda"), _person(MARK)
    making.give_roles(wanda, own, *Role)
    making.give_roles(stranger, foreign, *Role)
    owner = User.objects.create_superuser("walker-owner", password=making.PASSWORD)
    walkers["owner"] = owner
    for tenant, config, person, words in (
        (own, mine, wanda, "Agents see the wrong article since last night"),
        (foreign, world.config, stranger, f"{MARK} misfires since last night"),
    ):
        _furnish(tenant, config, person, words)
    fill_missing(foreign, stranger)
    _mark(foreign)
    secrets = {
        str(row.pk) for model, path in tenants_models() for row in rows_of(model, path, foreign) if _long(row.pk)
    }
    return Sides(world=world, own=own, foreign=foreign, walkers=walkers, secrets=frozenset({MARK, *secrets}))


def _long(pk: object) -> bool:
    return isinstance(pk, uuid.UUID)


def _person(name: str) -> User:
    return User.objects.create_user(
        name, password=making.PASSWORD, is_staff=True, first_name=name.title(), email=f"{name}@example.com"
    )


def _furnish(tenant: Tenant, config: TrackedConfig, person: User, words: str) -> None:
    """Do in a tenant what leaves rows, through the actions."""
    live = config.live
    assert live is not None
    target = config.snapshots.exclude(digest=live.digest).order_by("-version").first()
    assert target is not None
    tenants.accept_version(config, live, acting_user=person)
    tenants.label_version(target, Word.GOOD, reason=words, acting_user=person)
    oldest = config.snapshots.order_by("version").first()
    assert oldest is not None
    search = tenants.start_bisection(config, oldest, live, acting_user=person)
    between = config.snapshots.filter(version__gt=oldest.version, version__lt=live.version).order_by("version")[0]
    tenants.answer_bisection(search, between, Said.SKIP, note=words, acting_user=person)
    actions.request_rollback(config, target, reason=words, ticket="INC-4711", acting_user=person)
    tenants.ask_for_everything(tenant, acting_user=person)
    group = Group(name=MARK if MARK in words else "Night shift")
    entitling.keep_group(group, [person], acting_user=None)
    entitling.give_group_role(group, tenant, Role.VIEWER, acting_user=None)
    entitling.add_claim_role("groups", f"{group.name}-leads", tenant, Role.VIEWER, acting_user=None)
    actions.probe_guard(config, acting_user=person)
    indexing.catch_up(config)


def fill_missing(tenant: Tenant, person: User) -> None:
    """Make one row of every model that has none in the tenant, by its columns; raises where that is not possible."""
    failed: dict[str, str] = {}
    for _ in range(6):  # a row may need another one that comes later
        failed = {}
        for model, path in tenants_models():
            if rows_of(model, path, tenant).exists():
                continue
            every = [one.name for one in model._meta.concrete_fields if one.null]
            relations = [one.name for one in model._meta.concrete_fields if one.null and one.is_relation]
            for chosen in ([], relations, every, *([name] for name in every)):
                try:
                    with transaction.atomic():
                        _made(model, tenant, person, chosen).save(force_insert=True)
                except (Error, LookupError, ValueError) as error:
                    failed[model._meta.label_lower] = str(error).partition("\n")[0]
                else:
                    failed.pop(model._meta.label_lower, None)
                    break
        if not failed:
            return
    raise AssertionError(
        f"The walk has no row of these models in {tenant.slug}; let `_furnish` make one, or NEEDS say what a row of "
        f"them must be: {failed}"
    )


NEEDS: dict[str, dict[str, Any]] = {}
"""Columns that cannot be guessed, by the label of the model."""


def _made(model: type[models.Model], tenant: Tenant, person: User, optional: list[str]) -> models.Model:
    values: dict[str, Any] = {}
    for one in model._meta.concrete_fields:
        if not one.null or one.name in optional:
            values |= _column(model, one, tenant, person)
    return model(**{**values, **NEEDS.get(model._meta.label_lower, {})})


def _column(model: type[models.Model], one: Any, tenant: Tenant, person: User) -> dict[str, Any]:
    if one.is_relation:
        return _related(one, tenant, person)
    if one.primary_key or one.has_default():
        return {}
    if one.choices:
        return {one.name: "" if one.blank else next(value for value, _ in one.flatchoices if value not in {None, ""})}
    words = MARK if person.username == MARK else "tailspin"
    if isinstance(one, models.CharField | models.TextField):
        hexadecimal = one.max_length == 64
        text = hashlib.sha256(f"{words}{one.name}".encode()).hexdigest() if hexadecimal else f"{words}-{one.name}"
        return {one.name: "" if one.blank else text[: one.max_length or 200]}
    if isinstance(one, models.DateTimeField):
        later = next((hours for word, hours in (("until", 1), ("expires", 1), ("due", 2)) if word in one.name), 0)
        return {one.name: timezone.now() + timedelta(hours=later)}
    if isinstance(one, models.JSONField):
        return {one.name: {"words": words}}
    if isinstance(one, models.BinaryField):
        return {one.name: words.encode()}
    if isinstance(one, models.UUIDField):
        return {one.name: uuid.uuid4()}
    return {one.name: True if isinstance(one, models.BooleanField) else 1}


def _related(one: Any, tenant: Tenant, person: User) -> dict[str, Any]:
    target = one.related_model
    if target is Tenant:
        return {one.name: tenant}
    if target is User:
        return {one.name: person}
    path = path_to_tenant(target)
    found = rows_of(target, path, tenant).order_by("pk").first() if path else target._default_manager.first()
    if found is None and not one.null:
        raise LookupError(f"no {target._meta.label_lower} yet")
    return {one.name: found}


def _mark(tenant: Tenant) -> None:
    """Put the mark into every text of the tenant's rows that the database lets anybody change."""
    marked = 0
    for model, path in tenants_models():
        for one in model._meta.concrete_fields:
            if one.choices or one.primary_key or not isinstance(one, models.CharField | models.TextField):
                continue
            if one.max_length is not None and one.max_length < len(MARK) + 12:
                continue
            number = models.functions.Cast("pk", models.TextField())
            text = models.functions.Concat(models.Value(f"{MARK}-"), models.functions.Right(number, 12))
            try:
                with transaction.atomic():
                    marked += rows_of(model, path, tenant).update(**{one.name: text})
            except Error:
                continue  # a rule of the database holds it: digests, chains, what is only ever added
    assert marked > 100, "hardly anything of the other tenant bears the mark"


IGNORED = (
    "django_session",
    "usersessions_usersession",
    "tenants_requestbudget",
    "tenants_oauthclient",
    "rollbacks_audithead",
    "console_cache",
)
"""What signing in, counting requests and the number of an entry of refused access move."""


def state(of: Tenant | None = None) -> dict[str, str]:
    """Give the number of rows and a digest of the content of every table; `of` a tenant only, of those that name it."""
    tables = [name for name in sorted(connection.introspection.table_names()) if name not in IGNORED]
    parts = []
    for name in tables:
        conditions = ["action <> 'access.refused'"] if name == "rollbacks_auditentry" else []
        if of is not None:
            with connection.cursor() as cursor:
                columns = {column.name for column in connection.introspection.get_table_description(cursor, name)}
            if "tenant_id" not in columns:
                continue
            conditions.append(f"tenant_id = '{of.pk}'")
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        parts.append(
            f"SELECT '{name}', count(*), md5(coalesce(string_agg(h, '' ORDER BY h), ''))"  # noqa: S608 - our own tables
            f" FROM (SELECT md5(t::text) AS h FROM {name} t {where}) AS s"
        )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {name: f"{count} rows, {digest}" for name, count, digest in cursor.fetchall()}


def changed(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Give what differs between two states."""
    return {name: (before[name], after.get(name, "")) for name in before if before[name] != after.get(name, "")}


def signed_in(user: User | None) -> Client:
    """Give a browser in which the user signed in a moment ago; None for somebody who did not."""
    client = Client(raise_request_exception=False, headers={"accept": "text/html"})
    if user is not None:
        client.force_login(user)
        session = client.session
        session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
        session.save()
    return client
