"""What the client's roles do not cover is found by `tenant check`, by division, permission and role, before a write."""

import pytest

from console.practice.server import PracticeServer
from tenants import checking, coverage, divisions
from tenants.divisions import Division
from tenants.models import TrackedConfig
from tenants.remote.permissions import granted, granted_by_division, grants
from tenants.resource_types import get
from tests import world as making
from tests.world import World

FRAUD = Division("d-fraud", "Card Fraud")
QUEUE = get("routing.queue")


def reach(*roles: tuple[str, str, list[str]]) -> divisions.Reach:
    """Give what a client may do whose roles are named, granted in a division, and allow actions on queues."""
    subject = {
        "grants": [
            {
                "division": {"id": division, "name": division},
                "role": {"name": role, "policies": [{"domain": "routing", "entityName": "queue", "actions": actions}]},
            }
            for role, division, actions in roles
        ]
    }
    return divisions.Reach(
        permissions=granted(subject),
        divisions=(),
        problem="",
        granted=granted_by_division(subject),
        grants=grants(subject),
    )


@pytest.mark.parametrize(
    ("roles", "lacking", "remedy"),
    [
        ([("Vault", "*", ["view", "edit"])], (), ""),
        ([("Vault", "d-fraud", ["*"])], (), ""),
        (
            [("Vault", "d-home", ["edit"])],
            ("routing:queue:edit",),
            "Grant its role “Vault” in the division Card Fraud too.",
        ),
        (
            [("Reader", "d-fraud", ["view"])],
            ("routing:queue:edit",),
            "Add routing:queue:edit to its role “Reader”.",
        ),
        (
            [("Reader", "d-home", ["view"])],
            ("routing:queue:edit",),
            "Add routing:queue:edit to its role “Reader”, and grant that in the division Card Fraud.",
        ),
        (
            [],
            ("routing:queue:edit",),
            "It has no role at all: give it one with routing:queue:edit in the division Card Fraud.",
        ),
    ],
)
def test_what_is_missing_in_a_division_names_the_role_to_change(
    roles: list[tuple[str, str, list[str]]], lacking: tuple[str, ...], remedy: str
) -> None:
    known = reach(*roles)

    assert coverage.missing(known, QUEUE.write_permissions, FRAUD) == lacking
    if lacking:
        assert coverage.remedy(known, QUEUE.write_permissions, FRAUD) == remedy


def test_a_type_without_divisions_asks_for_the_permission_anywhere() -> None:
    known = reach(("Vault", "d-home", ["edit"]))

    assert coverage.missing(known, QUEUE.write_permissions, None) == ()
    assert coverage.has_divisions(QUEUE)
    assert not coverage.has_divisions(get("agentassist.config"))


@pytest.mark.parametrize("value", [{}, {"division": None}, {"division": "d"}, {"division": {"id": 3}}])
def test_an_object_whose_division_is_not_said_is_in_none(value: dict[str, object]) -> None:
    assert coverage.division_of(value) is None


def apart(practice: PracticeServer, world: World) -> TrackedConfig:
    """Track the queue that is in the division "Card security"."""
    queues = practice.platform.store.organizations["northwind"].of_family("queue")
    config = making.track(world.northwind, queues[-1].id, type_name="routing.queue")
    making.look(config)
    return config


@pytest.mark.django_db(transaction=True)
def test_tenant_check_names_the_objects_that_the_client_may_not_write_where_they_are(world: World) -> None:
    config = apart(world.practice, world)
    assert all(finding.ok is not False for finding in checking.check(world.northwind))
    world.practice.set_divisions("northwind", remove=["Card security"], permissions=["routing:queue:edit"])

    found = {finding.sentence: finding.ok for finding in checking.check(world.northwind)}

    config.refresh_from_db()
    expected = (
        "Queue: One tracked object is in the division Card security, where the OAuth client may not write it "
        f"(routing:queue:edit): {config}. So a rollback would be refused. Grant its role “Config Vault” in the "
        "division Card security too."
    )
    assert found[expected] is False
    notes = [sentence for sentence, ok in found.items() if ok is None]
    assert any("may write them (routing:queue:edit) in EMEA and Home, but not in Card security" in one for one in notes)


@pytest.mark.django_db(transaction=True)
def test_tenant_check_names_the_objects_that_a_read_refuses_and_why(world: World) -> None:
    config = apart(world.practice, world)
    world.practice.set_divisions("northwind", remove=["Card security"])
    making.look(config)

    wrong = [finding for finding in checking.check(world.northwind) if finding.ok is False]

    (unread,) = [finding.sentence for finding in wrong if finding.name == "objects"]
    assert unread.startswith("One tracked object cannot be read: ")
    assert config.address in unread
    assert "routing:queue:view" in unread
    assert any("where the OAuth client may not read it" in finding.sentence for finding in wrong)


@pytest.mark.django_db(transaction=True)
def test_a_missing_permission_is_said_once_with_the_role_and_not_of_every_division(world: World) -> None:
    apart(world.practice, world)
    world.practice.platform.control.set_permissions({"organization": "northwind", "remove": ["routing:queue:edit"]})

    wrong = [finding.sentence for finding in checking.check(world.northwind) if finding.ok is False]

    assert wrong == ["Queue: missing to write (routing:queue:edit). Add routing:queue:edit to its role “Config Vault”."]


@pytest.mark.django_db(transaction=True)
def test_roles_that_cannot_be_read_are_a_finding_and_no_error(world: World) -> None:
    world.practice.add_fault("html_200", path="/authorization/subjects/me", times=None)

    found = {finding.name: finding for finding in checking.check(world.northwind)}

    assert found["permissions"].ok is False
    assert "not with JSON" in found["permissions"].sentence
    assert found["clock"].ok
