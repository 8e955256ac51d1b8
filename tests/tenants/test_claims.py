"""Roles by groups and by an identity provider's claims: who holds what, until when, and what the trail says of it."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied

from rollbacks import audit
from rollbacks.models import AuditEntry
from tenants import access, actions, claims, entitling
from tenants.access import Role
from tenants.models import Membership, Tenant
from tests import page_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def northwind() -> Tenant:
    return page_world.tenant("northwind", "Northwind Bank")


@pytest.fixture
def litware() -> Tenant:
    return page_world.tenant("litware", "Litware Retail")


@pytest.fixture
def alice() -> User:
    return page_world.person("alice", "Alice", "Moreau")


@pytest.fixture
def rae() -> User:
    return page_world.person("rae", "Rae", "Lindqvist", owner=True)


def told(tenant: Tenant) -> list[tuple[str, str, dict[str, object]]]:
    rows = AuditEntry.objects.filter(tenant=tenant).order_by("seq")
    kept = [row for row in rows if row.action.startswith(("role.", "claim."))]
    return [(row.action, row.actor, audit.payload_of(row)["details"]) for row in kept]  # type: ignore[misc]


def test_each_sign_in_brings_what_the_claims_mean_and_takes_what_they_no_longer_mean(
    alice: User, northwind: Tenant, litware: Tenant
) -> None:
    for value, tenant, role in (
        ("cc-operators", northwind, Role.OPERATOR),
        ("cc-everybody", northwind, Role.VIEWER),
        ("cc-everybody", litware, Role.AUDITOR),
    ):
        entitling.add_claim_role("groups", value, tenant, role, acting_user=None)
    Membership.objects.create(user=alice, tenant=northwind, role=Role.VIEWER)

    first = claims.apply(alice, {"groups": ["cc-operators", "cc-everybody", "payroll"]})
    assert set(first.granted) == {("northwind", "operator"), ("northwind", "viewer"), ("litware", "auditor")}
    assert access.roles_in(alice, northwind) == {Role.OPERATOR, Role.VIEWER}
    assert claims.apply(alice, {"groups": ["cc-everybody", "cc-operators"]}) == claims.Applied([], [])

    second = claims.apply(alice, {"groups": "cc-operators"})
    assert set(second.revoked) == {("northwind", "viewer"), ("litware", "auditor")}
    assert access.roles_in(alice, northwind) == {Role.OPERATOR, Role.VIEWER}, "what was granted by hand stays"
    assert access.roles_in(alice, litware) == frozenset()

    claims.apply(alice, {})
    assert list(Membership.objects.values_list("role", "origin")) == [("viewer", "hand")]
    granted = {"user": "alice", "role": "auditor", "origin": "claims", "claim": "groups", "value": "cc-everybody"}
    revoked = {"user": "alice", "role": "auditor", "origin": "claims"}
    assert told(litware)[1:] == [("role.granted", "console", granted), ("role.revoked", "console", revoked)]


@pytest.mark.parametrize(
    ("said", "name", "values"),
    [
        ({"groups": "one"}, "groups", {"one"}),
        ({"groups": ["one", "two", 3, True, None, ["four"], {"five": 5}]}, "groups", {"one", "two", "3"}),
        ({"realm_access": {"roles": ["one"]}}, "realm_access.roles", {"one"}),
        ({"https://northwind.example/roles": ["one"]}, "https://northwind.example/roles", {"one"}),
        ({"groups": {"one": "two"}}, "groups", set()),
        ({"groups": None}, "groups", set()),
        ({"groups": "one"}, "groups.deeper", set()),
        ({}, "groups", set()),
        ({"level": 3}, "level", {"3"}),
        ({"admin": True}, "admin", set()),
    ],
)
def test_a_claim_is_read_as_texts_and_what_is_none_means_nothing(
    said: dict[str, object], name: str, values: set[str]
) -> None:
    assert claims.values_of(said, name) == values


def test_no_hand_takes_away_what_came_from_claims_and_no_claim_makes_an_owner(
    alice: User, rae: User, northwind: Tenant
) -> None:
    entitling.add_claim_role("is_superuser", "1", northwind, Role.TENANT_ADMIN, acting_user=rae)
    claims.apply(alice, {"is_superuser": 1, "is_staff": True})
    alice.refresh_from_db()
    assert not alice.is_superuser
    with pytest.raises(actions.NotPossible, match=r"the next sign-in would bring it back\. Nothing was revoked"):
        actions.revoke_role(Membership.objects.get(user=alice), acting_user=rae)
    assert access.roles_in(alice, northwind) == {Role.TENANT_ADMIN}


def test_a_rule_about_claims_takes_its_roles_with_it_at_once(alice: User, rae: User, northwind: Tenant) -> None:
    first = entitling.add_claim_role("groups", "cc-leads", northwind, Role.APPROVER, acting_user=rae)
    second = entitling.add_claim_role("groups", "cc-chiefs", northwind, Role.APPROVER, acting_user=rae)
    claims.apply(alice, {"groups": ["cc-leads"]})
    assert entitling.remove_claim_role(second, acting_user=rae) == 0
    assert access.roles_in(alice, northwind) == {Role.APPROVER}
    assert entitling.remove_claim_role(first, acting_user=rae) == 1
    assert access.roles_in(alice, northwind) == frozenset()
    assert [action for action, _, _ in told(northwind)] == [
        "claim.mapped",
        "claim.mapped",
        "role.granted",
        "claim.unmapped",
        "claim.unmapped",
        "role.revoked",
    ]


def test_who_joins_or_leaves_a_group_and_what_it_is_given_are_in_the_trails(
    alice: User, rae: User, northwind: Tenant, litware: Tenant
) -> None:
    group = entitling.keep_group(Group(name="Night shift"), [], acting_user=rae)
    row = entitling.give_group_role(group, northwind, Role.INCIDENT, acting_user=rae)
    entitling.keep_group(group, [alice], acting_user=rae)
    assert access.roles_in(alice, northwind) == {Role.INCIDENT}
    entitling.give_group_role(group, litware, Role.VIEWER, acting_user=rae)
    assert access.roles_in(alice, litware) == {Role.VIEWER}
    entitling.take_group_role(row, acting_user=rae)
    assert access.roles_in(alice, northwind) == frozenset()
    entitling.keep_group(group, [], acting_user=rae)

    of_group = {"role": "incident", "origin": "group", "group": "Night shift"}
    assert told(northwind) == [
        ("role.granted", "rae", of_group),
        ("role.granted", "rae", {**of_group, "user": "alice"}),
        ("role.revoked", "rae", of_group),
        ("role.revoked", "rae", {**of_group, "user": "alice"}),
    ]
    assert [(action, detail.get("user")) for action, _, detail in told(litware)] == [
        ("role.granted", None),
        ("role.granted", "alice"),
        ("role.revoked", "alice"),
    ]


def test_groups_and_rules_about_claims_are_for_platform_owners(alice: User, northwind: Tenant) -> None:
    Membership.objects.create(user=alice, tenant=northwind, role=Role.TENANT_ADMIN)
    group = Group.objects.create(name="Night shift")
    with pytest.raises(PermissionDenied, match="The group was not changed"):
        entitling.keep_group(group, [alice], acting_user=alice)
    with pytest.raises(PermissionDenied, match="The group was given no role"):
        entitling.give_group_role(group, northwind, Role.APPROVER, acting_user=alice)
    with pytest.raises(PermissionDenied, match="The claim gives no role"):
        entitling.add_claim_role("groups", "x", northwind, Role.APPROVER, acting_user=alice)
    assert access.roles_in(alice, northwind) == {Role.TENANT_ADMIN}
    assert told(northwind) == []
