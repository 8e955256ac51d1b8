"""What people did before a history begins: carried out once by the real code, and put back row by row afterwards.

A tenant, an object with a past, a request and its approval differ between histories only in a few ways. For each of
these the console's own code does it once in a process; the rows that came of it are kept as one script, and every
further history of the same kind begins with exactly these rows, ids and moments included.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection

from rollbacks import actions
from rollbacks.models import Rollback
from tenants import actions as tenants
from tenants import capture
from tenants.access import Role
from tenants.models import Membership, Snapshot, Tenant, TrackedConfig
from tests import world
from tests.torture.simulated import CLIENT, OBJECT, Content, Kind, Platform, Revision
from tests.torture.stage import MICROS_BEFORE, Stage

if TYPE_CHECKING:
    from django.db.models import Model

NOW: Final = "torture.now"
"""The setting that holds the virtual moment of a transaction."""
HOST: Final = "http://127.0.0.1:9"
_HOUR: Final = 3_600_000_000
_FIRST_FREE_ID: Final = 1_000_000
"""Rows that a history adds are numbered from here, whatever the process did before."""
_HISTORIES_BETWEEN_CLEANINGS: Final = 100


@dataclass(frozen=True)
class Beginning:
    """Where a history begins: who and what there is, and the script that makes the database say so."""

    tenant: Tenant
    config: TrackedConfig
    revisions: tuple[Revision, ...]
    rollbacks: tuple[UUID, ...]
    targets: dict[UUID, Content]
    """What each rollback is to leave."""
    script: str


def rehearse(stage: Stage, platform: Platform, *, requests: int) -> Beginning:
    """Let a tenant have an object with a past and let Alice and Bob agree on going back, through the console's code."""
    _hold_the_clock()
    with connection.cursor() as cursor:
        cursor.execute(_emptying() + _numbering(1))
    alice, bob = (User.objects.create(username=name, is_staff=True) for name in ("alice", "bob"))
    tenant = tenants.add_tenant(
        "northwind",
        name="Northwind Bank",
        api_url=HOST,
        login_url=HOST,
        client_id=CLIENT,
        client_secret="known to everybody",
        organization_id=platform.organization,
        requests_a_minute=6000,
        acting_user=None,
    )
    Membership.objects.create(user=alice, tenant=tenant, role=Role.OPERATOR)
    Membership.objects.create(user=bob, tenant=tenant, role=Role.APPROVER)
    config = world.track(tenant, OBJECT, type_name=platform.kind.name)
    platform.begin([content_of(platform.kind, "Retention")])
    for name in ("Card stolen", "Billing disputes"):
        _look(config, stage)
        stage.micros += _HOUR
        platform.write_elsewhere(content_of(platform.kind, name), by="tom-becker")
    _look(config, stage)
    platform.accepted.clear()
    targets: dict[UUID, Content] = {}
    for number in range(1, requests + 1):
        rollback = actions.request_rollback(
            config,
            snapshot_of(config, platform.kind, number),
            reason="Retention rules misfire since last night",
            acting_user=alice,
        )
        actions.approve_rollback(rollback, acting_user=bob, plan_digest=rollback.plan_digest)
        targets[rollback.pk] = platform.revisions[number - 1].content
    for key in targets:
        actions.run_rollback(Rollback.objects.get(pk=key), acting_user=alice)
    if stage.micros >= MICROS_BEFORE:
        message = "What people do before a history took longer than it may."
        raise AssertionError(message)
    return Beginning(tenant, config, tuple(platform.revisions), tuple(targets), targets, _script())


def content_of(kind: Kind, name: str) -> Content:
    """Give what an object of this kind holds under a topic."""
    if kind.level == "A":
        return {"name": "Billing EMEA", "content": {"topic": name, "rules": [1, 2, 3]}}
    if kind.level == "B":
        return {"name": name, "callableTimes": []}
    return {"name": name, "description": f"{name}, set by the desk"}


def _look(config: TrackedConfig, stage: Stage) -> None:
    config.refresh_from_db()
    capture.look(config, world.platform_of(config), now=stage.now(), conditional=False)
    config.refresh_from_db()


def snapshot_of(config: TrackedConfig, kind: Kind, number: int) -> Snapshot:
    """Give the kept snapshot of one of the object's first versions."""
    if kind.level == "C":
        return config.snapshots.order_by("pk")[number - 1]
    return config.snapshots.get(version=number)


def _hold_the_clock() -> None:
    """Let the database's functions read the setting NOW in place of the clock, where a transaction has set it."""
    held = f"coalesce(nullif(current_setting('{NOW}', true), '')::timestamptz, clock_timestamp())"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
            " AND prosrc LIKE %s AND prosrc NOT LIKE %s",
            ["%clock_timestamp()%", f"%{NOW}%"],
        )
        for (definition,) in cursor.fetchall():
            cursor.execute(definition.replace("clock_timestamp()", held).replace("%", "%%"), [])


_played = 0


def put_back(script: str) -> None:
    """Make the database stand where the rehearsal ended, whatever has happened in it since."""
    global _played  # noqa: PLW0603 - of this process's database
    _played += 1
    with connection.cursor() as cursor:
        if _played % _HISTORIES_BETWEEN_CLEANINGS == 0:
            cursor.execute(f"VACUUM {', '.join(_tables())}")
        cursor.execute(script)


def empty() -> None:
    """Empty the tables that histories fill."""
    with connection.cursor() as cursor:
        cursor.execute(_emptying())


def _tables() -> list[str]:
    models: list[type[Model]] = [*apps.get_app_config("tenants").get_models()]
    models += [*apps.get_app_config("rollbacks").get_models(), User]
    return [f'"{model._meta.db_table}"' for model in models]


def _numbered() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_serial_sequence(quote_ident(table_name), column_name) FROM information_schema.columns"
            " WHERE is_identity = 'YES' AND table_schema = current_schema() AND quote_ident(table_name) = ANY(%s)"
            " ORDER BY 1",
            [[table.strip('"') for table in _tables()]],
        )
        return [name for (name,) in cursor.fetchall()]


def _emptying() -> str:
    """Give statements that take every row away: the owner's means, for the trail lets nobody else do it."""
    deletes = "".join(f"DELETE FROM {table};" for table in _tables())  # noqa: S608 - names of our tables
    return f"SET session_replication_role = replica;{deletes}SET session_replication_role = origin;"


def _numbering(first: int) -> str:
    return "".join(f"SELECT setval('{name}', {first}, false);" for name in _numbered())


def _script() -> str:
    """Give statements that empty all tables and fill them with the rows that there are now."""
    inserts = []
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608 - as above
            columns = [f'"{column.name}"' for column in cursor.description or ()]
            texts = ", ".join(f"{name}::text" for name in columns)
            cursor.execute(f"SELECT {texts} FROM {table} ORDER BY 1")  # noqa: S608 - names of our tables
            rows = [f"({', '.join(map(_literal, row))})" for row in cursor.fetchall()]
            if rows:
                named, values = ", ".join(columns), ", ".join(rows)
                inserts.append(f"INSERT INTO {table} ({named}) VALUES {values};")  # noqa: S608 - rows of our own
    emptied, over, _ = _emptying().rpartition("SET session_replication_role = origin;")
    return emptied + "".join(inserts) + over + _numbering(_FIRST_FREE_ID)


def _literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"
